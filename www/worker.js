// @ts-check
/**
 * The machine's own thread: builds it, runs it in slices of some milliseconds, and passes bytes both ways. It never touches the
 * DOM, and holds no machine logic: what a slice does is the emulator's business.
 */

import init, { Machine, features, takePanic, version } from './pkg/tinamou_web.js';
import { serve } from './protocol.js';

/** Length of a slice that is aimed at, and what it must stay below, so that input and pause are answered at once. */
const SLICE_MS = 8;
const STATS_EVERY_MS = 250;
/** Bounds of a slice in instructions: the first slices run cold code, the later ones hot code, 1000 times faster. */
const MIN_INSNS = 2_000;
const MAX_INSNS = 20_000_000;
/** A sleeping guest is looked at this often at least. */
const LONGEST_NAP_MS = 1000;
const SERIAL_PORTS = 3;

/** @type {Machine | null} */
let machine = null;
/** @type {import('./protocol.js').RunState} */
let state = 'off';
/** @type {'wait' | 'warp'} */
let idle = 'wait';
let sliceInsns = 20_000;
let busyMs = 0;
let longestSliceMs = 0;
let lastStats = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let nap;
/** A turn of the run loop is on its way through the channel. */
let turnPosted = false;

// Timers are clamped to 4 ms after a few turns; a message channel is not, and lets other messages through.
const turns = new MessageChannel();
turns.port1.onmessage = () => {
  turnPosted = false;
  turn();
};

const ready = init();

const emit = serve(/** @type {any} */ (self), {
  async boot(config) {
    await ready;
    const { paused, idle: whenIdle, ...options } = config;
    machine?.free();
    machine = null;
    state = 'off';
    machine = new Machine(options);
    idle = whenIdle ?? 'wait';
    sliceInsns = 20_000;
    busyMs = longestSliceMs = 0;
    state = paused ? 'paused' : 'running';
    schedule();
    return { version: version(), features: features() };
  },
  input({ port, data }) {
    present().serialInput(port, data);
    schedule();
  },
  pause() {
    present();
    if (state === 'running') state = 'paused';
    emit('stats', snapshot());
  },
  resume() {
    present();
    if (state === 'paused') state = 'running';
    schedule();
  },
  reset() {
    present().reset();
    schedule();
  },
  stats() {
    return snapshot();
  },
  stateHash() {
    return present().stateHash();
  },
});

function present() {
  if (!machine) throw new Error('there is no machine; boot one first');
  return machine;
}

/** Runs a turn as soon as what waits in the queue has been seen to. */
function schedule() {
  clearTimeout(nap);
  if (state !== 'running' || turnPosted) return;
  turnPosted = true;
  turns.port2.postMessage(null);
}

/** One slice, and what follows from how it ended. */
function turn() {
  if (state !== 'running' || !machine) return;
  const start = performance.now();
  try {
    const end = machine.runSlice(sliceInsns);
    const spent = performance.now() - start;
    busyMs += spent;
    longestSliceMs = Math.max(longestSliceMs, spent);
    fitSlice(spent, end.kind === 'budget');
    sendOutput(machine);
    if (end.kind === 'shutdown') {
      state = 'off';
      emit('stats', snapshot());
      machine.free();
      machine = null;
      emit('stopped', { reason: 'shutdown', message: 'The guest switched itself off.' });
      return;
    }
    sendStats();
    if (end.kind === 'halted' && idle === 'wait') sleep(end.waitNs / 1e6);
    else schedule();
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
 * The guest waits for its next timer: so do we, unless input comes first.
 * @param {number} ms
 */
function sleep(ms) {
  clearTimeout(nap);
  const length = Math.min(ms, LONGEST_NAP_MS);
  if (length < 1) schedule();
  else nap = setTimeout(schedule, length);
}

/** @param {Machine} from */
function sendOutput(from) {
  for (let port = 0; port < SERIAL_PORTS; port++) {
    const data = from.takeSerialOutput(port);
    if (data.length) emit('output', { port, data }, [data.buffer]);
  }
}

function sendStats() {
  const now = performance.now();
  if (now - lastStats < STATS_EVERY_MS) return;
  lastStats = now;
  emit('stats', snapshot());
}

/** @returns {import('./protocol.js').Stats} */
function snapshot() {
  return { ...present().stats(), state, busyMs, longestSliceMs };
}

/**
 * The emulator broke: a bug of ours, never the guest's doing. Its memory cannot be trusted any more.
 * @param {unknown} e
 */
function fail(e) {
  machine = null;
  state = 'failed';
  const message = takePanic() ?? (e instanceof Error ? e.message : String(e));
  emit('stopped', { reason: 'failed', message });
}
