// @ts-check
/** Fields of the form that are more than a text: cards on the PCI bus, and a date. */

import { make } from './dom.js';

/** @typedef {import('./plan.js').Card} Card */

/** Cards that need nothing else of the machine's. */
const CARDS = /** @type {[string, string][]} */ ([
  ['e1000', 'Intel 82540EM network'], ['rtl8139', 'Realtek 8139 network'], ['ne2k_pci', 'NE2000 network'], ['pcnet', 'AMD PCnet network'],
  ['virtio-net-pci', 'virtio network'], ['virtio-rng-pci', 'virtio entropy'], ['virtio-balloon-pci', 'virtio memory balloon'],
  ['i6300esb', 'Intel 6300ESB watchdog'], ['pvpanic-pci', 'Panic notifier'],
]);
const NETWORKS = ['e1000', 'rtl8139', 'ne2k_pci', 'pcnet', 'virtio-net-pci'];

/** Properties of QMP's `device_add`: names for people, what they look like, and what is chosen without them. */
const PROPERTIES = /** @type {{ name: string, title: string, looks: RegExp, wrong: string, usual: string, of?: string[] }[]} */ ([
  { name: 'id', title: 'Name (id)', looks: /^[a-zA-Z][\w.-]*$/, wrong: 'A name has letters, digits and -._ alone.', usual: 'none' },
  { name: 'addr', title: 'Slot (addr)', looks: /^(0x)?[0-9a-f]{1,2}(\.0)?$/i, wrong: 'A slot is a hexadecimal number up to 1f.', usual: 'the first that is free' },
  { name: 'mac', title: 'Address (mac)', looks: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, wrong: 'An address has six pairs of hexadecimal digits with colons between.', usual: '52:54:00:12:34:…',
    of: NETWORKS },
]);

/**
 * A list of cards that grows and shrinks, each with its properties.
 * @param {{ id: string, name: string, 'aria-describedby': string }} described
 * @param {Card[]} cards
 * @param {(cards: Card[]) => void} changed
 * @param {(why: string) => void} complain
 */
export function cardList(described, cards, changed, complain) {
  const list = make('ul', { className: 'cards-chosen' });
  const add = make('select', described, new Option('Add a card…', ''), ...CARDS.map(([driver, title]) => new Option(`${title} (${driver})`, driver)));
  /** @param {Card} card @param {number} n */
  const row = (card, n) => {
    const title = CARDS.find(([d]) => d === card.driver)?.[1] ?? card.driver;
    const remove = make('button', { type: 'button', className: 'quiet', textContent: 'Remove', 'aria-label': `Remove ${title}`, onclick: () => put(cards.filter((_, m) => m !== n), add) });
    /** @type {Record<string, string>} */
    const given = card;
    const fields = PROPERTIES.filter(({ of }) => of?.includes(card.driver) ?? true).map(({ name, title: label, looks, wrong, usual }) => {
      const id = `${described.id}-${n}-${name}`;
      const input = make('input', { id, type: 'text', value: given[name] ?? '', placeholder: usual, spellcheck: false });
      input.addEventListener('change', () => {
        const value = input.value.trim();
        if (value && !looks.test(value)) return complain(wrong);
        /** @type {Card} */
        const next = { ...cards[n], driver: card.driver };
        if (value) next[name] = value;
        else delete next[name];
        put(cards.map((c, m) => (m === n ? next : c)));
      });
      return make('div', { className: 'property' }, make('label', { htmlFor: id }, label), input);
    });
    return make('li', {}, title, ' ', remove, make('details', { open: Object.keys(card).length > 1 }, make('summary', {}, 'Properties'), ...fields));
  };
  const show = () => {
    list.replaceChildren(...cards.map(row));
    list.hidden = !cards.length;
  };
  /** @param {Card[]} next @param {HTMLElement} [focus] what is used next; without it the fields stay as they are */
  const put = (next, focus) => {
    cards = next;
    complain('');
    if (focus) {
      show();
      focus.focus();
    }
    changed(cards);
  };
  add.addEventListener('change', () => {
    const driver = add.value;
    add.value = '';
    if (driver) put([...cards, { driver }], add);
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
