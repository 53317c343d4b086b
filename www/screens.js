// @ts-check
/** The guest's consoles behind tabs: the display, and a terminal per serial port, made when somebody is to see it. */

import { element, make } from './dom.js';
import { showError } from './messages.js';

/** @typedef {ReturnType<typeof import('./console.js').makeConsole>} Console */
/** A serial port's terminal, and before there is one what the guest said. @typedef {{ shown: Console | null, said: Uint8Array[], bytes: number }} Port */

/** So much of what a guest says on a port that nobody looks at is kept. */
const MOST_UNSEEN_BYTES = 1 << 20;
/** Lines of a terminal that nobody has seen. */
const LINES = 24;
/** Sequences that a terminal acts on. */
const ESCAPES = /\x1b(\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])/g;

/** xterm.js is larger than the page, and not wanted by who looks at a display. @type {Promise<typeof import('./console.js')> | null} */
let consolesCome = null;
/** Brings what shows serial ports. */
export const bringConsoles = () => (consolesCome ??= import('./console.js'));

/** Whether consoles are told to screen readers, which this browser remembers if it may. */
const SPOKEN = 'console-spoken';
function remembered() {
  try {
    return localStorage.getItem(SPOKEN) === 'yes';
  } catch {
    return false;
  }
}

/** What leads out of a console. */
const HINTS = {
  serial: 'Keys go to the guest; Shift+Tab leaves the console.',
  display: 'Keys go to the guest; Ctrl+Alt leaves the display.',
};

/** @param {{ typed: (port: number, data: Uint8Array<ArrayBuffer>) => void, changed: () => void, find: () => void }} page */
export function makeScreens({ typed, changed, find }) {
  const tabs = element('tabs', HTMLDivElement);
  const frames = element('screens', HTMLDivElement);
  const veil = make('div', { id: 'wait', role: 'status', hidden: true });
  const veilText = make('p');
  const veilBar = make('progress', { max: 1, 'aria-label': 'Progress' });
  veil.append(veilText, veilBar);
  const displayFrame = make('div', { id: 'display', role: 'tabpanel', 'aria-labelledby': 'tab-display', hidden: true });
  frames.append(displayFrame, veil);
  /** @type {Map<string, { tab: HTMLButtonElement, frame: HTMLElement }>} */
  const screens = new Map();
  /** @type {Map<number, Port>} */
  const consoles = new Map();
  let current = 'serial0';
  /** The keys are to go to a console that is still to come. */
  let wanted = false;
  let spoken = remembered();
  const hint = element('console-keys', HTMLParagraphElement);

  /** @param {number} port */
  function terminal(port) {
    if (!screens.has(`serial${port}`)) return null;
    const there = consoles.get(port) ?? { shown: null, said: [], bytes: 0 };
    consoles.set(port, there);
    return there;
  }

  /** Shows a port. @param {number} port */
  async function open(port) {
    const mine = terminal(port);
    try {
      const { makeConsole } = await bringConsoles();
      const { frame } = screens.get(`serial${port}`) ?? { frame: null };
      // Another machine's ports may be there by now.
      if (!frame || !mine || consoles.get(port) !== mine || mine.shown) return;
      mine.shown = makeConsole(frame, (data) => typed(port, data), find, spoken);
      for (const data of mine.said) mine.shown.write(data);
      mine.said = [];
      if (wanted && current === `serial${port}`) focus();
    } catch (e) {
      showError(e);
    }
  }

  const portOf = (/** @type {string} */ id) => Number(id.replace('serial', ''));

  /** @param {string} id */
  function select(id) {
    if (!screens.has(id)) return;
    current = id;
    for (const [name, { tab, frame }] of screens) {
      const on = name === id;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      frame.hidden = !on;
      if (on) tab.classList.remove('news');
    }
    wanted = false;
    if (id !== 'display') open(portOf(id));
    document.body.dataset.screen = id === 'display' ? 'display' : 'serial';
    hint.textContent = HINTS[id === 'display' ? 'display' : 'serial'];
    changed();
  }

  /** @param {string} id @param {string} title @param {HTMLElement} frame */
  function add(id, title, frame) {
    const tab = make('button', { type: 'button', role: 'tab', id: `tab-${id}`, textContent: title, 'aria-controls': frame.id });
    tab.addEventListener('click', () => {
      select(id);
      focus();
    });
    tabs.append(tab);
    screens.set(id, { tab, frame });
  }

  tabs.addEventListener('keydown', (ev) => {
    const step = ev.key === 'ArrowRight' ? 1 : ev.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    const ids = [...screens.keys()];
    const next = ids[(ids.indexOf(current) + step + ids.length) % ids.length];
    if (next) select(next);
    screens.get(current)?.tab.focus();
  });

  function focus() {
    if (current === 'display') displayFrame.querySelector('canvas')?.focus({ preventScroll: true });
    else consoles.get(portOf(current))?.shown?.focus();
    wanted = current !== 'display' && !consoles.get(portOf(current))?.shown;
  }
  // Who went on to something else keeps the keys.
  addEventListener('pointerdown', () => (wanted = false));
  addEventListener('keydown', () => (wanted = false));

  return {
    displayFrame,
    select,
    focus,
    /** What is shown. */
    get current() {
      return current === 'display' ? 'display' : 'serial';
    },
    /** The serial port that is shown, or the first one. */
    get port() {
      return current === 'display' ? 0 : portOf(current);
    },
    /** Tabs for another machine. @param {{ display: boolean, serial: number, first: 'display' | 'serial' }} machine */
    begin({ display, serial, first }) {
      for (const one of consoles.values()) one.shown?.end();
      consoles.clear();
      for (const [id, { frame }] of screens) if (id !== 'display') frame.remove();
      screens.clear();
      tabs.replaceChildren();
      displayFrame.hidden = true;
      if (display) add('display', 'Display', displayFrame);
      for (let port = 0; port < serial; port++) {
        const frame = make('div', { id: port ? `serial${port}` : 'console', className: 'console', role: 'tabpanel', 'aria-label': `Serial port ${port}` });
        frames.insertBefore(frame, veil);
        add(`serial${port}`, `Serial ${port}`, frame);
      }
      select(display && first === 'display' ? 'display' : 'serial0');
    },
    /** @param {number} port @param {Uint8Array} data */
    write(port, data) {
      const to = terminal(port);
      if (to?.shown) to.shown.write(data);
      else if (to) {
        // What a guest says while nobody looks must not be lost.
        to.said.push(data);
        for (to.bytes += data.length; to.bytes > MOST_UNSEEN_BYTES; ) to.bytes -= to.said.shift()?.length ?? to.bytes;
      }
      if (current !== `serial${port}`) screens.get(`serial${port}`)?.tab.classList.add('news');
    },
    /** What the shown serial port's terminal shows, or the first one's. */
    text() {
      const { shown, said = [] } = consoles.get(current === 'display' ? 0 : portOf(current)) ?? {};
      if (shown) return shown.text();
      const decoder = new TextDecoder();
      const all = said.map((data) => decoder.decode(data, { stream: true })).join('');
      return all.replace(ESCAPES, '').replaceAll('\r', '').trimEnd().split('\n').slice(-LINES).join('\n');
    },
    /** The terminal that is shown, if it is there. */
    get console() {
      return current === 'display' ? null : (consoles.get(portOf(current))?.shown ?? null);
    },
    /** Whether a screen reader is told what consoles say. */
    get spoken() {
      return spoken;
    },
    set spoken(on) {
      spoken = on;
      for (const { shown } of consoles.values()) shown?.speak(on);
      try {
        localStorage.setItem(SPOKEN, on ? 'yes' : 'no');
      } catch {
        // It holds for this visit.
      }
    },
    /** Something heavy is under way, or nothing. @param {string | null} text @param {number} [part] */
    wait(text, part) {
      veil.hidden = text === null;
      veilText.textContent = text ?? '';
      if (part === undefined) veilBar.removeAttribute('value');
      else veilBar.value = part;
    },
  };
}
