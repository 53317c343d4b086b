// @ts-check
/**
 * Boots a guest in the page's own worker: one of the list (`?guest=lab`), or what the address says (`?target=i386&kernel=URL&initrd=URL`);
 * `?accel=interp` without compiled code. What it says goes to `say`, which chromium.mjs provides; `typeIn` and `figures` are called by it.
 */

import { configOf, fetchImages, loadGuests } from '/www/guests.js';
import { Client } from '/www/protocol.js';

/** A timer this often shows how long the page could not react. */
const TICK_MS = 10;

const page = /** @type {any} */ (window);
const query = new URLSearchParams(location.search);
const began = performance.now();
let firstByteMs = 0;
let longestGapMs = 0;
let last = began;
setInterval(() => {
  const now = performance.now();
  longestGapMs = Math.max(longestGapMs, now - last - TICK_MS);
  last = now;
}, TICK_MS);

const client = new Client(new Worker('/www/worker.js', { type: 'module' }));
/** @type {import('../../www/protocol.js').Stats | undefined} */
let stats;
client.on('stats', (s) => (stats = s));
client.on('output', ({ port, data }) => {
  firstByteMs ||= performance.now() - began;
  if (port === 0) page.say?.(btoa(String.fromCharCode(...data)));
});

page.typeIn = (/** @type {string} */ text) => {
  const data = new TextEncoder().encode(text);
  return client.call('input', { port: 0, data }, [data.buffer]);
};
page.figures = () => ({ ...stats, firstByteMs, longestGapMs });

const accel = query.get('accel') === 'interp' ? 'interp' : 'jit';
const target = query.get('target');
if (target) {
  const image = async (/** @type {string} */ name) => (await fetch(query.get(name) ?? '')).arrayBuffer();
  const images = { kernel: await image('kernel'), initrd: await image('initrd') };
  const machine = /86/.test(target) ? 'pc' : 'malta';
  const config = { target, machine, ramMib: 256, append: 'console=ttyS0 panic=-1 quiet', accel };
  await client.call('boot', /** @type {any} */ ({ ...config, ...images }), Object.values(images));
} else {
  const guest = (await loadGuests()).find((g) => g.id === query.get('guest'));
  if (!guest) throw new Error(`no guest ${query.get('guest')}`);
  const images = await fetchImages(guest);
  await client.call('boot', { ...configOf(guest), ...images, accel }, Object.values(images));
}
