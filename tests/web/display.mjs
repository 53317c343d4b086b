// @ts-check
/** The PC in the page, in Chromium: what SeaBIOS and a boot sector of ours (`vga/`) show is what QEMU shows. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { same, test } from './report.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FLOPPY_BYTES = 1_474_560;
/** Pixels in a thousand that may differ: the cursor blinks. */
const TOLERANCE = 2;
/** Level of a colour that may differ: engines widen 6 bits to 8 in two ways. */
const LEVELS = 4;

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */

/**
 * Waits until the canvas shows a picture.
 * @param {Page} page
 * @param {string} name of a picture in `vga/golden`
 */
async function pictured(page, name) {
  const golden = fs.readFileSync(`${ROOT}/tests/web/vga/golden/${name}.png`).toString('base64');
  const found = await page.waitForFunction(
    async ({ golden, levels, tolerance }) => {
      const bytes = Uint8Array.from(atob(golden), (c) => c.charCodeAt(0));
      const wanted = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = document.querySelector('#display canvas');
      if (!(canvas instanceof HTMLCanvasElement)) return false;
      const scratch = new OffscreenCanvas(wanted.width, wanted.height).getContext('2d');
      if (!scratch) return false;
      /** @param {CanvasImageSource} source */
      const pixels = (source) => {
        scratch.imageSmoothingEnabled = false;
        scratch.drawImage(source, 0, 0, wanted.width, wanted.height);
        return scratch.getImageData(0, 0, wanted.width, wanted.height).data;
      };
      const [a, b] = [pixels(wanted), pixels(canvas)];
      let differ = 0;
      for (let at = 0; at < a.length; at += 4) {
        const off = (/** @type {number} */ n) => Math.abs((a[at + n] ?? 0) - (b[at + n] ?? 0)) > levels;
        if (off(0) || off(1) || off(2)) differ++;
      }
      const per = (differ * 1000) / (wanted.width * wanted.height);
      Object.assign(window, { per });
      return per <= tolerance;
    },
    { golden, levels: LEVELS, tolerance: TOLERANCE },
    { polling: 200, timeout: 30_000 },
  ).catch(async (e) => {
    const { per, size } = await page.evaluate(() => {
      const c = /** @type {HTMLCanvasElement} */ (document.querySelector('#display canvas'));
      return { per: /** @type {any} */ (window).per, size: `${c.width}x${c.height}` };
    });
    await page.screenshot({ path: `${ROOT}/build/display-${name}.png` });
    throw new Error(`${name}: ${per?.toFixed(1)} pixels in a thousand differ, the canvas is ${size} (build/display-${name}.png): ${e.message}`);
  });
  await found.dispose();
}

/** @param {import('../../www/node_modules/playwright-core/index.js').Browser} browser @param {string} url */
export async function displayTests(browser, url) {
  if (!fs.existsSync(`${ROOT}/build/guests/seabios/bios-256k.bin`)) return;
  await test('chromium: a boot sector’s text, VGA and VBE modes look as in QEMU', async () => {
    const page = await browser.newPage();
    await page.goto(`${url}?guest=seabios&setup&m=32`);
    const floppy = Buffer.alloc(FLOPPY_BYTES);
    fs.readFileSync(`${ROOT}/tests/web/vga/boot.img`).copy(floppy);
    await page.locator('#setup-fda').waitFor();
    await page.locator('.field:has(#setup-fda) input[type=file]').setInputFiles([{ name: 'boot.img', mimeType: '', buffer: floppy }]);
    await page.locator('#setup-line').getByText('-fda boot.img').waitFor();
    await page.getByRole('button', { name: 'Create and run' }).click();
    for (const name of ['text', 'vga13', 'vga12', 'vbe101']) {
      await pictured(page, name);
      await page.keyboard.press('Space');
    }
    await pictured(page, 'text');
    await page.close();
  });
  await test('chromium: a PC is saved, goes on in another tab, and shows what it showed', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${url}?guest=seabios&m=32`);
    // The firmware waits for a minute now.
    await page.waitForFunction(() => Number(document.getElementById('icount')?.textContent?.replaceAll(',', '')) > 5e6);
    const size = () => page.evaluate(() => document.querySelector('.display-size')?.textContent);
    await page.waitForFunction(() => document.querySelector('.display-size')?.textContent === '720 × 400');
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.waitForFunction(() => document.getElementById('state')?.textContent === 'paused');
    await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
    await page.locator('#snap-list .row').waitFor();
    const opened = context.waitForEvent('page');
    await page.locator('#snap-list').getByRole('link', { name: /Open in a tab/ }).click();
    const other = await opened;
    await other.waitForFunction(() => document.querySelector('.display-size')?.textContent === '720 × 400');
    same(await other.evaluate(() => document.getElementById('state')?.textContent ?? ''), 'paused');
    same((await size()) ?? '', '720 × 400');
    const picture = (/** @type {Page} */ of) =>
      of.waitForFunction(() => {
        const c = /** @type {HTMLCanvasElement} */ (document.querySelector('#display canvas'));
        const data = c.getContext('2d')?.getImageData(0, 0, c.width, c.height).data ?? [];
        let sum = 0;
        for (let at = 0; at < data.length; at++) sum = (sum * 31 + (data[at] ?? 0)) | 0;
        return data.some((v, at) => at % 4 !== 3 && v) ? String(sum) : false;
      });
    same(String(await (await picture(other)).jsonValue()), String(await (await picture(page)).jsonValue()));
    await context.close();
  });
}
