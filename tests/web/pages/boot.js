// @ts-check
/**
 * Boots the guest named in the address (`?guest=lab&steps=/steps/file`), types the steps at it, and posts
 * `{ transcript, error, stats }` to `/report`. `&config={...}` replaces parts of the configuration;
 * `&limit=` is how many milliseconds it may take.
 * It uses the page's own protocol and worker, so any browser can run it, with or without a driver.
 */

import { configOf, fetchImages, loadGuests } from '../../../www/guests.js';
import { Machine } from '../../../www/machine.js';
import { Drive } from '../drive.js';

/** @param {URLSearchParams} query */
async function boot(query) {
  const guest = (await loadGuests()).find((g) => g.id === query.get('guest'));
  if (!guest) throw new Error(`no guest ${query.get('guest')}`);
  const steps = await (await fetch(query.get('steps') ?? '')).text();
  const machine = new Machine();
  const { client } = machine;
  /** @type {import('../../../www/protocol.js').Stats | undefined} */
  let stats;
  /** @type {string | undefined} */
  let error;
  const drive = new Drive(steps, (data) => client.call('input', { port: 0, data }, [data.buffer]));
  const began = performance.now();
  let firstByteMs = 0;
  await new Promise((resolve, reject) => {
    const check = () => {
      if (drive.done) resolve(null);
      return drive.done;
    };
    setTimeout(() => reject(new Error(`not seen: ${drive.waitingFor}\n${drive.transcript.slice(-2000)}`)), Number(query.get('limit')));
    client.on('output', ({ port, data }) => {
      firstByteMs ||= performance.now() - began;
      if (port === 0) drive.feed(data);
      check();
    });
    client.on('stats', (s) => (stats = s));
    client.on('stopped', ({ reason, message }) => {
      if (reason === 'failed') return reject(new Error(`the emulator failed: ${message}`));
      drive.ended();
      if (!check()) reject(new Error(`the guest ended, not seen: ${drive.waitingFor}\n${drive.transcript.slice(-2000)}`));
    });
    const config = configOf(guest);
    const more = JSON.parse(query.get('config') ?? '{}');
    fetchImages(guest)
      .then((images) => machine.boot({ ...config, ...images, ...more }, Object.values(images)))
      // As with -no-reboot: a machine that cannot switch itself off resets itself.
      .then(() => machine.qmp('set-action', { reboot: 'shutdown' }))
      .catch(reject);
  }).catch((e) => (error = e.message));
  return { transcript: drive.transcript, error, stats, firstByteMs, wallMs: performance.now() - began };
}

let result;
try {
  result = await boot(new URLSearchParams(location.search));
} catch (e) {
  result = { transcript: '', error: String(e) };
}
await fetch('/report', { method: 'POST', body: JSON.stringify(result) });
document.body.append('Done.');
