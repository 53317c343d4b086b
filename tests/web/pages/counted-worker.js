// @ts-check
/** Runs a guest as `machine.js` does everywhere: `?guest=lab&steps=/steps/file&most=1e9&config={...}`. */

import { configOf, fetchImages, loadGuests } from '../../../www/guests.js';
import { bundleOf } from '../../../www/protocol.js';
import { outcome } from '../machine.js';

/** @type {() => string | undefined} */
let takePanic = () => undefined;

/** @param {URLSearchParams} query */
async function run(query) {
  const guest = (await loadGuests()).find((g) => g.id === query.get('guest'));
  if (!guest) throw new Error(`no guest ${query.get('guest')}`);
  const steps = await (await fetch(query.get('steps') ?? '')).text();
  const config = configOf(guest);
  /** @type {typeof import('../../../www/pkg/mips/tinamou_web.js')} */
  const wasm = await import(`/www/pkg/${bundleOf(guest.target ?? '')}/tinamou_web.js`);
  await wasm.default();
  takePanic = wasm.takePanic;
  const images = await fetchImages(guest);
  const machine = new wasm.Machine({ ...config, ...images, ...JSON.parse(query.get('config') ?? '{}') });
  return outcome(machine, steps, Number(query.get('most')));
}

try {
  postMessage(await run(new URLSearchParams(location.search)));
} catch (e) {
  postMessage({ error: takePanic() ?? String(e) });
}
