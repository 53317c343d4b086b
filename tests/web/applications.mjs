#!/usr/bin/env node
// @ts-check
/**
 * Debian's programs in headless Chromium, beside what they print under Linux itself. Their files lie in archives that the page fetches from as they are
 * opened. Needs `./build.sh web`.
 *
 *     node tests/web/applications.mjs --quick         a few of tests/guests/programs, of the archives that `tests/guests/programs.sh --quick` makes
 *     node tests/web/applications.mjs [--node] [ARCH | NAME | ARCH/NAME | ARCH/NAME:PART,PART...]...
 *                                                     by hand: tests/guests/applications, for mipsel, i386 and amd64 where `tests/guests/userland.sh
 *                                                     ARCH/applications` was, and the programs in Go and Rust that `tests/guests/programs.sh` compiled.
 *                                                     `inside` is the native program in the page: target/release/tinamou, or what TINAMOU names
 */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { launchChromium } from './browser.mjs';
import { close, same, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUESTS = `${ROOT}/tests/guests`;
const BUILT = process.env.GUESTS_DIR ?? `${ROOT}/build/guests`;
const LIMIT_MS = 3600_000;

/** An archive of an architecture's applications. @param {string} arch */
function archive(arch) {
  const [from, to] = [`${BUILT}/${arch}/applications`, `${BUILT}/tree/${arch}-applications.zip`];
  if (!fs.existsSync(`${from}/.done`)) return false;
  if (!fs.existsSync(to) || fs.statSync(to).mtimeMs < fs.statSync(`${from}/.done`).mtimeMs) {
    fs.mkdirSync(`${BUILT}/tree`, { recursive: true });
    execFileSync('python3', [`${GUESTS}/tree.py`, from, to], { stdio: 'inherit' });
  }
  return true;
}

const words = process.argv.slice(2).filter((w) => !w.startsWith('--'));
const [inNode, quick] = ['--node', '--quick'].map((w) => process.argv.includes(w));
/** Programs in Go and Rust, as `programs.sh` compiles them. */
const COMPILED = ['goroutines', 'threads'];
/** @param {string} arch @param {string} base */
const wanted = (arch, base) => !words.length || [arch, base, `${arch}/${base}`].some((w) => words.some((word) => word.split(':')[0] === w));
/** Parts of an application that were asked for. @param {string} arch @param {string} base */
const partsOf = (arch, base) => words.find((w) => w.startsWith(`${base}:`) || w.startsWith(`${arch}/${base}:`))?.split(':')[1]?.split(',') ?? [];
/** This program itself. */
const PROGRAM = process.env.TINAMOU ?? `${process.env.CARGO_TARGET_DIR ?? `${ROOT}/target`}/release/tinamou`;

/**
 * `tree` is an archive, `file` and `at` a file besides that the program finds.
 * @typedef {{ name: string, arch: string, argv: string[], golden: string, tree: string, file?: string, at?: string }} Case
 */

/** The parts of a golden text that begin with `== PART`, in their order; no part, all of it. @param {string} text @param {string[]} parts */
const pieces = (text, parts) => (parts.length ? parts.map((p) => new RegExp(`^== ${p}\n(?:(?!== ).*\n)*`, 'm').exec(text)?.[0] ?? '').join('') : text);

/** A program that was compiled here, if it was. @param {string} arch @param {string} base @param {string} tree @returns {Case | null} */
function compiled(arch, base, tree) {
  const [file, at] = [`compiled/${arch}/${base}`, `/tmp/${base}`];
  if (!fs.existsSync(`${BUILT}/${file}`)) return null;
  return { name: `${arch}/${base}`, arch, argv: [at], golden: fs.readFileSync(`${GUESTS}/programs/${base}.txt`, 'utf8'), tree, file, at };
}

/** What is quick. @returns {Case[]} */
function quickCases() {
  const all = [
    { arch: 'amd64', script: 'coreutils.bash', words: ['/bin/bash', '-c'], tree: 'trees/amd64-userland.zip' },
    { arch: 'amd64', script: 'perl.pl', words: ['/usr/bin/perl', '-e'], tree: 'trees/amd64-userland.zip' },
    { arch: 'amd64', script: 'python.py', words: ['/usr/bin/python3.11', '-c'], tree: 'trees/amd64-userland.zip' },
  ];
  const threads = compiled('amd64', 'threads', 'trees/amd64-userland.zip');
  const scripts = all
    .filter(({ tree }) => fs.existsSync(`${BUILT}/${tree.replace('trees/', 'tree/')}`))
    .map(({ arch, script, words: first, tree }) => {
      const [base = ''] = script.split('.');
      const text = fs.readFileSync(`${GUESTS}/programs/${script}`, 'utf8');
      return { name: `${arch}/${base}`, arch, argv: [...first, text], golden: fs.readFileSync(`${GUESTS}/programs/${base}.txt`, 'utf8'), tree };
    });
  return scripts.length && threads ? [...scripts, threads] : scripts;
}

/** @returns {Case[]} */
function cases() {
  const all = [];
  const names = [...fs.readdirSync(`${GUESTS}/applications`).map((f) => f.replace(/\..*/, '')), ...COMPILED];
  for (const arch of ['mipsel', 'i386', 'amd64']) {
    const tree = `trees/${arch}-applications.zip`;
    if (!names.some((base) => wanted(arch, base)) || !archive(arch)) continue;
    for (const script of fs.readdirSync(`${GUESTS}/applications`).filter((f) => f.endsWith('.bash'))) {
      const base = script.replace('.bash', '');
      if (!wanted(arch, base) || (base === 'qemu' && arch === 'mipsel') || (base === 'inside' && arch !== 'amd64')) continue;
      const parts = partsOf(arch, base);
      const golden = pieces(fs.readFileSync(`${GUESTS}/applications/${base}.txt`, 'utf8'), parts);
      const text = fs.readFileSync(`${GUESTS}/applications/${script}`, 'utf8');
      /** @type {Case} */
      const made = { name: [`${arch}/${base}`, ...(parts.length ? [parts.join(',')] : [])].join(':'), arch, argv: ['/bin/bash', '-c', text, 'bash', ...parts], golden, tree };
      if (base !== 'inside') all.push(made);
      else if (fs.existsSync(PROGRAM)) all.push({ ...made, file: 'program/tinamou', at: '/tmp/tinamou' });
    }
    for (const base of COMPILED) {
      const made = wanted(arch, base) && compiled(arch, base, tree);
      if (made) all.push(made);
    }
  }
  return all;
}

const env = { LC_ALL: 'C', PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/root', PYTHONHASHSEED: '0' };
const server = await startReporting({ '/trees/': `${BUILT}/tree/`, '/compiled/': `${BUILT}/compiled/`, '/tar/': `${BUILT}/tar/`, '/program/': `${path.dirname(PROGRAM)}/` });
const browser = inNode ? null : await launchChromium();

/** What runs a program, here or in the page. @param {any} Tinamou @param {any} options */
async function run(Tinamou, { argv, files, timeout, ...options }) {
  /** @type {Record<string, Uint8Array>} */
  const content = {};
  for (const [at, url] of Object.entries(files)) content[at] = new Uint8Array(await (await fetch(url)).arrayBuffer());
  let output = '';
  const text = new TextDecoder();
  const stdout = new WritableStream({ write: (/** @type {Uint8Array} */ data) => void (output += text.decode(data, { stream: true })) });
  try {
    const { status, stderr, log } = await Tinamou.exec(argv, { ...options, files: content, stdout, signal: AbortSignal.timeout(timeout) });
    return { status, output, stderr, log };
  } catch (e) {
    return { status: -1, output, stderr: String(e), log: [] };
  }
}

const { Tinamou } = await import('../../www/tinamou-node.js');
const chosen = quick ? quickCases() : cases();
for (const { name, arch, argv, golden, tree, file, at } of chosen) {
  const begun = Date.now();
  await test(`applications: ${name}`, async () => {
    const options = {
      argv,
      arch: arch === 'amd64' ? 'x86_64' : arch,
      env,
      tree: `${server.url}${tree}`,
      files: file && at ? { [at]: `${server.url}${file}` } : {},
      timeout: LIMIT_MS,
    };
    let done;
    if (browser) {
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.goto(`${server.url}www/docs/`);
      // The page's own address: it is not Node's.
      const text = `async (options) => { const { Tinamou } = await import('/www/tinamou.js'); return (${run})(Tinamou, options); }`;
      done = await page.evaluate(`(${text})(${JSON.stringify(options)})`);
      await page.close();
    } else {
      done = await run(Tinamou, options);
    }
    const { status, output, stderr, log } = /** @type {any} */ (done);
    try {
      same(output, golden);
    } catch (e) {
      throw new Error([e instanceof Error ? e.message : e, `status ${status}`, stderr.slice(-2000), ...log.slice(-20)].join('\n'));
    }
  });
  if (!quick) console.log(`        ${((Date.now() - begun) / 1000).toFixed(0)} s`);
}
await browser?.close();
server.close();
if (chosen.length) close();
else console.log('applications: no programs from Debian: left out');
