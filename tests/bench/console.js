// @ts-check
/**
 * Boots the guest named in the address (`?guest=debian-mipsel&accel=jit`) in the page's own worker. What it says goes to `say`, which
 * chromium.mjs provides; `typeIn` and `figures` are called by it.
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

const guest = (await loadGuests()).find((g) => g.id === query.get('guest'));
if (!guest) throw new Error(`no guest ${query.get('guest')}`);
const config = configOf(guest);
const images = await fetchImages(guest);
const accel = query.get('accel') === 'interp' ? 'interp' : 'jit';
await client.call('boot', { ...config, ...images, accel }, Object.values(images));
