// @ts-check
/** What a worker's file finds in Node: a `self` with messages, and a `fetch` that knows files. */

import fs from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';

const port = parentPort;
if (!port) throw new Error('this is the beginning of a worker');

/** @type {any} */
const scope = globalThis;
scope.self = scope;
/** @type {any[]} */
const early = [];
/** @type {((ev: any) => any) | null} */
let handler = null;
Object.defineProperty(scope, 'onmessage', {
  get: () => handler,
  set: (fn) => {
    handler = fn;
    for (const data of early.splice(0)) handler?.({ data });
  },
});
scope.postMessage = (/** @type {any} */ message, /** @type {any} */ transfer) => port.postMessage(message, transfer);
port.on('message', (data) => {
  if (handler) handler({ data });
  else early.push(data);
});

const fetchElsewhere = globalThis.fetch;
scope.fetch = async (/** @type {any} */ from, /** @type {any} */ options) => {
  const url = String(from instanceof Request ? from.url : from);
  if (!url.startsWith('file:')) return fetchElsewhere(from, options);
  return new Response(await fs.readFile(new URL(url)), { headers: { 'content-type': 'application/wasm' } });
};

await import(workerData.file);
