// @ts-check
/** Fields of the form that are more than a text: cards on the PCI bus, and a date. */

import { make } from './dom.js';
import { freeName } from './plan.js';

/** @typedef {import('./plan.js').Card} Card */

/** What can be plugged. */
const CARDS = /** @type {[string, string][]} */ ([
  ['e1000', 'Intel 82540EM network'], ['rtl8139', 'Realtek 8139 network'], ['ne2k_pci', 'NE2000 network'], ['pcnet', 'AMD PCnet network'],
  ['virtio-net-pci', 'virtio network'], ['virtio-blk-pci', 'virtio disk'], ['virtio-rng-pci', 'virtio entropy'], ['virtio-balloon-pci', 'virtio memory balloon'],
  ['i6300esb', 'Intel 6300ESB watchdog'], ['pvpanic-pci', 'Panic notifier'],
]);
const NETWORKS = ['e1000', 'rtl8139', 'ne2k_pci', 'pcnet', 'virtio-net-pci'];

/** Properties of QMP's `device_add`: names for people, what they look like, and what is chosen without them. */
const PROPERTIES = /** @type {{ name: string, title: string, looks: RegExp, wrong: string, usual: string, of?: string[] }[]} */ ([
  { name: 'id', title: 'Name (id)', looks: /^[a-zA-Z][\w.-]*$/, wrong: 'A name has letters, digits and -._ alone.', usual: 'none' },
  { name: 'addr', title: 'Slot (addr)', looks: /^(0x)?[0-9a-f]{1,2}(\.0)?$/i, wrong: 'A slot is a hexadecimal number up to 1f.', usual: 'the first that is free' },
  { name: 'mac', title: 'Address (mac)', looks: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, wrong: 'An address has six pairs of hexadecimal digits with colons between.', usual: '52:54:00:12:34:…',
    of: NETWORKS },
  { name: 'serial', title: 'Serial number', looks: /^[\w.-]{1,20}$/, wrong: 'A serial number has up to 20 letters, digits and -._.', usual: 'none', of: ['virtio-blk-pci'] },
]);

/**
 * A list of cards that grows and shrinks, each with its properties.
 * @param {{ id: string, name: string, 'aria-describedby': string }} described
 * @param {Card[]} cards
 * @param {() => Record<string, import('./plan.js').Source>} files the machine's, where cards' disks are put
 * @param {(cards: Card[]) => void} changed
 * @param {(why: string) => void} complain
 */
export function cardList(described, cards, files, changed, complain) {
  const list = make('ul', { className: 'cards-chosen' });
  const add = make('select', described, new Option('Add a card…', ''), ...CARDS.map(([driver, title]) => new Option(`${title} (${driver})`, driver)));
  /** @param {Card} card @param {number} n */
  const row = (card, n) => {
    const title = CARDS.find(([d]) => d === card.driver)?.[1] ?? card.driver;
    const without = () => {
      if (card.drive) delete files()[card.drive];
      put(cards.filter((_, m) => m !== n), add);
    };
    const remove = make('button', { type: 'button', className: 'quiet', textContent: 'Remove', 'aria-label': `Remove ${title}`, onclick: without });
    /** @type {Record<string, string>} */
    const given = card;
    const fields = PROPERTIES.filter(({ of }) => of?.includes(card.driver) ?? true).map(({ name, title: label, looks, wrong, usual }) => {
      const id = `${described.id}-${n}-${name}`;
      const input = make('input', { id, type: 'text', value: given[name] ?? '', placeholder: usual, spellcheck: false });
      input.addEventListener('change', () => {
        const value = input.value.trim();
        if (value && !looks.test(value)) return complain(wrong);
        change(n, name, value);
      });
      return make('div', { className: 'property' }, make('label', { htmlFor: id }, label), input);
    });
    return make('li', {}, title, ' ', remove, ...behind(card, n, title), make('details', { open: PROPERTIES.some(({ name }) => given[name]) }, make('summary', {}, 'Properties'), ...fields));
  };
  /** @param {number} n @param {string} name @param {string} value */
  const change = (n, name, value) => {
    /** @type {Card} */
    const next = { driver: '', ...cards[n] };
    if (value) next[name] = value;
    else delete next[name];
    put(cards.map((c, m) => (m === n ? next : c)));
  };
  /** What is behind a card: a disk's image, an interface's network. @param {Card} card @param {number} n @param {string} title */
  const behind = (card, n, title) => {
    const id = `${described.id}-${n}-behind`;
    const { drive } = card;
    if (drive) {
      const input = make('input', { type: 'file', hidden: true });
      const pick = make('button', { id, type: 'button', textContent: files()[drive]?.name ?? 'Choose…' });
      pick.setAttribute('aria-label', `${pick.textContent}: image of ${title}`);
      pick.classList.toggle('chosen', drive in files());
      pick.addEventListener('click', () => input.click());
      input.addEventListener('change', () => {
        const [file] = input.files ?? [];
        if (!file) return;
        files()[drive] = { name: file.name, blob: file };
        put(cards, add);
      });
      return [make('div', { className: 'property' }, make('label', { htmlFor: id }, 'Image'), pick, input)];
    }
    if (!NETWORKS.includes(card.driver)) return [];
    const select = make('select', { id }, new Option('no cable', ''), new Option('its own network', 'user'));
    select.value = card.netdev ? 'user' : '';
    select.addEventListener('change', () => change(n, 'netdev', select.value && freeName(cards, 'netdev', 'net')));
    return [make('div', { className: 'property' }, make('label', { htmlFor: id }, 'Leads to'), select)];
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
    if (driver) put([...cards, driver === 'virtio-blk-pci' ? { driver, drive: freeName(cards, 'drive', 'card') } : { driver }], add);
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
