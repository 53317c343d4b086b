#!/usr/bin/env node
// @ts-check
/** All that runs in Chromium: the page's own tests, the engine suite, the guests. */

import { launchChromium } from './browser.mjs';
import { pageTests } from './page.mjs';
import { close } from './report.mjs';

const browser = await launchChromium();
try {
  await pageTests(browser);
} finally {
  await browser.close();
}
close();
