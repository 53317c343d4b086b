// @ts-check
/** Where an image may come from, and how it becomes bytes. Knows neither worker nor DOM. */

import { ImageError } from './errors.js';

/**
 * An image: its bytes, or where they are. Texts are addresses, relative to the page.
 * @typedef {string | URL | ArrayBuffer | ArrayBufferView | Blob | Response | ReadableStream<Uint8Array>} Source
 */

/**
 * The bytes of an image.
 * @param {Source | Promise<Source>} source
 * @param {{ signal?: AbortSignal | undefined, name?: string }} [options]
 * @returns {Promise<Uint8Array<ArrayBuffer>>} the caller's own copy
 */
export async function bytesOf(source, { signal, name = 'image' } = {}) {
  const from = await source;
  signal?.throwIfAborted();
  if (from instanceof ArrayBuffer) return new Uint8Array(from.slice(0));
  if (ArrayBuffer.isView(from)) return new Uint8Array(from.buffer, from.byteOffset, from.byteLength).slice();
  if (from instanceof Blob) return new Uint8Array(await from.arrayBuffer());
  if (from instanceof ReadableStream) return new Uint8Array(await new Response(from).arrayBuffer());
  if (from instanceof Response) return fromResponse(from, name);
  if (typeof from === 'string' || from instanceof URL) {
    let reply;
    try {
      reply = await fetch(from, signal ? { signal } : {});
    } catch (e) {
      if (signal?.aborted) throw signal.reason;
      throw new ImageError(`${name}: '${from}' could not be fetched`, { cause: e });
    }
    return fromResponse(reply, name);
  }
  throw new ImageError(`${name}: it must be an address, a buffer, a Blob, a Response or a stream`);
}

/** @param {Response} reply @param {string} name */
async function fromResponse(reply, name) {
  if (!reply.ok) throw new ImageError(`${name}: '${reply.url}' could not be fetched (${reply.status})`);
  return new Uint8Array(await reply.arrayBuffer());
}

/**
 * An amount of memory in MiB: a number of MiB, or a text as on QEMU's command line (`256M`, `1G`).
 * @param {number | string} memory
 */
export function mebibytes(memory) {
  if (typeof memory === 'number') return memory;
  const [, digits, unit] = /^(\d+)\s*([kKmMgG]?)i?[bB]?$/.exec(memory) ?? [];
  const n = Number(digits);
  const mib = { k: n / 1024, m: n, '': n, g: n * 1024 }[(unit ?? 'x').toLowerCase()];
  if (!mib || !Number.isInteger(mib)) throw new RangeError(`memory: '${memory}' is no amount of whole MiB`);
  return mib;
}
