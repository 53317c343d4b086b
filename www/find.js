// @ts-check
/** The bar that finds a text in the console that is shown. */

import { element } from './dom.js';

/** @param {() => ReturnType<typeof import('./console.js').makeConsole> | null} shown the console */
export function makeFind(shown) {
  const bar = element('find', HTMLElement);
  const text = element('find-text', HTMLInputElement);
  const note = element('find-note', HTMLElement);

  /** @param {boolean} back @param {boolean} [grows] */
  function find(back, grows) {
    const found = !text.value || shown()?.find(text.value, back, grows);
    note.textContent = found ? '' : 'not there';
  }
  function close() {
    bar.hidden = true;
    note.textContent = '';
    shown()?.focus();
  }
  text.addEventListener('input', () => find(false, true));
  bar.addEventListener('keydown', (ev) => {
    if (ev.key === 'Enter' && ev.target === text) find(ev.shiftKey);
  });
  // Not when it goes down: the console would feel it come up, and let go what is selected.
  bar.addEventListener('keyup', (ev) => {
    if (ev.key === 'Escape') close();
  });
  element('find-back', HTMLButtonElement).addEventListener('click', () => find(true));
  element('find-next', HTMLButtonElement).addEventListener('click', () => find(false));
  element('find-close', HTMLButtonElement).addEventListener('click', close);

  return {
    open() {
      if (!shown()) return;
      bar.hidden = false;
      text.focus();
      text.select();
    },
    /** The display has nothing to find. */
    changed() {
      if (!shown()) bar.hidden = true;
    },
  };
}
