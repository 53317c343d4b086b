// @ts-check
/** The status line: how fast the guest runs, and in which tier. */

/** Rates are taken over at least this long, so that they can be read. */
const WINDOW_MS = 500;

/** @type {{ at: number, insns: number, jit: number, all: number } | null} */
let last = null;

/** @param {string} id @param {string} text */
function put(id, text) {
  const cell = document.getElementById(id);
  if (cell && cell.textContent !== text) cell.textContent = text;
}

/** @param {number} n */
function bytes(n) {
  if (n < 1024) return `${n} B`;
  return n < 1 << 20 ? `${Math.round(n / 1024)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`;
}

/**
 * Shows counters, or none.
 * @param {import('./protocol.js').Stats | null} stats
 */
export function showStats(stats) {
  if (!stats) {
    last = null;
    for (const id of ['mips', 'tiers', 'regions', 'modules', 'bytes']) put(id, '–');
    return;
  }
  put('regions', stats.regions.toLocaleString('en'));
  put('modules', stats.modules.toLocaleString('en'));
  put('bytes', bytes(stats.moduleBytes));
  const all = stats.interpInsns + stats.jitInsns;
  const at = performance.now();
  if (!last || stats.guestInsns < last.insns) {
    last = { at, insns: stats.guestInsns, jit: stats.jitInsns, all };
    return;
  }
  if (stats.state !== 'running') {
    put('mips', '0 MIPS');
    return;
  }
  if (at - last.at < WINDOW_MS) return;
  const mips = (stats.guestInsns - last.insns) / (at - last.at) / 1000;
  put('mips', `${mips.toFixed(mips < 10 ? 1 : 0)} MIPS`);
  const ran = all - last.all;
  if (ran > 0) put('tiers', `${(((stats.jitInsns - last.jit) / ran) * 100).toFixed(0)} %`);
  last = { at, insns: stats.guestInsns, jit: stats.jitInsns, all };
}
