// @ts-check
/**
 * Every example of the documentation is run: `<pre data-test="KIND" data-says="TEXT">`. Kinds: `module` and `page` in a browser, `node` in Node,
 * `shell` with the native program, `lab` as `lab.json`. What an example prints (or, of a page, its machine sends) holds the text.
 */

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { startServer } from '../../www/serve.mjs';
import { zip } from './archives.mjs';
import { test } from './report.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCS = path.join(ROOT, 'www/docs');
const LIMIT_MS = 120_000;
const run = promisify(execFile);

/** @param {string} text */
const unescape = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');

/** @typedef {{ page: string, n: number, kind: string, says: string, code: string }} Example */

/** @param {string[]} kinds @returns {Example[]} */
function examples(kinds) {
  const all = [];
  for (const page of fs.readdirSync(DOCS).filter((f) => f.endsWith('.html')).sort()) {
    const text = fs.readFileSync(path.join(DOCS, page), 'utf8');
    let n = 0;
    for (const [, attributes = '', code = ''] of text.matchAll(/<pre ([^>]*)>(.*?)<\/pre>/gs)) {
      const attribute = (/** @type {string} */ name) => unescape(new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
      const kind = attribute('data-test');
      if (kind) all.push({ page, n: ++n, kind, says: attribute('data-says'), code: unescape(code) });
    }
  }
  return all.filter(({ kind }) => kinds.includes(kind));
}

/** @param {string} said @param {string} wanted */
function holds(said, wanted) {
  if (!said.includes(wanted)) throw new Error(`it did not say '${wanted}':\n${said}`);
}

/** The program that was built last. */
function native() {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
  const built = ['debug', 'release'].map((kind) => path.join(target, kind, 'tinamou')).filter((f) => fs.existsSync(f));
  return built.sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs)[0];
}

/** Those that need no browser. @param {typeof import('../../www/tinamou.js')} pack */
export async function docsNodeTests({ Tinamou }) {
  const program = native();
  for (const { page, n, kind, says, code } of examples(['node', 'shell', 'lab'])) {
    await test(`docs: ${page} ${n}`, async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-docs-'));
      try {
        if (kind === 'lab') {
          const { elf } = await Tinamou.assemble('_start: li $v0, 42\nstep1: b step1');
          const report = await Tinamou.checkLab(code, { 'start.elf': elf });
          if (!report.passed) throw new Error(JSON.stringify(report));
          return;
        }
        if (kind === 'shell') {
          if (!program) throw new Error('the native program is missing: cargo build -p tinamou');
          fs.symlinkSync(path.resolve(program), path.join(folder, 'tinamou'));
          const { stdout } = await run('bash', ['-c', code], { cwd: ROOT, timeout: LIMIT_MS, env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
          return holds(stdout, says);
        }
        const file = path.join(folder, 'example.mjs');
        fs.writeFileSync(file, code.replaceAll("'tinamou'", `'${new URL('../../www/tinamou-node.js', import.meta.url)}'`));
        const { stdout } = await run(process.execPath, [file], { cwd: ROOT, timeout: LIMIT_MS });
        holds(stdout, says);
      } finally {
        fs.rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}

/** Those that need one. @param {import('../../www/node_modules/playwright-core/index.js').Browser} browser */
export async function docsBrowserTests(browser) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-docs-'));
  const program = fs.readFileSync(path.join(ROOT, 'tests/user/images/mipsel/tree'));
  fs.writeFileSync(path.join(folder, 'programs.zip'), zip([{ path: 'bin/files', data: program, packed: true }, { path: 'tmp/' }]));
  const server = await startServer({ mounts: { '/example/': folder } });
  for (const { page: file, n, kind, says, code } of examples(['module', 'page'])) {
    await test(`docs: ${file} ${n}`, async () => {
      const context = await browser.newContext();
      try {
        const head = '<!doctype html><meta charset="utf-8" /><title>example</title><link rel="icon" href="/icon.svg" />';
        const script = '<script type="module" src="example.js"></script>';
        // The server's policy knows no inline styles.
        const [, style = ''] = /<style>(.*?)<\/style>/s.exec(code) ?? [];
        fs.writeFileSync(path.join(folder, 'example.css'), style);
        const linked = code.replace(/<style>.*?<\/style>/s, '<link rel="stylesheet" href="example.css" />');
        fs.writeFileSync(path.join(folder, 'index.html'), `${head}${kind === 'page' ? linked : script}`);
        fs.writeFileSync(path.join(folder, 'example.js'), code.replaceAll("'tinamou'", "'/tinamou.js'"));
        const page = await context.newPage();
        let said = '';
        /** @type {string[]} */
        const complaints = [];
        page.on('console', (m) => (m.type() === 'error' ? complaints.push(m.text()) : (said += `${m.text()}\n`)));
        page.on('pageerror', (e) => complaints.push(e.message));
        await page.goto(`${server.url}example/`);
        if (kind === 'page') {
          await page.evaluate(async (text) => {
            await customElements.whenDefined('tinamou-machine');
            const machine = await /** @type {any} */ (document.querySelector('tinamou-machine')).ready;
            await machine.waitFor(text);
          }, says);
        } else {
          for (const end = Date.now() + LIMIT_MS; !said.includes(says) && !complaints.length && Date.now() < end; ) await page.waitForTimeout(50);
          if (!complaints.length) holds(said, says);
        }
        if (complaints.length) throw new Error(complaints.join('\n'));
      } finally {
        await context.close();
      }
    });
  }
  server.close();
  fs.rmSync(folder, { recursive: true, force: true });
}
