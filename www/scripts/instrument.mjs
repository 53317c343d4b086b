// @ts-check
/** A module that remembers which pieces of its functions ran (`pieces` of `code.mjs`): for `tests/web/record.mjs`. */

import { decode, pieces, typesOf } from './code.mjs';
import { KIND, Reader, SECTION, items, leb, moduleOf, named, sections, sized, vector } from './wasm.mjs';

/** What a mark is exported as: this and its number. */
const MARK = 'ran';
const I32 = 0x7f;

/**
 * @param {Uint8Array} bytes
 * @returns {{ module: Buffer, ran: (exports: Record<string, any>) => boolean[][] }} `ran`: of each function which pieces ran; of functions that
 * are not taken apart there is one
 */
export function instrument(bytes) {
  const all = sections(bytes);
  const body = (/** @type {number} */ id) => all.find((s) => s.id === id)?.body;
  /** @param {number} id @param {Uint8Array} to */
  const put = (id, to) => {
    const found = all.find((s) => s.id === id);
    if (!found) throw new Error(`the module has no section ${id}`);
    found.body = to;
  };
  items(body(SECTION.import), (r) => {
    r.text();
    r.text();
    if (r.byte() !== KIND.func) throw new Error('a kind of import that is not known');
    r.skip();
  });
  const globals = items(body(SECTION.global), (r) => {
    r.take(2);
    while (r.byte() !== 0x0b) r.skip();
  });
  const types = typesOf(body(SECTION.type));
  const typeNumbers = items(body(SECTION.function), (r) => r.skip()).map((t) => new Reader(t).u32());
  let marks = 0;
  /** @type {number[][]} */
  const marksOf = [];
  const bodies = sized(body(SECTION.code)).map((code, n) => {
    const type = types[typeNumbers[n] ?? 0];
    const decoded = type ? decode(code, type, types) : null;
    const r = new Reader(code);
    for (let groups = r.u32(); groups > 0; groups--) r.skip(), r.take(1);
    const places = decoded ? pieces(decoded).map((i) => decoded.insns[i]?.from ?? 0) : [r.at];
    /** @type {Uint8Array[]} */
    const parts = [];
    let done = 0;
    marksOf.push(places.map((at) => {
      parts.push(code.subarray(done, at), Buffer.from([0x41, 1, 0x24, ...leb(globals.length + marks)]));
      done = at;
      return marks++;
    }));
    const marked = Buffer.concat([...parts, code.subarray(done)]);
    return Buffer.concat([Buffer.from(leb(marked.length)), marked]);
  });
  const each = (/** @type {(n: number) => number[]} */ of) => Array.from({ length: marks }, (_, n) => of(n));
  put(SECTION.code, vector(bodies));
  put(SECTION.global, vector([...globals, ...each(() => [I32, 1, 0x41, 0, 0x0b])]));
  put(SECTION.export, vector([
    ...items(body(SECTION.export), (r) => void (r.text(), r.byte(), r.skip())),
    ...each((n) => [...named(`${MARK}${n}`), KIND.global, ...leb(globals.length + n)]),
  ]));
  return { module: moduleOf(all), ran: (exports) => marksOf.map((own) => own.map((n) => exports[`${MARK}${n}`].value !== 0)) };
}
