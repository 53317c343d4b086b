// @ts-check
/**
 * The package: machines and Linux programs for any page, or for Node.
 *
 *     import { Tinamou } from 'tinamou';
 *     const machine = await Tinamou.create({ arch: 'mipsel', kernel: 'vmlinux', initrd: 'initrd.gz', append: 'console=ttyS0' });
 *     await machine.waitFor(/login:/);
 *
 * It needs no element of a page: `element.js` is the one that makes `<tinamou-machine>`.
 */

import { ConfigError, EmulatorError, GoneError, ImageError, LabError, TinamouError } from './errors.js';
import { attachConsole, blockPort, isBlockBackend, lan, netPort, remoteDisk } from './backends.js';
import { forgetChanges } from './keep.js';
import { CallError, Client } from './protocol.js';
import { Machine, QmpError, QmpEvent } from './machine.js';
import { SerialPort } from './serial.js';
import { Share, shareOptions } from './shares.js';
import { bytesOf, mebibytes } from './sources.js';

export { ConfigError, EmulatorError, GoneError, ImageError, LabError, lan, QmpError, QmpEvent, remoteDisk, SerialPort, Share, TinamouError };

/** @typedef {import('./sources.js').Source} Source */
/** @typedef {import('./backends.js').NetBackend} NetBackend */
/** @typedef {import('./backends.js').BlockBackend} BlockBackend */
/** @typedef {import('./backends.js').ConsoleBackend} ConsoleBackend */
/** @typedef {import('./protocol.js').BootConfig} BootConfig */
/** @typedef {import('./protocol.js').LabReport} LabReport */
/** @typedef {import('./qmp-types.js').QmpCommands} QmpCommands */

/**
 * A machine to make. Texts that name images are addresses, relative to the page.
 * @typedef {object} MachineOptions
 * @property {NonNullable<BootConfig['target']>} [arch] the architecture, by QEMU's name; `mipsel` if nothing says another
 * @property {string} [board] QEMU's name of it
 * @property {string} [cpu] CPU model
 * @property {number} [cpus] number of vCPUs, 1 if left out
 * @property {number | string} [memory] MiB, or a text such as `256M`
 * @property {Source | Promise<Source>} [kernel]
 * @property {Source | Promise<Source>} [initrd]
 * @property {Source | Promise<Source>} [bios]
 * @property {Source | Promise<Source>} [vgaBios] of the PC's display adapter
 * @property {string} [boot] what the PC's firmware boots from, in order: `a` floppy, `c` disk, `d` CD
 * @property {Source | Promise<Source>} [snapshot] a saved machine to go on from; it says all that is left out here
 * @property {string} [append] the kernel's command line
 * @property {Record<string, Source | BlockBackend | Promise<Source | BlockBackend>>} [disks] what is in the drives, by their names on the command line:
 * `hda`, `cdrom`, …
 * @property {'user' | 'none' | NetBackend} [net] what the network interface leads to: a network of its own without a way out, nothing, or an object
 * @property {string} [mac] the interface's address: that of `net`, or QEMU's 52:54:00:12:34:56
 * @property {import('./shares.js').ShareOption[]} [shares] folders that the guest mounts by 9P: their mount tags, and what is in them by path
 * @property {(ConsoleBackend | undefined)[]} [consoles] what the serial ports lead to, besides `serial`
 * @property {number} [icount] count time in instructions, of 2 to the power of this nanoseconds each: runs are the same everywhere
 * @property {'jit' | 'interp'} [accel]
 * @property {'wait' | 'warp'} [idle] what an idle guest does: wait in real time, or jump to its next timer
 * @property {boolean} [paused] do not start running: `qmp('cont')` does
 * @property {boolean} [preconfig] do not make it yet: QMP's `x-machine-set` changes what is asked for here, `x-exit-preconfig` makes it
 * @property {AbortSignal | undefined} [signal] aborts the making, and ends the machine, whenever it is aborted
 */

/**
 * A Linux program to run.
 * @typedef {object} ExecOptions
 * @property {'i386' | 'x86_64' | 'mipsel' | 'mips' | 'mips64el' | 'mips64' | 'mipsn32el' | 'mipsn32'} [arch] `mipsel` if left out
 * @property {Record<string, Source | Promise<Source>>} [files] files by path; all can be executed
 * @property {Source | Promise<Source>} [tar] a tar archive, unpacked before
 * @property {URL | import('./trees.js').TreeSource} [tree] a ZIP archive, a tar archive that is not compressed, or a folder's handle: its index is read
 *   first, a file when a program opens it; an address is read by HTTP ranges, where its server knows them
 * @property {string} [keep] files that programs change are kept in this browser below this name (OPFS), a second or so after each change, and are there for
 *   the next program with the same name, `tree`, `tar` and `files`; two at once with one name do not see each other, and the last to write wins
 * @property {Record<string, string>} [env]
 * @property {string | Uint8Array} [stdin] what it reads; nothing if left out
 * @property {WritableStream<Uint8Array>} [stdout] gets what it writes as it comes
 * @property {WritableStream<Uint8Array>} [stderr]
 * @property {'jit' | 'interp'} [accel]
 * @property {AbortSignal | undefined} [signal] ends it
 */

/**
 * What came of a program.
 * @typedef {object} ExecResult
 * @property {number} status its exit status; 128 and the signal's number if a signal ended it
 * @property {number | null} signal that ended it
 * @property {string} stdout what it wrote (empty if a stream got it)
 * @property {string} stderr
 * @property {string[]} log what the kernel has to say: system calls it does not know, files of the tree that could not be had
 */

/** @type {{ machine: () => Worker, program: () => Worker }} */
const workers = {
  machine: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'machine' }),
  program: () => new Worker(new URL('./user-worker.js', import.meta.url), { type: 'module', name: 'program' }),
};

/** Says how workers are made, where `Worker` is not there or not as in browsers. @param {Partial<typeof workers>} makers */
export function setWorkers(makers) {
  Object.assign(workers, makers);
}

/** A failure of the worker as an error of ours. @param {unknown} e @param {new (m: string) => TinamouError} kind */
const failure = (e, kind) => (e instanceof CallError ? new kind(e.message) : e);

/** A machine that is there. Its events are QMP's, by their names, and `qmp` for all of them. */
export class TinamouMachine extends EventTarget {
  #machine;
  #signal;
  /** @type {(end: { reason: 'shutdown' | 'failed' | 'closed', message: string }) => void} */
  #resolveClosed = () => {};
  #over = false;
  /** Its serial ports. @type {SerialPort[]} */
  serial;
  /** Settled when it is gone. @type {Promise<{ reason: 'shutdown' | 'failed' | 'closed', message: string }>} */
  closed;
  #gone = new AbortController();
  #inserted = 0;
  /** The version of the emulator, and what generated code uses of this browser. @type {import('./protocol.js').MachineInfo} */
  info = { version: '', features: [] };

  /** @param {Worker} worker @param {AbortSignal | undefined} signal */
  constructor(worker, signal) {
    super();
    this.#machine = new Machine(worker);
    this.#signal = signal;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.serial = [0, 1, 2].map((port) => new SerialPort((data) => this.#guard(this.#machine.input(port, data))));
    worker.onerror = (ev) => this.#end('failed', ev.message || 'its worker could not be loaded');
    const { client } = this.#machine;
    client.on('output', ({ port, data }) => this.serial[port]?.push(data));
    client.on('stats', (stats) => this.dispatchEvent(new CustomEvent('stats', { detail: stats })));
    client.on('stopped', ({ reason, message }) => this.#end(reason, message));
    this.#machine.addEventListener('qmp', (ev) => {
      const { message } = /** @type {QmpEvent} */ (ev);
      this.dispatchEvent(new QmpEvent(message.event, message));
      this.dispatchEvent(new QmpEvent('qmp', message));
    });
    signal?.addEventListener('abort', () => this.#end('closed', 'it was aborted'), { once: true });
  }

  /** What the page's parts (console, Lab view) work with. */
  get machine() {
    return this.#machine;
  }

  /** It is gone. */
  get isClosed() {
    return this.#over;
  }

  /** Aborted when it is gone. */
  get gone() {
    return this.#gone.signal;
  }

  /** Ties consoles to its serial ports: what the guest sent before, they get as well. @param {(ConsoleBackend | undefined)[]} consoles */
  attach(consoles) {
    for (const [port, backend] of consoles.entries()) {
      const serial = this.serial[port];
      if (!serial) continue;
      const failed = (/** @type {unknown} */ why) => this.dispatchEvent(new CustomEvent('consoleerror', { detail: { port, why } }));
      if (backend) attachConsole(serial, backend, this.gone, failed);
    }
  }

  /**
   * Makes it; `Tinamou.create` does.
   * @param {BootConfig} config
   * @param {Transferable[]} transfer
   */
  async boot(config, transfer) {
    try {
      this.info = await this.#machine.boot(config, transfer);
    } catch (e) {
      this.#signal?.throwIfAborted();
      const failed = this.#over ? new EmulatorError((await this.closed).message) : failure(e, ConfigError);
      this.close();
      throw failed;
    }
  }

  /**
   * Runs a QMP command.
   * @template {keyof QmpCommands} K
   * @param {K} command
   * @param {Partial<QmpCommands[K]['in']>} [args]
   * @param {{ signal?: AbortSignal | undefined }} [options]
   * @returns {Promise<QmpCommands[K]['out']>} rejected with a {@link QmpError} if QMP refuses, a {@link GoneError} if the machine is gone
   */
  qmp(command, args, { signal } = {}) {
    return this.#guard(this.#machine.qmp(command, args), signal);
  }

  /**
   * QMP's events from now on, until the machine is gone.
   * @returns {AsyncGenerator<import('./protocol.js').QmpNotice, void, void>}
   */
  events() {
    return this.#machine.events();
  }

  /**
   * Waits until the guest has sent this on a serial port, counted from the end of what was waited for before.
   * @param {string | RegExp} pattern
   * @param {{ port?: number, signal?: AbortSignal | undefined }} [options]
   * @returns {Promise<RegExpExecArray>}
   */
  waitFor(pattern, { port = 0, signal } = {}) {
    const at = this.serial[port];
    if (!at) return Promise.reject(new ConfigError(`there is no serial port ${port}`));
    return at.waitFor(pattern, { signal });
  }

  /** Types a text at the first serial port. @param {string} text */
  async type(text) {
    await this.serial[0]?.write(text);
  }

  /**
   * Changes what is in a drive whose medium can be changed; QMP's `eject` empties it.
   * @param {string} device QMP's name of it, such as `ide1-cd0` or `floppy0`
   * @param {Source | BlockBackend} medium
   * @param {{ signal?: AbortSignal | undefined }} [options]
   */
  async insert(device, medium, { signal } = {}) {
    const name = `${device}-${++this.#inserted}`;
    /** @type {Blob | ArrayBuffer | import('./protocol.js').RemoteDisk} */
    let data;
    /** @type {Transferable[]} */
    const transfer = [];
    if (isBlockBackend(medium)) {
      data = remote(name, medium, this.gone);
      transfer.push(data.port);
    } else {
      data = medium instanceof Blob ? medium : (await bytesOf(medium, { signal, name })).buffer;
    }
    await this.#guard(this.#machine.client.call('putDrive', { name, data }, transfer), signal);
    await this.qmp('blockdev-change-medium', { device, filename: name }, { signal });
  }

  /** A folder that was given as one of `shares`. @param {string} tag */
  share(tag) {
    return new Share(tag, (name, args) => this.#guard(this.#machine.client.call(name, args)));
  }

  /** Saves the machine, which goes on then. `Tinamou.create({ snapshot })` takes it up, in any tab or program. @returns {Promise<Blob>} */
  async snapshot() {
    return new Blob([await this.#guard(this.#machine.snapshot())], { type: 'application/octet-stream' });
  }

  /** The machine becomes the one of a snapshot of a machine of the same configuration. @param {Source} snapshot */
  async restore(snapshot) {
    await this.#guard(this.#machine.restore(await bytesOf(snapshot, { name: 'snapshot' })));
  }

  /** Figures. @returns {Promise<import('./protocol.js').Stats>} */
  stats() {
    return this.#guard(this.#machine.client.call('stats', undefined));
  }

  /** A hash of the whole state: the same on every host where time is counted. @returns {Promise<string>} */
  stateHash() {
    return this.#guard(this.#machine.client.call('stateHash', undefined));
  }

  /**
   * A debugger on gdb's protocol, which stops the machine.
   * @returns {Promise<import('./gdb.js').Gdb>}
   */
  async debug() {
    const { Gdb } = await import('./gdb.js');
    return this.#guard(Gdb.attach(this.#machine));
  }

  /** Ends it at once. */
  close() {
    this.#end('closed', 'it was closed');
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.close();
  }

  /**
   * @template T
   * @param {Promise<T>} work
   * @param {AbortSignal} [signal]
   * @returns {Promise<T>}
   */
  async #guard(work, signal) {
    try {
      if (!signal) return await work;
      signal.throwIfAborted();
      return await new Promise((resolve, reject) => {
        const abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
      });
    } catch (e) {
      if (!this.#over || signal?.aborted || e instanceof QmpError) throw e;
      throw new GoneError(`the machine is gone: ${(await this.closed).message}`);
    }
  }

  /** @param {'shutdown' | 'failed' | 'closed'} reason @param {string} message */
  #end(reason, message) {
    if (this.#over) return;
    this.#over = true;
    this.#gone.abort(new GoneError(`the machine is gone: ${message}`));
    this.#resolveClosed({ reason, message });
    this.#machine.end(message);
    const gone = new GoneError(`the machine is gone: ${message}`);
    for (const port of this.serial) port.end(gone);
    this.dispatchEvent(new CustomEvent('closed', { detail: { reason, message } }));
  }
}

/**
 * A disk as the worker wants it.
 * @param {string} name
 * @param {BlockBackend} disk
 * @param {AbortSignal} gone aborted when the machine is gone
 * @returns {import('./protocol.js').RemoteDisk}
 */
function remote(name, disk, gone) {
  if (disk.size % 512) throw new RangeError(`${name}: its size is no multiple of 512`);
  return { size: disk.size, writable: !!disk.write, port: blockPort(disk, gone) };
}

/**
 * The boot configuration of options, and what of it can be transferred.
 * @param {MachineOptions} options
 * @param {AbortSignal} gone aborted when the machine is gone
 * @returns {Promise<{ config: BootConfig, transfer: Transferable[] }>}
 */
async function configure(options, gone) {
  const { arch, board, memory, kernel, initrd, bios, vgaBios, snapshot, disks = {}, shares, net, consoles: _, signal, ...same } = options;
  /** @type {any} */
  const config = { ...same };
  if (arch !== undefined || !snapshot) config.target = arch ?? 'mipsel';
  if (board !== undefined) config.machine = board;
  if (memory !== undefined) config.ramMib = mebibytes(memory);
  const images = { kernel, initrd, bios, vgaBios, incoming: snapshot };
  /** @type {Transferable[]} */
  const transfer = [];
  await Promise.all([
    ...Object.entries(images).map(async ([name, source]) => {
      if (source === undefined) return;
      const from = await source;
      if (name === 'incoming' && typeof document !== 'undefined' && (from instanceof Blob || typeof from === 'string' || from instanceof URL)) {
        // The machine runs before the whole of it is there.
        config[name] = from instanceof Blob ? from : { url: new URL(from, document.baseURI).href };
        return;
      }
      const bytes = await bytesOf(from, { signal, name });
      config[name] = bytes.buffer;
      transfer.push(bytes.buffer);
    }),
    ...Object.entries(disks).map(async ([name, source]) => {
      const from = await source;
      if (isBlockBackend(from)) {
        config[name] = remote(name, from, gone);
        transfer.push(config[name].port);
        return;
      }
      // A Blob is read piece by piece where it is needed.
      config[name] = from instanceof Blob ? from : (await bytesOf(from, { signal, name })).buffer;
    }),
  ]);
  if (shares) config.shares = await shareOptions(shares, signal);
  if (typeof net === 'object') {
    config.mac ??= net.mac;
    transfer.push((config.net = netPort(net, gone)));
  } else if (net !== undefined) config.net = net;
  return { config, transfer };
}

/** @param {MachineOptions} [options] @returns {Promise<TinamouMachine>} */
async function create(options = {}) {
  options.signal?.throwIfAborted();
  const machine = new TinamouMachine(workers.machine(), options.signal);
  let made;
  try {
    const consoles = options.consoles?.length ?? 0;
    if (consoles > machine.serial.length) throw new ConfigError(`there is no serial port ${consoles - 1}`);
    made = await configure(options, machine.gone);
  } catch (e) {
    machine.close();
    options.signal?.throwIfAborted();
    if (e instanceof RangeError || e instanceof TypeError) throw new ConfigError(e.message, { cause: e });
    throw e;
  }
  await machine.boot(made.config, made.transfer);
  machine.attach(options.consoles ?? []);
  return machine;
}

/** What is to blame for a program that does not run. */
const BLAME = { config: ConfigError, image: ImageError, emulator: EmulatorError };

/** @param {string[]} argv @param {ExecOptions} [options] @returns {Promise<ExecResult>} */
async function exec(argv, options = {}) {
  const { arch = 'mipsel', files = {}, tar, tree, keep, env = {}, stdin = '', stdout, stderr, accel, signal } = options;
  signal?.throwIfAborted();
  if (!Array.isArray(argv) || !argv.length) throw new ConfigError('a program needs its path and arguments');
  /** @type {Record<string, Uint8Array>} */
  const content = {};
  await Promise.all(Object.entries(files).map(async ([name, source]) => (content[name] = await bytesOf(source, { signal, name }))));
  const config = {
    target: arch,
    argv,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    files: content,
    ...(tar === undefined ? {} : { tar: await bytesOf(tar, { signal, name: 'tar' }) }),
    // An address is relative to the page, not to the worker.
    ...(tree === undefined ? {} : { tree: typeof tree === 'string' || tree instanceof URL ? new URL(tree, globalThis.document?.baseURI).href : tree }),
    ...(keep === undefined ? {} : { keep }),
    ...(accel ? { accel } : {}),
    stdin: typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin,
  };
  const worker = workers.program();
  /** @type {(() => void)[]} */
  const undo = [() => worker.terminate()];
  const outputs = [stdout, stderr].map((stream) => ({ text: '', decoder: new TextDecoder(), writer: stream?.getWriter() }));
  try {
    const { status, log } = await new Promise((resolve, reject) => {
      if (signal) {
        const abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        undo.push(() => signal.removeEventListener('abort', abort));
      }
      worker.onerror = (ev) => reject(new EmulatorError(ev.message || 'its worker could not be loaded'));
      worker.onmessage = ({ data }) => {
        if (data.kind === 'output') {
          const output = outputs[data.fd - 1];
          if (output?.writer) output.writer.write(data.data).catch(() => {});
          else if (output) output.text += output.decoder.decode(data.data, { stream: true });
        } else if (data.kind === 'exit') resolve(data);
        else reject(new BLAME[/** @type {keyof typeof BLAME} */ (data.blame)](data.message));
      };
      worker.postMessage(config);
    });
    const ended = status & 0x7f;
    const [out, err] = outputs.map(({ text }) => text);
    return { status: ended ? 128 + ended : (status >> 8) & 0xff, signal: ended || null, stdout: out ?? '', stderr: err ?? '', log };
  } finally {
    for (const step of undo) step();
    for (const { writer } of outputs) writer?.releaseLock();
  }
}

/**
 * One request of the machine's worker that needs no machine.
 * @template T
 * @param {(client: Client) => Promise<T>} ask
 * @param {AbortSignal | undefined} signal
 */
async function borrow(ask, signal) {
  signal?.throwIfAborted();
  const worker = workers.machine();
  const client = new Client(worker);
  /** @type {() => void} */
  let abort = () => {};
  try {
    return await Promise.race([
      ask(client),
      new Promise((_, reject) => {
        worker.onerror = (ev) => reject(new EmulatorError(ev.message || 'its worker could not be loaded'));
        abort = () => reject(signal?.reason);
        signal?.addEventListener('abort', abort, { once: true });
      }),
    ]);
  } catch (e) {
    throw failure(e, LabError);
  } finally {
    signal?.removeEventListener('abort', abort);
    worker.terminate();
  }
}

/**
 * Assembles a program for MIPS, in GNU's syntax.
 * @param {string} source
 * @param {{ bigEndian?: boolean, signal?: AbortSignal | undefined }} [options]
 * @returns {Promise<{ elf: Uint8Array<ArrayBuffer>, lines: Uint32Array }>} `lines` has addresses and lines in turn; rejected with a
 * {@link LabError} whose message has a line `LINE: what is wrong` each
 */
function assemble(source, { bigEndian = false, signal } = {}) {
  return borrow((client) => client.call('assemble', { source, bigEndian }), signal);
}

/**
 * Plays a lab on a machine of its own, as `tinamou lab check` does.
 * @param {string | object} lab `lab.json`
 * @param {Record<string, Source | Promise<Source>>} files the lab's files, by name
 * @param {{ signal?: AbortSignal | undefined }} [options]
 * @returns {Promise<LabReport>} rejected with a {@link LabError} if the lab is broken
 */
async function checkLab(lab, files, { signal } = {}) {
  /** @type {Record<string, Uint8Array>} */
  const content = {};
  await Promise.all(Object.entries(files).map(async ([name, source]) => (content[name] = await bytesOf(source, { signal, name }))));
  const json = typeof lab === 'string' ? lab : JSON.stringify(lab);
  return borrow((client) => client.call('checkLab', { json, files: content }), signal);
}

/** Machines and programs. `forget` throws away what `exec` kept below a name. */
export const Tinamou = { create, exec, forget: forgetChanges, assemble, checkLab };
export default Tinamou;
