// @ts-check
/**
 * Constants that the first part of a module does not read: they may come with the rest. By the linker's map, which says where statics are, and by
 * the numbers in the code that stays and the words in statics that it reads: one that is no address of a static names none.
 */

import { walk } from './wasm.mjs';

/** @typedef {{ at: number, size: number, name: string }} Static */

/**
 * Compilers reach a table through an address before it, if its first index is not zero. (In 77 of 147,000 relocations of a release; the farthest was
 * 176 bytes.) Texts are next to each other, and read from their beginning but for a letter or two.
 */
const BEFORE_TABLE = 512;
const BEFORE_TEXT = 8;

/** Tables of functions that a boot does not need, by their names in the linker's map: numbers as text and text as numbers, the disassembler, sums. */
const COLD = [/4zmij11STATIC_DATA/, /7dec2flt5table17POWER_OF_FIVE_128/, /7flt2dec8strategy5grisu12CACHED_POW10/, /8iced_x869formatter/, /9crc32fast5table/];

/** @param {string} map a linker's @returns {Static[]} by address */
export function staticsOf(map) {
  const lines = map.matchAll(/^\s*([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\S*\((\.(?:rodata|data)\S*)\)$/gm);
  const all = [...lines].map(([, at = '', size = '', name = '']) => ({ at: parseInt(at, 16), size: parseInt(size, 16), name }));
  return all.filter(({ size }) => size > 0).sort((a, b) => a.at - b.at);
}

/**
 * @param {Static[]} statics
 * @param {{ at: number, bytes: Uint8Array }[]} segments
 * @param {Uint8Array[]} bodies of the functions that stay
 * @returns {Static[]} those that nothing which stays reads
 */
export function unread(statics, segments, bodies) {
  const end = Math.max(0, ...segments.map(({ at, bytes }) => at + bytes.length));
  const memory = Buffer.alloc(end + 4);
  for (const { at, bytes } of segments) memory.set(bytes, at);
  /** The last static that begins at an address or before it. @param {number} address */
  const find = (address) => {
    let [low, high] = [-1, statics.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((statics[middle]?.at ?? 0) <= address) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const isText = statics.map(({ at, size, name }) => {
    if (!/^\.rodata\.(\.Lanon|anon)\./.test(name)) return false;
    return memory.subarray(at, at + size).every((b) => (b >= 0x20 && b !== 0x7f) || b === 9 || b === 10);
  });
  /** A place in a source file, of which only words for errors are made: file, its length, line, column. @param {number} n */
  const isPlace = (n) => {
    const { at, size } = /** @type {Static} */ (statics[n]);
    if (size !== 16 || at % 4) return false;
    const [file, length] = [memory.readUInt32LE(at), memory.readUInt32LE(at + 4)];
    return length > 3 && length < 400 && file + length <= end && memory.toString('latin1', file + length - 3, file + length) === '.rs';
  };
  /** @type {Set<number>} */
  const read = new Set();
  /** @param {number} n */
  const mark = (n) => void (n >= 0 && read.add(n));
  /** @param {number} address */
  const exactly = (address) => {
    if (address > end) return;
    const n = find(address);
    const found = statics[n];
    if (found && address < found.at + found.size) mark(n);
    // Right behind one is its end.
    const last = statics[find(address - 1)];
    if (last && last.at + last.size === address) mark(find(address - 1));
  };
  for (const body of bodies) {
    walk(body, () => {}, (address) => {
      exactly(address);
      if (address > end) return;
      for (let n = find(address) + 1, next = statics[n]; next && next.at <= address + BEFORE_TABLE; next = statics[++n]) {
        const isStart = statics[find(address)]?.at === address;
        if (isText[n] ? !isStart && next.at <= address + BEFORE_TEXT : !isPlace(n)) mark(n);
      }
    });
  }
  statics.forEach(({ name }, n) => !name.startsWith('.rodata.') && mark(n));
  for (const n of read) {
    const { at, size } = /** @type {Static} */ (statics[n]);
    for (let word = (at + 3) & ~3; word + 4 <= at + size; word += 4) exactly(memory.readUInt32LE(word));
  }
  return statics.filter(({ name }, n) => !read.has(n) || COLD.some((pattern) => pattern.test(name)));
}
