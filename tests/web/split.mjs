// @ts-check
/** The two parts of a bundle in Node: what boots a guest is in the first one, which is small; the second comes when it is called. */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

import { configOf } from '../../www/guests.js';
import { bundleOf } from '../../www/protocol.js';
import { split } from '../../www/scripts/split.mjs';
import { guest, images } from './guests.mjs';
import { begin, driveMachine, outcome } from './machine.js';
import { Machine, make } from './node.mjs';
import { same, test } from './report.mjs';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
const BUILD = fileURLToPath(new URL('../../build/web/', import.meta.url));

/** Runs something; tells which functions called for the second part meanwhile, by their indices. @param {() => void} body */
function callers(body) {
  const original = process.getBuiltinModule;
  /** @type {string[]} */
  const found = [];
  process.getBuiltinModule = /** @type {any} */ ((/** @type {string} */ id) => {
    // The innermost function of the emulator is the one that sees to it, the next one what was called.
    const indices = Array.from((new Error().stack ?? '').matchAll(/wasm-function\[(\d+)\]/g), ([, index]) => index ?? '');
    found.push(indices.join(' '));
    return original.call(process, id);
  });
  try {
    body();
  } finally {
    process.getBuiltinModule = original;
  }
  return found;
}

/** Bytes, compressed, of a bundle's first part with its bindings. */
const MOST = { mips: 280_000, x86: 386_000, user: 390_000 };
/** Another compiler writes other code than the one that was recorded; then functions stay whole. */
const MOST_UNRECORDED = { mips: 350_000, x86: 480_000, user: 560_000 };
/** All that a page fetches until a PC's firmware runs on its display: wasm, JavaScript, firmware. */
const MOST_OF_PAGE = 500_000;
/** So many of the functions that were recorded in part must be as they were. */
const RECORDED = 0.8;
/** Compressed bytes for each of a function that is no longer as it was recorded and stays whole, and how many of them all such functions may have. */
const [PER_CHANGED, MOST_CHANGED] = [0.1, 40_000];

/** How a bundle fits its record. @param {string} bundle @returns {{ recorded: boolean, more: number, told: string }} `more`: bytes for what has changed since */
function fitOf(bundle) {
  const { known, all, changed } = JSON.parse(fs.readFileSync(`${BUILD}${bundle}.profile.json`, 'utf8'));
  return {
    recorded: known >= all * RECORDED,
    more: Math.min(changed * PER_CHANGED, MOST_CHANGED),
    told: `${known} of ${all} functions are as they were recorded, ${changed} bytes are not (tests/web/record.mjs)`,
  };
}

/** A built module and what it imports at once. @param {string} name @returns {string[]} */
function modulesOf(name) {
  const imports = Array.from(fs.readFileSync(`${WWW}built/${name}`, 'utf8').matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+)["'`]/g), ([, file]) => file ?? '');
  return [name, ...imports.flatMap(modulesOf)];
}

/** Takes pieces out of a bundle as dice say, boots the lab guest and gives its state. @param {number} share of pieces that stay */
async function shuffled(share) {
  const folder = `${BUILD}mips`;
  const whole = fs.readFileSync(`${folder}/${fs.readdirSync(folder).find((name) => name.endsWith('.wasm'))}`);
  let seed = 7;
  const dice = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const pieces = () => {
    /** @type {Map<number, boolean>} */
    const drawn = new Map();
    return (/** @type {number} */ n) => drawn.get(n) ?? (drawn.set(n, dice() < share), drawn.get(n) ?? true);
  };
  const { first, rest } = split(whole, () => false, [], pieces);
  const original = process.getBuiltinModule;
  process.getBuiltinModule = /** @type {any} */ (() => ({ readFileSync: () => rest }));
  try {
    const again = await import(/** @type {any} */ ('../../www/pkg/mips/tinamou_web.js?shuffled'));
    await again.default({ module_or_path: first });
    return labState(again.Machine);
  } finally {
    process.getBuiltinModule = original;
  }
}

/** @param {typeof import('../../www/pkg/mips/tinamou_web.js').Machine} Machine */
function labState(Machine) {
  const found = guest('lab');
  const machine = new Machine({ .../** @type {any} */ (configOf(found)), kernel: fs.readFileSync(images(found).kernel ?? ''), icount: 3 });
  return outcome(machine, 'expect lab>\nsend selftest\nexpect SELFTEST\nexpect lab>\n', 1e9).stateHash;
}

export async function splitTests() {
  for (const bundle of /** @type {const} */ (['mips', 'x86', 'user'])) {
    await test(`split: the first part of ${bundle} is small`, () => {
      const files = ['tinamou_web_bg.wasm', 'tinamou_web.js'].map((name) => new URL(`../../www/pkg/${bundle}/${name}`, import.meta.url));
      const bytes = files.reduce((sum, file) => sum + brotliCompressSync(fs.readFileSync(file)).length, 0);
      const { recorded, more, told } = fitOf(bundle);
      const most = recorded ? MOST[bundle] + more : MOST_UNRECORDED[bundle];
      if (bytes > most) throw new Error(`${bytes} bytes, compressed, are more than ${most}; ${told}`);
    });
  }
  for (const [id, steps] of [['lab', 'expect lab>\nsend info\nexpect lab>\n'], ['teach', 'expect TEACH-END\n']]) {
    await test(`split: ${id} boots from the first part, a monitor's command brings the second`, () => {
      guest(id ?? '');
      const booted = callers(() => {
        const machine = make(id ?? '', { icount: 3 });
        begin(machine);
        driveMachine(machine, steps ?? '', 1e9);
        machine.free();
      });
      if (booted.length) {
        const moved = JSON.parse(fs.readFileSync(`${BUILD}${bundleOf(guest(id ?? '').target ?? '')}.moved.json`, 'utf8'));
        const names = (booted[0] ?? '').split(' ').flatMap((index) => moved[index] ?? []);
        throw new Error(`a boot needs what is said to come later: ${names.join(' <- ')}; tests/web/record.mjs records anew`);
      }
      let reply = '';
      const asked = callers(() => {
        const machine = make(id ?? '');
        const monitor = machine.openMonitor();
        machine.monitorInput(monitor, '{"execute": "qmp_capabilities"}{"execute": "query-named-block-nodes"}{"execute": "x-registers"}');
        reply = machine.takeMonitorOutput(monitor);
        machine.free();
      });
      same(String(asked.length), '1');
      if (!/"registers"/.test(reply)) throw new Error(reply);
    });
  }
  // Only where the compiler is the one that was recorded.
  const fit = fitOf('x86');
  const { bios, vgaBios } = fs.existsSync(`${WWW}guests/index.json`) ? images(guest('seabios')) : { bios: '', vgaBios: '' };
  if (bios && vgaBios && fit.recorded) {
    await test('split: a PC with its firmware, all that the page loads for it', () => {
      const files = [...modulesOf('page.js'), ...modulesOf('worker.js')].map((name) => `${WWW}built/${name}`);
      const all = [...new Set(files), `${WWW}pkg/x86/tinamou_web_bg.wasm`, `${WWW}pkg/x86/tinamou_web.js`, `${WWW}rest.js`, bios, vgaBios];
      const sizes = all.map((file) => /** @type {const} */ ([path.basename(file), brotliCompressSync(fs.readFileSync(file)).length]));
      const sum = sizes.reduce((n, [, size]) => n + size, 0);
      console.log(`        ${sizes.map(([name, size]) => `${name} ${size}`).join(', ')}: ${sum}; ${fit.told}`);
      if (sum > MOST_OF_PAGE + fit.more) throw new Error(`${sum} bytes, compressed`);
    });
  }
  await test('split: functions with pieces taken out do what they did', async () => {
    const state = await shuffled(0.6);
    same(state, labState(Machine));
  });
}
