#!/usr/bin/env node
// @ts-check
/**
 * Snapshots from host to host: a guest boots natively, is saved, goes on in Node, Chromium and Firefox (where it is installed), is typed
 * at and saved there, and goes on natively. At every station the state's hash is the one it was saved with. Some guests have disks, of which only what was
 * written travels where the image is there anyway. Browsers take files as buffers, as Blobs and from addresses; of the latter two the machine runs
 * before all is there. Arguments name the trips; without any, all of those below are run whose images are there.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { configOf } from '../../www/guests.js';
import { firefoxPath, launchChromium, openFirefox } from './browser.mjs';
import { guest } from './guests.mjs';
import { NativeMachine, imageArgs, machineArgs } from './native-qmp.mjs';
import { nativePath } from './native.mjs';
import { Machine } from './node.mjs';
import { close, same, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

/** A browser that hangs must not hang the tests. */
const LIMIT_MS = 300_000;

/**
 * @typedef {object} Trip what is done with a guest
 * @property {string} [guest] of the page's list, where the trip has another name
 * @property {object} [more] what differs from its configuration
 * @property {string} [initrd] another one
 * @property {Record<string, { file: string, written?: boolean }>} [disks] images in `build/guests`; `written`: natively a copy that is itself written,
 *   otherwise what is written lies over it
 * @property {[string, string][]} [before] what is typed before it departs, and what is waited for
 * @property {string[]} [hosts] where it goes, if not everywhere
 * @property {string} prompt
 * @property {[string, string, string]} typed half a line, its other half, and the answer
 * @property {[string, string]} after what is typed at home, and the answer
 */

/** @type {Record<string, Trip>} */
const TRIPS = {
  lab: { prompt: 'lab> ', typed: ['in', 'fo\r', 'little-endian'], after: ['info\r', 'little-endian'] },
  'lab-be': { more: { icount: 1 }, prompt: 'lab> ', typed: ['in', 'fo\r', 'big-endian'], after: ['info\r', 'big-endian'] },
  'debian-mipsel': {
    more: { ramMib: 128 },
    prompt: 'guest# ',
    typed: ['echo there-$((6', '*7))\r', 'there-42'],
    after: ['uname; echo home-$((6*7))\r', 'home-42'],
  },
  'debian-mipsel with disks': {
    guest: 'debian-mipsel',
    more: { ramMib: 128 },
    initrd: 'mipsel/initrd-devices.gz',
    hosts: ['node', 'chromium by a Blob'],
    disks: { hda: { file: 'disks/disk.raw' }, hdb: { file: 'disks/disk.qcow2', written: true } },
    before: [
      ['cd /devices; for m in crc16 mbcache jbd2 crc32c_generic libcrc32c ext4 ata_piix; do [ ! -e $m.ko ] || insmod $m.ko; done; echo in-$((6*7))\r', 'in-42'],
      ['while [ ! -b /dev/sdb ]; do sleep 0.2; done; mkdir /mnt; mount -t ext4 /dev/sda /mnt && echo mounted-$((6*7))\r', 'mounted-42'],
      ["echo 'cat /mnt/note; dd if=/dev/sdb bs=512 skip=9000 count=1 2>/dev/null | head -n1; echo of-abroad >>/mnt/note' >/abroad; echo in-$((6*7))\r", 'in-42'],
      ["echo 'umount /mnt; echo 3 >/proc/sys/vm/drop_caches; echo there-$((6*7))' >>/abroad; echo in-$((6*7))\r", 'in-42'],
      ['echo of-home >/mnt/note; echo block-of-home | dd of=/dev/sdb bs=512 seek=9000 2>/dev/null; sync; echo 3 >/proc/sys/vm/drop_caches; echo wrote-$((6*7))\r', 'wrote-42'],
    ],
    prompt: 'guest# ',
    typed: ['sh /abr', 'oad\r', 'of-home\r\nblock-of-home\r\nthere-42'],
    after: ['mount -t ext4 /dev/sda /mnt; cat /mnt/note; echo home-$((6*7))\r', 'of-home\r\nof-abroad\r\nhome-42'],
  },
};
const GUESTS = fileURLToPath(new URL('../../build/guests/', import.meta.url));

/** @typedef {{ hash: string, madeMs: number, answeredMs: number, pausedMs: number, status: string, sent: string, laterHash: string, refused: string, unchanged: string, otherHash: string, restored: string, error?: string }} Visit */

const program = nativePath();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-snapshots-'));
const server = await startReporting({ '/state/': folder, '/guests/': GUESTS });

/** The trip's drives as its images. @param {Trip} trip */
const drives = ({ disks = {} }) => Object.entries(disks).map(([name, { file }]) => /** @type {[string, string]} */ ([name, path.join(GUESTS, file)]));
/** The same as buffers. @param {Trip} trip */
const contents = (trip) => Object.fromEntries(drives(trip).map(([name, file]) => [name, fs.readFileSync(file)]));

/** A visit in Node, of the binding without a worker. @param {string} id @param {string} state @param {Trip} trip @returns {Visit} */
function visitNode(id, state, trip) {
  const { more, typed: [, type, answer] } = trip;
  const began = performance.now();
  const machine = new Machine(/** @type {any} */ ({ incoming: fs.readFileSync(state), paused: true, ...contents(trip) }));
  const madeMs = performance.now() - began;
  const hash = machine.stateHash();
  const monitor = machine.openMonitor();
  /** @param {import('../../www/pkg/mips/tinamou_web.js').Machine} of @param {number} on @param {string} execute @param {object} [args] @returns {any} */
  const qmp = (of, on, execute, args) => {
    of.monitorInput(on, `${JSON.stringify({ execute, arguments: args, id: 1 })}\n`);
    const messages = of.takeMonitorOutput(on).split('\r\n').filter(Boolean).map((line) => JSON.parse(line));
    return messages.find((message) => message.id === 1);
  };
  qmp(machine, monitor, 'qmp_capabilities');
  qmp(machine, monitor, 'cont');
  machine.serialInput(0, new TextEncoder().encode(type));
  let said = '';
  const decoder = new TextDecoder();
  for (let n = 0; n < 20_000 && !said.includes(answer); n++) {
    const end = machine.runSlice(200_000);
    said += decoder.decode(machine.takeSerialOutput(0), { stream: true });
    if (end.kind === 'halted') machine.skipTo(Math.min(end.untilNs, end.nowNs + 1e7));
  }
  if (!said.includes(answer)) throw new Error(`not seen: ${answer}\n${said}`);
  const answeredMs = performance.now() - began;
  const saves = performance.now();
  qmp(machine, monitor, 'x-snapshot-save', { file: 'first' });
  machine.takeFile('first');
  const pausedMs = performance.now() - saves;
  const { status } = machine;
  qmp(machine, monitor, 'stop');
  qmp(machine, monitor, 'migrate', { uri: 'file:later' });
  same(machine.takeWritten().join(), 'first,later');
  const later = machine.takeFile('later');
  if (!later) throw new Error('no file was written');
  const laterHash = machine.stateHash();
  machine.putFile('bad', new Uint8Array([1, 2, 3]));
  const refused = qmp(machine, monitor, 'x-snapshot-load', { file: 'bad' }).error.desc;
  const unchanged = machine.stateHash();
  const sent = Buffer.from(later).toString('base64');
  const { append, ...config } = configOf(guest(id));
  const other = new Machine(/** @type {any} */ ({ ...config, ...more, ...contents(trip), incoming: 'defer' }));
  const on = other.openMonitor();
  qmp(other, on, 'qmp_capabilities');
  other.putFile('here', later);
  qmp(other, on, 'migrate-incoming', { uri: 'file:here' });
  const otherHash = other.stateHash();
  other.free();
  qmp(machine, monitor, 'cont');
  machine.runSlice(100_000);
  machine.putFile('back', later);
  qmp(machine, monitor, 'x-snapshot-load', { file: 'back' });
  const restored = machine.stateHash();
  machine.free();
  return { hash, madeMs, answeredMs, pausedMs, status, sent, laterHash, refused, unchanged, otherHash, restored };
}

/**
 * A visit in a browser.
 * @param {string} state
 * @param {Trip} trip
 * @param {'buffer' | 'blob' | 'address'} as how the page gets the file
 * @param {(url: string) => Promise<() => Promise<void>>} open opens a page, returns what closes it
 * @returns {Promise<Visit>}
 */
async function visitBrowser(state, { disks = {}, typed: [, type, expect] }, as, open) {
  const report = server.report();
  const images = Object.entries(disks).map(([name, { file }]) => `${name}=/guests/${file}`);
  const query = new URLSearchParams({ state: `/state/${encodeURIComponent(path.basename(state))}`, as, type, expect, disks: images.join() });
  const shut = await open(`${server.url}tests/web/pages/resume.html?${query}`);
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  try {
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('it did not report')), LIMIT_MS)));
    const visit = await Promise.race([report, late]);
    if (visit.error) throw new Error(visit.error);
    return visit;
  } finally {
    clearTimeout(timer);
    await shut();
  }
}

/** @type {Record<string, (id: string, state: string, trip: Trip) => Visit | Promise<Visit>>} */
const hosts = {
  node: visitNode,
  chromium: (_, state, trip) => visitBrowser(state, trip, 'buffer', chromium),
  'chromium by a Blob': (_, state, trip) => visitBrowser(state, trip, 'blob', chromium),
  'chromium from an address': (_, state, trip) => visitBrowser(state, trip, 'address', chromium),
};
if (firefoxPath()) hosts.firefox = (_, state, trip) => visitBrowser(state, trip, 'blob', async (url) => openFirefox(url).close);

/** @param {string} url */
async function chromium(url) {
  const browser = await launchChromium();
  await (await browser.newPage()).goto(url);
  return () => browser.close();
}

/** The native program's drives. @param {Trip} trip @param {string} home folder for the images that are written @returns {string[]} */
function driveArgs({ disks = {} }, home) {
  return Object.entries(disks).flatMap(([name, { file, written }]) => {
    const copy = path.join(home, path.basename(file));
    if (written && !fs.existsSync(copy)) fs.copyFileSync(path.join(GUESTS, file), copy);
    const index = ['hda', 'hdb', 'cdrom', 'hdd'].indexOf(name);
    const format = file.endsWith('.qcow2') ? 'qcow2' : 'raw';
    return ['-drive', `file=${written ? copy : path.join(GUESTS, file)},format=${format},index=${index},snapshot=${written ? 'off' : 'on'}`];
  });
}

/**
 * Boots a guest, types half a line and saves it.
 * @param {string} id
 * @param {Trip} trip
 * @param {string} file
 * @returns {Promise<string>} its state's hash
 */
async function depart(id, trip, file) {
  const { more, initrd, before = [], prompt, typed: [half] } = trip;
  if (!program) throw new Error('there is no native program: cargo build -p tinamou');
  // Of an option that comes twice the last one counts.
  const other = initrd ? ['-initrd', path.join(GUESTS, initrd)] : [];
  const machine = new NativeMachine(program, [...machineArgs(id, more), ...imageArgs(id, more), ...other, ...driveArgs(trip, folder)]);
  try {
    await machine.expect(prompt);
    for (const [line, answer] of before) {
      machine.type(line);
      await machine.expect(answer);
      await machine.expect(prompt);
    }
    machine.type(half);
    await machine.expect(half);
    await machine.qmp('stop');
    await machine.qmp('migrate', { uri: `file:${file}` });
    let status = 'setup';
    while (['setup', 'active', 'device'].includes(status)) ({ status } = await machine.qmp('query-migrate'));
    same(status, 'completed');
    return await machine.quit();
  } finally {
    machine.kill();
  }
}

/**
 * Takes a machine up again, and types at it.
 * @param {string} id
 * @param {Trip} trip
 * @param {string} file
 * @param {string} hash that it must have
 */
async function comeHome(id, trip, file, hash) {
  const { more, after: [type, answer] } = trip;
  if (!program) throw new Error('there is no native program: cargo build -p tinamou');
  const args = [...machineArgs(id, more), ...driveArgs(trip, folder), '-incoming', `file:${file}`];
  const still = new NativeMachine(program, [...args, '-S']);
  try {
    same(await still.quit(), hash);
  } finally {
    still.kill();
  }
  const machine = new NativeMachine(program, [...args, '-S']);
  try {
    await machine.qmp('cont');
    machine.type(type);
    await machine.expect(answer);
    await machine.quit();
  } finally {
    machine.kill();
  }
}

try {
  /** @type {{ guests: { id: string }[] }} */
  const { guests } = JSON.parse(fs.readFileSync(new URL('../../www/guests/index.json', import.meta.url), 'utf8'));
  const wanted = process.argv.slice(2);
  const there = (/** @type {string} */ name, /** @type {Trip} */ { guest = name }) => guests.some((g) => g.id === guest) && (!wanted.length || wanted.includes(name));
  const images = ({ disks = {}, initrd = 'disks' }) => [initrd, ...Object.values(disks).map((d) => d.file)].every((f) => fs.existsSync(path.join(GUESTS, f)));
  for (const [name, trip] of Object.entries(TRIPS).filter(([name, trip]) => there(name, trip) && (!trip.disks || images(trip)))) {
    const id = trip.guest ?? name;
    const file = path.join(folder, name.replaceAll(' ', '-'));
    let hash = '';
    await test(`snapshots: ${name} departs`, async () => {
      hash = await depart(id, trip, file);
      console.log(`        ${(fs.statSync(file).size / 1024).toFixed(0)} KiB`);
    });
    for (const [host, visit] of Object.entries(hosts).filter(([host]) => trip.hosts?.includes(host) ?? true)) {
      await test(`snapshots: ${name}, ${host}, and home`, async () => {
        if (!hash) throw new Error('it did not depart');
        const seen = await visit(id, file, trip);
        same(seen.hash, hash);
        same(seen.status, 'running');
        same(seen.refused, 'this is not a snapshot');
        for (const same_ of [seen.unchanged, seen.otherHash, seen.restored]) same(same_, seen.laterHash);
        console.log(`        made after ${seen.madeMs.toFixed(0)} ms, answered after ${seen.answeredMs.toFixed(0)} ms, ` +
          `saved in ${seen.pausedMs.toFixed(0)} ms`);
        const back = `${file}-${host.replaceAll(' ', '-')}`;
        fs.writeFileSync(back, Buffer.from(seen.sent, 'base64'));
        await comeHome(id, trip, back, seen.laterHash);
      });
    }
  }
} finally {
  server.close();
  fs.rmSync(folder, { recursive: true });
}
close();
