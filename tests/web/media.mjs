// @ts-check
/**
 * Files dropped onto the page while Debian runs: they are on the CD that the guest reads, and so are the next ones; another tab that goes on
 * from a snapshot has the CD too.
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { test } from './report.mjs';

const GUEST = fileURLToPath(new URL('../../build/guests/mipsel/', import.meta.url));
/** A boot on a busy machine. */
const LIMIT_MS = 300_000;

/** @param {import('../../www/node_modules/playwright-core/index.js').Browser} browser @param {string} url */
export async function mediaTests(browser, url) {
  // Debian's guests are not everywhere; only with its modules does the kernel know CDs.
  if (!fs.existsSync(`${GUEST}initrd-devices.gz`)) return;
  await test('chromium: a running Debian reads dropped files from its CD', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    try {
      const says = (/** @type {string} */ text, on = page) =>
        on.waitForFunction((t) => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(t), text);
      const drop = (/** @type {string} */ name, /** @type {string} */ text) =>
        page.evaluate(([name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text ?? ''], name ?? ''));
          for (const type of ['dragover', 'drop']) dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }));
        }, [name, text]);
      const type = async (/** @type {string} */ line, on = page) => {
        await on.locator('#console').click();
        await on.keyboard.type(`${line}\r`);
      };
      await page.goto(url);
      await page.locator('#own-files').setInputFiles([`${GUEST}vmlinux`, `${GUEST}initrd-devices.gz`]);
      await page.getByRole('button', { name: 'Create and run' }).click();
      await says('guest#');
      await drop('first.txt', 'CD-HAS-THIS');
      await page.locator('.drive').getByText('first.txt on a CD').waitFor();
      await type('cd /devices; for m in ata_piix cdrom sr_mod; do insmod $m.ko; done; sleep 3; clear; echo $(grep -c CD-HAS-THIS /dev/sr0) in the first');
      await says('1 in the first');
      await drop('second.txt', 'CD-HAS-THAT');
      await page.locator('.drive').getByText('second.txt on a CD').waitFor();
      await type('clear; echo $(grep -c CD-HAS-THIS /dev/sr0) and $(grep -c CD-HAS-THAT /dev/sr0) in the second');
      await says('0 and 1 in the second');
      await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
      const opened = context.waitForEvent('page');
      await page.getByRole('link', { name: /^Open in a tab/ }).click();
      const tab = await opened;
      tab.setDefaultTimeout(LIMIT_MS);
      await says('0 and 1 in the second', tab);
      await type('clear; echo 3 > /proc/sys/vm/drop_caches; echo $(grep -c CD-HAS-THAT /dev/sr0) in the other tab', tab);
      await says('1 in the other tab', tab);
      await tab.close();
      if (!(await page.getByRole('button', { name: 'Eject CD' }).isVisible())) await page.locator('#tool-media').click();
      await page.getByRole('button', { name: 'Eject CD' }).click();
      await page.locator('.drive', { hasText: 'CD' }).getByText('empty').waitFor();
      await type('clear; grep -c . /dev/sr0 || echo no medium in it');
      await says('no medium in it');
    } finally {
      await context.close();
    }
  });
}
