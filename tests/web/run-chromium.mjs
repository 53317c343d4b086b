#!/usr/bin/env node
// @ts-check
/** All that runs in Chromium: the page's own tests, the engine suite, Linux programs, the guests in their worker. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { accessTests } from './access.mjs';
import { launchChromium } from './browser.mjs';
import { displayTests } from './display.mjs';
import { golden, sessions } from './guests.mjs';
import { lookTests } from './look.mjs';
import { mediaTests } from './media.mjs';
import { pageTests, ready, shows } from './page.mjs';
import { workerTests } from './qmp.mjs';
import { close, same, take, test } from './report.mjs';
import { startReporting } from './reporting.mjs';
import { shareTests } from './share.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const browser = await launchChromium();
const server = await startReporting({ '/suite/': `${ROOT}/build/web-suite/`, '/guests/tar/': `${ROOT}/build/guests/tar/` });

/** Opens a page of `pages/` and waits for its report. @param {string} path */
async function report(path) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const reported = server.report();
    await page.goto(`${server.url}tests/web/pages/${path}`);
    return await reported;
  } finally {
    await context.close();
  }
}

try {
  await pageTests(browser);
  await accessTests(browser);

  await test('chromium: the page boots the lab guest and runs what is typed', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${server.url}?guest=lab`);
    await ready(page);
    await page.keyboard.type('info\r');
    await shows(page, 'little-endian');
    await page.waitForFunction(() => document.getElementById('state')?.textContent === 'running');
    await context.close();
  });

  await test('chromium: one instruction at a time', async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}?guest=lab&paused`);
    await page.waitForFunction(() => document.getElementById('state')?.textContent === 'prelaunch');
    let before = 0;
    for (let steps = 0; steps < 3; steps++) {
      await page.getByRole('button', { name: 'Step' }).click();
      // A branch takes its delay slot along.
      before = await (await page.waitForFunction((n) => {
        const count = Number(document.getElementById('icount')?.textContent);
        return (count === n + 1 || count === n + 2) && count;
      }, before)).jsonValue().then(Number);
    }
    await page.waitForFunction(() => document.getElementById('state')?.textContent === 'debug');
    await page.getByRole('button', { name: 'Run' }).click();
    await shows(page, 'lab>');
    await page.close();
  });
  await displayTests(browser, server.url);
  await lookTests(browser, server.url);
  await mediaTests(browser, server.url);
  await shareTests(browser, server.url);
  await workerTests(browser, server.url);

  const files = fs.readdirSync(`${ROOT}/tests/filetests`).filter((f) => f.endsWith('.tir')).sort();
  await take(await report(`suite.html?files=${files.join(',')}`), 'chromium suite: ');
  await take(await report('suite.html?worker=programs'), 'chromium: program ');

  for (const session of sessions().filter((s) => s.guest !== 'debian-amd64')) {
    await test(`chromium: ${session.guest}`, async () => {
      const config = encodeURIComponent(JSON.stringify(session.config ?? {}));
      const done = await report(`boot.html?guest=${session.guest}&steps=/${session.steps}&limit=${session.limitMs}&config=${config}`);
      if (done.error) throw new Error(done.error);
      same(session.cut(done.transcript), golden(session));
      if (!done.stats?.jitInsns && !session.short) throw new Error('nothing was compiled');
      console.log(`        first byte ${done.firstByteMs.toFixed(0)} ms, all ${(done.wallMs / 1000).toFixed(1)} s, ` +
        `longest slice ${done.stats.longestSliceMs.toFixed(0)} ms, ${done.stats.modules} modules`);
    });
  }
} finally {
  await browser.close();
  server.close();
}
close();
