// @ts-check
/** QMP of the web build: the binding in Node, and a page's `Machine` with its worker in a browser. */

import { isDeepStrictEqual } from 'node:util';

import { make } from './node.mjs';
import { same, test } from './report.mjs';

/** @param {unknown} got @param {unknown} wanted */
function equal(got, wanted) {
  if (!isDeepStrictEqual(got, wanted)) same(JSON.stringify(got), JSON.stringify(wanted));
}

/** A QMP session on the binding. @param {import('../../www/pkg/mips/tinamou_web.js').Machine} machine */
function session(machine) {
  const monitor = machine.openMonitor();
  const take = () => machine.takeMonitorOutput(monitor).split('\r\n').filter(Boolean).map((line) => JSON.parse(line));
  return {
    monitor,
    take,
    /** @param {string} text @returns {any[]} what came of it */
    say(text) {
      machine.monitorInput(monitor, text);
      return take();
    },
    /** @param {string} execute @param {object} [args] @returns {any[]} */
    run(execute, args) {
      return this.say(`${JSON.stringify({ execute, arguments: args, id: 1 })}\n`);
    },
  };
}

/** @param {any[]} messages events' names, and `reply` */
const kinds = (messages) => messages.map((m) => m.event ?? ('return' in m ? 'return' : 'error'));

export async function bindingTests() {
  /** @param {string} name @param {object} options @param {(machine: import('../../www/pkg/mips/tinamou_web.js').Machine) => void} body */
  const onMachine = (name, options, body) =>
    test(`qmp: ${name}`, () => {
      const machine = make('lab', options);
      body(machine);
      machine.free();
    });

  await onMachine('greeting and negotiation', {}, (machine) => {
    const qmp = session(machine);
    const [{ QMP }] = qmp.take();
    equal(QMP.version.qemu, { major: 7, micro: 0, minor: 2 });
    const [early] = qmp.run('query-status');
    equal(early, {
      error: { class: 'CommandNotFound', desc: "Expecting capabilities negotiation with 'qmp_capabilities'" },
      id: 1,
    });
    equal(qmp.run('qmp_capabilities'), [{ return: {}, id: 1 }]);
  });
  await onMachine('commands in pieces, and several at once', {}, (machine) => {
    const qmp = session(machine);
    qmp.take();
    equal(qmp.say('{"execute": "qmp_capa'), []);
    equal(qmp.say('bilities"} {"execute":"query-name","id":"é"}'), [{ return: {} }, { id: 'é', return: {} }]);
    equal(qmp.say('[]\n'), [{ error: { class: 'GenericError', desc: 'QMP input must be a JSON object' } }]);
  });
  await onMachine('the life of a machine, and its events', { paused: true }, (machine) => {
    const [qmp, other] = [session(machine), session(machine)];
    qmp.run('qmp_capabilities');
    other.run('qmp_capabilities');
    const status = () => qmp.run('query-status')[0].return;
    equal(status(), { running: false, singlestep: false, status: 'prelaunch' });
    same(machine.runSlice(1000).kind, 'stopped');
    equal(kinds(qmp.run('cont')), ['RESUME', 'return']);
    equal(status(), { running: true, singlestep: false, status: 'running' });
    same(machine.runSlice(1000).kind, 'budget');
    const { guestInsns } = machine.stats();
    equal(kinds(qmp.run('stop')), ['STOP', 'return']);
    equal(kinds(qmp.run('stop')), ['return']);
    same(machine.status, 'paused');
    machine.runSlice(1000);
    equal(machine.stats().guestInsns, guestInsns);
    const reset = qmp.run('system_reset');
    equal(kinds(reset), ['RESET', 'return']);
    equal(reset[0].data, { guest: false, reason: 'host-qmp-system-reset' });
    same(machine.status, 'prelaunch');
    equal(kinds(other.take()), ['RESUME', 'STOP', 'RESET']);
    machine.closeMonitor(other.monitor);
    equal(machine.ended ?? null, null);
    equal(kinds(qmp.run('quit')), ['SHUTDOWN', 'return']);
    equal(other.take(), []);
    equal([machine.ended, machine.runs], ['host-qmp-quit', false]);
  });
  await onMachine('a reset while it runs begins anew', {}, (machine) => {
    const qmp = session(machine);
    qmp.run('qmp_capabilities');
    const boot = () => {
      let said = '';
      for (let n = 0; n < 400 && !said.includes('lab>'); n++) {
        machine.runSlice(100_000);
        said += new TextDecoder().decode(machine.takeSerialOutput(0));
      }
      return said;
    };
    const first = boot();
    if (!first.includes('lab>')) throw new Error(first);
    equal(kinds(qmp.run('system_reset')), ['RESET', 'return']);
    same(boot(), first);
  });
  await onMachine('what QMP refuses', {}, (machine) => {
    const qmp = session(machine);
    qmp.run('qmp_capabilities');
    qmp.take();
    /** @param {any[]} replies @param {string} type @param {string} desc */
    const refused = ([reply], type, desc) => equal(reply.error, { class: type, desc });
    refused(qmp.run('frobnicate'), 'CommandNotFound', 'The command frobnicate has not been found');
    refused(qmp.run('stop', { hard: 1 }), 'GenericError', "Parameter 'hard' is unexpected");
    refused(qmp.run('x-exit-preconfig'), 'GenericError', 'The command is permitted only before machine initialization');
  });
  await onMachine('the monitor for people', {}, (machine) => {
    const qmp = session(machine);
    qmp.run('qmp_capabilities');
    machine.runSlice(100_000);
    const [reply] = qmp.run('human-monitor-command', { 'command-line': 'info registers' });
    if (!/pc\b.*GPR00: r0 00000000 at [0-9a-f]{8}/is.test(reply.return)) throw new Error(reply.return);
  });
  await onMachine('preconfig', { preconfig: true }, (machine) => {
    const qmp = session(machine);
    qmp.run('qmp_capabilities');
    equal(machine.runSlice(1000).kind, 'stopped');
    equal([machine.stats().guestInsns, machine.stateHash()], [0, '']);
    equal(qmp.run('cont')[0].error, {
      class: 'GenericError',
      desc: "The command 'cont' is permitted only after machine initialization has completed",
    });
    equal(kinds(qmp.run('x-machine-set', { name: 'm', value: 64 << 20 })), ['return']);
    equal(kinds(qmp.run('x-machine-set', { name: 'kernel', value: 'vmunix' })), ['return']);
    equal(qmp.run('x-exit-preconfig')[0].error.desc, "could not load kernel 'vmunix': the page gave no such file");
    equal(kinds(qmp.run('x-machine-set', { name: 'kernel', value: 'kernel' })), ['return']);
    equal(kinds(qmp.run('x-exit-preconfig')), ['RESUME', 'return']);
    equal(qmp.run('query-memory-size-summary')[0].return['base-memory'], 64 << 20);
    same(machine.runSlice(1000).kind, 'budget');
  });
}

/**
 * A page's `Machine` with its worker and the real emulator.
 * @param {import('../../www/node_modules/playwright-core/index.js').Browser} browser
 * @param {string} url where the built page is served
 */
export async function workerTests(browser, url) {
  await test('chromium: QMP by a MessagePort', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${url}docs/embedding.html`);
    const got = await page.evaluate(async (base) => {
      /** @type {typeof import('../../www/machine.js')} */
      const { Machine } = await import(`${base}machine.js`);
      const kernel = await (await fetch(`${base}guests/lab.lab-mipsel.elf`)).arrayBuffer();
      const machine = new Machine();
      await machine.boot({ target: 'mipsel', cpu: '24Kf', ramMib: 32, kernel, paused: true }, [kernel]);
      /** @type {string[]} */
      const heard = [];
      const following = (async () => {
        for await (const { event } of machine.events()) heard.push(event);
      })();
      /** @type {string[]} */
      const named = [];
      for (const name of ['STOP', 'RESUME']) machine.addEventListener(name, (ev) => named.push(ev.type));
      const status = async () => (await machine.qmp('query-status')).status;
      const states = [await status()];
      const prompt = new Promise((resolve) => {
        let said = '';
        const decoder = new TextDecoder();
        machine.client.on('output', ({ data }) => (said += decoder.decode(data)).includes('lab>') && resolve(null));
      });
      await machine.qmp('cont');
      states.push(await status());
      await prompt;
      await machine.qmp('stop');
      states.push(await status());
      const stopped = (await machine.client.call('stats', undefined)).guestInsns;
      const registers = await machine.qmp('human-monitor-command', { 'command-line': 'info registers' });
      const refusal = await machine.send({ execute: 'frobnicate' }).catch((e) => [e.name, e.class, e.message]);
      const still = (await machine.client.call('stats', undefined)).guestInsns === stopped;
      await machine.qmp('system_reset');
      states.push(await status());
      await machine.qmp('cont');
      // A second session has a negotiation of its own.
      const second = await machine.monitor();
      const greeting = await new Promise((resolve) => (second.onmessage = (ev) => resolve(ev.data)));
      const gone = new Promise((resolve) => machine.client.on('stopped', ({ message }) => resolve(message)));
      await machine.qmp('quit');
      await following;
      const after = await machine.qmp('stop').catch((e) => e.message);
      return { states, heard, named, refusal, still, registers, greeting, message: await gone, after };
    }, url);
    equal(got.states, ['prelaunch', 'running', 'paused', 'prelaunch']);
    equal(got.heard, ['RESUME', 'STOP', 'RESET', 'RESUME', 'SHUTDOWN']);
    equal(got.named, ['RESUME', 'STOP', 'RESUME']);
    equal(got.refusal, ['QmpError', 'CommandNotFound', 'The command frobnicate has not been found']);
    equal(got.still, true);
    if (!/GPR00/.test(got.registers)) throw new Error(got.registers);
    if (!got.greeting.QMP) throw new Error(JSON.stringify(got.greeting));
    equal([got.message, got.after], ['The machine was ended.', 'there is no machine']);
    await context.close();
  });
}
