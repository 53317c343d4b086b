#!/usr/bin/env node
// @ts-check
/** v86 in Node with its console on stdin and stdout: `v86.mjs KERNEL INITRD`. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { machineOf } from './v86-options.js';

const file = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const { V86 } = await import(/** @type {any} */ ('./node_modules/v86/build/libv86.mjs'));
const image = (/** @type {string} */ path) => /** @type {ArrayBuffer} */ (new Uint8Array(fs.readFileSync(path)).buffer);
const [kernel = '', initrd = ''] = process.argv.slice(2);
const guests = process.env.GUESTS_DIR ?? file('../../build/guests');
const images = {
  bios: image(`${guests}/seabios/bios.bin`),
  vgaBios: image(`${guests}/seabios/vgabios-stdvga.bin`),
  kernel: image(kernel),
  initrd: image(initrd),
};
const emulator = new V86({ ...machineOf(images), wasm_path: file('node_modules/v86/build/v86.wasm') });
/** @type {number[]} */
let said = [];
emulator.add_listener('serial0-output-byte', (/** @type {number} */ byte) => {
  if (!said.length) setImmediate(flush);
  said.push(byte);
});
function flush() {
  fs.writeSync(1, Uint8Array.from(said));
  said = [];
}
process.stdin.on('data', (/** @type {Buffer} */ bytes) => emulator.serial0_send(bytes.toString('latin1')));
process.stdin.on('end', () => process.exit(0));
