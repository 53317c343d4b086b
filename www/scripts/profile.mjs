// @ts-check
/**
 * What of a bundle ran while guests booted, as `tests/web/record.mjs` wrote it down (`cold/BUNDLE.txt`). A line is a function, by its name in Rust:
 * one that did not run alone, one that ran in part with a sum over its instructions and its pieces (`code.mjs`), each a bit, in hexadecimal digits;
 * `+` is before one that ran although `cold.mjs` says that such ones do not.
 * A function that is not in the list, or whose instructions have changed, counts as one that ran: the first part grows until somebody records again.
 */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { decode, pieces, typesOf } from './code.mjs';
import { KIND, Reader, SECTION, functionNames, items, sections, sized } from './wasm.mjs';

/** A function of fewer bytes is hardly longer than the stub that it would leave. */
const LEAST_BYTES = 24;
/** Who has less to give is not taken apart. */
const LEAST_TO_PART = 100;

/** @param {string} bundle */
export const profileFile = (bundle) => fileURLToPath(new URL(`cold/${bundle}.txt`, import.meta.url));

/** A function's name without what differs from build to build. @param {string} name */
export const nameOf = (name) => name.replace(/\[[0-9a-f]{16}\]|::h[0-9a-f]{16}$/g, '');

/** A sum over a function's instructions, whatever they name. @param {import('./code.mjs').Code} code */
export const sumOf = ({ insns }) => createHash('sha256').update(Uint8Array.from(insns, ({ op }) => op)).digest('hex').slice(0, 8);

/** @param {boolean[]} ran */
function digits(ran) {
  let text = '';
  for (let i = 0; i < ran.length; i += 4) text += ran.slice(i, i + 4).reduce((sum, on, n) => sum + (on ? 1 << n : 0), 0).toString(16);
  return text;
}

/** @param {string} text @returns {(n: number) => boolean} */
const bits = (text) => (n) => (parseInt(text[n >> 2] ?? 'f', 16) >> (n & 3) & 1) !== 0;

/**
 * @param {Uint8Array} whole a module with names
 * @param {boolean[][]} ran of each function which pieces ran
 * @param {(name: string) => boolean} seemsCold
 */
export function profile(whole, ran, seemsCold) {
  const all = sections(whole);
  const body = (/** @type {number} */ id) => all.find((s) => s.id === id)?.body;
  const names = functionNames(all);
  const types = typesOf(body(SECTION.type));
  const typeNumbers = items(body(SECTION.function), (r) => r.skip()).map((t) => new Reader(t).u32());
  let imported = 0;
  items(body(SECTION.import), (r) => {
    r.text();
    r.text();
    if (r.byte() === KIND.func) imported++;
    r.skip();
  });
  /** @type {Set<string>} */
  const busy = new Set();
  /** @type {Map<string, boolean[]>} */
  const partly = new Map();
  /** @type {Set<string>} */
  const idle = new Set();
  let [bytes, hot, hotPieces] = [0, 0, 0];
  sized(body(SECTION.code)).forEach((code, n) => {
    const name = nameOf(names.get(imported + n) ?? '');
    const mine = ran[n] ?? [];
    bytes += code.length;
    if (!mine[0]) {
      if (code.length >= LEAST_BYTES) idle.add(name);
      return;
    }
    busy.add(name);
    hot += code.length;
    const type = types[typeNumbers[n] ?? 0];
    const decoded = type ? decode(code, type, types) : null;
    if (!decoded) return void (hotPieces += code.length);
    const starts = pieces(decoded).map((i) => decoded.insns[i]?.from ?? 0);
    const cold = starts.reduce((sum, at, i) => sum + (mine[i] ? 0 : (starts[i + 1] ?? code.length) - at), 0);
    hotPieces += code.length - cold;
    if (cold < LEAST_TO_PART) return;
    const key = `${name}\t${sumOf(decoded)}`;
    const before = partly.get(key);
    partly.set(key, mine.map((on, i) => on || (before?.[i] ?? false)));
  });
  const lines = [...[...busy].filter(seemsCold).map((name) => `+${name}`), ...[...idle].filter((name) => !busy.has(name)), ...[...partly].map(([key, on]) => `${key}\t${digits(on)}`)].sort();
  const kib = (/** @type {number} */ b) => `${b >> 10}`;
  return { text: `${lines.join('\n')}\n`, told: `of ${kib(bytes)} KiB of code functions with ${kib(hot)} ran, of these ${kib(hotPieces)} KiB` };
}

/**
 * @param {string} bundle
 * @returns {{ idle: Set<string>, busy: Set<string>, fits: () => { known: number, all: number, changed: number }, pieces: (name: string, code: import('./code.mjs').Code) => ((n: number) => boolean) | null }} functions that did not run,
 * that ran although they seem cold; how many of those that ran in part were found so far, and bytes of those that are no longer as they were, which stay whole; of another which pieces did, null if that is not known
 */
export function readProfile(bundle) {
  const file = profileFile(bundle);
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : [];
  /** @type {Set<string>} */
  const idle = new Set();
  /** @type {Set<string>} */
  const busy = new Set();
  /** @type {Map<string, string>} */
  const partly = new Map();
  for (const line of lines) {
    const [name = '', sum, ran] = line.split('\t');
    if (ran) partly.set(`${name}\t${sum}`, ran);
    else if (name.startsWith('+')) busy.add(name.slice(1));
    else idle.add(name);
  }
  /** @type {Set<string>} */
  const known = new Set();
  const nameIn = (/** @type {string} */ key) => key.slice(0, key.indexOf('\t'));
  /** Bytes of those that the record does not have, by the same keys. @type {Map<string, number>} */
  const others = new Map();
  const changed = () => {
    const lost = new Set([...partly.keys()].filter((key) => !known.has(key)).map(nameIn));
    return [...others].reduce((sum, [key, size]) => sum + (lost.has(nameIn(key)) ? size : 0), 0);
  };
  return {
    idle,
    busy,
    fits: () => ({ known: known.size, all: partly.size, changed: changed() }),
    pieces: (name, code) => {
      const key = `${nameOf(name)}\t${sumOf(code)}`;
      const found = partly.get(key);
      if (found !== undefined) known.add(key);
      else others.set(key, code.body.length);
      return found === undefined ? null : bits(found);
    },
  };
}
