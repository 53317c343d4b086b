// @ts-check
/** The emulator in Node. */

import fs from 'node:fs';

import { configOf } from '../../www/guests.js';
import { bundleOf } from '../../www/protocol.js';
import { guest, images } from './guests.mjs';

/**
 * A bundle.
 * @template T
 * @param {string} name
 * @param {T & { default: (options: { module_or_path: Buffer }) => Promise<unknown> }} module
 */
async function ready(name, module) {
  await module.default({ module_or_path: fs.readFileSync(new URL(`../../www/pkg/${name}/tinamou_web_bg.wasm`, import.meta.url)) });
  return module;
}
const mips = await ready('mips', await import('../../www/pkg/mips/tinamou_web.js'));
const x86 = await ready('x86', await import('../../www/pkg/x86/tinamou_web.js'));
const { Program } = await ready('user', await import('../../www/pkg/user/tinamou_web.js'));
const { Machine } = mips;

export { Machine, Program };

/**
 * A guest of the page's list.
 * @param {string} id
 * @param {object} [more] what differs from its configuration
 */
export function make(id, more = {}) {
  const found = guest(id);
  const config = configOf(found);
  const loaded = Object.fromEntries(Object.entries(images(found)).map(([k, f]) => [k, fs.readFileSync(f)]));
  const bundle = bundleOf(config.target ?? '') === 'x86' ? x86 : mips;
  return new bundle.Machine(/** @type {any} */ ({ ...config, ...loaded, ...more }));
}
