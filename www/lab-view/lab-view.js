// @ts-check
/**
 * The Lab view: a machine seen from inside. `makeLabView(element)` draws it into an element; `follow(machine)` shows a machine, `leave()` lets
 * go of it. It needs `lab-view.css`, and no other part of the page.
 */

import { block, code, devices, memory, points, registers, stack, translation } from './parts.js';
import { el } from './numbers.js';
import { Session } from './session.js';

/** @typedef {import('../machine.js').Machine} Machine */
/** @typedef {import('./parts.js').Part} Part */

/**
 * What follow may be told.
 * @typedef {object} LabViewOptions
 * @property {Uint8Array | ArrayBuffer | undefined} [symbols] the kernel as an ELF file, or a System.map
 * @property {string | undefined} [runTo] a symbol or address to run to, once
 * @property {ArrayLike<number> | undefined} [lines] addresses and lines of a source in turn
 */

/** The tab with the block's three forms. */
const WIDE_TAB = 5;

let views = 0;

/** @param {HTMLElement} root */
export function makeLabView(root) {
  const id = `lab-view-${++views}`;
  /** @type {Session | null} */
  let session = null;
  /** @type {Part[]} */
  let always = [];
  /** @type {Part[]} */
  let tabbed = [];
  let chosen = 0;
  let drawing = false;
  let again = false;
  root.classList.add('lab-view');

  const state = el('output', { class: 'state', 'aria-live': 'polite' });
  const trouble = el('p', { class: 'trouble', role: 'alert', hidden: true });
  /** @param {string} text @param {string} title @param {(s: Session) => Promise<void>} act */
  const button = (text, title, act) =>
    el('button', { type: 'button', title, onclick: () => session && work(() => act(/** @type {Session} */ (session))) }, text);
  const run = button('Run', 'Let the machine run, or stop it', (s) => (s.running ? s.pause() : s.run()));
  const step = button('Step', 'One instruction', (s) => s.step());
  const over = button('Step over', 'One instruction, and all of a call', (s) => s.over());
  const back = button('Step back', 'One instruction backwards', (s) => s.step(true));
  const runBack = button('Run back', 'Back to the last breakpoint or watchpoint', (s) => s.runBack());
  const file = el('input', { type: 'file', class: 'file', id: `${id}-file` });
  file.addEventListener('change', async () => {
    const [picked] = file.files ?? [];
    if (!picked || !session) return;
    const count = session.name(new Uint8Array(await picked.arrayBuffer()));
    if (!count) say('The file has no symbols: an ELF file with a symbol table or a System.map has.');
  });
  const symbols = el('label', { class: 'symbols', for: file.id, title: 'Names from an ELF file or a System.map' }, 'Symbols…', file);
  const bar = el('div', { class: 'bar', role: 'toolbar', 'aria-label': 'Debugger' }, run, step, over, back, runBack, symbols, state);
  const body = el('div', { class: 'body' });
  const none = el('p', { class: 'nothing' }, 'There is no machine.');
  root.replaceChildren(bar, trouble, body);

  /** @param {string} text */
  function say(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  /** @param {() => Promise<void>} act */
  async function work(act) {
    say('');
    for (const b of [step, over, back, runBack]) b.disabled = true;
    try {
      await act();
    } catch (e) {
      say(e instanceof Error ? e.message : String(e));
    }
    buttons();
  }

  function buttons() {
    const s = session;
    run.disabled = !s;
    run.textContent = s?.running ? 'Pause' : 'Run';
    for (const b of [step, over]) b.disabled = !s || s.running;
    for (const b of [back, runBack]) b.disabled = !s || s.running || !s.reversible;
    back.title = s && !s.reversible ? 'Only a machine whose time is counted (icount) can go backwards' : 'One instruction backwards';
    if (!s) state.textContent = '';
    else {
      const where = `${s.address(s.pc)} ${s.symbols.text(s.pc)}`.trim();
      const how = s.running ? (s.halted ? 'waits for an interrupt' : 'runs') : s.why || 'stopped';
      state.textContent = `${how} · pc ${where} · ${s.icount.toLocaleString('en')} instructions`;
    }
  }

  /** @param {string} title @param {Part} part */
  function tab(title, part) {
    const n = tabbed.push(part) - 1;
    const label = el('button', {
      type: 'button',
      role: 'tab',
      id: `${id}-tab-${n}`,
      'aria-controls': `${id}-panel-${n}`,
      onclick: () => choose(n),
      onkeydown: (ev) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {KeyboardEvent} */ (ev).key];
        if (by) choose((n + by + tabbed.length) % tabbed.length, true);
      },
    }, title);
    const panel = el('div', { role: 'tabpanel', id: `${id}-panel-${n}`, 'aria-labelledby': `${id}-tab-${n}` }, part.element);
    return { label, panel };
  }

  /** @param {number} n @param {boolean} [focus] */
  function choose(n, focus = false) {
    chosen = n;
    for (const [i, label] of [...body.querySelectorAll('[role=tab]')].entries()) {
      label.setAttribute('aria-selected', String(i === n));
      label.setAttribute('tabindex', i === n ? '0' : '-1');
      if (i === n && focus && label instanceof HTMLElement) label.focus();
    }
    // Three columns of text want the whole width.
    body.classList.toggle('wide', n === WIDE_TAB);
    for (const [i, panel] of [...body.querySelectorAll('[role=tabpanel]')].entries()) panel.toggleAttribute('hidden', i !== n);
    draw();
  }

  /** Draws what can be seen. */
  async function draw() {
    if (drawing) {
      again = true;
      return;
    }
    drawing = true;
    do {
      again = false;
      buttons();
      const shown = root.checkVisibility?.() ?? true;
      const part = tabbed[chosen];
      try {
        if (shown) for (const p of [...always, ...(part ? [part] : [])]) await p.draw();
      } catch (e) {
        if (session) say(e instanceof Error ? e.message : String(e));
      }
    } while (again);
    drawing = false;
  }

  function leave() {
    session?.end();
    session = null;
    always = [];
    tabbed = [];
    body.replaceChildren(none);
    say('');
    buttons();
  }

  /**
   * Shows a machine.
   * @param {Machine} machine
   * @param {LabViewOptions} [options]
   */
  async function follow(machine, { symbols: names, lines, runTo } = {}) {
    leave();
    const mine = new Session(machine);
    session = mine;
    try {
      await mine.begin();
    } catch (e) {
      if (session === mine) {
        leave();
        say(e instanceof Error ? e.message : String(e));
      }
      return;
    }
    if (session !== mine) return;
    if (names) mine.name(names instanceof Uint8Array ? names : new Uint8Array(names));
    const source = Array.from(lines ?? []);
    for (let n = 0; n + 1 < source.length; n += 2) mine.lines.set(BigInt(source[n] ?? 0), source[n + 1] ?? 0);
    const codePart = code(mine);
    const registersPart = registers(mine);
    always = [codePart, registersPart];
    const tabs = [
      tab('Memory', memory(mine)),
      tab('Stack', stack(mine, (at) => codePart.goto?.(at))),
      tab('Points', points(mine)),
      tab('Address', translation(mine)),
      tab('Devices', devices(mine)),
      tab('Block', block(mine)),
    ];
    body.replaceChildren(
      el('section', { class: 'pane code-pane', 'aria-label': 'Code' }, codePart.element),
      el('section', { class: 'pane registers-pane', 'aria-label': 'Registers' }, registersPart.element),
      el(
        'section',
        { class: 'pane tabs-pane' },
        el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Views' }, ...tabs.map(({ label }) => label)),
        ...tabs.map(({ panel }) => panel),
      ),
    );
    mine.addEventListener('change', draw);
    mine.addEventListener('trouble', (ev) => say(/** @type {CustomEvent<string>} */ (ev).detail));
    choose(Math.min(chosen, tabs.length - 1));
    if (runTo) await work(() => mine.runTo(mine.resolve(runTo)));
  }

  leave();
  return {
    follow,
    leave,
    draw,
    /** One instruction. @returns {Promise<boolean>} false while no machine is shown */
    step: async () => {
      const of = session;
      if (!of) return false;
      await of.step();
      return true;
    },
  };
}
