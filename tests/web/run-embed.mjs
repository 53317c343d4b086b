#!/usr/bin/env node
// @ts-check
/** The package, elements, examples, labs, the Lab view and the documentation's examples in Chromium. */

import { launchChromium } from './browser.mjs';
import { docsBrowserTests } from './docs.mjs';
import { embedTests } from './embed.mjs';
import { close, take } from './report.mjs';
import { startReporting } from './reporting.mjs';

/** A report that does not come is a failure. */
const LIMIT_MS = 180_000;

const browser = await launchChromium();
const server = await startReporting();
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  const reported = server.report();
  await page.goto(`${server.url}tests/web/pages/package.html`);
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('the package page does not report')), LIMIT_MS).unref());
  await take(await Promise.race([reported, late]), 'chromium: ');
  await context.close();
  await embedTests(browser);
  await docsBrowserTests(browser);
} finally {
  await browser.close();
  server.close();
}
close();
