// @ts-check
/**
 * A PC with cards of the options form, and a folder that page and guest share: Debian finds the disk behind a card, mounts the folder of files
 * dropped onto the page, reads and writes it; what it writes can be downloaded, and is there in another tab that goes on from a snapshot.
 */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { same, test } from './report.mjs';

const INITRD = fileURLToPath(new URL('../../build/guests/i386/initrd-cards.gz', import.meta.url));
/** A boot on a busy machine. */
const LIMIT_MS = 300_000;

/** @param {import('../../www/node_modules/playwright-core/index.js').Browser} browser @param {string} url */
export async function shareTests(browser, url) {
  // Debian's guests are not everywhere; only with these modules does the kernel know virtio.
  if (!fs.existsSync(INITRD)) return;
  await test('chromium: Debian with cards of the form, and a folder shared with the page', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    try {
      const says = (/** @type {string} */ text, on = page) =>
        on.waitForFunction((t) => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(t), text);
      const type = async (/** @type {string} */ line, on = page) => {
        await on.locator('#console').click();
        await on.keyboard.type(`${line}\r`);
      };
      await page.goto(`${url}?guest=debian-i386&setup`);
      const cards = page.getByLabel('PCI cards');
      await cards.selectOption('virtio-blk-pci');
      const disk = Buffer.alloc(1 << 20);
      disk.write('BEHIND-THE-CARD\n');
      await page.locator('.cards-chosen li', { hasText: 'virtio disk' }).locator('input[type=file]').setInputFiles([{ name: 'disk.img', mimeType: '', buffer: disk }]);
      await cards.selectOption('e1000');
      await page.locator('.cards-chosen li', { hasText: '82540EM' }).getByLabel('Leads to').selectOption('user');
      const line = '-blockdev driver=raw,node-name=card0,file.driver=file,file.filename=disk.img -device virtio-blk-pci,drive=card0 -netdev user,id=net0 -device e1000,netdev=net0';
      await page.locator('#setup-line').getByText(line).waitFor();
      await page.getByRole('button', { name: 'Create and run' }).click();
      await says('guest#');

      await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File(['FROM-THE-PAGE\n'], 'first.txt'));
        dispatchEvent(new DragEvent('dragover', { dataTransfer: data, cancelable: true }));
        document.getElementById('drop-share')?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true }));
      });
      await page.locator('[data-file="first.txt"]').waitFor();
      await type('share; insmod /cards/virtio_blk.ko; clear; echo $(grep -c BEHIND-THE-CARD /dev/vda) on the disk, $(cat /mnt/first.txt)');
      await says('1 on the disk, FROM-THE-PAGE');
      await type('mkdir /mnt/sub; (cat /mnt/first.txt; echo AND-THE-GUEST) > /mnt/sub/made.txt; date +%Y');
      await page.locator('[data-file="sub/made.txt"]').waitFor();
      const coming = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Download sub/made.txt' }).click();
      const download = await coming;
      same(download.suggestedFilename(), 'made.txt');
      same(fs.readFileSync(await download.path(), 'utf8'), 'FROM-THE-PAGE\nAND-THE-GUEST\n');
      // More files while the guest has it mounted.
      await page.locator('#share-files').setInputFiles([{ name: 'second.txt', mimeType: '', buffer: Buffer.from('MORE-OF-IT') }]);
      await page.locator('[data-file="second.txt"]').waitFor();
      await type('clear; cat /mnt/second.txt; echo " is there"');
      await says('MORE-OF-IT is there');

      await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
      const opened = context.waitForEvent('page');
      await page.getByRole('link', { name: /^Open in a tab/ }).click();
      const tab = await opened;
      tab.setDefaultTimeout(LIMIT_MS);
      await says('MORE-OF-IT is there', tab);
      await type('clear; echo 3 > /proc/sys/vm/drop_caches; tail -n 1 /mnt/sub/made.txt; echo $(grep -c BEHIND-THE-CARD /dev/vda) in the other tab', tab);
      await says('AND-THE-GUEST', tab);
      await says('1 in the other tab', tab);
    } finally {
      await context.close();
    }
  });
}
