// @ts-check
/** The tests of back ends in a browser. */

import * as pack from '../../../www/tinamou.js';
import { backendTests } from '../backends.mjs';
import { results } from '../report.mjs';

/** @param {string} path */
async function read(path) {
  const reply = await fetch(path);
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return new Uint8Array(await reply.arrayBuffer());
}

/** @type {any} */
let report = results;
try {
  const parts = await Promise.all(['initrd.gz', 'devices.gz', 'net.gz'].map((name) => read(`/guest/${name}`)));
  await backendTests(pack, {
    kernel: await read('/guest/vmlinux'),
    initrd: new Uint8Array(await new Blob(/** @type {BlobPart[]} */ (parts)).arrayBuffer()),
    url: '/guest/vmlinux',
    async sha256(data) {
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(data)));
      return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
    },
    prefix: '',
  });
} catch (e) {
  report = [{ name: 'backends', error: String(e) }];
}
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
