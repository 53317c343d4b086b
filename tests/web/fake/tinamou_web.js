// @ts-check
/**
 * A stand-in for the emulator, of the same shape, for tests of page, worker and protocol alone: it echoes what is typed, line by
 * line, counts instructions, and misbehaves on request (`fail`, `off`). Of QMP it knows a handful of commands.
 */

export default async function init() {}
export const version = () => 'fake';
export const features = () => ['none'];
export const takePanic = () => undefined;

export class Machine {
  #out = new TextEncoder().encode('fake machine\r\nlab> ');
  #line = '';
  #insns = 0;
  #next = 'halted';

  status = 'running';
  /** @type {string | undefined} */
  ended;
  /** What waits for each monitor. @type {string[]} */
  #monitors = [];

  /** @param {{ target: string, kernel?: ArrayBuffer, paused?: boolean }} options */
  constructor(options) {
    if (!(options.kernel instanceof ArrayBuffer)) throw new Error('no kernel');
    if (options.paused) this.status = 'prelaunch';
  }

  get runs() {
    return this.status === 'running' && !this.ended;
  }

  openMonitor() {
    const n = this.#monitors.push('') - 1;
    this.#say({ QMP: { version: {}, capabilities: [] } }, n);
    return n;
  }

  closeMonitor() {}

  takeWritten() {
    return [];
  }

  /** @param {number} monitor */
  takeMonitorOutput(monitor) {
    const taken = this.#monitors[monitor] ?? '';
    this.#monitors[monitor] = '';
    return taken;
  }

  /** @param {number} monitor @param {string} text */
  monitorInput(monitor, text) {
    for (const line of text.split('\n').filter(Boolean)) {
      const { execute, id } = JSON.parse(line);
      const command = Object.hasOwn(this.#commands, execute) ? this.#commands[execute] : undefined;
      if (command) this.#say({ return: command() ?? {}, id }, monitor);
      else this.#say({ error: { class: 'CommandNotFound', desc: `The command ${execute} has not been found` }, id }, monitor);
    }
  }

  /** @type {Record<string, () => unknown>} */
  #commands = {
    qmp_capabilities: () => {},
    'query-status': () => ({ running: this.runs, singlestep: false, status: this.status }),
    'query-commands': () => Object.keys(this.#commands).map((name) => ({ name })),
    'query-qmp-schema': () => [
      ...Object.keys(this.#commands).map((name) => ({ 'meta-type': 'command', name, 'arg-type': name === 'human-monitor-command' ? '1' : '0', 'ret-type': '0' })),
      { 'meta-type': 'object', name: '0', members: [] },
      { 'meta-type': 'object', name: '1', members: [{ name: 'command-line', type: 'str' }, { name: 'cpu-index', type: 'int', default: null }] },
      { 'meta-type': 'builtin', name: 'str', 'json-type': 'string' },
      { 'meta-type': 'builtin', name: 'int', 'json-type': 'int' },
    ],
    'human-monitor-command': () => 'pc 00000000\r\n',
    stop: () => this.#turn('paused', 'STOP'),
    cont: () => this.#turn('running', 'RESUME'),
    system_reset: () => {
      this.#line = '';
      this.#send('reset\r\nlab> ');
      this.#event('RESET', { guest: false, reason: 'host-qmp-system-reset' });
    },
    quit: () => {
      this.ended = 'host-qmp-quit';
    },
  };

  /** @param {string} status @param {string} event */
  #turn(status, event) {
    if (this.status !== status) this.#event(event);
    this.status = status;
  }

  /** @param {string} event @param {object} [data] */
  #event(event, data) {
    for (const n of this.#monitors.keys()) this.#say({ timestamp: { seconds: 1, microseconds: 2 }, event, data }, n);
  }

  /** @param {object} message @param {number} monitor */
  #say(message, monitor) {
    this.#monitors[monitor] += `${JSON.stringify(message)}\r\n`;
  }

  /** @param {number} insns */
  runSlice(insns) {
    if (this.#next === 'fail') throw new Error('told to fail');
    this.#insns += insns;
    if (this.#next === 'shutdown') this.ended = 'guest-shutdown';
    const nowNs = this.#insns * 10;
    return { kind: this.#next, nowNs, untilNs: nowNs + 20e6 };
  }

  pace() {
    // As skipTo.
  }

  skipTo() {
    // Time is what instructions say.
  }

  /** @param {number} port @param {Uint8Array} data */
  serialInput(port, data) {
    for (const c of new TextDecoder().decode(data)) {
      if (c !== '\r') {
        this.#line += c;
        this.#send(c);
        continue;
      }
      this.#send(`\r\nyou typed: ${this.#line}\r\nlab> `);
      if (this.#line === 'fail') this.#next = 'fail';
      if (this.#line === 'off') this.#next = 'shutdown';
      this.#line = '';
    }
  }

  /** @param {string} text */
  #send(text) {
    this.#out = new Uint8Array([...this.#out, ...new TextEncoder().encode(text)]);
  }

  /** @param {number} port */
  takeSerialOutput(port) {
    if (port !== 0) return new Uint8Array();
    const taken = this.#out;
    this.#out = new Uint8Array();
    return taken;
  }

  stats() {
    const n = this.#insns;
    return { guestInsns: n, interpInsns: n * 0.02, jitInsns: n * 0.98, modules: 12, regions: 345, moduleBytes: 567_890, virtualNs: n * 10 };
  }

  stateHash() {
    return '0123456789abcdef';
  }

  free() {}
}
