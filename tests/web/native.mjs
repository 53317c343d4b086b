// @ts-check
/** The native program, run as `machine.js` runs the web build. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { guest, images, steps } from './guests.mjs';
import { parseSteps } from './drive.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const target = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');

/** @returns {string | undefined} the newest build of it, or what `TINAMOU` names */
export function nativePath() {
  if (process.env.TINAMOU) return process.env.TINAMOU;
  const age = (/** @type {string} */ file) => fs.statSync(file).mtimeMs;
  const built = ['release', 'debug'].map((profile) => path.join(target, profile, 'tinamou')).filter((f) => fs.existsSync(f));
  return built.sort((a, b) => age(b) - age(a))[0];
}

/** Escapes what `-x-input` unescapes. @param {string} text */
const escaped = (text) => text.replace(/[\\\x00-\x1f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** Steps as a script for `-x-input`: lines of what is waited for, a tab, and what is typed. @param {string} text */
function script(text) {
  /** @type {string[]} */
  const lines = [];
  for (const step of parseSteps(text)) {
    if (step.verb === 'expect') lines.push(escaped(step.text));
    else if (step.verb === 'send') lines.push(`${lines.pop()}\t${escaped(step.text)}`);
    else if (step.verb !== 'end') throw new Error(`the command line has no ${step.verb}`);
  }
  return lines.join('\n');
}

/**
 * Runs a session.
 * @param {string} program
 * @param {import('./guests.mjs').Session} session
 * @param {string} [accel] `jit` or `interp`
 * @returns {import('./machine.js').Outcome}
 */
export function runNative(program, session, accel = 'jit') {
  const found = guest(session.guest);
  const config = { ...found, ...session.config, ...session.counted };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-native-'));
  try {
    // The guest sees its kernel's name; the web build calls every kernel so.
    for (const [name, file] of Object.entries(images(found))) fs.symlinkSync(file, path.join(folder, name === 'kernel' ? 'vmlinux' : name));
    fs.writeFileSync(path.join(folder, 'input'), script(steps(session)));
    const args = [`system-${config.target}`, '-M', config.machine ?? 'malta', '-nographic', '-no-reboot', '-accel', accel];
    if (config.files.kernel) args.push('-kernel', 'vmlinux');
    if (config.files.bios) args.push('-bios', 'bios');
    if (config.files.initrd) args.push('-initrd', 'initrd');
    if (config.cpu) args.push('-cpu', config.cpu);
    if (config.cpus) args.push('-smp', `${config.cpus}`);
    if (config.ramMib) args.push('-m', `${config.ramMib}`);
    if (config.append) args.push('-append', config.append);
    if (session.exitOn) args.push('-x-exit-on', session.exitOn);
    args.push('-icount', `shift=${config.icount},sleep=off`, '-x-input', 'input', '-x-max-insns', `${session.mostInsns}`, '-x-stats', '-x-state-hash');
    const run = spawnSync(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20 });
    const line = String(run.stderr).split('\n').find((l) => l.startsWith('{'));
    if (run.status !== 0 || !line) throw new Error(`${args.join(' ')}: ${run.error ?? run.stderr}`);
    const figures = JSON.parse(line);
    return {
      transcript: String(run.stdout).replaceAll('\r', ''),
      stateHash: figures.state_hash,
      icount: figures.icount,
      virtualNs: figures.virtual_ns,
      jitInsns: figures.insns - figures.interpreted,
    };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
