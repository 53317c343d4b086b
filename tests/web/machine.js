// @ts-check
/**
 * Drives a machine without a worker, exactly as the command line does with `-icount shift=1,sleep=off -x-input`, so that a run is
 * the same everywhere: slices end at multiples of a fixed count; after each the output is taken and the steps' answer typed at
 * once; a halted machine jumps to its next event, unless something was typed.
 */

import { Drive } from './drive.js';

/** `COUNTED_SLICE` of the command line. */
const SLICE_INSNS = 200_000;

/**
 * @param {import('../../www/pkg/mips/tinamou_web.js').Machine} machine
 * @param {string} steps text of a `.steps` file
 * @param {number} mostInsns give up after so many instructions
 * @returns {Drive}
 */
export function driveMachine(machine, steps, mostInsns) {
  let typed = false;
  const drive = new Drive(steps, (bytes) => {
    machine.serialInput(0, bytes);
    typed = true;
  });
  for (let icount = 0; !drive.done && icount < mostInsns; ) {
    const end = machine.runSlice(SLICE_INSNS - (icount % SLICE_INSNS));
    icount = end.icount;
    typed = false;
    drive.feed(machine.takeSerialOutput(0));
    // As with -no-reboot: a machine that cannot switch itself off resets itself.
    const over = end.kind === 'shutdown' || end.kind === 'reset';
    if (over) drive.ended();
    if (over || end.kind === 'panic') break;
    if (end.kind === 'halted' && !typed && !drive.done) {
      if (end.untilNs === Infinity) break;
      machine.skipTo(end.untilNs);
    }
  }
  if (!drive.done) throw new Error(`not seen: ${drive.waitingFor}\n${drive.transcript.slice(-2000)}`);
  return drive;
}

/** @typedef {{ transcript: string, stateHash: string, icount: number, virtualNs: number, jitInsns: number }} Outcome */

/**
 * Drives a machine and tells how it ended.
 * @param {import('../../www/pkg/mips/tinamou_web.js').Machine} machine freed afterwards
 * @param {string} steps
 * @param {number} mostInsns
 * @returns {Outcome}
 */
export function outcome(machine, steps, mostInsns) {
  const { transcript } = driveMachine(machine, steps, mostInsns);
  const { guestInsns: icount, virtualNs, jitInsns } = machine.stats();
  const stateHash = machine.stateHash();
  machine.free();
  return { transcript, stateHash, icount, virtualNs, jitInsns };
}

/** What the page asks a machine while it starts. @param {import('../../www/pkg/mips/tinamou_web.js').Machine} machine */
export function begin(machine) {
  const monitor = machine.openMonitor();
  machine.monitorInput(monitor, '{"execute": "qmp_capabilities"}{"execute": "query-status"}');
  machine.takeWritten();
  machine.logGuestErrors(false);
  machine.display(true);
  machine.pace(1);
  machine.stats();
  return machine.takeMonitorOutput(monitor);
}
