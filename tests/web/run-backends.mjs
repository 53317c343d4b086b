#!/usr/bin/env node
// @ts-check
/** Back ends of the page's under Debian, in Node, Chromium and Firefox. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as pack from '../../www/tinamou-node.js';
import { backendTests } from './backends.mjs';
import { firefoxPath, launchChromium, openFirefox } from './browser.mjs';
import { close, take, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

const GUEST = fileURLToPath(new URL('../../build/guests/mipsel/', import.meta.url));
const PAGE = 'tests/web/pages/backends.html';
const PARTS = ['initrd.gz', 'devices.gz', 'net.gz'];
/** A browser that hangs must not hang the tests. */
const LIMIT_MS = 600_000;
/** @param {string} file */
const read = (file) => new Uint8Array(fs.readFileSync(GUEST + file));

/** What a page reports, in time. @param {Promise<any>} report */
const inTime = (report) => Promise.race([report, new Promise((_, reject) => setTimeout(() => reject(new Error('the page did not report')), LIMIT_MS).unref())]);

if (fs.existsSync(`${GUEST}net.gz`)) {
  const server = await startReporting({ '/guest/': GUEST });
  const wanted = new Set(process.argv.slice(2));
  const runs = (/** @type {string} */ host) => !wanted.size || wanted.has(host);
  if (runs('node')) {
    await backendTests(pack, {
      kernel: read('vmlinux'),
      initrd: new Uint8Array(Buffer.concat(PARTS.map(read))),
      url: `${server.url}guest/vmlinux`,
      sha256: (data) => createHash('sha256').update(data).digest('hex'),
      prefix: 'node: ',
    });
  }
  try {
    if (runs('chromium')) {
      const browser = await launchChromium();
      try {
        const reported = inTime(server.report());
        await (await browser.newPage()).goto(server.url + PAGE);
        await take(await reported, 'chromium: ');
      } finally {
        await browser.close();
      }
    }
    if (runs('firefox') && firefoxPath()) {
      const reported = inTime(server.report());
      const firefox = openFirefox(server.url + PAGE);
      try {
        await take(await reported, 'firefox: ');
      } finally {
        await firefox.close();
      }
    }
  } catch (e) {
    await test('backends', () => Promise.reject(e));
  }
  server.close();
}
close();
