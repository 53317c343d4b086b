// @ts-check
/**
 * WebAssembly modules as sections, function bodies and names, as far as `split.mjs` needs it: what rustc, wasm-bindgen and wasm-opt make.
 * Everything else of a module stays the bytes that it is.
 */

/** Kinds of imports and exports. */
export const KIND = { func: 0, table: 1, memory: 2, global: 3 };
export const SECTION = { type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, element: 9, code: 10, data: 11, dataCount: 12 };

/** Reads numbers and names one after the other. */
export class Reader {
  /** @param {Uint8Array} bytes @param {number} [at] */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    const b = this.bytes[this.at++];
    if (b === undefined) throw new RangeError('the module is cut short');
    return b;
  }

  /** A LEB128 number without a sign. */
  u32() {
    for (let n = 0, scale = 1; ; scale *= 128) {
      const b = this.byte();
      n += (b & 0x7f) * scale;
      if (b < 0x80) return n;
    }
  }

  /** A LEB128 number with a sign, as 64 bits of which the sign is one. */
  i64() {
    let n = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = this.byte();
      n |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return BigInt.asUintN(64, b & 0x40 ? n | (-1n << (shift + 7n)) : n);
    }
  }

  /** Goes past a LEB128 number of any kind. */
  skip() {
    while (this.byte() >= 0x80);
  }

  /** @param {number} n */
  take(n) {
    this.at += n;
    if (this.at > this.bytes.length) throw new RangeError('the module is cut short');
    return this.bytes.subarray(this.at - n, this.at);
  }

  text() {
    return new TextDecoder().decode(this.take(this.u32()));
  }
}

/** @param {number} n @returns {number[]} as LEB128 */
export function leb(n) {
  const out = [];
  do {
    out.push((n % 128) | (n >= 128 ? 0x80 : 0));
    n = Math.floor(n / 128);
  } while (n);
  return out;
}

/** The same of a number with a sign. @param {number} n */
export function sleb(n) {
  const out = [];
  for (;;) {
    const b = n & 0x7f;
    n >>= 7;
    const last = (n === 0 && !(b & 0x40)) || (n === -1 && !!(b & 0x40));
    out.push(last ? b : b | 0x80);
    if (last) return out;
  }
}

/** @param {string} text */
export const named = (text) => [...leb(Buffer.byteLength(text)), ...Buffer.from(text)];

/** A vector: how many, and each. @param {(Uint8Array | number[])[]} items */
export const vector = (items) => Buffer.concat([Buffer.from(leb(items.length)), ...items.map((i) => Buffer.from(i))]);

/** @param {number} id @param {Uint8Array} body */
const section = (id, body) => Buffer.concat([Buffer.from([id, ...leb(body.length)]), body]);

/** @typedef {{ id: number, body: Uint8Array }} Section */

/** @param {Uint8Array} bytes @returns {Section[]} */
export function sections(bytes) {
  const r = new Reader(bytes, 8);
  const found = [];
  while (r.at < bytes.length) {
    const id = r.byte();
    found.push({ id, body: r.take(r.u32()) });
  }
  return found;
}

/** A module of sections; those without a name of their own (custom ones) are left out. @param {Section[]} all */
export const moduleOf = (all) =>
  Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), ...all.filter(({ id }) => id !== 0).map(({ id, body }) => section(id, body))]);

/** The bodies of functions and the like, each with its length before it. @param {Uint8Array | undefined} body of the code section */
export function sized(body) {
  if (!body) return [];
  const r = new Reader(body);
  return Array.from({ length: r.u32() }, () => r.take(r.u32()));
}

/** Items of a section, as the bytes that they are. @param {Uint8Array | undefined} body @param {(r: Reader) => void} past goes past one */
export function items(body, past) {
  if (!body) return [];
  const r = new Reader(body);
  return Array.from({ length: r.u32() }, () => {
    const from = r.at;
    past(r);
    return body.subarray(from, r.at);
  });
}

/** Limits of a table or a memory. @param {Reader} r */
export function limits(r) {
  const flags = r.byte();
  const least = r.u32();
  return { flags, least, most: flags & 1 ? r.u32() : undefined };
}

/** Names of functions, by index. @param {Section[]} all @returns {Map<number, string>} */
export function functionNames(all) {
  const names = new Map();
  for (const { id, body } of all) {
    if (id !== 0) continue;
    const r = new Reader(body);
    if (r.text() !== 'name') continue;
    while (r.at < body.length) {
      const kind = r.byte();
      const end = r.u32() + r.at;
      if (kind === 1) for (let n = r.u32(); n > 0; n--) names.set(r.u32(), r.text());
      r.at = end;
    }
  }
  return names;
}

const CALL = 0x10;
const RETURN_CALL = 0x12;
const REF_FUNC = 0xd2;

/**
 * Goes through a function's body.
 * @param {Uint8Array} body with its locals
 * @param {(index: number, from: number, to: number) => void} uses a function is named in these bytes
 * @param {(n: number) => void} [constant] a number of 32 bits that may be an address, or part of one
 */
export function walk(body, uses, constant = () => {}) {
  const r = new Reader(body);
  for (let n = r.u32(); n > 0; n--) r.take((r.skip(), 1));
  while (r.at < body.length) {
    const op = r.byte();
    if (op === CALL || op === RETURN_CALL || op === REF_FUNC) {
      const from = r.at;
      uses(r.u32(), from, r.at);
    } else if (op >= 0x28 && op <= 0x3e) memarg(r, constant);
    else if (op === 0x41) constant(Number(r.i64() & 0xffff_ffffn));
    else if (op === 0x42) {
      const n = r.i64();
      constant(Number(n & 0xffff_ffffn));
      constant(Number(n >> 32n));
    } else if (op === 0x3f || op === 0x40 || op === 0xd0) r.skip();
    else if (op === 0x43) r.take(4);
    else if (op === 0x44) r.take(8);
    else if (op >= 0x02 && op <= 0x04) r.skip();
    else if (op === 0x0c || op === 0x0d || (op >= 0x20 && op <= 0x26)) r.skip();
    else if (op === 0x0e) for (let n = r.u32() + 1; n > 0; n--) r.skip();
    else if (op === 0x11 || op === 0x13) r.skip(), r.skip();
    else if (op === 0x1c) r.take(r.u32());
    else if (op === 0xfc) bulk(r);
    else if (op === 0xfd) simd(r, constant);
    else if (!((op >= 0x45 && op <= 0xc4) || [0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1].includes(op))) {
      throw new Error(`instruction 0x${op.toString(16)} is not known`);
    }
  }
}

/** @param {Reader} r @param {(n: number) => void} constant */
function memarg(r, constant) {
  r.skip();
  constant(r.u32());
}

/** @param {Reader} r */
function bulk(r) {
  const op = r.u32();
  // Conversions have nothing behind them; `data.drop`, `elem.drop` and the tables' have one number, the others two.
  const numbers = op < 8 ? 0 : op === 9 || op === 11 || op === 13 || op >= 15 ? 1 : 2;
  for (let n = 0; n < numbers; n++) r.skip();
}

/** @param {Reader} r @param {(n: number) => void} constant */
function simd(r, constant) {
  const op = r.u32();
  if (op <= 11 || op === 92 || op === 93) memarg(r, constant);
  else if (op === 12) {
    const lanes = Buffer.from(r.take(16));
    for (let n = 0; n < 16; n += 4) constant(lanes.readUInt32LE(n));
  } else if (op === 13) r.take(16);
  else if (op >= 21 && op <= 34) r.take(1);
  else if (op >= 84 && op <= 91) memarg(r, constant), r.take(1);
}
