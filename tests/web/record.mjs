#!/usr/bin/env node
// @ts-check
/**
 * Boots guests and writes down what of a bundle did not run (`www/scripts/cold/BUNDLE.txt`): that comes later (`www/scripts/profile.mjs`).
 * Wants the bundles as `./build.sh web` leaves them and Debian's guests; arguments name the bundles. Build again afterwards.
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { configOf } from '../../www/guests.js';
import { seemsColdIn } from '../../www/scripts/cold.mjs';
import { instrument } from '../../www/scripts/instrument.mjs';
import { profile, profileFile } from '../../www/scripts/profile.mjs';
import { guest, images } from './guests.mjs';
import { begin, driveMachine } from './machine.js';
import { runProgram } from './programs.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @typedef {import('../../www/pkg/mips/tinamou_web.js').Machine} Machine */
/** @typedef {typeof import('../../www/pkg/mips/tinamou_web.js')} Bundle */

/** The module as it was before it was cut. @param {string} bundle */
function wholeModule(bundle) {
  const folder = `${ROOT}/build/web/${bundle}`;
  const file = fs.readdirSync(folder).find((name) => name.endsWith('.wasm'));
  if (!file) throw new Error(`no module of ${bundle}: ./build.sh web`);
  return fs.readFileSync(`${folder}/${file}`);
}

/** What the page does with a machine of its, for so many slices. @param {Machine} machine @param {number} slices */
function asPage(machine, slices) {
  begin(machine);
  for (let n = 0; n < slices; n++) {
    const started = performance.now();
    const { kind } = machine.runSlice(Math.min(5000 * (n + 1), 2e6));
    machine.pace(performance.now() - started);
    for (const port of [0, 1, 2]) machine.takeSerialOutput(port);
    machine.takeMonitorOutput(0);
    machine.takeWritten();
    machine.stats();
    if (n % 8 === 0) machine.display(n === 0);
    if (n === 20) machine.serialInput(0, new Uint8Array([13]));
    if (kind === 'shutdown' || kind === 'reset' || kind === 'panic') break;
  }
  machine.free();
}

/** @param {string} id */
function load(id) {
  const found = guest(id);
  return { ...configOf(found), ...Object.fromEntries(Object.entries(images(found)).map(([k, f]) => [k, fs.readFileSync(f)])) };
}

/** @param {string} file */
const read = (file) => fs.readFileSync(`${ROOT}/${file}`);
const SHELL = 'expect guest#\nsend echo HELLO-$((6*7))\nexpect HELLO-42\nexpect guest#\nsend ls -l /\nexpect guest#\nsend exit\nexpect GUEST-POWEROFF\nend\n';

/** @type {Record<string, (bundle: any) => Promise<void> | void>} */
const GUESTS = {
  mips({ Machine }) {
    for (const id of ['lab', 'lab-be']) {
      asPage(new Machine(load(id)), 200);
      const machine = new Machine({ ...load(id), icount: 3 });
      begin(machine);
      driveMachine(machine, 'expect lab>\nsend info\nexpect lab>\nsend selftest\nexpect SELFTEST\nexpect lab>\n', 1e9);
      machine.free();
    }
    const debian = new Machine({ ...load('debian-mipsel'), icount: 4 });
    begin(debian);
    driveMachine(debian, SHELL, 20e9);
    debian.free();
    asPage(new Machine(load('debian-mipsel')), 400);
    asPage(new Machine(load('uboot')), 400);
  },
  x86({ Machine }) {
    asPage(new Machine(load('teach')), 400);
    const teach = new Machine({ ...load('teach'), icount: 3 });
    begin(teach);
    driveMachine(teach, 'expect TEACH-END\n', 1e9);
    teach.free();
    asPage(new Machine(load('seabios')), 300);
    // GRUB from a CD, on the display, with a few keys.
    const grub = new Machine({ ...load('seabios'), cdrom: read('build/guests/media/grub-cd.iso'), boot: 'd' });
    for (let n = 0; n < 1500; n++) {
      grub.runSlice(1e6);
      grub.pace(2);
      if (n % 8 === 0) grub.display(false);
      // `c` is GRUB's shell.
      if (n === 1300 || n === 1400) grub.key(0x2e, true), grub.key(0x2e, false);
    }
    grub.free();
    const debian = new Machine({ ...load('debian-i386'), icount: 4 });
    begin(debian);
    driveMachine(debian, SHELL, 20e9);
    debian.free();
    asPage(new Machine(load('debian-i386')), 400);
  },
  user({ Program }) {
    for (const target of ['mipsel', 'mips', 'mips64el', 'i386', 'x86_64']) {
      for (const name of ['start', 'signals', 'threads', 'files']) {
        runProgram(Program, { target, argv: [`/bin/${name}`, '/tmp'], env: ['T=1'], files: { [`bin/${name}`]: read(`tests/user/images/${target}/${name}`) } });
      }
    }
    for (const target of ['mipsel', 'i386', 'x86_64']) {
      const argv = ['/bin/busybox', 'sh', '-c', String(read('tests/guests/programs/busybox.sh'))];
      runProgram(Program, { target, argv, env: ['PATH=/usr/bin:/bin', 'HOME=/root'], tar: read(`build/guests/tar/${target}-busybox.tar`) });
    }
  },
};

for (const bundle of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(GUESTS)) {
  const whole = wholeModule(bundle);
  const { module, ran } = instrument(whole);
  /** @type {Bundle & { default: (options: { module_or_path: Buffer }) => Promise<any> }} */
  const bindings = await import(`../../www/pkg/${bundle}/tinamou_web.js`);
  const exports = await bindings.default({ module_or_path: module });
  await GUESTS[bundle]?.(bindings);
  const { text, told } = profile(whole, ran(exports), seemsColdIn(bundle));
  fs.writeFileSync(profileFile(bundle), text);
  console.log(`${bundle}: ${told}`);
}
