// @ts-check
/** The folder that page and guest share by 9P: what is in it, files put there, files taken from there. It is a part of the pane of the drives. */

import { bytes, download, element, make, sentence } from './dom.js';
import { SHARE, SHARE_CARD, isPc } from './plan.js';
import { Share } from './shares.js';

/** @typedef {import('./machine.js').Machine} Machine */
/** @typedef {import('./protocol.js').SharedFile} SharedFile */
/** @typedef {Record<string, Blob>} Files by path */

/** A guest changes its files when it likes. */
const LOOK_EVERY_MS = 1500;

/** @param {() => import('./plan.js').Plan | null} plan of the machine */
export function makeSharePane(plan) {
  const frame = element('share', HTMLElement);
  const list = element('share-list', HTMLUListElement);
  const how = element('share-how', HTMLElement);
  const own = element('share-own', HTMLElement);
  const note = element('share-note', HTMLParagraphElement);
  const input = element('share-files', HTMLInputElement);
  /** @type {Machine | null} */
  let machine = null;
  /** The machine has the folder. */
  let there = false;
  /** @type {ReturnType<typeof setInterval> | null} */
  let timer = null;
  let shown = '';

  /** @param {Machine} of */
  const share = (of) => new Share(SHARE, of.client.call.bind(of.client));

  /** @param {SharedFile} file */
  function row({ path, bytes: size }) {
    const take = make('button', { type: 'button', textContent: 'Download', 'aria-label': `Download ${path}`, onclick: () => work(() => save(path)) });
    const remove = make('button', { type: 'button', textContent: 'Delete', 'aria-label': `Delete ${path}`, onclick: () => work(() => drop(path)) });
    const actions = make('div', { className: 'actions' }, take, remove);
    return make('li', { className: 'drive', 'data-file': path }, make('div', {}, make('strong', {}, path), make('p', { className: 'facts' }, bytes(size))), actions);
  }

  /** @param {string} path */
  async function save(path) {
    const data = machine && (await share(machine).read(path));
    if (!data) throw new Error(`${path} is no longer there.`);
    download(path.split('/').at(-1) ?? path, new Blob([data]));
  }

  /** @param {string} path */
  async function drop(path) {
    if (machine && !(await share(machine).remove(path))) throw new Error(`${path} is no longer there.`);
  }

  async function look() {
    const of = machine;
    if (!of || !there) return;
    const files = await share(of).list().catch(() => null);
    if (!files || machine !== of) return;
    // What somebody is about to click stays where it is unless something changed.
    const now = JSON.stringify(files);
    if (now === shown) return;
    shown = now;
    list.replaceChildren(...files.map(row));
  }

  /** @param {() => Promise<unknown>} act */
  async function work(act) {
    note.textContent = '';
    try {
      await act();
    } catch (e) {
      note.textContent = sentence(e);
    }
    await look();
  }

  function show() {
    how.hidden = !there;
    own.hidden = !plan()?.guest?.startsWith('debian-');
  }

  /** Puts files there; the first ones bring the folder. @param {File[]} files */
  async function put(files) {
    const of = machine;
    if (!of) return;
    if (!isPc(plan()?.target ?? '')) throw new Error('Only a PC shares a folder.');
    /** @type {Record<string, Uint8Array<ArrayBuffer>>} */
    const contents = {};
    for (const file of files) contents[file.webkitRelativePath || file.name] = new Uint8Array(await file.arrayBuffer());
    await of.client.call('putShared', { tag: SHARE, files: contents });
    if (there) return;
    // QMP's types do not know the drivers' own properties.
    await of.send({ execute: 'device_add', arguments: SHARE_CARD });
    there = true;
    show();
  }

  element('share-add', HTMLButtonElement).addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length) work(() => put(files));
  });

  return {
    /** @param {boolean} open */
    shown(open) {
      if (timer) clearInterval(timer);
      timer = open ? setInterval(look, LOOK_EVERY_MS) : null;
      if (open) look();
    },
    /** @param {Machine} of */
    follow(of) {
      machine = of;
      there = !!plan()?.share;
      note.textContent = shown = '';
      list.replaceChildren();
      frame.hidden = !isPc(plan()?.target ?? '');
      show();
      look();
    },
    leave() {
      machine = null;
      there = false;
      list.replaceChildren();
    },
    /** Files that were dropped. @param {File[]} files */
    take: (files) => work(() => put(files)),
    /** The files as they are; undefined if there is no folder. @param {Machine} of @returns {Promise<Files | undefined>} */
    async files(of) {
      if (!there) return undefined;
      const from = share(of);
      const all = (await from.list()).map(async ({ path }) => [path, new Blob([(await from.read(path)) ?? new Uint8Array()])]);
      return Object.fromEntries(await Promise.all(all));
    },
  };
}
