// @ts-check
/** The Lab view's own reading of files: modules as text, symbols of programs. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Symbols } from '../../www/lab-view/symbols.js';
import { wat, watLines } from '../../www/lab-view/wat.js';
import { same, test } from './report.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function viewTests() {
  await test('lab view: a module reads as with wasmprinter', () => {
    let text = '';
    for (const line of fs.readFileSync(`${ROOT}/tests/web/golden/blocks.hex`, 'utf8').trim().split('\n')) {
      const module = new Uint8Array(Buffer.from(line, 'hex'));
      text += `;; ${module.length} bytes\n`;
      for (const { text: insn, code } of watLines(module)) if (code) text += `${insn}\n`;
    }
    same(text, fs.readFileSync(`${ROOT}/tests/web/golden/blocks.wat`, 'utf8'));
  });
  await test('lab view: no module', () => {
    for (const bytes of [[], [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5], [1, 2, 3, 4, 5, 6, 7, 8]]) {
      try {
        wat(Uint8Array.from(bytes));
        throw new Error('it was read');
      } catch (e) {
        if (!(e instanceof RangeError)) throw e;
      }
    }
  });
  await test('lab view: symbols of ELF files and of a System.map', () => {
    const lab = Symbols.read(fs.readFileSync(`${ROOT}/www/labs/timer/solution.elf`));
    same(lab.text(0x80100000n), '_start');
    same(lab.text((lab.find('ready') ?? 0n) + 4n), 'ready+0x4');
    same(lab.text(0x70000000n), '');
    same(lab.offers('re', 5).join(), 'ready');
    const map = Symbols.read(new TextEncoder().encode('80100000 T _stext\n80100400 t start_kernel\nrubbish\n'));
    same(map.text(0x80100410n), 'start_kernel+0x10');
    same(String(Symbols.read(Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 1, 1])).size), '0');
    const wide = Symbols.read(fs.readFileSync(`${ROOT}/www/labs/hello/start.elf`), true);
    same(wide.text(0xffffffff80100000n), '_start');
  });
}
