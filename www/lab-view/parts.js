// @ts-check
/** The Lab view's parts: each draws one thing that a {@link Session} knows into an element, whenever it is asked to. */

import { backtrace } from './stack.js';
import { bytesOfHex, el, hex, wordOf } from './numbers.js';
import { watLines } from './wat.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('../qmp-types.js').XRegister} XRegister */
/** @typedef {{ element: HTMLElement, draw: () => void | Promise<void>, goto?: (at: string) => void }} Part */

const CODE_BEFORE = 8;
const CODE_LINES = 32;
const MEMORY_ROWS = 16;
const ROW_BYTES = 16;
const STACK_WORDS = 32;
/** Groups of registers that are open at first. */
const OPEN_GROUPS = ['cpu', 'core', 'dump'];
/** Characters of a name and a value that fit side by side with another. */
const ROW_CHARS = 14;
const GROUP_TITLES = /** @type {Record<string, string>} */ ({ cpu: 'General', core: 'General', dump: 'Registers', cp0: 'System', fpu: 'Floating point', sse: 'SSE' });

/** @param {Session} session @param {string} label @param {string} value @param {(text: string) => void} go */
function place(session, label, value, go) {
  const input = el('input', { type: 'text', value, 'aria-label': label, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' });
  const form = el('form', {
    class: 'place',
    onsubmit: (ev) => {
      ev.preventDefault();
      try {
        session.resolve(input.value);
        input.setCustomValidity('');
        go(input.value);
      } catch (e) {
        input.setCustomValidity(e instanceof Error ? e.message : String(e));
        input.reportValidity();
      }
    },
  });
  input.addEventListener('input', () => input.setCustomValidity(''));
  form.append(input, el('button', { type: 'submit' }, 'Go'));
  return { form, input };
}

/**
 * Something in the place of which one can type.
 * @param {HTMLElement} cell
 * @param {string} label
 * @param {string} text
 * @param {(text: string) => Promise<void>} done
 */
function edit(cell, label, text, done) {
  const input = el('input', { type: 'text', value: text, class: 'edit', 'aria-label': label });
  const old = [...cell.childNodes];
  let over = false;
  const end = async (/** @type {boolean} */ keep) => {
    if (over) return;
    over = true;
    cell.replaceChildren(...old);
    (cell.querySelector('button') ?? cell).focus();
    if (keep && input.value !== text) await done(input.value);
  };
  input.addEventListener('keydown', (ev) => {
    if (ev.key === 'Enter') {
      // The button that gets the focus is not to be pressed by it.
      ev.preventDefault();
      end(true);
    }
    if (ev.key === 'Escape') end(false);
    ev.stopPropagation();
  });
  input.addEventListener('blur', () => end(false));
  input.addEventListener('click', (ev) => ev.stopPropagation());
  cell.replaceChildren(input);
  input.focus();
  input.select();
}

/** The registers; a click changes one. @param {Session} session @returns {Part} */
export function registers(session) {
  const element = el('div', { class: 'registers' });
  /** @type {Map<string, HTMLDetailsElement>} */
  const groups = new Map();
  /** @type {Map<string, HTMLElement>} */
  const cells = new Map();

  /** @param {XRegister} register */
  function make(register) {
    const { name, alias, group, number } = register;
    let frame = groups.get(group);
    if (!frame) {
      frame = el('details', { open: OPEN_GROUPS.includes(group) || groups.size === 0 }, el('summary', {}, GROUP_TITLES[group] ?? group), el('dl'));
      groups.set(group, frame);
      element.append(frame);
    }
    const cell = el('dd');
    const change = () => {
      const now = session.registers.find((r) => r.name === name);
      if (number === undefined || !now) return;
      edit(cell, `new value of ${alias ?? name}`, now.value, async (text) => {
        try {
          await session.setRegister(now, session.resolve(text));
        } catch (e) {
          session.trouble(e);
        }
      });
    };
    cell.append(el('button', { type: 'button', 'data-register': alias ?? name, onclick: change }));
    // A long value has a line of its own.
    const wide = (alias ?? name).length + register.value.replace('0x', '').length > ROW_CHARS;
    frame.querySelector('dl')?.append(el('div', wide ? { class: 'wide' } : {}, el('dt', { title: alias ? name : '' }, alias ?? name), cell));
    cells.set(name, cell);
    return cell;
  }

  return {
    element,
    draw() {
      for (const register of session.registers) {
        const { name, alias, value } = register;
        const cell = cells.get(name) ?? make(register);
        const shown = cell.querySelector('button');
        // A value is being typed.
        if (!shown) continue;
        const text = value.slice(2);
        if (shown.textContent !== text) {
          shown.textContent = text;
          shown.setAttribute('aria-label', `${alias ?? name} ${text}`);
        }
        const before = session.before.get(name);
        shown.classList.toggle('changed', before !== undefined && before !== value);
        shown.title = `${BigInt(value)}${before !== undefined && before !== value ? `, was ${before}` : ''} ${session.symbols.text(BigInt(value))}`.trim();
      }
    },
  };
}

/** An instruction's text with the names of its targets. @param {Session} session @param {string} text */
function symbolised(session, text) {
  if (text.startsWith('(')) return [text];
  const [, mnemonic = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  const name = /\b0x[0-9a-f]{5,16}\b/.exec(rest);
  const known = name ? session.symbols.text(BigInt(name[0])) : '';
  return [el('b', {}, mnemonic), ` ${rest}`, ...(known ? [el('i', {}, ` ${known}`)] : [])];
}

/** Code around the pc or elsewhere; the margin sets breakpoints. @param {Session} session @returns {Part} */
export function code(session) {
  /** Where to look; nothing: at the pc. @type {string | null} */
  let at = null;
  const list = el('ol', { class: 'code', 'aria-label': 'Code' });
  const { form, input } = place(session, 'Address of code', '', (text) => {
    at = text;
    draw();
  });
  input.placeholder = 'address or symbol';
  const follow = el('button', { type: 'button', onclick: () => ((at = null), (input.value = ''), draw()) }, 'At pc');
  form.append(follow);
  const element = el('div', {}, form, list);

  /** Where the listing begins. @param {bigint} target */
  function start(target) {
    const near = session.symbols.near(target);
    if (session.mips) {
      const before = target - 4n * BigInt(CODE_BEFORE);
      // Not before the function, where it is known.
      return near && near.at > before ? near.at & ~3n : before;
    }
    return near && near.offset < 64n ? near.at : target;
  }

  async function draw() {
    follow.disabled = at === null;
    let target = session.pc;
    try {
      if (at !== null) target = session.resolve(at);
    } catch {
      at = null;
    }
    const lines = await session.code(start(target), CODE_LINES);
    const rows = lines.map(({ address, data, text }) => {
      const here = BigInt(address);
      const isSet = session.points.some(({ kind, at: where }) => kind === 'break' && where === here);
      const name = session.symbols.near(here);
      const line = session.lines.get(here);
      const margin = el('button', {
        type: 'button',
        class: 'margin',
        'aria-pressed': String(isSet),
        'aria-label': `Breakpoint at ${session.address(here)}`,
        onclick: () => session.toggle({ kind: 'break', at: here, bytes: session.mips ? 4 : 1 }).catch((e) => session.trouble(e)),
      });
      const row = el(
        'li',
        here === session.pc ? { 'aria-current': 'true' } : {},
        margin,
        el('span', { class: 'address' }, session.address(here)),
        el('span', { class: session.mips ? 'bytes' : 'bytes long' }, session.mips && data ? wordOf(bytesOfHex(data), session.bigEndian).toString(16).padStart(8, '0') : data),
        el('span', { class: 'text' }, ...symbolised(session, text)),
        ...(line ? [el('span', { class: 'line' }, String(line))] : []),
      );
      return name && name.offset === 0n ? [el('li', { class: 'label' }, `${name.name}:`), row] : [row];
    });
    list.replaceChildren(...rows.flat());
    const frame = list.closest('.pane');
    const here = at === null ? list.querySelector('[aria-current]')?.getBoundingClientRect() : null;
    if (!here || !frame) return;
    // This pane alone: what is around it stays where the reader has it.
    const { top, bottom } = frame.getBoundingClientRect();
    frame.scrollTop += Math.max(0, here.bottom - bottom) - Math.max(0, top - here.top);
  }

  return { element, draw, goto: (text) => ((at = text), (input.value = text), draw()) };
}

/** Memory, which can be changed byte by byte. @param {Session} session @returns {Part} */
export function memory(session) {
  let at = session.mips ? '$sp' : '$esp';
  let physical = false;
  /** What was there, by address. @type {Map<bigint, number>} */
  let before = new Map();
  let beforeAt = -1;
  /** @type {Map<bigint, number>} */
  let now = new Map();
  const { form, input } = place(session, 'Address of memory', at, (text) => {
    at = text;
    draw();
  });
  const box = el('input', { type: 'checkbox', onchange: () => ((physical = box.checked), draw()) });
  const move = (/** @type {bigint} */ by) => () => {
    at = hex((base() + by) & ((1n << BigInt(4 * session.digits)) - 1n));
    input.value = at;
    draw();
  };
  const page = BigInt(MEMORY_ROWS * ROW_BYTES);
  form.append(
    el('button', { type: 'button', 'aria-label': 'Before', onclick: move(-page) }, '◂'),
    el('button', { type: 'button', 'aria-label': 'After', onclick: move(page) }, '▸'),
    el('label', {}, box, ' physical'),
  );
  const table = el('table', { class: 'memory', role: 'grid', 'aria-label': 'Memory' });
  const element = el('div', {}, form, el('div', { class: 'scroll' }, table));
  /** Bytes that can be changed. One has the keyboard, arrows go to the others. @type {Map<bigint, HTMLElement>} */
  const places = new Map();
  let cursor = -1n;
  table.addEventListener('keydown', (ev) => {
    const by = /** @type {Record<string, bigint>} */ ({ ArrowRight: 1n, ArrowLeft: -1n, ArrowDown: BigInt(ROW_BYTES), ArrowUp: BigInt(-ROW_BYTES) })[ev.key];
    const to = by && places.get(cursor + by);
    if (!by || !to) return;
    ev.preventDefault();
    to.focus();
  });

  function base() {
    try {
      return session.resolve(at) & ~BigInt(ROW_BYTES - 1);
    } catch {
      return session.pc & ~BigInt(ROW_BYTES - 1);
    }
  }

  /** @param {bigint} where @param {HTMLElement} cell */
  const change = (where, cell) =>
    edit(cell, `byte at ${session.address(where)}`, cell.textContent ?? '', async (text) => {
      try {
        if (!/^([0-9a-f]{2})+$/i.test(text)) throw new Error('bytes are written as pairs of hexadecimal digits');
        await session.write(where, bytesOfHex(text), physical);
      } catch (e) {
        session.trouble(e);
      }
    });

  async function draw() {
    const from = base();
    const size = MEMORY_ROWS * ROW_BYTES;
    const bytes = await session.read(from, size, physical);
    // A range that is mapped in its middle alone is rare: rows that could not be read are asked for again, a page later.
    /** @type {Uint8Array} */
    let later = new Uint8Array();
    const nextPage = 4096 - Number(from & 4095n);
    if (bytes.length < size && nextPage < size) later = await session.read(from + BigInt(nextPage), size - nextPage, physical);
    if (session.icount !== beforeAt) [before, beforeAt] = [now, session.icount];
    now = new Map();
    // What is being typed stays, and who has the keyboard keeps it.
    if (table.querySelector('input')) return;
    const held = table.matches(':focus-within');
    places.clear();
    const rows = Array.from({ length: MEMORY_ROWS }, (_, row) => {
      const start = from + BigInt(row * ROW_BYTES);
      let ascii = '';
      const cells = Array.from({ length: ROW_BYTES }, (_, n) => {
        const offset = row * ROW_BYTES + n;
        const byte = offset < bytes.length ? bytes[offset] : later[offset - nextPage];
        const where = start + BigInt(n);
        ascii += byte === undefined ? ' ' : byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·';
        if (byte === undefined) return el('td', { class: 'none' }, '··');
        const old = before.get(where);
        now.set(where, byte);
        /** @type {HTMLElement} */
        const cell = el('td', {
          ...(old !== undefined && old !== byte ? { class: 'changed' } : {}),
          tabindex: '-1',
          onfocus: () => {
            places.get(cursor)?.setAttribute('tabindex', '-1');
            cursor = where;
            cell.setAttribute('tabindex', '0');
          },
          'data-address': session.address(where),
          onclick: () => change(where, cell),
          onkeydown: (ev) => ev.key === 'Enter' && ev.target === cell && change(where, cell),
        }, byte.toString(16).padStart(2, '0'));
        places.set(where, cell);
        return cell;
      });
      return el('tr', {}, el('th', { scope: 'row', title: session.symbols.text(start) }, session.address(start)), ...cells, el('td', { class: 'ascii' }, ascii));
    });
    table.replaceChildren(el('tbody', {}, ...rows));
    const current = places.get(cursor) ?? [...places.values()][0];
    current?.setAttribute('tabindex', '0');
    if (held) current?.focus();
  }

  return { element, draw, goto: (text) => ((at = text), (input.value = text), draw()) };
}

/** Who called whom, and the words on the stack. @param {Session} session @param {(at: string) => void} show @returns {Part} */
export function stack(session, show) {
  const frames = el('ol', { class: 'frames', 'aria-label': 'Calls' });
  const words = el('table', { class: 'words', 'aria-label': 'Stack' });
  return {
    element: el('div', {}, el('h2', {}, 'Calls'), frames, el('h2', {}, 'Stack'), el('div', { class: 'scroll' }, words)),
    async draw() {
      const calls = await backtrace(session);
      frames.replaceChildren(
        ...calls.map(({ pc, how }) =>
          el('li', {}, el('button', { type: 'button', class: 'link', onclick: () => show(hex(pc)) }, session.address(pc)), ` ${session.symbols.text(pc)}`, el('i', {}, how ? ` ${how}` : '')),
        ),
      );
      const pointer = session.registers.find((r) => ['sp', 'esp', 'rsp'].includes(r.alias ?? r.name) || ['sp', 'esp', 'rsp'].includes(r.name));
      if (!pointer) return words.replaceChildren();
      const bytes = pointer.bits / 8;
      const top = BigInt(pointer.value);
      const data = await session.read(top, STACK_WORDS * bytes);
      const rows = Array.from({ length: Math.floor(data.length / bytes) }, (_, n) => {
        const at = top + BigInt(n * bytes);
        const value = wordOf(data.slice(n * bytes, (n + 1) * bytes), session.bigEndian);
        return el('tr', {}, el('th', { scope: 'row' }, session.address(at)), el('td', {}, value.toString(16).padStart(2 * bytes, '0')), el('td', { class: 'name' }, session.symbols.text(value)));
      });
      words.replaceChildren(el('tbody', {}, ...rows));
      if (!rows.length) words.replaceChildren(el('caption', {}, 'The stack pointer leads to no memory.'));
    },
  };
}

/** Breakpoints and watchpoints. @param {Session} session @returns {Part} */
export function points(session) {
  const list = el('ul', { class: 'points', 'aria-label': 'Breakpoints and watchpoints' });
  const kind = el(
    'select',
    { 'aria-label': 'Kind' },
    ...[['break', 'stop at'], ['write', 'watch writes to'], ['read', 'watch reads of'], ['access', 'watch']].map(([value, text]) => new Option(text, value)),
  );
  const bytes = el('select', { 'aria-label': 'Bytes' }, ...['1', '2', '4', '8', '16'].map((n) => new Option(`${n} bytes`, n, n === '4', n === '4')));
  const { form, input } = place(session, 'Address or symbol', '', async (text) => {
    try {
      const how = /** @type {import('../gdb.js').PointKind} */ (kind.value);
      await session.toggle({ kind: how, at: session.resolve(text), bytes: how === 'break' ? (session.mips ? 4 : 1) : Number(bytes.value) });
      input.value = '';
    } catch (e) {
      session.trouble(e);
    }
  });
  input.placeholder = 'address or symbol';
  input.required = true;
  form.prepend(kind);
  form.querySelector('button')?.before(bytes);
  const button = form.querySelector('button');
  if (button) button.textContent = 'Set';
  kind.addEventListener('change', () => (bytes.hidden = kind.value === 'break'));
  bytes.hidden = true;
  const words = { break: 'stops at', hbreak: 'stops at', write: 'watches writes to', read: 'watches reads of', access: 'watches' };
  return {
    element: el('div', {}, form, list),
    draw() {
      list.replaceChildren(
        ...session.points.map((point) =>
          el(
            'li',
            {},
            `${words[point.kind]} `,
            el('code', {}, session.address(point.at)),
            ` ${session.symbols.text(point.at)}${point.kind === 'break' ? '' : ` (${point.bytes} bytes)`} `,
            el('button', { type: 'button', onclick: () => session.toggle(point).catch((e) => session.trouble(e)) }, 'Remove'),
          ),
        ),
      );
      if (!session.points.length) list.append(el('li', { class: 'none' }, 'None. The margin of the code sets breakpoints, too.'));
    },
  };
}

/** How the MMU sees an address, and the TLB. @param {Session} session @returns {Part} */
export function translation(session) {
  let at = '$pc';
  const { form, input } = place(session, 'Virtual address', at, (text) => {
    at = text;
    draw();
  });
  const steps = el('table', { class: 'steps', 'aria-label': 'Translation' });
  const tlb = el('pre', { class: 'text', tabindex: '0', 'aria-label': 'TLB' });
  const entries = el('details', { ontoggle: () => entries.open && draw() }, el('summary', {}, 'All entries of the MMU'), tlb);
  const element = el('div', {}, form, steps, entries);
  async function draw() {
    let target = session.pc;
    try {
      target = session.resolve(at);
    } catch {
      // The register or symbol is gone: the pc will do.
    }
    const answer = await session.machine.qmp('x-translate', { address: hex(target) });
    const row = (/** @type {string} */ what, /** @type {string} */ found) => el('tr', { class: what }, el('th', { scope: 'row' }, what), el('td', {}, found));
    steps.replaceChildren(el('tbody', {}, row('address', session.address(target)), ...answer.steps.map(({ what, found }) => row(what, found))));
    if (entries.open) {
      const text = await session.machine.qmp('human-monitor-command', { 'command-line': 'info tlb' });
      tlb.textContent = text.replaceAll('\r', '').trim() || 'This processor has no table to show.';
    }
  }
  return { element, draw, goto: (text) => ((at = text), (input.value = text), draw()) };
}

/** The board's devices, and their registers. @param {Session} session @returns {Part} */
export function devices(session) {
  const element = el('div', { class: 'devices' });
  /** @type {Map<string, { state: HTMLElement, frame: HTMLDetailsElement }>} */
  const known = new Map();
  return {
    element,
    async draw() {
      for (const { name, what, ranges, state } of await session.machine.qmp('x-devices')) {
        let entry = known.get(name);
        if (!entry) {
          const pre = el('pre', { class: 'text', tabindex: '0', 'aria-label': `State of ${name}` });
          const where = el('p', { class: 'ranges' }, ranges.map(({ first, last }) => `${first.slice(2)}–${last.slice(2)}`).join('  ') || 'not in the address space');
          entry = { state: pre, frame: el('details', {}, el('summary', {}, el('b', {}, name), ` ${what}`), where, pre) };
          known.set(name, entry);
          element.append(entry.frame);
          entry.frame.open = state !== '';
        }
        const text = state.trim() || 'It says nothing of its registers.';
        entry.state.classList.toggle('changed', entry.state.textContent !== '' && entry.state.textContent !== text);
        entry.state.textContent = text;
      }
    },
  };
}

/** A block in all its forms, side by side. @param {Session} session @returns {Part} */
export function block(session) {
  let at = '$pc';
  let optimised = true;
  const { form } = place(session, 'Address of code', at, (text) => {
    at = text;
    draw();
  });
  const box = el('input', { type: 'checkbox', checked: true, onchange: () => ((optimised = box.checked), draw()) });
  form.append(el('label', {}, box, ' after the passes'));
  const guest = el('pre', { class: 'text', tabindex: '0', 'aria-label': 'Guest code' });
  const ir = el('pre', { class: 'text', tabindex: '0', 'aria-label': 'IR' });
  const wasm = el('pre', { class: 'text', tabindex: '0', 'aria-label': 'WebAssembly' });
  const figures = el('p', { class: 'figures' });
  const column = (/** @type {string} */ title, /** @type {HTMLElement} */ pre) => el('div', {}, el('h2', {}, title), pre);
  return {
    element: el('div', {}, form, figures, el('div', { class: 'forms' }, column('Guest', guest), column('IR', ir), column('WebAssembly', wasm))),
    draw,
    goto: (text) => ((at = text), draw()),
  };
  async function draw() {
    let target = session.pc;
    try {
      target = session.resolve(at);
    } catch {
      // The pc will do.
    }
    try {
      const shown = await session.machine.qmp('x-block', { address: hex(target) });
      const insns = await session.code(target, shown.insns);
      guest.textContent = insns.map(({ address, text }) => `${session.address(BigInt(address))}  ${text}`).join('\n');
      ir.textContent = (optimised ? shown.optimised : shown.ir).trimEnd();
      const bytes = bytesOfHex(shown.module);
      const lines = watLines(bytes);
      wasm.textContent = lines.map(({ depth, text }) => `${'  '.repeat(depth)}${text}`).join('\n');
      figures.textContent = `${shown.insns} guest instructions, ${shown.bytes} bytes; ${lines.filter((l) => l.code).length} WebAssembly instructions, a module of ${bytes.length} bytes.`;
    } catch (e) {
      for (const pre of [guest, ir, wasm]) pre.textContent = '';
      figures.textContent = e instanceof Error ? e.message : String(e);
    }
  }
}
