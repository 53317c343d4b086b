// @ts-check
/** The package in Node: the same as `tinamou.js`, on worker threads. */

import { Worker as Thread } from 'node:worker_threads';

import { setWorkers } from './tinamou.js';

/** A browser's Worker, as far as the package uses it. */
class NodeWorker {
  /** @type {((ev: any) => any) | null} */
  onmessage = null;
  /** @type {((ev: any) => any) | null} */
  onerror = null;
  #thread;

  /** @param {string} file */
  constructor(file) {
    this.#thread = new Thread(new URL('./node-worker.js', import.meta.url), { workerData: { file } });
    this.#thread.on('message', (data) => this.onmessage?.({ data }));
    this.#thread.on('error', (e) => this.onerror?.({ message: e instanceof Error ? e.message : String(e) }));
  }

  /** @param {any} message @param {any[]} [transfer] */
  postMessage(message, transfer) {
    this.#thread.postMessage(message, transfer);
  }

  terminate() {
    this.#thread.terminate();
  }
}

setWorkers({
  machine: () => /** @type {any} */ (new NodeWorker('./worker.js')),
  program: () => /** @type {any} */ (new NodeWorker('./user-worker.js')),
});

export * from './tinamou.js';
export { default } from './tinamou.js';
