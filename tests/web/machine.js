// @ts-check
/**
 * Drives a machine without a worker, in slices of a fixed length, so that a run is the same everywhere: after each slice the output is
 * taken and the steps' answer typed at once; a halted machine jumps to its next event.
 */

import { Drive } from './drive.js';

const SLICE_INSNS = 100_000;

/**
 * @param {import('../../www/pkg/tinamou_web.js').Machine} machine
 * @param {string} steps text of a `.steps` file
 * @param {number} mostInsns give up after so many instructions
 * @returns {Drive}
 */
export function driveMachine(machine, steps, mostInsns) {
  const drive = new Drive(steps, (bytes) => machine.serialInput(0, bytes));
  for (let insns = 0; !drive.done && insns < mostInsns; insns += SLICE_INSNS) {
    const end = machine.runSlice(SLICE_INSNS);
    drive.feed(machine.takeSerialOutput(0));
    if (end.kind === 'shutdown') drive.ended();
    if (end.kind === 'shutdown' || end.kind === 'panic') break;
    if (end.kind === 'halted' && !drive.done) {
      if (end.untilNs === Infinity) break;
      machine.skipTo(end.untilNs);
    }
  }
  if (!drive.done) throw new Error(`not seen: ${drive.waitingFor}\n${drive.transcript.slice(-2000)}`);
  return drive;
}
