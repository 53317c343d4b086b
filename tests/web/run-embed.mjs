#!/usr/bin/env node
// @ts-check
/** The package, elements, examples, labs and the Lab view in Chromium. */

import { launchChromium } from './browser.mjs';
import { embedTests } from './embed.mjs';
import { close, take } from './report.mjs';
import { startReporting } from './reporting.mjs';

const browser = await launchChromium();
const server = await startReporting();
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  const reported = server.report();
  await page.goto(`${server.url}tests/web/pages/package.html`);
  await take(await reported, 'chromium: ');
  await context.close();
  await embedTests(browser);
} finally {
  await browser.close();
  server.close();
}
close();
