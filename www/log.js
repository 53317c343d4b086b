// @ts-check
/** The log of guest errors: what the guest does that its hardware's manuals forbid. It is kept while the pane is open. */

import { element, make } from './dom.js';

/** Older lines go. */
const MOST_LINES = 1000;

/** @param {() => void} changed the pane was opened or closed */
export function makeLog(changed) {
  const list = element('log-lines', HTMLElement);
  const none = element('log-none', HTMLElement);
  element('log-clear', HTMLButtonElement).addEventListener('click', clear);
  let open = false;

  function clear() {
    list.replaceChildren();
    none.hidden = false;
  }

  return {
    get open() {
      return open;
    },
    /** @param {boolean} now */
    shown(now) {
      open = now;
      changed();
    },
    follow: clear,
    /** @param {{ lines: string[] }} event */
    add({ lines }) {
      const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
      list.append(...lines.slice(-MOST_LINES).map((line) => make('p', {}, line)));
      while (list.childElementCount > MOST_LINES) list.firstElementChild?.remove();
      none.hidden = list.childElementCount > 0;
      if (atEnd) list.scrollTop = list.scrollHeight;
    },
  };
}
