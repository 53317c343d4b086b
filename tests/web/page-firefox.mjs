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
  /** What the stand-in answers in the QMP console, which is open. @param {string} command */
  const asked = async (command) => {
    await page.evaluate(`void document.getElementById('qmp-log').replaceChildren()`);
    await page.evaluate(`void (document.getElementById('qmp-input').value = ${JSON.stringify(command)}, document.getElementById('qmp-form').requestSubmit())`);
    await page.until(`document.querySelector('#qmp-log')?.lastElementChild?.className === 'reply'`);
    return page.evaluate(`document.querySelector('#qmp-log .reply').textContent`);
  };
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
    await onPage('the display: full screen, mouse, Ctrl+Alt+Del, a phone’s keyboard', async () => {
      const menu = async (/** @type {string} */ id) => {
        await page.click('#more summary');
        await page.click(`#${id}`);
      };
      await page.goto(`${server.url}?guest=seabios`);
      await state('running');
      // Headless Firefox has no window to fill and no pointer: what the page asks for is told.
      await page.evaluate(`void (window.asked = [],
        Element.prototype.requestFullscreen = async function () { asked.push('full ' + this.id); },
        Element.prototype.requestPointerLock = async function () { asked.push('lock ' + this.tagName); })`);
      await menu('full');
      await menu('mouse');
      same(await page.evaluate('asked.join()'), 'full stage,lock CANVAS');
      await menu('cad');
      await menu('keys');
      await page.until(`!document.getElementById('screen-keys').hidden`);
      await page.click('#screen-keys [aria-label=Keyboard]');
      await page.until(`document.activeElement.id === 'soft-keyboard'`);
      await page.type('b');
      await page.click('#tool-qmp');
      const said = await asked('fake-felt');
      if (!/1d\+ 38\+ d3\+ d3- 38- 1d- 30\+ 30-/.test(said)) throw new Error(said);
    });
    await onPage('console: find, paste, text to copy; the log', async () => {
      await page.goto(`${server.url}?guest=lab`);
      await shows('lab>');
      await page.click('#more summary');
      await page.click('#paste');
      await page.evaluate(`void (document.getElementById('paste-text').value = 'needle\\n')`);
      await page.click('#paste-send');
      await shows('you typed: needle');
      await page.click('#more summary');
      await page.click('#find-open');
      await page.until(`document.activeElement.id === 'find-text'`);
      await page.type('needle');
      await page.until(`document.querySelector('.xterm-selection div')`);
      await page.type('s');
      await page.until(`document.getElementById('find-note').textContent === 'not there'`);
      await page.click('#find-close');
      await page.click('#tool-log');
      await page.until(`document.getElementById('log-lines').textContent.includes('a write to nowhere')`);
    });
    await onPage('a hidden page leaves the machine less time', async () => {
      await page.goto(`${server.url}?guest=lab`);
      await shows('lab>');
      await hasKeys();
      await page.type('busy\n');
      await shows('you typed: busy');
      await page.click('#tool-qmp');
      const hidden = (/** @type {boolean} */ now) =>
        page.evaluate(`void (Object.defineProperty(document, 'hidden', { value: ${now}, configurable: true }), document.dispatchEvent(new Event('visibilitychange')))`);
      /** Waits until the pauses between the machine's turns are such. @param {(ms: number) => boolean} wanted */
      const rests = async (wanted) => {
        for (let tries = 0; tries < 100; tries++) if (wanted(Number(JSON.parse(await asked('fake-rests'))))) return;
        throw new Error('its pauses are others');
      };
      await rests((ms) => ms < 25);
      await hidden(true);
      await rests((ms) => ms >= 25);
      await hidden(false);
      await rests((ms) => ms < 25);
    });
    await onPage('too much memory is explained', async () => {
      await page.goto(`${server.url}?guest=lab&m=8G`);
      await page.until(`/A browser gives a tab 2 to 4 GiB/.test(document.getElementById('alert').textContent)`);
      await page.until(`/asks for 8192 MiB/.test(document.getElementById('alert').textContent)`);
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
      await page.click('[aria-label="Delete a.txt"]');
      await page.until(`!document.querySelector('[data-file="a.txt"]')`);
    });
    await onPage('a failure is told', async () => {
      await page.goto(`${server.url}?guest=lab`);
      await shows('lab>');
      await hasKeys();
      await page.type('fail\n');
      await page.until(`document.getElementById('alert').textContent.includes('told to fail')`);
    });
    await onPage('the policy: nothing of the page is refused, inline styles and scripts are', async () => {
      same(await page.refused(), '');
      await page.evaluate(`void (document.body.append(Object.assign(document.createElement('style'), { textContent: 'body { color: red }' })),
        document.body.setAttribute('style', 'color: red'), document.body.append(Object.assign(document.createElement('script'), { textContent: '1' })))`);
      await page.until(`['style-src-elem inline', 'style-src-attr inline', 'script-src-elem inline'].every((word) => sessionStorage.getItem('refused')?.includes(word))`);
    });
    await onPage('a real guest', async () => {
      await page.goto(`${real.url}?guest=lab`);
      await shows('lab>');
      await hasKeys();
      await page.type('info\n');
      await shows('little-endian');
    });
    await onPage('without its server, after a first visit', async () => {
      const first = await startServer();
      await page.goto(first.url);
      await page.evaluate(`navigator.serviceWorker.ready.then(() => '')`);
      first.close();
      await page.goto(`${first.url}?guest=lab-be`);
      await shows('lab>');
      await page.click('#home');
      await page.until(`document.querySelector('[data-guest=lab]')`);
    });
  } finally {
    await page.close();
    server.close();
    real.close();
  }
}
