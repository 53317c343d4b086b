// @ts-check
/**
 * Bodies of functions as instructions: their nesting, the heights of the operand stack, and which locals are wanted later. What rustc and wasm-opt
 * write without vectors; of other functions `decode` gives null, and they stay as they are.
 */

import { Reader } from './wasm.mjs';

export const OP = {
  unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d, brTable: 0x0e, return: 0x0f,
  call: 0x10, callIndirect: 0x11, returnCall: 0x12, returnCallIndirect: 0x13, get: 0x20, set: 0x21, tee: 0x22, refFunc: 0xd2, bulk: 0xfc, simd: 0xfd,
};

/** @typedef {{ params: number[], results: number[] }} Type */
/**
 * An instruction: its place in the body, and what it names: a local, a label, a function, a type; of `br_table` all labels; of those that open a
 * block its type, where its `else` and its `end` are.
 * @typedef {{ op: number, from: number, to: number, at: number, labels?: number[], type?: Type, els?: number, end?: number }} Insn
 */
/**
 * A block that is open: its instruction (-1: the function), the height of the operand stack below it, and whether nothing comes here any more.
 * @typedef {{ insn: number, base: number, type: Type, dead: boolean }} Frame
 */
/**
 * @typedef {object} Code
 * @property {Uint8Array} body
 * @property {number[]} locals types of parameters and locals
 * @property {number} start where the instructions begin
 * @property {Insn[]} insns the last one is the function's `end`
 * @property {Type} type
 */

/** Types of the type section. @param {Uint8Array | undefined} body @returns {Type[]} */
export function typesOf(body) {
  if (!body) return [];
  const r = new Reader(body);
  const many = () => Array.from({ length: r.u32() }, () => r.byte());
  return Array.from({ length: r.u32() }, () => {
    if (r.byte() !== 0x60) throw new Error('a type that is no function');
    return { params: many(), results: many() };
  });
}

/** @param {Uint8Array} body @param {Type} type @param {Type[]} types @returns {Code | null} */
export function decode(body, type, types) {
  const r = new Reader(body);
  const locals = [...type.params];
  for (let groups = r.u32(); groups > 0; groups--) {
    const count = r.u32();
    const kind = r.byte();
    for (let n = 0; n < count; n++) locals.push(kind);
  }
  const start = r.at;
  /** @type {Insn[]} */
  const insns = [];
  /** @type {Insn[]} */
  const open = [];
  while (r.at < body.length) {
    const from = r.at;
    const op = r.byte();
    /** @type {Insn} */
    const insn = { op, from, to: 0, at: 0 };
    if (op >= OP.block && op <= OP.if) {
      const t = body[r.at] ?? 0;
      if (t === 0x40) insn.type = (r.byte(), { params: [], results: [] });
      else if (t >= 0x40 && t < 0x80) insn.type = { params: [], results: [r.byte()] };
      else insn.type = types[r.u32()];
      open.push(insn);
    } else if (op === OP.else) {
      const opener = open.at(-1);
      if (opener) opener.els = insns.length;
    } else if (op === OP.end) {
      const opener = open.pop();
      if (opener) opener.end = insns.length;
    } else if (op === OP.br || op === OP.brIf || (op >= 0x20 && op <= 0x26) || op === OP.call || op === OP.returnCall || op === OP.refFunc) insn.at = r.u32();
    else if (op === OP.brTable) insn.labels = Array.from({ length: r.u32() + 1 }, () => r.u32());
    else if (op === OP.callIndirect || op === OP.returnCallIndirect) insn.at = r.u32(), r.skip();
    else if (op >= 0x28 && op <= 0x3e) r.skip(), r.skip();
    else if (op === 0x41 || op === 0x42 || op === 0x3f || op === 0x40 || op === 0xd0) r.skip();
    else if (op === 0x43) r.take(4);
    else if (op === 0x44) r.take(8);
    else if (op === 0x1c) r.take(r.u32());
    else if (op === OP.bulk) {
      insn.at = r.u32();
      if (insn.at >= 8) r.skip();
      if ([8, 10, 12, 14].includes(insn.at)) r.skip();
    } else if (op === OP.simd) return null;
    insn.to = r.at;
    insns.push(insn);
  }
  return { body, locals, start, insns, type };
}

/** What an instruction takes from the operand stack and puts there. @param {Insn} insn @param {Type[]} types @param {(f: number) => Type} typeOf */
function effect({ op, at }, types, typeOf) {
  if (op === OP.call) return [typeOf(at).params.length, typeOf(at).results.length];
  if (op === OP.callIndirect) return [1 + (types[at]?.params.length ?? 0), types[at]?.results.length ?? 0];
  if (op === 0x1a || op === 0x21 || op === 0x24) return [1, 0];
  if (op === 0x1b || op === 0x1c) return [3, 1];
  if (op === 0x20 || op === 0x23 || op === 0x3f || (op >= 0x41 && op <= 0x44) || op === 0xd0 || op === 0xd2) return [0, 1];
  if (op === 0x26 || (op >= 0x36 && op <= 0x3e)) return [2, 0];
  if (op === 0x22 || op === 0x25 || (op >= 0x28 && op <= 0x35) || op === 0x40 || op === 0xd1) return [1, 1];
  if (op === OP.bulk) return at < 8 ? [1, 1] : at === 9 || at === 13 ? [0, 0] : at === 15 ? [2, 1] : at === 16 ? [0, 1] : [3, 0];
  if (op === 0x45 || op === 0x50 || (op >= 0x67 && op <= 0x69) || (op >= 0x79 && op <= 0x7b)) return [1, 1];
  if ((op >= 0x8b && op <= 0x91) || (op >= 0x99 && op <= 0x9f) || (op >= 0xa7 && op <= 0xc4)) return [1, 1];
  if (op >= 0x46 && op <= 0xa6) return [2, 1];
  return [0, 0];
}

/** Whether an instruction is where another way may begin behind it. @param {number} op */
const parts = (op) => op === OP.if || op === OP.else || op === OP.end || op === OP.brIf;

/** Straight pieces of a function: the first instruction of each. The first piece is the function's beginning. @param {Code} code */
export function pieces({ insns }) {
  const found = [0];
  for (let i = 0; i + 1 < insns.length; i++) if (parts(insns[i]?.op ?? 0)) found.push(i + 1);
  return found;
}

/**
 * Goes through a function with the blocks that are open.
 * @param {Code} code
 * @param {Type[]} types
 * @param {(f: number) => Type} typeOf
 * @param {(i: number, height: number, frames: Frame[]) => void} visit before each instruction
 */
export function follow({ insns, type }, types, typeOf, visit) {
  /** @type {Frame[]} */
  const frames = [{ insn: -1, base: 0, type: { params: [], results: type.results }, dead: false }];
  let height = 0;
  const stop = (/** @type {Frame} */ frame) => {
    height = frame.base;
    frame.dead = true;
  };
  insns.forEach((insn, i) => {
    visit(i, height, frames);
    const frame = /** @type {Frame} */ (frames.at(-1));
    const { op } = insn;
    if (op >= OP.block && op <= OP.if) {
      const kind = insn.type ?? { params: [], results: [] };
      height = Math.max(frame.base, height - (op === OP.if ? 1 : 0) - kind.params.length);
      frames.push({ insn: i, base: height, type: kind, dead: false });
      height += kind.params.length;
    } else if (op === OP.else) {
      frame.dead = false;
      height = frame.base + frame.type.params.length;
    } else if (op === OP.end) {
      frames.pop();
      height = frame.base + frame.type.results.length;
    } else if (op === OP.brIf) height = Math.max(frame.base, height - 1);
    else if (op === OP.unreachable || op === OP.br || op === OP.brTable || op === OP.return || op === OP.returnCall || op === OP.returnCallIndirect) stop(frame);
    else {
      const [takes = 0, puts = 0] = effect(insn, types, typeOf);
      height = Math.max(frame.base, height - takes) + puts;
    }
  });
}

/** Sets of locals. */
class Locals {
  /** @param {number} count */
  constructor(count) {
    this.words = new Uint32Array((count + 31) >> 5);
  }

  /** @param {number} n */
  has(n) {
    return ((this.words[n >> 5] ?? 0) >>> (n & 31) & 1) !== 0;
  }

  /** @param {number} n */
  add(n) {
    this.words[n >> 5] = (this.words[n >> 5] ?? 0) | 1 << (n & 31);
  }

  /** @param {number} n */
  remove(n) {
    this.words[n >> 5] = (this.words[n >> 5] ?? 0) & ~(1 << (n & 31));
  }

  /** @param {Locals} other @returns {boolean} whether something came */
  join(other) {
    let changed = false;
    other.words.forEach((w, i) => {
      const old = this.words[i] ?? 0;
      this.words[i] = old | w;
      if (this.words[i] !== old) changed = true;
    });
    return changed;
  }
}

/**
 * Which locals are read later, before instructions.
 * @param {Code} code
 * @returns {(i: number) => Locals}
 */
export function liveness({ insns, locals }) {
  /** Where control goes from each instruction that does not just go on. @type {Map<number, number[]>} */
  const next = new Map();
  /** @type {number[]} */
  const open = [];
  const last = insns.length;
  const target = (/** @type {number} */ label) => {
    const opener = open[open.length - 1 - label];
    if (opener === undefined) return last;
    const insn = insns[opener];
    return insn?.op === OP.loop ? opener + 1 : (insn?.end ?? last) + 1;
  };
  insns.forEach((insn, i) => {
    const { op } = insn;
    if (op >= OP.block && op <= OP.if) open.push(i);
    if (op === OP.if) next.set(i, [i + 1, (insn.els ?? insn.end ?? last) + 1]);
    else if (op === OP.else) next.set(i, [(insns[open.at(-1) ?? 0]?.end ?? last) + 1]);
    else if (op === OP.end) open.pop();
    else if (op === OP.br) next.set(i, [target(insn.at)]);
    else if (op === OP.brIf) next.set(i, [target(insn.at), i + 1]);
    else if (op === OP.brTable) next.set(i, [...new Set((insn.labels ?? []).map(target))]);
    else if (op === OP.unreachable || op === OP.return || op === OP.returnCall || op === OP.returnCallIndirect) next.set(i, []);
  });
  const leaders = new Set([0]);
  for (const [i, to] of next) {
    leaders.add(i + 1);
    for (const t of to) leaders.add(t);
  }
  const starts = [...leaders].filter((i) => i <= last).sort((a, b) => a - b);
  const number = new Map(starts.map((s, n) => [s, n]));
  const live = starts.map(() => new Locals(locals.length));
  /** From the end of a block back to an instruction. @param {number} n @param {number} from */
  const back = (n, from) => {
    const end = starts[n + 1] ?? last;
    const out = new Locals(locals.length);
    for (const to of next.get(end - 1) ?? [end]) {
      const block = number.get(Math.min(to, last));
      if (block !== undefined && to < last) out.join(/** @type {Locals} */ (live[block]));
    }
    for (let i = end - 1; i >= from; i--) {
      const insn = insns[i];
      if (insn?.op === OP.get) out.add(insn.at);
      else if (insn?.op === OP.set || insn?.op === OP.tee) out.remove(insn.at);
    }
    return out;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let n = starts.length - 1; n >= 0; n--) {
      const start = starts[n] ?? last;
      if (start < last && live[n]?.join(back(n, start))) changed = true;
    }
  }
  return (i) => {
    if (i >= last) return new Locals(locals.length);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= i) low = middle;
      else high = middle - 1;
    }
    return back(low, i);
  };
}
