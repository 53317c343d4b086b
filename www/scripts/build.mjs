#!/usr/bin/env node
// @ts-check
/**
 * Builds what the page loads: `pkg/` (the emulator, by wasm-pack, then wasm-opt, a bundle for each family of guests, each in two parts),
 * `vendor/` (xterm.js), `built/` (the pages' modules, small) and `guests/`. A second run without changes is cheap. `TINAMOU_NAMES=1` keeps function names, for profiles, and
 * each bundle in one part; arguments name the bundles to build.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

import { bundle as bundlePages } from './bundle.mjs';
import { coldIn } from './cold.mjs';
import { writeFiles } from './files.mjs';
import { buildGuests } from './guests.mjs';
import { readProfile } from './profile.mjs';
import { split } from './split.mjs';
import { staticsOf } from './statics.mjs';
import { copyVendor } from './vendor.mjs';

const WWW = fileURLToPath(new URL('..', import.meta.url));
const ROOT = path.join(WWW, '..');

/** Folders of `pkg/`, and the features of the crate `web` that are in them. */
const BUNDLES = { mips: 'mips,lab', x86: 'x86', user: 'user' };
/** @param {string} bundle @param {'bg' | 'rest'} [part] */
const wasmOf = (bundle, part = 'bg') => path.join(WWW, 'pkg', bundle, `tinamou_web_${part}.wasm`);
const CACHE = path.join(ROOT, 'build/web');
/** The linker's map of a bundle. @param {string} bundle */
const mapOf = (bundle) => path.join(CACHE, `${bundle}.map`);

/** What every browser that the page supports can do; the emulator itself needs no more. */
const FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'mutable-globals',
  'nontrapping-float-to-int',
  'sign-ext',
  'reference-types',
  'multivalue',
  'simd',
  'tail-call',
  'extended-const',
];

/** @param {string} command @param {string[]} args @param {Record<string, string>} [env] */
function run(command, args, env = {}) {
  try {
    execFileSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
  } catch (e) {
    const missing = /** @type {NodeJS.ErrnoException} */ (e).code === 'ENOENT';
    console.error(missing ? `${command} is missing: ./build.sh web installs it` : `${command} failed`);
    process.exit(1);
  }
}

/** The emulator as wasm. @param {string} bundle @param {string} features */
function buildEmulator(bundle, features) {
  fs.mkdirSync(CACHE, { recursive: true });
  // Who links nothing writes no map either.
  if (!fs.existsSync(mapOf(bundle))) fs.utimesSync(path.join(ROOT, 'web/build.rs'), new Date(), new Date());
  const tools = path.join(os.homedir(), '.cache/tinamou/bin');
  run(
    'wasm-pack',
    ['--log-level', 'warn', 'build', 'web', '--release', '--no-opt', '--no-pack', '--mode', 'no-install', '--target', 'web',
      '--out-dir', `../www/pkg/${bundle}`, '--out-name', 'tinamou_web', '--no-default-features', '--features', features],
    { PATH: `${tools}${path.delimiter}${process.env.PATH}`, TINAMOU_MAP: mapOf(bundle) },
  );
}

/** Optimises it, unless the same bytes were optimised before. @param {string} bundle */
function optimise(bundle) {
  const wasm = wasmOf(bundle);
  const args = ['-O3', '-g', ...FEATURES.map((f) => `--enable-${f}`)];
  const key = createHash('sha256').update(fs.readFileSync(wasm)).update(args.join(' ')).digest('hex');
  const cache = path.join(CACHE, bundle);
  const kept = path.join(cache, `${key}.wasm`);
  if (!fs.existsSync(kept)) {
    fs.rmSync(cache, { recursive: true, force: true });
    fs.mkdirSync(cache, { recursive: true });
    run(process.execPath, [path.join(WWW, 'node_modules/binaryen/bin/wasm-opt'), ...args, wasm, '-o', `${kept}.part`]);
    fs.renameSync(`${kept}.part`, kept);
  }
  fs.copyFileSync(kept, wasm);
}

/** Where the bindings have the module, and what they do then. */
const LINKED = '    wasm = instance.exports;\n';

/** Takes what no guest needs to boot out of a bundle, into a file of its own. @param {string} bundle */
function divide(bundle) {
  const wasm = wasmOf(bundle);
  const { pieces, fits } = readProfile(bundle);
  const { first, rest, moved } = split(fs.readFileSync(wasm), coldIn(bundle), staticsOf(fs.readFileSync(mapOf(bundle), 'utf8')), pieces);
  fs.writeFileSync(wasm, first);
  fs.writeFileSync(wasmOf(bundle, 'rest'), rest);
  // For who asks what called for the rest, and how well the record fits: `tests/web/split.mjs`.
  fs.writeFileSync(path.join(CACHE, `${bundle}.moved.json`), JSON.stringify(moved));
  fs.writeFileSync(path.join(CACHE, `${bundle}.profile.json`), JSON.stringify(fits()));
  const file = path.join(WWW, 'pkg', bundle, 'tinamou_web.js');
  const bindings = fs.readFileSync(file, 'utf8');
  if (bindings.split(LINKED).length !== 2) throw new Error(`${file}: wasm-bindgen writes its bindings otherwise now`);
  const linked = `${LINKED}    awaitRest(wasm, new URL('tinamou_web_rest.wasm', import.meta.url));\n`;
  fs.writeFileSync(file, `import { awaitRest } from '../../rest.js';\n${bindings.replace(LINKED, linked)}`);
}

copyVendor();
await bundlePages();
const guests = buildGuests();
const kib = (/** @type {number} */ n) => `${(n / 1024).toFixed(0)} KiB`;
console.log(`www: guests: ${guests.join(', ') || 'none'}`);
for (const [bundle, features] of Object.entries(BUNDLES).filter(([b]) => process.argv.length < 3 || process.argv.includes(b))) {
  buildEmulator(bundle, features);
  optimise(bundle);
  if (!process.env.TINAMOU_NAMES) divide(bundle);
  const parts = [wasmOf(bundle), wasmOf(bundle, 'rest')].filter((file) => fs.existsSync(file)).map((file) => fs.readFileSync(file));
  const sizes = parts.map((wasm) => `${kib(wasm.length)}, brotli ${(brotliCompressSync(wasm).length / 1000).toFixed(0)} kB`);
  console.log(`www: bundle ${bundle}: ${sizes.join('; rest ')}`);
}
writeFiles();
