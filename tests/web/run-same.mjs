#!/usr/bin/env node
// @ts-check
/**
 * The same session, counted in instructions, on every host: transcript, instruction count, virtual time and state hash of Node,
 * Chromium, Firefox where it is installed, and the native program (`cargo build -p tinamou`), compiling and interpreting, are equal.
 * Arguments name the guests; without any, all are run.
 */

import { firefoxPath, launchChromium, openFirefox } from './browser.mjs';
import { golden, sessions, steps } from './guests.mjs';
import { outcome } from './machine.js';
import { nativePath, runNative } from './native.mjs';
import { make } from './node.mjs';
import { close, same, test } from './report.mjs';
import { startReporting } from './reporting.mjs';

/** A browser that hangs must not hang the tests. */
const LIMIT_MS = 300_000;

const wanted = process.argv.slice(2);
const server = await startReporting();

/** The page that runs a session. @param {import('./guests.mjs').Session} session */
const page = ({ guest, steps: file, mostInsns, config, counted }) =>
  `${server.url}tests/web/pages/counted.html?guest=${guest}&steps=/${file}&most=${mostInsns}` +
  `&config=${encodeURIComponent(JSON.stringify({ ...config, ...counted }))}`;

/**
 * The next report, if it comes in time.
 * @param {() => Promise<() => Promise<void>>} open opens the page, returns what closes it
 * @returns {Promise<import('./machine.js').Outcome>}
 */
async function reported(open) {
  const report = server.report();
  const shut = await open();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  try {
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('it did not report')), LIMIT_MS)));
    const result = await Promise.race([report, late]);
    if (result.error) throw new Error(result.error);
    return result;
  } finally {
    clearTimeout(timer);
    await shut();
  }
}

/** What must be equal: all but how much of it was compiled. @param {import('./machine.js').Outcome} outcome */
const figures = ({ transcript, stateHash, icount, virtualNs }) =>
  `${transcript.trimEnd()}\n${icount} instructions, ${virtualNs} ns, state ${stateHash}`;

const program = nativePath();

/** @type {Record<string, (session: import('./guests.mjs').Session) => Promise<import('./machine.js').Outcome>>} */
const hosts = {
  native: async (session) => {
    if (!program) throw new Error('there is no native program: cargo build -p tinamou');
    return runNative(program, session);
  },
  interpreter: async (session) => {
    if (!program) throw new Error('there is no native program: cargo build -p tinamou');
    return runNative(program, session, 'interp');
  },
  chromium: (session) =>
    reported(async () => {
      // A browser of its own: what runs here between holds up Node, and browsers that nobody listens to give up.
      const browser = await launchChromium();
      await (await browser.newPage()).goto(page(session));
      return () => browser.close();
    }),
};
if (firefoxPath()) hosts.firefox = (session) => reported(async () => openFirefox(page(session)).close);

try {
  for (const session of sessions().filter((s) => !wanted.length || wanted.includes(s.guest))) {
    const { guest } = session;
    /** @type {import('./machine.js').Outcome | undefined} */
    let first;
    await test(`same: ${guest}, node`, () => {
      first = outcome(make(guest, { ...session.config, ...session.counted }), steps(session), session.mostInsns);
      same(session.cut(first.transcript), golden(session));
      if (!first.jitInsns && !session.short) throw new Error('nothing was compiled');
    });
    for (const [host, run] of Object.entries(hosts)) {
      // Firefox boots Linux in its own tests.
      if (guest.startsWith('debian') && host === 'firefox') continue;
      // A PC's Linux runs three times as long: Node and the native compiler are enough.
      if (/debian-(i386|amd64)/.test(guest) && host !== 'native') continue;
      await test(`same: ${guest}, ${host}`, async () => {
        if (!first) throw new Error('Node has nothing to compare with');
        const got = await run(session);
        if (!got.jitInsns && host !== 'interpreter' && !session.short) throw new Error('nothing was compiled');
        same(figures(got), figures(first));
      });
    }
  }
} finally {
  server.close();
}
close();
