// @ts-check
/**
 * How the page's views look, in Chromium, beside pictures of earlier (`look/*.png`, a quarter of the size). All characters are boxes, because
 * machines have different fonts, and what changes with time is not there. `BLESS=1` takes the pictures anew: look at them then.
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { boxFont } from './box-font.mjs';
import { test } from './report.mjs';

const FOLDER = fileURLToPath(new URL('look/', import.meta.url));
const BUILD = fileURLToPath(new URL('../../build/', import.meta.url));
const SCALE = 4;
/** Levels of a colour that may differ, and pixels in a thousand that may differ more. */
const LEVELS = 24;
const TOLERANCE = 10;

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */

const STYLE = `
  @font-face { font-family: Box; src: url(data:font/ttf;base64,${boxFont().toString('base64')}); }
  *, *::before, *::after { font-family: Box !important; font-weight: normal !important; transition: none !important; animation: none !important; }
  .xterm-cursor, #status dd, .weight { visibility: hidden !important; }
`;

/** A list of guests that does not depend on what was fetched. */
export const GUESTS = { guests: [
  { id: 'lab', title: 'Lab', note: 'MIPS32', about: 'A small monitor on the bare machine.', target: 'mipsel', machine: 'malta', cpu: '24Kf', ramMib: 32, bytes: 40_000, files: {} },
  { id: 'teach', title: 'Teaching kernel', note: 'i386', about: 'Paging, faults, tasks: says what it tries.', target: 'i386', machine: 'pc', cpu: 'qemu32', ramMib: 32, bytes: 50_000, files: {} },
  { id: 'linux', title: 'Linux', note: 'i386', about: 'A kernel with a shell on the first serial port.', target: 'i386', machine: 'pc', ramMib: 256, bytes: 9_000_000, files: {} },
] };

/** @type {{ name: string, at: string, phone?: boolean, dark?: boolean, ready: (page: Page) => Promise<unknown> }[]} */
const VIEWS = [
  { name: 'chooser', at: '', ready: (page) => page.locator('[data-guest=lab]').waitFor() },
  { name: 'chooser-phone', at: '', phone: true, dark: true, ready: (page) => page.locator('[data-guest=lab]').waitFor() },
  { name: 'console', at: '?guest=lab', ready: (page) => prompt(page) },
  { name: 'console-phone', at: '?guest=lab', phone: true, dark: true, ready: (page) => prompt(page) },
  {
    name: 'lab-view', at: '?guest=lab&paused&icount=3',
    ready: async (page) => {
      await page.waitForFunction(() => document.getElementById('state')?.textContent === 'prelaunch');
      await page.getByRole('button', { name: 'Lab view' }).click();
      await page.waitForSelector('.lab-view [aria-current]');
      await page.waitForFunction(() => (document.querySelector('.memory')?.textContent?.length ?? 0) > 100);
    },
  },
];

/** @param {Page} page */
const prompt = (page) => page.waitForFunction(() => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes('lab>'));

/** A picture made smaller, as a PNG. @param {Page} scratch @param {Buffer} picture @returns {Promise<Buffer>} */
async function smaller(scratch, picture) {
  const small = await scratch.evaluate(async ({ data, scale }) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const whole = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(Math.ceil(whole.width / scale), Math.ceil(whole.height / scale));
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    context.imageSmoothingQuality = 'high';
    context.drawImage(whole, 0, 0, canvas.width, canvas.height);
    const out = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
    return btoa(Array.from(out, (b) => String.fromCharCode(b)).join(''));
  }, { data: picture.toString('base64'), scale: SCALE });
  return Buffer.from(small, 'base64');
}

/** Pixels in a thousand that differ. @param {Page} scratch @param {Buffer} a @param {Buffer} b @returns {Promise<number>} */
function difference(scratch, a, b) {
  return scratch.evaluate(async ({ pictures, levels }) => {
    const [one, two] = await Promise.all(pictures.map(async (data) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const whole = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(whole.width, whole.height).getContext('2d'));
      context.drawImage(whole, 0, 0);
      return context.getImageData(0, 0, whole.width, whole.height);
    }));
    if (!one || !two || one.width !== two.width || one.height !== two.height) return 1000;
    let differ = 0;
    for (let at = 0; at < one.data.length; at += 4) {
      if ([0, 1, 2].some((n) => Math.abs((one.data[at + n] ?? 0) - (two.data[at + n] ?? 0)) > levels)) differ++;
    }
    return (differ * 4000) / one.data.length;
  }, { pictures: [a, b].map((p) => p.toString('base64')), levels: LEVELS });
}

/** @param {import('../../www/node_modules/playwright-core/index.js').Browser} browser @param {string} url */
export async function lookTests(browser, url) {
  const scratch = await browser.newPage();
  for (const { name, at, phone, dark, ready } of VIEWS) {
    await test(`look: ${name}`, async () => {
      const context = await browser.newContext({
        bypassCSP: true, serviceWorkers: 'block', reducedMotion: 'reduce', colorScheme: dark ? 'dark' : 'light',
        ...(phone ? { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true } : { viewport: { width: 1280, height: 800 } }),
      });
      try {
        const page = await context.newPage();
        if (!at) await page.route('**/guests/index.json', (route) => route.fulfill({ json: GUESTS }));
        await page.addInitScript((style) => {
          addEventListener('DOMContentLoaded', () => document.head.append(Object.assign(document.createElement('style'), { textContent: style })));
        }, STYLE);
        await page.goto(url + at);
        await page.evaluate(() => document.fonts.load('16px Box'));
        await ready(page);
        // The console measures its characters again when it is given another size.
        await page.evaluate(() => dispatchEvent(new Event('resize')));
        const golden = `${FOLDER}${name}.png`;
        const take = async () => smaller(scratch, await page.screenshot({ animations: 'disabled' }));
        if (process.env.BLESS) {
          await page.waitForTimeout(1000);
          fs.mkdirSync(FOLDER, { recursive: true });
          fs.writeFileSync(golden, await take());
          return;
        }
        const wanted = fs.readFileSync(golden);
        let differ = 1000;
        /** @type {Buffer} */
        let last = wanted;
        for (let tries = 0; tries < 20 && differ > TOLERANCE; tries++) {
          last = await take();
          differ = await difference(scratch, wanted, last);
          if (differ > TOLERANCE) await page.waitForTimeout(250);
        }
        if (differ <= TOLERANCE) return;
        fs.writeFileSync(`${BUILD}look-${name}.png`, last);
        throw new Error(`${differ.toFixed(1)} pixels in a thousand differ (build/look-${name}.png)`);
      } finally {
        await context.close();
      }
    });
  }
  await scratch.close();
}
