// @ts-check
/** What people make of the package, in a browser: elements, an example without and with a bundler, labs and the Lab view. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';
import { same, test } from './report.mjs';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {import('../../www/node_modules/playwright-core/index.js').Browser} Browser */

/**
 * The package as npm packs it, installed, and the example for Vite.
 * @returns {string} the folder with the example
 */
function installPackage() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-vite-'));
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: WWW, encoding: 'utf8' }));
  fs.cpSync(path.join(WWW, 'examples/vite'), folder, { recursive: true });
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(path.join(modules, 'tinamou'), { recursive: true });
  execFileSync('tar', ['-xzf', path.join(folder, packed.filename), '-C', path.join(modules, 'tinamou'), '--strip-components=1']);
  return folder;
}

/** @param {string} folder @param {string} tool a program of the page's own packages @param {string[]} args */
const runTool = (folder, tool, ...args) => execFileSync(process.execPath, [path.join(WWW, 'node_modules', tool), ...args], { cwd: folder, encoding: 'utf8' });

/** @param {Browser} browser */
export async function embedTests(browser) {
  const server = await startServer();
  /**
   * A case on a fresh page; complaints of the browser fail it.
   * @param {string} name
   * @param {string} url
   * @param {(page: Page) => Promise<void>} body
   */
  const onPage = (name, url, body) =>
    test(name, async () => {
      const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
      try {
        const page = await context.newPage();
        /** @type {string[]} */
        const complaints = [];
        page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
        page.on('pageerror', (e) => complaints.push(e.message));
        await page.goto(url);
        await body(page).catch((e) => {
          const at = e instanceof Error ? Array.from((e.stack ?? '').matchAll(/embed\.mjs:\d+/g), ([place]) => place) : [];
          throw new Error([e instanceof Error ? e.message : e, at.join(' '), ...complaints].join('\n'));
        });
        if (complaints.length) throw new Error(complaints.join('\n'));
      } finally {
        await context.close();
      }
    });
  /** @param {Page} page @param {string} selector @param {string} text */
  const reads = (page, selector, text) =>
    page.waitForFunction(([s, t]) => document.querySelector(s ?? '')?.textContent?.includes(t ?? '') ?? false, [selector, text]);
  /** @param {Page} page @param {string} id */
  const state = (page, id) => page.evaluate((i) => document.getElementById(i)?.dataset.state ?? 'none', id);
  /** @param {Page} page @param {string} id @param {string} wanted */
  const becomes = (page, id, wanted) => page.waitForFunction(([i, s]) => document.getElementById(i ?? '')?.dataset.state === s, [id, wanted]);

  await onPage('embed: elements on a page of plain modules; only those in view run', `${server.url}examples/plain/`, async (page) => {
    await reads(page, '#answer', 'big-endian');
    await becomes(page, 'first', 'running');
    same(await state(page, 'third'), 'none');
    await page.evaluate(() => document.getElementById('third')?.scrollIntoView());
    await becomes(page, 'third', 'running');
    await becomes(page, 'first', 'paused');
    await page.evaluate(() => document.getElementById('first')?.scrollIntoView());
    await becomes(page, 'first', 'running');
    // A machine that the user stopped stays stopped.
    await page.evaluate(() => /** @type {any} */ (document.getElementById('first')).pause());
    await becomes(page, 'first', 'paused');
    await page.evaluate(() => document.getElementById('third')?.scrollIntoView());
    await becomes(page, 'third', 'running');
    await page.evaluate(() => document.getElementById('first')?.scrollIntoView());
    await becomes(page, 'third', 'paused');
    same(await state(page, 'first'), 'paused');
    await page.evaluate(() => /** @type {any} */ (document.getElementById('first')).restart());
    await becomes(page, 'first', 'running');
    // Taken out of the page, it is gone.
    const gone = await page.evaluate(async () => {
      const element = /** @type {any} */ (document.getElementById('first'));
      const { machine } = element;
      element.remove();
      return (await machine.closed).reason;
    });
    same(gone, 'closed');
  });
  await onPage('embed: an element says what is wrong', `${server.url}examples/plain/`, async (page) => {
    const said = await page.evaluate(async () => {
      const element = /** @type {any} */ (document.createElement('tinamou-machine'));
      element.setAttribute('cpu', 'none');
      const trouble = new Promise((resolve) => element.addEventListener('trouble', (/** @type {any} */ ev) => resolve(ev.detail.name)));
      document.body.prepend(element);
      element.scrollIntoView();
      return [await trouble, element.shadowRoot.querySelector('[part=message]').textContent].join(': ');
    });
    if (!/^ConfigError: .*CPU model/.test(said)) throw new Error(said);
  });
  await onPage('embed: an element whose file gives a shared folder', `${server.url}examples/plain/`, async (page) => {
    const options = { arch: 'mipsel', kernel: '../../guests/lab.lab-mipsel.elf', memory: 32, shares: [{ tag: 'box', files: { 'in/style.css': '../../docs/docs.css' } }] };
    await page.route('**/shared.json', (route) => route.fulfill({ json: options }));
    const found = await page.evaluate(async () => {
      const element = /** @type {any} */ (document.createElement('tinamou-machine'));
      element.setAttribute('src', 'shared.json');
      document.body.prepend(element);
      element.scrollIntoView();
      const box = (await element.ready).share('box');
      const before = (await box.list()).map((/** @type {any} */ f) => f.path);
      const text = new TextDecoder().decode(await box.read('in/style.css'));
      return [before.join(), text === (await (await fetch('../../docs/docs.css')).text()), await box.remove('in/style.css'), await box.remove('in/style.css'), (await box.list()).length].join(' ');
    });
    same(found, 'in/style.css true true false 0');
  });
  const folder = installPackage();
  await test('embed: the packed package has types', () => {
    fs.copyFileSync(fileURLToPath(new URL('consumer.ts', import.meta.url)), path.join(folder, 'consumer.ts'));
    try {
      runTool(folder, 'typescript/bin/tsc', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable,esnext.disposable',
        '--module', 'nodenext', '--types', '', 'consumer.ts');
    } catch (e) {
      throw new Error(/** @type {any} */ (e).stdout || String(e));
    }
  });
  await test('embed: the example that Vite builds of the packed package', async () => {
    fs.copyFileSync(`${WWW}../tests/lab/images/lab-mipsel.elf`, path.join(folder, 'public/kernel.elf'));
    runTool(folder, 'vite/bin/vite.js', 'build', '--logLevel', 'warn');
    const built = await startServer({ mounts: { '/': path.join(folder, 'dist') } });
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(built.url);
      await reads(page, '#answer', 'A');
      await becomes(page, 'machine', 'running');
    } finally {
      await context.close();
      built.close();
    }
  });
  fs.rmSync(folder, { recursive: true, force: true });

  const labs = `${server.url}labs/`;
  await onPage('labs: what one begins with fails, the solution passes', `${labs}?lab=hello`, async (page) => {
    await page.waitForSelector('.step');
    await page.getByRole('button', { name: 'Check' }).click();
    await reads(page, '.step.failed', 'Hint:');
    await page.getByRole('button', { name: 'Solution' }).click();
    await page.waitForFunction(() => /** @type {HTMLTextAreaElement} */ (document.getElementById('source')).value.includes('a solution'));
    await page.getByRole('button', { name: 'Check' }).click();
    await reads(page, '.summary', 'All steps passed.');
    await page.getByRole('button', { name: 'Run', exact: true }).first().click();
    await page.waitForFunction(() => document.querySelector('#console .xterm-rows')?.textContent?.replaceAll('\u00a0', ' ').includes('Hello, MIPS!'));
    // What was written is there again.
    await page.reload();
    await page.waitForFunction(() => /** @type {HTMLTextAreaElement} */ (document.getElementById('source')).value.includes('a solution'));
  });
  await onPage('labs: errors of the program have their lines', `${labs}?lab=timer`, async (page) => {
    await page.waitForSelector('.step');
    await page.getByRole('textbox', { name: 'Source' }).fill('nop\nfrob $t0\n');
    await page.getByRole('button', { name: 'Check' }).click();
    await reads(page, '#errors', "line 2: there is no instruction 'frob'");
  });
  await onPage('lab view: steps, points, registers, memory, addresses, blocks', `${labs}?lab=tlb`, async (page) => {
    const says = (/** @type {string} */ text) => reads(page, '.lab-view .state', text);
    await page.waitForSelector('.step');
    await page.getByRole('button', { name: 'Solution' }).click();
    await page.waitForFunction(() => /** @type {HTMLTextAreaElement} */ (document.getElementById('source')).value.includes('a solution'));
    await page.getByRole('button', { name: 'Debug' }).click();
    await says('pc 80100000 _start ');
    await page.getByRole('button', { name: 'Step', exact: true }).click();
    await says('_start+0x4');
    await page.getByRole('button', { name: 'Step back' }).click();
    await says('pc 80100000 _start ');
    // A register that is written is marked, and can be changed.
    for (const n of ['4', '8', 'c']) {
      await page.getByRole('button', { name: 'Step', exact: true }).click();
      await says(`_start+0x${n}`);
    }
    await page.waitForFunction(() => document.querySelector('[data-register=t0]')?.classList.contains('changed'));
    same((await page.getByRole('button', { name: /^t0 / }).textContent()) ?? '', '80800000');
    await page.locator('[data-register=s7]').click();
    await page.keyboard.type('0x1234');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('[data-register=s7]')?.textContent === '00001234');
    same(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? 'nothing'), 's7 00001234');
    // A breakpoint by symbol.
    await page.getByRole('tab', { name: 'Points' }).click();
    const points = page.getByRole('tabpanel', { name: 'Points' });
    await points.getByRole('textbox', { name: 'Address or symbol' }).fill('refill');
    await points.getByRole('button', { name: 'Set' }).click();
    await reads(page, '.points', 'stops at 80100');
    await page.getByRole('button', { name: 'Run', exact: true }).last().click();
    await says('breakpoint · pc');
    await says('refill ');
    // The address that missed, before and after.
    await page.getByRole('tab', { name: 'Address' }).click();
    await page.getByRole('textbox', { name: 'Virtual address' }).fill('0x00400000');
    await page.keyboard.press('Enter');
    await reads(page, '.steps', 'TLB refill');
    await page.getByRole('tab', { name: 'Points' }).click();
    await points.getByRole('button', { name: 'Remove' }).click();
    await reads(page, '.points', 'None.');
    await points.getByRole('combobox', { name: 'Kind' }).selectOption('write');
    await points.getByRole('textbox', { name: 'Address or symbol' }).fill('misses');
    await points.getByRole('button', { name: 'Set' }).click();
    await reads(page, '.points', 'watches writes to');
    await page.getByRole('button', { name: 'Run', exact: true }).last().click();
    await says('watchpoint: written');
    await page.getByRole('button', { name: 'Run', exact: true }).last().click();
    await says('runs');
    await page.getByRole('button', { name: 'Pause' }).last().click();
    await says('pc 8010008c');
    await page.getByRole('tab', { name: 'Address' }).click();
    await reads(page, '.steps', '0x00200000');
    // Memory, also what the program wrote.
    await page.getByRole('tab', { name: 'Memory' }).click();
    await page.getByRole('textbox', { name: 'Address of memory' }).fill('0x80300000');
    await page.keyboard.press('Enter');
    await reads(page, '.memory', '2222222233333333');
    // Arrow keys go from byte to byte.
    await page.locator('[data-address="80300010"]').focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.keyboard.type('4a4b');
    await page.keyboard.press('Enter');
    await reads(page, '.memory', '4a4b222233333333');
    await page.getByRole('tab', { name: 'Stack' }).click();
    await reads(page, '.frames', '8010008c');
    await page.getByRole('tab', { name: 'Devices' }).click();
    await reads(page, '.devices', '16550');
    await page.getByRole('tab', { name: 'Block' }).click();
    await reads(page, '[aria-label=WebAssembly]', '(func');
    await reads(page, '[aria-label=IR]', 'insn 0x80100');
    await page.getByRole('button', { name: 'Run back' }).click();
    await says('watchpoint: written');
  });
  await onPage('lab view: a pane of the page, beside a machine that runs', `${server.url}?guest=lab`, async (page) => {
    await reads(page, '#state', 'running');
    await page.getByRole('button', { name: 'Lab view' }).click();
    await page.waitForSelector('.lab-view [aria-current]');
    // Looking stops nothing.
    same((await page.locator('#state').textContent()) ?? '', 'running');
    const view = page.locator('.lab-view');
    await view.getByRole('button', { name: 'Pause' }).click();
    await reads(page, '#state', 'paused');
    await view.getByRole('button', { name: 'Run', exact: true }).click();
    await reads(page, '#state', 'running');
    await page.getByRole('button', { name: 'Restart' }).click();
    await reads(page, '#state', 'running');
    await page.waitForSelector('.lab-view [aria-current]');
  });
  await onPage('lab view: Step of the tool bar, while the view is open and after it', `${server.url}?guest=lab&paused&icount=3`, async (page) => {
    await reads(page, '#state', 'prelaunch');
    await page.getByRole('button', { name: 'Lab view' }).click();
    await page.waitForSelector('.lab-view [aria-current]');
    let count = 0;
    for (const closing of [false, true]) {
      if (closing) {
        await page.getByRole('button', { name: 'Lab view' }).click();
        await page.waitForFunction(() => document.getElementById('lab')?.hidden);
      }
      for (let steps = 0; steps < 2; steps++) {
        await page.locator('#step').click();
        count = Number(await (await page.waitForFunction((before) => {
          const now = Number(document.getElementById('icount')?.textContent?.replaceAll(',', ''));
          return (now === before + 1 || now === before + 2) && now;
        }, count)).jsonValue());
      }
      if (!closing) await reads(page, '.lab-view .state', `${count} instructions`);
      same(String(await page.locator('#alert').isVisible()), 'false');
    }
  });
  await onPage('lab view: x86, with gdb’s registers', `${server.url}?guest=teach&paused&icount=3`, async (page) => {
    await reads(page, '#state', 'prelaunch');
    await page.getByRole('button', { name: 'Lab view' }).click();
    await page.waitForSelector('.lab-view [aria-current]');
    const view = page.locator('.lab-view');
    for (const name of ['eax', 'esp', 'eip', 'eflags', 'cs']) {
      await view.locator('.registers-pane').getByText(name, { exact: true }).first().waitFor();
    }
    await view.getByRole('button', { name: 'Step', exact: true }).click();
    await reads(page, '.lab-view .state', '1 instructions');
    await view.getByRole('button', { name: 'Step back' }).click();
    await reads(page, '.lab-view .state', '0 instructions');
    await view.locator('[data-register=eax]').click();
    await page.keyboard.type('0x1234');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('[data-register=eax]')?.textContent === '00001234');
    await view.getByRole('tab', { name: 'Block' }).click();
    await reads(page, '[aria-label=WebAssembly]', '(func');
  });
  await onPage('three machines at once in one page', `${server.url}examples/plain/`, async (page) => {
    const said = await page.evaluate(async () => {
      const { Tinamou } = await import(new URL('../../tinamou.js', location.href).href);
      const kernel = await (await fetch(new URL('../../guests/lab.lab-mipsel.elf', location.href))).arrayBuffer();
      const teach = await (await fetch(new URL('../../guests/teach.teach.elf', location.href))).arrayBuffer();
      const make = async (/** @type {object} */ options, /** @type {string} */ prompt) => {
        const machine = await Tinamou.create(options);
        await machine.waitFor(prompt);
        return machine;
      };
      const lab = { arch: 'mipsel', cpu: '24Kf', memory: 32, kernel };
      const all = await Promise.all([make(lab, 'lab>'), make(lab, 'lab>'), make({ arch: 'i386', memory: 32, kernel: teach, append: 'one' }, 'TEACH-END')]);
      // Each goes on by itself.
      await Promise.all(all.slice(0, 2).map(async (machine) => {
        await machine.type('selftest\r');
        await machine.waitFor(/SELFTEST.*141/);
      }));
      const answers = await Promise.all(all.slice(0, 2).map(async (machine) => (await machine.qmp('query-status')).status));
      for (const machine of all) machine.close();
      return answers.join();
    });
    same(said, 'running,running');
  });
  server.close();
}
