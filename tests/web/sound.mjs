// @ts-check
/** The PC's loudspeaker: a boot sector that sounds a tone and is silent, in turn, in counted time. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { make } from './node.mjs';
import { same, test } from './report.mjs';

const SEABIOS = fileURLToPath(new URL('../../build/guests/seabios/bios-256k.bin', import.meta.url));
const FLOPPY_BYTES = 1_474_560;
const WAIT_US = 200_000;

/** Waits by the BIOS (interrupt 15h, function 86h). */
const WAIT = [0xb4, 0x86, 0xb9, WAIT_US >> 16, 0, 0xba, WAIT_US & 255, (WAIT_US >> 8) & 255, 0xcd, 0x15];
const SECTOR = [
  0xb0, 0xb6, 0xe6, 0x43, // counter 2, mode 3
  0xb0, 0xa9, 0xe6, 0x42, // 1193
  0xb0, 0x04, 0xe6, 0x42,
  0xe4, 0x61, 0x0c, 0x03, 0xe6, 0x61, // on
  ...WAIT,
  0xe4, 0x61, 0x24, 0xfc, 0xe6, 0x61, // off
  ...WAIT,
];

/** The boot sector on a floppy. */
export function beeps() {
  const floppy = new Uint8Array(FLOPPY_BYTES);
  floppy.set([...SECTOR, 0xeb, 256 - SECTOR.length - 2]);
  floppy.set([0x55, 0xaa], 510);
  return floppy;
}

export async function soundTests() {
  // Firmware comes from Debian's package.
  if (!fs.existsSync(SEABIOS)) return;
  await test('sound: tones of the PC’s loudspeaker, and when', () => {
    const machine = make('seabios', { icount: 3, fda: beeps(), boot: 'a' });
    machine.listen(true);
    /** @type {number[]} */
    const heard = [];
    for (let n = 0; heard.length < 14 && n < 4000; n++) {
      const end = machine.runSlice(1_000_000);
      if (end.kind === 'halted') machine.skipTo(end.untilNs);
      heard.push(...machine.takeSounds());
    }
    // Silence until the sector is there.
    same(heard.slice(0, 2).join(' '), '0 0');
    const tones = heard.filter((_, n) => n % 2);
    same(tones.slice(1, 5).join(' '), '1000.152 0 1000.152 0');
    for (let n = 4; n + 2 < heard.length; n += 2) {
      const us = ((heard[n + 2] ?? 0) - (heard[n] ?? 0)) / 1000;
      // SeaBIOS counts in steps of the real-time clock's 976 us.
      if (Math.abs(us - WAIT_US) > 2000) throw new Error(`a tone or a pause of ${us} us`);
    }
    machine.listen(false);
    machine.runSlice(1_000_000);
    same(String(machine.takeSounds().length), '0');
    machine.free();
  });
}
