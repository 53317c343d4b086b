#!/usr/bin/env node
// @ts-check
/** What runs in Firefox: the page, the package, elements and the Lab view, the engine suite, Linux programs and guests. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { firefoxPath, openFirefox } from './browser.mjs';
import { golden, sessions } from './guests.mjs';
import { firefoxEmbedTests } from './embed-firefox.mjs';
import { firefoxPageTests } from './page-firefox.mjs';
import { close, same, take, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A browser that hangs must not hang the tests. */
const LIMIT_MS = 600_000;

/** @param {string} path a page of `pages/` */
async function report(path) {
  const reported = server.report();
  const firefox = openFirefox(`${server.url}tests/web/pages/${path}`);
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  try {
    return await Promise.race([
      reported,
      firefox.exited.then(() => Promise.reject(new Error('Firefox ended'))),
      new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('Firefox did not report')), LIMIT_MS))),
    ]);
  } finally {
    clearTimeout(timer);
    await firefox.close();
  }
}

if (!firefoxPath()) {
  console.log('firefox: not installed (apt-get install firefox-esr), skipped');
  process.exit(0);
}
const server = await startReporting({ '/suite/': `${ROOT}/build/web-suite/` });
try {
  await firefoxPageTests();
  await take(await report('package.html'), 'firefox: ');
  await firefoxEmbedTests();
  const files = fs.readdirSync(`${ROOT}/tests/filetests`).filter((f) => f.endsWith('.tir')).sort();
  await take(await report(`suite.html?files=${files.join(',')}`), 'firefox suite: ');
  await take(await report('suite.html?worker=programs'), 'firefox: program ');
  for (const session of sessions().filter((s) => !/64/.test(s.guest))) {
    await test(`firefox: ${session.guest}`, async () => {
      const config = encodeURIComponent(JSON.stringify(session.config ?? {}));
      const done = await report(`boot.html?guest=${session.guest}&steps=/${session.steps}&limit=${session.limitMs}&config=${config}`);
      if (done.error) throw new Error(done.error);
      same(session.cut(done.transcript), golden(session));
    });
  }
} catch (e) {
  await test('firefox', () => Promise.reject(e));
} finally {
  server.close();
}
close();
