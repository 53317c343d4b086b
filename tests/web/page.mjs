// @ts-check
/** Tests of the page itself, with a stand-in for the emulator: buttons, keyboard, errors, and what it must not do. */

import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';
import { test } from './report.mjs';

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
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) throw new Error(`${over} pixels too wide`);
    },
    { viewport: { width: 360, height: 640 } },
  );
  server.close();
}
