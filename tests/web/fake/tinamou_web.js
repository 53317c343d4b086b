// @ts-check
/**
 * A stand-in for the emulator, of the same shape, for tests of page, worker and protocol alone: it echoes what is typed, line by
 * line, counts instructions, and misbehaves on request (`fail`, `off`).
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

  /** @param {{ target: string, kernel?: ArrayBuffer }} options */
  constructor(options) {
    if (!(options.kernel instanceof ArrayBuffer)) throw new Error('no kernel');
  }

  /** @param {number} insns */
  runSlice(insns) {
    if (this.#next === 'fail') throw new Error('told to fail');
    this.#insns += insns;
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

  reset() {
    this.#line = '';
    this.#send('reset\r\nlab> ');
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
