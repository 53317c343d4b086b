// @ts-check
/**
 * A stand-in for the emulator, of the same shape, for tests of page, worker and protocol alone: it echoes what is typed, line by
 * line, counts instructions, and misbehaves on request (`busy`, `fail`, `off`). Of QMP it knows a handful of commands.
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

  /** A red square on its display moves by what is typed and pointed at. */
  #square = { x: 0, y: 0, drawn: false };
  #paused = false;
  /** Files of commands, and which of them nobody was told of. @type {Map<string, Uint8Array>} */
  #files = new Map();
  /** @type {string[]} */
  #written = [];
  /** What QMP's `x-machine-set` was told. @type {Record<string, unknown>} */
  #set = {};
  /** Keys and mouse. @type {string[]} */
  #felt = [];

  #mac = '';

  /**
   * @param {{ mac?: string, target?: string, kernel?: ArrayBuffer, bios?: ArrayBuffer, paused?: boolean, preconfig?: boolean, incoming?: ArrayBuffer,
   *   ramMib?: number, append?: string }} options
   */
  constructor(options) {
    if (!options.preconfig && !options.incoming && !(options.kernel instanceof ArrayBuffer) && !(options.bios instanceof ArrayBuffer)) throw new Error('no kernel');
    if ((options.ramMib ?? 0) > 4000) throw new Error('the host cannot provide the machine: out of memory');
    if (options.incoming) this.#out = new TextEncoder().encode('resumed\r\nlab> ');
    if (options.append) this.#send(`${options.append}\r\n`);
    this.#paused = !!options.paused;
    this.#mac = options.mac ?? 'nobody';
    if (options.preconfig) this.status = 'preconfig';
    else if (options.paused) this.status = 'prelaunch';
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
    return this.#written.splice(0);
  }

  /** @param {string} name @param {Uint8Array} data */
  putFile(name, data) {
    this.#files.set(name, data);
  }

  /** @param {string} name */
  takeFile(name) {
    const file = this.#files.get(name);
    this.#files.delete(name);
    return file;
  }

  /** What was put, and what is in the drives. @type {Set<string>} */
  #media = new Set();
  /** @type {Record<string, string | null>} */
  #drives = { 'ide1-cd0': null, floppy0: null };

  /** @param {string} name @param {Blob} data */
  putDrive(name, data) {
    this.#media.add(name);
    this.#sizes[name] = data.size;
  }

  /** @type {Record<string, number>} */
  #sizes = {};

  /** The shared folder. @type {Map<string, Uint8Array>} */
  #shared = new Map();

  addShare() {}

  /** @param {string} tag @param {string} path @param {Uint8Array} data */
  putShared(tag, path, data) {
    this.#shared.set(path, data);
  }

  listShared() {
    return [...this.#shared].map(([path, data]) => ({ path, bytes: data.length, modifiedMs: 0 }));
  }

  /** @param {string} tag @param {string} path */
  readShared(tag, path) {
    return this.#shared.get(path)?.slice();
  }

  /** @param {string} tag @param {string} path */
  removeShared(tag, path) {
    return this.#shared.delete(path);
  }

  /** What it sends on its network. @type {Uint8Array[]} */
  #frames = [];

  /** @param {Uint8Array} frame */
  netInput(frame) {
    this.#send(`heard: ${new TextDecoder().decode(frame)}\r\n`);
  }

  takeFrames() {
    return this.#frames.splice(0);
  }

  #logging = false;

  #listening = false;
  /** @type {number[]} */
  #sounds = [];

  /** @param {boolean} on */
  listen(on) {
    this.#listening = on;
    this.#sounds = [];
  }

  takeSounds() {
    return this.#sounds.splice(0);
  }

  /** @param {boolean} on */
  logGuestErrors(on) {
    this.#logging = on;
  }

  takeGuestErrors() {
    return this.#logging ? ['uart: a write to nowhere'] : [];
  }

  /** @param {number} code @param {boolean} down */
  key(code, down) {
    this.#felt.push(`${code.toString(16)}${down ? '+' : '-'}`);
    if (down) this.#square.x += 10;
    this.#square.drawn = false;
  }

  /** @param {number} dx @param {number} dy @param {number} dz @param {number} buttons */
  mouse(dx, dy, dz, buttons) {
    this.#felt.push(`m${buttons}`);
    this.#square.y += 10;
    this.#square.drawn = false;
  }

  /** @param {boolean} whole */
  display(whole) {
    if (this.#square.drawn && !whole) return undefined;
    this.#square.drawn = true;
    const [width, height] = [320, 200];
    const rgba = new Uint8Array(width * height * 4);
    for (let at = 0; at < width * height; at++) {
      const [x, y] = [(at % width) - this.#square.x, Math.floor(at / width) - this.#square.y];
      rgba.set([x >= 0 && x < 40 && y >= 0 && y < 40 ? 255 : 0, 0, 0, 255], at * 4);
    }
    return { width, height, top: 0, rgba };
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
      const { execute, id, arguments: args } = JSON.parse(line);
      const command = Object.hasOwn(this.#commands, execute) ? this.#commands[execute] : undefined;
      if (command) {
        try {
          this.#say({ return: command(args ?? {}) ?? {}, id }, monitor);
        } catch (e) {
          this.#say({ error: { class: 'GenericError', desc: e instanceof Error ? e.message : String(e) }, id }, monitor);
        }
      }
      else this.#say({ error: { class: 'CommandNotFound', desc: `The command ${execute} has not been found` }, id }, monitor);
    }
  }

  /** @type {Record<string, (args: any) => unknown>} */
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
    system_powerdown: () => this.#event('POWERDOWN'),
    'x-machine-options': () => [
      { name: 'machine', kind: 'choice', description: 'the board', value: 'malta', default: 'malta', choices: ['malta'] },
      { name: 'cpu', kind: 'choice', description: 'the CPU model', value: '24Kf', default: '24Kf', choices: ['24Kf', '4Kc'] },
      { name: 'm', kind: 'size', description: 'RAM in bytes', value: 128 << 20, default: 128 << 20 },
      { name: 'nic', kind: 'bool', description: 'its network interface', value: true, default: true },
      { name: 'kernel', kind: 'file', description: 'kernel to start' },
      { name: 'append', kind: 'text', description: 'its command line' },
      { name: 'devices', kind: 'devices', description: 'cards on the PCI bus' },
      { name: 'virtio0', kind: 'file', description: 'virtio disk 0' },
      { name: 'boot', kind: 'text', description: 'boot order' },
      { name: 'vga', kind: 'bool', description: 'whether the graphics card is there', value: true, default: true },
      { name: 'rtc', kind: 'int', description: 'what the clock shows at first' },
      { name: 'icount', kind: 'int', description: 'virtual nanoseconds of an instruction' },
    ],
    'x-machine-set': ({ name, value }) => {
      if (name === 'm' && value > 2 ** 31) throw new Error(`Parameter 'm' does not accept value '${value}'`);
      this.#set[name] = value;
    },
    'x-exit-preconfig': () => {
      this.#send(`${JSON.stringify(this.#set)}\r\n`);
      this.status = this.#paused ? 'prelaunch' : 'running';
    },
    'x-snapshot-save': ({ file }) => {
      this.#files.set(file, new TextEncoder().encode('TINAMOU mipsel'));
      this.#written.push(file);
    },
    'query-block': () => Object.entries(this.#drives).map(([device, file]) => ({
      device, removable: true, ...(file ? { inserted: { file, image: { 'virtual-size': this.#sizes[file] } } } : {}),
    })),
    'blockdev-change-medium': ({ device, filename }) => {
      if (!this.#media.has(filename)) throw new Error(`Could not open '${filename}'`);
      this.#drives[device] = filename;
    },
    eject: ({ device }) => {
      this.#drives[device] = null;
      this.#event('DEVICE_TRAY_MOVED', { device, id: '', 'tray-open': true });
    },
    device_add: ({ driver, fsdev }) => {
      this.#send(`${driver} of ${fsdev}\r\n`);
      // The guest writes something, too.
      this.#shared.set('from/guest.txt', new TextEncoder().encode('of the guest'));
    },
    'blockdev-add': ({ filename }) => {
      if (!this.#media.has(filename)) throw new Error(`Could not open '${filename}'`);
    },
    netdev_add: ({ type, id }) => this.#send(`${type} ${id}\r\n`),
    'fake-rests': () => String(Math.round(Math.min(...this.#rests.slice(-5)))),
    'fake-felt': () => this.#felt.join(' '),
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
    if (this.#paced) this.#rests.push(performance.now() - this.#paced);
    this.#paced = 0;
    if (this.#next === 'shutdown') this.ended = 'guest-shutdown';
    const nowNs = this.#insns * 10;
    return { kind: this.#next, nowNs, untilNs: nowNs + 20e6 };
  }

  /** When the last turn ended, and pauses between turns in milliseconds. */
  #paced = 0;
  /** @type {number[]} */
  #rests = [];

  pace() {
    this.#paced = performance.now();
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
      if (this.#line.startsWith('frame ')) this.#frames.push(new TextEncoder().encode(`${this.#mac} says ${this.#line.slice(6)}`));
      if (this.#line === 'beep' && this.#listening) this.#sounds.push(this.#insns * 10, 1000, this.#insns * 10 + 1e8, 0);
      if (this.#line === 'pulses' && this.#listening) {
        for (let n = 0; n < 100; n++) this.#sounds.push(this.#insns * 10 + n * 250_000, n % 2 ? 0 : -1);
      }
      if (this.#line === 'fail') this.#next = 'fail';
      if (this.#line === 'busy') this.#next = 'budget';
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
