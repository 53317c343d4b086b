// @ts-check
/** The two parts of a bundle in Node: what boots a guest is in the first one; the second comes when it is called. */

import { guest } from './guests.mjs';
import { driveMachine } from './machine.js';
import { make } from './node.mjs';
import { same, test } from './report.mjs';

/** Runs something; tells whether files were read meanwhile, as the second part is. @param {() => void} body */
function reads(body) {
  const original = process.getBuiltinModule;
  let count = 0;
  process.getBuiltinModule = /** @type {any} */ ((/** @type {string} */ id) => {
    count++;
    return original.call(process, id);
  });
  try {
    body();
  } finally {
    process.getBuiltinModule = original;
  }
  return count;
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
      const booted = reads(() => {
        const machine = make(id ?? '', { icount: 3 });
        begin(machine);
        driveMachine(machine, steps ?? '', 1e9);
        machine.free();
      });
      same(String(booted), '0');
      let reply = '';
      const asked = reads(() => {
        const machine = make(id ?? '');
        const monitor = machine.openMonitor();
        machine.monitorInput(monitor, '{"execute": "qmp_capabilities"}{"execute": "query-named-block-nodes"}{"execute": "x-registers"}');
        reply = machine.takeMonitorOutput(monitor);
        machine.free();
      });
      same(String(asked), '1');
      if (!/"registers"/.test(reply)) throw new Error(reply);
    });
  }
}
