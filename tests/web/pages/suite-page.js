// @ts-check
/** Starts a worker (`?worker=`, or the engine suite's) and posts its results to `/report`: browsers compile synchronously in workers only. */

const name = new URLSearchParams(location.search).get('worker') ?? 'suite';
const worker = new Worker(`${name}-worker.js${location.search}`, { type: 'module' });
/** @param {unknown} report */
const post = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });
worker.onmessage = (ev) => post(ev.data);
worker.onerror = (ev) => post([{ name: 'worker', error: ev.message || 'it could not be loaded' }]);
