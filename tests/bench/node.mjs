#!/usr/bin/env node
// @ts-check
/**
 * A machine in Node with its console on stdin and stdout: `node.mjs TARGET KERNEL INITRD [jit|interp]`. Virtual time follows the clock,
 * as it does in the page's worker.
 */

import fs from 'node:fs';

const SLICE_MS = 8;
const [target = 'mipsel', kernel = '', initrd = '', accel = 'jit'] = process.argv.slice(2);
const x86 = target.endsWith('86') || target === 'x86_64';
const pkg = new URL(`../../www/pkg/${x86 ? 'x86' : 'mips'}/`, import.meta.url);
const { default: init, Machine } = await import(`${pkg}tinamou_web.js`);
await init({ module_or_path: fs.readFileSync(new URL('tinamou_web_bg.wasm', pkg)) });
const machine = new Machine(
  /** @type {any} */ ({
    target,
    machine: x86 ? 'pc' : 'malta',
    ramMib: 256,
    kernel: fs.readFileSync(kernel),
    initrd: fs.readFileSync(initrd),
    append: 'console=ttyS0 panic=-1 quiet',
    accel,
  }),
);

let sliceInsns = 5_000;
/** @type {ReturnType<typeof setTimeout> | null} */
let nap = null;
/** @type {(() => void) | null} */
let wake = null;

process.stdin.on('data', (/** @type {Buffer} */ bytes) => {
  machine.serialInput(0, bytes);
  wake?.();
});
process.stdin.on('end', () => process.exit(0));

function turn() {
  const start = performance.now();
  const end = machine.runSlice(sliceInsns);
  const spent = performance.now() - start;
  machine.pace(spent);
  if (spent > SLICE_MS) sliceInsns = Math.max(2_000, Math.floor((sliceInsns * SLICE_MS) / spent / 1.25));
  else if (end.kind === 'budget' && spent < SLICE_MS * 0.75) sliceInsns = Math.min(20_000_000, Math.ceil(sliceInsns * 1.5));
  const said = machine.takeSerialOutput(0);
  if (said.length) fs.writeSync(1, said);
  if (end.kind === 'shutdown' || end.kind === 'panic') process.exit(end.kind === 'panic' ? 1 : 0);
  if (end.kind !== 'halted') {
    setImmediate(turn);
    return;
  }
  const since = performance.now();
  const most = Math.min((end.untilNs - end.nowNs) / 1e6, 1000);
  wake = () => {
    if (nap) clearTimeout(nap);
    nap = wake = null;
    machine.skipTo(Math.floor(Math.min(end.nowNs + (performance.now() - since) * 1e6, end.untilNs)));
    setImmediate(turn);
  };
  nap = setTimeout(wake, most);
}
turn();
