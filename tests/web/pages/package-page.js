// @ts-check
/** The package's tests in a browser. */

import * as pack from '../../../www/tinamou.js';
import { packageTests } from '../package.mjs';
import { results } from '../report.mjs';

/** @param {string} path */
async function read(path) {
  const reply = await fetch(path);
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return new Uint8Array(await reply.arrayBuffer());
}

/** @type {any} */
let report;
try {
  const names = ['index.json', ...['hello', 'timer', 'tlb'].flatMap((n) => ['lab.json', 'start.elf', 'solution.elf'].map((f) => `${n}/${f}`))];
  const files = new Map(await Promise.all(names.map(async (name) => /** @type {const} */ ([name, await read(`/www/labs/${name}`)]))));
  await packageTests(pack, {
    kernel: await read('/tests/lab/images/lab-mipsel.elf'),
    program: await read('/tests/user/images/mipsel/start'),
    lab: (name) => /** @type {Uint8Array} */ (files.get(name)),
    prefix: '',
  });
  report = results;
} catch (e) {
  report = [{ name: 'package', error: String(e) }];
}
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
