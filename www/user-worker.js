// @ts-check
/**
 * A Linux program's own thread: one message starts it, with what `new Program` takes and its standard input; back come `output` of file
 * descriptor 1 or 2, then `exit` with wait's status and the kernel's log, or `error`. `tree` is an archive here, which stays where it is until a
 * file is needed, and `keep` a name below which changed files outlive the program.
 */

import { keptChanges, keepChanges } from './keep.js';

import init, { Program, takePanic } from './pkg/user/tinamou_web.js';
import { fetchWanted, openTree } from './trees.js';

const SLICE_INSNS = 2_000_000;
/** A program that sleeps longer at once is let go on: time is counted, and nobody waits. */
const LONGEST_NAP_NS = 1e18;
/** Lines of the log that are kept. */
const LOG_LINES = 1000;

/** @param {any} message @param {Transferable[]} [transfer] */
const say = (message, transfer = []) => /** @type {any} */ (self).postMessage(message, transfer);
/** @param {unknown} e */
const textOf = (e) => (e instanceof Error ? e.message : String(e));

/** @param {Program} program */
function sendOutput(program) {
  for (const fd of [1, 2]) {
    const data = program.takeOutput(fd);
    if (data.length) say({ kind: 'output', fd, data }, [data.buffer]);
  }
}

/** What is kept is written so often at most, in milliseconds, and at most for this part of the time. */
const KEEP_MS = 1000;
const KEEP_PART = 1 / 5;

/**
 * Keeps what a program changes: now and then while it runs, and at its end.
 * @param {Program} program
 * @param {string} name
 * @param {(line: string) => void} note told what could not be written before the end
 */
function keeper(program, name, note) {
  let kept = program.revision();
  let next = performance.now() + KEEP_MS;
  /** @type {Promise<void> | null} */
  let writing = null;
  const write = async () => {
    kept = program.revision();
    await keepChanges(name, program.changes());
  };
  return {
    /** Whether something is being written, which needs time. */
    busy: () => !!writing,
    /** Begins to write if it is time to. */
    tick() {
      const begun = performance.now();
      if (writing || begun < next || kept === program.revision()) return;
      writing = write()
        .catch((e) => {
          kept = -1;
          note(textOf(e));
        })
        .finally(() => {
          const now = performance.now();
          next = now + Math.max(KEEP_MS, (now - begun) / KEEP_PART);
          writing = null;
        });
    },
    /** Writes what is not written yet. */
    async end() {
      await writing;
      if (kept !== program.revision()) await write();
    },
  };
}

/** Lets what has arrived in. */
const breathe = () => new Promise((resolve) => setTimeout(resolve));

self.onmessage = async ({ data: { stdin, tree: archive, keep, ...options } }) => {
  let program = null;
  let tree = null;
  /** @param {'config' | 'image' | 'emulator'} blame @param {unknown} e @param {string} [what] */
  const fail = (blame, e, what = '') => say({ kind: 'error', blame, message: `${what}${textOf(e)}` });
  try {
    await init();
  } catch (e) {
    return fail('emulator', e);
  }
  try {
    if (archive) {
      tree = await openTree(archive);
      options.tree = tree.entries;
    }
  } catch (e) {
    return fail('image', e, 'tree: ');
  }
  try {
    if (keep) options.changes = await keptChanges(keep);
    program = new Program(options);
  } catch (e) {
    return fail('config', e);
  }
  /** @type {string[]} */
  const log = [];
  const note = (/** @type {string} */ line) => void (log.length < LOG_LINES && log.push(line));
  let started = false;
  try {
    const kept = keep ? keeper(program, keep, note) : null;
    if (stdin.length) program.input(stdin);
    program.endInput();
    /** @type {Set<Promise<void>>} */
    const under = new Set();
    for (;;) {
      const end = program.runSlice(SLICE_INSNS);
      started ||= end.icount > 0;
      sendOutput(program);
      program.takeLog().forEach(note);
      if (tree) fetchWanted(program, tree, under, note);
      kept?.tick();
      if (end.kind === 'exit') {
        await kept?.end();
        return say({ kind: 'exit', status: end.status, log });
      }
      if (end.kind === 'fetch') {
        await Promise.race(under);
        continue;
      }
      if (end.kind === 'idle') {
        if (end.idleNs > LONGEST_NAP_NS) return fail('config', 'the program waits for something that never comes');
        program.skip(end.idleNs);
      }
      if (under.size || kept?.busy()) await breathe();
    }
  } catch (e) {
    const panic = takePanic();
    // A program that could not be fetched: why is in the log.
    if (panic === undefined && !started) return fail('image', [textOf(e), ...log].join('; '));
    fail('emulator', panic ?? e);
  }
};
