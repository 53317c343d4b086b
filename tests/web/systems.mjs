#!/usr/bin/env node
// @ts-check
/**
 * Real systems in headless Chromium: two Debians in two tabs on a network that the options form names (`lan`), and on the PC, as `tests/guests/media.sh` and `system.sh` play them natively: firmware and what it starts,
 * memtest86+, Debian's 686-pae kernel, Debian systems on disks, Debian's installer. By hand after `./build.sh web`: some take many minutes.
 *
 *   node tests/web/systems.mjs [NAME...]     those of SYSTEMS below; LIMIT: seconds that each may take (3600); ICOUNT: time is counted, 2^ICOUNT ns an instruction, as for `system.sh`
 *
 * What is not in build/guests is left out; the pictures of the installer on the screen (`text`, `gtk`) are QEMU's (`system.sh --record`). The last line is `N passed, N failed`; a picture of what failed is in build/.
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { startServer } from '../../www/serve.mjs';
import { launchChromium } from './browser.mjs';
import { Drive } from './drive.js';
import { linux } from './guests.mjs';
import { close, same, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MS = 1000 * Number(process.env.LIMIT ?? 3600);
const ICOUNT = process.env.ICOUNT ? { icount: Number(process.env.ICOUNT) } : {};
/** Pixels that may differ: a cursor blinks. */
const TOLERANCE = 9 * 16;
/** Colours that are not black of a screen with a menu. */
const MUCH = 5000;

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/**
 * @typedef {object} System
 * @property {Record<string, any>} config a BootConfig with paths below build/guests
 * @property {string} [steps] what the serial port says and is told
 * @property {string} [shown] a step that the screen alone meets: natively it is the serial port
 * @property {[picture: string, key?: string][]} [screens] pictures of tests/guests/golden that come one after the other, and the key that leads on
 * @property {string[]} [keys] what is typed at the screen, each when nothing moves there any more
 * @property {string} [golden] what the serial port said in QEMU, with its command in the first line, of a Linux whose release is in `release`
 * @property {string} [release]
 * @property {string} [says] what the serial port says then
 */

const firmware = { bios: 'seabios/bios-256k.bin', vgaBios: 'seabios/vgabios-stdvga.bin' };
/** GRUB's menu and shell are on the screen; the shell goes to the serial port, which tells that it lives. */
const grub = { keys: ['c', 'serial; terminal_output serial; echo P-$grub_cpu-$root\n'], says: 'P-i386-' };
const ARCHES = { '': { target: 'x86_64', kernel: 'amd64/vmlinux' }, '-i386': { target: 'i386', kernel: 'i386/vmlinux' } };
/** A Debian system on a disk. @param {keyof typeof ARCHES} arch @param {string} disk @returns {System} */
const rootfs = (arch, disk) => ({
  config: {
    ...ARCHES[arch], ramMib: 256, initrd: `rootfs${arch}/initrd.gz`, append: 'console=ttyS0 panic=-1 quiet', [disk]: `rootfs${arch}/disk.raw`,
  },
  steps: 'tests/guests/rootfs/rootfs.steps',
});
/** Debian's installer. @param {keyof typeof ARCHES} arch @param {string} append @param {Record<string, any>} more @param {string} [initrd] @returns {System} */
const installer = (arch, append, { config, ...more }, initrd = 'initrd.gz') => ({
  config: { target: ARCHES[arch].target, ramMib: 1024, kernel: `installer${arch}/linux`, initrd: `installer${arch}/${initrd}`, append, ...config },
  ...more,
});
/** @param {keyof typeof ARCHES} arch @returns {Record<string, System>} */
const debian = (arch) => ({
  [`virtio${arch}`]: rootfs(arch, 'virtio0'),
  [`ide${arch}`]: rootfs(arch, 'hda'),
  [`installer${arch}`]: installer(arch, 'console=ttyS0 TERM=linux --- quiet', { steps: 'tests/guests/rootfs/installer.steps' }),
  [`text${arch}`]: installer(arch, '--- quiet', { config: firmware, screens: [['installer']] }),
  [`gtk${arch}`]: installer(arch, 'vga=788 --- quiet', { config: firmware, screens: [['installer-gtk']] }, 'gtk.gz'),
});
/** @type {Record<string, System>} */
const SYSTEMS = {
  menu: {
    config: { target: 'i386', ramMib: 128, ...firmware, fda: 'media/sector.img', hda: 'media/fat.img', boot: 'ac,menu=on' },
    screens: [['bios', 'esc'], ['bios-menu', '2']],
    says: 'boot:',
  },
  'grub-floppy': { config: { target: 'i386', ramMib: 64, ...firmware, fda: 'media/grub-floppy.img', boot: 'a' }, ...grub },
  'grub-cd': { config: { target: 'i386', ramMib: 64, ...firmware, cdrom: 'media/grub-cd.iso', boot: 'd' }, ...grub },
  fat: { config: { target: 'i386', ramMib: 128, ...firmware, hda: 'media/fat.img', boot: 'c' }, steps: 'tests/guests/media/fat.steps', shown: 'expect FAT-SAYS-HELLO\n' },
  memtest32: { config: { target: 'i386', ramMib: 8, kernel: 'media/memtest32.bin', append: 'console=ttyS0,115200' }, steps: 'tests/guests/media/memtest.steps' },
  memtest64: { config: { target: 'x86_64', ramMib: 8, kernel: 'media/memtest64.bin', append: 'console=ttyS0,115200' }, steps: 'tests/guests/media/memtest.steps' },
  'i386-pae': {
    config: { target: 'i386', ramMib: 256, kernel: 'i386-pae/vmlinux', initrd: 'i386-pae/initrd.gz', append: 'console=ttyS0 panic=-1 quiet' },
    steps: 'tests/guests/session.steps', golden: 'tests/guests/golden/i386-pae.txt', release: 'build/guests/i386-pae/release',
  },
  ...debian('-i386'),
  ...debian(''),
};

/** @param {string} file */
const read = (file) => fs.readFileSync(`${ROOT}/${file}`, 'utf8');

/** A picture's file. @param {string} name */
const golden = (name) => `tests/guests/golden/screen-${name}.ppm.gz`;

/** Names of keys. @type {Record<string, string[]>} */
const KEYS = {
  ' ': ['spc'], '\n': ['ret'], '-': ['minus'], ';': ['semicolon'], $: ['shift', '4'], _: ['shift', 'minus'], P: ['shift', 'p'],
};

/** Pixels that differ; all if the pictures are not of one size. Engines widen 6 bits of a colour to 8 in two ways. @param {Buffer} a @param {Buffer} b */
function differing(a, b) {
  if (a.length !== b.length) return b.length / 3;
  const off = (/** @type {number} */ at) => (a[at] ?? 0) >> 3 !== (b[at] ?? 0) >> 3;
  let pixels = 0;
  for (let at = a.length % 3; at < a.length; at += 3) if (off(at) || off(at + 1) || off(at + 2)) pixels++;
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
    const steps = read(system.steps).replace(system.shown ?? '', '');
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
    if (system.golden && system.release) {
      const cut = linux(read(system.release).trim());
      same(cut(drive.transcript), cut(read(system.golden).replace(/^#.*\n/, '')));
    }
  }
  for (const [name, key] of system.screens ?? []) {
    const wanted = zlib.gunzipSync(fs.readFileSync(`${ROOT}/${golden(name)}`));
    await until(async () => differing(wanted, await picture(page)) <= TOLERANCE, () => `the screen of ${name}`, 5000);
    if (key) await ask(page, 'key', [key]);
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

/** Two Debians in two tabs, on a network by name that each was given in the form. @param {import('../../www/node_modules/playwright-core/index.js').BrowserContext} context @param {string} url */
async function playLan(context, url) {
  /** @param {number} n */
  const join = async (n) => {
    const tab = await context.newPage();
    tab.setDefaultTimeout(LIMIT_MS);
    const says = (/** @type {string} */ text) =>
      tab.waitForFunction((t) => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(t), text);
    const type = async (/** @type {string} */ line) => {
      await tab.locator('#console').click();
      await tab.keyboard.type(`${line}\r`);
    };
    await tab.goto(`${url}?guest=debian-mipsel&setup`);
    const network = tab.getByLabel('Network', { exact: true });
    await network.fill('systems');
    await network.press('Tab');
    await tab.getByRole('button', { name: 'Create and run' }).click();
    await says('guest#');
    await type(`insmod /net/mii.ko; insmod /net/pcnet32.ko; ifconfig eth0 192.168.0.${n}; clear; cat /sys/class/net/eth0/address; echo $((${n} * 111)) is up`);
    await says(`${n * 111} is up`);
    return { tab, says, type };
  };
  const one = await join(1);
  const two = await join(2);
  await one.tab.bringToFront();
  await one.type('clear; ping -c 5 192.168.0.2; arp -a');
  await one.says('5 packets received');
  await one.tab.screenshot({ path: `${ROOT}/build/lan-one.png` });
  await two.tab.bringToFront();
  await two.type('clear; echo FROM-THE-SECOND >/tmp/page; nc -l -p 80 </tmp/page');
  await one.tab.bringToFront();
  await one.type('clear; nc 192.168.0.2 80 </dev/null; echo done');
  await one.says('FROM-THE-SECOND');
  await two.tab.bringToFront();
  await two.tab.screenshot({ path: `${ROOT}/build/lan-two.png` });
}

const names = process.argv.slice(2);
const browser = await launchChromium();
const server = await startReporting({ '/guests/': `${ROOT}/build/guests/` });
try {
  if ((!names.length || names.includes('lan')) && fs.existsSync(`${ROOT}/www/guests/debian-mipsel.vmlinux`)) {
    await test('chromium: lan', async () => {
      const context = await browser.newContext();
      const { url, close } = await startServer();
      try {
        await playLan(context, url);
      } finally {
        await context.close();
        close();
      }
    });
  }
  for (const [name, system] of Object.entries(SYSTEMS)) {
    if (names.length && !names.includes(name)) continue;
    const files = Object.values(system.config).filter((v) => typeof v === 'string' && /^[^ ]*\/[^ ]*$/.test(v));
    const there = files.map((f) => `build/guests/${f}`).concat((system.screens ?? []).map(([name]) => golden(name)));
    if (!there.every((f) => fs.existsSync(`${ROOT}/${f}`))) continue;
    const config = Object.fromEntries(Object.entries(system.config).map(([k, v]) => [k, files.includes(v) ? `/guests/${v}` : v]));
    const began = Date.now();
    await test(`chromium: ${name}`, async () => {
      const page = await browser.newPage();
      try {
        await page.goto(`${server.url}tests/web/pages/system.html?config=${encodeURIComponent(JSON.stringify({ net: 'none', ...ICOUNT, ...config }))}`);
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
