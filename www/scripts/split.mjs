// @ts-check
/**
 * Cuts a module in two: what a guest needs to boot, and the rest, which comes when it is called for the first time or when there is time
 * (`www/rest.js`). A function that moved leaves a stub behind that calls it through the table, so that no other code changes; the
 * stub first sees to it that the rest is there.
 */

import { KIND, Reader, SECTION, functionNames, items, leb, limits, moduleOf, named, sections, sized, sleb, vector, walk } from './wasm.mjs';

const FUNCREF = 0x70;
/** The namespace of what the rest imports. */
const FIRST = named('first');

/** Types of the type section: how many parameters each has. @param {Uint8Array} body */
function parameters(body) {
  const r = new Reader(body);
  return Array.from({ length: r.u32() }, () => {
    if (r.byte() !== 0x60) throw new Error('a type that is no function');
    const count = r.u32();
    r.take(count);
    r.take(r.u32());
    return count;
  });
}

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

/**
 * Statics by the names of a linker's map, and where they are.
 * @param {string} map
 * @param {(name: string) => boolean} wanted
 * @returns {{ at: number, size: number }[]}
 */
export function places(map, wanted) {
  const lines = map.matchAll(/^\s*([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\S*\((\.rodata\S*)\)$/gm);
  return [...lines].flatMap(([, at = '', size = '', name = '']) => (wanted(name) ? [{ at: parseInt(at, 16), size: parseInt(size, 16) }] : []));
}

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
 * @param {{ at: number, size: number }[]} [data] statics that only such functions read
 * @returns {{ first: Buffer, rest: Buffer, moved: Record<number, string> }} `moved`: names of what moved, by its index in the first part
 */
export function split(bytes, cold, data = []) {
  const all = sections(bytes);
  const body = (/** @type {number} */ id) => all.find((s) => s.id === id)?.body;
  /** @param {number} id @param {(b: Uint8Array | undefined) => Uint8Array} change */
  const change = (id, change) => {
    const found = all.find((s) => s.id === id);
    if (!found) throw new Error(`the module has no section ${id}`);
    found.body = change(found.body);
  };
  const names = functionNames(all);
  const types = parameters(body(SECTION.type) ?? new Uint8Array([0]));
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
  const kept = new Set(roots.filter((index) => !isCold(index)));
  for (const index of kept) {
    if (index >= before) walk(bodies[index - before] ?? new Uint8Array(), (f) => kept.has(f) || isCold(f) || kept.add(f));
  }
  const moving = new Set(bodies.map((_, n) => before + n).filter((index) => !kept.has(index)));
  const moved = [...moving].sort((a, b) => a - b);

  // Places of the table: one for each function that moved, and one for who brings them.
  const { least: base, most } = /** @type {ReturnType<typeof table>} */ (tables[calls]);
  const slots = moved.length + 1;
  const call = (/** @type {number} */ slot, /** @type {number} */ type) => [0x41, ...sleb(slot), 0x11, ...leb(type), ...leb(calls)];
  const nothing = types.length;
  const ensure = typeOf.length;
  const ensured = [0, 0x41, ...sleb(base), 0x25, ...leb(calls), 0xd1, 0x04, 0x40, ...call(base + moved.length, nothing), 0x0b, 0x0b];
  /** @param {Uint8Array | number[]} code */
  const whole = (code) => [...leb(code.length), ...code];
  /** @param {number} index @param {number} place */
  const stub = (index, place) => {
    const type = /** @type {number} */ (typeOf[index]);
    const passed = Array.from({ length: types[type] ?? 0 }, (_, n) => [0x20, ...leb(n)]).flat();
    return whole([0, 0x10, ...leb(ensure), ...passed, ...call(base + place, type), 0x0b]);
  };

  // What the rest needs of the first part.
  /** @type {Set<number>} */
  const needed = new Set();
  for (const index of moved) walk(bodies[index - before] ?? new Uint8Array(), (f) => moving.has(f) || needed.add(f));
  const needs = [...needed].sort((a, b) => a - b);
  const place = new Map([...needs, ...moved].map((index, n) => [index, n]));
  /** @param {Uint8Array} code */
  const renumbered = (code) => {
    /** @type {Uint8Array[]} */
    const parts = [];
    let done = 0;
    walk(code, (index, from, to) => {
      parts.push(code.subarray(done, from), Buffer.from(leb(place.get(index) ?? 0)));
      done = to;
    });
    return whole(Buffer.concat([...parts, code.subarray(done)]));
  };
  const memory = new Reader(body(SECTION.memory) ?? new Uint8Array([1, 0, 0]));
  memory.u32();
  const { flags, least, most: ceiling } = limits(memory);
  const { taken, left } = cut(segments(body(SECTION.data)), data);
  /** @param {string} name @param {number} kind @param {number[]} of */
  const wants = (name, kind, of) => [...FIRST, ...named(name), kind, ...of];
  const rest = moduleOf([
    { id: SECTION.type, body: body(SECTION.type) ?? new Uint8Array() },
    { id: SECTION.import, body: vector([
      wants('memory', KIND.memory, [flags, ...leb(least), ...(ceiling === undefined ? [] : leb(ceiling))]),
      ...tables.map((t, n) => wants(`t${n}`, KIND.table, [t.type, 0, ...leb(n === calls ? base + slots : t.least)])),
      ...globals.map((g, n) => wants(`g${n}`, KIND.global, [g.type, g.mutable])),
      ...needs.map((index) => wants(`f${index}`, KIND.func, leb(typeOf[index] ?? 0))),
    ]) },
    { id: SECTION.function, body: vector(moved.map((index) => leb(typeOf[index] ?? 0))) },
    { id: SECTION.element, body: vector([[...(calls ? [2, ...leb(calls)] : [0]), 0x41, ...sleb(base), 0x0b, ...(calls ? [0] : []),
      ...leb(moved.length), ...moved.flatMap((index) => leb(place.get(index) ?? 0))]]) },
    { id: SECTION.code, body: vector(moved.map((index) => renumbered(bodies[index - before] ?? new Uint8Array()))) },
    { id: SECTION.data, body: segmentBytes(taken) },
  ]);

  // The first part.
  change(SECTION.type, (b) => vector([...items(b, (r) => (r.byte(), r.take(r.u32()), r.take(r.u32()))), [0x60, 0, 0]]));
  change(SECTION.function, () => vector([...own, leb(nothing)]));
  change(SECTION.table, (b) => vector(items(b, table).map((t, n) => {
    if (n + imports.tables.length !== calls) return t;
    return [FUNCREF, most === undefined ? 0 : 1, ...leb(base + slots), ...(most === undefined ? [] : leb(most + slots))];
  })));
  /** @param {string} name @param {number} kind @param {number} index */
  const gives = (name, kind, index) => [...named(name), kind, ...leb(index)];
  change(SECTION.export, (b) => vector([
    ...items(b, (r) => void (r.text(), r.byte(), r.skip())),
    gives('functions', KIND.table, calls),
    ...tables.map((_, n) => gives(`t${n}`, KIND.table, n)),
    ...globals.map((_, n) => gives(`g${n}`, KIND.global, n)),
    ...needs.map((index) => gives(`f${index}`, KIND.func, index)),
  ]));
  const placeOf = new Map(moved.map((index, n) => [index, n]));
  change(SECTION.code, () => vector([
    ...bodies.map((code, n) => (placeOf.has(before + n) ? stub(before + n, placeOf.get(before + n) ?? 0) : whole(code))),
    whole(ensured),
  ]));
  const dataSection = all.find((s) => s.id === SECTION.data);
  if (dataSection) dataSection.body = segmentBytes(left);
  const count = all.find((s) => s.id === SECTION.dataCount);
  if (count) count.body = Buffer.from(leb(left.length));
  return { first: moduleOf(all), rest, moved: Object.fromEntries(moved.map((index) => [index, names.get(index) ?? ''])) };
}
