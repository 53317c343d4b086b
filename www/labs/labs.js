// @ts-check
/** The labs' page: a lab's text, an editor, the machine, and the checks. What the learner writes stays in this browser. */

import { makeConsole } from '../console.js';
import { makeLabView } from '../lab-view/lab-view.js';
import { LabError, Tinamou } from '../tinamou.js';
import { markdown } from './markdown.js';

/** @typedef {{ title: string, text?: string[] }} Step */
/**
 * What this page reads of `lab.json`; the checker reads all of it.
 * @typedef {{ title: string, summary?: string, steps: Step[], files?: { kernel?: string, source?: string, solution_source?: string },
 *   machine: { target: 'mipsel' | 'mips', board?: string, cpu?: string, memory?: number, icount?: number, append?: string } }} Lab
 */

const DEFAULT_MEMORY = 16;
const DEFAULT_ICOUNT = 3;

/** @template {HTMLElement} T @param {string} id @param {new () => T} type */
function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

const chooser = element('lab', HTMLSelectElement);
const textBox = element('text', HTMLElement);
const source = element('source', HTMLTextAreaElement);
const numbers = element('numbers', HTMLPreElement);
const errors = element('errors', HTMLElement);
const alertLine = element('alert', HTMLElement);
const checkButton = element('check', HTMLButtonElement);
const inside = element('inside', HTMLElement);
const view = makeLabView(inside);

/** @type {import('../tinamou.js').TinamouMachine | null} */
let machine = null;
/** @type {{ name: string, lab: Lab, json: string, start: string } | null} */
let open = null;

const terminal = makeConsole(element('console', HTMLElement), (data) => machine?.serial[0]?.write(data).catch(showError));

/** @param {unknown} e */
function showError(e) {
  alertLine.textContent = e instanceof Error ? e.message : String(e);
  alertLine.hidden = false;
}

/** @param {string} name */
const keyOf = (name) => `tinamou lab ${name}`;

/** What was written before; nothing where the browser keeps nothing. @param {string} name */
function kept(name) {
  try {
    return localStorage.getItem(keyOf(name));
  } catch {
    return null;
  }
}

/** @param {string} name @param {string | null} text */
function keep(name, text) {
  try {
    if (text === null) localStorage.removeItem(keyOf(name));
    else localStorage.setItem(keyOf(name), text);
  } catch {
    // Private windows keep nothing, or little.
  }
}

/** @param {string} file @returns {Promise<string>} */
async function fetchText(file) {
  const reply = await fetch(new URL(file, import.meta.url));
  if (!reply.ok) throw new Error(`${file} could not be loaded (${reply.status}).`);
  return reply.text();
}

/** @param {Set<number>} [wrong] lines with errors */
function number(wrong = new Set()) {
  const count = source.value.split('\n').length;
  numbers.replaceChildren(
    ...Array.from({ length: count }, (_, n) => {
      const line = document.createElement(wrong.has(n + 1) ? 'b' : 'span');
      line.textContent = `${n + 1}\n`;
      return line;
    }),
  );
  numbers.scrollTop = source.scrollTop;
}

/** @param {string} tag @param {string} className @param {...(Node | string)} children */
function made(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

/** The text, with what the checks said. @param {import('../protocol.js').LabReport | null} report */
function showText(report) {
  if (!open) return;
  const { lab } = open;
  const steps = lab.steps.map((step, n) => {
    const result = report?.steps[n];
    const run = result && result.ended !== 'not run';
    const verdict = run ? (result.passed ? 'passed' : 'not yet') : '';
    const box = made('section', `step ${run ? (result.passed ? 'passed' : 'failed') : ''}`.trim());
    box.append(made('h3', '', `${n + 1}. ${step.title}`, made('span', 'verdict', verdict)), ...(step.text ?? []).map(markdown));
    if (!run) return box;
    const list = made('ul', 'checks');
    if (!result.passed && result.ended !== 'reached') {
      const how = { limit: `the step did not come to its end in ${result.insns.toLocaleString('en')} instructions`, stuck: 'the processor waits for an interrupt that never comes' };
      list.append(made('li', 'failed', /** @type {Record<string, string>} */ (how)[result.ended] ?? `the machine ended: ${result.ended}`));
    }
    for (const { say, passed, found } of result.checks) list.append(made('li', passed ? 'passed' : 'failed', passed ? say : `${say}: found ${found}`));
    box.append(list);
    if (result.hint) box.append(made('p', 'hint', `Hint: ${result.hint}`));
    return box;
  });
  const summary = made('p', 'summary', lab.summary ?? '');
  textBox.replaceChildren(made('h2', '', lab.title), summary, ...steps);
  if (report) {
    const passed = report.steps.filter((s) => s.passed).length;
    const line = report.passed ? 'All steps passed.' : `${passed} of ${report.steps.length} steps passed.`;
    summary.textContent = line;
    summary.setAttribute('role', 'status');
    (textBox.querySelector('.failed') ?? textBox).scrollIntoView({ block: 'nearest' });
  }
}

/** The program that is in the editor. @returns {Promise<{ elf: Uint8Array<ArrayBuffer>, lines: Uint32Array } | null>} */
async function program() {
  errors.hidden = true;
  try {
    const done = await Tinamou.assemble(source.value, { bigEndian: open?.lab.machine.target === 'mips' });
    number();
    return done;
  } catch (e) {
    if (!(e instanceof LabError)) throw e;
    errors.textContent = e.message.replace(/^(\d+):/gm, 'line $1:');
    errors.hidden = false;
    number(new Set(Array.from(e.message.matchAll(/^(\d+):/gm), ([, n]) => Number(n))));
    return null;
  }
}

/** Ends what runs. */
function endMachine() {
  view.leave();
  machine?.close();
  machine = null;
}

/** Starts the program. @param {boolean} stopped before its first instruction */
async function start(stopped) {
  const mine = open;
  if (!mine) return;
  endMachine();
  terminal.clear();
  const done = await program();
  if (!done || open !== mine) return;
  const { target, board, cpu, memory = DEFAULT_MEMORY, icount = DEFAULT_ICOUNT, append } = mine.lab.machine;
  const fresh = await Tinamou.create({
    arch: target,
    memory,
    icount,
    kernel: done.elf,
    paused: true,
    ...(board ? { board } : {}),
    ...(cpu ? { cpu } : {}),
    ...(append ? { append } : {}),
  });
  machine = fresh;
  fresh.serial[0]
    ?.pipeTo(new WritableStream({ write: (bytes) => terminal.write(new TextEncoder().encode(new TextDecoder().decode(bytes).replace(/\r?\n/g, '\r\n'))) }))
    .catch(() => {});
  fresh.closed.then(({ reason, message }) => {
    if (machine !== fresh) return;
    view.leave();
    machine = null;
    if (reason === 'failed') showError(message);
  });
  await view.follow(fresh.machine, { symbols: done.elf, lines: done.lines, runTo: stopped ? '_start' : undefined });
  if (stopped) inside.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  else await fresh.qmp('cont');
}

async function check() {
  const mine = open;
  if (!mine) return;
  checkButton.disabled = true;
  checkButton.textContent = 'Checking…';
  try {
    const done = await program();
    if (!done) return;
    const report = await Tinamou.checkLab(mine.json, { [mine.lab.files?.kernel ?? 'program']: done.elf });
    if (open === mine) showText(report);
  } finally {
    checkButton.disabled = false;
    checkButton.textContent = 'Check';
  }
}

/** @param {string} name */
async function load(name) {
  endMachine();
  terminal.clear();
  errors.hidden = alertLine.hidden = true;
  const json = await fetchText(`./${name}/lab.json`);
  /** @type {Lab} */
  const lab = JSON.parse(json);
  const begin = lab.files?.source ? await fetchText(`./${name}/${lab.files.source}`) : '';
  open = { name, lab, json, start: begin };
  source.value = kept(name) ?? begin;
  document.title = `${lab.title} – Tinamou`;
  element('solution', HTMLButtonElement).hidden = !lab.files?.solution_source;
  number();
  showText(null);
}

/** Does it, and shows what goes wrong. @param {() => Promise<void>} act */
const act = (act) => async () => {
  alertLine.hidden = true;
  try {
    await act();
  } catch (e) {
    showError(e);
  }
};

checkButton.addEventListener('click', act(check));
element('start', HTMLButtonElement).addEventListener('click', act(() => start(false)));
element('paused', HTMLButtonElement).addEventListener('click', act(() => start(true)));
element('begin', HTMLButtonElement).addEventListener('click', () => {
  if (!open || (source.value !== open.start && !confirm('Throw away what is written?'))) return;
  source.value = open.start;
  keep(open.name, null);
  number();
});
element('solution', HTMLButtonElement).addEventListener('click', act(async () => {
  const file = open?.lab.files?.solution_source;
  if (!open || !file || (source.value !== open.start && !confirm('Put the solution in the place of what is written?'))) return;
  source.value = await fetchText(`./${open.name}/${file}`);
  keep(open.name, source.value);
  number();
}));
source.addEventListener('input', () => {
  if (open) keep(open.name, source.value);
  number();
});
source.addEventListener('scroll', () => (numbers.scrollTop = source.scrollTop));
source.addEventListener('keydown', (ev) => {
  // Tab indents; Escape and then Tab leaves.
  if (ev.key !== 'Tab' || ev.shiftKey || source.dataset.leave) return;
  ev.preventDefault();
  source.setRangeText('\t', source.selectionStart, source.selectionEnd, 'end');
  source.dispatchEvent(new Event('input'));
});
source.addEventListener('keyup', (ev) => {
  if (ev.key === 'Escape') source.dataset.leave = 'yes';
});
source.addEventListener('blur', () => delete source.dataset.leave);
chooser.addEventListener('change', act(async () => {
  history.replaceState(null, '', `?lab=${encodeURIComponent(chooser.value)}`);
  await load(chooser.value);
}));

await act(async () => {
  /** @type {{ labs: string[] }} */
  const { labs } = JSON.parse(await fetchText('./index.json'));
  const titles = await Promise.all(labs.map(async (name) => /** @type {Lab} */ (JSON.parse(await fetchText(`./${name}/lab.json`))).title));
  chooser.replaceChildren(...labs.map((name, n) => new Option(titles[n], name)));
  const wanted = new URLSearchParams(location.search).get('lab');
  if (wanted && labs.includes(wanted)) chooser.value = wanted;
  await load(chooser.value);
})();
