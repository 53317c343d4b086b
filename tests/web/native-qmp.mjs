// @ts-check
/** The native program as a child with a console and a QMP monitor. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { guest, images } from './guests.mjs';

/** A machine that hangs must not hang the tests. */
const LIMIT_MS = 300_000;

/** What the program is told of a guest of the page's list, but for its images. @param {string} id @param {object} more */
export function machineArgs(id, more = {}) {
  const config = { ...guest(id), ...more };
  const args = [`system-${config.target}`, '-nographic', '-no-reboot'];
  if (config.machine) args.push('-M', config.machine);
  if (config.cpu) args.push('-cpu', config.cpu);
  if (config.ramMib) args.push('-m', `${config.ramMib}`);
  if (config.icount !== undefined) args.push('-icount', `shift=${config.icount},sleep=off`);
  return args;
}

/** The rest of it. @param {string} id @param {object} more */
export function imageArgs(id, more = {}) {
  const found = { ...guest(id), ...more };
  const args = Object.entries(images(found)).flatMap(([name, file]) => [`-${name}`, file]);
  return found.append ? [...args, '-append', found.append] : args;
}

/** A machine that runs in a process of its own. */
export class NativeMachine {
  #said = '';
  #seen = 0;
  #errors = '';
  #reply = '';
  #look = () => {};
  #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-qmp-'));
  /** @type {import('node:net').Socket | undefined} */
  #monitor;
  #child;
  /** @type {Promise<void>} */
  #exited;

  /** @param {string} program @param {string[]} args */
  constructor(program, args) {
    const socket = path.join(this.#folder, 'qmp');
    const all = [...args, '-qmp', `unix:${socket},server=on,wait=off`, '-x-stats', '-x-state-hash'];
    this.#child = spawn(program, all, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => ((this.#said += text), this.#look()));
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    this.#exited = new Promise((resolve) => this.#child.on('close', () => (resolve(), this.#look())));
  }

  /** Waits until it says something, and forgets what was said before. @param {string} text */
  async expect(text) {
    const at = () => this.#said.indexOf(text, this.#seen);
    await this.#until(() => at() >= 0, text);
    this.#seen = at() + text.length;
  }

  /** @param {string} text */
  type(text) {
    this.#child.stdin.write(text);
  }

  /**
   * Runs a QMP command.
   * @param {string} execute
   * @param {object} [args]
   * @returns {Promise<any>}
   */
  async qmp(execute, args) {
    if (!this.#monitor) {
      this.#monitor = await this.#connect(path.join(this.#folder, 'qmp'));
      await this.qmp('qmp_capabilities');
    }
    this.#reply = '';
    this.#monitor.write(`${JSON.stringify({ execute, arguments: args, id: 1 })}\n`);
    /** @type {any} */
    let answer;
    const answered = () => {
      const lines = this.#reply.split('\r\n').slice(0, -1);
      answer = lines.map((line) => JSON.parse(line)).find((message) => message.id === 1);
      return answer !== undefined;
    };
    await this.#until(answered, `a reply to ${execute}`);
    if (answer.error) throw new Error(answer.error.desc);
    return answer.return;
  }

  /** @param {string} socket */
  async #connect(socket) {
    await this.#until(() => fs.existsSync(socket), 'a QMP socket', 20);
    for (;;) {
      const monitor = net.createConnection(socket).setEncoding('utf8');
      monitor.on('data', (text) => ((this.#reply += text), this.#look()));
      // It goes with the machine; and a socket is there a moment before anybody listens.
      const there = await new Promise((resolve) => monitor.on('connect', () => resolve(true)).on('error', () => resolve(false)));
      if (there) return monitor;
      if (this.#child.exitCode !== null) throw new Error(`the program ended\n${this.#errors}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends it. @returns {Promise<string>} the hash of its state */
  async quit() {
    await this.qmp('quit');
    await this.#exited;
    const line = this.#errors.split('\n').find((l) => l.startsWith('{'));
    this.kill();
    if (!line) throw new Error(this.#errors);
    return JSON.parse(line).state_hash;
  }

  /** Whatever happened: nothing of it is left. */
  kill() {
    this.#child.kill('SIGKILL');
    this.#monitor?.destroy();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @param {() => boolean} there @param {string} what @param {number} [again] milliseconds after which to look again by itself */
  async #until(there, what, again) {
    const ended = () => this.#child.exitCode !== null || this.#child.signalCode !== null;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not seen: ${what}\n${this.#said.slice(-2000)}`)), LIMIT_MS)));
    try {
      while (!there()) {
        if (ended()) throw new Error(`the program ended, not seen: ${what}\n${this.#errors}\n${this.#said.slice(-2000)}`);
        const look = new Promise((resolve) => (this.#look = () => resolve(null)));
        const nap = again === undefined ? [] : [new Promise((resolve) => setTimeout(resolve, again))];
        await Promise.race([look, late, ...nap]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
