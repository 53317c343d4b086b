// @ts-check
/** What comes before a machine: workers with the emulator in them, the files of a plan, and what a tab cannot give. */

import { sentence } from './dom.js';
import { fetchSource } from './guests.js';
import { Client, bundleOf } from './protocol.js';

/** @typedef {import('./plan.js').Plan} Plan */

/** A worker that has loaded the emulator of a target already, for a start that is likely. @type {{ bundle: string | undefined, worker: Worker } | null} */
let spare = null;

const newWorker = () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'machine' });

/** Files that are fetched ahead, if they are small. */
const MOST_AHEAD_BYTES = 512 << 10;
/** Such files by their addresses; null if they could not be had. @type {Map<string, Promise<ArrayBuffer | null>>} */
const ahead = new Map();

/** Prepares what a start that is likely will need. @param {string} target @param {Plan['files']} [files] @param {number} [bytes] how long they are in all */
export function prepare(target, files = {}, bytes = Infinity) {
  if (bytes <= MOST_AHEAD_BYTES) {
    for (const source of Object.values(files)) {
      if (source.url && !ahead.has(source.url)) ahead.set(source.url, fetchSource(source, () => {}).catch(() => null));
    }
  }
  const bundle = bundleOf(target);
  if (spare?.bundle === bundle) return;
  spare?.worker.terminate();
  const worker = newWorker();
  spare = { bundle, worker };
  // One that breaks before anybody has it is not given to anybody: the next one says why.
  worker.onerror = () => {
    if (spare?.worker === worker) spare = null;
  };
  new Client(worker).call('load', { target, warm: true }).catch(() => {});
}

/** A worker for a target, prepared if there is one. @param {string} target */
export function takeWorker(target) {
  if (!spare || spare.bundle !== bundleOf(target)) return newWorker();
  const { worker } = spare;
  spare = null;
  return worker;
}

/** Drives and snapshots are read piece by piece, everything else at once. */
const PIECEWISE = /^(hd|fd|cdrom|virtio|card\d|incoming)/;

/** The images among a machine's files that it writes or that can be changed. @param {Record<string, ArrayBuffer | Blob>} contents @returns {Record<string, Blob>} */
export const driveImages = (contents) =>
  Object.fromEntries(Object.entries(contents).flatMap(([name, data]) => (PIECEWISE.test(name) && name !== 'incoming' && data instanceof Blob ? [[name, data]] : [])));

/** A file, once: its content will be handed over. @param {import('./plan.js').Source} source @param {(done: number, all: number) => void} progress */
async function fetched(source, progress) {
  const there = ahead.get(source.url ?? '');
  ahead.delete(source.url ?? '');
  return (await there) ?? fetchSource(source, progress);
}

/** The contents of a plan's files. @param {Plan} of @param {(done: number, all: number) => void} progress @returns {Promise<Record<string, ArrayBuffer | Blob>>} */
export async function fetchAll({ files }, progress) {
  /** @type {Record<string, [number, number]>} */
  const parts = {};
  const named = Object.entries(files).map(async ([name, source]) => {
    const content = source.blob
      ? await (PIECEWISE.test(name) ? source.blob : source.blob.arrayBuffer())
      : await fetched(source, (done, all) => {
          parts[name] = [done, all];
          const sum = Object.values(parts).reduce(([d, a], [done, all]) => [d + done, a + all], [0, 0]);
          progress(sum[0], sum[1]);
        });
    return /** @type {[string, ArrayBuffer | Blob]} */ ([name, PIECEWISE.test(name) && content instanceof ArrayBuffer ? new Blob([content]) : content]);
  });
  return Object.fromEntries(await Promise.all(named));
}

/** The contents of a plan's shared folder, by path. @param {Plan} of @returns {Promise<Record<string, Uint8Array<ArrayBuffer>> | undefined>} */
export async function sharedFiles({ share }) {
  if (!share) return undefined;
  const all = share.map(async ({ name, blob }) => [name, new Uint8Array((await blob?.arrayBuffer()) ?? new ArrayBuffer())]);
  return Object.fromEntries(await Promise.all(all));
}

/** What a tab cannot give. @param {unknown} e @param {Plan} of */
export function explained(e, of) {
  const text = sentence(e);
  if (!/memory|allocat|RangeError|grow/i.test(text)) return e;
  const mib = Number(of.options.m ?? 0) / (1 << 20);
  return new Error(`${text}. A browser gives a tab 2 to 4 GiB for guest, emulator and generated code; this machine asks for ${mib} MiB. Choose less in its options.`);
}
