// @ts-check
/** The guests this page offers, as `guests/index.json` lists them, and their images. */

/**
 * A guest: a machine's configuration whose images are files beside the index.
 * @typedef {Omit<import('./protocol.js').BootConfig, 'kernel' | 'initrd' | 'bios'> & {
 *   id: string, title: string, note?: string, files: Partial<Record<'kernel' | 'initrd' | 'bios', string>>
 * }} Guest
 */

/** @returns {Promise<Guest[]>} */
export async function loadGuests() {
  const reply = await fetch(new URL('guests/index.json', import.meta.url));
  if (!reply.ok) throw new Error('The list of guests is missing: build the page first (./build.sh web).');
  return (await reply.json()).guests;
}

/**
 * Fetches a guest's images.
 * @param {Guest} guest
 * @param {(part: number) => void} progress told the part that has come, 0 to 1
 * @returns {Promise<Partial<Record<'kernel' | 'initrd' | 'bios', ArrayBuffer>>>}
 */
export async function fetchImages(guest, progress) {
  let have = 0;
  let want = 0;
  /** @type {Partial<Record<'kernel' | 'initrd' | 'bios', ArrayBuffer>>} */
  const images = {};
  await Promise.all(
    Object.entries(guest.files).map(async ([name, file]) => {
      const reply = await fetch(new URL(`guests/${file}`, import.meta.url));
      if (!reply.ok || !reply.body) throw new Error(`${guest.title}: ${file} could not be loaded (${reply.status}).`);
      want += Number(reply.headers.get('content-length') ?? 0);
      /** @type {BlobPart[]} */
      const chunks = [];
      const reader = reply.body.getReader();
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        chunks.push(step.value);
        have += step.value.length;
        if (want) progress(Math.min(1, have / want));
      }
      images[/** @type {'kernel' | 'initrd' | 'bios'} */ (name)] = await new Blob(chunks).arrayBuffer();
    }),
  );
  return images;
}
