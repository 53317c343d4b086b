// @ts-check
/** The pane with the drives whose media can be changed: what is in them, eject and insert, and CDs made of files. */

import { bytes, element, make, sentence } from './dom.js';
import { makeCd } from './iso9660.js';
import { sniff } from './sniff.js';

/** @typedef {import('./machine.js').Machine} Machine */
/** @typedef {{ device: string, removable: boolean, tray_open?: boolean, inserted?: { file: string, image: { 'virtual-size': number } } }} Drive */

/** Drives for people. @param {string} device */
const title = (device) => (device.startsWith('floppy') ? `Floppy ${device.slice(6)}` : device.replace(/^ide\d+-cd\d+$/, 'CD'));
/** The option that fills a drive when the machine is made. @param {string} device */
export const driveOption = (device) => ({ floppy0: 'fda', floppy1: 'fdb' })[device] ?? 'cdrom';
const isFloppy = (/** @type {Drive} */ d) => d.device.startsWith('floppy');

/** @param {(option: string, image: Blob) => void} changed told what is in a drive from now on */
export function makeMedia(changed) {
  const list = element('media-list', HTMLUListElement);
  const note = element('media-note', HTMLParagraphElement);
  const input = element('media-files', HTMLInputElement);
  /** @type {Machine | null} */
  let machine = null;
  let open = false;
  /** Where the files go that are being chosen; null: where they fit. @type {string | null} */
  let into = null;
  let inserted = 0;

  /** @returns {Promise<Drive[]>} */
  async function drives() {
    const all = machine ? /** @type {Drive[]} */ (/** @type {unknown} */ (await machine.qmp('query-block'))) : [];
    return all.filter((d) => d.removable);
  }

  /** @param {string} device @param {string} name @param {Blob} data */
  async function insert(device, name, data) {
    const of = machine;
    if (!of) throw new Error('There is no machine.');
    // The name is the image's from now on; the same file may come again.
    const file = `${name}${inserted++ ? ` (${inserted})` : ''}`;
    await of.client.call('putDrive', { name: file, data });
    await of.qmp('blockdev-change-medium', { device, filename: file });
    changed(driveOption(device), data);
  }

  /** @param {Drive} d */
  function row(d) {
    const name = title(d.device);
    const act = (/** @type {string} */ text, /** @type {() => Promise<unknown>} */ what) => make('button', { type: 'button', textContent: text, 'aria-label': `${text} ${name}`, onclick: () => work(what) });
    const pick = make('button', { type: 'button', textContent: 'Insert…', 'aria-label': `Insert into ${name}`, onclick: () => choose(d.device) });
    const what = d.inserted ? `${d.inserted.file} · ${bytes(d.inserted.image['virtual-size'])}` : 'empty';
    return make('li', { className: 'drive', 'data-drive': d.device },
      make('div', {}, make('strong', {}, name), make('p', { className: 'facts' }, d.tray_open ? `${what}, tray open` : what)),
      make('div', { className: 'actions' }, pick, ...(d.inserted ? [act('Eject', () => machine?.qmp('eject', { device: d.device }) ?? Promise.resolve())] : [])),
    );
  }

  async function show() {
    if (!open) return;
    try {
      const all = await drives();
      list.replaceChildren(...all.map(row));
    } catch (e) {
      note.textContent = sentence(e);
    }
  }

  /** @param {() => Promise<unknown>} act */
  async function work(act) {
    note.textContent = '';
    try {
      await act();
    } catch (e) {
      note.textContent = sentence(e);
    }
    await show();
  }

  /** @param {string | null} device */
  function choose(device) {
    into = device;
    input.click();
  }

  /** Puts files where they fit: an image into its drive, anything else onto a CD of its own. @param {File[]} files @param {string | null} [device] */
  async function place(files, device = null) {
    const [first] = files;
    if (!first) return;
    const all = await drives();
    const { option } = await sniff(first);
    const image = files.length === 1 && (option === 'cdrom' || option === 'fda');
    const wanted = all.find((d) => (device ? d.device === device : isFloppy(d) === (image && option === 'fda')));
    if (!wanted) throw new Error('This machine has no such drive.');
    if (isFloppy(wanted)) {
      if (files.length > 1) throw new Error('A floppy holds one image; files go onto a CD.');
      return insert(wanted.device, first.name, first);
    }
    if (image && option === 'cdrom') return insert(wanted.device, first.name, first);
    await insert(wanted.device, files.length === 1 ? `${first.name} on a CD` : `${files.length} files on a CD`, makeCd(files));
  }

  element('media-cd', HTMLButtonElement).addEventListener('click', () => choose(null));
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    work(() => place(files, into));
  });

  return {
    /** @param {boolean} now */
    shown(now) {
      open = now;
      show();
    },
    /** @param {Machine} of */
    follow(of) {
      machine = of;
      note.textContent = '';
      of.addEventListener('DEVICE_TRAY_MOVED', show);
      show();
    },
    leave() {
      machine = null;
      list.replaceChildren();
    },
    /** Files that were dropped. @param {File[]} files */
    take: (files) => work(() => place(files)),
  };
}
