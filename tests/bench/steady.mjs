#!/usr/bin/env node
// @ts-check
/**
 * A page that runs for a while: memory of its renderer by what it holds, what was compiled, and how much of that the browser still has, every so
 * often. `steady.mjs [MINUTES [GUEST [COMMANDS [ACCEL]]]]`; the guest's shell runs the commands again and again. Needs ./build.sh web and
 * ./build.sh guests; no part of the tests.
 */

import fs from 'node:fs';

import { startServer } from '../../www/serve.mjs';
import { launchChromium } from '../web/browser.mjs';

const minutes = Number(process.argv[2] ?? 10);
const guest = process.argv[3] ?? 'debian-mipsel';
const EVERY_MS = 30_000;
const work = process.argv[4] ?? 'sha256sum /bin/busybox; ls -R /proc/self /bin | sort | tail -1';
const accel = process.argv[5] ?? 'jit';

/** Goes before the worker's script: counts modules and instances that are made and that are collected. */
const COUNTING = `
{
  const made = { modules: 0, instances: 0, bytes: 0, goneModules: 0, goneInstances: 0, goneBytes: 0, memoryBytes: 0 };
  let memory;
  const gone = new FinalizationRegistry((bytes) => {
    if (bytes < 0) made.goneInstances++;
    else made.goneModules++, (made.goneBytes += bytes);
  });
  const { Module, Instance } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, { construct(of, args) {
    const module = new of(...args);
    made.modules++;
    made.bytes += args[0].byteLength;
    gone.register(module, args[0].byteLength);
    return module;
  } });
  WebAssembly.Instance = new Proxy(Instance, { construct(of, args) {
    const instance = new of(...args);
    made.instances++;
    memory ??= Object.values(args[1] ?? {}).find((from) => from?.m instanceof WebAssembly.Memory)?.m;
    gone.register(instance, -1);
    return instance;
  } });
  const says = new BroadcastChannel('steady');
  says.onmessage = ({ data }) => data === 'count' && says.postMessage({ ...made, memoryBytes: memory?.buffer.byteLength ?? 0 });
}
`;

const server = await startServer();
const browser = await launchChromium();

/** What a renderer's mappings hold, resident, in MiB. @param {number} pid */
function held(pid) {
  const sums = { code: 0, wasmMemory: 0, other: 0 };
  let [large, executable] = [false, false];
  for (const line of fs.readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)/.exec(line);
    if (head) {
      const bytes = parseInt(head[2] ?? '', 16) - parseInt(head[1] ?? '', 16);
      executable = /x/.test(head[3] ?? '') && head[4] === '0';
      large = bytes >= 64 << 20 && /rw/.test(head[3] ?? '');
    }
    const rss = /^Rss:\s+(\d+)/.exec(line);
    if (rss) sums[executable ? 'code' : large ? 'wasmMemory' : 'other'] += Number(rss[1]) / 1024;
  }
  return sums;
}

try {
  const page = await browser.newPage();
  await page.route('**/worker.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: COUNTING + (await response.text()) });
  });
  await page.goto(`${server.url}?guest=${guest}&accel=${accel}`);
  await page.waitForFunction(() => /[#$] *$/.test((document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').trim()), undefined, { timeout: 180_000 });
  await page.keyboard.type(`while :; do ${work}; sleep 1; done\r`);
  const cdp = await browser.newBrowserCDPSession();
  /** The largest renderer: its resident memory in MiB, and what it is. */
  const renderer = async () => {
    const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
    const sizes = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => ({ id, rss: Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0) / 1024 }));
    const largest = sizes.sort((a, b) => b.rss - a.rss)[0] ?? { id: 0, rss: 0 };
    return { rss: largest.rss, ...held(largest.id) };
  };
  /** @returns {Promise<{ modules: number, instances: number, bytes: number, goneModules: number, goneInstances: number, goneBytes: number, memoryBytes: number }>} */
  const count = () =>
    page.evaluate(() => new Promise((resolve) => {
      const asks = new BroadcastChannel('steady');
      asks.onmessage = ({ data }) => (asks.close(), resolve(data));
      asks.postMessage('count');
    }));
  const text = (/** @type {string} */ id) => page.locator(`#${id}`).textContent();
  console.log(['minutes', 'renderer MiB', 'code MiB', 'large mappings MiB', 'rest MiB', "page's heap MiB", 'wasm memory MiB', 'regions', 'modules made', 'collected', 'MiB of modules made', 'collected', 'instances made', 'collected', 'guest instructions'].join('\t'));
  const begun = Date.now();
  for (let n = 0; Date.now() - begun < minutes * 60_000; n++) {
    await page.waitForTimeout(Math.max(0, begun + n * EVERY_MS - Date.now()));
    const heap = await page.evaluate(() => /** @type {any} */ (performance).memory.usedJSHeapSize / 2 ** 20);
    const { rss, code, wasmMemory, other } = await renderer();
    const made = await count();
    console.log([((Date.now() - begun) / 60_000).toFixed(1), ...[rss, code, wasmMemory, other].map((n) => n.toFixed(0)), heap.toFixed(1), (made.memoryBytes / 2 ** 20).toFixed(0), await text('regions'), made.modules, made.goneModules,
      (made.bytes / 2 ** 20).toFixed(1), (made.goneBytes / 2 ** 20).toFixed(1), made.instances, made.goneInstances, await text('icount')].join('\t'));
  }
} finally {
  await browser.close();
  server.close();
}
