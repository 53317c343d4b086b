// @ts-check
/**
 * A machine as a page sees it: a worker, its serial ports, and QMP. `await machine.qmp('query-status')` is a command; QMP's events
 * arrive as DOM events of their names (`machine.addEventListener('STOP', …)`), all of them as `qmp`, or in order from `events()`.
 * `await machine.snapshot()` is the whole machine as bytes; `machine.boot({ incoming: bytes })`, here or anywhere, goes on from there.
 */

import { Client } from './protocol.js';

/** @typedef {import('./qmp-types.js').QmpCommands} QmpCommands */
/** @typedef {import('./protocol.js').QmpNotice} QmpNotice */

/** What QMP answered instead of a return value. */
export class QmpError extends Error {
  /** @param {{ class: string, desc: string }} error */
  constructor(error) {
    super(error.desc);
    this.name = 'QmpError';
    /** QEMU's error class. */
    this.class = error.class;
  }
}

/** An event of QMP. */
export class QmpEvent extends Event {
  /** @param {string} type @param {QmpNotice} notice */
  constructor(type, notice) {
    super(type);
    /** The whole message. */
    this.message = notice;
    /** QMP's name of it. */
    this.event = notice.event;
    this.data = notice.data ?? {};
  }
}

/** A QMP command (`migrate`, `memsave`, …) wrote a file: {@link Machine.takeFile} has it. */
export class FileEvent extends Event {
  /** @param {string} name */
  constructor(name) {
    super('file');
    this.name = name;
  }
}

export class Machine extends EventTarget {
  /** @type {Worker} */
  #worker;
  /** @type {MessagePort | null} */
  #port = null;
  #next = 1;
  /** @type {Map<number, { resolve: (v: any) => void, reject: (e: Error) => void }>} */
  #waiting = new Map();
  /** @type {Set<(notice: QmpNotice | null) => void>} */
  #followers = new Set();
  /** Files that are taken by whoever asked for them. @type {Set<string>} */
  #expected = new Set();

  /** @param {Worker} [worker] one that runs `worker.js` */
  constructor(worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'machine' })) {
    super();
    this.#worker = worker;
    /** Requests and events beside QMP. */
    this.client = new Client(worker);
    this.client.on('file', ({ name }) => this.#expected.has(name) || this.dispatchEvent(new FileEvent(name)));
  }

  /**
   * Makes the machine and negotiates.
   * @param {import('./protocol.js').BootConfig} config
   * @param {Transferable[]} [transfer] its images, to hand over
   * @returns {Promise<import('./protocol.js').MachineInfo>}
   */
  async boot(config, transfer = []) {
    this.#gone();
    const { port1: port, port2: monitor } = new MessageChannel();
    port.onmessage = (ev) => this.#port === port && this.#receive(ev.data);
    this.#port = port;
    const ready = this.#send({ execute: 'qmp_capabilities' });
    // What `boot` says of a failure is the better message; a machine that is gone at once tells so by `stopped`.
    const negotiated = ready.catch(() => {});
    const info = await this.client.call('boot', { ...config, monitor }, [...transfer, monitor]);
    await negotiated;
    return info;
  }

  /**
   * A further QMP session, with its own negotiation.
   * @returns {Promise<MessagePort>} what travels on it is said in `protocol.js`
   */
  async monitor() {
    const { port1, port2 } = new MessageChannel();
    await this.client.call('monitor', { port: port2 }, [port2]);
    return port1;
  }

  /**
   * Runs a QMP command.
   * @template {keyof QmpCommands} K
   * @param {K} command
   * @param {Partial<QmpCommands[K]['in']>} [args]
   * @returns {Promise<QmpCommands[K]['out']>} rejected with a {@link QmpError} if QMP says so
   */
  qmp(command, args) {
    return this.#send(args ? { execute: command, arguments: args } : { execute: command });
  }

  /**
   * Runs a QMP command that may be none.
   * @param {{ execute: string, arguments?: object }} message
   * @returns {Promise<any>}
   */
  send(message) {
    return this.#send(message);
  }

  /**
   * Events from now on, until the machine is gone.
   * @returns {AsyncGenerator<QmpNotice, void, void>}
   */
  events() {
    /** @type {(QmpNotice | null)[]} */
    const queue = [];
    let wake = () => {};
    const follower = (/** @type {QmpNotice | null} */ notice) => {
      queue.push(notice);
      wake();
    };
    const followers = this.#followers;
    followers.add(follower);
    return (async function* () {
      try {
        for (;;) {
          const notice = queue.shift();
          if (notice === null) return;
          if (notice) yield notice;
          else await new Promise((resolve) => (wake = () => resolve(undefined)));
        }
      } finally {
        followers.delete(follower);
      }
    })();
  }

  /**
   * Types bytes at a serial port.
   * @param {number} port
   * @param {Uint8Array<ArrayBuffer>} data transferred
   */
  input(port, data) {
    return this.client.call('input', { port, data }, [data.buffer]);
  }

  /**
   * Saves the machine, which goes on then: STOP and RESUME come if it runs. It can be taken up by `boot({ incoming })` in any tab, by
   * {@link restore}, or by the native program (`-incoming file:PATH`).
   * @returns {Promise<Uint8Array<ArrayBuffer>>} rejected with a {@link QmpError} if it cannot be saved
   */
  async snapshot({ images = true } = {}) {
    const name = `snapshot-${this.#next}`;
    this.#expected.add(name);
    await this.qmp('x-snapshot-save', images ? { file: name } : { file: name, images });
    const data = await this.takeFile(name);
    if (!data) throw new Error('the snapshot was taken by somebody else');
    return data;
  }

  /**
   * The machine becomes the one of a snapshot of a machine of the same configuration, and runs if it runs now. For a machine of
   * another configuration, or none, there is `boot({ incoming: snapshot })`, which needs nothing else.
   * @param {Uint8Array<ArrayBuffer>} snapshot transferred
   * @returns {Promise<void>} rejected with a {@link QmpError} if it is damaged or does not fit; the machine is then as it was
   */
  async restore(snapshot) {
    const name = `snapshot-${this.#next}`;
    await this.putFile(name, snapshot);
    try {
      await this.qmp('x-snapshot-load', { file: name });
    } finally {
      await this.takeFile(name);
    }
  }

  /**
   * Gives QMP commands a file to read: `migrate-incoming` with `file:NAME`, for one.
   * @param {string} name
   * @param {Uint8Array<ArrayBuffer>} data transferred
   */
  putFile(name, data) {
    return this.client.call('putFile', { name, data }, [data.buffer]);
  }

  /**
   * Takes a file that a command wrote, or that was put: it is no longer there then. A `file` event ({@link FileEvent}) tells of each.
   * @param {string} name
   * @returns {Promise<Uint8Array<ArrayBuffer> | null>} null if there is none
   */
  takeFile(name) {
    return this.client.call('takeFile', { name });
  }

  /** Ends the machine and its worker at once. @param {string} [why] told to whoever waits for a reply */
  end(why = 'the machine was ended') {
    this.#worker.terminate();
    this.client.abandon(why);
    this.#gone();
  }

  /** @param {{ execute: string, arguments?: object }} message @returns {Promise<any>} */
  #send(message) {
    const port = this.#port;
    if (!port) return Promise.reject(new Error('there is no machine'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      port.postMessage({ ...message, id });
    });
  }

  /** @param {any} message */
  #receive(message) {
    if (message === null) return this.#gone();
    if (message.event) {
      for (const follower of this.#followers) follower(message);
      this.dispatchEvent(new QmpEvent(message.event, message));
      this.dispatchEvent(new QmpEvent('qmp', message));
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    if (message.error) waiting.reject(new QmpError(message.error));
    else waiting.resolve(message.return);
  }

  /** Nobody answers any more. */
  #gone() {
    this.#port?.close();
    this.#port = null;
    for (const { reject } of this.#waiting.values()) reject(new Error('the machine is gone'));
    this.#waiting.clear();
    for (const follower of this.#followers) follower(null);
  }
}
