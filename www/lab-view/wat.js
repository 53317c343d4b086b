// @ts-check
/** A WebAssembly module as text (the flat form of the specification's text format). Only what the emulator's code generator makes is known. */

import { BULK, PLAIN, SIMD } from './wasm-ops.js';

const TYPES = /** @type {Record<number, string>} */ ({ 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x7b: 'v128', 0x70: 'funcref', 0x6f: 'externref' });
const KINDS = ['func', 'table', 'memory', 'global'];

class Reader {
  at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  byte() {
    const b = this.bytes[this.at++];
    if (b === undefined) throw new RangeError('the module is cut short');
    return b;
  }

  /** @param {number} n */
  take(n) {
    this.at += n;
    if (this.at > this.bytes.length) throw new RangeError('the module is cut short');
    return this.bytes.subarray(this.at - n, this.at);
  }

  u32() {
    let n = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.byte();
      n += (b & 0x7f) * 2 ** shift;
      if (b < 0x80) return n;
    }
    throw new RangeError('a number is too long');
  }

  /** @param {number} bits */
  signed(bits) {
    let n = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = this.byte();
      n |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return BigInt.asIntN(bits, BigInt.asIntN(Number(shift) + 7, n));
    }
    throw new RangeError('a number is too long');
  }

  name() {
    return new TextDecoder().decode(this.take(this.u32()));
  }

  type() {
    const b = this.byte();
    return TYPES[b] ?? `type 0x${b.toString(16)}`;
  }

  /** @param {number} digits bytes of a float */
  float(digits) {
    const bytes = this.take(digits).slice();
    const view = new DataView(bytes.buffer);
    const n = digits === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
    return Number.isNaN(n) ? 'nan' : String(n).replace('Infinity', 'inf');
  }
}

/** @param {Reader} r */
function limits(r) {
  const flags = r.byte();
  const least = r.u32();
  return `${least}${flags & 1 ? ` ${r.u32()}` : ''}${flags & 2 ? ' shared' : ''}`;
}

/** @param {Reader} r */
function memarg(r, /** @type {string} */ name) {
  const align = r.u32();
  const offset = r.u32();
  const width = /(\d+)(?:x\d+)?(?:_[su]|_lane|_splat|_zero)?$/.exec(name.replace(/^[^.]*\.(load|store|atomic\.\w+)/, '$1'));
  const whole = { i32: 4, f32: 4, i64: 8, f64: 8, v128: 16 }[name.split('.')[0] ?? ''] ?? 1;
  const natural = /(load|store)\d/.test(name) && width ? (/x\d/.test(name) ? 8 : Number(width[1]) / 8) : whole;
  return `${offset ? ` offset=${offset}` : ''}${2 ** align === natural ? '' : ` align=${2 ** align}`}`;
}

/** @param {Reader} r */
function blockType(r) {
  const b = r.bytes[r.at] ?? 0x40;
  if (b === 0x40) return r.byte(), '';
  if (TYPES[b]) return ` (result ${r.type()})`;
  return ` (type ${r.signed(33)})`;
}

/** What follows a name. @param {Reader} r @param {string} name */
function immediates(r, name) {
  if (/\.(load|store)/.test(name) && !name.startsWith('table')) {
    const text = memarg(r, name);
    return name.endsWith('_lane') ? `${text} ${r.byte()}` : text;
  }
  switch (name) {
    case 'i32.const':
      return ` ${r.signed(32)}`;
    case 'i64.const':
      return ` ${r.signed(64)}`;
    case 'f32.const':
      return ` ${r.float(4)}`;
    case 'f64.const':
      return ` ${r.float(8)}`;
    case 'v128.const': {
      const b = r.take(16).slice();
      return ` i32x4 ${Array.from(new Uint32Array(b.buffer), (n) => `0x${n.toString(16).padStart(8, '0')}`).join(' ')}`;
    }
    case 'i8x16.shuffle':
      return ` ${Array.from(r.take(16)).join(' ')}`;
    case 'call_indirect':
    case 'return_call_indirect': {
      const type = r.u32();
      const table = r.u32();
      return `${table ? ` ${table}` : ''} (type ${type})`;
    }
    case 'memory.size':
    case 'memory.grow':
    case 'memory.fill': {
      const memory = r.u32();
      return memory ? ` ${memory}` : '';
    }
    case 'memory.copy': {
      const [to, from] = [r.u32(), r.u32()];
      return to || from ? ` ${to} ${from}` : '';
    }
    case 'select':
      return '';
  }
  if (/(extract|replace)_lane/.test(name)) return ` ${r.byte()}`;
  if (/^(br|br_if|call|return_call|local\.\w+|global\.\w+|table\.\w+|ref\.func|elem\.drop|data\.drop)$/.test(name)) return ` ${r.u32()}`;
  return '';
}

/**
 * The instructions of an expression, up to its end.
 * @param {Reader} r
 * @param {number} end
 * @returns {{ depth: number, text: string }[]}
 */
function instructions(r, end) {
  const out = [];
  let depth = 0;
  while (r.at < end) {
    const op = r.byte();
    const structure = { 2: 'block', 3: 'loop', 4: 'if' }[op];
    if (structure) {
      out.push({ depth: depth++, text: structure + blockType(r) });
    } else if (op === 5) {
      out.push({ depth: depth - 1, text: 'else' });
    } else if (op === 0x0b) {
      if (!depth) break;
      out.push({ depth: --depth, text: 'end' });
    } else if (op === 0x0e) {
      const labels = Array.from({ length: r.u32() + 1 }, () => r.u32());
      out.push({ depth, text: `br_table ${labels.join(' ')}` });
    } else {
      const number = op === 0xfc || op === 0xfd ? r.u32() : op;
      const table = op === 0xfc ? BULK : op === 0xfd ? SIMD : PLAIN;
      const name = table[number];
      if (!name) throw new RangeError(`instruction 0x${op.toString(16)} ${number} is not known`);
      out.push({ depth, text: name + immediates(r, name) });
    }
  }
  return out;
}

/** A constant expression. @param {Reader} r */
function constant(r) {
  return instructions(r, r.bytes.length)
    .map(({ text }) => `(${text})`)
    .join(' ');
}

/**
 * The module as lines.
 * @param {Uint8Array} bytes
 * @returns {{ depth: number, text: string, code: boolean }[]} `code`: an instruction of a function
 */
export function watLines(bytes) {
  const r = new Reader(bytes);
  if (hexOf(r.take(8)) !== '0061736d01000000') throw new RangeError('this is no module');
  /** @type {{ depth: number, text: string, code: boolean }[]} */
  const out = [];
  const line = (/** @type {string} */ text, depth = 1, code = false) => out.push({ depth, text, code });
  /** @type {string[]} */
  const signatures = [];
  /** @type {number[]} */
  const functions = [];
  let imported = 0;
  line('(module', 0);
  while (r.at < bytes.length) {
    const id = r.byte();
    const end = r.u32() + r.at;
    const count = id === 0 ? 0 : r.u32();
    for (let n = 0; n < count; n++) {
      if (id === 1) {
        r.byte();
        const list = (/** @type {string} */ word) => {
          const types = Array.from({ length: r.u32() }, () => r.type());
          return types.length ? ` (${word} ${types.join(' ')})` : '';
        };
        const text = list('param') + list('result');
        signatures.push(text);
        line(`(type (;${n};) (func${text}))`);
      } else if (id === 2) {
        const from = `"${r.name()}" "${r.name()}"`;
        const kind = r.byte();
        const what = kind === 0 ? `type ${r.u32()}` : kind === 1 ? `${[r.type(), limits(r)].reverse().join(' ')}` : kind === 2 ? limits(r) : globalType(r);
        if (kind === 0) imported++;
        line(`(import ${from} (${KINDS[kind]} ${kind === 0 ? `(${what})` : what}))`);
      } else if (id === 3) {
        functions.push(r.u32());
      } else if (id === 6) {
        const type = globalType(r);
        line(`(global ${type} ${constant(r)})`);
      } else if (id === 7) {
        line(`(export "${r.name()}" (${KINDS[r.byte()]} ${r.u32()}))`);
      } else if (id === 9) {
        line(element(r));
      } else if (id === 10) {
        const stop = r.u32() + r.at;
        const type = functions[n] ?? 0;
        line(`(func (;${n + imported};) (type ${type})${signatures[type] ?? ''}`);
        const locals = Array.from({ length: r.u32() }, () => Array(Math.min(r.u32(), 50_000)).fill(r.type())).flat();
        if (locals.length) line(`(local ${locals.join(' ')})`, 2);
        for (const { depth, text } of instructions(r, stop)) line(text, depth + 2, true);
        r.at = stop;
        line(')');
      } else break;
    }
    r.at = end;
  }
  line(')', 0);
  return out;
}

/** @param {Reader} r */
function globalType(r) {
  const type = r.type();
  return r.byte() & 1 ? `(mut ${type})` : type;
}

/** @param {Reader} r */
function element(r) {
  const flags = r.u32();
  const where = flags & 1 ? '' : ` ${constant(r)}`;
  if (flags & 3) r.byte();
  const functions = Array.from({ length: r.u32() }, () => r.u32());
  return `(elem${where} func ${functions.join(' ')})`;
}

/** @param {Uint8Array} bytes */
const hexOf = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** The module as text. @param {Uint8Array} bytes */
export function wat(bytes) {
  return watLines(bytes)
    .map(({ depth, text }) => `${'  '.repeat(depth)}${text}`)
    .join('\n');
}
