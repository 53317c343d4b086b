#!/usr/bin/env node
// @ts-check
/** All that runs in Node: steps files, the engine suite on V8, the guests driven without a worker, options and errors. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Schema, complete, parse as parseQmp } from '../../www/qmp-shell.js';
import { Drive } from './drive.js';
import { golden, sessions, steps } from './guests.mjs';
import { driveMachine } from './machine.js';
import { Machine, make, Program } from './node.mjs';
import { debianTests, formTests, programTests } from './programs.mjs';
import { bindingTests } from './qmp.mjs';
import { close, same, take, test } from './report.mjs';
import { soundTests } from './sound.mjs';
import { splitTests } from './split.mjs';
import { runSuite } from './suite.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

await test('steps: what is typed and what is waited for', () => {
  let typed = '';
  const drive = new Drive('# a comment\nexpect a>\ntype x\\x41\\b\nsend hi\nexpect a>\nend\n', (b) => (typed += String.fromCharCode(...b)));
  drive.feed(new TextEncoder().encode('say a'));
  same(typed, '');
  drive.feed(new TextEncoder().encode('> '));
  same(typed, 'xA\bhi\r');
  drive.feed(new TextEncoder().encode('a>'));
  if (drive.done) throw new Error('it waits for the end');
  drive.ended();
  if (!drive.done) throw new Error('it ended');
});

await test('QMP console: lines and completion', () => {
  const schema = new Schema([{ name: 'stop' }, { name: 'x-set' }], [
    { 'meta-type': 'command', name: 'x-set', 'arg-type': '3' },
    { 'meta-type': 'command', name: 'stop', 'arg-type': '4' },
    { 'meta-type': 'object', name: '3', members: [
      { name: 'name', type: 'str' }, { name: 'mode', type: '5', default: null }, { name: 'live', type: 'bool', default: null }] },
    { 'meta-type': 'object', name: '4', members: [] },
    { 'meta-type': 'enum', name: '5', values: ['off', 'on'] },
    { 'meta-type': 'builtin', name: 'str', 'json-type': 'string' },
    { 'meta-type': 'builtin', name: 'bool', 'json-type': 'boolean' },
  ]);
  /** @param {string} line */
  const parsed = (line) => JSON.stringify(parseQmp(line, schema));
  same(parsed('stop'), '{"execute":"stop"}');
  same(parsed(' {"execute": "stop", "id": 1} '), '{"execute":"stop","id":1}');
  same(parsed('x-set name=12 live=on mode=on'), '{"execute":"x-set","arguments":{"name":"12","live":true,"mode":"on"}}');
  same(parsed(`x-set name='a b' other={"c": [1, 2]} at=0x10`), '{"execute":"x-set","arguments":{"name":"a b","other":{"c":[1,2]},"at":16}}');
  for (const wrong of ['{"execute"', 'x-set 12', 'x-set name="a']) {
    let message = '';
    try {
      parsed(wrong);
    } catch (e) {
      message = String(e);
    }
    if (!message) throw new Error(`${wrong} was accepted`);
  }
  /** @param {string} line */
  const offers = (line) => complete(line, schema).offers.join(' ');
  same(offers(''), '');
  same(offers('s'), 'stop');
  same(offers('x-set '), 'name= mode= live=');
  same(offers('x-set name=1 m'), 'mode=');
  same(offers('x-set mode=o'), 'mode=off mode=on');
  same(offers('x-set live='), 'live=true live=false');
  same(offers('stop '), '');
});

// Before anything else has brought the second parts.
await splitTests();
await soundTests();

// Engine suite.
const suite = await import(/** @type {any} */ (`${ROOT}/build/web-suite/tinamou_web_suite.js`));
await suite.default({ module_or_path: fs.readFileSync(`${ROOT}/build/web-suite/tinamou_web_suite_bg.wasm`) });
const files = fs.readdirSync(`${ROOT}/tests/filetests`).filter((f) => f.endsWith('.tir')).sort();
/** @type {[string, string][]} */
const texts = files.map((f) => [f, fs.readFileSync(`${ROOT}/tests/filetests/${f}`, 'utf8')]);
await take(runSuite(suite, texts), 'node suite: ');

// Machines.
/** @param {object} options @param {string} wanted part of the message */
const refuses = (options, wanted) =>
  test(`options: ${wanted}`, () => {
    try {
      new Machine(/** @type {any} */ (options)).free();
    } catch (e) {
      if (e instanceof Error && e.message.includes(wanted)) return;
      throw e;
    }
    throw new Error('they were accepted');
  });
await refuses({}, 'target');
await refuses({ target: 'z80' }, 'no target `z80`');
await refuses({ target: 'mips', kernal: null }, 'no `kernal`');
await refuses({ target: 'mips', kernel: 'vmlinux' }, '`kernel` must be');
await refuses({ target: 'mips', cpu: 'Z80' }, 'CPU model');
await refuses({ target: 'mips', machine: 'pc' }, 'machine type');
await refuses({ target: 'mips', mac: '53:54:00:12:34:56' }, '`mac` is six pairs');
await refuses({ target: 'mips', mac: '52:54:00:12:34' }, '`mac` is six pairs');
await refuses({ target: 'mips', kernel: new Uint8Array([1, 2, 3]) }, '');

// The larger guests run in run-same.mjs.
for (const session of sessions().filter((s) => s.guest.startsWith('lab'))) {
  for (const accel of ['jit', 'interp']) {
    await test(`node: ${session.guest}, ${accel}`, () => {
      const machine = make(session.guest, { ...session.config, accel });
      same(session.cut(driveMachine(machine, steps(session), session.mostInsns).transcript), golden(session));
      if (accel === 'jit' && machine.stats().jitInsns === 0) throw new Error('nothing was compiled');
      machine.free();
    });
  }
}

await test('node: two runs and both tiers end in the same state', () => {
  /** @param {object} more */
  const hash = (more) => {
    const machine = make('lab', { icount: 1, ...more });
    driveMachine(machine, 'expect lab>\nsend selftest\nexpect SELFTEST\nexpect lab>\n', 1e9);
    const result = machine.stateHash();
    machine.free();
    return result;
  };
  const first = hash({});
  same(hash({}), first);
  same(hash({ accel: 'interp' }), first);
});

await bindingTests();

// Linux programs.
await take(
  await programTests(Program, async (path) => new Uint8Array(fs.readFileSync(`${ROOT}/tests/user/${path}`))),
  'node: program ',
);
await take(await formTests(Program, async (path) => new Uint8Array(fs.readFileSync(`${ROOT}/${path}`))), 'node: program ');
await take(
  await debianTests(Program, async (path) => (fs.existsSync(`${ROOT}/${path}`) ? new Uint8Array(fs.readFileSync(`${ROOT}/${path}`)) : undefined)),
  'node: program ',
);

close();
