// @ts-check
/**
 * Goes on from the snapshot named in the address (`?state=/state/file&type=text&expect=text`) by the page's own `Machine`: reports the
 * hash it came with, how long it took until the machine answered what was typed, and the machine as it was then, which goes on in a
 * second worker, as in a second tab.
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
  const state = await (await fetch(query.get('state') ?? '')).arrayBuffer();
  const machine = new Machine();
  const began = performance.now();
  await machine.boot({ incoming: state, paused: true }, [state]);
  const hash = await machine.client.call('stateHash', undefined);
  const hashedMs = performance.now() - began;
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
  await other.boot({ incoming: /** @type {any} */ (await arrived) });
  const otherHash = await other.client.call('stateHash', undefined);
  // Back to where the other machine is, in place.
  await machine.qmp('cont');
  await machine.qmp('stop');
  await machine.restore(later);
  const restored = await machine.client.call('stateHash', undefined);
  return { hash, hashedMs, answeredMs, pausedMs, status, sent, laterHash, refused, unchanged, otherHash, restored };
}

let result;
try {
  result = await resume(new URLSearchParams(location.search));
} catch (e) {
  result = { error: String(e) };
}
await fetch('/report', { method: 'POST', body: JSON.stringify(result) });
document.body.append('Done.');
