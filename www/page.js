// @ts-check
/**
 * The page: which view is shown, and the one machine that there is. It never touches wasm; the machine lives in a worker, one per start,
 * so that a guest's memory goes when its worker does. What the buttons do to it, they do by QMP.
 */

import { lan as sharedNetwork, netPort } from './backends.js';
import { makeChooser, onScreen, planForFiles, withFirmware } from './chooser.js';
import { makeControls } from './controls.js';
import { makeDisplay } from './display.js';
import { element, make } from './dom.js';
import { makeFind } from './find.js';
import { fetchSource, loadGuests } from './guests.js';
import { SEQUENCES, chord, typing } from './keys.js';
import { makeLog } from './log.js';
import { makeLabPane } from './lab-view/pane.js';
import { Machine } from './machine.js';
import { driveOption, makeMedia } from './media.js';
import { announce, clearError, clearSilence, showError, showSilence, troubled } from './messages.js';
import { TARGETS, bootConfig, cardsIn, changed, isPc, planOf, query } from './plan.js';
import { makeQmpConsole } from './qmp-console.js';
import { makeScreenKeys } from './screen-keys.js';
import { bringConsoles, makeScreens } from './screens.js';
import { makeSharePane } from './share-pane.js';
import { makeSnapshots } from './snapshots.js';
import { driveImages, explained, fetchAll, prepare, sharedFiles, takeWorker } from './start.js';
import { Speaker } from './speaker.js';
import { showStats } from './status.js';
import { step } from './step.js';
import * as store from './store.js';
import { addTool, followTools, leaveTools, openTool } from './tools.js';

/** @typedef {import('./plan.js').Plan} Plan */
/** @typedef {import('./protocol.js').RunState | 'preconfig' | 'loading'} State */

/** A running machine that says nothing for so long is stuck. */
const SILENCE_MS = 8000;
/** Serial ports of every board so far that are worth a tab. */
const SERIAL_TABS = 2;

const which = element('which', HTMLParagraphElement);

/** @type {Machine | null} */
let machine = null;
/** @type {Plan | null} */
let plan = null;
/** What is in its drives, by option. @type {Record<string, Blob>} */
let images = {};
/** @type {State} */
let state = 'off';
/** Number of starts so far: a start that was overtaken by another gives up. */
let starts = 0;
let heardAt = 0;
/** @type {import('./guests.js').Guest[]} */
const guests = [];

/** The emulator broke: what was saved before can be gone on from. @param {string} message */
async function showFailure(message) {
  const title = plan?.title;
  showError(message);
  const saved = await store.list().catch(() => []);
  const last = saved.find((s) => s.title === title);
  if (!last || !troubled()) return;
  const offer = make('button', { type: 'button', textContent: `Resume the snapshot of ${new Date(last.at).toLocaleTimeString()}` });
  offer.addEventListener('click', async () => {
    const found = await store.get(last.id);
    if (found) resume(found.saved, found.data);
  });
  showError(message, ' ', offer);
}

// ---- views ----

/** @param {'chooser' | 'setup' | 'machine'} view */
function show(view) {
  document.body.dataset.view = view;
  for (const id of ['chooser', 'setup', 'machine']) element(id, HTMLElement).hidden = id !== view;
  which.textContent = view === 'chooser' ? '' : (plan?.title ?? '');
  document.title = view === 'chooser' || !plan ? 'Tinamou' : `${plan.title} – Tinamou`;
}

/** @param {State} now @param {string} [text] */
function showState(now, text = now) {
  const cell = element('state', HTMLElement);
  if (cell.textContent !== text) {
    cell.textContent = text;
    if (now !== 'loading') announce(text);
  }
  state = now;
  document.body.dataset.state = now;
  const alive = !['loading', 'off', 'failed'].includes(now);
  const made = alive && now !== 'preconfig';
  controls.show(made, now === 'running');
  if (now !== 'running') speaker.hush();
  if (!alive && now !== 'loading') screens.wait(null);
}

// ---- the machine ----

const screens = makeScreens({
  typed: (port, data) => {
    if (screenKeys.waiting && data.length === 1 && data[0] !== undefined) {
      screenKeys.take();
      data[0] &= 0x1f;
    }
    machine?.input(port, data).catch(showError);
  },
  changed: () => {
    watch();
    find.changed();
  },
  find: () => find.open(),
});
const find = makeFind(() => screens.console);
const display = makeDisplay(screens.displayFrame, {
  key: (stroke) => machine?.client.call('key', stroke).catch(showError),
  mouse: (move) => machine?.client.call('mouse', move).catch(showError),
});
const screenKeys = makeScreenKeys(
  element('screen-keys', HTMLElement),
  (codes) => {
    if (screens.current === 'display') return strike(chord(...codes));
    const text = codes.length === 1 ? SEQUENCES[codes[0] ?? ''] : undefined;
    if (text) machine?.input(screens.port, new TextEncoder().encode(text)).catch(showError);
  },
  () => (screens.current === 'display' ? softKeyboard.focus() : screens.focus()),
);
const speaker = new Speaker();
/** A phone's keyboard needs a field to type into; what arrives there is typed at the display. */
const softKeyboard = make('textarea', { id: 'soft-keyboard', className: 'visually-hidden', tabIndex: -1, 'aria-label': 'Keyboard', autocapitalize: 'off' });
screens.displayFrame.append(softKeyboard);
softKeyboard.addEventListener('input', () => {
  strike(typing(softKeyboard.value));
  softKeyboard.value = '';
});
softKeyboard.addEventListener('keydown', (ev) => {
  if (ev.key === 'Backspace' || ev.key === 'Enter') {
    ev.preventDefault();
    strike(chord(ev.key));
  }
});

/** @param {{ code: number, down: boolean }[]} strokes */
function strike(strokes) {
  for (const stroke of strokes) machine?.client.call('key', stroke).catch(showError);
}

/** Tells the worker whether anybody looks. */
function watch() {
  const hidden = document.hidden;
  machine?.client.call('watch', { display: !hidden && screens.current === 'display', background: hidden, errors: log.open, sound: speaker.on && !hidden }).catch(() => {});
}

/** Aborted when the machine is gone. */
let cables = new AbortController();

function endMachine() {
  cables.abort();
  cables = new AbortController();
  machine?.end();
  machine = null;
  leaveTools();
}

/** Shows the run state that QMP tells. @param {Machine} of */
async function showRunState(of) {
  try {
    const { status } = await of.qmp('query-status');
    if (machine === of) showState(status);
  } catch {
    // It is gone, which `stopped` tells.
  }
}

/** The machine that is being made is there, or will not be. */
let coming = Promise.resolve();

/** Makes the machine of a plan on a new worker, and runs it. @param {Plan} wanted @param {{ text?: string }} [more] */
function start(wanted, more) {
  return (coming = bringUp(wanted, more));
}

/** @param {Plan} wanted @param {{ text?: string }} [more] */
async function bringUp(wanted, { text } = {}) {
  const mine = ++starts;
  setup.close();
  endMachine();
  clearError();
  plan = wanted;
  show('machine');
  screens.begin({ display: isPc(wanted.target), serial: SERIAL_TABS, first: wanted.shows ?? 'serial' });
  display.clear();
  if (text) screens.write(0, new TextEncoder().encode(`${text.trimEnd().replaceAll('\n', '\r\n')}\r\n`));
  showStats(null);
  showState('loading', 'loading');
  try {
    const fresh = newMachine(wanted.target);
    machine = fresh;
    // The worker loads its wasm while the guest's images come in. If it cannot, boot says why.
    if (!wanted.files.incoming) fresh.client.call('load', { target: wanted.target }).catch(() => {});
    const contents = await fetchAll(wanted, (done, all) => {
      if (mine !== starts) return;
      const part = all ? done / all : 0;
      showState('loading', `loading ${Math.floor(part * 100)} %`);
      screens.wait('Loading the guest’s files', part);
    });
    if (mine !== starts) return;
    images = driveImages(contents);
    screens.wait('Making the machine');
    const { config, drives, before } = bootConfig(wanted, contents, await sharedFiles(wanted));
    /** @type {Transferable[]} */
    const transfer = Object.values(contents).filter((c) => c instanceof ArrayBuffer);
    if (wanted.lan) {
      const network = sharedNetwork(wanted.lan);
      config.net = netPort(network, cables.signal);
      config.mac = network.mac;
      transfer.push(config.net);
    }
    await fresh.boot(config, transfer);
    for (const drive of drives) await fresh.client.call('putDrive', drive);
    for (const command of before) await fresh.send(command);
    if (config.preconfig) await fresh.qmp('x-exit-preconfig');
    if (machine !== fresh) return;
    screens.wait(null);
    followTools(fresh);
    watch();
    await showRunState(fresh);
    screens.focus();
  } catch (e) {
    if (mine !== starts) return;
    endMachine();
    showState('failed');
    showError(explained(e, wanted));
  }
}

/** @param {string} target */
function newMachine(target) {
  const worker = takeWorker(target);
  const made = new Machine(worker);
  worker.onerror = (ev) => {
    if (machine !== made) return;
    starts++;
    endMachine();
    showState('failed');
    showFailure(`The machine’s worker failed: ${ev.message || 'it could not be loaded'}`);
  };
  made.client.on('output', ({ port, data }) => screens.write(port, data));
  made.client.on('display', display.draw);
  made.client.on('sounds', ({ sounds }) => machine === made && state === 'running' && speaker.play(sounds));
  made.client.on('guestErrors', (event) => log.add(event));
  made.client.on('stats', (stats) => {
    heardAt = performance.now();
    clearSilence();
    showStats(stats);
  });
  made.client.on('stopped', ({ reason, message }) => {
    starts++;
    endMachine();
    showState(reason === 'failed' ? 'failed' : 'off');
    if (reason === 'failed') showFailure(`The emulator failed, which is a bug of ours: ${message}`);
    else announce(message);
  });
  for (const name of /** @type {const} */ (['STOP', 'RESUME', 'RESET'])) {
    made.addEventListener(name, () => showRunState(made));
  }
  made.addEventListener('RESET', () => announce('The machine was reset.'));
  return made;
}

setInterval(() => {
  if (state !== 'running' || document.hidden || performance.now() - heardAt < SILENCE_MS) return;
  showSilence('The machine has not answered for some seconds. It may be compiling, or the device is short of memory; Restart begins anew.');
}, 2000);

// ---- snapshots and panes ----

async function takeSnapshot() {
  if (!machine || !plan) throw new Error('There is no machine.');
  const from = machine;
  screens.wait('Saving the machine');
  try {
    const drives = await keptImages(from);
    const shared = await share.files(from);
    const data = await from.snapshot();
    const shows = screens.current === 'display' ? 'display' : 'serial';
    await store.put(
      { id: crypto.randomUUID(), title: plan.title, note: plan.guest ?? '', at: Date.now(), bytes: data.length, target: plan.target, shows, drives,
        shared, networks: cardsIn(plan.options).flatMap(({ netdev }) => netdev ?? []), lan: plan.lan, text: screens.text(), picture: shows === 'display' ? thumbnail() : '' },
      new Blob([data]),
    );
    announce('The snapshot was taken.');
  } finally {
    screens.wait(null);
  }
}

/** The images that a machine has in its drives now. @param {Machine} of */
async function keptImages(of) {
  const all = /** @type {import('./media.js').Drive[]} */ (/** @type {unknown} */ (await of.qmp('query-block')));
  const empty = all.filter((d) => d.removable && !d.inserted).map((d) => driveOption(d.device));
  return Object.fromEntries(Object.entries(images).filter(([name]) => !empty.includes(name)));
}

/** The display, small, as a data URL. */
function thumbnail() {
  const small = make('canvas', { width: 240, height: 150 });
  small.getContext('2d')?.drawImage(display.canvas, 0, 0, 240, 150);
  return small.toDataURL('image/png');
}

/** @param {import('./store.js').Saved} saved @param {Blob} data */
function resume({ title, target, shows, text, drives = {}, shared, networks = [], lan }, data) {
  const files = Object.fromEntries(Object.entries({ ...drives, incoming: data }).map(([name, blob]) => [name, { name: name === 'incoming' ? 'snapshot' : name, blob }]));
  const share = shared && Object.entries(shared).map(([name, blob]) => ({ name, blob }));
  return start({ title, target, options: {}, files, share, networks, lan, shows }, { text });
}

const snapshots = makeSnapshots({
  now: takeSnapshot,
  resume,
  load: async (file) => start(await planForFiles([file], guests)),
});
const qmpConsole = makeQmpConsole(element('qmp', HTMLElement));
const log = makeLog(watch);
const media = makeMedia((option, image) => (images[option] = image));
const share = makeSharePane(() => plan);
addTool({ id: 'snapshots', title: 'Snapshots' });
addTool({
  id: 'media',
  title: 'Drives',
  shown: (open) => [media, share].forEach((part) => part.shown(open)),
  follow: (of) => [media, share].forEach((part) => part.follow(of)),
  leave: () => [media, share].forEach((part) => part.leave()),
});
addTool({ id: 'log', title: 'Log', shown: log.shown, follow: log.follow });
const labPane = makeLabPane(element('lab', HTMLElement), async () => {
  const source = plan?.files.kernel;
  if (!source) return null;
  return source.blob ? source.blob.arrayBuffer() : fetchSource(source, () => {});
});
addTool({ id: 'lab', title: 'Lab view', shown: labPane.shown, follow: labPane.follow, leave: labPane.leave });
addTool({ id: 'qmp', title: 'QMP', shown: qmpConsole.shown, follow: qmpConsole.follow, leave: qmpConsole.leave });

// ---- controls ----

const controls = makeControls({
  machine: () => machine,
  state: () => state,
  title: () => plan?.guest ?? 'screen',
  strike,
  step: async () => {
    const of = machine;
    if (!of) return;
    try {
      if (!(await labPane.step())) await step(of);
      showStats(await of.client.call('stats', undefined));
      await showRunState(of);
    } catch (e) {
      showError(e);
    }
  },
  again: () => plan && start(plan),
  edit: () => plan && choose(plan),
  snapshot: () => {
    openTool('snapshots');
    snapshots.take();
  },
  find: () => find.open(),
  screens,
  display,
  sound: async (on) => {
    await (on ? speaker.start() : speaker.stop());
    watch();
  },
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) speaker.hush();
  watch();
});

// ---- from view to view ----

/** The form, which comes when it is wanted. @type {Promise<ReturnType<typeof import('./setup-form.js').makeSetup>> | null} */
let form = null;
const setup = {
  /** @param {Plan} of */
  async open(of) {
    const mine = starts;
    form ??= import('./setup-form.js').then(({ makeSetup }) => makeSetup(guests, { run: go, back: () => history.back(), state: (s) => showState(s), error: showError }));
    const there = await form;
    if (mine === starts) await there.open(of);
  },
  close: () => form?.then((there) => there.close()),
};

/** Starts a plan, whose address then stands in the address bar. @param {Plan} wanted */
function go(wanted) {
  const guest = guests.find((g) => g.id === wanted.guest);
  history.pushState(null, '', `?${query(wanted, guest && planOf(guest))}`);
  return start(wanted);
}

/** Opens the options of a plan. @param {Plan} of */
function choose(of) {
  starts++;
  endMachine();
  clearError();
  plan = of;
  const guest = guests.find((g) => g.id === of.guest);
  history.pushState(null, '', `?${query(of, guest && planOf(guest))}&setup`);
  show('setup');
  return setup.open(of);
}

/** Files dropped while a machine is there are for its drives, or for the folder that it shares. @param {File[]} files @param {boolean} shared */
async function dropped(files, shared) {
  await coming;
  if (!machine || state === 'preconfig') return choose(await planForFiles(files, guests));
  openTool('media');
  await (shared ? share : media).take(files);
}

/** What dropped files would be used for. */
function dropPlaces() {
  if (!machine || state === 'preconfig') return { use: 'Drop the files to use them in a machine', share: false };
  return { use: 'Drop the files here for the machine’s drives', share: isPc(plan?.target ?? '') };
}

/** What a start needs comes before the click. @param {Plan} of @param {number} bytes of its files */
function likely({ target, files, shows }, bytes) {
  prepare(target, files, bytes);
  if (shows !== 'display') bringConsoles().catch(() => {});
}

/** Shows what the address says. */
async function follow() {
  const q = new URLSearchParams(location.search);
  const guest = guests.find((g) => g.id === q.get('guest'));
  const target = TARGETS.find((t) => t.target === q.get('target'));
  const id = q.get('resume');
  if (id) {
    const found = await store.get(id);
    if (found) return resume(found.saved, found.data);
    showError('This snapshot is not in this browser.');
  }
  if (q.has('guest') && !guest) showError(`This page has no guest “${q.get('guest')}”.`);
  if (guest || target) {
    const from = guest ? planOf(guest) : { title: 'Own machine', target: target?.target ?? '', options: {}, files: {} };
    const asked = withFirmware(changed(from, q), guests);
    const wanted = asked.shows === 'display' ? onScreen(asked, guests) : asked;
    if (!q.has('setup') && Object.keys(wanted.files).length) return start(wanted);
    plan = wanted;
    show('setup');
    return setup.open(wanted);
  }
  starts++;
  endMachine();
  setup.close();
  plan = null;
  showState('off');
  show('chooser');
}
addEventListener('popstate', () => {
  clearError();
  follow().catch(showError);
});
element('home', HTMLAnchorElement).addEventListener('click', (ev) => {
  if (ev.ctrlKey || ev.metaKey || ev.shiftKey) return;
  ev.preventDefault();
  history.pushState(null, '', './');
  clearError();
  follow().catch(showError);
});

try {
  guests.push(...(await loadGuests()));
  makeChooser(guests, { start: go, setup: choose, likely, take: dropped, drop: dropPlaces });
  await follow();
} catch (e) {
  showState('failed');
  showError(e);
}

// Without a secure context, or where the browser forbids it, the page works as well, online.
if (window.isSecureContext) navigator.serviceWorker?.register(new URL('./sw.js', import.meta.url)).catch(() => {});
