// @ts-check
/** Finds and starts browsers for the tests: Chromium by playwright-core, Firefox as a plain process that reports by POST. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const requireFromWww = createRequire(new URL('../../www/package.json', import.meta.url));

/** No background traffic, no GPU, no sandbox (tests run as root in containers). */
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @param {string[]} names @returns {string | undefined} the first of them on the PATH */
function onPath(names) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return names.flatMap((n) => folders.map((f) => path.join(f, n))).find((f) => fs.existsSync(f));
}

export const chromiumPath = () => process.env.CHROMIUM ?? onPath(['chromium', 'chromium-browser', 'google-chrome']);
export const firefoxPath = () => process.env.FIREFOX ?? onPath(['firefox-esr', 'firefox']);

/** @returns {Promise<import('../../www/node_modules/playwright-core/index.js').Browser>} headless Chromium, with a profile of its own that goes when it closes */
export async function launchChromium() {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error('chromium is missing: apt-get install chromium');
  const { chromium } = requireFromWww('playwright-core');
  return chromium.launch({ executablePath, headless: true, args: CHROMIUM_FLAGS });
}

/** What keeps a fresh Firefox profile quiet. */
const FIREFOX_PREFS = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'http://localhost:9/',
  'toolkit.telemetry.enabled': false,
};

/**
 * Opens a page in headless Firefox.
 * @param {string} url
 * @param {{ remote?: boolean }} [options] `remote`: it says on its standard error where WebDriver BiDi listens
 * @returns {{ close: () => Promise<void>, exited: Promise<void>, stderr: import('node:stream').Readable | null }}
 */
export function openFirefox(url, { remote = false } = {}) {
  const program = firefoxPath();
  if (!program) throw new Error('firefox is missing: apt-get install firefox-esr');
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-firefox-'));
  const prefs = Object.entries(FIREFOX_PREFS).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});`);
  fs.writeFileSync(path.join(profile, 'user.js'), `${prefs.join('\n')}\n`);
  const child = spawn(program, ['--headless', '--no-remote', '--profile', profile, ...(remote ? ['--remote-debugging-port=0'] : []), url], {
    stdio: ['ignore', 'ignore', remote ? 'pipe' : 'ignore'],
    env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' },
  });
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.on('error', () => resolve());
  });
  return {
    exited,
    stderr: child.stderr,
    async close() {
      child.kill('SIGTERM');
      await exited;
      fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}
