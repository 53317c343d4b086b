// @ts-check
/**
 * Linux programs in the page's emulator: those of tests/user, beside what QEMU or Linux itself printed, and Debian's with a system in a tar archive.
 * Runs in Node and in workers.
 */

import { same } from './report.mjs';

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

/** Programs, their arguments and exit codes; `x86` is for x86 alone. */
const programs = [
  { name: 'start', args: ['a', 'b c'], code: 7 },
  { name: 'memory', args: ['a', 'b c'], code: 0 },
  { name: 'signals', args: ['a', 'b c'], code: 0 },
  { name: 'threads', args: ['a', 'b c'], code: 0 },
  { name: 'ipc', args: ['a', 'b c'], code: 0 },
  { name: 'files', args: ['/tmp'], code: 0 },
  { name: 'terminals', args: [], code: 0 },
  { name: 'x86', args: [], code: 0 },
];

/**
 * Runs all of them.
 * @param {any} Program
 * @param {(path: string) => Promise<Uint8Array>} load a file of `tests/user`
 * @returns {Promise<{ name: string, error?: string }[]>}
 */
export async function programTests(Program, load) {
  const results = [];
  for (const target of ['mipsel', 'mips', 'mips64el', 'i386', 'x86_64']) {
    for (const accel of ['jit', 'interp']) {
      for (const { name, args, code } of programs) {
        if (name === 'x86' && target.startsWith('mips')) continue;
        const title = `${target}/${name}, ${accel}`;
        try {
          const files = { [`bin/${name}`]: await load(`images/${target}/${name}`) };
          const result = runProgram(Program, { target, argv: [`/bin/${name}`, ...args], env: ['T=1'], files, accel });
          same(result.out, new TextDecoder().decode(await load(`golden/${target}/${name}.txt`)));
          same(String(result.status), String(code << 8));
          results.push({ name: title });
        } catch (e) {
          results.push({ name: title, error: e instanceof Error ? e.message : String(e) });
        }
      }
    }
  }
  return results;
}

/**
 * Random programs of instruction forms beside what a real CPU did (tests/user/golden/ARCH/forms.txt): many short ones interpreted, and those
 * compiled that run long enough.
 * @param {any} Program
 * @param {(path: string) => Promise<Uint8Array>} load a file, from the root
 * @returns {Promise<{ name: string, error?: string }[]>}
 */
export async function formTests(Program, load) {
  const results = [];
  for (const target of ['i386', 'x86_64']) {
    const golden = new TextDecoder().decode(await load(`tests/user/golden/${target}/forms.txt`));
    const program = await load(`tests/user/images/${target}/forms`);
    for (const part of golden.split('== ').slice(1)) {
      const at = part.indexOf('\n');
      const [name = '', cases = '', programs = ''] = part.slice(0, at).split(' ');
      const accel = cases === '16' ? 'interp' : 'jit';
      const title = `${target}/forms ${name}, ${accel}`;
      try {
        const files = { 'bin/forms': program, forms: await load(`crate/guest/x86/tests/golden/${name}.txt`) };
        const argv = ['/bin/forms', '-r', '/forms', cases, programs];
        same(runProgram(Program, { target, cpu: 'max', argv, files, accel }).out, part.slice(at + 1));
        results.push({ name: title });
      } catch (e) {
        results.push({ name: title, error: e instanceof Error ? e.message : String(e) });
      }
    }
  }
  return results;
}

/** Scripts of tests/guests/programs for Debian's programs: `tests/guests/programs.sh --quick` makes the archives. */
const debian = [
  { target: 'mipsel', words: ['/bin/busybox', 'sh', '-c'], script: 'busybox.sh' },
  { target: 'i386', words: ['/bin/busybox', 'sh', '-c'], script: 'busybox.sh' },
  { target: 'x86_64', words: ['/bin/busybox', 'sh', '-c'], script: 'busybox.sh' },
  { target: 'mipsel', words: ['/usr/bin/python3.11', '-c'], script: 'python.py' },
];

/**
 * Runs Debian's programs, where they were fetched.
 * @param {any} Program
 * @param {(path: string) => Promise<Uint8Array | undefined>} load a file, from the root
 * @returns {Promise<{ name: string, error?: string }[]>}
 */
export async function debianTests(Program, load) {
  const results = [];
  const env = ['LC_ALL=C', 'PATH=/usr/bin:/bin:/usr/sbin:/sbin', 'HOME=/root', 'PYTHONHASHSEED=0'];
  for (const { target, words, script } of debian) {
    const base = script.replace(/\..*/, '');
    const tar = await load(`build/guests/tar/${target}-${base}.tar`);
    if (!tar) continue;
    const title = `${target}, ${base} of Debian`;
    try {
      const text = async (/** @type {string} */ path) => new TextDecoder().decode(await load(`tests/guests/programs/${path}`));
      const result = runProgram(Program, { target, argv: [...words, await text(script)], env, tar });
      same(result.out, await text(`${base}.txt`));
      results.push({ name: title });
    } catch (e) {
      results.push({ name: title, error: e instanceof Error ? e.message : String(e) });
    }
  }
  return results;
}
