// @ts-check
/**
 * The page: console, buttons, status line. It never touches wasm; the machine lives in a worker, one per start, so that a guest's
 * memory goes when its worker does.
 */

import { showStats } from './status.js';
import { makeConsole } from './console.js';
import { loadGuests, fetchImages } from './guests.js';
import { Client } from './protocol.js';

const RUNNING_TITLE = 'Running';
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
  session?.client.call('input', { port: SERIAL_CONSOLE, data }, [data.buffer]).catch(showError);
});

/** @typedef {{ client: Client, worker: Worker, paused: boolean }} Session */

/** @type {Session | null} */
let session = null;
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
  const alive = state === 'running' || state === 'paused';
  pauseButton.disabled = resetButton.disabled = !alive;
  pauseButton.textContent = state === 'paused' ? 'Resume' : 'Pause';
  startButton.textContent = alive || state === 'loading' ? 'Restart' : 'Start';
}

function endSession() {
  session?.worker.terminate();
  session?.client.abandon('the machine was ended');
  session = null;
}

/** Starts the chosen guest on a new worker. */
async function start() {
  const guest = guests.find((g) => g.id === guestSelect.value);
  if (!guest) return;
  const mine = ++starts;
  endSession();
  clearError();
  terminal.clear();
  showStats(null);
  showState('loading', 'Loading');
  try {
    // The worker loads its wasm while the guest's images come in.
    const fresh = newSession();
    session = fresh;
    const images = await fetchImages(guest, (part) => {
      if (mine === starts) showState('loading', `Loading ${Math.floor(part * 100)} %`);
    });
    if (mine !== starts) return;
    const { id, title, note, files, ...config } = guest;
    await fresh.client.call('boot', { ...config, ...images }, Object.values(images));
    if (mine === starts && session === fresh) showState('running', RUNNING_TITLE);
  } catch (e) {
    if (mine !== starts) return;
    endSession();
    showState('failed', 'Failed');
    showError(e);
  }
}

/** @returns {Session} */
function newSession() {
  const worker = new Worker('./worker.js', { type: 'module', name: 'machine' });
  const client = new Client(worker);
  const made = { client, worker, paused: false };
  worker.onerror = (ev) => {
    if (session !== made) return;
    endSession();
    showState('failed', 'Failed');
    showError(`The machine's worker failed: ${ev.message || 'it could not be loaded'}`);
  };
  client.on('output', ({ port, data }) => {
    if (port === SERIAL_CONSOLE) terminal.write(data);
  });
  client.on('stats', showStats);
  client.on('stopped', ({ reason, message }) => {
    endSession();
    showState(reason === 'failed' ? 'failed' : 'off', reason === 'failed' ? 'Failed' : 'Off');
    if (reason === 'failed') showError(`The emulator failed, which is a bug of ours: ${message}`);
    else announceLine.textContent = message;
  });
  return made;
}

async function togglePause() {
  if (!session) return;
  const { client } = session;
  session.paused = !session.paused;
  const { paused } = session;
  try {
    await client.call(paused ? 'pause' : 'resume', undefined);
    if (session?.client === client) showState(paused ? 'paused' : 'running', paused ? 'Paused' : RUNNING_TITLE);
  } catch (e) {
    showError(e);
  }
}

async function reset() {
  if (!session) return;
  try {
    await session.client.call('reset', undefined);
    terminal.clear();
    announceLine.textContent = 'The machine was reset.';
  } catch (e) {
    showError(e);
  }
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
pauseButton.addEventListener('click', togglePause);
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
