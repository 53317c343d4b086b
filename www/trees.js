// @ts-check
/**
 * Archives and folders as trees of files: the index is read first, a file's contents when a program needs them. ZIP (stored and deflated) and tar
 * archives that are not compressed; of a URL by HTTP ranges (of a server without them: all of it at once), of a Blob or bytes in place; and a
 * folder's handle (File System API). An archive is distrusted: each size and place in it is checked. Knows neither worker nor DOM.
 *
 * Missing: encryption, other compressions; devices, FIFOs and sparse files of tar archives.
 */

/**
 * What is read from: all of it has `size` bytes.
 * @typedef {{ size: number, read: (offset: number, length: number) => Promise<Uint8Array> }} Reader
 */

/**
 * A file, link or directory of a tree. `mode` is permissions; `mtime` in seconds; `target`: where a link leads, without it that is fetched.
 * @typedef {{ path: string, kind: 'file' | 'link' | 'directory', mode: number, size: number, mtime: number, target?: string }} TreeEntry
 */

/** A tree's files, and what one of them holds. @typedef {{ entries: TreeEntry[], read: (n: number) => Promise<Uint8Array> }} Tree */

/** Where a tree is. @typedef {string | Blob | Uint8Array | FileSystemDirectoryHandle} TreeSource */

/** What is fetched at once at least: what lies side by side is often wanted together. */
const AHEAD_BYTES = 64 << 10;
/** So many pieces of that size are kept. */
const PIECES = 16;
/** A file of this size or less can be had. */
const MOST_FILE_BYTES = 1 << 30;
/** A name in a tar archive, or what a link leads to, is not longer than this. */
const MOST_HEAD_BYTES = 64 << 10;
/** Deflate makes a byte into no more than this many (RFC 1951: 258 bytes of two bits). */
const MOST_RATIO = 1032;
const NEITHER = 'it is neither a ZIP archive nor a tar archive that is not compressed';
/** Unpacked in steps of this many packed bytes. */
const STEP_BYTES = 16 << 10;

/**
 * A part of a file on a server. A line that is cut, or a server that is too busy, may be better a little later; then nothing is asked of the browser's
 * cache, which may have the beginning of what the server refused and takes it for all.
 * @param {string} url
 * @param {number} from
 * @param {number} to
 * @returns {Promise<{ reply: Response, data: Uint8Array }>}
 */
async function part(url, from, to) {
  for (const waitMs of [0, 100, 400]) {
    if (waitMs) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const reply = await fetch(url, { headers: { range: `bytes=${from}-${to - 1}` }, cache: waitMs ? 'no-store' : 'default' }).catch(() => null);
    const data = reply && (await reply.arrayBuffer().catch(() => null));
    if (reply && data && reply.status < 500 && (reply.status !== 206 || data.byteLength === to - from)) return { reply, data: new Uint8Array(data) };
  }
  throw new Error(`'${url}' could not be fetched from byte ${from} on`);
}

/**
 * A file on a server.
 * @param {string} url
 * @returns {Promise<Reader>}
 */
async function remote(url) {
  // Of a server without ranges the cache may have the beginning alone, from a fetch that was cut, and take it for all.
  const first = await fetch(url, { headers: { range: `bytes=0-${AHEAD_BYTES - 1}` }, cache: 'no-store' }).catch((cause) => {
    throw new Error(`'${url}' could not be fetched`, { cause });
  });
  if (!first.ok) throw new Error(`'${url}' could not be fetched (${first.status})`);
  if (first.status !== 206) return inPlace(new Uint8Array(await first.arrayBuffer()));
  const etag = first.headers.get('etag');
  let size = Number(/\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1]);
  // Another origin's server may keep the one header from us, but not the other.
  if (!size) size = Number((await fetch(url, { method: 'HEAD' })).headers.get('content-length'));
  if (!size) throw new Error(`'${url}' does not say how large it is`);
  /** @param {number} from @param {number} to */
  const range = async (from, to) => {
    const { reply, data } = await part(url, from, to);
    // The whole of it instead of a part: the browser's cache had a part of another one.
    if (reply.status === 200 || (reply.status === 206 && etag !== reply.headers.get('etag'))) throw new Error(`'${url}' has changed`);
    if (reply.status !== 206) throw new Error(`'${url}' gives no ranges (${reply.status})`);
    return data;
  };
  /** @type {{ from: number, to: number, data: Promise<Uint8Array> }[]} */
  let pieces = [{ from: 0, to: Math.min(size, AHEAD_BYTES), data: first.arrayBuffer().then((b) => new Uint8Array(b)) }];
  return {
    size,
    async read(offset, length) {
      let piece = pieces.find((p) => p.from <= offset && offset + length <= p.to);
      if (!piece) {
        const to = Math.min(size, offset + Math.max(length, AHEAD_BYTES));
        if (length > AHEAD_BYTES) return range(offset, to);
        const made = { from: offset, to, data: range(offset, to) };
        // One that failed is not kept.
        made.data.catch(() => (pieces = pieces.filter((p) => p !== made)));
        pieces = [made, ...pieces.slice(0, PIECES - 1)];
        piece = made;
      }
      return (await piece.data).subarray(offset - piece.from, offset - piece.from + length);
    },
  };
}

/** @param {Uint8Array} bytes @returns {Reader} */
const inPlace = (bytes) => ({ size: bytes.length, read: async (at, n) => bytes.subarray(at, at + n) });

/** @param {string | Blob | Uint8Array} source @returns {Promise<Reader>} */
async function readerOf(source) {
  if (typeof source === 'string') return remote(source);
  if (source instanceof Blob) {
    return { size: source.size, read: async (at, n) => new Uint8Array(await source.slice(at, at + n).arrayBuffer()) };
  }
  return inPlace(source);
}

/** The same, but what lies beyond the end is an error. @param {Reader} from @returns {Reader} */
function checked(from) {
  return {
    size: from.size,
    async read(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= from.size)) throw new Error('the archive is cut short, or broken');
      const data = await from.read(offset, length);
      if (data.length !== length) throw new Error('the archive is cut short');
      return data;
    },
  };
}

/** @param {Uint8Array} data */
const view = (data) => new DataView(data.buffer, data.byteOffset, data.byteLength);
const utf8 = new TextDecoder();
const FORMAT = 0o170000;
const LINK = 0o120000;

/** A path without a slash at its ends; one that leads out of the tree is refused. @param {string} path */
function plain(path) {
  const names = path.split('/').filter((n) => n && n !== '.');
  if (names.includes('..') || path.includes('\0')) throw new Error(`the archive has a name that leads out of it: ${JSON.stringify(path)}`);
  return names.join('/');
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** @param {Uint8Array} data */
function crc32(data) {
  let c = -1;
  for (let n = 0; n < data.length; n++) c = (CRC[(c ^ (data[n] ?? 0)) & 255] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
}

/**
 * Unpacks to `size` bytes; more are never made than a step's.
 * @param {Uint8Array} data
 * @param {number} size
 */
async function inflate(data, size) {
  if (size > data.length * MOST_RATIO + 64) throw new Error('a file cannot be as large as the archive says');
  let at = 0;
  const steps = new ReadableStream({
    pull(controller) {
      if (at >= data.length) return controller.close();
      controller.enqueue(data.slice(at, at + STEP_BYTES));
      at += STEP_BYTES;
    },
  });
  const reader = steps.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const out = new Uint8Array(size);
  let filled = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause) => {
      throw new Error('a file of the archive cannot be unpacked', { cause });
    });
    if (done) break;
    if (filled + value.length > size) {
      await reader.cancel().catch(() => {});
      throw new Error('a file is larger than the archive says');
    }
    out.set(value, filled);
    filled += value.length;
  }
  if (filled < size) throw new Error('a file is smaller than the archive says');
  return out;
}

/** A date of MS-DOS in seconds. @param {number} date @param {number} time */
const dosTime = (date, time) => Date.UTC(1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2) / 1000;

/** A number of 8 bytes; larger ones than a number holds are as wrong as those beyond the end. @param {DataView} v @param {number} at */
const long = (v, at) => Number(v.getBigUint64(at, true));

/**
 * Where the index of a ZIP64 archive is (sections 4.3.14 and 4.3.15): `end` is where the end that is known to all begins.
 * @param {Reader} from
 * @param {number} end
 * @returns {Promise<[number, number, number] | null>} files, bytes and place; nothing if it is none
 */
async function zip64(from, end) {
  if (end < 20) return null;
  const locator = view(await from.read(end - 20, 20));
  if (locator.getUint32(0, true) !== 0x07064b50) return null;
  const at = long(locator, 8);
  if (at > end - 20 - 56) throw new Error('the archive is cut short, or broken');
  const record = view(await from.read(at, 56));
  if (record.getUint32(0, true) !== 0x06064b50) throw new Error('the archive is broken');
  return [long(record, 32), long(record, 40), long(record, 48)];
}

/**
 * The fields of an index entry that had no room, in their order, from its extra fields (section 4.5.3).
 * @param {DataView} extra
 * @param {number[]} short as the entry has them: size, packed size, place
 */
function wide(extra, short) {
  if (!short.includes(0xffffffff)) return short;
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue;
    const end = at + 4 + extra.getUint16(at + 2, true);
    let next = at + 4;
    return short.map((n) => {
      if (n !== 0xffffffff) return n;
      if (next + 8 > Math.min(end, extra.byteLength)) throw new Error('the archive’s index is broken');
      next += 8;
      return long(extra, next - 8);
    });
  }
  return short;
}

/** @typedef {{ name: string, at: number, packed: number, method: number, crc: number, headBytes: number }} ZipPlace */

/**
 * The index of a ZIP archive (APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16), or nothing if it is none.
 * @param {Reader} from
 * @returns {Promise<Tree | null>}
 */
async function zip(from) {
  const tail = Math.min(from.size, 65535 + 22);
  const end = view(await from.read(from.size - tail, tail));
  let at = tail - 22;
  while (at >= 0 && !(end.getUint32(at, true) === 0x06054b50 && at + 22 + end.getUint16(at + 20, true) === tail)) at--;
  if (at < 0) {
    const [p, k] = await from.read(0, Math.min(2, from.size));
    if (p === 0x50 && k === 0x4b) throw new Error('the archive is cut short');
    return null;
  }
  const short = [end.getUint16(at + 10, true), end.getUint32(at + 12, true), end.getUint32(at + 16, true)];
  const full = short[0] === 0xffff || short.includes(0xffffffff);
  const [count = 0, bytes = 0, start = 0] = (full && (await zip64(from, from.size - tail + at))) || short;
  if (start + bytes > from.size - tail + at) throw new Error('the archive is cut short, or broken');
  const list = await from.read(start, bytes);
  const v = view(list);
  /** @type {TreeEntry[]} */
  const entries = [];
  /** @type {ZipPlace[]} */
  const places = [];
  for (let n = 0, p = 0; n < count; n++) {
    if (p + 46 > bytes || v.getUint32(p, true) !== 0x02014b50) throw new Error('the archive’s index is broken');
    const [flags, method, time, date] = [v.getUint16(p + 8, true), v.getUint16(p + 10, true), v.getUint16(p + 12, true), v.getUint16(p + 14, true)];
    const crc = v.getUint32(p + 16, true);
    const [nameBytes, extra, comment] = [v.getUint16(p + 28, true), v.getUint16(p + 30, true), v.getUint16(p + 32, true)];
    // Permissions, if it was made under Unix.
    const bits = v.getUint8(p + 5) === 3 ? v.getUint32(p + 38, true) >>> 16 : 0;
    const past = p + 46 + nameBytes + extra + comment;
    if (past > bytes) throw new Error('the archive’s index is broken');
    const more = view(list.subarray(p + 46 + nameBytes, p + 46 + nameBytes + extra));
    const [size = 0, packed = 0, head = 0] = wide(more, [v.getUint32(p + 24, true), v.getUint32(p + 20, true), v.getUint32(p + 42, true)]);
    const name = utf8.decode(list.subarray(p + 46, p + 46 + nameBytes));
    p = past;
    const path = plain(name);
    if (!path) continue;
    const kind = name.endsWith('/') ? 'directory' : (bits & FORMAT) === LINK ? 'link' : 'file';
    entries.push({ path, kind, mode: bits & 0o7777 || 0o755, size, mtime: dosTime(date, time) });
    places.push({ name, at: head, packed, method: flags & 1 ? -1 : method, crc, headBytes: 30 + nameBytes + extra });
  }
  return { entries, read: async (n) => unzip(from, entries[n], places[n]) };
}

/**
 * A file of a ZIP archive.
 * @param {Reader} from
 * @param {TreeEntry | undefined} entry
 * @param {ZipPlace | undefined} place
 */
async function unzip(from, entry, place) {
  if (!entry || !place) throw new Error('no such file');
  const { at, packed, method, crc } = place;
  if (entry.size > MOST_FILE_BYTES || packed > MOST_FILE_BYTES) throw new Error('the file is too large');
  if (method < 0) throw new Error('the file is encrypted');
  if (method !== 0 && method !== 8) throw new Error(`compression ${method} is not known`);
  // The head before the file may have other fields than the index: it is mostly a little longer or shorter.
  const guess = await from.read(at, Math.min(place.headBytes + packed, from.size - at));
  if (guess.length < 30 || view(guess).getUint32(0, true) !== 0x04034b50) throw new Error('the archive is broken');
  const begin = 30 + view(guess).getUint16(26, true) + view(guess).getUint16(28, true);
  const data = begin + packed <= guess.length ? guess.subarray(begin, begin + packed) : await from.read(at + begin, packed);
  if (method === 0 && packed !== entry.size) throw new Error('the archive is broken');
  const out = method === 0 ? data.slice() : await inflate(data, entry.size);
  if (crc32(out) !== crc) throw new Error('the file’s checksum is wrong');
  return out;
}

/** @param {Uint8Array} field */
const text = (field) => {
  const end = field.indexOf(0);
  return utf8.decode(end < 0 ? field : field.subarray(0, end));
};

/** A number of a tar header. @param {Uint8Array} field */
function octal(field) {
  if ((field[0] ?? 0) & 0x80) return field.subarray(1).reduce((n, b) => n * 256 + b, 0);
  return parseInt(text(field).trim() || '0', 8) || 0;
}

/** The records of a pax header: each is `LENGTH KEY=VALUE\n`. @param {Uint8Array} data */
function pax(data) {
  /** @type {Map<string, string>} */
  const all = new Map();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const length = Number(utf8.decode(data.subarray(at, space < 0 ? at : space)));
    if (!Number.isInteger(length) || length < space - at + 2 || at + length > data.length) throw new Error('the archive is broken');
    const [, key = '', value = ''] = /^([^=]*)=([^]*)$/.exec(utf8.decode(data.subarray(space + 1, at + length - 1))) ?? [];
    all.set(key, value);
    at += length;
  }
  return all;
}

/**
 * The index of a tar archive (POSIX pax, ustar, and GNU's long names): its heads, one behind the other.
 * @param {Reader} from
 * @returns {Promise<Tree>}
 */
async function tar(from) {
  /** @type {TreeEntry[]} */
  const entries = [];
  /** @type {number[]} */
  const places = [];
  /** What was said before a head of the next file. @type {Map<string, string>} */
  let next = new Map();
  /** @type {Map<string, number>} */
  const files = new Map();
  if (from.size < 512) throw new Error(NEITHER);
  for (let at = 0; ; ) {
    const head = await from.read(at, 512);
    if (head.every((b) => b === 0)) break;
    const sum = head.reduce((n, b, i) => n + (i >= 148 && i < 156 ? 32 : b), 0);
    if (text(head.subarray(257, 262)) !== 'ustar' || octal(head.subarray(148, 156)) !== sum) {
      throw new Error(at === 0 ? NEITHER : `the archive is broken at byte ${at}`);
    }
    const kind = String.fromCharCode(head[156] || 48);
    const ahead = 'LKxg'.includes(kind);
    const size = !ahead && next.has('size') ? Number(next.get('size')) : octal(head.subarray(124, 136));
    const data = at + 512;
    if (!(size >= 0 && data + size <= from.size)) throw new Error('the archive is cut short, or broken');
    at = data + Math.ceil(size / 512) * 512;
    if (ahead) {
      if (kind === 'g') continue;
      if (size > MOST_HEAD_BYTES) throw new Error('the archive has a name that is too long');
      const said = await from.read(data, size);
      if (kind === 'x') next = new Map([...next, ...pax(said)]);
      else next.set(kind === 'L' ? 'path' : 'linkpath', text(said));
      continue;
    }
    const prefix = text(head.subarray(345, 500));
    const short = text(head.subarray(0, 100));
    // GNU's own kind of head has other fields where POSIX has the prefix.
    const path = plain(next.get('path') ?? (prefix && head[262] === 0 ? `${prefix}/${short}` : short));
    const target = next.get('linkpath') ?? text(head.subarray(157, 257));
    next = new Map();
    const meta = { path, mode: octal(head.subarray(100, 108)) & 0o7777, mtime: octal(head.subarray(136, 148)) };
    if (!path) continue;
    if (kind === '5') entries.push({ ...meta, kind: 'directory', size: 0 });
    else if (kind === '2') entries.push({ ...meta, kind: 'link', size: target.length, target });
    else if (kind === '0' || kind === '7') {
      files.set(path, entries.length);
      entries.push({ ...meta, kind: 'file', size });
    } else if (kind === '1') {
      // Another name of a file: a file of its own.
      const n = files.get(plain(target));
      const other = n === undefined ? undefined : entries[n];
      if (n === undefined || !other) throw new Error(`the archive has a second name of a file that it has not: ${JSON.stringify(path)}`);
      places[entries.length] = places[n] ?? 0;
      entries.push({ ...other, path });
      continue;
    } else continue;
    places[entries.length - 1] = data;
  }
  return {
    entries,
    read: async (n) => {
      const entry = entries[n];
      if (!entry) throw new Error('no such file');
      if (entry.size > MOST_FILE_BYTES) throw new Error('the file is too large');
      return from.read(places[n] ?? 0, entry.size);
    },
  };
}

/**
 * A folder that the user chose, or one of the browser's private file system.
 * @param {FileSystemDirectoryHandle} folder
 * @returns {Promise<Tree>}
 */
async function folderTree(folder) {
  /** @type {TreeEntry[]} */
  const entries = [];
  /** @type {(FileSystemFileHandle | null)[]} */
  const handles = [];
  /** @param {FileSystemDirectoryHandle} dir @param {string} above */
  const walk = async (dir, above) => {
    for await (const [name, handle] of /** @type {any} */ (dir).entries()) {
      const path = `${above}${name}`;
      const file = handle.kind === 'file' ? await handle.getFile() : null;
      entries.push({ path, kind: file ? 'file' : 'directory', mode: 0o755, size: file?.size ?? 0, mtime: Math.floor((file?.lastModified ?? 0) / 1000) });
      handles.push(file ? handle : null);
      if (!file) await walk(handle, `${path}/`);
    }
  };
  await walk(folder, '');
  return {
    entries,
    read: async (n) => {
      const file = await handles[n]?.getFile();
      if (!file || file.size > MOST_FILE_BYTES) throw new Error('the file is gone, or too large');
      return new Uint8Array(await file.arrayBuffer());
    },
  };
}

/**
 * A tree.
 * @param {TreeSource} source an archive's address, file or bytes, or a folder
 * @returns {Promise<Tree>}
 */
export async function openTree(source) {
  if (typeof FileSystemDirectoryHandle !== 'undefined' && source instanceof FileSystemDirectoryHandle) return folderTree(source);
  const from = checked(await readerOf(/** @type {string | Blob | Uint8Array} */ (source)));
  return (await zip(from)) ?? tar(from);
}

/**
 * Begins to fetch what a program waits for.
 * @param {{ takeWanted: () => Iterable<number>, arrived: (n: number, data?: Uint8Array) => void }} program
 * @param {Tree} tree
 * @param {Set<Promise<void>>} under what is under way, kept from call to call
 * @param {(line: string) => void} log told what could not be had: to the program, reading it is an error
 */
export function fetchWanted(program, tree, under, log) {
  for (const n of program.takeWanted()) {
    const job = tree.read(n).then(
      (data) => program.arrived(n, data),
      (e) => {
        log(`${tree.entries[n]?.path}: ${e instanceof Error ? e.message : e}`);
        program.arrived(n);
      },
    );
    under.add(job);
    void job.finally(() => under.delete(job));
  }
}
