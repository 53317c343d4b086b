// @ts-check
/**
 * A CD made of files: ISO 9660 (ECMA-119, third edition) with a second tree of Joliet's (Microsoft, May 1995) for names as they are. All files are
 * in its one folder. The files themselves are not read: the image is a Blob made of them.
 */

const SECTOR = 2048;
/** Volume descriptors begin here; path tables follow, then the two folders. */
const FIRST = 16;
const [PRIMARY, JOLIET, END, TABLES] = [FIRST, FIRST + 1, FIRST + 2, FIRST + 3];
const FOLDERS = TABLES + 4;
/** UCS-2 level 3, which marks Joliet's descriptor. */
const ESCAPES = [0x25, 0x2f, 0x45];
/** Of 110 characters of a file's name in a record; Joliet allows 64. */
const MOST_CHARS = 64;
const LARGEST = 2 ** 32 - 1;

/** @typedef {{ name: string, size: number, lastModified?: number } & Blob} Content */

const sectors = (/** @type {number} */ bytes) => Math.ceil(bytes / SECTOR);

/** A number in both byte orders. @param {DataView} v @param {number} at @param {number} n */
function both32(v, at, n) {
  v.setUint32(at, n, true);
  v.setUint32(at + 4, n);
}

/** @param {DataView} v @param {number} at @param {number} n */
function both16(v, at, n) {
  v.setUint16(at, n, true);
  v.setUint16(at + 2, n);
}

const ascii = (/** @type {string} */ text) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** UCS-2, its high byte first. @param {string} text */
const wide = (text) => Uint8Array.from([...text].flatMap((c) => [c.charCodeAt(0) >> 8, c.charCodeAt(0) & 0xff]));

/** Names of 8 and 3 capital letters, each once. @param {string[]} names */
function short(names) {
  const taken = new Set();
  return names.map((name) => {
    const clean = (/** @type {string} */ text, /** @type {number} */ most) => text.toUpperCase().replace(/[^A-Z0-9_]/g, '_').slice(0, most);
    const dot = name.lastIndexOf('.');
    const extension = dot > 0 ? clean(name.slice(dot + 1), 3) : '';
    const base = clean(dot > 0 ? name.slice(0, dot) : name, 8) || '_';
    let made = `${base}.${extension};1`;
    for (let n = 1; taken.has(made); n++) made = `${base.slice(0, 7 - String(n).length)}_${n}.${extension};1`;
    taken.add(made);
    return made;
  });
}

/** A record of a folder. @param {Uint8Array} name @param {{ at: number, size: number, folder?: boolean, time: Date }} of */
function record(name, { at, size, folder = false, time }) {
  const length = 33 + name.length + (name.length % 2 ? 0 : 1);
  const bytes = new Uint8Array(length);
  const v = new DataView(bytes.buffer);
  bytes[0] = length;
  both32(v, 2, at);
  both32(v, 10, size);
  bytes.set([time.getUTCFullYear() - 1900, time.getUTCMonth() + 1, time.getUTCDate(), time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds(), 0], 18);
  bytes[25] = folder ? 2 : 0;
  both16(v, 28, 1);
  bytes[32] = name.length;
  bytes.set(name, 33);
  return bytes;
}

/** Records one behind the other; none goes over the end of a sector. @param {Uint8Array[]} records */
function folder(records) {
  let at = 0;
  const places = records.map((r) => {
    if ((at % SECTOR) + r.length > SECTOR) at = sectors(at) * SECTOR;
    at += r.length;
    return at - r.length;
  });
  const bytes = new Uint8Array(sectors(at) * SECTOR);
  records.forEach((r, n) => bytes.set(r, places[n]));
  return bytes;
}

/**
 * Makes the image.
 * @param {Content[]} files
 * @param {string} [label] the CD's name
 * @returns {Blob}
 */
export function makeCd(files, label = 'FILES') {
  if (files.some((f) => f.size > LARGEST)) throw new RangeError('A file on a CD has less than 4 GiB.');
  const now = new Date();
  const plain = short(files.map((f) => f.name));
  // Joliet leaves these out.
  const full = files.map((f) => f.name.replace(/[*/:;?\\\0-\x1f]/g, '_').slice(0, MOST_CHARS));
  /** @param {Uint8Array[]} names @param {number} at @param {number} size @param {number[]} places */
  const tree = (names, at, size, places) => {
    const self = { at, size, folder: true, time: now };
    const entries = names.map((name, n) => ({ name, n })).sort((a, b) => compare(a.name, b.name));
    return folder([record(Uint8Array.of(0), self), record(Uint8Array.of(1), self),
      ...entries.map(({ name, n }) => record(name, { at: places[n] ?? 0, size: files[n]?.size ?? 0, time: new Date(files[n]?.lastModified ?? now) }))]);
  };
  const names = [plain.map(ascii), full.map(wide)];
  // How long the folders are does not depend on where things lie.
  const none = files.map(() => 0);
  const lengths = names.map((all) => tree(all, 0, 0, none).length);
  const roots = [FOLDERS, FOLDERS + sectors(lengths[0] ?? 0)];
  let next = (roots[1] ?? 0) + sectors(lengths[1] ?? 0);
  const places = files.map((f) => {
    next += sectors(f.size);
    return next - sectors(f.size);
  });
  const head = new Uint8Array(((roots[1] ?? 0) + sectors(lengths[1] ?? 0)) * SECTOR);
  names.forEach((all, n) => {
    const [at, size] = [roots[n] ?? 0, lengths[n] ?? 0];
    head.set(tree(all, at, size, places), at * SECTOR);
    const joliet = n === 1;
    const table = TABLES + 2 * n;
    head.set(descriptor({ joliet, label, all: next, table, root: record(Uint8Array.of(0), { at, size, folder: true, time: now }), now }), (joliet ? JOLIET : PRIMARY) * SECTOR);
    head.set(pathTable(at, true), table * SECTOR);
    head.set(pathTable(at, false), (table + 1) * SECTOR);
  });
  head.set([255, ...ascii('CD001'), 1], END * SECTOR);
  const parts = files.flatMap((f) => [f, new Uint8Array(sectors(f.size) * SECTOR - f.size)]);
  return new Blob([head, ...parts]);
}

/** @param {Uint8Array} a @param {Uint8Array} b */
function compare(a, b) {
  for (let n = 0; n < Math.min(a.length, b.length); n++) if (a[n] !== b[n]) return (a[n] ?? 0) - (b[n] ?? 0);
  return a.length - b.length;
}

/** Only the root is in it. @param {number} at @param {boolean} little */
function pathTable(at, little) {
  const bytes = new Uint8Array(10);
  const v = new DataView(bytes.buffer);
  bytes[0] = 1;
  v.setUint32(2, at, little);
  v.setUint16(6, 1, little);
  return bytes;
}

/** A volume descriptor. @param {{ joliet: boolean, label: string, all: number, table: number, root: Uint8Array, now: Date }} of */
function descriptor({ joliet, label, all, table, root, now }) {
  const bytes = new Uint8Array(SECTOR);
  const v = new DataView(bytes.buffer);
  const text = (/** @type {string} */ t, /** @type {number} */ at, /** @type {number} */ length) =>
    bytes.set(joliet ? wide(t.padEnd(length / 2)).subarray(0, length - (length % 2)) : ascii(t.padEnd(length)).subarray(0, length), at);
  bytes.set([joliet ? 2 : 1, ...ascii('CD001'), 1]);
  text('', 8, 32);
  text(label.slice(0, 16), 40, 32);
  both32(v, 80, all);
  if (joliet) bytes.set(ESCAPES, 88);
  both16(v, 120, 1);
  both16(v, 124, 1);
  both16(v, 128, SECTOR);
  both32(v, 132, 10);
  v.setUint32(140, table, true);
  v.setUint32(148, table + 1);
  bytes.set(root, 156);
  for (const [at, length] of [[190, 128], [318, 128], [446, 128], [574, 128], [702, 37], [739, 37], [776, 37]]) text('', at ?? 0, length ?? 0);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const stamp = `${now.getUTCFullYear()}${[now.getUTCMonth() + 1, now.getUTCDate(), now.getUTCHours(), now.getUTCMinutes(), now.getUTCSeconds()].map(two).join('')}00\0`;
  bytes.set(ascii(stamp), 813);
  bytes.set(ascii(stamp), 830);
  for (const at of [847, 864]) bytes.set(ascii('0'.repeat(16)), at);
  bytes[881] = 1;
  return bytes;
}
