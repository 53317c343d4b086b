// @ts-check
/** The PC in the page, in Chromium: what SeaBIOS and a boot sector of ours (`vga/`) show is what QEMU shows. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { test } from './report.mjs';

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
}
