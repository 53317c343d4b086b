// @ts-check
/**
 * Takes out of a function what did not run: from the beginning of such a piece to the end of its block. What is taken out becomes a function of
 * its own; in its place that one is called, with the locals that it wants, and gives those that are wanted later and a number for the way to go on.
 */

import { OP, follow, liveness, pieces } from './code.mjs';
import { leb, sleb } from './wasm.mjs';

/** Bytes that must be saved. */
const LEAST_GAIN = 24;
/** The same where nothing was called: around a call engines keep values in memory, also on the ways that go past it. */
const LEAST_GAIN_WITHOUT_CALLS = 250;
const I32 = 0x7f;
const NOTHING = { params: [], results: [] };

/** @typedef {import('./code.mjs').Code} Code */
/** @typedef {import('./code.mjs').Type} Type */
/** @typedef {import('./code.mjs').Frame} Frame */
/** @typedef {{ from: number, to: number, falls: boolean, frames: Frame[] }} Region instructions `from` to `to` (exclusive); whether control gets to its end */

/**
 * What did not run and can be taken out.
 * @param {Code} code @param {Type[]} types @param {(f: number) => Type} typeOf @param {(n: number) => boolean} ran
 */
function regions(code, types, typeOf, ran) {
  const { insns } = code;
  const pieceAt = new Map(pieces(code).map((i, n) => [i, n]));
  /** @type {Region[]} */
  const found = [];
  /** @type {Region | null} */
  let now = null;
  follow(code, types, typeOf, (i, height, frames) => {
    const frame = /** @type {Frame} */ (frames.at(-1));
    if (now && i < now.to) return;
    if (now) {
      now.falls = !frame.dead;
      found.push(now);
      now = null;
    }
    const piece = pieceAt.get(i);
    if (!piece || ran(piece) || frame.dead || height !== frame.base || frame.type.params.length) return;
    const opener = frame.insn < 0 ? undefined : insns[frame.insn];
    const end = opener?.end ?? insns.length - 1;
    const to = opener?.els !== undefined && i <= opener.els ? opener.els : end;
    if ((insns[to]?.from ?? 0) - (insns[i]?.from ?? 0) > LEAST_GAIN) now = { from: i, to, falls: false, frames: frames.map((f) => ({ ...f })) };
  });
  return found;
}

/** @param {number[]} types of locals */
function declared(types) {
  /** @type {[number, number][]} */
  const groups = [];
  for (const type of types) {
    const last = groups.at(-1);
    if (last && last[1] === type) last[0]++;
    else groups.push([1, type]);
  }
  return [...leb(groups.length), ...groups.flatMap(([count, type]) => [...leb(count), type])];
}

/** @param {number} n */
const get = (n) => [OP.get, ...leb(n)];
/** @param {number} n */
const set = (n) => [OP.set, ...leb(n)];
/** @param {number[]} results of a block */
const blockType = (results) => results[0] ?? 0x40;

/**
 * @param {Code} code
 * @param {(n: number) => boolean} ran which pieces did
 * @param {object} module
 * @param {Type[]} module.types
 * @param {(f: number) => Type} module.typeOf
 * @param {(type: Type, body: Uint8Array) => number[]} module.add adds a function, gives what calls it
 * @param {number[]} module.before what is to come before the arguments
 * @returns {Uint8Array | null} the function's body, if something was taken out
 */
export function outline(code, ran, { types, typeOf, add, before }) {
  const { body, insns, locals, type: own } = code;
  const found = regions(code, types, typeOf, ran);
  if (!found.length) return null;
  const live = liveness(code);
  const at = (/** @type {number} */ i) => insns[i]?.from ?? body.length;
  /** Locals that the function gets for what comes back. @type {Map<string, number>} */
  const scratch = new Map();
  /** @type {number[]} */
  const added = [];
  const scratchOf = (/** @type {string} */ what, /** @type {number} */ type) => {
    const key = `${what}${type}`;
    const there = scratch.get(key);
    if (there !== undefined) return there;
    added.push(type);
    scratch.set(key, locals.length + added.length - 1);
    return locals.length + added.length - 1;
  };
  /** @type {Uint8Array[]} */
  const parts = [];
  let done = code.start;

  for (const region of found) {
    const site = takeOut(region);
    if (!site) continue;
    parts.push(body.subarray(done, at(region.from)), Buffer.from(site));
    done = at(region.to);
  }
  if (!parts.length) return null;
  return Buffer.concat([Buffer.from(declared([...locals.slice(own.params.length), ...added])), ...parts, body.subarray(done)]);

  /** @param {Region} region @returns {number[] | null} what comes in its place */
  function takeOut({ from, to, falls, frames }) {
    const frame = /** @type {Frame} */ (frames.at(-1));
    const isLoop = (/** @type {Frame} */ f) => f.insn >= 0 && insns[f.insn]?.op === OP.loop;
    const behind = (/** @type {Frame} */ f) => (f.insn < 0 ? insns.length : isLoop(f) ? f.insn + 1 : (insns[f.insn]?.end ?? 0) + 1);
    /** Ways out: to the region's end, to labels around it, out of the function. */
    let fallsOut = falls;
    let returns = false;
    /** @type {number[]} */
    const exits = [];
    /** @param {number} outer a label as seen from the region @returns {boolean} whether that can be done */
    const leads = (outer) => {
      const f = frames[frames.length - 1 - outer];
      if (!f) return false;
      if (outer === 0 && !isLoop(f)) fallsOut = true;
      else if (f.insn < 0) returns = true;
      else if ((isLoop(f) ? f.type.params : f.type.results).length) return false;
      else if (!exits.includes(outer)) exits.push(outer);
      return true;
    };
    const isWhole = frame.insn < 0;
    if (frame.type.results.length > 1 || own.results.length > 1) return null;
    let gain = LEAST_GAIN_WITHOUT_CALLS;
    const touched = new Set();
    const written = new Set();
    let depth = 0;
    for (let i = from; i < to; i++) {
      const insn = insns[i];
      if (!insn) return null;
      const { op } = insn;
      if (op === OP.call || op === OP.callIndirect) gain = LEAST_GAIN;
      if (op >= OP.block && op <= OP.if) depth++;
      else if (op === OP.end) depth--;
      else if (op >= OP.get && op <= OP.tee) {
        touched.add(insn.at);
        if (op !== OP.get) written.add(insn.at);
      } else if (op === OP.return) {
        if (isWhole) fallsOut = true;
        else returns = true;
      } else if (op === OP.returnCall || op === OP.returnCallIndirect || op === OP.refFunc) return null;
      else if (op === OP.bulk && insn.at >= 8 && insn.at <= 9) return null;
      else if (op === OP.br || op === OP.brIf) {
        if (insn.at >= depth && !leads(insn.at - depth)) return null;
      } else if (op === OP.brTable) {
        for (const label of insn.labels ?? []) if (label >= depth && !leads(label - depth)) return null;
      }
    }
    const byType = (/** @type {number} */ a, /** @type {number} */ b) => (locals[a] ?? 0) - (locals[b] ?? 0) || a - b;
    const wanted = live(from);
    const ins = [...touched].filter((n) => wanted.has(n)).sort(byType);
    const later = [
      ...(fallsOut && !isWhole ? [live((insns[frame.insn]?.end ?? 0) + 1)] : []),
      ...exits.map((outer) => live(behind(/** @type {Frame} */ (frames[frames.length - 1 - outer])))),
    ];
    const outs = [...written].filter((n) => later.some((set) => set.has(n))).sort(byType);

    const ways = (fallsOut ? 1 : 0) + exits.length + (returns ? 1 : 0);
    const chooses = ways > 1;
    const fallen = fallsOut ? frame.type.results : [];
    const returned = returns ? own.results : [];
    const typesOfLocals = (/** @type {number[]} */ list) => list.map((n) => locals[n] ?? I32);
    /** @type {Type} */
    const type = { params: typesOfLocals(ins), results: [...(chooses ? [I32] : []), ...returned, ...fallen, ...typesOfLocals(outs)] };

    // The function that it becomes: labels from inside are the region's end, the exits, the return.
    const inner = [...touched].filter((n) => !ins.includes(n));
    const map = new Map([...ins, ...inner].map((n, i) => [n, i]));
    const extra = [...(chooses ? [I32] : []), ...returned, ...fallen];
    const [way, value, result] = [map.size, map.size + (chooses ? 1 : 0), map.size + (chooses ? 1 : 0) + returned.length];
    const labelOf = (/** @type {number} */ outer) => {
      const f = frames[frames.length - 1 - outer];
      if (f && outer === 0 && !isLoop(f)) return 0;
      return f && f.insn < 0 ? exits.length + 1 : exits.indexOf(outer) + 1;
    };
    const all = exits.length + 1 + (returns ? 1 : 0);
    /** @type {(number[] | Uint8Array)[]} */
    const out = [declared([...typesOfLocals(inner), ...extra]), [OP.block, 0x40]];
    if (returns) out.push([OP.block, blockType(returned)]);
    for (const _ of exits) out.push([OP.block, 0x40]);
    out.push([OP.block, blockType(fallen)]);
    depth = 0;
    for (let i = from; i < to; i++) {
      const insn = /** @type {import('./code.mjs').Insn} */ (insns[i]);
      const { op } = insn;
      const label = (/** @type {number} */ l) => leb(l < depth ? l : depth + labelOf(l - depth));
      if (op >= OP.get && op <= OP.tee) out.push([op, ...leb(map.get(insn.at) ?? 0)]);
      else if (op === OP.br || op === OP.brIf) out.push([op, ...label(insn.at)]);
      else if (op === OP.brTable) out.push([op, ...leb((insn.labels?.length ?? 1) - 1), ...(insn.labels ?? []).flatMap(label)]);
      else if (op === OP.return) out.push([OP.br, ...leb(depth + (isWhole ? 0 : exits.length + 1))]);
      else out.push(body.subarray(insn.from, insn.to));
      if (op >= OP.block && op <= OP.if) depth++;
      else if (op === OP.end) depth--;
    }
    out.push([OP.end], fallen.length ? set(result) : [], [OP.br, ...leb(all - 1)]);
    exits.forEach((_, n) => out.push([OP.end, ...(chooses ? [0x41, ...sleb(n + 1), ...set(way)] : []), OP.br, ...leb(all - 2 - n)]));
    if (returns) out.push([OP.end, ...(returned.length ? set(value) : []), ...(chooses ? [0x41, ...sleb(exits.length + 1), ...set(way)] : [])]);
    out.push([OP.end]);
    extra.forEach((_, n) => out.push(get(map.size + n)));
    for (const n of outs) out.push(get(map.get(n) ?? 0));
    out.push([OP.end]);

    // What comes in its place.
    const size = at(to) - at(from);
    const least = before.length + 2 * (ins.length + outs.length) + 6 + (chooses ? 4 : 0);
    if (size - least < gain) return null;
    const site = [...before, ...ins.flatMap(get), ...add(type, Buffer.concat(out.map((part) => Buffer.from(part)))), ...[...outs].reverse().flatMap(set)];
    if (!chooses) {
      if (exits.length) site.push(OP.br, ...leb(exits[0] ?? 0));
      else if (returns) site.push(OP.return);
      else if (!fallsOut) site.push(OP.unreachable);
      return site;
    }
    const kept = fallen.map((t) => scratchOf('fallen', t));
    const back = returned.map((t) => scratchOf('returned', t));
    site.push(...kept.flatMap(set), ...back.flatMap(set));
    const several = exits.length > 1 || (exits.length > 0 && !fallsOut);
    if (returns || several) {
      const number = scratchOf('way', I32);
      site.push(...set(number));
      if (returns) site.push(...get(number), 0x41, ...sleb(exits.length + 1), 0x46, OP.if, 0x40, ...back.flatMap(get), OP.return, OP.end);
      if (exits.length && fallsOut) {
        site.push(OP.block, 0x40, ...get(number), OP.brTable, ...leb(exits.length), 0, ...exits.flatMap((l) => leb(l + 1)), OP.end);
      } else if (exits.length) site.push(...get(number), OP.brTable, ...leb(exits.length), ...[exits[0] ?? 0, ...exits].flatMap(leb));
      else if (!fallsOut) site.push(OP.unreachable);
    } else site.push(OP.brIf, ...leb(exits[0] ?? 0));
    if (fallsOut) site.push(...kept.flatMap(get));
    return site;
  }
}
