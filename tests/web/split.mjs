// @ts-check
/** The two parts of a bundle in Node: what boots a guest is in the first one; the second comes when it is called. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { bundleOf } from '../../www/protocol.js';
import { guest } from './guests.mjs';
import { driveMachine } from './machine.js';
import { make } from './node.mjs';
import { same, test } from './report.mjs';

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

/** What the page asks a machine while it starts. @param {import('../../www/pkg/mips/tinamou_web.js').Machine} machine */
function begin(machine) {
  const monitor = machine.openMonitor();
  machine.monitorInput(monitor, '{"execute": "qmp_capabilities"}{"execute": "query-status"}');
  machine.takeWritten();
  machine.logGuestErrors(false);
  machine.display(true);
  machine.pace(1);
  machine.stats();
  return machine.takeMonitorOutput(monitor);
}

export async function splitTests() {
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
        throw new Error(`a boot needs what www/scripts/cold.mjs says it does not: ${names.join(' <- ')}`);
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
}
