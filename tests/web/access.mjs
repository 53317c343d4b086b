// @ts-check
/**
 * Whether everybody can use the page: axe-core's rules (contrast, names, roles, landmarks) over every view, light and dark, on a desk and on a phone;
 * the order in which the keyboard comes by, and that what has the focus can be seen to have it.
 */

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';
import { GUESTS } from './look.mjs';
import { same, test } from './report.mjs';

const FAKE = fileURLToPath(new URL('fake/', import.meta.url));
const WWW = new URL('../../www/', import.meta.url);
const AXE = fs.readFileSync(createRequire(new URL('package.json', WWW)).resolve('axe-core/axe.min.js'), 'utf8');

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {import('../../www/node_modules/playwright-core/index.js').Browser} Browser */
/** @typedef {{ id: string, impact?: string, help: string, nodes: { target: string[], html: string, failureSummary?: string }[] }} Finding */

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 780 };

/**
 * What a rule is not asked about, and why. `where` is a part of axe's selector, `size` the one it is for.
 * @type {{ rule: string, where: string, size?: 'desk' | 'phone', why: string }[]}
 */
const ALLOWED = [
  { rule: 'target-size', where: '#quit', size: 'phone', why: 'the tool bar scrolls there: the button is half below the menu that stays, until it is scrolled to' },
  { rule: 'target-size', where: 'data-register', size: 'desk', why: 'rows are as dense as a listing; where fingers point they are 24 pixels high' },
  { rule: 'target-size', where: 'Breakpoint at', size: 'desk', why: 'the same, and the pane of points sets breakpoints, too' },
];

/** Waits until the console shows a text. @param {Page} page @param {string} text */
const shows = (page, text) =>
  page.waitForFunction((t) => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(t), text);
/** @param {Page} page */
const prompt = (page) => shows(page, 'lab>');
/** @param {Page} page @param {string} word */
const state = (page, word) => page.waitForFunction((w) => document.getElementById('state')?.textContent === w, word);

/**
 * The page's views with the stand-in for the emulator; one that scrolls is `high` enough to be seen at once, since nothing is judged that lies below
 * what does not scroll along.
 * @type {{ name: string, at: string, ready: (page: Page) => Promise<unknown>, high?: number }[]}
 */
export const VIEWS = [
  { name: 'chooser', at: '', ready: (page) => page.locator('[data-guest=lab]').waitFor() },
  {
    name: 'options of a PC with cards', at: '?guest=seabios&setup',
    ready: async (page) => {
      await page.getByLabel('PCI cards').selectOption('virtio-blk-pci');
      await page.getByLabel('PCI cards').selectOption('e1000');
      await page.locator('.cards-chosen summary').last().click();
      await page.getByLabel('Memory').fill('3G');
      await page.getByLabel('Memory').press('Enter');
      await page.locator('#setup-m-note').getByText('does not accept').waitFor();
    },
    high: 2600,
  },
  { name: 'console', at: '?guest=lab', ready: prompt },
  {
    name: 'the menu', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.locator('#more summary').click();
    },
  },
  {
    name: 'a search, keys on the screen', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.locator('#more summary').click();
      await page.getByRole('button', { name: 'On-screen keys' }).click();
      await page.locator('#more summary').click();
      await page.getByRole('button', { name: 'Find…' }).click();
      await page.getByRole('searchbox', { name: 'Find' }).fill('haystack');
      await page.locator('#find-note').getByText('not there').waitFor();
    },
  },
  {
    name: 'text to paste', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.locator('#more summary').click();
      await page.getByRole('button', { name: 'Paste text…' }).click();
    },
  },
  { name: 'display', at: '?guest=seabios', ready: (page) => state(page, 'running') },
  {
    name: 'snapshots', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
      await page.locator('#snap-list .row').waitFor();
    },
  },
  {
    name: 'drives and the shared folder', at: '?guest=seabios',
    ready: async (page) => {
      await state(page, 'running');
      await page.locator('#tool-media').click();
      await page.locator('#share-files').setInputFiles([{ name: 'a.txt', mimeType: '', buffer: Buffer.from('a') }]);
      await page.locator('[data-file="a.txt"]').waitFor();
    },
  },
  {
    name: 'log', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.locator('#tool-log').click();
      await page.locator('#log-lines').getByText('a write to nowhere').first().waitFor();
    },
  },
  {
    name: 'QMP console', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.locator('#tool-qmp').click();
      await page.locator('#qmp-input').fill('stop');
      await page.keyboard.press('Enter');
      await page.locator('#qmp-log .event', { hasText: 'STOP' }).waitFor();
      await page.locator('#qmp-input').fill('nonsense');
      await page.keyboard.press('Enter');
      await page.locator('#qmp-log').getByText('CommandNotFound').waitFor();
      await page.keyboard.type('query-');
      await page.locator('#qmp-offers li').first().waitFor();
      await page.keyboard.press('ArrowDown');
    },
  },
  {
    name: 'a failure', at: '?guest=lab',
    ready: async (page) => {
      await prompt(page);
      await page.locator('#console').click();
      await page.keyboard.type('fail\r');
      await page.getByRole('alert').getByText('told to fail').waitFor();
    },
  },
];

/** Views through which the keyboard goes. A display keeps all keys (page.mjs leaves it by Ctrl+Alt). */
const WALKED = ['chooser', 'options of a PC with cards', 'console', 'a search, keys on the screen', 'snapshots', 'QMP console'];
/** Views of the Lab view, which wants a real machine. */
const LAB_TABS = ['Memory', 'Stack', 'Points', 'Address', 'Devices', 'Block'];

/** @param {Page} page @param {string} [within] @returns {Promise<Finding[]>} */
async function axe(page, within) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE);
  return page.evaluate(async (part) => {
    // The console draws in another colour with its next picture.
    for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame);
    const runOnly = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
    return (await /** @type {any} */ (window).axe.run(part ?? document, { runOnly, resultTypes: ['violations'] })).violations;
  }, within);
}

/** Where views are looked at: `ALL=1` for all pairs, of which these two have everything, but not in each pair. */
const PLACES = /** @type {{ size: 'desk' | 'phone', colorScheme: 'light' | 'dark' }[]} */ ([
  { size: 'desk', colorScheme: 'light' },
  { size: 'phone', colorScheme: 'dark' },
  ...(process.env.ALL ? [{ size: 'desk', colorScheme: 'dark' }, { size: 'phone', colorScheme: 'light' }] : []),
]);

/**
 * Asks about a view as it stands.
 * @param {Page} page
 * @param {{ high?: number | undefined, within?: string }} [what] `within`: a part of it alone
 */
async function check(page, { high, within } = {}) {
  /** @type {string[]} */
  const wrong = [];
  for (const { size, colorScheme } of PLACES) {
    await page.setViewportSize({ ...(size === 'desk' ? DESK : PHONE), ...(high && { height: high }) });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const { id, help, nodes } of await axe(page, within)) {
      for (const { target, html, failureSummary = '' } of nodes) {
        const where = `${target.join(' ')} ${html}`;
        if (ALLOWED.some((a) => a.rule === id && where.includes(a.where) && (a.size ?? size) === size)) continue;
        wrong.push(`${size}, ${colorScheme}: ${id}: ${target.join(' ')}: ${help}`, `  ${failureSummary.split('\n').slice(1).join(' ').trim()}`);
      }
    }
  }
  await page.setViewportSize(DESK);
  if (wrong.length) throw new Error(wrong.join('\n'));
}

/** Waits until nothing is put into the page any more: a pane that is drawn again has other elements. @param {Page} page */
const still = (page) =>
  page.evaluate(() => new Promise((done) => {
    const [quietMs, atMostMs] = [300, 5000];
    let timer = setTimeout(done, quietMs);
    setTimeout(done, atMostMs);
    new MutationObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(done, quietMs);
    }).observe(document.body, { childList: true, subtree: true });
  }));

/**
 * Goes through all controls by Shift+Tab, from the last one on (a console keeps Tab for its guest): each that can be seen and used is come by, in the
 * order that they stand in, and it can be seen which one has the focus.
 * @param {Page} page
 */
async function walk(page) {
  await still(page);
  await page.evaluate(() => {
    const seen = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]).filter((e) =>
      e.tabIndex >= 0 && !e.matches(':disabled') && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0 && !e.closest('[inert]'));
    Object.assign(window, { wanted: new Set(seen), trouble: [] });
    seen.at(-1)?.focus();
  });
  const name = `(e) => e.id || e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40) || e.className`;
  for (let steps = 0; steps < 250; steps++) {
    const more = await page.evaluate(`(() => {
      const name = ${name};
      const e = document.activeElement;
      if (!e || e === document.body) return false;
      wanted.delete(e);
      // The frame of a console or of a field shows the focus for what is in it.
      let shown = false;
      for (let at = e; at && at !== document.body && !shown; at = at.parentElement) {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
        shown = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || (at !== e && at.matches('.console:focus-within, .editor:focus-within') && boxShadow !== 'none');
      }
      // A script gave the first one the focus, which need not be shown.
      if (!shown && ${steps}) trouble.push('nobody sees the focus at ' + name(e));
      const group = (x) => x.closest('[role=toolbar], [role=group], form, fieldset, li, section, nav, header');
      const place = (x) => (x?.closest('.console') ?? x)?.getBoundingClientRect();
      const [a, b] = [place(e), place(window.after)];
      // In one group, the one before is not below the one after, nor behind it in its line.
      if (b && group(e) === group(window.after) && (a.top >= b.bottom || (a.bottom > b.top && a.top < b.bottom && a.left >= b.right)))
        trouble.push(name(e) + ' comes before ' + name(window.after));
      window.after = e;
      return true;
    })()`);
    if (!more) break;
    await page.keyboard.press('Shift+Tab');
  }
  const trouble = await page.evaluate(`[...trouble, ...[...wanted].map((e) => 'not reached: ' + (${name})(e))].join('\\n')`);
  if (trouble) throw new Error(String(trouble));
}

/** @param {Browser} browser @param {string} [only] cases whose names have this */
export async function accessTests(browser, only = '') {
  const fake = await startServer({ mounts: { '/pkg/mips/': FAKE, '/pkg/x86/': FAKE } });
  const real = await startServer();
  /** @param {string} name @param {string} url @param {(page: Page) => Promise<unknown>} body */
  const onPage = async (name, url, body) => {
    if (!name.includes(only)) return;
    await test(`access: ${name}`, async () => {
      const context = await browser.newContext({ serviceWorkers: 'block', viewport: DESK });
      try {
        const page = await context.newPage();
        if (url === fake.url) await page.route('**/guests/index.json', (route) => route.fulfill({ json: GUESTS }));
        await page.goto(url);
        await body(page);
      } finally {
        await context.close();
      }
    });
  };
  try {
    for (const { name, at, ready, high } of VIEWS) {
      await onPage(name, fake.url + at, async (page) => {
        await ready(page);
        await check(page, { high });
        if (WALKED.includes(name)) await walk(page);
      });
    }
    await onPage('Lab view', `${real.url}?guest=lab&paused&icount=3`, async (page) => {
      await state(page, 'prelaunch');
      await page.getByRole('button', { name: 'Lab view' }).click();
      await page.waitForSelector('.lab-view [aria-current]');
      for (const tab of LAB_TABS) {
        await page.getByRole('tab', { name: tab }).click();
        await check(page, tab === LAB_TABS[0] ? {} : { within: '.tabs-pane' }).catch((e) => {
          throw new Error(`${tab}: ${e.message}`);
        });
      }
      await page.getByRole('tab', { name: 'Memory' }).click();
      await walk(page);
    });
    await onPage('labs', `${real.url}labs/?lab=hello`, async (page) => {
      await page.waitForSelector('.step');
      await page.getByRole('button', { name: 'Check' }).click();
      await page.waitForSelector('.step.failed');
      await page.getByRole('textbox', { name: 'Source' }).fill('frob\n');
      await page.getByRole('button', { name: 'Check' }).click();
      await page.locator('#errors').waitFor();
      await check(page);
      await walk(page);
    });
    await onPage('elements', `${real.url}examples/plain/`, async (page) => {
      await page.locator('#answer').getByText('big-endian').waitFor();
      await check(page);
    });
    for (const name of fs.readdirSync(new URL('docs/', WWW)).filter((n) => n.endsWith('.html'))) {
      await onPage(`docs/${name}`, `${real.url}docs/${name}`, (page) => check(page));
    }
  } finally {
    fake.close();
    real.close();
  }
}
