// @ts-check
/** The page in Firefox: each view and each kind of control, with the stand-in for the emulator, and a real guest. */

import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';
import { FirefoxPage } from './bidi.mjs';
import { same, test } from './report.mjs';

const FAKE = fileURLToPath(new URL('fake/', import.meta.url));
const CONSOLE = `(document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\\u00a0', ' ')`;

export async function firefoxPageTests() {
  const server = await startServer({ mounts: { '/pkg/mips/': FAKE, '/pkg/x86/': FAKE } });
  const real = await startServer();
  const page = await FirefoxPage.open();
  const shows = (/** @type {string} */ text) => page.until(`${CONSOLE}.includes(${JSON.stringify(text)})`);
  const state = (/** @type {string} */ word) => page.until(`document.getElementById('state').textContent === ${JSON.stringify(word)}`);
  /** A key before the console has the focus goes nowhere. */
  const hasKeys = () => page.until(`document.getElementById('console').contains(document.activeElement)`);
  /** @param {string} name @param {() => Promise<void>} body */
  const onPage = (name, body) => test(`firefox page: ${name}`, body);
  try {
    await onPage('chooser, console, run controls', async () => {
      await page.goto(server.url);
      await page.click('[data-guest=lab] .primary');
      await shows('lab>');
      await hasKeys();
      await page.type('hello\n');
      await shows('you typed: hello');
      await page.click('#run');
      await state('paused');
      await page.click('#run');
      await state('running');
      await page.click('#reset');
      await shows('reset');
      await page.evaluate('void history.back()');
      await page.until(`!document.getElementById('chooser').hidden`);
    });
    await onPage('options', async () => {
      await page.goto(`${server.url}?guest=lab&setup`);
      await page.until(`document.getElementById('setup-cpu')`);
      await page.evaluate(`void (document.getElementById('setup-cpu').value = '4Kc', document.getElementById('setup-cpu').dispatchEvent(new Event('change')))`);
      await page.until(`document.getElementById('setup-line').textContent.includes('-cpu 4Kc')`);
      await page.click('#setup-paused');
      await state('prelaunch');
      same(await page.evaluate('location.search'), '?guest=lab&cpu=4Kc&paused');
    });
    await onPage('snapshots', async () => {
      await page.goto(`${server.url}?guest=lab`);
      await shows('lab>');
      await page.click('#snapshot');
      await page.click('#snap-list .row button');
      await shows('resumed');
      await page.click('#snap-list .row button:last-child');
      await page.until(`!document.querySelector('#snap-list .row')`);
    });
    await onPage('QMP', async () => {
      await page.click('#tool-qmp');
      await page.until(`document.activeElement.id === 'qmp-input'`);
      await page.type('query-status\n');
      await page.until(`document.getElementById('qmp-log').textContent.includes('"status": "running"')`);
    });
    await onPage('display and keyboard', async () => {
      await page.goto(`${server.url}?guest=seabios`);
      const red = (/** @type {number} */ x) =>
        page.until(`(document.querySelector('#display canvas').getContext('2d').getImageData(${x}, 5, 1, 1).data[0] === 255)`);
      await red(5);
      await page.until(`document.activeElement.tagName === 'CANVAS'`);
      await page.type('a');
      await red(45);
    });
    await onPage('drives: a dropped file becomes a CD, eject', async () => {
      await page.goto(`${server.url}?guest=lab`);
      await shows('lab>');
      await page.evaluate(`(() => {
        const data = new DataTransfer();
        data.items.add(new File(['text'], 'note.txt'));
        for (const type of ['dragover', 'drop']) dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }));
      })()`);
      await page.until(`document.querySelector('[data-drive=ide1-cd0]')?.textContent.includes('note.txt on a CD')`);
      await page.click('[aria-label="Eject CD"]');
      await page.until(`document.querySelector('[data-drive=ide1-cd0]')?.textContent.includes('empty')`);
    });
    await onPage('a folder shared with the guest: dropped files, its own files', async () => {
      await page.goto(`${server.url}?guest=seabios`);
      await state('running');
      await page.evaluate(`(() => {
        const data = new DataTransfer();
        data.items.add(new File(['of the page'], 'a.txt'));
        dispatchEvent(new DragEvent('dragover', { dataTransfer: data, cancelable: true }));
        document.getElementById('drop-share').dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true }));
      })()`);
      await page.until(`document.querySelector('[data-file="a.txt"]')?.textContent.includes('11 B')`);
      await page.until(`document.querySelector('[data-file="from/guest.txt"]')`);
    });
    await onPage('a failure is told', async () => {
      await page.goto(`${server.url}?guest=lab`);
      await shows('lab>');
      await hasKeys();
      await page.type('fail\n');
      await page.until(`document.getElementById('alert').textContent.includes('told to fail')`);
    });
    await onPage('a real guest', async () => {
      await page.goto(`${real.url}?guest=lab`);
      await shows('lab>');
      await hasKeys();
      await page.type('info\n');
      await shows('little-endian');
    });
  } finally {
    await page.close();
    server.close();
    real.close();
  }
}
