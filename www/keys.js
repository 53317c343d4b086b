// @ts-check
/**
 * Keys of a PC keyboard by `KeyboardEvent.code`: their numbers of QMP's `send-key` (make code of scan code set 1, 0x80 more for those
 * behind E0h), and which of them type a character on a US keyboard. It knows no DOM.
 */

/** @type {Record<string, number>} */
const CODES = {
  Escape: 0x01, Minus: 0x0c, Equal: 0x0d, Backspace: 0x0e, Tab: 0x0f, BracketLeft: 0x1a, BracketRight: 0x1b, Enter: 0x1c,
  ControlLeft: 0x1d, Semicolon: 0x27, Quote: 0x28, Backquote: 0x29, ShiftLeft: 0x2a, Backslash: 0x2b, Comma: 0x33, Period: 0x34,
  Slash: 0x35, ShiftRight: 0x36, NumpadMultiply: 0x37, AltLeft: 0x38, Space: 0x39, CapsLock: 0x3a, NumLock: 0x45, ScrollLock: 0x46,
  Numpad7: 0x47, Numpad8: 0x48, Numpad9: 0x49, NumpadSubtract: 0x4a, Numpad4: 0x4b, Numpad5: 0x4c, Numpad6: 0x4d, NumpadAdd: 0x4e,
  Numpad1: 0x4f, Numpad2: 0x50, Numpad3: 0x51, Numpad0: 0x52, NumpadDecimal: 0x53, IntlBackslash: 0x56, F11: 0x57, F12: 0x58,
  NumpadEnter: 0x9c, ControlRight: 0x9d, NumpadDivide: 0xb5, PrintScreen: 0xb7, AltRight: 0xb8, Pause: 0xc6, Home: 0xc7, ArrowUp: 0xc8,
  PageUp: 0xc9, ArrowLeft: 0xcb, ArrowRight: 0xcd, End: 0xcf, ArrowDown: 0xd0, PageDown: 0xd1, Insert: 0xd2, Delete: 0xd3,
  MetaLeft: 0xdb, MetaRight: 0xdc, ContextMenu: 0xdd,
};
for (let n = 1; n <= 10; n++) {
  CODES[`F${n}`] = 0x3a + n;
  CODES[`Digit${n % 10}`] = 0x01 + n;
}
for (const [from, letters] of /** @type {const} */ ([[0x10, 'QWERTYUIOP'], [0x1e, 'ASDFGHJKL'], [0x2c, 'ZXCVBNM']])) {
  [...letters].forEach((letter, n) => (CODES[`Key${letter}`] = from + n));
}

/** A key's number, if the keyboard has it. @param {string} code `KeyboardEvent.code` @returns {number | undefined} */
export const keyNumber = (code) => CODES[code];

/** Characters without and with Shift. */
const PLAIN = { Digit1: '1!', Digit2: '2@', Digit3: '3#', Digit4: '4$', Digit5: '5%', Digit6: '6^', Digit7: '7&', Digit8: '8*', Digit9: '9(',
  Digit0: '0)', Minus: '-_', Equal: '=+', BracketLeft: '[{', BracketRight: ']}', Semicolon: ';:', Quote: '\'"', Backquote: '`~',
  Backslash: '\\|', Comma: ',<', Period: '.>', Slash: '/?', Space: '  ', Enter: '\n\r', Tab: '\t\t', Backspace: '\b\x7f', Escape: '\x1b\x1b' };

/** @type {Map<string, { code: string, shift: boolean }>} */
const CHARS = new Map();
for (const [code, [plain, shifted]] of Object.entries(PLAIN)) {
  if (shifted) CHARS.set(shifted, { code, shift: shifted > ' ' && shifted !== '\x7f' });
  if (plain) CHARS.set(plain, { code, shift: false });
}
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') {
  CHARS.set(letter, { code: `Key${letter}`, shift: true });
  CHARS.set(letter.toLowerCase(), { code: `Key${letter}`, shift: false });
}

/**
 * The keys that type a text on a US keyboard: down and up, in order. Characters without a key are left out.
 * @param {string} text
 * @returns {{ code: number, down: boolean }[]}
 */
export function typing(text) {
  const strokes = [];
  for (const c of text) {
    const key = CHARS.get(c);
    const code = key && CODES[key.code];
    if (!key || code === undefined) continue;
    if (key.shift) strokes.push({ code: 0x2a, down: true });
    strokes.push({ code, down: true }, { code, down: false });
    if (key.shift) strokes.push({ code: 0x2a, down: false });
  }
  return strokes;
}

/** Keys held together, then let go. @param {...string} codes */
export function chord(...codes) {
  const numbers = codes.map((c) => CODES[c]).filter((n) => n !== undefined);
  return [...numbers.map((code) => ({ code, down: true })), ...numbers.reverse().map((code) => ({ code, down: false }))];
}

/** What a terminal sends for keys that are no characters. @type {Record<string, string>} */
export const SEQUENCES = {
  Escape: '\x1b', Tab: '\t', ArrowUp: '\x1b[A', ArrowDown: '\x1b[B', ArrowRight: '\x1b[C', ArrowLeft: '\x1b[D', Home: '\x1b[H', End: '\x1b[F',
  PageUp: '\x1b[5~', PageDown: '\x1b[6~', Delete: '\x1b[3~', Enter: '\r', Backspace: '\x7f',
};
