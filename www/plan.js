// @ts-check
/**
 * A machine before it is made: what QMP's `x-machine-options` calls its options, and the files they name. It becomes what the worker
 * boots, a command line, and the query of an address. It knows neither the DOM nor the machine.
 */

/** @typedef {import('./guests.js').Guest} Guest */
/** @typedef {{ name: string, url?: string, blob?: Blob }} Source a file: fetched, or given by the user */
/** @typedef {import('./protocol.js').BootConfig['target']} Target */
/** @typedef {{ driver: string } & Record<string, string>} Card what `device_add` is told of it */
/** @typedef {string | number | boolean | Card[]} Value of an option */
/** @typedef {{ execute: string, arguments: object }} Command of QMP's */
/**
 * @typedef {object} Plan
 * @property {string} title
 * @property {string} target
 * @property {string} [guest] the guest of the list that it came from
 * @property {Record<string, Value>} options by their names; files are not among them
 * @property {Record<string, Source>} files by option; `vgaBios`, `fda`, `fdb` and `incoming` beside QMP's, and cards' disks by their nodes' names
 * @property {Source[]} [share] files in the folder that is shared with the guest, if there is one
 * @property {string[]} [networks] networks of a saved machine's cards, by their ids
 * @property {string} [lan] what the board's network interface leads to: a network of this name, of machines in this browser's tabs; its own without one
 * @property {string} [boot] order of the PC's firmware
 * @property {boolean} [paused] `-S`
 * @property {'display' | 'serial'} [shows]
 */

/** What can be emulated. */
export const TARGETS = [
  { target: 'i386', title: 'x86, 32 bits' },
  { target: 'x86_64', title: 'x86, 64 bits' },
  { target: 'mipsel', title: 'MIPS32, little-endian' },
  { target: 'mips', title: 'MIPS32, big-endian' },
  { target: 'mips64el', title: 'MIPS64, little-endian' },
  { target: 'mips64', title: 'MIPS64, big-endian' },
];

const MIB = 1 << 20;
const IMAGES = ['kernel', 'initrd', 'bios', 'vgaBios'];
const DRIVES = ['hda', 'hdb', 'cdrom', 'hdd', 'fda', 'fdb', 'virtio0', 'virtio1'];
/** Options that `boot` has no field for: QMP sets them. */
const BY_QMP = ['nic', 'smp', 'vga', 'rtc', 'devices'];

/** Names of nodes that are cards' disks. */
const CARD_DISK = /^card\d+$/;
/** A network's name. */
export const LAN_NAME = /^[\w.-]{1,40}$/;
/** The folder that guest and page share. */
export const SHARE = 'share';
/** What `device_add` is told of its card. @type {Card} */
export const SHARE_CARD = { driver: 'virtio-9p-pci', id: SHARE, fsdev: SHARE, mount_tag: SHARE };

/** Cards of a plan. @param {Plan['options']} options @returns {Card[]} */
export const cardsIn = ({ devices }) => (Array.isArray(devices) ? devices : []);

/** A name that no other card's property has. @param {Card[]} cards @param {'drive' | 'netdev'} property @param {string} stem */
export function freeName(cards, property, stem) {
  for (let n = 0; ; n++) if (!cards.some((c) => c[property] === `${stem}${n}`)) return `${stem}${n}`;
}

/** @param {string} target */
export const isPc = (target) => target === 'i386' || target === 'x86_64';

/** A guest of the list as a plan. @param {Guest} guest @returns {Plan} */
export function planOf({ id, title, note, target = 'mipsel', machine, cpu, cpus, ramMib, append, icount, accel, boot, shows, files }) {
  /** @type {Plan['options']} */
  const options = {};
  const set = (/** @type {string} */ name, /** @type {string | number | undefined} */ value) => {
    if (value !== undefined) options[name] = value;
  };
  set('machine', machine);
  set('cpu', cpu);
  set('m', ramMib && ramMib * MIB);
  set('smp', cpus);
  set('append', append);
  set('icount', icount);
  set('accel', accel);
  const sources = Object.entries(files).map(([kind, file]) => [kind, { name: file.replace(`${id}.`, ''), url: `guests/${file}` }]);
  return { title: note ? `${title}, ${note}` : title, target, guest: id, options, files: Object.fromEntries(sources), boot, shows };
}

/** A size as QEMU reads it: a number of MiB, or with a letter. @param {string} text @returns {number | undefined} */
export function size(text) {
  const [, number, letter] = /^\s*(\d+(?:\.\d+)?)\s*([kmgKMG]?)i?[bB]?\s*$/.exec(text) ?? [];
  if (!number) return undefined;
  const scale = { k: 1024, m: MIB, g: 1024 * MIB, '': MIB }[letter?.toLowerCase() ?? ''];
  return scale && Math.round(Number(number) * scale);
}

/** A size for people and command lines. @param {number} n */
export const sizeText = (n) => (n % MIB ? `${n / 1024}k` : n % (1024 * MIB) ? `${n / MIB}` : `${n / (1024 * MIB)}G`);

/** @param {string} word */
const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A card as `-device` has it. @param {Card} card */
const cardText = ({ driver, ...properties }) => [driver, ...Object.entries(properties).map(([name, value]) => `${name}=${value}`)].join(',');

/** A card's disk as `-blockdev` has it. @param {string} node @param {string} file */
const blockdevText = (node, file) =>
  `driver=${/\.qcow2$/.test(file) ? 'qcow2' : 'raw'},node-name=${node},file.driver=file,file.filename=${file.replaceAll(',', ',,')}`;

/** Cards of a text that has each as `-device` has it, with commas between. @param {string} text */
function cardsOf(text) {
  /** @type {Card[]} */
  const cards = [];
  for (const part of text.split(',').filter(Boolean)) {
    const [, name, value] = /^([\w-]+)=(.*)$/.exec(part) ?? [];
    const last = cards.at(-1);
    if (name === undefined || value === undefined) cards.push({ driver: part });
    else if (last && name !== 'driver') last[name] = value;
  }
  return cards;
}

/** The same machine on a command line. @param {Plan} plan */
export function commandLine({ target, options, files, share, lan, boot, paused, shows }) {
  const words = ['tinamou', `system-${target}`];
  const { machine, cpu, m, smp, nic, vga, rtc, accel, icount, append } = options;
  if (machine) words.push('-M', String(machine));
  if (cpu) words.push('-cpu', String(cpu));
  if (m) words.push('-m', sizeText(Number(m)));
  if (smp && smp !== 1) words.push('-smp', String(smp));
  if (accel && accel !== 'jit') words.push('-accel', String(accel));
  if (icount !== undefined) words.push('-icount', `shift=${icount}`);
  if (rtc !== undefined) words.push('-rtc', `base=${new Date(Number(rtc) * 1000).toISOString().slice(0, 19)}`);
  if (nic === false) words.push('-net', 'none');
  else if (lan) words.push('-nic', 'socket,connect=localhost:1234');
  if (vga === false) words.push('-vga', 'none');
  for (const card of cardsIn(options)) {
    const { drive, netdev } = card;
    if (netdev) words.push('-netdev', `user,id=${netdev}`);
    if (drive) words.push('-blockdev', blockdevText(drive, files[drive]?.name ?? 'FILE'));
    words.push('-device', cardText(card));
  }
  if (share) words.push('-virtfs', `local,path=FOLDER,mount_tag=${SHARE},security_model=none`);
  for (const name of ['bios', 'kernel', 'initrd']) if (files[name]) words.push(`-${name}`, files[name].name);
  if (append) words.push('-append', String(append));
  if (files.dtb) words.push('-dtb', files.dtb.name);
  for (const name of DRIVES) {
    const file = files[name]?.name;
    if (file) words.push(...(name.startsWith('virtio') ? ['-drive', `file=${file.replaceAll(',', ',,')},if=virtio`] : [`-${name}`, file]));
  }
  if (boot) words.push('-boot', boot);
  if (files.incoming) words.push('-incoming', `file:${files.incoming.name}`);
  if (!isPc(target) || (files.kernel && shows !== 'display')) words.push('-nographic');
  if (paused) words.push('-S');
  return words.map(quote).join(' ');
}

/**
 * What differs from a guest of the list, as an address's query. Files of the user's cannot be in it.
 * @param {Plan} plan
 * @param {Plan} [from] the guest's
 */
export function query({ guest, target, options, files, share, lan, boot, paused, shows }, from) {
  const q = new URLSearchParams();
  if (guest) q.set('guest', guest);
  else q.set('target', target);
  for (const [name, value] of Object.entries(options)) {
    if (from?.options[name] === value) continue;
    // A card's disk is the user's file.
    if (Array.isArray(value)) q.set(name, value.filter((card) => !card.drive).map(cardText).join(','));
    else q.set(name, name === 'm' ? sizeText(Number(value)) : String(value));
  }
  if (q.get('devices') === '') q.delete('devices');
  if (boot && boot !== from?.boot) q.set('boot', boot);
  if (shows && shows !== (from?.shows ?? (files.kernel ? 'serial' : 'display'))) q.set('shows', shows);
  if (share) q.set('share', '');
  if (lan) q.set('lan', lan);
  if (paused) q.set('paused', '');
  return q.toString().replace(/=(?=&|$)/g, '');
}

/**
 * A plan with what an address's query says otherwise.
 * @param {Plan} plan
 * @param {URLSearchParams} q
 * @returns {Plan}
 */
export function changed(plan, q) {
  const options = { ...plan.options };
  for (const name of ['machine', 'cpu', 'append', 'accel']) if (q.has(name)) options[name] = q.get(name) ?? '';
  for (const name of ['smp', 'icount', 'rtc']) if (q.has(name)) options[name] = Number(q.get(name));
  const m = size(q.get('m') ?? '');
  if (m) options.m = m;
  for (const name of ['nic', 'vga']) if (q.has(name)) options[name] = q.get(name) !== 'false';
  const cards = cardsOf(q.get('devices') ?? '');
  if (cards.length) options.devices = cards;
  /** @type {Plan} */
  const made = { ...plan, options, boot: q.get('boot') ?? plan.boot, paused: q.has('paused') || plan.paused };
  const shows = q.get('shows');
  if (shows === 'display' || shows === 'serial') made.shows = shows;
  if (q.has('share')) made.share = [];
  const lan = q.get('lan');
  if (lan && LAN_NAME.test(lan)) made.lan = lan;
  return made;
}

/**
 * What the worker boots, with the files' contents.
 * @param {Plan} plan
 * @param {Record<string, ArrayBuffer | Blob>} contents by option
 * @param {Record<string, Uint8Array<ArrayBuffer>>} [share] files in the shared folder
 * @returns {{ config: import('./protocol.js').BootConfig, drives: { name: string, data: ArrayBuffer | Blob }[], before: Command[] }} `drives`: cards' disks,
 * `before`: what QMP is told before the machine is made
 */
export function bootConfig({ target, options, boot, paused, networks = [] }, contents, share) {
  /** @type {any} */
  const config = { target, paused };
  if (options.machine) config.machine = options.machine;
  if (options.cpu) config.cpu = options.cpu;
  if (options.m) config.ramMib = Math.round(Number(options.m) / MIB);
  if (options.append) config.append = options.append;
  if (options.icount !== undefined) config.icount = options.icount;
  if (options.accel) config.accel = options.accel;
  if (boot) config.boot = boot;
  for (const name of [...IMAGES, ...DRIVES, 'incoming']) if (contents[name]) config[name] = contents[name];
  if (share) config.shares = [{ tag: SHARE, files: share }];
  /** @type {Command[]} */
  const before = [];
  const drives = Object.entries(contents).filter(([name]) => CARD_DISK.test(name)).map(([name, data]) => ({ name, data }));
  for (const { name } of drives) before.push({ execute: 'blockdev-add', arguments: { driver: 'file', 'node-name': name, filename: name } });
  for (const id of [...networks, ...cardsIn(options).flatMap(({ netdev }) => netdev ?? [])]) before.push({ execute: 'netdev_add', arguments: { type: 'user', id } });
  const set = (/** @type {string} */ name, /** @type {Value} */ value) => before.push({ execute: 'x-machine-set', arguments: { name, value } });
  for (const [name, value] of Object.entries(options)) {
    if (name === 'devices') set(name, share ? [...cardsIn(options), SHARE_CARD] : value);
    else if (BY_QMP.includes(name)) set(name, value);
  }
  if (contents.dtb) set('dtb', 'dtb');
  if (before.length) config.preconfig = true;
  return { config, drives, before };
}
