// @ts-check
/** Tests of the page itself, with a stand-in for the emulator: buttons, keyboard, errors, and what it must not do. */

import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';
import { same, test } from './report.mjs';

const FAKE = fileURLToPath(new URL('fake/', import.meta.url));

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {import('../../www/node_modules/playwright-core/index.js').Browser} Browser */

/** Waits until the console shows a text. @param {Page} page @param {string} text */
export async function shows(page, text) {
  await page.waitForFunction(
    (wanted) => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(wanted),
    text,
  );
}

/** @param {Page} page @param {string} id @param {string} text */
async function reads(page, id, text) {
  await page.waitForFunction(([i, t]) => document.getElementById(i ?? '')?.textContent === t, [id, text]);
}

/** @param {Browser} browser */
export async function pageTests(browser) {
  const server = await startServer({ mounts: { '/pkg/': FAKE } });
  /**
   * A case on a fresh page; complaints of the browser and requests elsewhere fail it.
   * @param {string} name
   * @param {(page: Page) => Promise<void>} body
   * @param {import('../../www/node_modules/playwright-core/index.js').BrowserContextOptions} [options]
   */
  const onPage = (name, body, options) =>
    test(`page: ${name}`, async () => {
      const context = await browser.newContext(options);
      try {
        const page = await context.newPage();
        /** @type {string[]} */
        const complaints = [];
        page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
        page.on('pageerror', (e) => complaints.push(e.message));
        page.on('request', (r) => r.url().startsWith(server.url) || complaints.push(`asked for ${r.url()}`));
        await page.goto(server.url);
        await shows(page, 'lab>');
        await body(page);
        if (complaints.length) throw new Error(complaints.join('\n'));
      } finally {
        await context.close();
      }
    });

  await onPage('the first guest boots on load', async (page) => {
    await reads(page, 'state', 'Running');
    await page.waitForFunction(() => /MIPS$/.test(document.getElementById('mips')?.textContent ?? ''));
    await reads(page, 'tiers', '98 %');
    await reads(page, 'regions', '345');
  });
  await onPage('no row of the console is cut off', async (page) => {
    for (const height of [800, 793, 786, 640]) {
      await page.setViewportSize({ width: 1000, height });
      await page.waitForFunction(() => {
        const row = document.querySelector('.xterm-rows')?.lastElementChild?.getBoundingClientRect();
        const frame = document.getElementById('console')?.getBoundingClientRect();
        return row && frame && row.bottom <= frame.bottom && row.bottom > frame.bottom - 40;
      });
    }
  });

  await onPage('what is typed reaches the guest', async (page) => {
    await page.keyboard.type('hello\r');
    await shows(page, 'you typed: hello');
  });
  await onPage('pause, resume, reset', async (page) => {
    await page.getByRole('button', { name: 'Pause' }).click();
    await reads(page, 'state', 'Paused');
    await page.getByRole('button', { name: 'Resume' }).click();
    await reads(page, 'state', 'Running');
    await page.getByRole('button', { name: 'Reset' }).click();
    await shows(page, 'reset');
  });
  await onPage('a machine that waits', async (page) => {
    await page.goto(`${server.url}?paused`);
    await reads(page, 'state', 'Not started');
    await page.getByRole('button', { name: 'Resume' }).click();
    await reads(page, 'state', 'Running');
  });
  await onPage('the QMP console: commands, completion, history, events', async (page) => {
    const input = page.locator('#qmp-input');
    const log = page.locator('#qmp-log');
    if (await input.isVisible()) throw new Error('it is open');
    await page.locator('#qmp summary').focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'qmp-input');
    // The commands are asked for when it opens.
    const offer = page.locator('#qmp-offers li');
    await page.waitForFunction(() => {
      const field = document.querySelector('#qmp-input');
      field?.dispatchEvent(new Event('input'));
      if (field instanceof HTMLInputElement) field.value = 'query-s';
      return document.querySelectorAll('#qmp-offers li').length === 1;
    });
    same((await offer.allTextContents()).join(), 'query-status');
    await page.keyboard.press('Tab');
    same(await input.inputValue(), 'query-status ');
    await page.keyboard.press('Enter');
    await log.getByText('"status": "running"').waitFor();
    await page.keyboard.type('stop\r');
    await log.locator('.event', { hasText: 'STOP' }).waitFor();
    await reads(page, 'state', 'Paused');
    await page.keyboard.type('human');
    await page.keyboard.press('Tab');
    await page.keyboard.type('c');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    same(await page.locator('#qmp-offers [aria-selected=true]').innerText(), 'cpu-index=');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.keyboard.type("'info registers'");
    same(await input.inputValue(), "human-monitor-command command-line='info registers'");
    same(await page.locator('#qmp-hint').innerText(), 'human-monitor-command command-line=string [cpu-index=integer]');
    await page.keyboard.press('Enter');
    await log.getByText('pc 00000000').waitFor();
    await page.keyboard.type('nonsense\r');
    await log.getByText('CommandNotFound: The command nonsense has not been found').waitFor();
    await page.keyboard.type('half');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    same(await input.inputValue(), 'stop');
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    same(await input.inputValue(), 'half');
    await input.fill('quit');
    await page.keyboard.press('Enter');
    await reads(page, 'state', 'Off');
    await page.keyboard.type('query-status\r');
    await log.getByText('There is no machine.').waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.waitForFunction(() => document.activeElement?.id === 'qmp-log');
  });
  await onPage('Shift+Tab leaves the console, Tab does not', async (page) => {
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => document.activeElement?.closest('#console'));
    await page.keyboard.press('Shift+Tab');
    await page.waitForFunction(() => !document.activeElement?.closest('#console'));
  });
  await onPage('all controls are reached by keyboard', async (page) => {
    const reached = new Set();
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Shift+Tab');
      reached.add(await page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent));
    }
    for (const id of ['guest', 'start', 'pause', 'reset', 'Docs']) {
      if (!reached.has(id)) throw new Error(`${id} was not reached, only ${[...reached].join(', ')}`);
    }
  });
  await onPage('a failure is told, and Start makes a new machine', async (page) => {
    await page.keyboard.type('fail\r');
    await page.getByRole('alert').getByText('told to fail').waitFor();
    await reads(page, 'state', 'Failed');
    await page.getByRole('button', { name: 'Start' }).click();
    await reads(page, 'state', 'Running');
    await page.getByRole('alert').waitFor({ state: 'hidden' });
  });
  await onPage('a guest that switches itself off', async (page) => {
    await page.keyboard.type('off\r');
    await reads(page, 'state', 'Off');
    if (await page.locator('#pause').isEnabled()) throw new Error('Pause is enabled');
  });
  await onPage('another guest from the list', async (page) => {
    await page.locator('#guest').selectOption('lab-be');
    await reads(page, 'state', 'Running');
    await shows(page, 'fake machine');
  });
  await onPage(
    'no sideways scrolling at phone width',
    async (page) => {
      await page.locator('#qmp summary').click();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) throw new Error(`${over} pixels too wide`);
    },
    { viewport: { width: 360, height: 640 } },
  );
  server.close();
}
