// @ts-check
/**
 * What page and worker say to each other: the only file both import. Requests carry ids; errors come back as replies; byte
 * buffers are transferred, not copied. It knows neither the DOM nor wasm.
 */

/**
 * A machine to build. The same words as `tinamou system-<target>` takes on a command line.
 * @typedef {object} BootConfig
 * @property {'mipsel' | 'mips' | 'mips64el' | 'mips64' | 'i386' | 'x86_64'} [target] may be left out with a snapshot as `incoming`
 * @property {string} [machine] board, the target's own if left out
 * @property {string} [cpu] CPU model, the board's default if left out
 * @property {number} [cpus] number of vCPUs, 1 if left out
 * @property {number} [ramMib] guest memory in MiB
 * @property {ArrayBuffer} [kernel] transferred
 * @property {ArrayBuffer} [initrd] transferred
 * @property {ArrayBuffer} [bios] transferred
 * @property {ArrayBuffer} [vgaBios] transferred; firmware of the PC's display adapter
 * @property {Blob | ArrayBuffer | RemoteDisk} [hda] disk image, raw or qcow2; what is written stays in memory
 * @property {Blob | ArrayBuffer | RemoteDisk} [hdb]
 * @property {Blob | ArrayBuffer | RemoteDisk} [cdrom]
 * @property {Blob | ArrayBuffer | RemoteDisk} [hdd]
 * @property {'user' | 'none' | MessagePort} [net] what the network interface leads to: a network of its own without a way out (default), nothing,
 * or a port (transferred) that carries frames as `Uint8Array`s both ways
 * @property {string} [mac] the interface's Ethernet address, QEMU's if left out
 * @property {Blob | ArrayBuffer | RemoteDisk} [fda] floppy
 * @property {Blob | ArrayBuffer | RemoteDisk} [fdb]
 * @property {Blob | ArrayBuffer | RemoteDisk} [virtio0] virtio disk of a PC
 * @property {Blob | ArrayBuffer | RemoteDisk} [virtio1]
 * @property {string} [boot] what the PC's firmware boots from, in order: `a` floppy, `c` disk, `d` CD; with `,menu=on` it offers a menu
 * @property {string} [append] kernel command line
 * @property {number} [icount] virtual nanoseconds per instruction, as a power of two; runs become deterministic
 * @property {'jit' | 'interp'} [accel]
 * @property {'wait' | 'warp'} [idle] what an idle guest does: wait in real time (default), or jump to its next timer
 * @property {ArrayBuffer | Uint8Array | Blob | { url: string } | 'defer'} [incoming] buffers transferred; a snapshot to go on from, which also says
 * what is left out here. Of a Blob or an address memory is read while the machine runs already;
 * `defer`: wait for QMP's `migrate-incoming`. Images are not needed, but a reset loads those that are given
 * @property {{ tag: string, files?: Record<string, ArrayBuffer | Uint8Array> }[]} [shares] folders shared by 9P, by their mount tags, and what is in them by path;
 * each has a card of its own, unless `incoming` or `x-machine-set` of `devices` says which cards there are
 * @property {boolean} [paused] do not start running: QMP's `cont` does
 * @property {boolean} [preconfig] do not make the machine yet: QMP's `x-machine-set` changes what is asked for here, `x-exit-preconfig` makes it
 * @property {MessagePort} [monitor] transferred; a QMP session from the machine's first moment
 */

/**
 * A raw disk behind a port (transferred), which carries `DiskQuestion`s from the worker and `DiskAnswer`s to it (`backends.js`).
 * @typedef {{ size: number, writable: boolean, port: MessagePort }} RemoteDisk
 */

/** @typedef {{ path: string, bytes: number, modifiedMs: number }} SharedFile a file in a shared folder; `modifiedMs` since 1970 */

/**
 * @typedef {object} MachineInfo
 * @property {string} version of the emulator
 * @property {string[]} features of this browser that generated code uses
 */

/** @typedef {import('./qmp-types.js').RunState | 'off' | 'failed'} RunState QMP's, or what it is when there is no machine */

/**
 * Counters since the machine was made.
 * @typedef {object} Stats
 * @property {RunState} state
 * @property {number} guestInsns guest instructions retired
 * @property {number} interpInsns of these, in the interpreter
 * @property {number} jitInsns of these, in compiled regions
 * @property {number} modules modules alive
 * @property {number} regions regions alive
 * @property {number} moduleBytes bytes of wasm in the modules alive
 * @property {number} virtualNs virtual time
 * @property {number} busyMs real time spent inside slices
 * @property {number} longestSliceMs the longest slice
 */

/**
 * Requests: page to worker, each with one reply.
 * @typedef {object} Calls
 * @property {{ in: { target: string, warm?: boolean }, out: void }} load loads the emulator that `boot` will need, while images come in; `warm`: makes a machine
 * of it, too, and throws it away, so that the browser has compiled what the next one needs
 * @property {{ in: BootConfig, out: MachineInfo }} boot makes a machine in place of the present one
 * @property {{ in: { port: number, data: Uint8Array }, out: void }} input bytes typed at a serial port
 * @property {{ in: { code: number, down: boolean }, out: void }} key a key goes down or up: its number of `send-key`
 * @property {{ in: { dx: number, dy: number, dz: number, buttons: number }, out: void }} mouse it moves by so much; buttons 1 left, 2 right, 4 middle
 * @property {{ in: { display: boolean, background: boolean, errors?: boolean, sound?: boolean }, out: void }} watch whether pictures are wanted, whether nobody looks at
 * the page, whether guest errors are wanted, and whether somebody listens
 * @property {{ in: { name: string, data: Blob | ArrayBuffer | RemoteDisk }, out: void }} putDrive something that a drive can hold: `x-machine-set` names it before the machine is made, `blockdev-change-medium` afterwards
 * @property {{ in: { port: MessagePort }, out: void }} monitor a further QMP session begins on this port (transferred)
 * @property {{ in: { name: string, data: Uint8Array | ArrayBuffer }, out: void }} putFile a file that QMP commands can read (transferred)
 * @property {{ in: { name: string }, out: Uint8Array<ArrayBuffer> | null }} takeFile takes a file that a command wrote; null if there is none
 * @property {{ in: { tag: string, files: Record<string, Uint8Array<ArrayBuffer>> }, out: void }} putShared puts files into a shared folder, which is made if it is not there: `device_add`
 * of `virtio-9p-pci` with its name as `fsdev` plugs a card for it
 * @property {{ in: { tag: string }, out: SharedFile[] }} listShared the files in a shared folder
 * @property {{ in: { tag: string, path: string }, out: Uint8Array<ArrayBuffer> | null }} readShared one of them; null if it is not there
 * @property {{ in: { tag: string, path: string }, out: boolean }} removeShared removes one of them; whether it was there
 * @property {{ in: { port: MessagePort }, out: void }} gdb a client of gdb's remote protocol has come to this port (transferred); the machine stops
 * @property {{ in: { source: string, bigEndian: boolean }, out: { elf: Uint8Array<ArrayBuffer>, lines: Uint32Array } }} assemble a program for
 * MIPS; `lines` has addresses and lines in turn
 * @property {{ in: { json: string, files: Record<string, Uint8Array> }, out: LabReport }} checkLab plays a lab on a machine of its own
 * @property {{ in: void, out: Stats }} stats
 * @property {{ in: void, out: string }} stateHash hash of the machine's whole state, in hex
 */

/**
 * What came of a lab.
 * @typedef {object} LabReport
 * @property {string} title
 * @property {boolean} passed
 * @property {LabStep[]} steps
 */

/**
 * What came of a step of a lab.
 * @typedef {object} LabStep
 * @property {string} title
 * @property {boolean} passed
 * @property {'reached' | 'limit' | 'shutdown' | 'reset' | 'stuck' | 'panic' | 'not run'} ended
 * @property {number} insns instructions
 * @property {number} virtual_ns virtual nanoseconds
 * @property {string} serial what the first serial port sent
 * @property {{ say: string, passed: boolean, found: string }[]} checks
 * @property {string | null} hint
 */

/**
 * What travels on a debugger's port: bytes of gdb's remote protocol both ways, as `Uint8Array`s of any size. null to the worker ends the
 * session, null from it says that the machine is gone.
 */

/**
 * What travels on a monitor's port. To the worker: text, in pieces of any size, or a whole message as an object, or null to end the
 * session. From it: each greeting, reply and event as an object, then null when the machine is gone.
 * @typedef {{ execute: string, arguments?: object, id?: unknown }} QmpMessage
 * @typedef {{ QMP: object }} QmpGreeting
 * @typedef {{ return?: any, error?: { class: string, desc: string }, id?: unknown }} QmpReply
 * @typedef {{ event: string, data?: any, timestamp: { seconds: number, microseconds: number } }} QmpNotice
 */

/**
 * Rows of a display.
 * @typedef {object} Picture
 * @property {number} width of the whole picture
 * @property {number} height of the whole picture
 * @property {number} top the first row here
 * @property {Uint8Array<ArrayBuffer>} rgba
 */

/**
 * Events: worker to page.
 * @typedef {object} Events
 * @property {{ port: number, data: Uint8Array }} output bytes a serial port sent
 * @property {Picture} display rows that changed
 * @property {{ lines: string[] }} guestErrors what the guest did that its hardware's manuals forbid
 * @property {{ sounds: number[] }} sounds what the loudspeaker got: in turn the virtual time in nanoseconds, and the frequency of a square wave in hertz, 0 for
 * the low level, -1 for the high one
 * @property {Stats} stats a few times a second while running
 * @property {{ name: string }} file a QMP command (`migrate`, `memsave`, …) wrote a file; it waits for `takeFile`
 * @property {{ reason: 'shutdown' | 'failed', message: string }} stopped the machine is gone
 */

/**
 * @typedef {object} Endpoint the part of Worker, MessagePort and a worker's global scope that is used here
 * @property {(message: any, transfer: Transferable[]) => void} postMessage
 * @property {((ev: MessageEvent) => any) | null} onmessage
 */

/** Bundles of the emulator in `pkg/`, and their targets. @type {Record<string, string[]>} */
const BUNDLES = { mips: ['mipsel', 'mips', 'mips64el', 'mips64'], x86: ['i386', 'x86_64'] };

/** The bundle that has a target. @param {string} target */
export const bundleOf = (target) => Object.keys(BUNDLES).find((bundle) => BUNDLES[bundle]?.includes(target));

/** So much of a snapshot says its target. */
const HEAD_BYTES = 512;

/** The beginning of a snapshot. @param {Exclude<BootConfig['incoming'], string | undefined>} snapshot */
async function beginning(snapshot) {
  if (snapshot instanceof Uint8Array) return snapshot;
  if (snapshot instanceof Blob) return new Uint8Array(await snapshot.slice(0, HEAD_BYTES).arrayBuffer());
  if (snapshot instanceof ArrayBuffer) return new Uint8Array(snapshot);
  const reply = await fetch(snapshot.url, { headers: { range: `bytes=0-${HEAD_BYTES - 1}` }, cache: 'no-store' });
  if (!reply.ok) throw new Error(`the snapshot '${snapshot.url}' could not be fetched (${reply.status})`);
  return new Uint8Array(await reply.arrayBuffer());
}

/**
 * The target of a snapshot: its head says it near its beginning. The emulator reads the head properly; this only chooses one that can.
 * @param {BootConfig['incoming']} snapshot
 */
export async function targetOf(snapshot) {
  if (!snapshot || typeof snapshot === 'string') return 'mipsel';
  const head = String.fromCharCode(...(await beginning(snapshot)).subarray(0, HEAD_BYTES));
  return /i386|x86_64/.exec(head)?.[0] ?? 'mipsel';
}

/** The worker could not do what was asked; its message is meant for people. */
export class CallError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'CallError';
  }
}

/** The page's end. */
export class Client {
  #next = 1;
  /** @type {Map<number, { resolve: (v: any) => void, reject: (e: Error) => void }>} */
  #waiting = new Map();
  /** @type {Map<string, (v: any) => void>} */
  #listeners = new Map();
  /** @type {Endpoint} */
  #port;

  /** @param {Endpoint} port */
  constructor(port) {
    this.#port = port;
    port.onmessage = (ev) => this.#receive(ev.data);
  }

  /**
   * Sends a request.
   * @template {keyof Calls} K
   * @param {K} name
   * @param {Calls[K]['in']} args
   * @param {Transferable[]} [transfer] buffers inside `args` to hand over
   * @returns {Promise<Calls[K]['out']>}
   */
  call(name, args, transfer = []) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#port.postMessage({ id, call: name, args }, transfer);
    });
  }

  /**
   * Sets the one listener of an event.
   * @template {keyof Events} K
   * @param {K} name
   * @param {(value: Events[K]) => void} listener
   */
  on(name, listener) {
    this.#listeners.set(name, listener);
  }

  /**
   * Ends every request that waits, when the worker is gone.
   * @param {string} message
   */
  abandon(message) {
    for (const { reject } of this.#waiting.values()) reject(new CallError(message));
    this.#waiting.clear();
  }

  /** @param {any} message */
  #receive(message) {
    if (typeof message.event === 'string') {
      this.#listeners.get(message.event)?.(message.value);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    if (typeof message.error === 'string') waiting.reject(new CallError(message.error));
    else waiting.resolve(message.value);
  }
}

/**
 * The worker's end: answers requests with `handlers`; whatever they throw becomes the reply.
 * @param {Endpoint} port
 * @param {{ [K in keyof Calls]: (args: Calls[K]['in']) => Calls[K]['out'] | Promise<Calls[K]['out']> }} handlers
 * @returns {<K extends keyof Events>(name: K, value: Events[K], transfer?: Transferable[]) => void} sends an event
 */
export function serve(port, handlers) {
  port.onmessage = async (ev) => {
    const { id, call, args } = ev.data;
    try {
      if (!Object.hasOwn(handlers, call)) throw new Error(`no such request: ${call}`);
      const value = await handlers[/** @type {keyof Calls} */ (call)](/** @type {any} */ (args));
      port.postMessage({ id, value }, value instanceof Uint8Array ? [value.buffer] : []);
    } catch (e) {
      port.postMessage({ id, error: e instanceof Error ? e.message : String(e) }, []);
    }
  };
  return (name, value, transfer = []) => port.postMessage({ event: name, value }, transfer);
}
