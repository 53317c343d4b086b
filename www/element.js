// @ts-check
/**
 * `<tinamou-machine src="machine.json">`: a machine in one tag.
 *
 *     <script type="module" src="tinamou/element.js"></script>
 *     <tinamou-machine src="lab.json" style="height: 24rem"></tinamou-machine>
 *
 * The file has the words of `Tinamou.create` (a `lab.json` of a lab will do too); addresses in it are relative to it. The attributes `arch board
 * cpu memory kernel initrd bios snapshot append icount` say the same without a file, and come before it. Boolean attributes: `paused`, `lab` (with
 * the Lab view below), `always` (runs even when nobody sees it).
 *
 * A machine is made when it first comes into view, and stands still while it is out of view. `element.machine` is it, `element.ready` a promise of
 * it; events `ready`, `closed` and `trouble` (with an `Error` as detail) tell of its life.
 *
 * Style it by the parts `bar`, `button`, `state`, `console`, `lab`, `message` and by the variables `--tinamou-ground`, `--tinamou-panel`,
 * `--tinamou-ink`, `--tinamou-faint`, `--tinamou-line`, `--tinamou-accent`.
 */

import { FitAddon } from './vendor/addon-fit.mjs';
import { Terminal } from './vendor/xterm.mjs';
import { ConfigError, Tinamou } from './tinamou.js';

/** @typedef {import('./tinamou.js').TinamouMachine} TinamouMachine */
/** @typedef {import('./tinamou.js').MachineOptions} MachineOptions */

const IMAGES = ['kernel', 'initrd', 'bios', 'snapshot'];
const TEXTS = ['arch', 'board', 'cpu', 'append'];
const DEFAULT_LAB_MEMORY = 16;
const DEFAULT_LAB_ICOUNT = 3;

const CSS = `
:host {
  --ground: var(--tinamou-ground, light-dark(#f6f4f0, #171513));
  --panel: var(--tinamou-panel, light-dark(#ffffff, #211e1b));
  --ink: var(--tinamou-ink, light-dark(#23201c, #ece7e0));
  --faint: var(--tinamou-faint, light-dark(#655e55, #a79f94));
  --line: var(--tinamou-line, light-dark(#d9d3c9, #3a352f));
  --accent: var(--tinamou-accent, light-dark(#94501a, #e39a58));
  display: flex; flex-direction: column; min-height: 12rem; height: 22rem; overflow: hidden;
  border: 1px solid var(--line); border-radius: 0.5rem; background: var(--ground); color: var(--ink); font: 14px/1.4 system-ui, sans-serif;
}
:host([lab]) { height: auto; overflow: visible; }
:host([hidden]), [hidden] { display: none !important; }
.bar { display: flex; gap: 0.4rem; align-items: center; padding: 0.35rem 0.5rem; }
.bar button { min-height: 1.9rem; padding: 0 0.7rem; border: 1px solid var(--line); border-radius: 0.35rem; background: var(--panel); color: inherit; font: inherit; cursor: pointer; }
.bar button:disabled { opacity: 0.6; cursor: default; }
.bar button:not(:disabled):hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.state { margin-inline-start: auto; color: var(--faint); }
.console { flex: 1; min-height: 6rem; padding: 0.3rem; overflow: hidden; background: var(--panel); }
:host([lab]) .console { flex: none; height: 16rem; }
.lab { padding: 0.5rem; border-block-start: 1px solid var(--line); }
.message { margin: 0; padding: 0.5rem; border-block-start: 1px solid var(--line); overflow-wrap: anywhere; }
`;

/** A colour as the terminal can read it. @param {Element} within @param {string} name */
function colour(within, name) {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  within.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  const [r, g, b] = (value.match(/[\d.]+/g) ?? ['0', '0', '0']).map(Number);
  return `#${[r, g, b].map((n) => Math.round(n ?? 0).toString(16).padStart(2, '0')).join('')}`;
}

export class TinamouMachineElement extends HTMLElement {
  /** The machine, once it is there. @type {TinamouMachine | null} */
  machine = null;
  /** Settled when it is there. @type {Promise<TinamouMachine>} */
  ready;
  /** @type {(machine: TinamouMachine) => void} */
  #resolveReady = () => {};
  /** @type {(why: unknown) => void} */
  #rejectReady = () => {};
  #begun = false;
  #seen = false;
  /** The user stopped it: coming into view starts nothing. */
  #held = false;
  /** It was stopped because nobody saw it. */
  #asleep = false;
  #ending = new AbortController();
  #watch = new IntersectionObserver((entries) => this.#look(entries.at(-1)?.isIntersecting ?? false));
  /** @type {Terminal | null} */
  #terminal = null;
  /** @type {ReturnType<typeof import('./lab-view/lab-view.js').makeLabView> | null} */
  #lab = null;
  #shadow;

  constructor() {
    super();
    this.#shadow = this.attachShadow({ mode: 'open' });
    this.ready = this.#promise();
  }

  #promise() {
    const ready = new Promise((/** @type {(m: TinamouMachine) => void} */ resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Who does not ask need not be told: `trouble` says it too.
    ready.catch(() => {});
    return ready;
  }

  connectedCallback() {
    if (!this.#shadow.childElementCount) this.#furnish();
    this.#ending = new AbortController();
    this.#watch.observe(this);
    document.addEventListener('visibilitychange', () => this.#look(this.#seen), { signal: this.#ending.signal });
    if (this.hasAttribute('always')) this.#begin();
  }

  disconnectedCallback() {
    this.#watch.disconnect();
    this.#ending.abort(new DOMException('the element left the page', 'AbortError'));
    this.#lab?.leave();
    this.machine = null;
    if (this.#begun) this.ready = this.#promise();
    this.#begun = this.#asleep = false;
  }

  /** Lets it run. */
  async play() {
    this.#held = false;
    if (!this.#begun) await this.#begin();
    else await this.machine?.qmp('cont');
  }

  /** Stops it, until somebody lets it run. */
  async pause() {
    this.#held = true;
    await this.machine?.qmp('stop');
  }

  /** Begins anew. */
  async restart() {
    const { parentNode, nextSibling } = this;
    if (!parentNode) return;
    this.remove();
    parentNode.insertBefore(this, nextSibling);
    await this.#begin();
  }

  /** @param {string} tag @param {string} part @param {Node | string} [content] */
  #part(tag, part, content) {
    const made = document.createElement(tag);
    made.setAttribute('part', part);
    made.className = part;
    if (content) made.append(content);
    return made;
  }

  #furnish() {
    // Not a <style>, which a strict policy of the page's would forbid.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    this.#shadow.adoptedStyleSheets.push(sheet);
    const link = (/** @type {URL} */ { href }) => Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
    const bar = this.#part('div', 'bar');
    const run = /** @type {HTMLButtonElement} */ (this.#part('button', 'button', 'Pause'));
    const again = /** @type {HTMLButtonElement} */ (this.#part('button', 'button', 'Restart'));
    run.id = 'run';
    run.disabled = true;
    for (const button of [run, again]) button.type = 'button';
    run.addEventListener('click', () => this.#act(() => (this.#state === 'running' ? this.pause() : this.play())));
    again.addEventListener('click', () => this.#act(() => this.restart()));
    const state = this.#part('output', 'state');
    bar.append(run, again, state);
    bar.setAttribute('role', 'toolbar');
    bar.setAttribute('aria-label', this.getAttribute('title') ?? 'Machine');
    const frame = this.#part('div', 'console');
    const message = this.#part('p', 'message');
    message.setAttribute('role', 'alert');
    message.hidden = true;
    // Written out: bundlers look for these very words.
    const sheets = [new URL('./vendor/xterm.css', import.meta.url), new URL('./lab-view/lab-view.css', import.meta.url)];
    this.#shadow.append(...sheets.map(link), bar, frame, message);
  }

  #state = 'off';

  /** @param {string} state */
  #show(state) {
    this.#state = state;
    const words = /** @type {Record<string, string>} */ ({ prelaunch: 'not started', off: 'off', loading: 'loading' });
    const line = this.#shadow.querySelector('.state');
    if (line) line.textContent = this.#asleep ? 'out of view' : (words[state] ?? state);
    const run = this.#shadow.querySelector('#run');
    if (run instanceof HTMLButtonElement) {
      run.disabled = !this.machine;
      run.textContent = state === 'running' ? 'Pause' : 'Run';
    }
    this.dataset.state = state;
  }

  /** @param {() => unknown} act */
  async #act(act) {
    try {
      await act();
    } catch (e) {
      this.#trouble(e);
    }
  }

  /** @param {unknown} e */
  #trouble(e) {
    const error = e instanceof Error ? e : new Error(String(e));
    const line = this.#shadow.querySelector('.message');
    if (line instanceof HTMLElement) {
      line.textContent = error.message;
      line.hidden = false;
    }
    this.dispatchEvent(new CustomEvent('trouble', { detail: error }));
  }

  /** It comes into view or leaves it. @param {boolean} seen */
  #look(seen) {
    this.#seen = seen;
    if (this.hasAttribute('always')) return;
    const visible = seen && !document.hidden;
    if (visible && !this.#begun) this.#begin();
    const { machine } = this;
    if (!machine || machine.isClosed || this.#held) return;
    if (visible && this.#asleep) {
      this.#asleep = false;
      machine.qmp('cont').catch(() => {});
    } else if (!visible && !this.#asleep && this.#state === 'running') {
      this.#asleep = true;
      machine.qmp('stop').catch(() => {});
    }
  }

  /** The options that attributes and the file say. @param {AbortSignal} signal @returns {Promise<MachineOptions>} */
  async #options(signal) {
    /** @type {any} */
    let options = {};
    const src = this.getAttribute('src');
    if (src) {
      const url = new URL(src, this.baseURI);
      const reply = await fetch(url, { signal });
      if (!reply.ok) throw new ConfigError(`'${src}' could not be fetched (${reply.status})`);
      const text = await reply.text();
      try {
        options = JSON.parse(text);
      } catch (e) {
        throw new ConfigError(`'${src}' is no JSON`, { cause: e });
      }
      if (Array.isArray(options.steps)) options = ofLab(options);
      for (const name of IMAGES) if (typeof options[name] === 'string') options[name] = new URL(options[name], url);
      for (const [name, disk] of Object.entries(options.disks ?? {})) if (typeof disk === 'string') options.disks[name] = new URL(disk, url);
      for (const { files = {} } of options.shares ?? []) {
        for (const [path, file] of Object.entries(files)) if (typeof file === 'string') files[path] = new URL(file, url);
      }
    }
    for (const name of TEXTS) if (this.hasAttribute(name)) options[name] = this.getAttribute(name);
    for (const name of IMAGES) if (this.hasAttribute(name)) options[name] = new URL(this.getAttribute(name) ?? '', this.baseURI);
    const memory = this.getAttribute('memory');
    if (memory) options.memory = /^\d+$/.test(memory) ? Number(memory) : memory;
    const icount = this.getAttribute('icount');
    if (icount) options.icount = Number(icount);
    if (this.hasAttribute('paused')) options.paused = true;
    return { ...options, signal };
  }

  async #begin() {
    if (this.#begun || !this.isConnected) return;
    this.#begun = true;
    const { signal } = this.#ending;
    const message = this.#shadow.querySelector('.message');
    if (message instanceof HTMLElement) message.hidden = true;
    this.#show('loading');
    try {
      const options = await this.#options(signal);
      this.#held = options.paused === true;
      const machine = await Tinamou.create(options);
      this.machine = machine;
      this.#console(machine);
      const look = async () => this.machine === machine && this.#show((await machine.qmp('query-status')).status);
      for (const name of ['STOP', 'RESUME', 'RESET']) machine.addEventListener(name, () => look().catch(() => {}));
      machine.closed.then(({ reason, message: why }) => {
        if (this.machine !== machine) return;
        this.#lab?.leave();
        this.machine = null;
        this.#show('off');
        if (reason === 'failed') this.#trouble(new Error(`The emulator failed: ${why}`));
        this.dispatchEvent(new CustomEvent('closed', { detail: { reason, message: why } }));
      });
      await look();
      if (this.hasAttribute('lab')) await this.#inside(machine, options.kernel);
      // It may have left the view while it was made.
      this.#look(this.#seen);
      this.#resolveReady(machine);
      this.dispatchEvent(new Event('ready'));
    } catch (e) {
      if (signal.aborted) return;
      this.#show('off');
      this.#rejectReady(e);
      this.#trouble(e);
    }
  }

  /** @param {TinamouMachine} machine */
  #console(machine) {
    const frame = this.#shadow.querySelector('.console');
    if (!(frame instanceof HTMLElement)) return;
    if (!this.#terminal) {
      const theme = { background: colour(frame, '--panel'), foreground: colour(frame, '--ink'), cursor: colour(frame, '--accent') };
      const terminal = new Terminal({ fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace', fontSize: 13, minimumContrastRatio: 4.5, theme });
      const fit = new FitAddon();
      terminal.loadAddon(fit);
      terminal.open(frame);
      new ResizeObserver(() => fit.fit()).observe(frame);
      // Tab belongs to the guest; Shift+Tab leads out.
      terminal.attachCustomKeyEventHandler((ev) => !(ev.key === 'Tab' && ev.shiftKey));
      terminal.onData((text) => this.machine?.serial[0]?.write(text).catch(() => {}));
      this.#terminal = terminal;
    }
    const terminal = this.#terminal;
    terminal.reset();
    machine.serial[0]?.pipeTo(new WritableStream({ write: (bytes) => terminal.write(bytes) })).catch(() => {});
  }

  /** @param {TinamouMachine} machine @param {any} kernel */
  async #inside(machine, kernel) {
    const { makeLabView } = await import('./lab-view/lab-view.js');
    if (!this.#lab) {
      const frame = this.#part('div', 'lab');
      this.#shadow.append(frame);
      this.#lab = makeLabView(frame);
    }
    const reply = kernel instanceof URL ? await fetch(kernel).catch(() => null) : null;
    await this.#lab.follow(machine.machine, reply?.ok ? { symbols: await reply.arrayBuffer() } : {});
  }
}

/** The options of a lab's machine, with the program it begins with. @param {any} lab @returns {MachineOptions} */
function ofLab({ machine: { target, memory = DEFAULT_LAB_MEMORY, icount = DEFAULT_LAB_ICOUNT, ...same }, files = {} }) {
  const images = Object.fromEntries(IMAGES.filter((name) => name in files).map((name) => [name, files[name]]));
  return { arch: target, memory, icount, ...same, ...images };
}

if (!customElements.get('tinamou-machine')) customElements.define('tinamou-machine', TinamouMachineElement);
