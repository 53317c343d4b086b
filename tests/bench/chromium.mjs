#!/usr/bin/env node
// @ts-check
/**
 * A machine in headless Chromium, with its console on stdin and stdout:
 *
 *   chromium.mjs TARGET KERNEL INITRD [jit|interp]     in the page's worker
 *   chromium.mjs v86 KERNEL INITRD                     v86, as its own pages run it
 *   chromium.mjs programs                              Linux programs: requests of lines of JSON (programs.js)
 *   chromium.mjs --first-byte GUEST                    loads the page three times and prints the milliseconds from its script's start to the
 *                                                      first serial output the last time
 *
 * What the page saw comes as a line of JSON on stderr at the end of stdin.
 */

import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { launchChromium } from '../web/browser.mjs';
import { startReporting } from '../web/reporting.mjs';

const [what = 'mipsel', kernel = '', initrd = '', accel = 'jit'] = process.argv.slice(2);
const warm = what === '--first-byte';
const root = fileURLToPath(new URL('../../', import.meta.url));
/** Folders that the page may read. @type {Record<string, string>} */
const mounts = { '/kernel/': path.dirname(kernel), '/initrd/': path.dirname(initrd), '/files/': root };
const server = await startReporting(warm ? {} : mounts);
const images = `kernel=/kernel/${path.basename(kernel)}&initrd=/initrd/${path.basename(initrd)}`;
/** @type {Record<string, string>} */
const pages = { v86: `v86.html?${images}`, programs: 'programs.html', '--first-byte': `console.html?guest=${kernel}` };
const browser = await launchChromium();
// v86 makes a worker out of a text, which the page's own rules forbid.
const page = await (await browser.newContext({ bypassCSP: what === 'v86' })).newPage();
page.on('pageerror', (e) => console.error(String(e)));
await page.exposeFunction('say', (/** @type {string} */ bytes) => {
  if (!warm) process.stdout.write(Buffer.from(bytes, 'base64'));
});
const figures = () => page.evaluate(() => /** @type {any} */ (window).figures?.());

async function end(code = 0) {
  await browser.close();
  server.close();
  process.exit(code);
}

for (let load = 0; load < (warm ? 3 : 1); load++) {
  await page.goto(`${server.url}tests/bench/${pages[what] ?? `console.html?target=${what}&${images}&accel=${accel}`}`);
  if (!warm) break;
  await page.waitForFunction(() => /** @type {any} */ (window).figures?.().firstByteMs > 0);
  await new Promise((r) => setTimeout(r, 500));
}
if (warm) {
  console.log((await figures()).firstByteMs.toFixed(0));
  await end();
}
const typeIn = (/** @type {string} */ text) => page.evaluate((t) => /** @type {any} */ (window).typeIn(t), text);
if (what === 'programs') readline.createInterface(process.stdin).on('line', typeIn);
else process.stdin.on('data', (/** @type {Buffer} */ bytes) => typeIn(bytes.toString('latin1')));
process.stdin.on('end', async () => {
  console.error(JSON.stringify((await figures()) ?? {}));
  await end();
});
