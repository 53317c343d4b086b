// @ts-check
/** The PC in the page, in Chromium: what SeaBIOS and a boot sector of ours (`vga/`) show is what QEMU shows. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { same, test } from './report.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FLOPPY_BYTES = 1_474_560;
/** Pixels in a thousand that may differ: the cursor blinks. */
const TOLERANCE = 2;
/** Level of a colour that may differ: engines widen 6 bits to 8 in two ways. */
const LEVELS = 4;

/** What `tests/guests/screen.py` types; behind the second line nothing is left of the boot. */
const TYPED = 'cd /; clear; seq -w 8 12; ls -d bin; echo abc/def.ghi-jkl; md5sum init';
/** Milliseconds in which Linux boots and answers. */
const BOOT_MS = 300_000;
/** After so long a line that had no effect is typed again. */
const AGAIN_MS = 15_000;

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {{ width: number, height: number, rgb: Buffer }} Picture */

/** A binary PPM of 8 bits. @param {Buffer} ppm @returns {Picture} */
function parsePpm(ppm) {
  const head = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(ppm.subarray(0, 64).toString('latin1'));
  if (!head) throw new Error('not a PPM');
  return { width: Number(head[1]), height: Number(head[2]), rgb: ppm.subarray(head[0].length) };
}

/** The canvas as it is. @param {Page} page @returns {Promise<Picture>} */
async function shown(page) {
  const { width, height, text } = await page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('#display canvas'));
    const { width, height } = canvas;
    const data = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
    let text = '';
    for (let at = 0; at < data.length; at += 4) text += String.fromCharCode(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0);
    return { width, height, text };
  });
  return { width, height, rgb: Buffer.from(text, 'latin1') };
}

/** Pixels that differ; all if the pictures are not of one size. @param {Picture} a @param {Picture} b */
function differing(a, b) {
  if (a.width !== b.width || a.height !== b.height) return b.width * b.height;
  let pixels = 0;
  for (let at = 0; at < b.rgb.length; at += 3) {
    const off = (/** @type {number} */ n) => Math.abs((a.rgb[at + n] ?? 0) - (b.rgb[at + n] ?? 0)) > LEVELS;
    if (off(0) || off(1) || off(2)) pixels++;
  }
  return pixels;
}

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
  if (!fs.existsSync(`${ROOT}/build/guests/i386/vmlinux`)) return;
  await test('chromium: Linux on the PC’s own screen and keyboard looks as in QEMU', async () => {
    const page = await browser.newPage({ serviceWorkers: 'block' });
    await page.goto(url);
    await page.locator('[data-guest=debian-i386]').getByRole('button', { name: 'On screen' }).click();
    await page.locator('#display canvas').waitFor();
    const golden = parsePpm(zlib.gunzipSync(fs.readFileSync(`${ROOT}/tests/guests/golden/screen-i386.ppm.gz`)));
    const most = (golden.width * golden.height * TOLERANCE) / 1000;
    const end = Date.now() + BOOT_MS;
    let wait = AGAIN_MS;
    // What is typed before the shell is there, or on a slow machine, is typed again: the line clears the screen.
    for (let typed = 0; differing(await shown(page), golden) > most; await page.waitForTimeout(500)) {
      if (Date.now() > end) {
        await page.screenshot({ path: `${ROOT}/build/display-linux.png` });
        throw new Error('the screen is not as QEMU showed it (build/display-linux.png)');
      }
      if (Date.now() < typed + wait) continue;
      wait *= typed ? 1.5 : 1;
      await page.locator('#display canvas').click();
      await page.keyboard.press('Enter');
      for (const c of TYPED) await page.keyboard.press(c === ' ' ? 'Space' : c, { delay: 60 });
      await page.keyboard.press('Enter');
      typed = Date.now();
    }
    await page.close();
  });
}
