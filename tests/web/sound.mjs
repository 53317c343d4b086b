// @ts-check
/** The PC's loudspeaker: a boot sector that sounds a tone and is silent, in turn, in counted time. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { samples, since } from '../../www/pulses.js';
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

/** Port 61h's bit 1 up and down, a hundred times, each for so many rounds of a loop; then nothing. */
const PULSES = [
  0xbb, 200, 0, // mov bx, 200
  0xe4, 0x61, 0x24, 0xfc, // in al, 61h; and al, fch
  0x34, 0x02, 0xe6, 0x61, // again: xor al, 2; out 61h, al
  0xb9, 0, 4, 0xe2, 0xfe, // mov cx, 1024; loop
  0x4b, 0x75, 0xf4, // dec bx; jnz again
  0xf4, // hlt
];

/** A boot sector on a floppy. @param {number[]} sector begins again at its end */
export function beeps(sector = SECTOR) {
  const floppy = new Uint8Array(FLOPPY_BYTES);
  floppy.set([...sector, 0xeb, 256 - sector.length - 2]);
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
  await test('sound: pulses of port 61h alone, and when', () => {
    const machine = make('seabios', { icount: 3, fda: beeps(PULSES), boot: 'a' });
    machine.listen(true);
    /** @type {number[]} */
    const heard = [];
    for (let n = 0; heard.length < 300 && n < 4000; n++) {
      const end = machine.runSlice(1_000_000);
      if (end.kind === 'halted') machine.skipTo(end.untilNs);
      heard.push(...machine.takeSounds());
    }
    const levels = heard.filter((_, n) => n % 2);
    same(levels.slice(1, 7).join(' '), '-1 0 -1 0 -1 0');
    // 1029 instructions of 8 ns each, and what port accesses take.
    for (let n = 6; n + 2 < 200; n += 2) {
      const us = ((heard[n + 2] ?? 0) - (heard[n] ?? 0)) / 1000;
      if (us < 8 || us > 20) throw new Error(`a pulse of ${us} us`);
    }
    machine.free();
  });
  await test('sound: samples of pulses are their mean level', () => {
    const steps = [{ at: 1, level: 1 }, { at: 2.5, level: 0 }, { at: 3.25, level: 1 }, { at: 3.5, level: 0 }];
    same(samples(steps, 0, 5, 1).join(' '), '0 1 0.5 0.25 0');
    same(samples(steps, 2, 4, 1).join(' '), '0.5 0.25');
    same(samples(since(steps, 2), 2, 4, 1).join(' '), '0.5 0.25');
    same(samples([{ at: 0.5, level: 1 }], 0, 3, 1).join(' '), '0.5 1 1');
    same(samples(steps, 0, 4, 0.5).join(' '), '0.5 0.375 0 0');
    // A square wave of 1000 Hz.
    const wave = Array.from({ length: 200 }, (_, n) => ({ at: n / 2000, level: (n + 1) % 2 }));
    const heard = samples(wave, 0, 4800, 48_000);
    same(String(heard.reduce((n, v, at) => n + Number(v >= 0.5 && (heard[at - 1] ?? 0) < 0.5), 0)), '100');
  });
}
