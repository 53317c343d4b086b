// @ts-check
/** Runs a guest as `machine.js` does everywhere: `?guest=lab&steps=/steps/file&most=1e9&config={...}`. */

import { fetchImages, loadGuests } from '../../../www/guests.js';
import init, { Machine, takePanic } from '../../../www/pkg/tinamou_web.js';
import { outcome } from '../machine.js';

/** @param {URLSearchParams} query */
async function run(query) {
  await init();
  const guest = (await loadGuests()).find((g) => g.id === query.get('guest'));
  if (!guest) throw new Error(`no guest ${query.get('guest')}`);
  const steps = await (await fetch(query.get('steps') ?? '')).text();
  const { id, title, note, files, ...config } = guest;
  const images = await fetchImages(guest, () => {});
  const machine = new Machine({ ...config, ...images, ...JSON.parse(query.get('config') ?? '{}') });
  return outcome(machine, steps, Number(query.get('most')));
}

try {
  postMessage(await run(new URLSearchParams(location.search)));
} catch (e) {
  postMessage({ error: takePanic() ?? String(e) });
}
