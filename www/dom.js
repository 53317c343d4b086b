// @ts-check
/** Small things for what touches the DOM. */

/** The element with an id, of the class it must have. @template {HTMLElement} T @param {string} id @param {new () => T} type */
export function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<Omit<HTMLElementTagNameMap[K], 'style'>> & Record<string, unknown>} [fields] properties; those with a dash are attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, fields = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name.includes('-')) made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children);
  return made;
}

/** @param {number} n */
export function bytes(n) {
  if (n < 1024) return `${n} B`;
  if (n < 1 << 20) return `${Math.round(n / 1024)} KiB`;
  return n < 2 ** 30 ? `${(n / (1 << 20)).toFixed(n < 10 << 20 ? 1 : 0)} MiB` : `${(n / 2 ** 30).toFixed(1)} GiB`;
}

/** Hands a file to the browser's downloads. @param {string} name @param {Blob} blob */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  make('a', { href: url, download: name }).click();
  // The download has begun when the click is over; some browsers read it later.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {unknown} e */
export const sentence = (e) => (e instanceof Error ? e.message : String(e));
