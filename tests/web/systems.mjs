#!/usr/bin/env node
// @ts-check
/**
 * Real systems on the PC in headless Chromium, as `tests/guests/media.sh` and `system.sh` play them natively: what firmware starts, memtest86+,
 * a Debian system on a disk. By hand after `./build.sh web`: some take many minutes.
 *
 *   node tests/web/systems.mjs [NAME...]     those of SYSTEMS below; LIMIT: seconds that each may take (3600)
 *
 * What is not in build/guests is left out. The last line is `N passed, N failed`; a picture of what failed is in build/.
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { launchChromium } from './browser.mjs';
import { Drive } from './drive.js';
import { close, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MS = 1000 * Number(process.env.LIMIT ?? 3600);
/** Pixels that may differ: a cursor blinks. */
const TOLERANCE = 64;
/** Colours that are not black of a screen with a menu. */
const MUCH = 5000;

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/**
 * @typedef {object} System
 * @property {Record<string, any>} config a BootConfig with paths below build/guests
 * @property {string} [steps] what the serial port says and is told
 * @property {string} [shown] a step that the screen alone meets: natively it is the serial port
 * @property {string[]} [keys] what is typed at the screen, each when nothing moves there any more
 * @property {string} [says] what the serial port says then
 */

const firmware = { bios: 'seabios/bios-256k.bin', vgaBios: 'seabios/vgabios-stdvga.bin' };
/** GRUB's menu and shell are on the screen; the shell goes to the serial port, which tells that it lives. */
const grub = { keys: ['c', 'serial; terminal_output serial; echo P-$grub_cpu-$root\n'], says: 'P-i386-' };
const rootfs = { target: 'x86_64', ramMib: 256, kernel: 'amd64/vmlinux', initrd: 'rootfs/initrd.gz', append: 'console=ttyS0 panic=-1 quiet' };
/** @type {Record<string, System>} */
const SYSTEMS = {
  'grub-floppy': { config: { target: 'i386', ramMib: 64, ...firmware, fda: 'media/grub-floppy.img', boot: 'a' }, ...grub },
  'grub-cd': { config: { target: 'i386', ramMib: 64, ...firmware, cdrom: 'media/grub-cd.iso', boot: 'd' }, ...grub },
  fat: { config: { target: 'i386', ramMib: 128, ...firmware, hda: 'media/fat.img', boot: 'c' }, steps: 'tests/guests/media/fat.steps', shown: 'expect FAT-SAYS-HELLO\n' },
  memtest32: { config: { target: 'i386', ramMib: 8, kernel: 'media/memtest32.bin', append: 'console=ttyS0,115200' }, steps: 'tests/guests/media/memtest.steps' },
  memtest64: { config: { target: 'x86_64', ramMib: 8, kernel: 'media/memtest64.bin', append: 'console=ttyS0,115200' }, steps: 'tests/guests/media/memtest.steps' },
  virtio: { config: { ...rootfs, virtio0: 'rootfs/disk.raw' }, steps: 'tests/guests/rootfs/rootfs.steps' },
};

/** Names of keys. @type {Record<string, string[]>} */
const KEYS = {
  ' ': ['spc'], '\n': ['ret'], '-': ['minus'], ';': ['semicolon'], $: ['shift', '4'], _: ['shift', 'minus'], P: ['shift', 'p'],
};

/** Pixels that differ; all if the pictures are not of one size. @param {Buffer} a @param {Buffer} b */
function differing(a, b) {
  if (a.length !== b.length) return b.length / 3;
  let pixels = 0;
  for (let at = a.length % 3; at < a.length; at += 3) if (a[at] !== b[at] || a[at + 1] !== b[at + 1] || a[at + 2] !== b[at + 2]) pixels++;
  return pixels;
}

/** What the page's `window.system` is asked. @param {Page} page @param {string} call @param {any} [argument] @returns {Promise<any>} */
const ask = (page, call, argument) =>
  page.evaluate(([call, argument]) => {
    const { system } = /** @type {any} */ (window);
    return typeof system[call] === 'function' ? system[call](argument) : system[call];
  }, /** @type {[string, any]} */ ([call, argument]));

/** @param {Page} page */
const picture = async (page) => Buffer.from(await ask(page, 'picture'), 'base64');

/** Plays a system to its end. @param {Page} page @param {System} system */
async function play(page, system) {
  const end = Date.now() + LIMIT_MS;
  /** Asks again and again. @param {() => Promise<boolean>} met @param {() => string} what @param {number} everyMs */
  const until = async (met, what, everyMs) => {
    while (!(await met())) {
      const stopped = await ask(page, 'stopped');
      if (stopped.startsWith('failed') || stopped.startsWith('Error')) throw new Error(stopped);
      if (Date.now() > end) throw new Error(`not seen: ${what()}`);
      await page.waitForTimeout(everyMs);
    }
  };
  await until(() => ask(page, 'ready'), () => 'a machine', 200);
  if (system.steps) {
    const steps = fs.readFileSync(`${ROOT}/${system.steps}`, 'utf8').replace(system.shown ?? '', '');
    let heard = 0;
    /** @type {string[]} */
    const typed = [];
    const drive = new Drive(steps, (bytes) => typed.push(...Array.from(bytes, (b) => String.fromCharCode(b))));
    await until(
      async () => {
        const said = await ask(page, 'said');
        drive.feed(new TextEncoder().encode(said.slice(heard)));
        heard = said.length;
        // A key at a time: a 16550 without flow control loses what comes faster.
        for (const key of typed.splice(0)) {
          await ask(page, 'type', key);
          await page.waitForTimeout(10);
        }
        if ((await ask(page, 'stopped')) && !drive.done) drive.ended();
        return drive.done;
      },
      () => `${drive.waitingFor}\n${drive.transcript.slice(-1500)}`,
      200,
    );
  }
  for (const keys of system.keys ?? []) {
    let last = Buffer.alloc(0);
    let calm = 0;
    await until(
      async () => {
        const now = await picture(page);
        const lit = now.subarray(15).filter((v) => v !== 0).length;
        calm = lit > MUCH && differing(last, now) <= TOLERANCE ? calm + 1 : 0;
        last = now;
        return calm >= 4;
      },
      () => 'a screen at rest',
      1000,
    );
    for (const key of keys) {
      await ask(page, 'key', KEYS[key] ?? [key]);
      await page.waitForTimeout(150);
    }
  }
  const { says } = system;
  if (says) await until(async () => (await ask(page, 'said')).includes(says), () => says, 500);
}

const names = process.argv.slice(2);
const browser = await launchChromium();
const server = await startReporting({ '/guests/': `${ROOT}/build/guests/` });
try {
  for (const [name, system] of Object.entries(SYSTEMS)) {
    if (names.length && !names.includes(name)) continue;
    const files = Object.values(system.config).filter((v) => typeof v === 'string' && /^[^ ]*\/[^ ]*$/.test(v));
    if (!files.every((f) => fs.existsSync(`${ROOT}/build/guests/${f}`))) continue;
    const config = Object.fromEntries(Object.entries(system.config).map(([k, v]) => [k, files.includes(v) ? `/guests/${v}` : v]));
    const began = Date.now();
    await test(`chromium: ${name}`, async () => {
      const page = await browser.newPage();
      try {
        await page.goto(`${server.url}tests/web/pages/system.html?config=${encodeURIComponent(JSON.stringify({ net: 'none', ...config }))}`);
        await page.waitForFunction(() => 'system' in window);
        await play(page, system).catch(async (e) => {
          fs.writeFileSync(`${ROOT}/build/system-${name}.ppm`, await picture(page).catch(() => Buffer.alloc(0)));
          throw e;
        });
        console.log(`${name}: ${Math.round((Date.now() - began) / 1000)} s`);
      } finally {
        await page.close();
      }
    });
  }
} finally {
  await browser.close();
  await server.close();
}
close();
