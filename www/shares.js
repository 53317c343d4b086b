// @ts-check
/** Folders that a page shares with a guest by 9P: how they are given to a machine, and what can be done with one. */

import { bytesOf } from './sources.js';

/** @typedef {import('./sources.js').Source} Source */
/** @typedef {import('./protocol.js').SharedFile} SharedFile */
/** @typedef {{ tag: string, files?: Record<string, Source | Promise<Source>> }} ShareOption a folder: the guest's name of it, and what is in it by path */

/**
 * Files as the worker takes them.
 * @param {Record<string, Source | Promise<Source>>} files
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Record<string, Uint8Array<ArrayBuffer>>>}
 */
export async function contents(files, signal) {
  const each = Object.entries(files).map(async ([name, source]) => [name, await bytesOf(await source, { signal, name })]);
  return Object.fromEntries(await Promise.all(each));
}

/** Folders as the worker takes them. @param {ShareOption[]} shares @param {AbortSignal | undefined} signal */
export const shareOptions = (shares, signal) => Promise.all(shares.map(async ({ tag, files = {} }) => ({ tag, files: await contents(files, signal) })));

/** A folder that page and guest share. */
export class Share {
  /** @type {import('./protocol.js').Client['call']} */
  #call;

  /** @param {string} tag @param {import('./protocol.js').Client['call']} call requests of the machine's worker */
  constructor(tag, call) {
    /** The guest's name of it. */
    this.tag = tag;
    this.#call = call;
  }

  /** The files in it and below. @returns {Promise<SharedFile[]>} */
  list() {
    return this.#call('listShared', { tag: this.tag });
  }

  /** @param {string} path @returns {Promise<Uint8Array<ArrayBuffer> | null>} a file as it is now; null if it is not there */
  read(path) {
    return this.#call('readShared', { tag: this.tag, path });
  }

  /**
   * Puts a file there, in place of one of that name.
   * @param {string} path
   * @param {Source} source
   * @param {{ signal?: AbortSignal | undefined }} [options]
   */
  async write(path, source, { signal } = {}) {
    const files = await contents({ [path]: source }, signal);
    await this.#call('putShared', { tag: this.tag, files });
  }

  /** Removes a file. @param {string} path @returns {Promise<boolean>} whether it was there */
  remove(path) {
    return this.#call('removeShared', { tag: this.tag, path });
  }
}
