#!/usr/bin/env node
// @ts-check
/**
 * A guest of the page's list in headless Chromium, with its console on stdin and stdout: `chromium.mjs GUEST [jit|interp]`. What the page
 * saw comes as a line of JSON on stderr at the end of stdin. `chromium.mjs --first-byte GUEST` loads the page twice and
 * prints the milliseconds from its script's start to the first serial output the second time.
 */

import { launchChromium } from '../web/browser.mjs';
import { startReporting } from '../web/reporting.mjs';

const warm = process.argv[2] === '--first-byte';
const [guest = 'debian-mipsel', accel = 'jit'] = process.argv.slice(warm ? 3 : 2);
const server = await startReporting();
const browser = await launchChromium();
const page = await (await browser.newContext()).newPage();
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
  await page.goto(`${server.url}tests/bench/console.html?guest=${guest}&accel=${accel}`);
  if (!warm) break;
  await page.waitForFunction(() => /** @type {any} */ (window).figures?.().firstByteMs > 0);
  await new Promise((r) => setTimeout(r, 500));
}
if (warm) {
  console.log((await figures()).firstByteMs.toFixed(0));
  await end();
}
process.stdin.on('data', (/** @type {Buffer} */ bytes) =>
  page.evaluate((text) => /** @type {any} */ (window).typeIn(text), bytes.toString('latin1')),
);
process.stdin.on('end', async () => {
  console.error(JSON.stringify(await figures()));
  await end();
});
