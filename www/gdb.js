// @ts-check
/**
 * A client of gdb's remote protocol on a machine of the page: the same stub that the native program has behind `-gdb`. It frames packets,
 * hands out replies in order, and tells of stops. Registers, memory and code are better asked by QMP's `x-registers` and its kin, which do not
 * stop the machine; this is for breakpoints, watchpoints and steps.
 */

import { CallError } from './protocol.js';

/** @typedef {import('./machine.js').Machine} Machine */
/** @typedef {'break' | 'hbreak' | 'write' | 'read' | 'access'} PointKind */

/** The numbers of `Z` packets. @type {Record<PointKind, number>} */
const POINTS = { break: 0, hbreak: 1, write: 2, read: 3, access: 4 };

/**
 * Why the machine stands still.
 * @typedef {object} Stop
 * @property {number} signal 5: a breakpoint or a step; 2: somebody stopped it
 * @property {{ kind: 'watch' | 'rwatch' | 'awatch', address: string } | null} watch a watchpoint, and its address in hexadecimal
 * @property {boolean} beginning the beginning of what is known of the past
 */

/** @param {string} text @returns {Stop} */
function stopOf(text) {
  const fields = Object.fromEntries(text.slice(3).split(';').map((f) => /** @type {[string, string]} */ (f.split(':', 2))));
  const kind = /** @type {const} */ (['watch', 'rwatch', 'awatch']).find((k) => k in fields);
  return {
    signal: parseInt(text.slice(1, 3), 16),
    watch: kind ? { kind, address: fields[kind] ?? '' } : null,
    beginning: 'replaylog' in fields,
  };
}

/** Events: `stop` with a {@link Stop} as its detail, `exit`. */
export class Gdb extends EventTarget {
  #port;
  #buffer = '';
  #running = false;
  #open = true;
  /** Who waits for a reply; `stops`: the reply says why the machine stopped. @type {{ resolve: (reply: string) => void, reject: (e: Error) => void, stops: boolean }[]} */
  #waiting = [];
  /** It can go backwards. */
  reversible = false;

  /** @param {MessagePort} port */
  constructor(port) {
    super();
    this.#port = port;
    port.onmessage = (ev) => this.#receive(ev.data);
  }

  /**
   * Stops a machine to debug it.
   * @param {Machine} machine
   */
  static async attach(machine) {
    const { port1, port2 } = new MessageChannel();
    await machine.client.call('gdb', { port: port2 }, [port2]);
    const gdb = new Gdb(port1);
    const features = await gdb.packet('qSupported:multiprocess-');
    gdb.reversible = features.includes('ReverseStep+');
    await gdb.packet('?');
    return gdb;
  }

  /** The machine runs, as far as the stub knows. */
  get running() {
    return this.#running;
  }

  /**
   * Sends a packet.
   * @param {string} body
   * @returns {Promise<string>} its reply
   */
  packet(body) {
    return new Promise((resolve, reject) => {
      if (!this.#open) return reject(new CallError('the machine is gone'));
      this.#waiting.push({ resolve, reject, stops: /^([?csCSb]|vCont;)/.test(body) });
      this.#send(body);
    });
  }

  /** @param {PointKind} kind @param {bigint | number} address @param {number} [bytes] of a watchpoint */
  async set(kind, address, bytes = 4) {
    await this.#done(`Z${POINTS[kind]},${address.toString(16)},${bytes.toString(16)}`);
  }

  /** @param {PointKind} kind @param {bigint | number} address @param {number} [bytes] */
  async clear(kind, address, bytes = 4) {
    await this.#done(`z${POINTS[kind]},${address.toString(16)},${bytes.toString(16)}`);
  }

  /** Sets a register by gdb's number. @param {number} number @param {string} hex its bytes in the guest's order */
  async setRegister(number, hex) {
    await this.#done(`P${number.toString(16)}=${hex}`);
  }

  /** Runs one instruction; resolves when it has. @returns {Promise<Stop>} */
  step() {
    return this.#go('vCont;s');
  }

  /** Lets it run; resolves when it stops. @returns {Promise<Stop>} */
  cont() {
    return this.#go('vCont;c');
  }

  /** One instruction backwards, where time is counted. @returns {Promise<Stop>} */
  stepBack() {
    return this.#go('bs');
  }

  /** Back to the last breakpoint or watchpoint, or the beginning. @returns {Promise<Stop>} */
  contBack() {
    return this.#go('bc');
  }

  /** Stops it. */
  interrupt() {
    if (this.#running) this.#port.postMessage(Uint8Array.of(3));
  }

  /** Goes away; breakpoints go too. The machine stays as it is. */
  detach() {
    if (!this.#open) return;
    this.#port.postMessage(null);
    this.#gone();
  }

  /** @param {string} body @returns {Promise<Stop>} */
  async #go(body) {
    this.#running = true;
    const reply = await this.packet(body);
    if (!/^[TS]/.test(reply)) {
      this.#running = false;
      throw new CallError(reply ? `the debugger's stub refuses: ${reply}` : 'the machine cannot do that');
    }
    return stopOf(reply);
  }

  /** @param {string} body */
  async #done(body) {
    const reply = await this.packet(body);
    if (reply !== 'OK') throw new CallError(`the debugger's stub refuses ${body}: ${reply || 'not known'}`);
  }

  /** @param {string} body */
  #send(body) {
    const sum = [...body].reduce((s, c) => (s + c.charCodeAt(0)) & 0xff, 0);
    this.#port.postMessage(new TextEncoder().encode(`$${body}#${sum.toString(16).padStart(2, '0')}`));
  }

  /** @param {Uint8Array | null} bytes */
  #receive(bytes) {
    if (bytes === null) return this.#gone();
    this.#buffer += String.fromCharCode(...bytes);
    for (;;) {
      const start = this.#buffer.indexOf('$');
      const end = this.#buffer.indexOf('#', start);
      if (start < 0 || end < 0 || this.#buffer.length < end + 3) return;
      const body = this.#buffer.slice(start + 1, end);
      this.#buffer = this.#buffer.slice(end + 3);
      this.#port.postMessage(Uint8Array.of(0x2b));
      this.#reply(body.replace(/}(.)/gs, (_, c) => String.fromCharCode(c.charCodeAt(0) ^ 0x20)));
    }
  }

  /** @param {string} body */
  #reply(body) {
    const stopped = /^[TS]/.test(body);
    if (stopped) {
      this.#running = false;
      this.dispatchEvent(new CustomEvent('stop', { detail: stopOf(body) }));
    }
    if (body.startsWith('W')) this.dispatchEvent(new Event('exit'));
    // Whoever talks to a running machine stops it: that comes before the reply.
    if (stopped && !this.#waiting[0]?.stops) return;
    this.#waiting.shift()?.resolve(body);
  }

  #gone() {
    if (!this.#open) return;
    this.#open = false;
    this.#running = false;
    this.#port.close();
    for (const { reject } of this.#waiting.splice(0)) reject(new CallError('the machine is gone'));
    this.dispatchEvent(new Event('exit'));
  }
}
