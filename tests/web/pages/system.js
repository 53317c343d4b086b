// @ts-check
/**
 * A machine for `systems.mjs`, which drives it from outside: `?config={...}` is a `BootConfig` with addresses in place of images. What the
 * serial port says gathers in `window.system.said`.
 */

import { Machine } from '../../../www/machine.js';

const IMAGES = ['kernel', 'initrd', 'bios', 'vgaBios'];
const DISKS = ['hda', 'cdrom', 'fda', 'virtio0'];

const machine = new Machine();
const decoder = new TextDecoder();
const system = {
  said: '',
  stopped: '',
  /** The machine is made. */
  ready: false,
  /** @param {string} text */
  type: (text) => {
    const data = new TextEncoder().encode(text);
    return machine.client.call('input', { port: 0, data }, [data.buffer]);
  },
  /** A key of the keyboard, by QMP's name. @param {string[]} names */
  key: (names) => machine.qmp('send-key', { keys: names.map((data) => ({ type: 'qcode', data: /** @type {any} */ (data) })) }),
  /** The screen as a PPM, in base64. */
  picture: async () => {
    await machine.qmp('screendump', { filename: 'screen.ppm' });
    const bytes = (await machine.takeFile('screen.ppm')) ?? new Uint8Array();
    let text = '';
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  },
};
Object.assign(window, { system });
machine.client.on('output', ({ port, data }) => {
  if (port === 0) system.said += decoder.decode(data, { stream: true });
});
machine.client.on('stopped', ({ reason, message }) => (system.stopped = `${reason} ${message ?? ''}`));

/** @type {Record<string, any>} */
const config = JSON.parse(new URLSearchParams(location.search).get('config') ?? '{}');
const fetched = async (/** @type {string} */ url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
};
try {
  for (const name of IMAGES) if (config[name]) config[name] = await (await fetched(config[name])).arrayBuffer();
  for (const name of DISKS) if (config[name]) config[name] = await (await fetched(config[name])).blob();
  await machine.boot(/** @type {any} */ (config), IMAGES.flatMap((name) => config[name] ?? []));
  system.ready = true;
} catch (e) {
  system.stopped = String(e);
}
