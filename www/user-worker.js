// @ts-check
/**
 * A Linux program's own thread: one message starts it, with what `new Program` takes and its standard input; back come `output` of file
 * descriptor 1 or 2, then `exit` with wait's status, or `error`.
 */

import init, { Program, takePanic } from './pkg/user/tinamou_web.js';

const SLICE_INSNS = 2_000_000;
/** A program that sleeps longer at once is let go on: time is counted, and nobody waits. */
const LONGEST_NAP_NS = 1e18;

/** @param {any} message @param {Transferable[]} [transfer] */
const say = (message, transfer = []) => /** @type {any} */ (self).postMessage(message, transfer);

/** @param {Program} program */
function sendOutput(program) {
  for (const fd of [1, 2]) {
    const data = program.takeOutput(fd);
    if (data.length) say({ kind: 'output', fd, data }, [data.buffer]);
  }
}

/** Lets other messages through. */
const breathe = () => new Promise((resolve) => setTimeout(resolve));

self.onmessage = async ({ data: { stdin, ...options } }) => {
  let program = null;
  try {
    await init();
    program = new Program(options);
  } catch (e) {
    return say({ kind: 'error', failed: false, message: e instanceof Error ? e.message : String(e) });
  }
  try {
    if (stdin.length) program.input(stdin);
    program.endInput();
    for (;;) {
      const end = program.runSlice(SLICE_INSNS);
      sendOutput(program);
      if (end.kind === 'exit') return say({ kind: 'exit', status: end.status });
      if (end.kind === 'idle') {
        if (end.idleNs > LONGEST_NAP_NS) return say({ kind: 'error', failed: false, message: 'the program waits for something that never comes' });
        program.skip(end.idleNs);
      }
      await breathe();
    }
  } catch (e) {
    say({ kind: 'error', failed: true, message: takePanic() ?? (e instanceof Error ? e.message : String(e)) });
  }
};
