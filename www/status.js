// @ts-check
/** The status line: how fast the guest runs, and in which tier. */

import { bytes } from './dom.js';

/** Rates are taken over at least this long, so that they can be read. */
const WINDOW_MS = 500;

/** @type {{ at: number, insns: number, jit: number, all: number, busy: number } | null} */
let last = null;

/** @param {string} id @param {string} text */
function put(id, text) {
  const cell = document.getElementById(id);
  if (cell && cell.textContent !== text) cell.textContent = text;
}

/** Virtual time. @param {number} ns */
function clock(ns) {
  const seconds = ns / 1e9;
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two((seconds / 60) % 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;
}

/**
 * Shows counters, or none.
 * @param {import('./protocol.js').Stats | null} stats
 */
export function showStats(stats) {
  if (!stats) {
    last = null;
    for (const id of ['mips', 'busy', 'clock', 'icount', 'tiers', 'regions', 'modules', 'bytes']) put(id, '–');
    return;
  }
  put('clock', clock(stats.virtualNs));
  put('icount', stats.guestInsns.toLocaleString('en'));
  put('regions', stats.regions.toLocaleString('en'));
  put('modules', stats.modules.toLocaleString('en'));
  put('bytes', bytes(stats.moduleBytes));
  const all = stats.interpInsns + stats.jitInsns;
  const at = performance.now();
  if (!last || stats.guestInsns < last.insns) {
    last = { at, insns: stats.guestInsns, jit: stats.jitInsns, all, busy: stats.busyMs };
    return;
  }
  if (stats.state !== 'running') {
    put('mips', '0 MIPS');
    put('busy', '0 %');
    return;
  }
  if (at - last.at < WINDOW_MS) return;
  const mips = (stats.guestInsns - last.insns) / (at - last.at) / 1000;
  put('mips', `${mips.toFixed(mips < 10 ? 1 : 0)} MIPS`);
  put('busy', `${Math.min(100, Math.round(((stats.busyMs - last.busy) / (at - last.at)) * 100))} %`);
  const ran = all - last.all;
  if (ran > 0) put('tiers', `${(((stats.jitInsns - last.jit) / ran) * 100).toFixed(0)} %`);
  last = { at, insns: stats.guestInsns, jit: stats.jitInsns, all, busy: stats.busyMs };
}
