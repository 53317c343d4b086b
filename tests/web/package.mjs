// @ts-check
/** The package, as whoever installs it sees it: machines, programs, labs and a debugger, in Node and in browsers alike. */

import { same, test } from './report.mjs';

/** @typedef {typeof import('../../www/tinamou.js')} Package */

/** @param {unknown} got @param {unknown} wanted */
function equal(got, wanted) {
  same(JSON.stringify(got), JSON.stringify(wanted));
}

/** @param {Promise<any>} work @param {new (...args: any[]) => Error} kind @param {RegExp} message */
async function refused(work, kind, message) {
  const e = await work.then(
    () => null,
    (why) => why,
  );
  if (!(e instanceof kind) || !message.test(e.message)) throw new Error(`expected ${kind.name} ${message}, got ${e?.name}: ${e?.message}`);
}

/**
 * @param {Package} pack
 * @param {{ kernel: Uint8Array, program: Uint8Array, lab: (file: string) => Uint8Array, prefix: string }} files
 */
export async function packageTests({ Tinamou, ConfigError, GoneError, ImageError, LabError, QmpError }, { kernel, program, lab, prefix }) {
  /** @param {object} [more] */
  const make = (more) => Tinamou.create({ arch: 'mipsel', cpu: '24Kf', memory: 32, kernel, ...more });
  /** @param {string} name @param {() => Promise<void>} body */
  const it = (name, body) => test(`${prefix}package: ${name}`, body);

  await it('create, serial, waitFor, qmp, events, close', async () => {
    const m = await make();
    await m.waitFor('lab>');
    await m.type('info\r');
    const [line] = await m.waitFor(/\w+-endian/);
    same(line, 'little-endian');
    const events = m.events();
    const stopped = new Promise((resolve) => m.addEventListener('STOP', () => resolve(true), { once: true }));
    await m.qmp('stop');
    await stopped;
    equal((await m.qmp('query-status')).status, 'paused');
    same((await events.next()).value?.event ?? '', 'STOP');
    await refused(m.qmp(/** @type {any} */ ('frob')), QmpError, /has not been found/);
    m.close();
    equal((await m.closed).reason, 'closed');
    await refused(m.qmp('cont'), GoneError, /closed/);
    await refused(m.waitFor('never'), GoneError, /gone/);
    await refused(m.type('x'), GoneError, /gone/);
  });
  await it('serial ports are streams', async () => {
    const m = await make();
    let said = '';
    const end = new AbortController();
    const text = new TextDecoder();
    const piped = m.serial[0]
      ?.pipeTo(new WritableStream({ write: (chunk) => void (said += text.decode(chunk)) }), { signal: end.signal })
      .catch(() => {});
    const writer = m.serial[0]?.writable.getWriter();
    await m.waitFor('lab>');
    await writer?.write('timer 1\r');
    await m.waitFor('lab>');
    end.abort();
    await piped;
    if (!said.includes('timer 1')) throw new Error(said);
    // A late reader gets what was said before.
    const reader = m.serial[0]?.readable.getReader();
    const first = text.decode((await reader?.read())?.value);
    if (!said.startsWith(first)) throw new Error(first);
    m.close();
    for (let step = await reader?.read(); step && !step.done; ) step = await reader?.read();
  });
  await it('a machine that switches itself off', async () => {
    const m = await make();
    await m.waitFor('lab>');
    await m.type('poweroff\r');
    equal(await m.closed, { reason: 'shutdown', message: 'The guest switched itself off.' });
    equal(m.isClosed, true);
  });
  await it('consoles are objects', async () => {
    let said = '';
    let busy = 0;
    const typed = ['info\r', new TextEncoder().encode('timer 1\r'), null];
    /** @type {AbortSignal | undefined} */
    let gone;
    const console = {
      /** @param {Uint8Array} data @param {{ signal: AbortSignal }} options */
      async write(data, { signal }) {
        gone = signal;
        equal(busy++, 0);
        await new Promise((resolve) => setTimeout(resolve));
        said += new TextDecoder().decode(data);
        busy--;
      },
      read: async () => typed.shift() ?? null,
    };
    const m = await make({ consoles: [console] });
    await m.waitFor('timer 1');
    await m.waitFor('lab>');
    for (const end = Date.now() + 10_000; !/endian[^]*timer 1/.test(said) && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 5));
    if (!/little-endian[^]*timer 1/.test(said)) throw new Error(said);
    equal(typed.length, 0);
    m.close();
    equal(gone?.aborted, true);
    await refused(make({ consoles: [undefined, undefined, undefined, console] }), ConfigError, /serial port 3/);
    await refused(make({ disks: { hda: { size: 100, read: async () => new Uint8Array() } } }), ConfigError, /multiple of 512/);
  });
  await it('folders shared with the guest', async () => {
    const text = (/** @type {string} */ t) => new TextEncoder().encode(t);
    const m = await make({ shares: [{ tag: 'one', files: { 'a/b.txt': text('first'), c: new Blob(['third']) } }, { tag: 'two' }] });
    const one = m.share('one');
    const names = async (/** @type {string} */ tag) => (await m.share(tag).list()).map(({ path, bytes }) => `${path}:${bytes}`).join(' ');
    same(await names('one'), 'a/b.txt:5 c:5');
    same(await names('two'), '');
    await one.write('a/b.txt', text('no longer'));
    await one.write('/a/d/e', new Blob(['x']));
    same(await names('one'), 'a/b.txt:9 a/d/e:1 c:5');
    same(new TextDecoder().decode((await one.read('a/b.txt')) ?? undefined), 'no longer');
    equal(await one.read('nowhere'), null);
    for (const path of ['', '../c', 'a//b', 'a/..']) await refused(one.write(path, text('x')), Error, /is no path of a file/);
    await refused(one.write('c/d', text('x')), Error, /cannot be put/);
    await refused(m.share('three').list(), Error, /no shared folder 'three'/);
    // Each has a card, and the board has no others.
    const pci = String(await m.qmp('human-monitor-command', { 'command-line': 'info pci' }));
    equal(pci.match(/1af4:1009/g)?.length, 2);
    m.close();
    await refused(make({ shares: [{ tag: 't'.repeat(32) }] }), ConfigError, /1 to 31 bytes/);
    await refused(make({ shares: [{ tag: 'x', files: { '../y': text('x') } }] }), ConfigError, /no path/);
  });
  await it('what cannot be made', async () => {
    await refused(make({ cpu: 'none' }), ConfigError, /CPU model/);
    await refused(make({ memory: 'much' }), ConfigError, /much/);
    await refused(make({ arch: 'vax' }), ConfigError, /vax/);
    await refused(make({ frob: 1 }), ConfigError, /frob/);
    await refused(make({ kernel: 5 }), ImageError, /kernel/);
    await refused(make({ kernel: 'http://localhost:9/none' }), ImageError, /fetched/);
  });
  await it('signals abort', async () => {
    const early = AbortSignal.abort(new Error('early'));
    await refused(make({ signal: early }), Error, /early/);
    const { signal, abort } = (() => {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort(new Error('late')) };
    })();
    const m = await make({ signal });
    const wait = new AbortController();
    const waiting = m.waitFor('never', { signal: wait.signal });
    wait.abort(new Error('enough'));
    await refused(waiting, Error, /enough/);
    await m.waitFor('lab>');
    abort();
    equal((await m.closed).reason, 'closed');
  });
  await it('snapshots go from machine to machine', async () => {
    const first = await make({ icount: 3 });
    await first.waitFor('lab>');
    await first.qmp('stop');
    const hash = await first.stateHash();
    const snapshot = await first.snapshot();
    if (!(snapshot instanceof Blob) || snapshot.size < 1000) throw new Error('no snapshot');
    first.close();
    const second = await Tinamou.create({ snapshot, paused: true });
    same(await second.stateHash(), hash);
    second.close();
  });
  await it('a debugger: breakpoints, watchpoints, steps forwards and back', async () => {
    const m = await make({ icount: 3, paused: true });
    const pc = async () => (await m.qmp('x-registers')).pc;
    const gdb = await m.debug();
    equal(gdb.reversible, true);
    await gdb.set('break', 0x80100000);
    equal((await gdb.cont()).signal, 5);
    same(await pc(), '0x80100000');
    equal((await m.qmp('query-status')).status, 'debug');
    await gdb.step();
    same(await pc(), '0x80100004');
    await gdb.stepBack();
    same(await pc(), '0x80100000');
    await gdb.clear('break', 0x80100000);
    await gdb.set('write', 0x80000180, 4);
    const { watch } = await gdb.cont();
    equal(watch, { kind: 'watch', address: '80000180' });
    const { data } = await m.qmp('x-memory-read', { address: '0x80000180', size: 4 });
    equal(data.length, 8);
    await gdb.clear('write', 0x80000180, 4);
    // It runs, is stopped by a monitor, and by a packet.
    const resumed = new Promise((resolve) => m.addEventListener('RESUME', resolve, { once: true }));
    const stopped = gdb.cont();
    await resumed;
    await m.qmp('stop');
    equal((await stopped).signal, 2);
    const again = gdb.cont();
    await gdb.set('break', 0x80100000);
    equal((await again).signal, 2);
    gdb.detach();
    await m.qmp('cont');
    await m.waitFor('lab>');
    m.close();
  });
  await it('what a debugger is told', async () => {
    const m = await make({ paused: true });
    const { registers } = await m.qmp('x-registers');
    equal(registers.find(({ alias }) => alias === 'sp')?.name, 'r29');
    const code = await m.qmp('x-disassemble', { address: '0x80100000', count: 2 });
    equal(code.map(({ address }) => address), ['0x80100000', '0x80100004']);
    const block = await m.qmp('x-block', { address: '0x80100000' });
    if (!block.ir.startsWith('block') || !block.module.startsWith('0061736d')) throw new Error(block.ir);
    const { physical, steps } = await m.qmp('x-translate', { address: '0x80000000' });
    equal([physical, steps.at(-1)?.what], ['0x0', 'physical']);
    m.close();
  });
  await it('programs', async () => {
    const files = { '/start': program };
    const done = await Tinamou.exec(['/start', 'a', 'b c'], { arch: 'mipsel', files, env: { HOME: '/root' } });
    equal([done.status, done.signal], [7, null]);
    if (!done.stdout.includes('b c')) throw new Error(done.stdout);
    let streamed = '';
    const text = new TextDecoder();
    const stdout = new WritableStream({ write: (chunk) => void (streamed += text.decode(chunk)) });
    const again = await Tinamou.exec(['/start', 'a', 'b c'], { files, env: { HOME: '/root' }, stdout });
    same(streamed, done.stdout);
    same(again.stdout, '');
    await refused(Tinamou.exec(['/nothing'], { files }), ConfigError, /ENOENT/);
    await refused(Tinamou.exec([]), ConfigError, /path/);
    await refused(Tinamou.exec(['/start'], { files, signal: AbortSignal.abort(new Error('no')) }), Error, /no/);
  });
  await it('the assembler', async () => {
    const { elf, lines } = await Tinamou.assemble('_start: li $v0, 42\nb .');
    same(String.fromCharCode(...elf.subarray(1, 4)), 'ELF');
    equal([...lines], [0x80100000, 1, 0x80100004, 2, 0x80100008, 2]);
    await refused(Tinamou.assemble('nop\nfrob'), LabError, /^2: there is no instruction 'frob'$/);
  });
  await it('labs: solutions pass, what one begins with fails', async () => {
    const { labs } = JSON.parse(new TextDecoder().decode(lab('index.json')));
    equal(labs.length, 3);
    for (const name of labs) {
      const json = new TextDecoder().decode(lab(`${name}/lab.json`));
      const good = await Tinamou.checkLab(json, { 'start.elf': lab(`${name}/solution.elf`) });
      if (!good.passed) throw new Error(`${name}: ${JSON.stringify(good)}`);
      const begun = await Tinamou.checkLab(json, { 'start.elf': lab(`${name}/start.elf`) });
      equal([begun.passed, begun.steps.length, begun.steps.at(-1)?.ended], [false, good.steps.length, 'not run']);
    }
    await refused(Tinamou.checkLab('{', {}), LabError, /lab.json/);
    await refused(Tinamou.checkLab(new TextDecoder().decode(lab('hello/lab.json')), {}), LabError, /missing/);
  });
}
