#!/usr/bin/env node
// @ts-check
/**
 * What the site's pages load: `built/`, their modules in few small files, made of the sources beside them. The package keeps the sources. A
 * change of a module needs `node scripts/bundle.mjs` (or `build.mjs`) before a page shows it.
 */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { rolldown } from 'rolldown';

const WWW = fileURLToPath(new URL('..', import.meta.url));
const BUILT = path.join(WWW, 'built');

/** Pages and workers; each comes out under this name. */
const ENTRIES = { page: 'page.js', labs: 'labs/labs.js', worker: 'worker.js', 'user-worker': 'user-worker.js' };

/** `new URL('x', import.meta.url)` of a module: what it names, and where. */
const ADDRESS = /new URL\(([^()]*?),\s*import\.meta\.url\)/g;

/** Addresses in modules are relative to them: workers are beside what is built, all else stays where it is. */
const addresses = {
  name: 'addresses',
  /** @param {string} code @param {string} id */
  transform(code, id) {
    const folder = path.relative(BUILT, path.dirname(id)).split(path.sep).join('/');
    return code.replace(ADDRESS, (whole, /** @type {string} */ what) => {
      const worker = /^'\.\/([\w-]+)\.js'$/.exec(what)?.[1];
      return worker && worker in ENTRIES ? whole : `new URL(${what}, new URL('${folder}/', import.meta.url))`;
    });
  },
};

/** Bindings stay beside their wasm. */
const bindings = {
  name: 'bindings',
  /** @param {string} id */
  resolveId: (id) => (/^\.\/pkg\//.test(id) ? { id: `../${id.slice(2)}`, external: true } : null),
};

export async function bundle() {
  const made = await rolldown({
    cwd: WWW,
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, path.join(WWW, file)])),
    platform: 'browser',
    plugins: [bindings, addresses],
    logLevel: 'warn',
  });
  fs.rmSync(BUILT, { recursive: true, force: true });
  await made.write({ dir: BUILT, format: 'es', minify: true, entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js', comments: { legal: true } });
  await made.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
