#!/usr/bin/env node
// @ts-check
/**
 * A page that runs for a while: memory of its renderer, the worker's wasm memory and what is compiled, every so often. `steady.mjs [MINUTES [GUEST [COMMANDS]]]`;
 * the guest's shell runs the commands again and again. Needs ./build.sh web and ./build.sh guests; no part of the tests.
 */

import fs from 'node:fs';

import { startServer } from '../../www/serve.mjs';
import { launchChromium } from '../web/browser.mjs';

const minutes = Number(process.argv[2] ?? 10);
const guest = process.argv[3] ?? 'debian-mipsel';
const EVERY_MS = 30_000;
const work = process.argv[4] ?? 'sha256sum /bin/busybox; ls -R /proc/self /bin | sort | tail -1';

const server = await startServer();
const browser = await launchChromium();
try {
  const page = await browser.newPage();
  await page.goto(`${server.url}?guest=${guest}`);
  await page.waitForFunction(() => /[#$] *$/.test((document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').trim()), undefined, { timeout: 180_000 });
  await page.keyboard.type(`while :; do ${work}; sleep 1; done\r`);
  const cdp = await browser.newBrowserCDPSession();
  /** Resident memory of the largest renderer in MiB. */
  const renderer = async () => {
    const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
    const sizes = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0) / 1024);
    return Math.max(...sizes);
  };
  const text = (/** @type {string} */ id) => page.locator(`#${id}`).textContent();
  console.log('minutes  renderer MiB  page’s heap MiB  regions  code  guest instructions');
  const begun = Date.now();
  for (let n = 0; Date.now() - begun < minutes * 60_000; n++) {
    await page.waitForTimeout(Math.max(0, begun + n * EVERY_MS - Date.now()));
    const heap = await page.evaluate(() => /** @type {any} */ (performance).memory.usedJSHeapSize / 2 ** 20);
    console.log([((Date.now() - begun) / 60_000).toFixed(1), (await renderer()).toFixed(0), heap.toFixed(1), await text('regions'), await text('bytes'), await text('icount')].join('  '));
  }
} finally {
  await browser.close();
  server.close();
}
