// @ts-check
/** The serial console: xterm.js, its colours in both schemes, its size, search, links, and a way out for the keyboard. It comes when one is to be seen. */

import { FitAddon } from './vendor/addon-fit.mjs';
import { SearchAddon } from './vendor/addon-search.mjs';
import { WebLinksAddon } from './vendor/addon-web-links.mjs';
import { Terminal } from './vendor/xterm.mjs';

const SCROLLBACK_LINES = 5000;

/** Sixteen colours that are readable on white. */
const LIGHT = {
  background: '#ffffff',
  foreground: '#23201c',
  cursor: '#94501a',
  selectionBackground: '#e9d5c0',
  black: '#23201c',
  red: '#a3231b',
  green: '#2c6e33',
  yellow: '#8a5a00',
  blue: '#2453a6',
  magenta: '#86348f',
  cyan: '#17697a',
  white: '#655e55',
};

const DARK = {
  background: '#211e1b',
  foreground: '#ece7e0',
  cursor: '#e39a58',
  selectionBackground: '#5a4632',
  black: '#3a352f',
  red: '#ff9a8d',
  green: '#86cf8c',
  yellow: '#e5c070',
  blue: '#8db4f5',
  magenta: '#dba0e3',
  cyan: '#7fcbd9',
  white: '#ece7e0',
};

/**
 * Makes the console inside `frame`.
 * @param {HTMLElement} frame
 * @param {(data: Uint8Array<ArrayBuffer>) => void} typed called with what the user types
 * @param {() => void} [find] Ctrl+Shift+F was pressed
 * @param {boolean} [spoken] what the guest says is told to a screen reader, which costs time
 */
export function makeConsole(frame, typed, find, spoken = false) {
  const darkScheme = matchMedia('(prefers-color-scheme: dark)');
  const narrow = matchMedia('(max-width: 40rem)');
  const terminal = new Terminal({
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
    fontSize: narrow.matches ? 12 : 14,
    scrollback: SCROLLBACK_LINES,
    minimumContrastRatio: 4.5,
    screenReaderMode: spoken,
    theme: darkScheme.matches ? DARK : LIGHT,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  const search = new SearchAddon();
  terminal.loadAddon(search);
  terminal.loadAddon(new WebLinksAddon());
  terminal.open(frame);
  darkScheme.addEventListener('change', () => (terminal.options.theme = darkScheme.matches ? DARK : LIGHT));
  narrow.addEventListener('change', () => (terminal.options.fontSize = narrow.matches ? 12 : 14));
  const resized = new ResizeObserver(() => frame.clientHeight && fit.fit());
  resized.observe(frame);

  // Tab belongs to the guest, so Shift+Tab must lead out.
  terminal.attachCustomKeyEventHandler((ev) => {
    if (find && ev.type === 'keydown' && ev.code === 'KeyF' && ev.ctrlKey && ev.shiftKey) {
      ev.preventDefault();
      find();
      return false;
    }
    return !(ev.key === 'Tab' && ev.shiftKey);
  });
  const encoder = new TextEncoder();
  terminal.onData((text) => typed(encoder.encode(text)));
  terminal.onBinary((text) => typed(Uint8Array.from(text, (c) => c.charCodeAt(0))));

  return {
    /** @param {Uint8Array} data */
    write: (data) => terminal.write(data),
    clear: () => terminal.reset(),
    focus: () => terminal.focus(),
    /** @param {boolean} on */
    speak: (on) => void (terminal.options.screenReaderMode = on),
    /** What is selected; an empty text if nothing is. */
    selection: () => terminal.getSelection(),
    /** Selects the next place of a text, or the one before. @param {string} text @param {boolean} back @param {boolean} [grows] it is still being typed @returns {boolean} whether there is one */
    find: (text, back, grows = false) => (back ? search.findPrevious(text) : search.findNext(text, { incremental: grows })),
    /** What the screen shows. */
    text() {
      const { active } = terminal.buffer;
      const lines = [];
      for (let y = 0; y < terminal.rows; y++) lines.push(active.getLine(active.baseY + y)?.translateToString(true) ?? '');
      return lines.join('\n').trimEnd();
    },
    /** It is not needed any more. */
    end() {
      resized.disconnect();
      terminal.dispose();
    },
  };
}
