// @ts-check
/** A serial port of a machine as streams, and as text to wait for. Knows no machine: bytes come by `push` and go by `send`. */

import { GoneError } from './errors.js';

/** What is kept for those who come late, and for `waitFor`. */
const KEPT_CHARS = 1 << 20;
const KEPT_BYTES = 1 << 20;

/** Ends a wait when a signal says so. @param {AbortSignal | undefined} signal @param {(reason: any) => void} reject */
function onAbort(signal, reject) {
  if (!signal) return () => {};
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}

export class SerialPort {
  #send;
  /** @type {Uint8Array[]} */
  #kept = [];
  #keptBytes = 0;
  #decoder = new TextDecoder();
  /** What nobody has waited for yet. */
  #text = '';
  /** @type {GoneError | null} */
  #gone = null;
  /** @type {Set<ReadableStreamDefaultController<Uint8Array>>} */
  #streams = new Set();
  /** @type {{ pattern: string | RegExp, resolve: (found: RegExpExecArray) => void, reject: (why: any) => void }[]} */
  #waiting = [];
  /** @type {ReadableStream<Uint8Array> | null} */
  #readable = null;
  /** What the guest reads. Texts and bytes may be written. @type {WritableStream<string | Uint8Array>} */
  writable;

  /** @param {(data: Uint8Array<ArrayBuffer>) => Promise<void>} send */
  constructor(send) {
    this.#send = send;
    this.writable = new WritableStream({ write: (chunk) => this.write(chunk) });
  }

  /** What the guest sends, from its beginning on. Read it once; {@link stream} gives further ones. @returns {ReadableStream<Uint8Array>} */
  get readable() {
    this.#readable ??= this.stream();
    return this.#readable;
  }

  /**
   * A further stream of what the guest sends, from its beginning on (at most a MiB of it).
   * @returns {ReadableStream<Uint8Array>}
   */
  stream() {
    /** @type {ReadableStreamDefaultController<Uint8Array> | undefined} */
    let mine;
    return new ReadableStream({
      start: (controller) => {
        for (const bytes of this.#kept) controller.enqueue(bytes.slice());
        if (this.#gone) controller.close();
        else this.#streams.add(controller);
        mine = controller;
      },
      cancel: () => {
        if (mine) this.#streams.delete(mine);
      },
    });
  }

  /**
   * As of a readable stream.
   * @param {WritableStream<Uint8Array>} destination
   * @param {StreamPipeOptions} [options]
   */
  pipeTo(destination, options) {
    return this.stream().pipeTo(destination, options);
  }

  /**
   * As of a readable stream.
   * @template T
   * @param {ReadableWritablePair<T, Uint8Array>} transform
   * @param {StreamPipeOptions} [options]
   */
  pipeThrough(transform, options) {
    return this.stream().pipeThrough(transform, options);
  }

  /** Types at the port. @param {string | Uint8Array} data */
  async write(data) {
    if (this.#gone) throw this.#gone;
    await this.#send(typeof data === 'string' ? new TextEncoder().encode(data) : data.slice());
  }

  /**
   * Waits until the guest has sent this, counted from the end of what was waited for before.
   * @param {string | RegExp} pattern
   * @param {{ signal?: AbortSignal | undefined }} [options]
   * @returns {Promise<RegExpExecArray>} rejected with a {@link GoneError} if the machine goes before
   */
  waitFor(pattern, { signal } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const drop = () => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
      };
      const forget = onAbort(signal, (reason) => {
        drop();
        reject(reason);
      });
      const entry = {
        pattern,
        resolve: (/** @type {RegExpExecArray} */ found) => (forget(), resolve(found)),
        reject: (/** @type {any} */ why) => (forget(), reject(why)),
      };
      this.#waiting.push(entry);
      this.#look();
      if (this.#gone && this.#waiting.includes(entry)) {
        drop();
        entry.reject(this.#gone);
      }
    });
  }

  /** Bytes that the guest sent. @param {Uint8Array} bytes */
  push(bytes) {
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > KEPT_BYTES && this.#kept.length > 1) this.#keptBytes -= this.#kept.shift()?.length ?? 0;
    for (const stream of this.#streams) stream.enqueue(bytes.slice());
    this.#text = (this.#text + this.#decoder.decode(bytes, { stream: true })).slice(-KEPT_CHARS);
    this.#look();
  }

  /** Nothing more will come. @param {GoneError} why */
  end(why) {
    if (this.#gone) return;
    this.#gone = why;
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    for (const { reject } of this.#waiting.splice(0)) reject(why);
  }

  /** The first who waits is served first: what is found is taken. */
  #look() {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const found = find(this.#text, first.pattern);
      if (!found) return;
      this.#text = this.#text.slice(found.index + found[0].length);
      this.#waiting.shift();
      first.resolve(found);
    }
  }
}

/** @param {string} text @param {string | RegExp} pattern @returns {RegExpExecArray | null} */
function find(text, pattern) {
  if (typeof pattern !== 'string') return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(text);
  const index = text.indexOf(pattern);
  return index < 0 ? null : /** @type {RegExpExecArray} */ (Object.assign([pattern], { index, input: text }));
}
