#!/usr/bin/env node
// @ts-check
/** Programs whose files lie in archives, and what they leave behind: in Node, Chromium and Firefox (arguments choose among them). */

import * as pack from '../../www/tinamou-node.js';
import { firefoxPath, launchChromium, openFirefox } from './browser.mjs';
import { close, take, test } from './report.mjs';
import { startReporting } from './reporting.mjs';
import { serveTrees } from './tree-files.mjs';
import { treeTests } from './trees.mjs';

/** A browser that does not report is a failure. */
const LIMIT_MS = 600_000;
const chosen = process.argv.slice(2);
/** @param {string} host */
const wanted = (host) => !chosen.length || chosen.includes(host);

const server = await startReporting({}, { first: serveTrees });
const page = `${server.url}tests/web/pages/trees.html`;
/** @param {string} host @param {() => Promise<() => Promise<void>>} open gives what closes it */
async function inBrowser(host, open) {
  const reported = server.report();
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('it does not report')), LIMIT_MS).unref());
  const shut = await open();
  try {
    await take(await Promise.race([reported, late]), `${host}: `);
  } catch (e) {
    await test(`${host}: trees`, () => Promise.reject(e));
  } finally {
    await shut();
  }
}

if (wanted('node')) await treeTests(pack, { url: server.url, prefix: '' });
if (wanted('chromium')) {
  await inBrowser('chromium', async () => {
    const browser = await launchChromium();
    await (await browser.newPage()).goto(page);
    return () => browser.close();
  });
}
if (wanted('firefox') && firefoxPath()) {
  await inBrowser('firefox', async () => {
    const firefox = openFirefox(page);
    return () => firefox.close();
  });
}
server.close();
close();
