// @ts-check
/** Files that are dropped onto the page, those in folders with their paths. */

/** A file under another name. @param {File} file @param {string} path */
const named = (file, path) => (path === file.name ? file : new File([file], path, { type: file.type, lastModified: file.lastModified }));

/** @param {FileSystemEntry} entry @param {string} folder its path, with a slash behind it @returns {Promise<File[]>} */
async function below(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) return [named(await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)), path)];
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {File[]} */
  const files = [];
  for (;;) {
    // A browser tells some entries at a time.
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files;
    for (const one of some) files.push(...(await below(one, `${path}/`)));
  }
}

/**
 * The files of a drop, whose data are there only until the event is over: what is asked for then is asked for at once.
 * @param {DataTransfer} data
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(data) {
  const files = [...data.files];
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  return (await Promise.all(entries.map((entry) => (entry ? below(entry, '') : [])))).flat();
}
