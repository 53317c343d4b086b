// @ts-check
/** Makes archives, good and broken: by hand, so that each field can be wrong. What a real `tar` makes is tested beside them. */

import zlib from 'node:zlib';

/**
 * A file of an archive; `lies` are fields that are written as they stand here.
 * @typedef {object} Item
 * @property {string} path one of a directory ends with a slash
 * @property {Uint8Array} [data]
 * @property {string} [link] where it leads
 * @property {number} [mode]
 * @property {boolean} [packed] deflated
 * @property {boolean} [wide] sizes and place are ZIP64's
 * @property {Record<string, number | string>} [lies]
 */

const text = new TextEncoder();
/** @param {Uint8Array} data */
const crc = (data) => {
  let c = -1;
  for (const b of data) {
    c ^= b;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
};

/** Fields of 2, 4 and 6 bytes, little-endian. @param {...[number, number]} list widths and values */
function fields(...list) {
  const out = Buffer.alloc(list.reduce((n, [width]) => n + width, 0));
  let at = 0;
  for (const [width, value] of list) {
    out.writeUIntLE(value, at, width);
    at += width;
  }
  return out;
}

/**
 * A ZIP archive.
 * @param {Item[]} items
 * @param {Record<string, number>} [lies] `count`, `start` and `bytes` of the index; `wide` of an archive of ZIP64: where its end is said to be, 0 for the truth
 */
export function zip(items, lies = {}) {
  /** @type {Uint8Array[]} */
  const parts = [];
  /** @type {Uint8Array[]} */
  const index = [];
  let at = 0;
  for (const { path, data = new Uint8Array(), link, mode = link === undefined ? 0o755 : 0o777, packed = false, wide = false, lies: own = {} } of items) {
    const name = text.encode(path);
    const whole = link === undefined ? data : text.encode(link);
    const stored = packed ? zlib.deflateRawSync(whole) : whole;
    const is = { method: packed ? 8 : 0, flags: 0x800, crc: crc(whole), packed: stored.length, size: whole.length, at, ...own };
    const kind = link !== undefined ? 0o120000 : path.endsWith('/') ? 0o40000 : 0o100000;
    // An 8-byte number has 6 and 2: nothing here is so large.
    const extra = wide ? fields([2, 1], [2, 24], [6, +is.size], [2, 0], [6, +is.packed], [2, 0], [6, +is.at], [2, 0]) : Buffer.alloc(0);
    if (wide) Object.assign(is, { size: 0xffffffff, packed: 0xffffffff, at: 0xffffffff });
    // 2001-02-03 04:05:06, of MS-DOS.
    const same = fields([2, 20], [2, +is.flags], [2, +is.method], [2, 0x20a3], [2, 0x2a43], [4, +is.crc], [4, +is.packed], [4, +is.size], [2, name.length]);
    const local = Buffer.concat([fields([4, 0x04034b50]), same, fields([2, 3]), name, text.encode('own')]);
    index.push(fields([4, 0x02014b50], [2, 0x314]), same, fields([2, extra.length], [2, 0], [2, 0], [2, 0], [4, ((kind | mode) << 16) >>> 0], [4, +is.at]), name, extra);
    parts.push(local, stored);
    at += local.length + stored.length;
  }
  const list = Buffer.concat(index);
  const count = lies['count'] ?? items.length;
  if (lies['wide'] !== undefined) {
    const [bytes, start] = [lies['bytes'] ?? list.length, lies['start'] ?? at];
    const long = (/** @type {number} */ n) => fields([6, n], [2, 0]);
    const record = [fields([4, 0x06064b50], [6, 44], [2, 0], [2, 45], [2, 45], [4, 0], [4, 0]), long(count), long(count), long(bytes), long(start)];
    const locator = [fields([4, 0x07064b50], [4, 0]), long(lies['wide'] || at + list.length), fields([4, 1])];
    const known = fields([4, 0x06054b50], [2, 0], [2, 0], [2, 0xffff], [2, 0xffff], [4, 0xffffffff], [4, 0xffffffff], [2, 0]);
    return Buffer.concat([...parts, list, ...record, ...locator, known]);
  }
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, lies['bytes'] ?? list.length], [4, lies['start'] ?? at], [2, 0]);
  return Buffer.concat([...parts, list, end]);
}

/**
 * A tar archive (ustar).
 * @param {Item[]} items `lies` may have `size` (12 characters), `kind` and `sum`
 */
export function tar(items) {
  /** @type {Uint8Array[]} */
  const parts = [];
  for (const { path, data = new Uint8Array(), link, mode = 0o755, lies = {} } of items) {
    const head = Buffer.alloc(512);
    head.write(path, 0);
    head.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
    head.write('0000000\0'.repeat(2), 108);
    head.write(String(lies['size'] ?? data.length.toString(8).padStart(11, '0')), 124, 'latin1');
    head.write('07230505762\0', 136);
    head.write(String(lies['kind'] ?? (link !== undefined ? '2' : path.endsWith('/') ? '5' : '0')), 156);
    head.write(link ?? '', 157);
    head.write('ustar\x0000', 257);
    head.write(' '.repeat(8), 148);
    const sum = lies['sum'] ?? head.reduce((n, b) => n + b, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    parts.push(head, data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
