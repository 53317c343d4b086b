// @ts-check
/** Linux programs in the page's emulator: those of tests/user, beside what QEMU printed. */

/**
 * Runs a program to its end and gives what it wrote and its wait status.
 * @param {any} Program
 * @param {object} options
 */
export function runProgram(Program, options) {
  const p = new Program(options);
  p.endInput();
  let out = '';
  const text = new TextDecoder();
  for (let n = 0; n < 10000; n++) {
    const end = p.runSlice(5e6);
    out += text.decode(p.takeOutput(1));
    if (end.kind === 'exit') {
      p.free();
      return { out, status: end.status };
    }
    if (end.kind === 'idle') {
      if (end.idleNs === Infinity) throw new Error('it waits for ever');
      p.skip(end.idleNs);
    }
  }
  throw new Error('it does not end');
}

/** Programs, their arguments and exit codes. */
export const programs = [
  { name: 'start', args: ['a', 'b c'], code: 7 },
  { name: 'memory', args: ['a', 'b c'], code: 0 },
  { name: 'signals', args: ['a', 'b c'], code: 0 },
  { name: 'threads', args: ['a', 'b c'], code: 0 },
  { name: 'ipc', args: ['a', 'b c'], code: 0 },
  { name: 'files', args: ['/tmp'], code: 0 },
];
