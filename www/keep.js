// @ts-check
/** What programs changed in their files, in this browser's private file system (OPFS): one file a name. */

/** Where they are. @param {boolean} create */
async function folder(create) {
  const storage = globalThis.navigator?.storage;
  if (!storage?.getDirectory) throw new Error('there is nowhere to keep files');
  const root = await storage.getDirectory().catch((cause) => {
    throw new Error('this browser keeps no files (a private window?)', { cause });
  });
  return root.getDirectoryHandle('tinamou-trees', { create });
}

/** @param {string} name */
const fileName = (name) => `${encodeURIComponent(name)}.changes`;
/** @param {unknown} e */
const isMissing = (e) => e instanceof DOMException && e.name === 'NotFoundError';

/**
 * The changes of earlier programs; nothing if there are none.
 * @param {string} name
 * @returns {Promise<Uint8Array | undefined>}
 */
export async function keptChanges(name) {
  try {
    const handle = await (await folder(true)).getFileHandle(fileName(name));
    return new Uint8Array(await (await handle.getFile()).arrayBuffer());
  } catch (e) {
    if (isMissing(e)) return undefined;
    throw e;
  }
}

/** Keeps changes: what was there before stays until all is written. @param {string} name @param {Uint8Array} changes */
export async function keepChanges(name, changes) {
  try {
    const handle = await (await folder(true)).getFileHandle(fileName(name), { create: true });
    const out = await handle.createWritable();
    await out.write(/** @type {Uint8Array<ArrayBuffer>} */ (changes));
    await out.close();
  } catch (cause) {
    throw new Error(`what the program changed could not be kept: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Forgets them. @param {string} name */
export async function forgetChanges(name) {
  try {
    await (await folder(false)).removeEntry(fileName(name));
  } catch (e) {
    if (!isMissing(e)) throw e;
  }
}
