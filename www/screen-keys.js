// @ts-check
/** Keys that a touch screen's keyboard does not have, as buttons: for the guest's keyboard, or as what a terminal sends. */

import { make } from './dom.js';

/** Keys in their order: code, label, and its whole name. @type {[string, string, string][]} */
const KEYS = [
  ['Escape', 'Esc', 'Escape'], ['Tab', 'Tab', 'Tab'], ['ControlLeft', 'Ctrl', 'Control'], ['AltLeft', 'Alt', 'Alt'],
  ['ArrowLeft', '←', 'Left'], ['ArrowUp', '↑', 'Up'], ['ArrowDown', '↓', 'Down'], ['ArrowRight', '→', 'Right'],
  ['Home', 'Home', 'Home'], ['End', 'End', 'End'], ['PageUp', 'PgUp', 'Page up'], ['PageDown', 'PgDn', 'Page down'], ['Delete', 'Del', 'Delete'],
  ...Array.from({ length: 12 }, (_, n) => /** @type {[string, string, string]} */ ([`F${n + 1}`, `F${n + 1}`, `F${n + 1}`])),
];
const HELD = ['ControlLeft', 'AltLeft'];

/**
 * @param {HTMLElement} frame
 * @param {(codes: string[]) => void} press keys pressed together
 * @param {() => void} keyboard brings the device's own keyboard
 */
export function makeScreenKeys(frame, press, keyboard) {
  /** Modifiers waiting for their key. @type {Set<string>} */
  const held = new Set();
  /** @type {Map<string, HTMLButtonElement>} */
  const modifiers = new Map();
  const show = () => modifiers.forEach((button, code) => button.setAttribute('aria-pressed', String(held.has(code))));
  const take = () => {
    const codes = [...held];
    held.clear();
    show();
    return codes;
  };
  frame.append(make('button', { type: 'button', textContent: '⌨', 'aria-label': 'Keyboard', onclick: keyboard }));
  for (const [code, label, name] of KEYS) {
    const button = make('button', { type: 'button', textContent: label, title: name });
    // An arrow says nothing to who hears it.
    if (code.startsWith('Arrow')) button.setAttribute('aria-label', name);
    // The console keeps the focus, and a phone its keyboard.
    button.addEventListener('pointerdown', (ev) => ev.preventDefault());
    button.addEventListener('click', () => {
      if (!HELD.includes(code)) return press([...take(), code]);
      if (!held.delete(code)) held.add(code);
      show();
    });
    if (HELD.includes(code)) modifiers.set(code, button);
    frame.append(button);
  }
  show();
  return {
    /** Modifiers that wait, which then do no more. */
    take,
    /** Whether any waits. */
    get waiting() {
      return held.size > 0;
    },
  };
}
