// @ts-check
/**
 * The machine's own thread: builds it, runs it in slices of some milliseconds, and passes bytes and QMP messages both ways. It never
 * touches the DOM, and holds no machine logic: what a slice does, and which command starts or stops slices, is the emulator's business.
 */

import { bundleOf, serve, targetOf } from './protocol.js';
import { bringRest } from './rest.js';

/** Length of a slice that is aimed at, and what it must stay below, so that input and pause are answered at once. */
const SLICE_MS = 2;
/** A turn runs slices for about so many milliseconds: short slices keep turns short where the guest's speed changes. */
const TURN_MS = 8;
const STATS_EVERY_MS = 250;
/** Bounds of a slice in instructions: the first slices run cold code, the later ones hot code, 1000 times faster. */
const MIN_INSNS = 2_000;
const FIRST_INSNS = 5_000;
const MAX_INSNS = 20_000_000;
/** A sleeping guest is looked at this often at least. */
const LONGEST_NAP_MS = 1000;
/** Lateness of timers that is made up for. */
const MOST_LATE_MS = 50;
const SERIAL_PORTS = 3;
const DRAW_EVERY_MS = 33;
const BACKGROUND_REST_MS = 30;
/** The rest of a snapshot comes in parts of this size, at this distance. */
const REST_BYTES = 128 << 10;
const REST_PAUSE_MS = 20;
/** The emulator's second part comes so long after the machine was made. */
const REST_AFTER_MS = 1500;

/** @typedef {typeof import('./pkg/mips/tinamou_web.js')} Wasm all bundles have the same exports */
/** @typedef {import('./pkg/mips/tinamou_web.js').Machine} Machine */

/** The emulator: one bundle in a worker's life. @type {{ bundle: string, loaded: Promise<Wasm> } | null} */
let emulator = null;
/** @type {Wasm | null} */
let wasm = null;
/** @type {Machine | null} */
let machine = null;
/** @type {import('./protocol.js').RunState} */
let state = 'off';
/** QMP sessions: their ports, by the machine's number for them. @type {Map<number, MessagePort>} */
const monitors = new Map();
/** Ports of disks outside, by the names of their images. @type {Map<string, MessagePort>} */
const disks = new Map();
/** The port of a network outside. @type {MessagePort | null} */
let network = null;
/** A debugger's port. @type {MessagePort | null} */
let debuggerPort = null;
/** @type {'wait' | 'warp'} */
let idle = 'wait';
let sliceInsns = FIRST_INSNS;
let busyMs = 0;
let longestSliceMs = 0;
let lastStats = 0;
/**
 * A halted machine that waits in real time: when it began, in both times, and its next event.
 * @type {{ timer: ReturnType<typeof setTimeout>, since: number, nowNs: number, untilNs: number } | null}
 */
let nap = null;
let lateMs = 0;
/** A turn of the run loop is on its way through the channel. */
let turnPosted = false;
let inBackground = false;
/** Guest errors are wanted. */
let logging = false;
/** What the loudspeaker gets is wanted. */
let listening = false;
/** @type {ReturnType<typeof setInterval> | null} */
let drawing = null;
/** Virtual time of the last drawing; null before the first. @type {number | null} */
let drawn = null;
let drawAgain = 0;

// Timers are clamped to 4 ms after a few turns; a message channel is not, and lets other messages through.
const turns = new MessageChannel();
turns.port1.onmessage = nextTurn;

function nextTurn() {
  turnPosted = false;
  turn();
}

/** Written out: bundlers look for these very words. @type {Record<string, () => Promise<Wasm>>} */
const BUNDLES = { mips: () => import('./pkg/mips/tinamou_web.js'), x86: () => /** @type {any} */ (import('./pkg/x86/tinamou_web.js')) };

/** Loads the bundle with this target. @param {string} target @returns {Promise<Wasm>} */
async function load(target) {
  const bundle = bundleOf(target);
  const bring = bundle && BUNDLES[bundle];
  if (!bring) throw new Error(`machine options: there is no target \`${target}\``);
  if (emulator && emulator.bundle !== bundle) throw new Error(`this worker runs ${emulator.bundle} guests; ${target} needs another one`);
  emulator ??= { bundle, loaded: bring().then((module) => module.default().then(() => module)) };
  wasm = await emulator.loaded;
  return wasm;
}

/** Memory and instructions of a machine that is made to be thrown away. */
const [WARM_MIB, WARM_INSNS] = [2, 5_000];

/**
 * Browsers compile a function when it is called first: what making and running a machine calls is ready then.
 * @param {Wasm['Machine']} Machine
 * @param {any} target
 */
function warmUp(Machine, target) {
  try {
    const scratch = new Machine({ target, ramMib: WARM_MIB });
    scratch.openMonitor();
    scratch.runSlice(WARM_INSNS);
    scratch.stats();
    scratch.takeSerialOutput(0);
    scratch.free();
  } catch {
    // A machine that is wanted will say what is wrong.
  }
}

/** How a machine ended that did not fail, by QMP's words. @type {Record<string, string>} */
const ENDINGS = {
  'guest-shutdown': 'The guest switched itself off.',
  'guest-reset': 'The guest reset itself, which was to end the machine.',
  'guest-panic': 'A device stopped the machine.',
  'host-qmp-quit': 'The machine was ended.',
  'host-qmp-system-reset': 'The machine was reset, which was to end it.',
};

const emit = serve(/** @type {any} */ (self), {
  async load({ target, warm }) {
    const { Machine } = await load(target);
    if (warm && !machine) warmUp(Machine, target);
  },
  async boot(config) {
    const { idle: whenIdle, monitor, ...rest } = config;
    discard();
    const options = withoutPorts(rest);
    const { Machine, features, version } = await load(config.target ?? (await targetOf(config.incoming))).catch((e) => {
      if (monitor) closePort(monitor);
      throw e;
    });
    try {
      machine = new Machine(options);
    } catch (e) {
      if (monitor) closePort(monitor);
      throw e;
    }
    idle = whenIdle ?? 'wait';
    sliceInsns = FIRST_INSNS;
    busyMs = longestSliceMs = 0;
    listening = false;
    const made = machine;
    bringMemory(made, config.incoming);
    listenToBackends(made);
    if (monitor) openMonitor(made, monitor);
    state = /** @type {import('./protocol.js').RunState} */ (made.status);
    schedule();
    setTimeout(bringRest, REST_AFTER_MS);
    return { version: version(), features: features() };
  },
  monitor({ port }) {
    openMonitor(present(), port);
  },
  async gdb({ port }) {
    // The word of one that has left comes by another port.
    for (let n = 0; debuggerPort && n < 5; n++) await new Promise((resolve) => setTimeout(resolve, 10));
    openDebugger(present(), port);
  },
  async assemble({ source, bigEndian }) {
    const { assemble } = await load('mipsel');
    const program = assemble(source, bigEndian);
    try {
      return { elf: /** @type {Uint8Array<ArrayBuffer>} */ (program.elf), lines: program.lines };
    } finally {
      program.free();
    }
  },
  async checkLab({ json, files }) {
    const { LabRun } = await load('mipsel');
    return checkLab(new LabRun(json, files));
  },
  input({ port, data }) {
    const to = present();
    wake();
    to.serialInput(port, data);
    schedule();
  },
  key({ code, down }) {
    const to = present();
    wake();
    to.key(code, down);
    schedule();
  },
  mouse({ dx, dy, dz, buttons }) {
    const to = present();
    wake();
    to.mouse(dx, dy, dz, buttons);
    schedule();
  },
  watch({ display, background, errors = false, sound = false }) {
    watch(display);
    if (sound !== listening) machine?.listen(sound);
    listening = sound;
    logging = errors;
    machine?.logGuestErrors(errors);
    inBackground = background;
  },
  putDrive({ name, data }) {
    const to = present();
    to.putDrive(name, withoutPort(name, data));
    listenToDisk(to, name);
  },
  putFile({ name, data }) {
    present().putFile(name, new Uint8Array(data));
  },
  takeFile({ name }) {
    return /** @type {Uint8Array<ArrayBuffer> | undefined} */ (present().takeFile(name)) ?? null;
  },
  putShared({ tag, files }) {
    const to = present();
    to.addShare(tag);
    for (const [path, data] of Object.entries(files)) to.putShared(tag, path, data);
  },
  listShared({ tag }) {
    const files = /** @type {import('./protocol.js').SharedFile[]} */ (present().listShared(tag));
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  },
  readShared({ tag, path }) {
    return /** @type {Uint8Array<ArrayBuffer> | undefined} */ (present().readShared(tag, path)) ?? null;
  },
  removeShared({ tag, path }) {
    return present().removeShared(tag, path);
  },
  stats() {
    return figures();
  },
  stateHash() {
    return present().stateHash();
  },
});

/**
 * Brings the rest of a snapshot's memory, which the machine would otherwise read piece by piece as the guest wants it, and wait each time.
 * @param {Machine} to
 * @param {import('./protocol.js').BootConfig['incoming']} incoming
 */
async function bringMemory(to, incoming) {
  if (!incoming || typeof incoming === 'string' || incoming instanceof ArrayBuffer || incoming instanceof Uint8Array) return;
  try {
    if (!(incoming instanceof Blob)) {
      const { body } = await fetch(incoming.url, { cache: 'no-store' });
      for (const reader = body?.getReader(); reader && machine === to; ) {
        const { done, value } = await reader.read();
        if (done) break;
        to.putIncoming(value);
      }
    }
    // The guest's first moments are its own.
    for (let left = 1; left > 0 && machine === to; ) {
      await new Promise((resolve) => setTimeout(resolve, REST_PAUSE_MS));
      if (machine === to) left = to.bringMemory(REST_BYTES);
    }
  } catch {
    // What is missing is asked for when it is wanted; whether that can be had the machine will say.
  }
}

function present() {
  if (!machine) throw new Error('there is no machine; boot one first');
  return machine;
}

/** The machine goes, and with it its monitors. */
function discard() {
  if (nap) clearTimeout(nap.timer);
  nap = null;
  machine?.free();
  machine = null;
  state = 'off';
  for (const port of monitors.values()) closePort(port);
  monitors.clear();
  if (debuggerPort) closePort(debuggerPort);
  debuggerPort = null;
  for (const port of disks.values()) port.close();
  disks.clear();
  network?.close();
  network = null;
}

/**
 * Keeps the ports of back ends outside, and tells the emulator that they are there.
 * @param {Omit<import('./protocol.js').BootConfig, 'idle' | 'monitor'>} config
 * @returns {import('./pkg/mips/tinamou_web.js').MachineOptions}
 */
function withoutPorts(config) {
  const { net, ...rest } = config;
  /** @type {any} */
  const options = {};
  for (const [name, value] of Object.entries(rest)) options[name] = withoutPort(name, value);
  if (net instanceof MessagePort) network = net;
  if (net) options.net = net instanceof MessagePort ? 'frames' : net;
  return options;
}

/**
 * Keeps the port of a disk outside; what is left of the disk is for the emulator.
 * @param {string} name of the image
 * @param {any} value anything
 */
function withoutPort(name, value) {
  if (!(value?.port instanceof MessagePort)) return value;
  disks.get(name)?.close();
  disks.set(name, value.port);
  return { size: value.size, writable: value.writable };
}

/** What comes by a port goes to the machine. @param {Machine} of @param {MessagePort | null | undefined} port @param {(message: any) => void} give */
function listen(of, port, give) {
  if (!port) return;
  port.onmessage = (ev) => {
    if (machine !== of) return;
    try {
      wake();
      give(ev.data);
      schedule();
    } catch (e) {
      fail(e);
    }
  };
}

/** @param {Machine} of @param {string} name */
function listenToDisk(of, name) {
  listen(of, disks.get(name), ({ number, data, error }) => of.answerDisk(name, number, data, error));
}

/** What comes from back ends outside goes to the machine. @param {Machine} of */
function listenToBackends(of) {
  for (const name of disks.keys()) listenToDisk(of, name);
  listen(of, network, (frame) => of.netInput(frame));
}

/** What the machine asks of back ends outside, and sends to them. @param {Machine} from */
function askBackends(from) {
  if (network) for (const frame of from.takeFrames()) network.postMessage(frame, [frame.buffer]);
  if (!disks.size) return;
  for (const { disk, data, ...question } of from.takeDiskQuestions()) {
    if (data) disks.get(disk)?.postMessage({ ...question, data }, [data.buffer]);
    else disks.get(disk)?.postMessage(question);
  }
}

/** @param {Machine} of @param {MessagePort} port */
function openDebugger(of, port) {
  if (debuggerPort || !of.gdbAttach()) throw new Error(debuggerPort ? 'there is a debugger already' : 'there is no machine yet');
  debuggerPort = port;
  port.onmessage = (ev) => {
    if (machine !== of || debuggerPort !== port) return;
    try {
      // Virtual time has gone on while the guest slept.
      wake();
      if (ev.data === null) closeDebugger(of);
      else of.gdbInput(ev.data);
      if (settle(of)) schedule();
    } catch (e) {
      fail(e);
    }
  };
  if (settle(of)) schedule();
}

/** @param {Machine} of */
function closeDebugger(of) {
  of.gdbDetach();
  debuggerPort?.close();
  debuggerPort = null;
}

/** @param {Machine} from */
function sendToDebugger(from) {
  if (!debuggerPort) return;
  const data = from.takeGdbOutput();
  if (data.length) debuggerPort.postMessage(data, [data.buffer]);
}

/**
 * Plays a lab to its end, in slices that let other messages through.
 * @param {import('./pkg/mips/tinamou_web.js').LabRun} run
 * @returns {Promise<import('./protocol.js').LabReport>}
 */
async function checkLab(run) {
  try {
    let insns = FIRST_INSNS;
    for (let done = false; !done; ) {
      const start = performance.now();
      done = run.work(insns);
      const spent = performance.now() - start;
      insns = spent > TURN_MS ? Math.max(MIN_INSNS, Math.floor(insns / 2)) : Math.min(MAX_INSNS, insns * 2);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return JSON.parse(run.report());
  } finally {
    run.free();
  }
}

/** @param {MessagePort} port */
function closePort(port) {
  port.postMessage(null);
  port.close();
}

/** @param {Machine} of @param {MessagePort} port */
function openMonitor(of, port) {
  const monitor = of.openMonitor();
  monitors.set(monitor, port);
  port.onmessage = (ev) => {
    if (machine === of && monitors.get(monitor) === port) hear(of, monitor, ev.data);
  };
  sendReplies(of);
}

/**
 * A QMP client speaks.
 * @param {Machine} to
 * @param {number} monitor
 * @param {string | object | null} message
 */
function hear(to, monitor, message) {
  try {
    if (message === null) {
      to.closeMonitor(monitor);
      monitors.get(monitor)?.close();
      monitors.delete(monitor);
      return;
    }
    // Virtual time has gone on while the guest slept.
    wake();
    to.monitorInput(monitor, typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
    if (settle(to)) schedule();
  } catch (e) {
    fail(e);
  }
}

/** @param {Machine} from */
function sendReplies(from) {
  for (const [monitor, port] of monitors) {
    for (const line of from.takeMonitorOutput(monitor).split('\r\n')) {
      if (line) port.postMessage(JSON.parse(line));
    }
  }
}

/**
 * What follows from what the machine or a monitor did: replies and events go out, and so does word of a changed state.
 * @param {Machine} of
 * @returns {boolean} false if the machine is gone
 */
function settle(of) {
  sendOutput(of);
  askBackends(of);
  for (const name of of.takeWritten()) emit('file', { name });
  sendReplies(of);
  sendToDebugger(of);
  const before = state;
  state = /** @type {import('./protocol.js').RunState} */ (of.status);
  if (of.ended !== undefined) {
    const message = ENDINGS[of.ended] ?? of.ended;
    state = 'off';
    emit('stats', figures());
    discard();
    emit('stopped', { reason: 'shutdown', message });
    return false;
  }
  if (state !== before) emit('stats', figures());
  return true;
}

/** Starts or ends the display's transmission. @param {boolean} on */
function watch(on) {
  if (drawing) clearInterval(drawing);
  drawing = on ? setInterval(draw, DRAW_EVERY_MS) : null;
  drawn = null;
  if (on) draw();
}

/** Sends what changed on the display since the last time. */
function draw() {
  if (!machine) return;
  const started = performance.now();
  if (started < drawAgain) return;
  try {
    const { virtualNs } = machine.stats();
    // While time stands still nothing is drawn; cursors blink by it.
    if (drawn === virtualNs) return;
    const picture = machine.display(drawn === null);
    drawn = virtualNs;
    // At most a tenth of the time goes into drawing.
    drawAgain = started + (performance.now() - started) * 9;
    if (picture) emit('display', picture, [picture.rgba.buffer]);
  } catch (e) {
    fail(e);
  }
}

/** Runs a turn as soon as what waits in the queue has been seen to. */
function schedule() {
  wake();
  if (!machine?.runs || turnPosted) return;
  turnPosted = true;
  // A page that nobody sees leaves the others most of the time.
  if (inBackground) setTimeout(nextTurn, BACKGROUND_REST_MS);
  else turns.port2.postMessage(null);
}

/** Some slices, and what follows from how the last one ended. */
function turn() {
  if (!machine?.runs) return;
  const start = performance.now();
  try {
    let end;
    for (let from = start, now = start; ; from = now) {
      end = machine.runSlice(sliceInsns);
      now = performance.now();
      longestSliceMs = Math.max(longestSliceMs, now - from);
      fitSlice(now - from, end.kind === 'budget');
      if (end.kind !== 'budget' || now - start >= TURN_MS) {
        machine.pace(now - start);
        busyMs += now - start;
        break;
      }
    }
    if (!settle(machine)) return;
    sendStats();
    // A disk outside wakes the machine when it answers.
    if (end.kind === 'waiting' && machine.waitsForDisk) return;
    if (end.kind !== 'halted') {
      schedule();
    } else if (idle === 'wait') {
      sleep(machine, end.nowNs, end.untilNs);
    } else if (end.untilNs < Infinity) {
      machine.skipTo(end.untilNs);
      schedule();
    }
  } catch (e) {
    fail(e);
  }
}

/**
 * Keeps slices near their aimed length: down at once, up by halves.
 * @param {number} spent milliseconds
 * @param {boolean} whole the slice used all its instructions
 */
function fitSlice(spent, whole) {
  if (spent > SLICE_MS) sliceInsns = Math.max(MIN_INSNS, Math.floor((sliceInsns * SLICE_MS) / spent / 1.25));
  else if (whole && spent < SLICE_MS * 0.75) sliceInsns = Math.min(MAX_INSNS, Math.ceil(sliceInsns * 1.5));
}

/**
 * The guest waits for its next timer: so do we, unless input comes first. Browsers' timers come late (4 ms at least after a
 * few): what a wait took too long is taken off the next ones.
 * @param {Machine} of
 * @param {number} nowNs
 * @param {number} untilNs
 */
function sleep(of, nowNs, untilNs) {
  const wanted = (untilNs - nowNs) / 1e6;
  if (wanted <= lateMs) {
    lateMs -= wanted;
    of.skipTo(untilNs);
    schedule();
    return;
  }
  nap = { timer: setTimeout(schedule, Math.min(wanted - lateMs, LONGEST_NAP_MS)), since: performance.now(), nowNs, untilNs };
}

/** Ends a wait: virtual time goes on by as much as real time did. */
function wake() {
  if (!nap) return;
  clearTimeout(nap.timer);
  const { since, nowNs, untilNs } = nap;
  nap = null;
  const passed = performance.now() - since + lateMs;
  lateMs = Math.min(Math.max(0, passed - (untilNs - nowNs) / 1e6), MOST_LATE_MS);
  machine?.skipTo(Math.floor(Math.min(nowNs + passed * 1e6, untilNs)));
}

/** @param {Machine} from */
function sendOutput(from) {
  const sounds = listening ? from.takeSounds() : [];
  if (sounds.length) emit('sounds', { sounds: Array.from(sounds) });
  for (let port = 0; port < SERIAL_PORTS; port++) {
    const data = from.takeSerialOutput(port);
    if (data.length) emit('output', { port, data }, [data.buffer]);
  }
}

function sendStats() {
  const now = performance.now();
  if (now - lastStats < STATS_EVERY_MS) return;
  lastStats = now;
  const lines = logging && machine ? machine.takeGuestErrors() : [];
  if (lines.length) emit('guestErrors', { lines });
  emit('stats', figures());
}

/** @returns {import('./protocol.js').Stats} */
function figures() {
  return { ...present().stats(), state, busyMs, longestSliceMs };
}

/**
 * The emulator broke: a bug of ours, never the guest's doing. Its memory cannot be trusted any more.
 * @param {unknown} e
 */
function fail(e) {
  machine = null;
  discard();
  state = 'failed';
  const message = wasm?.takePanic() ?? (e instanceof Error ? e.message : String(e));
  emit('stopped', { reason: 'failed', message });
}
