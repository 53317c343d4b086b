// @ts-check
/** The emulator in Node. */

import fs from 'node:fs';

import { guest, images } from './guests.mjs';

const pkg = new URL('../../www/pkg/', import.meta.url);
const { default: init, Machine, Program } = await import('../../www/pkg/tinamou_web.js');
await init({ module_or_path: fs.readFileSync(new URL('tinamou_web_bg.wasm', pkg)) });

export { Machine, Program };

/**
 * A guest of the page's list.
 * @param {string} id
 * @param {object} [more] what differs from its configuration
 */
export function make(id, more = {}) {
  const found = guest(id);
  const { id: _, title, note, files, ...config } = found;
  const loaded = Object.fromEntries(Object.entries(images(found)).map(([k, f]) => [k, fs.readFileSync(f)]));
  return new Machine(/** @type {any} */ ({ ...config, ...loaded, ...more }));
}
