// @ts-check
/** Starts the counted run's worker and posts its outcome to `/report`: browsers compile synchronously in workers only. */

const worker = new Worker(`counted-worker.js${location.search}`, { type: 'module' });
/** @param {unknown} outcome */
const post = (outcome) => fetch('/report', { method: 'POST', body: JSON.stringify(outcome) });
worker.onmessage = (ev) => post(ev.data);
worker.onerror = (ev) => post({ error: ev.message || 'the worker could not be loaded' });
