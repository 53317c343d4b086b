// @ts-check
/** The first view: what can be started. It makes plans; starting them is the page's business. */

import { bytes, element, make } from './dom.js';
import { droppedFiles } from './dropped.js';
import { isPc, planOf } from './plan.js';
import { sniff } from './sniff.js';

/** @typedef {import('./plan.js').Plan} Plan */
/** @typedef {import('./guests.js').Guest} Guest */

const BOARDS = /** @type {Record<string, string>} */ ({ malta: 'MIPS Malta', pc: 'PC (i440FX)' });

/**
 * @typedef {object} Choices
 * @property {(plan: Plan) => void} start
 * @property {(plan: Plan) => void} setup
 * @property {(plan: Plan, bytes: number) => void} likely a card is pointed at
 * @property {(files: File[], shared: boolean) => void} take files were dropped onto the page
 * @property {() => { use: string, share: boolean }} drop what dropped files are used for, and whether there is a shared folder
 */

/** @param {Guest} guest @param {Guest[]} guests @param {Choices} choices */
function card(guest, guests, { start, setup, likely }) {
  const { id, title, note, about, machine = '', cpu, ramMib, bytes: size } = guest;
  const heading = make('h3', { id: `card-${id}` }, title, ' ', make('small', {}, note ?? ''));
  const facts = make('p', { className: 'facts' }, [BOARDS[machine] ?? machine, cpu, `${ramMib ?? 128} MiB`].filter(Boolean).join(' · '));
  const run = make('button', { type: 'button', className: 'primary', textContent: 'Start', 'aria-describedby': heading.id });
  run.addEventListener('click', () => start(planOf(guest)));
  const options = make('button', { type: 'button', textContent: 'Options…', 'aria-describedby': heading.id });
  options.addEventListener('click', () => setup(planOf(guest)));
  // What talks on a serial console can talk on a screen, if the machine has one and its firmware is here.
  const plan = planOf(guest);
  const both = String(plan.options.append ?? '').search(ON_SERIAL) >= 0 && onScreen(plan, guests).files.vgaBios;
  const screen = make('button', { type: 'button', textContent: 'On screen', title: 'Start on the PC’s own screen and keyboard', 'aria-describedby': heading.id });
  screen.addEventListener('click', () => start(onScreen(planOf(guest), guests)));
  const actions = make('div', { className: 'actions' }, run, ...(both ? [screen] : []), options);
  const known = make('div', { className: 'known' }, facts, make('span', { className: 'weight', title: 'To load' }, bytes(size)));
  const whole = make('li', { className: 'card', 'data-guest': id }, heading, make('p', { className: 'about' }, about ?? ''), known, actions);
  for (const sign of ['pointerenter', 'focusin']) whole.addEventListener(sign, () => likely(plan, size));
  return whole;
}

/**
 * A plan for files of the user's.
 * @param {File[]} files
 * @param {Guest[]} guests
 * @returns {Promise<Plan>}
 */
export async function planForFiles(files, guests) {
  const known = await Promise.all(files.map(async (file) => ({ file, ...(await sniff(file)) })));
  const target = known.find((k) => k.target)?.target ?? (known.some((k) => k.option === 'initrd') ? 'mipsel' : 'i386');
  /** @type {Plan} */
  const plan = { title: files.map((f) => f.name).join(', ').slice(0, 60) || 'Own machine', target, options: {}, files: {} };
  for (const { file, option } of known) plan.files[option] = { name: file.name, blob: file };
  if (!plan.files.incoming) plan.options.m = 256 << 20;
  if (plan.files.kernel || plan.files.initrd) plan.options.append = 'console=ttyS0';
  return withFirmware(plan, guests);
}

/** A PC without kernel and firmware gets the firmware there is. @param {Plan} plan @param {Guest[]} guests @returns {Plan} */
export function withFirmware(plan, guests) {
  const { kernel, bios, incoming } = plan.files;
  const firmware = guests.find((g) => g.id === 'seabios');
  if (!isPc(plan.target) || kernel || bios || incoming || !firmware) return plan;
  const order = ['fda', 'hda', 'cdrom'].map((name, n) => (plan.files[name] ? 'acd'[n] : '')).join('');
  return { ...plan, files: { ...planOf(firmware).files, ...plan.files }, boot: plan.boot ?? (order || undefined), shows: plan.shows ?? 'display' };
}

/** The serial console among a kernel's arguments, and the screen. */
const [ON_SERIAL, ON_SCREEN] = [/\bconsole=ttyS\d\S*/g, 'console=tty0'];
/** A screen that stays dark says nothing to who waits. */
const QUIET = /\s*\bquiet\b/;

/**
 * A PC's kernel that is to talk on its display finds the adapter's firmware there, if the page has it.
 * @param {Plan} plan
 * @param {Guest[]} guests
 * @returns {Plan}
 */
export function onScreen(plan, guests) {
  const vgaBios = guests.map((g) => planOf(g).files.vgaBios).find(Boolean);
  if (!isPc(plan.target) || !plan.files.kernel) return { ...plan, shows: 'display' };
  const options = { ...plan.options };
  if (options.append) options.append = String(options.append).replace(ON_SERIAL, ON_SCREEN).replace(QUIET, '');
  return { ...plan, options, files: { ...(vgaBios && { vgaBios }), ...plan.files }, shows: 'display' };
}

/** The same kernel talks on its first serial port. @param {Plan} plan @returns {Plan} */
export function onSerial(plan) {
  const options = { ...plan.options };
  if (options.append) options.append = String(options.append).replace(/\bconsole=tty0\b/g, 'console=ttyS0');
  return { ...plan, options, shows: 'serial' };
}

/** @param {Guest[]} guests @param {Choices} choices */
export function makeChooser(guests, choices) {
  element('cards', HTMLUListElement).replaceChildren(...guests.filter((g) => !g.unlisted).map((guest) => card(guest, guests, choices)));

  /** @param {FileList | File[] | null | undefined} files */
  const take = async (files) => {
    if (files?.length) choices.setup(await planForFiles([...files], guests));
  };
  const input = element('own-files', HTMLInputElement);
  element('own-pick', HTMLButtonElement).addEventListener('click', () => input.click());
  const picked = () => {
    take(input.files);
    input.value = '';
  };
  input.addEventListener('change', picked);
  // They can be picked before this runs.
  picked();
  element('own-blank', HTMLButtonElement).addEventListener('click', () => {
    choices.setup(withFirmware({ title: 'Own machine', target: 'i386', options: {}, files: {} }, guests));
  });

  const veil = element('drop', HTMLElement);
  const [use, share] = [element('drop-use', HTMLElement), element('drop-share', HTMLElement)];
  const carries = (/** @type {DragEvent} */ ev) => ev.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (ev) => {
    if (!carries(ev)) return;
    ev.preventDefault();
    if (veil.hidden) {
      const there = choices.drop();
      use.textContent = there.use;
      share.hidden = !there.share;
      veil.hidden = false;
    }
    for (const place of [use, share]) place.classList.toggle('over', !share.hidden && ev.target === place);
  });
  addEventListener('dragleave', (ev) => {
    if (!ev.relatedTarget) veil.hidden = true;
  });
  addEventListener('drop', async (ev) => {
    veil.hidden = true;
    if (!ev.dataTransfer || !carries(ev)) return;
    ev.preventDefault();
    const shared = ev.target === share;
    const files = await droppedFiles(ev.dataTransfer).catch(() => []);
    if (files.length) choices.take(files, shared);
  });
}
