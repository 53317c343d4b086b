// @ts-check
/** Snapshots that this browser keeps, for all tabs of the page (IndexedDB). */

/**
 * @typedef {object} Saved
 * @property {string} id
 * @property {string} title
 * @property {string} note
 * @property {number} at milliseconds since 1970
 * @property {number} bytes
 * @property {string} target
 * @property {string} text what the console showed
 * @property {string} picture the display as a data URL, or nothing
 * @property {'display' | 'serial'} shows
 * @property {Record<string, Blob>} [shared] what was in the shared folder, by path
 * @property {string[]} [networks] networks of cards, by their ids
 * @property {string | undefined} [lan] the network's name that its interface leads to
 * @property {Record<string, Blob>} [drives] what was in the drives, by option; a snapshot has what was written to them since
 */

const changes = 'BroadcastChannel' in globalThis ? new BroadcastChannel('tinamou-snapshots') : null;
/** @type {Set<() => void>} */
const followers = new Set();
const tell = () => followers.forEach((f) => f());
if (changes) changes.onmessage = tell;

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser’s store failed'));
  });

/** @type {Promise<IDBDatabase> | null} */
let database = null;

function open() {
  database ??= new Promise((resolve, reject) => {
    if (!('indexedDB' in globalThis)) return reject(new Error('This browser keeps nothing for this page.'));
    const request = indexedDB.open('tinamou', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('snapshots', { keyPath: 'id' });
      request.result.createObjectStore('data');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser’s store cannot be opened'));
  });
  return database;
}

/** @param {IDBTransactionMode} mode @returns {Promise<{ list: IDBObjectStore, data: IDBObjectStore, end: Promise<void> }>} */
async function stores(mode) {
  const transaction = (await open()).transaction(['snapshots', 'data'], mode);
  /** @type {Promise<void>} */
  const end = new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () =>
      reject(transaction.error?.name === 'QuotaExceededError' ? new Error('There is no room left in this browser for the snapshot; download it instead.') : (transaction.error ?? new Error('the store failed')));
  });
  return { list: transaction.objectStore('snapshots'), data: transaction.objectStore('data'), end };
}

/** @returns {Promise<Saved[]>} the newest first */
export async function list() {
  const all = await done((await stores('readonly')).list.getAll());
  return all.sort((a, b) => b.at - a.at);
}

/** @param {string} id @returns {Promise<{ saved: Saved, data: Blob } | null>} */
export async function get(id) {
  const { list, data } = await stores('readonly');
  const [saved, blob] = await Promise.all([done(list.get(id)), done(data.get(id))]);
  return saved && blob ? { saved, data: blob } : null;
}

/** @param {Saved} saved @param {Blob} blob */
export async function put(saved, blob) {
  const { list, data, end } = await stores('readwrite');
  list.put(saved);
  data.put(blob, saved.id);
  await end;
  tell();
  changes?.postMessage(null);
}

/** @param {string} id */
export async function remove(id) {
  const { list, data, end } = await stores('readwrite');
  list.delete(id);
  data.delete(id);
  await end;
  tell();
  changes?.postMessage(null);
}

/** Told of every change, in this tab or another. @param {() => void} follower */
export const follow = (follower) => void followers.add(follower);
