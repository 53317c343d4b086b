// @ts-check
/** Fields of the form that are more than a text: cards on the PCI bus, and a date. */

import { make } from './dom.js';

/** Cards that need nothing else of the machine's. */
const CARDS = /** @type {[string, string][]} */ ([
  ['e1000', 'Intel 82540EM network'], ['rtl8139', 'Realtek 8139 network'], ['ne2k_pci', 'NE2000 network'], ['pcnet', 'AMD PCnet network'],
  ['virtio-net-pci', 'virtio network'], ['virtio-rng-pci', 'virtio entropy'], ['virtio-balloon-pci', 'virtio memory balloon'],
]);

/**
 * A list of cards that grows and shrinks.
 * @param {{ id: string, name: string, 'aria-describedby': string }} described
 * @param {{ driver: string }[]} cards
 * @param {(cards: { driver: string }[]) => void} changed
 */
export function cardList(described, cards, changed) {
  const list = make('ul', { className: 'cards-chosen' });
  const add = make('select', described, new Option('Add a card…', ''), ...CARDS.map(([driver, title]) => new Option(`${title} (${driver})`, driver)));
  const show = () => {
    list.replaceChildren(...cards.map(({ driver }, n) => {
      const title = CARDS.find(([d]) => d === driver)?.[1] ?? driver;
      const remove = make('button', { type: 'button', className: 'quiet', textContent: 'Remove', 'aria-label': `Remove ${title}`, onclick: () => put(cards.filter((_, m) => m !== n)) });
      return make('li', {}, title, ' ', remove);
    }));
    list.hidden = !cards.length;
  };
  /** @param {{ driver: string }[]} next */
  const put = (next) => {
    cards = next;
    show();
    changed(cards);
    add.focus();
  };
  add.addEventListener('change', () => {
    const driver = add.value;
    add.value = '';
    if (driver) put([...cards, { driver }]);
  });
  show();
  return [list, add];
}

/**
 * A date in UTC as seconds since 1970.
 * @param {{ id: string, name: string, 'aria-describedby': string }} described
 * @param {number | undefined} seconds
 * @param {(seconds: number | null) => void} changed
 */
export function dateInput(described, seconds, changed) {
  const value = seconds === undefined ? '' : new Date(seconds * 1000).toISOString().slice(0, 19);
  const input = make('input', { ...described, type: 'datetime-local', step: '1', value });
  input.addEventListener('change', () => {
    const at = Date.parse(`${input.value}Z`);
    changed(Number.isNaN(at) ? null : Math.max(0, Math.floor(at / 1000)));
  });
  return [input];
}
