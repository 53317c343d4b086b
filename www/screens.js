// @ts-check
/** The guest's consoles behind tabs: the display, and a terminal per serial port, made when something is to be seen in it. */

import { makeConsole } from './console.js';
import { element, make } from './dom.js';

/** What leads out of a console. */
const HINTS = {
  serial: 'Keys go to the guest; Shift+Tab leaves the console.',
  display: 'Keys go to the guest; Ctrl+Alt leaves the display.',
};

/** @param {{ typed: (port: number, data: Uint8Array<ArrayBuffer>) => void, changed: () => void }} page */
export function makeScreens({ typed, changed }) {
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
  /** @type {Map<number, ReturnType<typeof makeConsole>>} */
  const consoles = new Map();
  let current = 'serial0';
  const hint = element('console-keys', HTMLParagraphElement);

  /** @param {number} port */
  function terminal(port) {
    const there = consoles.get(port);
    if (there) return there;
    const { frame } = screens.get(`serial${port}`) ?? { frame: null };
    if (!frame) return null;
    const made = makeConsole(frame, (data) => typed(port, data));
    consoles.set(port, made);
    return made;
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
    if (id !== 'display') terminal(portOf(id));
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
    else consoles.get(portOf(current))?.focus();
  }

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
      for (const one of consoles.values()) one.end();
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
      // What a guest says while nobody looks must not be lost.
      terminal(0);
    },
    /** @param {number} port @param {Uint8Array} data */
    write(port, data) {
      terminal(port)?.write(data);
      if (current !== `serial${port}`) screens.get(`serial${port}`)?.tab.classList.add('news');
    },
    /** What the shown serial port's terminal shows, or the first one's. */
    text: () => consoles.get(current === 'display' ? 0 : portOf(current))?.text() ?? '',
    /** Something heavy is under way, or nothing. @param {string | null} text @param {number} [part] */
    wait(text, part) {
      veil.hidden = text === null;
      veilText.textContent = text ?? '';
      if (part === undefined) veilBar.removeAttribute('value');
      else veilBar.value = part;
    },
  };
}
