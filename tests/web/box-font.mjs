// @ts-check
/** A font whose every character is the same box, so that pictures of pages are alike on machines with different fonts. TrueType as OpenType 1.9 has it. */

const EM = 1000;
const WIDTH = 600;
const [LEFT, RIGHT, BOTTOM, TOP] = [60, 540, 0, 600];
const [ASCENT, DESCENT] = [800, 200];

const u16 = (/** @type {number[]} */ ...all) => all.flatMap((n) => [(n >> 8) & 0xff, n & 0xff]);
const u32 = (/** @type {number[]} */ ...all) => all.flatMap((n) => [(n >>> 24) & 0xff, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff]);
const tag = (/** @type {string} */ text) => [...text].map((c) => c.charCodeAt(0));

/** One contour of four points. */
const BOX = [
  ...u16(1, LEFT, BOTTOM, RIGHT, TOP, 3, 0), 1, 1, 1, 1,
  ...u16(LEFT, 0, RIGHT - LEFT, 0, BOTTOM, TOP - BOTTOM, 0, BOTTOM - TOP),
];

/** A group of characters with one glyph (format 13). @param {[number, number, number][]} groups first, last, glyph */
const cmap = (groups) => [...u16(0, 1, 3, 10), ...u32(12), ...u16(13, 0), ...u32(16 + 12 * groups.length, 0, groups.length), ...groups.flatMap((g) => u32(...g))];

/** The name table: family, style, full and PostScript names. */
function names() {
  const texts = [[1, 'Box'], [2, 'Regular'], [4, 'Box'], [6, 'Box']].map(([id, text]) => ({ id: Number(id), bytes: [...String(text)].flatMap((c) => u16(c.charCodeAt(0))) }));
  let at = 0;
  const records = texts.flatMap(({ id, bytes }) => {
    at += bytes.length;
    return u16(3, 1, 0x409, id, bytes.length, at - bytes.length);
  });
  return [...u16(0, texts.length, 6 + 12 * texts.length), ...records, ...texts.flatMap(({ bytes }) => bytes)];
}

const TABLES = /** @type {[string, number[]][]} */ ([
  ['OS/2', [...u16(4, WIDTH, 400, 5, 0), ...u16(650, 600, 0, 75, 650, 600, 0, 350, 50, 300, 0), ...new Array(10).fill(0), ...u32(1, 0, 0, 0), ...tag('NONE'),
    ...u16(0x40, 32, 0xffff, ASCENT, -DESCENT, 0, ASCENT, DESCENT), ...u32(1, 0), ...u16(500, 700, 0, 32, 1)]],
  ['cmap', cmap([[0x20, 0x20, 2], [0x21, 0x9f, 1], [0xa0, 0xa0, 2], [0xa1, 0x10fffd, 1]])],
  ['glyf', [...BOX, ...(BOX.length % 2 ? [0] : [])]],
  ['head', [...u32(0x10000, 0x10000, 0, 0x5f0f3cf5), ...u16(0, EM), ...u32(0, 0, 0, 0), ...u16(LEFT, BOTTOM, RIGHT, TOP, 0, 8, 2, 1, 0)]],
  ['hhea', [...u32(0x10000), ...u16(ASCENT, -DESCENT, 0, WIDTH, LEFT, WIDTH - RIGHT, RIGHT, 1, 0, 0, 0, 0, 0, 0, 0, 3)]],
  ['hmtx', u16(WIDTH, 0, WIDTH, LEFT, WIDTH, 0)],
  ['loca', u32(0, 0, BOX.length + (BOX.length % 2), BOX.length + (BOX.length % 2))],
  ['maxp', [...u32(0x10000), ...u16(3, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)]],
  ['name', names()],
  ['post', [...u32(0x30000, 0), ...u16(-100, 50), ...u32(1, 0, 0, 0, 0)]],
]);

const padded = (/** @type {number[]} */ bytes) => [...bytes, ...new Array((4 - (bytes.length % 4)) % 4).fill(0)];

/** @param {number[]} bytes */
function checksum(bytes) {
  let sum = 0;
  const all = padded(bytes);
  for (let at = 0; at < all.length; at += 4) sum = (sum + (((all[at] ?? 0) << 24) | ((all[at + 1] ?? 0) << 16) | ((all[at + 2] ?? 0) << 8) | (all[at + 3] ?? 0))) >>> 0;
  return sum;
}

/** The font. @returns {Buffer} */
export function boxFont() {
  let at = 12 + 16 * TABLES.length;
  const directory = TABLES.flatMap(([name, bytes]) => {
    const entry = [...tag(name), ...u32(checksum(bytes), at, bytes.length)];
    at += padded(bytes).length;
    return entry;
  });
  const font = Buffer.from([...u32(0x10000), ...u16(TABLES.length, 128, 3, 16 * TABLES.length - 128), ...directory, ...TABLES.flatMap(([, bytes]) => padded(bytes))]);
  const head = 12 + 16 * TABLES.length + TABLES.slice(0, 3).reduce((sum, [, bytes]) => sum + padded(bytes).length, 0);
  font.writeUInt32BE((0xb1b0afba - checksum([...font])) >>> 0, head + 8);
  return font;
}
