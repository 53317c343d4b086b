// @ts-check
/** v86 in a page of its own (`?kernel=URL&initrd=URL`), on the page's thread, as its own examples have it. */

import { machineOf } from './v86-options.js';

const { V86 } = await import(/** @type {any} */ ('./node_modules/v86/build/libv86.mjs'));
const query = new URLSearchParams(location.search);
const page = /** @type {any} */ (window);
const image = async (/** @type {string} */ url) => (await fetch(url)).arrayBuffer();
const seabios = '/files/build/guests/seabios/';
const images = {
  bios: await image(`${seabios}bios.bin`),
  vgaBios: await image(`${seabios}vgabios-stdvga.bin`),
  kernel: await image(query.get('kernel') ?? ''),
  initrd: await image(query.get('initrd') ?? ''),
};
const emulator = new V86({ ...machineOf(images), wasm_path: './node_modules/v86/build/v86.wasm', screen_container: document.querySelector('#screen') });
let said = '';
emulator.add_listener('serial0-output-byte', (/** @type {number} */ byte) => {
  if (!said) setTimeout(flush);
  said += String.fromCharCode(byte);
});
function flush() {
  page.say(btoa(said));
  said = '';
}
page.typeIn = (/** @type {string} */ text) => emulator.serial0_send(text);
