// @ts-check
/**
 * The second view: every option that QMP's `x-machine-options` tells of, as a form. Behind it waits a machine in its preconfig state,
 * which checks each value by `x-machine-set`; the command line and the address of the same machine follow what is chosen.
 */

import { onScreen, onSerial, withFirmware } from './chooser.js';
import { element, make, sentence } from './dom.js';
import { Machine } from './machine.js';
import { cardList, dateInput } from './setup-fields.js';
import { LAN_NAME, TARGETS, cardsIn, commandLine, isPc, planOf, query, size, sizeText } from './plan.js';

/** @typedef {import('./plan.js').Plan} Plan */
/** @typedef {{ name: string, kind: string, description: string, value?: any, default?: any, choices?: string[] }} Option */

/** What a page knows beside QMP's options. @type {Option[]} */
const OF_ALL = [
  { name: 'lan', kind: 'lan', description: 'Machines in this browser’s tabs that name the same network are on one cable; without a name it is a network of its own, with DHCP.' },
];
/** What a PC's page knows besides. @type {Option[]} */
const OF_PCS = [
  { name: 'shows', kind: 'console', description: 'Where the kernel talks: its console on the command line follows.' },
  { name: 'vgaBios', kind: 'file', description: 'firmware of the graphics card' },
  { name: 'share', kind: 'share', description: 'Files in a folder that page and guest share (9P); Linux mounts it with -t 9p -o trans=virtio share.' },
];

const GROUPS = /** @type {[string, string[]][]} */ ([
  ['Machine', ['machine', 'cpu', 'm', 'smp', 'nic', 'lan', 'vga', 'devices']],
  ['Software', ['kernel', 'initrd', 'append', 'shows', 'dtb', 'bios', 'vgaBios']],
  ['Drives', ['hda', 'hdb', 'cdrom', 'hdd', 'fda', 'fdb', 'virtio0', 'virtio1', 'share', 'boot']],
  ['Execution', ['accel', 'icount', 'rtc']],
]);
/** Options' names for people, where QMP's are short. */
const NAMES = /** @type {Record<string, string>} */ ({ m: 'Memory', smp: 'CPUs', nic: 'Network interface', append: 'Kernel command line',
  accel: 'Engine', icount: 'Counted time', bios: 'Firmware', dtb: 'Device tree', initrd: 'Initial RAM disk', cdrom: 'CD', machine: 'Board',
  cpu: 'CPU model', kernel: 'Kernel', hda: 'Disk 0', hdb: 'Disk 1', hdd: 'Disk 3', fda: 'Floppy 0', fdb: 'Floppy 1', incoming: 'Snapshot', vgaBios: 'Display firmware',
  virtio0: 'virtio disk 0', virtio1: 'virtio disk 1', boot: 'Boot order', vga: 'Graphics card', rtc: 'Date at start (UTC)', devices: 'PCI cards',
  shows: 'Console', share: 'Shared folder', lan: 'Network' });
/** Options whose descriptions say more than their names. */
const TELLING = ['accel', 'icount', 'bios', 'dtb', 'boot', 'shows', 'share', 'lan'];

/**
 * @param {import('./guests.js').Guest[]} guests
 * @param {{ run: (plan: Plan) => void, back: () => void, state: (state: 'preconfig') => void, error: (e: unknown) => void }} page
 */
export function makeSetup(guests, page) {
  const fields = element('setup-fields', HTMLDivElement);
  const line = element('setup-line', HTMLPreElement);
  const targets = element('setup-target', HTMLSelectElement);
  targets.append(...TARGETS.map(({ target, title }) => new Option(`${target} – ${title}`, target)));
  /** @type {Plan} */
  let plan = { title: '', target: 'i386', options: {}, files: {} };
  /** @type {Machine | null} */
  let machine = null;
  let opened = 0;
  /** Fields by their options' names, to be drawn again. @type {Map<string, { option: Option, frame: HTMLElement }>} */
  const drawn = new Map();
  /** Values that QMP is asked about. @type {Set<Promise<void>>} */
  const checks = new Set();

  function showLine() {
    line.textContent = commandLine(plan);
  }

  /** The address of this machine. */
  const address = () => {
    const guest = guests.find((g) => g.id === plan.guest);
    return new URL(`?${query(plan, guest && planOf(guest))}`, new URL('./', location.href)).href;
  };

  /** @param {string} name @param {import('./plan.js').Value | null} value @param {HTMLElement} note */
  function set(name, value, note) {
    const check = tryTo(name, value, note).finally(() => checks.delete(check));
    checks.add(check);
  }

  /** @param {string} name @param {import('./plan.js').Value | null} value @param {HTMLElement} note */
  async function tryTo(name, value, note) {
    note.textContent = '';
    try {
      await machine?.qmp('x-machine-set', { name, value: value ?? undefined });
    } catch (e) {
      note.textContent = sentence(e);
      return;
    }
    if (name === 'boot') plan.boot = typeof value === 'string' ? value : undefined;
    else if (value === null || value === '') delete plan.options[name];
    else plan.options[name] = value;
    showLine();
  }

  /** @param {Option} option */
  function field(option) {
    const { name, kind, description, choices } = option;
    const id = `setup-${name}`;
    const value = (name === 'boot' ? plan.boot : plan.options[name]) ?? option.value ?? option.default;
    const note = make('p', { className: 'field-note', id: `${id}-note`, role: 'alert' });
    const described = { id, name, 'aria-describedby': `${id}-about ${id}-note` };
    /** @type {HTMLElement[]} */
    let control;
    if (kind === 'choice') {
      const select = make('select', described, ...(choices ?? []).map((c) => new Option(c, c)));
      // A model with options of its own behind its name stands in no list.
      if (value && !choices?.includes(value)) select.prepend(new Option(value, value));
      select.value = value;
      select.addEventListener('change', () => set(name, select.value, note));
      control = [select];
    } else if (kind === 'bool') {
      const box = make('input', { ...described, type: 'checkbox', checked: value === true });
      box.addEventListener('change', () => set(name, box.checked, note));
      control = [box];
    } else if (kind === 'devices') {
      control = cardList(described, value ?? [], () => plan.files, (cards) => set(name, cards.length ? cards : null, note), (why) => (note.textContent = why));
    } else if (kind === 'console') {
      const select = make('select', described, new Option('serial port', 'serial'), new Option('display', 'display'));
      select.value = plan.shows ?? (plan.files.kernel ? 'serial' : 'display');
      select.addEventListener('change', () => {
        plan = select.value === 'display' ? onScreen(plan, guests) : onSerial(plan);
        for (const changed of ['append', 'vgaBios']) again(changed);
        showLine();
      });
      control = [select];
    } else if (kind === 'lan') {
      const input = make('input', { ...described, type: 'text', value: plan.lan ?? '', placeholder: 'its own', spellcheck: false });
      input.addEventListener('change', () => {
        const typed = input.value.trim();
        const right = !typed || LAN_NAME.test(typed);
        note.textContent = right ? '' : 'A name has letters, digits and -._ alone.';
        if (right && typed) plan.lan = typed;
        else delete plan.lan;
        showLine();
      });
      control = [input];
    } else if (kind === 'share') {
      control = sharePicker(described);
    } else if (name === 'rtc') {
      control = dateInput(described, value, (seconds) => set(name, seconds, note));
    } else if (kind === 'file') {
      control = filePicker(name, described);
    } else {
      const text = kind === 'size' ? sizeText(Number(value ?? 0)) : (value ?? '');
      const input = make('input', { ...described, type: 'text', value: String(text), inputMode: kind === 'text' ? 'text' : 'numeric', spellcheck: false,
        placeholder: kind === 'int' ? 'off' : '' });
      input.addEventListener('change', () => {
        const typed = input.value.trim();
        if (kind === 'text') return set(name, typed || null, note);
        const n = kind === 'size' ? size(typed) : Number(typed);
        if (typed === '' && option.default === undefined) return set(name, null, note);
        if (n === undefined || !Number.isFinite(n) || typed === '') return void (note.textContent = kind === 'size' ? 'A size in MiB, or with a letter (1G).' : 'A number.');
        set(name, n, note);
      });
      control = [input, ...(kind === 'size' ? [make('span', { className: 'unit' }, 'MiB')] : [])];
    }
    // What a name says already is there for who asks.
    const about = make('p', { className: TELLING.includes(name) || !(name in NAMES) ? 'field-about' : 'visually-hidden', id: `${id}-about` }, description);
    const frame = make('div', { className: 'field', 'data-kind': kind }, make('label', { htmlFor: id }, NAMES[name] ?? name), make('div', { className: 'control' }, ...control), about, note);
    drawn.set(name, { option, frame });
    return frame;
  }

  /** Draws a field again, whose value is another. @param {string} name */
  function again(name) {
    const there = drawn.get(name);
    if (there) there.frame.replaceWith(field(there.option));
  }

  /** @param {object} described */
  function sharePicker(described) {
    const input = make('input', { type: 'file', multiple: true, hidden: true });
    const pick = make('button', { ...described, type: 'button' });
    const clear = make('button', { type: 'button', className: 'quiet', textContent: 'None', 'aria-label': 'None: no shared folder' });
    /** @param {import('./plan.js').Source[] | undefined} files */
    const put = (files) => {
      if (files) plan.share = files;
      else delete plan.share;
      const names = files?.map((f) => f.name) ?? [];
      pick.textContent = !files ? 'Choose…' : names.length === 1 ? (names[0] ?? '') : names.length ? `${names.length} files` : 'An empty folder';
      pick.classList.toggle('chosen', !!files);
      clear.hidden = !files;
      showLine();
    };
    pick.addEventListener('click', () => input.click());
    clear.addEventListener('click', () => {
      put(undefined);
      pick.focus();
    });
    input.addEventListener('change', () => {
      if (input.files?.length) put([...input.files].map((file) => ({ name: file.name, blob: file })));
    });
    put(plan.share);
    return [pick, clear, input];
  }

  /** @param {string} name @param {object} described */
  function filePicker(name, described) {
    const input = make('input', { type: 'file', hidden: true });
    const pick = make('button', { ...described, type: 'button' });
    const clear = make('button', { type: 'button', className: 'quiet', textContent: 'None', 'aria-label': `None: no ${NAMES[name] ?? name}` });
    const show = () => {
      pick.textContent = plan.files[name]?.name ?? 'Choose…';
      pick.classList.toggle('chosen', name in plan.files);
      clear.hidden = !(name in plan.files);
    };
    pick.addEventListener('click', () => input.click());
    clear.addEventListener('click', () => {
      delete plan.files[name];
      show();
      showLine();
      pick.focus();
    });
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      if (file) plan.files[name] = { name: file.name, blob: file };
      show();
      showLine();
    });
    show();
    return [pick, clear, input];
  }

  async function draw() {
    const mine = ++opened;
    machine?.end();
    fields.replaceChildren(make('p', { className: 'field-about' }, 'Loading the emulator…'));
    targets.value = plan.target;
    showLine();
    try {
      const fresh = new Machine();
      machine = fresh;
      await fresh.boot({ target: /** @type {import('./plan.js').Target} */ (plan.target), preconfig: true });
      /** @type {Option[]} */
      const options = await fresh.qmp('x-machine-options');
      if (mine !== opened) return;
      page.state('preconfig');
      const all = [...options, ...OF_ALL, ...(isPc(plan.target) ? OF_PCS : [])];
      const left = new Map(all.map((o) => [o.name, o]));
      const groups = GROUPS.map(([title, names]) => {
        const own = names.flatMap((n) => left.get(n) ?? []);
        for (const { name } of own) left.delete(name);
        return make('fieldset', {}, make('legend', {}, title), ...own.map(field));
      });
      // What an emulator of another day has besides.
      if (left.size) groups.push(make('fieldset', {}, make('legend', {}, 'More'), ...[...left.values()].map(field)));
      fields.replaceChildren(...groups);
    } catch (e) {
      if (mine === opened) page.error(e);
    }
  }

  function close() {
    opened++;
    machine?.end();
    machine = null;
  }

  /** @param {boolean} paused */
  const run = async (paused) => {
    // A value that was just typed is still being checked.
    await Promise.all(checks);
    const bare = cardsIn(plan.options).find(({ drive }) => drive && !plan.files[drive]);
    const note = document.getElementById('setup-devices-note');
    if (bare && note) note.textContent = 'A disk’s card needs an image.';
    const wrong = [...fields.querySelectorAll('.field-note')].find((note) => note.textContent);
    if (wrong) return wrong.closest('.field')?.querySelector('input')?.focus();
    const chosen = { ...plan, paused };
    close();
    page.run(withFirmware(chosen, guests));
  };
  element('setup-form', HTMLFormElement).addEventListener('submit', (ev) => {
    ev.preventDefault();
    run(false);
  });
  element('setup-paused', HTMLButtonElement).addEventListener('click', () => run(true));
  element('setup-back', HTMLButtonElement).addEventListener('click', page.back);
  targets.addEventListener('change', () => {
    // Models, boards and firmware are another architecture's; the files are the user's.
    const { m, append } = plan.options;
    /** @type {Plan['options']} */
    const options = {};
    if (m !== undefined) options.m = m;
    if (append !== undefined) options.append = append;
    const files = Object.fromEntries(Object.entries(plan.files).filter(([, source]) => source.blob));
    plan = { title: 'Own machine', target: targets.value, options, files };
    draw();
  });
  /** @param {HTMLButtonElement} button @param {() => string} text */
  const copies = (button, text) =>
    button.addEventListener('click', async () => {
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(text());
        button.textContent = 'Copied';
      } catch {
        getSelection()?.selectAllChildren(line);
        button.textContent = 'Press Ctrl+C';
      }
      setTimeout(() => (button.textContent = label), 1500);
    });
  copies(element('setup-copy', HTMLButtonElement), () => line.textContent ?? '');
  copies(element('setup-link', HTMLButtonElement), address);

  return {
    /** @param {Plan} of */
    open(of) {
      plan = { ...of, options: { ...of.options }, files: { ...of.files } };
      return draw();
    },
    close,
  };
}
