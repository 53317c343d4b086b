// What a program in TypeScript sees of the packed package: `embed.mjs` checks it against the declarations.
import { ConfigError, Tinamou, type LabReport, type MachineOptions } from 'tinamou';
import { TinamouMachineElement } from 'tinamou/element';
import { Gdb } from 'tinamou/gdb';

const options: MachineOptions = { arch: 'mipsel', memory: '256M', kernel: new Uint8Array(4), disks: { hda: new Blob() } };
// @ts-expect-error: no such architecture
const wrong: MachineOptions = { arch: 'vax' };

export async function use(element: TinamouMachineElement): Promise<number> {
  const machine = await Tinamou.create(options);
  const { status } = await machine.qmp('query-status');
  const running: boolean = status === 'running';
  // @ts-expect-error: no such command
  await machine.qmp('frobnicate');
  const match: RegExpExecArray = await machine.waitFor(/login:/, { signal: AbortSignal.timeout(1000) });
  await machine.serial[0]?.pipeTo(new WritableStream<Uint8Array>());
  const saved: Blob = await machine.snapshot();
  const gdb: Gdb = await machine.debug();
  const report: LabReport = await Tinamou.checkLab('{}', { 'start.elf': saved });
  const done = await Tinamou.exec(['/bin/true'], { files: {}, tree: new URL('tree.zip', 'https://example.org/'), keep: 'notes' });
  await Tinamou.forget('notes');
  const inside = await element.ready;
  await inside.qmp('cont');
  if (!(wrong instanceof ConfigError)) gdb.detach();
  return done.status + done.log.length + match.length + report.steps.length + Number(running);
}
