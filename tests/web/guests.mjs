// @ts-check
/** The guests' scripted sessions and their golden transcripts. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** @param {string} file */
const read = (file) => fs.readFileSync(`${ROOT}/${file}`, 'utf8');

/**
 * @typedef {object} Session
 * @property {string} guest id in the page's list
 * @property {string} steps path from the root
 * @property {string} golden path from the root
 * @property {Partial<import('../../www/protocol.js').BootConfig>} [config] what differs from the page's configuration
 * @property {Partial<import('../../www/protocol.js').BootConfig>} counted the same for runs whose time is counted, which need not know the date
 * @property {number} mostInsns a run of more instructions hangs
 * @property {boolean} [short] over before a region need be compiled
 * @property {number} limitMs so does a boot in a browser that takes longer
 * @property {string} [exitOn] text that comes last, of a guest that does not switch itself off
 * @property {(transcript: string) => string} cut what is compared
 */

/** The golden text without its first line, the command. @param {Session} session */
export const golden = (session) => session.cut(read(session.golden).replace(/^#.*\n/, ''));

/** @param {Session} session */
export const steps = (session) => read(session.steps);

/**
 * The lab guest: all but its notes and two words of `info`, on which QEMU and we differ (tests/lab/README.md).
 * @param {string} text
 */
const lab = (text) =>
  text
    .replaceAll('\r', '')
    .replaceAll('9e190c8f', '9e190c8b')
    .replaceAll('Config3 00000000', 'Config3 00002020')
    .split('\n')
    .filter((line) => !line.startsWith('note '))
    .join('\n')
    .trimEnd();

/** Linux: the scripted part, without the kernel's own lines and a virtual CPU's name. @param {string} release */
export const linux = (release) => (/** @type {string} */ text) => {
  const clean = text.replaceAll('\r', '');
  const from = clean.indexOf('GUEST-BOOT-OK');
  const to = clean.indexOf('GUEST-POWEROFF');
  return clean
    .slice(from, to < 0 ? undefined : to)
    .split('\n')
    // Machines name their virtual CPU as they like.
    .filter((line) => !/^(\[ *\d+\.\d+\] |model name)/.test(line))
    .join('\n')
    .replaceAll(release, '@RELEASE@')
    .trimEnd();
};

/** @typedef {import('../../www/guests.js').Guest} Guest */

/** A guest of the page's list. @param {string} id @returns {Guest} */
export function guest(id) {
  /** @type {{ guests: Guest[] }} */
  const { guests } = JSON.parse(read('www/guests/index.json'));
  const found = guests.find((g) => g.id === id);
  if (!found) throw new Error(`the page has no guest ${id}`);
  return found;
}

/** Paths of a guest's images. @param {Guest} guest @returns {Record<string, string>} */
export const images = ({ files }) => Object.fromEntries(Object.entries(files).map(([k, f]) => [k, `${ROOT}/www/guests/${f}`]));

/** @typedef {Omit<Session, 'counted'> & Partial<Pick<Session, 'counted'>>} Told a session as it is written down: time is counted in steps of 2 ns */

/** @returns {Session[]} those whose files are there */
export function sessions() {
  /** @param {string} id @param {string} arch @returns {Told} */
  const labGuest = (id, arch) => ({
    guest: id, steps: 'tests/lab/lab.steps', golden: `tests/lab/golden/lab-${arch}.txt`, cut: lab,
    config: { ramMib: 256, append: 'one two' }, mostInsns: 2e9, limitMs: 180_000,
  });
  /** The teaching kernel, without disk and module. @type {Told} */
  const teach = {
    guest: 'teach', steps: 'tests/teach/teach.steps', golden: 'tests/teach/golden/teach.txt', mostInsns: 2e9, limitMs: 60_000,
    cut: (text) => text.replaceAll('\r', '').replaceAll(/^(ide|module) .*\n/gm, '').trimEnd(),
  };
  /** @type {Told} */
  const smp = {
    guest: 'smp', steps: 'tests/teach/teach.steps', golden: 'tests/smp/golden/smp-4.txt', mostInsns: 2e9, short: true, limitMs: 60_000,
    cut: (text) => text.replaceAll('\r', '').trimEnd(),
  };
  /** @param {string} arch @returns {Told[]} */
  const debian = (arch) => {
    const file = `build/guests/${arch}/release`;
    if (!fs.existsSync(`${ROOT}/${file}`)) return [];
    return [{
      guest: `debian-${arch}`, steps: 'tests/guests/session.steps', golden: `tests/guests/golden/${arch}.txt`,
      cut: linux(read(file).trim()), mostInsns: 20e9, limitMs: 570_000,
      // A slow CPU: what the kernel measures against the real-time clock takes fewer instructions.
      counted: { icount: 4 },
    }];
  };
  /** @returns {Told[]} */
  const uboot = () => {
    if (!fs.existsSync(`${ROOT}/build/guests/uboot/maltael.bin`)) return [];
    return [{
      guest: 'uboot', steps: 'tests/guests/uboot.steps', golden: 'tests/guests/golden/maltael.txt', exitOn: 'END-115200', short: true,
      cut: (text) => (text.replaceAll('\r', '').match(/^maltael # [^]*^END-115200/m) ?? [''])[0],
      mostInsns: 20e9, limitMs: 180_000,
    }];
  };
  const all = [labGuest('lab', 'mipsel'), labGuest('lab-be', 'mips'), teach, smp, ...debian('mipsel'), ...debian('mips64el'), ...debian('i386'), ...debian('amd64'), ...uboot()];
  return all.map((session) => ({ ...session, counted: { icount: 1, ...session.counted } }));
}
