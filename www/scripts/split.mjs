// @ts-check
/**
 * Cuts a module in two: what a guest needs to boot, and the rest, which comes when it is called for the first time or when there is time
 * (`www/rest.js`). A function that moved leaves a stub behind that calls it through the table; the stub first sees to
 * it that the rest is there. So does what is left of a function of which pieces moved.
 */

import { decode, typesOf } from './code.mjs';
import { outline } from './outline.mjs';
import { unread } from './statics.mjs';
import { KIND, Reader, SECTION, functionNames, items, leb, limits, moduleOf, named, sections, sized, sleb, vector, walk } from './wasm.mjs';

const FUNCREF = 0x70;
/** The namespace of what the rest imports. */
const FIRST = named('first');

/** @param {Reader} r */
const table = (r) => ({ type: r.byte(), ...limits(r) });
/** @param {Reader} r */
const global = (r) => ({ type: r.byte(), mutable: r.byte() });

/** Goes past a constant expression. @param {Reader} r */
function expression(r) {
  while (r.byte() !== 0x0b) r.skip();
}

/** @param {Uint8Array | undefined} body of the import section */
function imported(body) {
  const found = { functions: /** @type {number[]} */ ([]), tables: /** @type {ReturnType<typeof table>[]} */ ([]), memories: 0, globals: /** @type {ReturnType<typeof global>[]} */ ([]) };
  items(body, (r) => {
    r.text();
    r.text();
    const kind = r.byte();
    if (kind === KIND.func) found.functions.push(r.u32());
    else if (kind === KIND.table) found.tables.push(table(r));
    else if (kind === KIND.memory) found.memories += limits(r) ? 1 : 0;
    else found.globals.push(global(r));
  });
  return found;
}

/** Functions that are called without their names: those in tables. @param {Uint8Array | undefined} body of the element section */
function inTables(body) {
  /** @type {Set<number>} */
  const found = new Set();
  items(body, (r) => {
    if (r.u32() !== 0) throw new Error('a kind of element segment that is not known');
    expression(r);
    for (let n = r.u32(); n > 0; n--) found.add(r.u32());
  });
  return found;
}

/** Functions that are called from outside. @param {Uint8Array | undefined} body of the export section */
function exported(body) {
  /** @type {number[]} */
  const found = [];
  items(body, (r) => {
    r.text();
    const kind = r.byte();
    const index = r.u32();
    if (kind === KIND.func) found.push(index);
  });
  return found;
}

/** A body whose functions have other numbers. @param {Uint8Array} code @param {(index: number) => number} numberOf */
function renumbered(code, numberOf) {
  /** @type {Uint8Array[]} */
  const parts = [];
  let done = 0;
  walk(code, (index, from, to) => {
    parts.push(code.subarray(done, from), Buffer.from(leb(numberOf(index))));
    done = to;
  });
  return Buffer.concat([...parts, code.subarray(done)]);
}

/** The same of the element section. @param {Uint8Array} body @param {(index: number) => number} numberOf */
const renumberedElements = (body, numberOf) => vector(items(body, (r) => {
  r.skip();
  expression(r);
  for (let n = r.u32(); n > 0; n--) r.skip();
}).map((segment) => {
  const r = new Reader(segment, 1);
  expression(r);
  const head = segment.subarray(0, r.at);
  const functions = Array.from({ length: r.u32() }, () => leb(numberOf(r.u32())));
  return Buffer.concat([head, vector(functions)]);
}));

/** The same of the export section's items. @param {Uint8Array | undefined} body @param {(index: number) => number} numberOf */
const renumberedExports = (body, numberOf) => items(body, (r) => void (r.text(), r.byte(), r.skip())).map((item) => {
  const r = new Reader(item);
  r.text();
  const kind = r.byte();
  return kind === KIND.func ? Buffer.concat([item.subarray(0, r.at), Buffer.from(leb(numberOf(r.u32())))]) : item;
});

/** @typedef {{ at: number, bytes: Uint8Array }} Segment */

/** Data segments. @param {Uint8Array | undefined} body @returns {Segment[]} */
function segments(body) {
  if (!body) return [];
  const r = new Reader(body);
  return Array.from({ length: r.u32() }, () => {
    if (r.u32() !== 0 || r.byte() !== 0x41) throw new Error('a kind of data segment that is not known');
    const at = r.u32();
    if (r.byte() !== 0x0b) throw new Error('an address that is not known');
    return { at, bytes: r.take(r.u32()) };
  });
}

/** @param {Segment[]} all */
const segmentBytes = (all) => vector(all.map(({ at, bytes }) => [0, 0x41, ...sleb(at), 0x0b, ...leb(bytes.length), ...bytes]));

/** Parts of segments, and what is left of them. @param {Segment[]} all @param {{ at: number, size: number }[]} ranges */
function cut(all, ranges) {
  /** @type {Segment[]} */
  const taken = [];
  let left = all;
  for (const { at: from, size } of ranges) {
    left = left.flatMap(({ at, bytes }) => {
      const [a, b] = [Math.max(from, at), Math.min(from + size, at + bytes.length)];
      if (a >= b) return [{ at, bytes }];
      taken.push({ at: a, bytes: bytes.subarray(a - at, b - at) });
      return [{ at, bytes: bytes.subarray(0, a - at) }, { at: b, bytes: bytes.subarray(b - at) }].filter((s) => s.bytes.length);
    });
  }
  return { taken, left };
}

/**
 * @param {Uint8Array} bytes a module with names
 * @param {(name: string) => boolean} cold whether a function is to move; what only such ones call moves with them
 * @param {import('./statics.mjs').Static[]} [statics] of the module
 * @param {(name: string, code: import('./code.mjs').Code) => ((n: number) => boolean) | null} [pieces] which pieces of a function that stays ran; the
 * others move
 * @returns {{ first: Buffer, rest: Buffer, moved: Record<number, string> }} `moved`: names of what moved, at least in part, by its index in the first part
 */
export function split(bytes, cold, statics = [], pieces = () => null) {
  const all = sections(bytes);
  const body = (/** @type {number} */ id) => all.find((s) => s.id === id)?.body;
  /** @param {number} id @param {(b: Uint8Array | undefined) => Uint8Array} change */
  const change = (id, change) => {
    const found = all.find((s) => s.id === id);
    if (!found) throw new Error(`the module has no section ${id}`);
    found.body = change(found.body);
  };
  const names = functionNames(all);
  const types = typesOf(body(SECTION.type));
  const imports = imported(body(SECTION.import));
  const before = imports.functions.length;
  const own = items(body(SECTION.function), (r) => r.skip());
  const typeOf = [...imports.functions, ...own.map((t) => new Reader(t).u32())];
  const bodies = sized(body(SECTION.code));
  const tables = [...imports.tables, ...items(body(SECTION.table), table).map((t) => table(new Reader(t)))];
  const calls = tables.findIndex(({ type }) => type === FUNCREF);
  if (calls < imports.tables.length) throw new Error('the module has no table of functions');
  if (imports.memories) throw new Error('the module imports its memory');
  const globals = [...imports.globals, ...items(body(SECTION.global), (r) => (global(r), expression(r))).map((g) => global(new Reader(g)))];

  // What stays: what is called from outside or through a table, and what such functions call in their turn. The rest moves.
  const start = body(SECTION.start);
  const roots = [...inTables(body(SECTION.element)), ...exported(body(SECTION.export)), ...(start ? [new Reader(start).u32()] : [])];
  const isCold = (/** @type {number} */ index) => cold(names.get(index) ?? '');
  const nothing = types.length;
  const ensure = typeOf.push(nothing) - 1;
  const isOwn = (/** @type {number} */ index) => index >= before && index < ensure;
  /** @param {Uint8Array[]} bodies */
  const keptOf = (bodies) => {
    const kept = new Set(roots.filter((index) => !isCold(index)));
    for (const index of kept) {
      if (isOwn(index)) walk(bodies[index - before] ?? new Uint8Array(), (f) => kept.has(f) || isCold(f) || kept.add(f));
    }
    return kept;
  };

  // Pieces of such functions that did not run become functions that move. Their places in the table are the first ones.
  const { least: base, most } = /** @type {ReturnType<typeof table>} */ (tables[calls]);
  const allTypes = [...types, { params: [], results: [] }];
  const typeNumbers = new Map(allTypes.map((t, n) => /** @type {const} */ ([JSON.stringify(t), n])).reverse());
  /** @type {{ type: number, code: Uint8Array }[]} */
  const regions = [];
  /** @type {Set<number>} */
  const parted = new Set();
  for (const index of keptOf(bodies)) {
    if (!isOwn(index)) continue;
    const name = names.get(index) ?? '';
    const type = /** @type {import('./code.mjs').Type} */ (types[typeOf[index] ?? 0]);
    const code = decode(bodies[index - before] ?? new Uint8Array(), type, types);
    const ran = code && pieces(name, code);
    if (!ran) continue;
    const changed = outline(code, ran, {
      types,
      typeOf: (f) => /** @type {import('./code.mjs').Type} */ (types[typeOf[f] ?? 0]),
      before: [0x10, ...leb(ensure)],
      add: (type, code) => {
        const key = JSON.stringify(type);
        const number = typeNumbers.get(key) ?? allTypes.push(type) - 1;
        typeNumbers.set(key, number);
        regions.push({ type: number, code });
        return [0x41, ...sleb(base + regions.length - 1), 0x11, ...leb(number), ...leb(calls)];
      },
    });
    if (!changed) continue;
    bodies[index - before] = changed;
    parted.add(index);
  }

  const kept = keptOf(bodies);
  const moving = new Set(bodies.map((_, n) => before + n).filter((index) => !kept.has(index)));
  const moved = [...moving].sort((a, b) => a - b);
  const typeBytes = vector(allTypes.map((t) => [0x60, ...leb(t.params.length), ...t.params, ...leb(t.results.length), ...t.results]));

  // Places of the table: one for each function that moved, and one for who brings them.
  const firstMoved = base + regions.length;
  const slots = regions.length + moved.length + 1;
  const call = (/** @type {number} */ slot, /** @type {number} */ type) => [0x41, ...sleb(slot), 0x11, ...leb(type), ...leb(calls)];
  const ensured = [0, 0x41, ...sleb(base), 0x25, ...leb(calls), 0xd1, 0x04, 0x40, ...call(base + slots - 1, nothing), 0x0b, 0x0b];
  /** @param {Uint8Array | number[]} code */
  const whole = (code) => [...leb(code.length), ...code];
  /** @param {number} index @param {number} place */
  const stub = (index, place) => {
    const type = /** @type {number} */ (typeOf[index]);
    const passed = Array.from({ length: types[type]?.params.length ?? 0 }, (_, n) => [0x20, ...leb(n)]).flat();
    return Buffer.from([0, 0x10, ...leb(ensure), ...passed, ...call(firstMoved + place, type), 0x0b]);
  };

  // What the rest needs of the first part.
  /** @type {Set<number>} */
  const needed = new Set();
  const movedBodies = [...regions.map(({ code }) => code), ...moved.map((index) => bodies[index - before] ?? new Uint8Array())];
  const movedTypes = [...regions.map(({ type }) => type), ...moved.map((index) => typeOf[index] ?? 0)];
  for (const code of movedBodies) walk(code, (f) => moving.has(f) || needed.add(f));
  const needs = [...needed].sort((a, b) => a - b);
  const place = new Map([...needs, ...regions.map((_, n) => -1 - n), ...moved].map((index, n) => [index, n]));
  const needName = (/** @type {number} */ index) => `.${place.get(index)?.toString(36)}`;
  const memory = new Reader(body(SECTION.memory) ?? new Uint8Array([1, 0, 0]));
  memory.u32();
  const { flags, least, most: ceiling } = limits(memory);
  const data = segments(body(SECTION.data));
  const { taken, left } = cut(data, unread(statics, data, [...kept].flatMap((index) => bodies[index - before] ?? [])));
  /** @param {string} name @param {number} kind @param {number[]} of */
  const wants = (name, kind, of) => [...FIRST, ...named(name), kind, ...of];
  const rest = moduleOf([
    { id: SECTION.type, body: typeBytes },
    { id: SECTION.import, body: vector([
      wants('memory', KIND.memory, [flags, ...leb(least), ...(ceiling === undefined ? [] : leb(ceiling))]),
      ...tables.map((t, n) => wants(`t${n}`, KIND.table, [t.type, 0, ...leb(n === calls ? base + slots : t.least)])),
      ...globals.map((g, n) => wants(`g${n}`, KIND.global, [g.type, g.mutable])),
      ...needs.map((index) => wants(needName(index), KIND.func, leb(typeOf[index] ?? 0))),
    ]) },
    { id: SECTION.function, body: vector(movedTypes.map(leb)) },
    { id: SECTION.element, body: vector([[...(calls ? [2, ...leb(calls)] : [0]), 0x41, ...sleb(base), 0x0b, ...(calls ? [0] : []),
      ...leb(movedBodies.length), ...movedBodies.flatMap((_, n) => leb(needs.length + n))]]) },
    { id: SECTION.code, body: vector(movedBodies.map((code) => whole(renumbered(code, (index) => place.get(index) ?? 0)))) },
    { id: SECTION.data, body: segmentBytes(taken) },
  ]);

  // The first part: what stays, and a stub of each function that moved and is called from there. They are numbered anew.
  const called = new Set(roots);
  for (const index of kept) if (isOwn(index)) walk(bodies[index - before] ?? new Uint8Array(), (f) => called.add(f));
  const present = bodies.map((_, n) => before + n).filter((index) => kept.has(index) || called.has(index));
  const numbers = new Map([...present, ensure].map((index, n) => [index, before + n]));
  const numberOf = (/** @type {number} */ index) => (index < before ? index : numbers.get(index) ?? 0);
  const placeOf = new Map(moved.map((index, n) => [index, n]));
  change(SECTION.type, () => typeBytes);
  change(SECTION.function, () => vector([...present, ensure].map((index) => leb(typeOf[index] ?? 0))));
  change(SECTION.table, (b) => vector(items(b, table).map((t, n) => {
    if (n + imports.tables.length !== calls) return t;
    return [FUNCREF, most === undefined ? 0 : 1, ...leb(base + slots), ...(most === undefined ? [] : leb(most + slots))];
  })));
  change(SECTION.element, (b) => renumberedElements(b ?? new Uint8Array([0]), numberOf));
  if (start) change(SECTION.start, () => Buffer.from(leb(numberOf(new Reader(start).u32()))));
  /** @param {string} name @param {number} kind @param {number} index */
  const gives = (name, kind, index) => [...named(name), kind, ...leb(index)];
  change(SECTION.export, (b) => vector([
    ...renumberedExports(b, numberOf),
    gives('functions', KIND.table, calls),
    ...tables.map((_, n) => gives(`t${n}`, KIND.table, n)),
    ...globals.map((_, n) => gives(`g${n}`, KIND.global, n)),
    ...needs.map((index) => gives(needName(index), KIND.func, numberOf(index))),
  ]));
  change(SECTION.code, () => vector([...present, ensure].map((index) => {
    if (index === ensure) return whole(renumbered(Buffer.from(ensured), numberOf));
    const moves = placeOf.get(index);
    return whole(renumbered(moves === undefined ? (bodies[index - before] ?? new Uint8Array()) : stub(index, moves), numberOf));
  })));
  const dataSection = all.find((s) => s.id === SECTION.data);
  if (dataSection) dataSection.body = segmentBytes(left);
  const count = all.find((s) => s.id === SECTION.dataCount);
  if (count) count.body = Buffer.from(leb(left.length));
  const first = moduleOf(all);
  return { first, rest, moved: Object.fromEntries([...parted, ...moved].filter((index) => numbers.has(index)).map((index) => [numberOf(index), names.get(index) ?? ''])) };
}
