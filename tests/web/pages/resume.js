// @ts-check
/**
 * Goes on from the snapshot named in the address (`?state=/state/file&as=buffer|blob|address&type=text&expect=text&disks=hda=/file,…`) by the page's own
 * `Machine`: reports the hash it came with, how long it took until the machine answered what was typed, and the machine as it was then, which goes
 * on in a second worker, as in a second tab.
 */

import { Machine } from '../../../www/machine.js';

const LIMIT_MS = 120_000;

/** Tells when the machine has said this. @param {Machine} machine @param {string} text */
function said(machine, text) {
  let all = '';
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`not seen: ${text}\n${all}`)), LIMIT_MS);
    machine.client.on('output', ({ data }) => {
      all += decoder.decode(data, { stream: true });
      if (all.includes(text)) resolve(null);
    });
    machine.client.on('stopped', ({ message }) => reject(new Error(message)));
  });
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<string>} in base64 */
const text = (bytes) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
    reader.readAsDataURL(new Blob([bytes]));
  });

/** @param {URLSearchParams} query */
async function resume(query) {
  const url = new URL(query.get('state') ?? '', location.href).href;
  const file = async () => (await fetch(url)).blob();
  /** @type {any} */
  const disks = {};
  for (const disk of (query.get('disks') ?? '').split(',').filter(Boolean)) {
    const [name = '', image = ''] = disk.split('=');
    disks[name] = await (await fetch(image)).blob();
  }
  const as = query.get('as');
  const state = as === 'address' ? { url } : as === 'blob' ? await file() : await (await file()).arrayBuffer();
  const transfer = () => (state instanceof ArrayBuffer ? [state] : []);
  // What it came with, in a machine of its own: to hash it is to have all of it.
  const still = new Machine();
  await still.boot({ incoming: state instanceof ArrayBuffer ? state.slice(0) : state, paused: true, ...disks });
  const hash = await still.client.call('stateHash', undefined);
  still.end('seen');
  const machine = new Machine();
  // The worker and its wasm are there, as in a page that is open.
  await machine.client.call('load', { target: 'mipsel' });
  const began = performance.now();
  await machine.boot({ incoming: state, paused: true, ...disks }, transfer());
  const madeMs = performance.now() - began;
  const answer = said(machine, query.get('expect') ?? '');
  await machine.qmp('cont');
  await machine.input(0, new TextEncoder().encode(query.get('type') ?? ''));
  await answer;
  const answeredMs = performance.now() - began;
  // Saved while it runs, it goes on.
  const pause = performance.now();
  await machine.snapshot();
  const pausedMs = performance.now() - pause;
  const { status } = await machine.qmp('query-status');
  await machine.qmp('stop');
  const later = await machine.snapshot();
  const laterHash = await machine.client.call('stateHash', undefined);
  const refused = await machine.restore(new Uint8Array([1, 2, 3])).catch((/** @type {Error} */ e) => e.message);
  const unchanged = await machine.client.call('stateHash', undefined);
  const sent = await text(later);
  // The other tab: the snapshot travels by a channel.
  const [from, to] = [new BroadcastChannel('tab'), new BroadcastChannel('tab')];
  const arrived = new Promise((resolve) => (to.onmessage = (ev) => resolve(ev.data)));
  from.postMessage(later);
  const other = new Machine();
  await other.boot({ incoming: /** @type {any} */ (await arrived), ...disks });
  const otherHash = await other.client.call('stateHash', undefined);
  // Back to where the other machine is, in place.
  await machine.qmp('cont');
  await machine.qmp('stop');
  await machine.restore(later);
  const restored = await machine.client.call('stateHash', undefined);
  return { hash, madeMs, answeredMs, pausedMs, status, sent, laterHash, refused, unchanged, otherHash, restored };
}

let result;
try {
  result = await resume(new URLSearchParams(location.search));
} catch (e) {
  result = { error: String(e) };
}
await fetch('/report', { method: 'POST', body: JSON.stringify(result) });
document.body.append('Done.');
