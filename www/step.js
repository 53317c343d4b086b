// @ts-check
/** One instruction of a machine that does not run, by gdb's protocol: QMP has no word for it. */

const STEP = '$s#73';
/** What a stub answers to a step. */
const STOPPED = /\$[STWX][^#]*#[0-9a-f]{2}/;

/** @param {import('./machine.js').Machine} machine */
export async function step(machine) {
  const { port1, port2 } = new MessageChannel();
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let heard = '';
  const stopped = new Promise((resolve, reject) => {
    port1.onmessage = (ev) => {
      if (ev.data === null) return reject(new Error('the machine is gone'));
      heard += decoder.decode(ev.data, { stream: true });
      if (STOPPED.test(heard)) resolve(null);
    };
  });
  await machine.client.call('gdb', { port: port2 }, [port2]);
  port1.postMessage(encoder.encode(STEP));
  await stopped;
  port1.postMessage(encoder.encode('+'));
  port1.postMessage(null);
}
