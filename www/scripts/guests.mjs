#!/usr/bin/env node
// @ts-check
/**
 * Writes `guests/`: the images the page offers and `index.json`, which describes them. The lab guest comes with the sources;
 * Debian's kernels and U-Boot are there once `./build.sh guests` has fetched them.
 */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('..', import.meta.url));
const ROOT = path.join(WWW, '..');
const OUT = path.join(WWW, 'guests');

/**
 * @typedef {object} Offer
 * @property {string} id
 * @property {string} title
 * @property {string} [note]
 * @property {string} about what it is, in a sentence
 * @property {string} target
 * @property {string} [cpu]
 * @property {number} ramMib
 * @property {string} [append]
 * @property {string} [boot]
 * @property {'display' | 'serial'} [shows] where it talks first, if not by its serial port
 * @property {number} [cpus]
 * @property {boolean} [unlisted] no card, only by its id in the address
 * @property {Record<string, string | string[]>} from image files, by their name in a boot configuration; of several the first that is there
 */

const LINUX = 'console=ttyS0 panic=-1 quiet';

/** In the order of the page's cards. @type {Offer[]} */
const OFFERS = [
  { id: 'lab', title: 'Lab', note: 'MIPS32, little-endian', about: 'A small monitor on the bare machine: memory, registers, timers, self-tests. Starts at once.',
    target: 'mipsel', cpu: '24Kf', ramMib: 32, from: { kernel: 'tests/lab/images/lab-mipsel.elf' } },
  { id: 'lab-be', title: 'Lab', note: 'MIPS32, big-endian', about: 'The same monitor on a big-endian CPU.',
    target: 'mips', cpu: '24Kf', ramMib: 32, from: { kernel: 'tests/lab/images/lab-mips.elf' } },
  { id: 'debian-i386', title: 'Debian Linux', note: 'i386, 32 bits', about: 'Debian’s 686 kernel with a busybox shell, on a serial port or on its own screen.',
    target: 'i386', cpu: 'qemu32', ramMib: 256, append: LINUX,
    from: { kernel: 'build/guests/i386/vmlinux', initrd: ['build/guests/i386/initrd-cards.gz', 'build/guests/i386/initrd.gz'] } },
  { id: 'debian-amd64', title: 'Debian Linux', note: 'amd64, 64 bits', about: 'Debian’s amd64 kernel with a busybox shell, on a serial port or on its own screen.',
    target: 'x86_64', cpu: 'qemu64', ramMib: 256, append: LINUX,
    from: { kernel: 'build/guests/amd64/vmlinux', initrd: ['build/guests/amd64/initrd-cards.gz', 'build/guests/amd64/initrd.gz'] } },
  { id: 'teach', title: 'Teaching kernel', note: 'i386, 32 bits', about: 'Paging, faults, tasks: says what it tries, and switches itself off.',
    target: 'i386', cpu: 'qemu32', ramMib: 32, append: 'one two', from: { kernel: 'tests/teach/images/teach.elf' } },
  { id: 'smp', title: 'Several CPUs', note: 'i386, 32 bits', about: 'Start-up, locks, interrupts between four CPUs: counts, and switches itself off.', unlisted: true,
    target: 'i386', cpu: 'qemu32', cpus: 4, ramMib: 32, from: { kernel: 'tests/smp/images/smp.elf' } },
  { id: 'debian-mipsel', title: 'Debian Linux', note: 'mipsel, 32 bits', about: 'Debian’s 4kc-malta kernel with a busybox shell.',
    target: 'mipsel', cpu: '24Kf', ramMib: 256, append: LINUX,
    from: { kernel: 'build/guests/mipsel/vmlinux', initrd: ['build/guests/mipsel/initrd-net.gz', 'build/guests/mipsel/initrd.gz'] } },
  { id: 'debian-mips64el', title: 'Debian Linux', note: 'mips64el, 64 bits', about: 'Debian’s 5kc-malta kernel with a busybox shell.',
    target: 'mips64el', cpu: 'MIPS64R2-generic', ramMib: 256,
    append: LINUX, from: { kernel: 'build/guests/mips64el/vmlinux', initrd: 'build/guests/mips64el/initrd.gz' } },
  { id: 'seabios', title: 'PC with SeaBIOS', note: 'i386, firmware', about: 'A PC with a screen and a keyboard. Give it a disk, a CD or a floppy to boot from.',
    target: 'i386', cpu: 'qemu32', ramMib: 128, shows: 'display',
    from: { bios: 'build/guests/seabios/bios.bin', vgaBios: 'build/guests/seabios/vgabios-stdvga.bin' } },
  { id: 'uboot', title: 'U-Boot', note: 'mipsel, firmware', about: 'A boot loader’s prompt on the bare board.',
    target: 'mipsel', cpu: '24Kf', ramMib: 256, from: { bios: 'build/guests/uboot/maltael.bin' } },
];

/** Copies a file unless it is there already. @param {string} from @param {string} to */
function bring(from, to) {
  const source = fs.statSync(from);
  const there = fs.statSync(to, { throwIfNoEntry: false });
  if (there && there.size === source.size && Math.floor(there.mtimeMs) === Math.floor(source.mtimeMs)) return;
  fs.copyFileSync(from, to);
  fs.utimesSync(to, source.atime, source.mtime);
}

/** @returns {string[]} the ids of the guests there are */
export function buildGuests() {
  fs.mkdirSync(OUT, { recursive: true });
  const guests = [];
  for (const { from, ...guest } of OFFERS) {
    const sources = Object.entries(from).map(([kind, any]) => {
      const files = [any].flat().map((file) => path.join(ROOT, file));
      return /** @type {const} */ ([kind, files.find((file) => fs.existsSync(file)) ?? '']);
    });
    if (!sources.every(([, file]) => file)) continue;
    /** @type {Record<string, string>} */
    const files = {};
    for (const [kind, file] of sources) {
      files[kind] = `${guest.id}.${path.basename(file)}`;
      bring(file, path.join(OUT, /** @type {string} */ (files[kind])));
    }
    const bytes = sources.reduce((sum, [, file]) => sum + fs.statSync(file).size, 0);
    guests.push({ ...guest, machine: /86/.test(guest.target) ? 'pc' : 'malta', files, bytes });
  }
  fs.writeFileSync(path.join(OUT, 'index.json'), `${JSON.stringify({ guests }, null, 2)}\n`);
  return guests.map((g) => g.id);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(buildGuests().join('\n'));
