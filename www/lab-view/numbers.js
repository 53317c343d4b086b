// @ts-check
/** Numbers, bytes and elements, as the Lab view writes them. */

/** @typedef {import('../machine.js').Machine} Machine */

/** @param {bigint | number} n @param {number} [digits] */
export const hex = (n, digits = 0) => `0x${n.toString(16).padStart(digits, '0')}`;

/** The bytes of hexadecimal digits. @param {string} digits */
export const bytesOfHex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** @param {Uint8Array} bytes */
export const hexOfBytes = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** A number of bytes in the guest's order. @param {Uint8Array} bytes @param {boolean} bigEndian */
export function wordOf(bytes, bigEndian) {
  const order = bigEndian ? [...bytes] : [...bytes].reverse();
  return order.reduce((n, b) => (n << 8n) | BigInt(b), 0n);
}

/**
 * An element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean | ((ev: any) => void)>} [attributes] functions are listeners, of the event in their name after `on`
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') made.toggleAttribute(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
