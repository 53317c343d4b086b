// @ts-check
/**
 * The page: console, buttons, status line. It never touches wasm; the machine lives in a worker, one per start, so that a guest's
 * memory goes when its worker does. What the buttons do to it, they do by QMP.
 */

import { showStats } from './status.js';
import { makeConsole } from './console.js';
import { loadGuests, fetchImages } from './guests.js';
import { Machine } from './machine.js';
import { makeQmpConsole } from './qmp-console.js';

/** What the run states are called here. @type {Partial<Record<import('./protocol.js').RunState, string>>} */
const TITLES = {
  running: 'Running',
  paused: 'Paused',
  prelaunch: 'Not started',
  shutdown: 'Shut down',
  'internal-error': 'Internal error',
};
const SERIAL_CONSOLE = 0;

/** @template {HTMLElement} T @param {string} id @param {new () => T} type */
function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

const guestSelect = element('guest', HTMLSelectElement);
const startButton = element('start', HTMLButtonElement);
const pauseButton = element('pause', HTMLButtonElement);
const resetButton = element('reset', HTMLButtonElement);
const alertLine = element('alert', HTMLParagraphElement);
const announceLine = element('announce', HTMLParagraphElement);

const terminal = makeConsole(element('console', HTMLElement), (data) => {
  machine?.input(SERIAL_CONSOLE, data).catch(showError);
});

const qmpConsole = makeQmpConsole(element('qmp', HTMLDetailsElement));

/** @type {Machine | null} */
let machine = null;
let running = false;
/** Number of starts so far: a start that was overtaken by another gives up. */
let starts = 0;
/** @type {import('./guests.js').Guest[]} */
let guests = [];

/** @param {unknown} e */
function showError(e) {
  alertLine.textContent = e instanceof Error ? e.message : String(e);
  alertLine.hidden = false;
}

function clearError() {
  alertLine.hidden = true;
  alertLine.textContent = '';
}

/**
 * @param {import('./protocol.js').RunState | 'loading'} state
 * @param {string} text
 */
function showState(state, text) {
  const line = element('state', HTMLElement);
  if (line.textContent !== text) {
    line.textContent = text;
    announceLine.textContent = text;
  }
  document.body.dataset.state = state;
  const alive = !['loading', 'off', 'failed'].includes(state);
  running = state === 'running';
  pauseButton.disabled = resetButton.disabled = !alive;
  pauseButton.textContent = !alive || running ? 'Pause' : 'Resume';
  startButton.textContent = alive || state === 'loading' ? 'Restart' : 'Start';
}

function endMachine() {
  machine?.end();
  machine = null;
  qmpConsole.leave();
}

/** Shows the run state that QMP tells. @param {Machine} of */
async function showRunState(of) {
  try {
    const { status } = await of.qmp('query-status');
    if (machine === of) showState(status, TITLES[status] ?? status);
  } catch {
    // It is gone, which `stopped` tells.
  }
}

/** Starts the chosen guest on a new worker. */
async function start() {
  const guest = guests.find((g) => g.id === guestSelect.value);
  if (!guest) return;
  const mine = ++starts;
  endMachine();
  clearError();
  terminal.clear();
  showStats(null);
  showState('loading', 'Loading');
  try {
    // The worker loads its wasm while the guest's images come in.
    const fresh = newMachine();
    machine = fresh;
    const images = await fetchImages(guest, (part) => {
      if (mine === starts) showState('loading', `Loading ${Math.floor(part * 100)} %`);
    });
    if (mine !== starts) return;
    const { id, title, note, files, ...config } = guest;
    const paused = new URLSearchParams(location.search).has('paused');
    await fresh.boot({ ...config, ...images, paused }, Object.values(images));
    if (machine !== fresh) return;
    qmpConsole.follow(fresh);
    await showRunState(fresh);
  } catch (e) {
    if (mine !== starts) return;
    endMachine();
    showState('failed', 'Failed');
    showError(e);
  }
}

function newMachine() {
  const worker = new Worker('./worker.js', { type: 'module', name: 'machine' });
  const made = new Machine(worker);
  worker.onerror = (ev) => {
    if (machine !== made) return;
    endMachine();
    showState('failed', 'Failed');
    showError(`The machine's worker failed: ${ev.message || 'it could not be loaded'}`);
  };
  made.client.on('output', ({ port, data }) => {
    if (port === SERIAL_CONSOLE) terminal.write(data);
  });
  made.client.on('stats', showStats);
  made.client.on('stopped', ({ reason, message }) => {
    endMachine();
    showState(reason === 'failed' ? 'failed' : 'off', reason === 'failed' ? 'Failed' : 'Off');
    if (reason === 'failed') showError(`The emulator failed, which is a bug of ours: ${message}`);
    else announceLine.textContent = message;
  });
  for (const name of /** @type {const} */ (['STOP', 'RESUME', 'RESET'])) {
    made.addEventListener(name, () => showRunState(made));
  }
  made.addEventListener('RESET', () => {
    announceLine.textContent = 'The machine was reset.';
  });
  return made;
}

/** @param {'stop' | 'cont' | 'system_reset'} command */
async function press(command) {
  try {
    await machine?.qmp(command);
  } catch (e) {
    showError(e);
  }
}

async function reset() {
  terminal.clear();
  await press('system_reset');
}

function fillGuests() {
  guestSelect.replaceChildren(
    ...guests.map(({ id, title, note }) => {
      const option = new Option(note ? `${title} – ${note}` : title, id);
      return option;
    }),
  );
  const wanted = new URLSearchParams(location.search).get('guest');
  if (wanted && guests.some((g) => g.id === wanted)) guestSelect.value = wanted;
}

startButton.addEventListener('click', () => {
  start();
  terminal.focus();
});
pauseButton.addEventListener('click', () => press(running ? 'stop' : 'cont'));
resetButton.addEventListener('click', reset);
guestSelect.addEventListener('change', start);

try {
  guests = await loadGuests();
  fillGuests();
  await start();
  terminal.focus();
} catch (e) {
  showState('failed', 'Failed');
  showError(e);
}
