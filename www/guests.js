// @ts-check
/** The guests this page offers, as `guests/index.json` lists them, and their images. */

/** @typedef {'kernel' | 'initrd' | 'bios' | 'vgaBios'} Kind of an image */
/** @typedef {Omit<import('./protocol.js').BootConfig, Kind>} Config */
/**
 * A guest: a machine's configuration whose images are files beside the index; `bytes` is their size, `shows` where it talks first; one that is
 * `unlisted` has no card.
 * @typedef {Config & {
 *   id: string, title: string, note?: string, about?: string, bytes: number, shows?: 'display' | 'serial', unlisted?: boolean,
 *   files: Partial<Record<Kind, string>>
 * }} Guest
 */

/** What is the machine's of a guest. @param {Guest} guest @returns {Config} */
export function configOf({ id, title, note, about, bytes, shows, unlisted, files, ...config }) {
  return config;
}

/** @returns {Promise<Guest[]>} */
export async function loadGuests() {
  const reply = await fetch(new URL('guests/index.json', import.meta.url));
  if (!reply.ok) throw new Error('The list of guests is missing: build the page first (./build.sh web).');
  return (await reply.json()).guests;
}

/**
 * Fetches a file.
 * @param {{ name: string, url?: string }} source relative to the page
 * @param {(done: number, all: number) => void} progress told the bytes that have come, and how many there are if that is known
 * @returns {Promise<ArrayBuffer>}
 */
export async function fetchSource({ name, url = '' }, progress) {
  const reply = await fetch(new URL(url, import.meta.url)).catch(() => null);
  if (!reply?.ok || !reply.body) throw new Error(`${name} could not be loaded (${reply?.status ?? 'no connection'}).`);
  // What is sent compressed arrives longer than it says.
  const all = reply.headers.get('content-encoding') ? 0 : Number(reply.headers.get('content-length') ?? 0);
  let done = 0;
  /** @type {BlobPart[]} */
  const chunks = [];
  const reader = reply.body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    chunks.push(step.value);
    done += step.value.length;
    progress(done, Math.max(done, all));
  }
  return new Blob(chunks).arrayBuffer();
}

/**
 * Fetches a guest's images.
 * @param {Guest} guest
 * @returns {Promise<Partial<Record<Kind, ArrayBuffer>>>}
 */
export async function fetchImages(guest) {
  const named = Object.entries(guest.files).map(async ([name, file]) => [name, await fetchSource({ name: file, url: `guests/${file}` }, () => {})]);
  return Object.fromEntries(await Promise.all(named));
}
