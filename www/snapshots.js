// @ts-check
/** Snapshots: the pane beside a machine, and the list in the chooser. Taking and resuming are the page's business. */

import { bytes, download, element, make, sentence } from './dom.js';
import * as store from './store.js';

/** @typedef {import('./store.js').Saved} Saved */

/**
 * @param {{ now: () => Promise<void>, resume: (saved: Saved, data: Blob) => void, load: (file: File) => void }} page
 */
export function makeSnapshots({ now, resume, load }) {
  const note = element('snap-note', HTMLParagraphElement);
  const nowButton = element('snap-now', HTMLButtonElement);
  const input = element('snap-file', HTMLInputElement);
  const lists = [element('snap-list', HTMLUListElement), element('saved-list', HTMLUListElement)];

  /** @param {unknown} e */
  const complain = (e) => (note.textContent = sentence(e));

  /** @param {Saved} saved @param {(data: Blob) => void} use */
  async function withData(saved, use) {
    try {
      const found = await store.get(saved.id);
      if (!found) throw new Error('This snapshot is gone.');
      use(found.data);
    } catch (e) {
      complain(e);
    }
  }

  /** @param {Saved} saved */
  function row(saved) {
    const when = new Date(saved.at);
    const name = `${saved.title}, ${when.toLocaleString()}`;
    const button = (/** @type {string} */ text, /** @type {() => void} */ act) => make('button', { type: 'button', textContent: text, 'aria-label': `${text}: ${name}`, onclick: act });
    const open = make('a', { className: 'button', href: `?resume=${saved.id}`, target: '_blank', rel: 'noopener', textContent: 'Open in a tab', 'aria-label': `Open in a tab: ${name}` });
    const preview = saved.picture ? make('img', { src: saved.picture, alt: '' }) : make('pre', { 'aria-hidden': 'true' }, saved.text.trimEnd().split('\n').slice(-8).join('\n'));
    return make('li', { className: 'row' },
      make('div', { className: 'preview' }, preview),
      make('div', { className: 'row-text' }, make('strong', {}, saved.title), make('p', { className: 'facts' }, `${when.toLocaleString()} · ${bytes(saved.bytes)}`)),
      make('div', { className: 'actions' },
        button('Resume', () => withData(saved, (data) => resume(saved, data))),
        open,
        button('Download', () => withData(saved, (data) => download(`${saved.target}-${when.toISOString().slice(0, 19).replaceAll(':', '')}.tinamou`, data))),
        button('Delete', () => store.remove(saved.id).catch(complain)),
      ),
    );
  }

  async function show() {
    try {
      const all = await store.list();
      for (const list of lists) list.replaceChildren(...all.map(row));
      element('saved', HTMLElement).hidden = !all.length;
    } catch (e) {
      complain(e);
    }
  }

  store.follow(show);
  nowButton.addEventListener('click', async () => {
    nowButton.disabled = true;
    note.textContent = 'Saving…';
    try {
      await now();
      note.textContent = '';
    } catch (e) {
      complain(e);
    } finally {
      nowButton.disabled = false;
    }
  });
  element('snap-upload', HTMLButtonElement).addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    input.value = '';
    if (file) load(file);
  });
  show();
  return { take: () => nowButton.click() };
}
