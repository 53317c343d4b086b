// @ts-check
/**
 * Back ends of a machine that are objects of the page's: networks, disks and consoles, all asynchronous. Here they are tied to message ports,
 * whose other ends are the worker's. Knows neither worker nor DOM.
 */

/**
 * The other end of the network cable. Frames are Ethernet frames without checksum.
 * @typedef {object} NetBackend
 * @property {string} [mac] the address that the guest's interface has there, unless the machine is given another
 * @property {(frame: Uint8Array<ArrayBuffer>) => void} send the guest sends a frame
 * @property {((frame: Uint8Array) => void) | null} [onframe] set by the machine: called with a frame, it gives it to the guest
 * @property {() => void} [close] the machine is gone
 */

/**
 * A disk. It is asked when the guest asks, and the guest's request is done when the promise is; meanwhile its time stands still.
 * @typedef {object} BlockBackend
 * @property {number} size in bytes; a multiple of 512
 * @property {(offset: number, length: number, options: { signal: AbortSignal }) => Promise<Uint8Array> | Uint8Array} read
 * @property {(offset: number, data: Uint8Array<ArrayBuffer>, options: { signal: AbortSignal }) => Promise<void> | void} [write] without it what
 * the guest writes stays in the machine's memory
 * @property {(options: { signal: AbortSignal }) => Promise<void> | void} [flush]
 */

/**
 * What a serial port leads to.
 * @typedef {object} ConsoleBackend
 * @property {(data: Uint8Array<ArrayBuffer>, options: { signal: AbortSignal }) => Promise<void> | void} write the guest sent this; the next
 * call waits for the promise
 * @property {(options: { signal: AbortSignal }) => Promise<Uint8Array | string | null>} [read] what is typed next; null: nothing more will be
 */

/**
 * What travels on a disk's port: questions from the worker, answers to it.
 * @typedef {{ number: number, kind: 'read' | 'write' | 'flush', offset: number, length: number, data?: Uint8Array<ArrayBuffer> }} DiskQuestion
 * @typedef {{ number: number, data?: Uint8Array, error?: string }} DiskAnswer
 */

/** @param {unknown} value @returns {value is BlockBackend} */
export const isBlockBackend = (value) =>
  typeof value === 'object' && value !== null && typeof (/** @type {any} */ (value).read) === 'function' && typeof (/** @type {any} */ (value).size) === 'number';

/**
 * Ties a network to a port.
 * @param {NetBackend} backend
 * @param {AbortSignal} signal aborted when the machine is gone
 * @returns {MessagePort} the worker's end
 */
export function netPort(backend, signal) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => backend.send(data);
  backend.onframe = (frame) => {
    if (!signal.aborted) port1.postMessage(frame.slice());
  };
  signal.addEventListener('abort', () => {
    port1.close();
    backend.onframe = null;
    backend.close?.();
  });
  return port2;
}

/**
 * Ties a disk to a port.
 * @param {BlockBackend} backend
 * @param {AbortSignal} signal aborted when the machine is gone
 * @returns {MessagePort} the worker's end
 */
export function blockPort(backend, signal) {
  const { port1, port2 } = new MessageChannel();
  /** @param {DiskQuestion} question @returns {Promise<Uint8Array | undefined>} */
  const ask = async ({ kind, offset, length, data = new Uint8Array() }) => {
    if (kind === 'write') return void (await backend.write?.(offset, data, { signal }));
    if (kind === 'flush') return void (await backend.flush?.({ signal }));
    const bytes = await backend.read(offset, length, { signal });
    if (bytes?.length !== length) throw new Error(`the disk gave ${bytes?.length} bytes, not ${length}`);
    return bytes.slice();
  };
  port1.onmessage = async ({ data: question }) => {
    /** @type {DiskAnswer} */
    const answer = { number: question.number };
    try {
      const bytes = await ask(question);
      if (bytes) answer.data = bytes;
    } catch (e) {
      answer.error = e instanceof Error ? e.message : String(e);
    }
    if (!signal.aborted) port1.postMessage(answer, answer.data ? [/** @type {ArrayBuffer} */ (answer.data.buffer)] : []);
  };
  signal.addEventListener('abort', () => port1.close());
  return port2;
}

/**
 * Ties a console to a serial port, until one of them ends or fails.
 * @param {import('./serial.js').SerialPort} serial
 * @param {ConsoleBackend} backend
 * @param {AbortSignal} signal aborted when the machine is gone
 * @param {(why: unknown) => void} failed told what the console threw
 */
export function attachConsole(serial, backend, signal, failed) {
  const tell = (/** @type {unknown} */ why) => {
    if (!signal.aborted) failed(why);
  };
  const sink = new WritableStream({ write: (data) => backend.write(data, { signal }) });
  serial.stream().pipeTo(sink).catch(tell);
  if (!backend.read) return;
  (async () => {
    while (!signal.aborted) {
      const typed = await backend.read?.({ signal });
      if (typed === null || typed === undefined) return;
      await serial.write(typed);
    }
  })().catch(tell);
}

/**
 * A network of all machines that name it, in this page and in others of the same origin.
 * @param {string} name
 * @returns {NetBackend}
 */
export function lan(name) {
  const channel = new BroadcastChannel(`tinamou-lan-${name}`);
  // Two of one address would not hear each other.
  const [a, b, c] = Array.from(crypto.getRandomValues(new Uint8Array(3)), (n) => n.toString(16).padStart(2, '0'));
  /** @type {NetBackend} */
  const net = {
    mac: `52:54:00:${a}:${b}:${c}`,
    send: (frame) => channel.postMessage(frame),
    onframe: null,
    close: () => channel.close(),
  };
  channel.onmessage = ({ data }) => net.onframe?.(data);
  return net;
}

/**
 * A disk image on a server, of which only what the guest reads is fetched (by HTTP ranges), piece by piece and once.
 * @param {string | URL} url
 * @param {{ pieceBytes?: number, pieces?: number, signal?: AbortSignal }} [options] size and number of the pieces that are kept
 * @returns {Promise<BlockBackend>}
 */
export async function remoteDisk(url, { pieceBytes = 256 << 10, pieces = 256, signal } = {}) {
  const head = await fetch(url, { method: 'HEAD', ...(signal ? { signal } : {}) });
  const size = Number(head.headers.get('content-length'));
  if (!head.ok || !size) throw new Error(`'${url}' could not be looked at (${head.status})`);
  /** @type {Map<number, Promise<Uint8Array>>} */
  const kept = new Map();
  /** @param {number} n */
  const fetchPiece = async (n) => {
    const [from, to] = [n * pieceBytes, Math.min((n + 1) * pieceBytes, size)];
    const reply = await fetch(url, { headers: { range: `bytes=${from}-${to - 1}` } });
    if (reply.status !== 206 && !(reply.ok && pieceBytes >= size)) throw new Error(`'${url}' gives no ranges (${reply.status})`);
    const data = new Uint8Array(await reply.arrayBuffer());
    if (data.length !== to - from) throw new Error(`'${url}' gave ${data.length} bytes, not ${to - from}`);
    return data;
  };
  /** @param {number} n */
  const piece = (n) => {
    const found = kept.get(n) ?? fetchPiece(n);
    // The one that was used last goes last; one that failed is not kept.
    kept.delete(n);
    kept.set(n, found);
    found.catch(() => kept.delete(n));
    const [oldest] = kept.keys();
    if (kept.size > pieces && oldest !== undefined) kept.delete(oldest);
    return found;
  };
  return {
    size: size - (size % 512),
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      const wanted = [];
      for (let n = Math.floor(offset / pieceBytes); n * pieceBytes < offset + length; n++) wanted.push(n);
      await Promise.all(
        wanted.map(async (n) => {
          const from = Math.max(offset, n * pieceBytes);
          const part = (await piece(n)).subarray(from - n * pieceBytes, offset + length - n * pieceBytes);
          bytes.set(part, from - offset);
        }),
      );
      return bytes;
    },
  };
}
