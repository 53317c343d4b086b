// @ts-check
/** Tests of the page itself, with a stand-in for the emulator: buttons, keyboard, errors, and what it must not do. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';
import { same, test } from './report.mjs';

const FAKE = fileURLToPath(new URL('fake/', import.meta.url));

/** @typedef {import('../../www/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {import('../../www/node_modules/playwright-core/index.js').Browser} Browser */

/** Waits until the console shows a text. @param {Page} page @param {string} text */
export async function shows(page, text) {
  await page.waitForFunction(
    (wanted) => (document.querySelector('.xterm-rows')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(wanted),
    text,
  );
}

/** Waits until the lab guest has its prompt, and the console the keys. @param {Page} page */
export async function ready(page) {
  await shows(page, 'lab>');
  await page.waitForFunction(() => document.getElementById('console')?.contains(document.activeElement));
}

/** @param {Page} page @param {string} id @param {string} text */
async function reads(page, id, text) {
  await page.waitForFunction(([i, t]) => document.getElementById(i ?? '')?.textContent === t, [id, text]);
}

/** @param {Browser} browser @param {string} [only] cases whose names have this */
export async function pageTests(browser, only = '') {
  const server = await startServer({ mounts: { '/pkg/mips/': FAKE, '/pkg/x86/': FAKE } });
  /**
   * A case on a fresh page; complaints of the browser and requests elsewhere fail it.
   * @param {string} name
   * @param {(page: Page) => Promise<void>} body
   * @param {import('../../www/node_modules/playwright-core/index.js').BrowserContextOptions & { at?: string, refuses?: boolean }} [options] `at`: the address's query; a
   * machine runs there; `refuses`: the browser will complain
   */
  const onPage = (name, body, { at = '?guest=lab', refuses = false, ...options } = {}) =>
    !name.includes(only) ? undefined : test(`page: ${name}`, async () => {
      const context = await browser.newContext({ serviceWorkers: 'block', ...options });
      try {
        const page = await context.newPage();
        /** @type {string[]} */
        const complaints = [];
        await page.addInitScript(() => {
          const all = /** @type {string[]} */ (/** @type {any} */ (window).refused = []);
          // The server's policy and the page's own refuse the same.
          addEventListener('securitypolicyviolation', (ev) => all.includes(ev.effectiveDirective) || all.push(ev.effectiveDirective));
        });
        page.on('console', (m) => m.type() === 'error' && !refuses && complaints.push(m.text()));
        page.on('pageerror', (e) => complaints.push(e.message));
        page.on('request', (r) => r.url().startsWith(server.url) || complaints.push(`asked for ${r.url()}`));
        await page.goto(server.url + at);
        if (at === '?guest=lab') await ready(page);
        await body(page);
        if (complaints.length) throw new Error(complaints.join('\n'));
      } finally {
        await context.close();
      }
    });

  await onPage(
    'the chooser: a card for each guest, Start, and back',
    async (page) => {
      const card = page.locator('[data-guest=lab]');
      same((await card.locator('.facts').innerText()).trim(), 'MIPS Malta · 24Kf · 32 MiB');
      await card.getByRole('button', { name: 'Start' }).click();
      await shows(page, 'lab>');
      same(new URL(page.url()).search, '?guest=lab');
      await reads(page, 'which', 'Lab, MIPS32, little-endian');
      await page.goBack();
      await card.waitFor();
      await page.goForward();
      await shows(page, 'lab>');
      await page.getByRole('link', { name: 'Tinamou, all machines' }).click();
      await card.waitFor();
    },
    { at: '' },
  );
  await onPage(
    'the options: a form of QMP’s, its command line, its link',
    async (page) => {
      await page.locator('[data-guest=lab]').getByRole('button', { name: 'Options…' }).click();
      const line = page.locator('#setup-line');
      await page.getByLabel('CPU model').selectOption('4Kc');
      const memory = page.getByLabel('Memory');
      same(await memory.inputValue(), '32');
      await memory.fill('3G');
      await memory.press('Enter');
      await page.locator('#setup-m-note').getByText('does not accept').waitFor();
      await memory.fill('64M');
      await page.getByLabel('Kernel command line').fill("it's one two");
      await page.getByLabel('Network', { exact: true }).fill('a b');
      await page.getByLabel('Network', { exact: true }).blur();
      await page.locator('#setup-lan-note').getByText('letters, digits').waitFor();
      await page.getByLabel('Network', { exact: true }).fill('class');
      await page.getByLabel('Network', { exact: true }).blur();
      await page.locator('#setup-line').getByText('-nic socket,connect=localhost:1234').waitFor();
      await page.getByLabel('Network interface').uncheck();
      await page.getByLabel('Counted time').fill('4');
      await page.getByLabel('Counted time').blur();
      await page.waitForFunction(() => document.getElementById('setup-line')?.textContent?.includes('shift=4'));
      same(await line.innerText(), "tinamou system-mipsel -M malta -cpu 4Kc -m 64 -icount shift=4 -net none -kernel lab-mipsel.elf -append 'it'\\''s one two' -nographic");
      await page.getByRole('button', { name: 'Create, paused' }).click();
      await reads(page, 'state', 'prelaunch');
      same(new URL(page.url()).search, '?guest=lab&cpu=4Kc&m=64&append=it%27s+one+two&nic=false&icount=4&lan=class&paused');
      await page.getByRole('button', { name: 'Run' }).click();
      await shows(page, "it's one two");
      await shows(page, '{"nic":false}');
      // The address makes the same machine.
      await page.reload();
      await reads(page, 'state', 'prelaunch');
      await shows(page, "it's one two");
    },
    { at: '' },
  );
  await onPage(
    'own files are recognised and put where they belong',
    async (page) => {
      const elf = Buffer.alloc(64);
      elf.set([0x7f, 0x45, 0x4c, 0x46, 1, 1], 0);
      elf[18] = 8;
      await page.locator('#own-files').setInputFiles([
        { name: 'vmlinux-own', mimeType: '', buffer: elf },
        { name: 'root.gz', mimeType: '', buffer: Buffer.from([0x1f, 0x8b, 8, 0]) },
      ]);
      await page.locator('#setup-kernel').getByText('vmlinux-own').waitFor();
      const line = await page.locator('#setup-line').innerText();
      if (!/system-mipsel .*-kernel vmlinux-own -initrd root.gz/.test(line)) throw new Error(line);
      await page.getByRole('button', { name: 'Create and run' }).click();
      await shows(page, 'lab>');
      await page.goto(server.url);
      await page.locator('#own-files').setInputFiles([{ name: 'cd.iso', mimeType: '', buffer: Buffer.concat([Buffer.alloc(0x8001), Buffer.from('CD001')]) }]);
      await page.locator('#setup-line').getByText('-cdrom cd.iso').waitFor();

      // Picked while the page has no script yet.
      let release = () => {};
      const released = new Promise((/** @type {(_: void) => void} */ go) => (release = go));
      await page.route('**/*.js', async (route) => {
        await released;
        await route.continue();
      });
      await page.goto(server.url, { waitUntil: 'commit' });
      await page.locator('#own-files').setInputFiles([{ name: 'vmlinux-early', mimeType: '', buffer: elf }]);
      release();
      await page.locator('#setup-kernel').getByText('vmlinux-early').waitFor();
    },
    { at: '' },
  );

  await onPage(
    'the options of a PC: cards, virtio disks, boot order, no graphics, a date',
    async (page) => {
      const says = (/** @type {string} */ text) => page.locator('#setup-line').getByText(text).waitFor();
      await page.getByLabel('PCI cards').selectOption('rtl8139');
      await says('-device rtl8139');
      await page.getByLabel('PCI cards').selectOption('virtio-rng-pci');
      const properties = page.locator('.cards-chosen li', { hasText: 'Realtek' });
      await properties.getByText('Properties').click();
      await properties.getByLabel('Address (mac)').fill('52:54:00:00');
      await properties.getByLabel('Address (mac)').blur();
      await page.locator('#setup-devices-note').getByText('six pairs').waitFor();
      await properties.getByLabel('Address (mac)').fill('52:54:00:00:00:07');
      await properties.getByLabel('Slot (addr)').fill('0x9');
      await properties.getByLabel('Slot (addr)').blur();
      await says('-device rtl8139,mac=52:54:00:00:00:07,addr=0x9 -device virtio-rng-pci');
      await page.getByRole('button', { name: 'Copy link' }).waitFor();
      await page.getByRole('button', { name: 'Remove Realtek' }).click();
      await page.getByLabel('Boot order').fill('dc');
      await page.getByLabel('Boot order').blur();
      await page.getByLabel('Graphics card').uncheck();
      await page.getByLabel('Date at start (UTC)').fill('2001-02-03T04:05:06');
      await page.getByLabel('Date at start (UTC)').blur();
      await page.locator('#setup-virtio0').locator('~ input').setInputFiles({ name: 'disk.img', mimeType: '', buffer: Buffer.alloc(512) });
      const line = '-rtc base=2001-02-03T04:05:06 -vga none -device virtio-rng-pci -bios bios.bin -drive file=disk.img,if=virtio -boot dc';
      await says(line);
      await page.getByRole('button', { name: 'Create, paused' }).click();
      await reads(page, 'state', 'prelaunch');
      same(new URL(page.url()).search, '?guest=seabios&devices=virtio-rng-pci&vga=false&rtc=981173106&boot=dc&paused');
      await page.locator('#tab-serial0').click();
      await page.getByRole('button', { name: 'Run' }).click();
      await shows(page, '{"devices":[{"driver":"virtio-rng-pci"}],"vga":false,"rtc":981173106}');
      await page.goto(`${server.url}?guest=seabios&devices=virtio-rng-pci&vga=false&rtc=981173106&boot=dc&setup`);
      await says('-rtc base=2001-02-03T04:05:06 -vga none -device virtio-rng-pci -bios bios.bin -boot dc');
      same(await page.getByLabel('Date at start (UTC)').inputValue(), '2001-02-03T04:05:06');
    },
    { at: '?guest=seabios&setup' },
  );
  await onPage('drives: dropped files become a CD, images go where they belong, eject', async (page) => {
    const drive = (/** @type {string} */ name, /** @type {string} */ text) => page.locator('.drive', { hasText: name }).getByText(text).waitFor();
    /** @param {[string, number][]} files names and sizes */
    const drop = (files) =>
      page.evaluate((all) => {
        const data = new DataTransfer();
        for (const [name, size] of all) data.items.add(new File([new Uint8Array(size)], name));
        for (const type of ['dragover', 'drop']) dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }));
      }, files);
    await drop([['a.txt', 3], ['b.txt', 4000]]);
    await drive('CD', '2 files on a CD');
    await drop([['c.txt', 3]]);
    await drive('CD', 'c.txt on a CD');
    await drop([['boot.img', 1_474_560]]);
    await drive('Floppy 0', 'boot.img');
    await page.getByRole('button', { name: 'Eject CD' }).click();
    await drive('CD', 'empty');
    await page.getByRole('button', { name: 'Insert into Floppy 0' }).click();
    await page.locator('#media-files').setInputFiles([{ name: 'x', mimeType: '', buffer: Buffer.alloc(1) }, { name: 'y', mimeType: '', buffer: Buffer.alloc(1) }]);
    await page.locator('#media-note').getByText('A floppy holds one image').waitFor();
  });
  await onPage(
    'a folder shared with the guest: dropped files, its own files',
    async (page) => {
      // Files that come before the machine is made wait for it.
      let go = () => {};
      const held = new Promise((/** @type {(v?: unknown) => void} */ resolve) => (go = resolve));
      await page.route(/guests\/seabios\./, (route) => held.then(() => route.continue()));
      await page.reload();
      await page.locator('#state', { hasText: 'loading' }).waitFor();
      await page.locator('#tool-media').click();
      same(String(await page.locator('#share-how').isVisible()), 'false');
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File(['of the page'], 'a.txt'));
        dispatchEvent(new DragEvent('dragover', { dataTransfer: data, cancelable: true }));
        document.getElementById('drop-share')?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true }));
      });
      go();
      await page.locator('[data-file="a.txt"]').getByText('11 B').waitFor();
      await page.locator('#share-how').getByText('mount -t 9p -o trans=virtio share /mnt').waitFor();
      const coming = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Download from/guest.txt' }).click();
      same(fs.readFileSync(await (await coming).path(), 'utf8'), 'of the guest');
      await page.locator('#share-files').setInputFiles([{ name: 'b.txt', mimeType: '', buffer: Buffer.from('more') }]);
      await page.locator('[data-file="b.txt"]').waitFor();
      await page.getByRole('button', { name: 'Delete b.txt' }).click();
      await page.locator('[data-file="b.txt"]').waitFor({ state: 'detached' });
      await page.locator('[data-file="a.txt"]').waitFor();
      // Another machine has no such files.
      await page.getByRole('button', { name: 'Restart' }).click();
      await page.waitForFunction(() => !document.querySelector('[data-file]'));
      // The card was plugged once.
      await page.locator('#tab-serial0').click();
      await shows(page, 'lab>');
    },
    { at: '?guest=seabios' },
  );
  await onPage(
    'a folder that is dropped is all the files in it',
    async (page) => {
      const found = await page.evaluate(async () => {
        const { droppedFiles } = await import(new URL('dropped.js', location.href).href);
        const file = (/** @type {string} */ name, /** @type {string} */ text) => ({ isFile: true, isDirectory: false, name, file: (/** @type {(f: File) => void} */ done) => done(new File([text], name)) });
        const folder = (/** @type {string} */ name, /** @type {object[]} */ entries) => ({
          isFile: false, isDirectory: true, name, createReader: () => ({ readEntries: (/** @type {(e: object[]) => void} */ done) => done(entries.splice(0, 1)) }),
        });
        const item = (/** @type {object} */ entry) => ({ webkitGetAsEntry: () => entry });
        const data = { files: [], items: [item(folder('top', [file('x', '1'), folder('in', [file('y', '22'), file('z', '')])])), item(file('alone', '333'))] };
        return (await droppedFiles(data)).map((/** @type {File} */ f) => `${f.name}:${f.size}`).join(' ');
      });
      same(found, 'top/x:1 top/in/y:2 top/in/z:0 alone:3');
    },
    { at: '' },
  );
  await onPage(
    'a PC’s kernel on its own screen, from its card and from the options',
    async (page) => {
      const of = { target: 'i386', machine: 'pc', ramMib: 64, bytes: 1 };
      const guests = [
        { ...of, id: 'linux', title: 'Linux', append: 'console=ttyS0,115200 quiet', files: { kernel: 'linux.kernel' } },
        { ...of, id: 'bare', title: 'Bare', append: 'one two', files: { kernel: 'linux.kernel' } },
        { ...of, id: 'bios', title: 'Firmware', shows: 'display', files: { bios: 'linux.kernel', vgaBios: 'bios.vga.bin' } },
      ];
      await page.route('**/guests/index.json', (route) => route.fulfill({ json: { guests } }));
      await page.route(/guests\/(linux|bios)\./, (route) => route.fulfill({ body: 'x' }));
      await page.goto(server.url);
      const card = (/** @type {string} */ id) => page.locator(`[data-guest=${id}]`);
      await card('linux').waitFor();
      same(String(await card('bare').getByRole('button', { name: 'On screen' }).count()), '0');
      await card('linux').getByRole('button', { name: 'On screen' }).click();
      await page.waitForFunction(() => document.querySelector('#tab-display')?.getAttribute('aria-selected') === 'true');
      await reads(page, 'state', 'running');
      same(new URL(page.url()).search, '?guest=linux&append=console%3Dtty0&shows=display');
      await page.goto(`${server.url}?guest=linux&setup`);
      const says = (/** @type {string} */ text) => page.locator('#setup-line').getByText(text, { exact: true }).waitFor();
      await says("tinamou system-i386 -M pc -m 64 -kernel kernel -append 'console=ttyS0,115200 quiet' -nographic");
      await page.locator('#setup-shows').selectOption('display');
      await says("tinamou system-i386 -M pc -m 64 -kernel kernel -append console=tty0");
      same(await page.locator('#setup-vgaBios').innerText(), 'vga.bin');
      same(await page.getByLabel('Kernel command line').inputValue(), 'console=tty0');
      await page.locator('#setup-share').locator('~ input').setInputFiles([{ name: 'a', mimeType: '', buffer: Buffer.from('a') }]);
      await says("tinamou system-i386 -M pc -m 64 -virtfs local,path=FOLDER,mount_tag=share,security_model=none -kernel kernel -append console=tty0");
      await page.getByLabel('PCI cards').selectOption('virtio-blk-pci');
      await page.getByRole('button', { name: 'Create and run' }).click();
      await page.locator('#setup-devices-note').getByText('needs an image').waitFor();
      await page.locator('.cards-chosen input[type=file]').setInputFiles([{ name: 'own.qcow2', mimeType: '', buffer: Buffer.alloc(512) }]);
      await page.getByLabel('PCI cards').selectOption('e1000');
      await page.getByLabel('Leads to').selectOption('user');
      await says('tinamou system-i386 -M pc -m 64 -blockdev driver=qcow2,node-name=card0,file.driver=file,file.filename=own.qcow2 -device virtio-blk-pci,drive=card0 ' +
        "-netdev user,id=net0 -device e1000,netdev=net0 -virtfs local,path=FOLDER,mount_tag=share,security_model=none -kernel kernel -append console=tty0");
      await page.getByRole('button', { name: 'Create and run' }).click();
      await reads(page, 'state', 'running');
      same(new URL(page.url()).search, '?guest=linux&append=console%3Dtty0&devices=e1000%2Cnetdev%3Dnet0&shows=display&share');
      await page.locator('#tab-serial0').click();
      await shows(page, 'user net0');
      await shows(page, '{"driver":"virtio-9p-pci","id":"share","fsdev":"share","mount_tag":"share"}');
      await page.reload();
      await page.waitForFunction(() => document.querySelector('#tab-display')?.getAttribute('aria-selected') === 'true');
      await reads(page, 'state', 'running');
    },
    { at: '' },
  );
  await onPage('full screen, and back', async (page) => {
    await page.locator('#more summary').click();
    await page.getByRole('button', { name: 'Full screen' }).click();
    await page.waitForFunction(() => document.fullscreenElement?.id === 'stage');
    await page.keyboard.type('big\r');
    await shows(page, 'you typed: big');
    await page.evaluate(() => document.exitFullscreen());
    await page.waitForFunction(() => !document.fullscreenElement);
  });
  await onPage('the console: find, copy, links', async (page) => {
    await page.evaluate(() => {
      const told = /** @type {string[]} */ (/** @type {any} */ (window).told = []);
      navigator.clipboard.writeText = async (text) => void told.push(text);
      window.open = /** @type {any} */ (() => ({ opener: null, location: { set href(/** @type {string} */ url) { told.push(url); } } }));
    });
    const told = () => page.evaluate(() => /** @type {any} */ (window).told.pop());
    const more = async (/** @type {string} */ name) => {
      await page.locator('#more summary').click();
      await page.getByRole('button', { name }).click();
    };
    await page.keyboard.type('needle one\rneedle two\rhttp://localhost/there\r');
    await shows(page, 'you typed: http://localhost/there');
    await more('Copy text');
    await page.locator('#announce').getByText('Copied').waitFor({ state: 'attached' });
    if (!/you typed: needle two\n/.test(await told())) throw new Error('the whole console is not copied');
    // By a key of the console, and by the menu.
    await page.keyboard.press('Control+Shift+F');
    const field = page.getByRole('searchbox', { name: 'Find' });
    await field.fill('needle');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await field.waitFor({ state: 'hidden' });
    await page.waitForFunction(() => document.getElementById('console')?.contains(document.activeElement));
    await more('Copy text');
    same(await page.waitForFunction(() => /** @type {any} */ (window).told.pop()).then((h) => h.jsonValue()), 'needle');
    await more('Find…');
    await field.fill('haystack');
    await page.locator('#find-note').getByText('not there').waitFor();
    await page.getByRole('button', { name: 'The one before' }).click();
    await page.getByRole('search').getByRole('button', { name: 'Close' }).click();
    await field.waitFor({ state: 'hidden' });
    // What looks like an address can be clicked.
    const link = await page.waitForFunction(() => {
      const row = [...document.querySelectorAll('.xterm-rows > div')].find((r) => r.textContent?.includes('typed:') && r.textContent.includes('http://localhost/there'));
      const span = row?.lastElementChild?.getBoundingClientRect() ?? row?.getBoundingClientRect();
      return span && { right: span.right, y: span.top + span.height / 2 };
    }).then((h) => h.jsonValue());
    await page.mouse.move((link?.right ?? 0) - 40, (link?.y ?? 0) - 60);
    await page.mouse.move((link?.right ?? 0) - 20, link?.y ?? 0, { steps: 4 });
    await page.waitForSelector('.xterm-cursor-pointer');
    await page.mouse.down();
    await page.mouse.up();
    same(await page.waitForFunction(() => /** @type {any} */ (window).told.pop()).then((h) => h.jsonValue()), 'http://localhost/there');
  });
  await onPage('the policy: nothing of the page is refused, inline styles and scripts are', async (page) => {
    const refused = () => page.evaluate(() => /** @type {any} */ (window).refused.join());
    same(await refused(), '');
    // Colours that are in no style sheet.
    await page.keyboard.press('Escape');
    await page.keyboard.type('[38;2;200;30;40mred');
    await page.waitForFunction(() => [...document.querySelectorAll('.xterm-rows span')].some((s) => getComputedStyle(s).color === 'rgb(200, 30, 40)'));
    same(await refused(), '');
    await page.evaluate(() => {
      document.body.append(Object.assign(document.createElement('style'), { textContent: 'body { color: red }' }));
      document.body.setAttribute('style', 'color: red');
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'document.title = "it ran"' }));
    });
    await page.waitForFunction(() => /** @type {any} */ (window).refused.length === 3);
    same(await refused(), 'style-src-elem,style-src-attr,script-src-elem');
  }, { refuses: true });
  await onPage('the console is told to a screen reader, if that is wanted', async (page) => {
    const more = async () => {
      await page.locator('#more summary').click();
      await page.getByRole('button', { name: 'Read aloud' }).click();
    };
    const heard = (/** @type {string} */ text) =>
      page.waitForFunction((t) => (document.querySelector('.xterm-accessibility .live-region')?.textContent ?? '').replaceAll('\u00a0', ' ').includes(t), text);
    same(String(await page.locator('.xterm-accessibility').count()), '0');
    await more();
    await page.waitForFunction(() => document.querySelector('.xterm-accessibility-tree')?.textContent?.includes('fake machine'));
    await page.keyboard.type('hello\r');
    await heard('you typed: hello');
    // It is remembered.
    await page.reload();
    await ready(page);
    await page.locator('.xterm-accessibility').waitFor({ state: 'attached' });
    await more();
    await page.locator('.xterm-accessibility').waitFor({ state: 'detached' });
  });
  await onPage('the status line', async (page) => {
    await reads(page, 'state', 'running');
    await page.waitForFunction(() => /MIPS$/.test(document.getElementById('mips')?.textContent ?? ''));
    await page.waitForFunction(() => /^0:00:\d\d\.\d$/.test(document.getElementById('clock')?.textContent ?? ''));
    await reads(page, 'tiers', '98 %');
    await reads(page, 'regions', '345');
  });
  await onPage('no row of the console is cut off', async (page) => {
    for (const height of [800, 793, 786, 640]) {
      await page.setViewportSize({ width: 1000, height });
      await page.waitForFunction(() => {
        const row = document.querySelector('.xterm-rows')?.lastElementChild?.getBoundingClientRect();
        const frame = document.getElementById('console')?.getBoundingClientRect();
        return row && frame && row.bottom <= frame.bottom && row.bottom > frame.bottom - 40;
      });
    }
  });
  await onPage('what is typed reaches the guest', async (page) => {
    await page.keyboard.type('hello\r');
    await shows(page, 'you typed: hello');
  });
  await onPage('pause, run, reset, power, restart, quit', async (page) => {
    const press = (/** @type {string} */ name) => page.getByRole('button', { name, exact: true }).click();
    await press('Pause');
    await reads(page, 'state', 'paused');
    await press('Run');
    await reads(page, 'state', 'running');
    await press('Reset');
    await shows(page, 'reset');
    await page.locator('#tool-qmp').click();
    await press('Power');
    await page.locator('#qmp-log .event', { hasText: 'POWERDOWN' }).waitFor();
    await press('Restart');
    await shows(page, 'fake machine');
    await reads(page, 'state', 'running');
    await press('Quit');
    await reads(page, 'state', 'off');
    if (await page.locator('#run').isEnabled()) throw new Error('Pause is enabled');
  });
  await onPage('a machine that waits', async (page) => {
    await page.goto(`${server.url}?guest=lab&paused`);
    await reads(page, 'state', 'prelaunch');
    await page.getByRole('button', { name: 'Run' }).click();
    await reads(page, 'state', 'running');
  });
  await onPage('a snapshot: taken, listed, resumed here and in another tab, deleted', async (page) => {
    await page.keyboard.type('before');
    await shows(page, 'before');
    await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
    const row = page.locator('#snap-list .row');
    await row.waitFor();
    const opened = page.context().waitForEvent('page');
    await row.getByRole('link', { name: /Open in a tab/ }).click();
    const other = await opened;
    await shows(other, 'resumed');
    await shows(other, 'before');
    const downloaded = page.waitForEvent('download');
    await row.getByRole('button', { name: /Download/ }).click();
    const file = await downloaded;
    if (!/^mipsel-.*\.tinamou$/.test(file.suggestedFilename())) throw new Error(file.suggestedFilename());
    await page.locator('#snap-file').setInputFiles(await file.path());
    await shows(page, 'resumed');
    await page.getByRole('link', { name: 'Tinamou, all machines' }).click();
    await page.locator('#saved-list').getByRole('button', { name: /Resume/ }).click();
    await shows(page, 'resumed');
    await row.getByRole('button', { name: /Delete/ }).click();
    await row.waitFor({ state: 'detached' });
    // The other tab hears of it.
    await other.locator('#saved-list .row').waitFor({ state: 'detached' });
  });
  await onPage('paste, and keys that a touch screen has not', async (page) => {
    const more = async (/** @type {string} */ name) => {
      await page.locator('#more summary').click();
      await page.getByRole('button', { name }).click();
    };
    await more('Paste text…');
    await page.locator('#paste-text').fill('pasted\n');
    await page.getByRole('button', { name: 'Send' }).first().click();
    await shows(page, 'you typed: pasted');
    await more('On-screen keys');
    const key = (/** @type {string} */ name) => page.locator('#screen-keys').getByRole('button', { name, exact: true });
    await page.keyboard.type('x');
    await key('Tab').click();
    await key('Ctrl').click();
    await page.keyboard.type('a');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /you typed: x\s*/.test(document.querySelector('.xterm-rows')?.textContent ?? ''));
  });
  /** What the stand-in answers. @param {Page} page @param {string} command */
  const asked = async (page, command) => {
    const open = page.locator('#tool-qmp');
    if ((await open.getAttribute('aria-expanded')) !== 'true') await open.click();
    await page.evaluate(() => document.getElementById('qmp-log')?.replaceChildren());
    await page.locator('#qmp-input').fill(command);
    await page.locator('#qmp-input').press('Enter');
    await page.waitForFunction(() => document.querySelector('#qmp-log')?.lastElementChild?.className === 'reply');
    return page.locator('#qmp-log .reply').last().innerText();
  };
  const felt = (/** @type {Page} */ page) => asked(page, 'fake-felt');
  await onPage(
    'a network by name: two tabs hear each other, a third one with another name does not',
    async (page) => {
      /** A tab whose machine is on a network. @param {Page} tab @param {string} name */
      const join = async (tab, name) => {
        await tab.goto(`${server.url}?guest=lab&setup`);
        const network = tab.getByLabel('Network', { exact: true });
        await network.fill(name);
        await network.press('Tab');
        await tab.getByRole('button', { name: 'Create and run' }).click();
        await ready(tab);
        return tab;
      };
      const one = await join(page, 'class');
      const two = await join(await page.context().newPage(), 'class');
      const other = await join(await page.context().newPage(), 'other');
      const last = await join(await page.context().newPage(), 'other');
      await one.bringToFront();
      await one.keyboard.type('frame first\r');
      await shows(two, 'says first');
      await last.bringToFront();
      await last.keyboard.type('frame second\r');
      await shows(other, 'says second');
      await two.bringToFront();
      await two.keyboard.type('frame third\r');
      await shows(one, 'says third');
      const heard = (/** @type {Page} */ tab) => tab.evaluate(() => [...document.querySelectorAll('.xterm-rows > div')].flatMap((row) => /heard: (\S+) says (\w+)/.exec((row.textContent ?? '').replaceAll('\u00a0', ' '))?.slice(1).join(' ') ?? []));
      const all = (await Promise.all([one, two, other, last].map(heard))).flat();
      same(all.map((said) => said.split(' ')[1]).join(), 'third,first,second');
      // Addresses of Ethernet, each another.
      if (new Set(all.map((said) => said.split(' ')[0])).size !== 3 || !all.every((said) => /^52:54:00(:[0-9a-f]{2}){3} /.test(said))) throw new Error(all.join());
    },
    { at: '' },
  );
  await onPage('a hidden page leaves the machine less time', async (page) => {
    const hidden = (/** @type {boolean} */ now) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, now);
    /** Waits until the pauses between the machine's turns are such. @param {(ms: number) => boolean} wanted */
    const rests = async (wanted) => {
      for (let tries = 0; tries < 100; tries++) if (wanted(Number(JSON.parse(await asked(page, 'fake-rests'))))) return;
      throw new Error('its pauses are others');
    };
    await page.keyboard.type('busy\r');
    await shows(page, 'you typed: busy');
    await rests((ms) => ms < 25);
    await hidden(true);
    await rests((ms) => ms >= 25);
    await hidden(false);
    await rests((ms) => ms < 25);
  });
  await onPage(
    'the display: drawn when it changes, keyboard, mouse, Ctrl+Alt+Del',
    async (page) => {
      const canvas = page.locator('#display canvas');
      const red = (/** @type {number} */ x, /** @type {number} */ y) =>
        page.waitForFunction(([x, y]) => {
          const c = /** @type {HTMLCanvasElement} */ (document.querySelector('#display canvas'));
          return c.width === 320 && c.getContext('2d')?.getImageData(x ?? 0, y ?? 0, 1, 1).data[0] === 255;
        }, [x, y]);
      await red(5, 5);
      await page.waitForFunction(() => document.activeElement?.tagName === 'CANVAS');
      await page.keyboard.press('a');
      await red(45, 5);
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('ArrowUp');
      same(await felt(page), '1e+ 1e- 2a+ f+ f- 2a- c8+ c8-');
      await page.locator('#more summary').click();
      await page.getByRole('button', { name: 'Ctrl+Alt+Del' }).click();
      same((await felt(page)).slice(-23), '1d+ 38+ d3+ d3- 38- 1d-');
      // Ctrl+Alt alone leaves.
      await canvas.click();
      await page.keyboard.press('Control+Alt');
      await page.waitForFunction(() => document.activeElement?.id === 'run');
      // The mouse belongs to the guest while it is captured.
      await page.locator('#more summary').click();
      await page.getByRole('button', { name: 'Capture the mouse' }).click();
      await page.waitForFunction(() => document.pointerLockElement?.tagName === 'CANVAS');
      await page.mouse.move(300, 300);
      await page.mouse.down();
      await page.mouse.up();
      await page.evaluate(() => document.exitPointerLock());
      if (!/m1 .*m0/.test(await felt(page))) throw new Error(await felt(page));
      // Sizes.
      await page.locator('#scale').evaluate((s) => {
        /** @type {HTMLSelectElement} */ (s).value = '2';
        s.dispatchEvent(new Event('change'));
      });
      same(await canvas.evaluate((c) => c.style.width), '640px');
    },
    { at: '?guest=seabios' },
  );
  await onPage(
    'a phone: its keyboard types at the display, its keys are there',
    async (page) => {
      const keys = page.locator('#screen-keys');
      await keys.waitFor();
      await keys.getByRole('button', { name: 'Keyboard' }).tap();
      await page.waitForFunction(() => document.activeElement?.id === 'soft-keyboard');
      // What a phone's keyboard sends is text, not keys.
      await page.keyboard.insertText('aB');
      await page.keyboard.press('Enter');
      await keys.getByRole('button', { name: 'Ctrl' }).tap();
      await keys.getByRole('button', { name: 'F1', exact: true }).tap();
      same(await felt(page), '1e+ 1e- 2a+ 30+ 30- 2a- 1c+ 1c- 1d+ 3b+ 3b- 1d-');
    },
    { at: '?guest=seabios', hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } },
  );
  await onPage('the loudspeaker is heard after a click, and can be silenced', async (page) => {
    const sound = page.getByRole('button', { name: 'Sound' });
    same(String(await sound.getAttribute('aria-pressed')), 'false');
    /** Frequencies and volumes that the browser was told. */
    const told = () => page.evaluate(() => /** @type {any} */ (window).told);
    await page.evaluate(() => {
      const told = /** @type {number[]} */ (/** @type {any} */ (window).told = []);
      const original = AudioParam.prototype.setValueAtTime;
      AudioParam.prototype.setValueAtTime = function (value, at) {
        told.push(value);
        return original.call(this, value, at);
      };
    });
    await page.keyboard.type('beep\r');
    await shows(page, 'you typed: beep');
    same(JSON.stringify(await told()), '[]');
    await sound.click();
    same(String(await sound.getAttribute('aria-pressed')), 'true');
    await page.locator('#console').click();
    await page.keyboard.type('beep\r');
    await page.waitForFunction(() => /** @type {any} */ (window).told.length >= 3);
    const [hertz, loud, silent] = await told();
    same(`${hertz} ${loud > 0} ${silent}`, '1000 true 0');
    await sound.click();
    same(String(await sound.getAttribute('aria-pressed')), 'false');
    await page.evaluate(() => (/** @type {any} */ (window).told.length = 0));
    await page.locator('#console').click();
    await page.keyboard.type('beep\r');
    await page.waitForFunction(() => (document.querySelector('.xterm-rows')?.textContent ?? '').match(/you typed: beep/g)?.length === 3);
    same(JSON.stringify(await told()), '[]');
  });
  await onPage('single pulses of the loudspeaker are heard', async (page) => {
    await page.evaluate(() => {
      const peaks = /** @type {number[]} */ (/** @type {any} */ (window).peaks = []);
      const original = AudioBuffer.prototype.copyToChannel;
      AudioBuffer.prototype.copyToChannel = function (source, channel) {
        peaks.push(source.filter((v, n) => v >= 0.5 && (source[n - 1] ?? 0) < 0.5).length);
        return original.call(this, source, channel);
      };
    });
    await page.getByRole('button', { name: 'Sound' }).click();
    await page.locator('#console').click();
    await page.keyboard.type('pulses\r');
    await page.waitForFunction(() => /** @type {any} */ (window).peaks.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0) === 50);
  });
  await onPage('the log of guest errors', async (page) => {
    await page.locator('#tool-log').click();
    await page.locator('#log-lines').getByText('a write to nowhere').first().waitFor();
    await page.locator('#tool-log').click();
    await page.locator('#log').waitFor({ state: 'hidden' });
  });
  await onPage('the QMP console: commands, completion, history, events', async (page) => {
    const input = page.locator('#qmp-input');
    const log = page.locator('#qmp-log');
    if (await input.isVisible()) throw new Error('it is open');
    await page.locator('#tool-qmp').focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'qmp-input');
    // The commands are asked for when it opens.
    const offer = page.locator('#qmp-offers li');
    await page.waitForFunction(() => {
      const field = document.querySelector('#qmp-input');
      field?.dispatchEvent(new Event('input'));
      if (field instanceof HTMLInputElement) field.value = 'query-s';
      return document.querySelectorAll('#qmp-offers li').length === 1;
    });
    same((await offer.allTextContents()).join(), 'query-status');
    await page.keyboard.press('Tab');
    same(await input.inputValue(), 'query-status ');
    await page.keyboard.press('Enter');
    await log.getByText('"status": "running"').waitFor();
    await page.keyboard.type('stop\r');
    await log.locator('.event', { hasText: 'STOP' }).waitFor();
    await reads(page, 'state', 'paused');
    await page.keyboard.type('human');
    await page.keyboard.press('Tab');
    await page.keyboard.type('c');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    same(await page.locator('#qmp-offers [aria-selected=true]').innerText(), 'cpu-index=');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.keyboard.type("'info registers'");
    same(await input.inputValue(), "human-monitor-command command-line='info registers'");
    same(await page.locator('#qmp-hint').innerText(), 'human-monitor-command command-line=string [cpu-index=integer]');
    await page.keyboard.press('Enter');
    await log.getByText('pc 00000000').waitFor();
    await page.keyboard.type('nonsense\r');
    await log.getByText('CommandNotFound: The command nonsense has not been found').waitFor();
    await page.keyboard.type('half');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    same(await input.inputValue(), 'stop');
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    same(await input.inputValue(), 'half');
    await input.fill('quit');
    await page.keyboard.press('Enter');
    await reads(page, 'state', 'off');
    await page.keyboard.type('query-status\r');
    await log.getByText('There is no machine.').waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.waitForFunction(() => document.activeElement?.id === 'qmp-log');
  });
  await onPage('Shift+Tab leaves the console, Tab does not', async (page) => {
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => document.activeElement?.closest('#console'));
    await page.keyboard.press('Shift+Tab');
    await page.waitForFunction(() => !document.activeElement?.closest('#console'));
  });
  await onPage('all controls are reached by keyboard', async (page) => {
    const reached = new Set();
    for (let i = 0; i < 16; i++) {
      await page.keyboard.press('Shift+Tab');
      reached.add(await page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent));
    }
    for (const id of ['run', 'reset', 'power', 'quit', 'again', 'snapshot', 'More', 'tab-serial0', 'Docs', 'home']) {
      if (!reached.has(id)) throw new Error(`${id} was not reached, only ${[...reached].join(', ')}`);
    }
  });
  await onPage('a failure is told, with what can be done', async (page) => {
    await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
    await page.locator('#snap-list .row').waitFor();
    await page.locator('#console').click();
    await page.keyboard.type('fail\r');
    await page.getByRole('alert').getByText('told to fail').waitFor();
    await reads(page, 'state', 'failed');
    await page.getByRole('button', { name: /Resume the snapshot of/ }).click();
    await shows(page, 'resumed');
    await reads(page, 'state', 'running');
    await page.locator('#alert').waitFor({ state: 'hidden' });
  });
  await onPage(
    'a worker that breaks is told',
    async (page) => {
      await page.evaluate(() => {
        const { Worker } = window;
        /** @type {any} */ (window).kept = Worker;
        window.Worker = class extends Worker {
          /** @param {string | URL} url @param {WorkerOptions} [options] */
          constructor(url, options) {
            // What needs a document breaks in a worker.
            super(new URL('page.js', url), options);
          }
        };
      });
      await page.locator('[data-guest=lab]').getByRole('button', { name: 'Start' }).click();
      await page.getByRole('alert').getByText('The machine’s worker failed').waitFor();
      await reads(page, 'state', 'failed');
      await page.evaluate(() => void (window.Worker = /** @type {any} */ (window).kept));
      await page.getByRole('button', { name: 'Restart' }).click();
      await shows(page, 'lab>');
      await page.locator('#alert').waitFor({ state: 'hidden' });
    },
    { at: '' },
  );
  await onPage('too much memory is explained', async (page) => {
    await page.goto(`${server.url}?guest=lab&m=8G`);
    await page.getByRole('alert').getByText('A browser gives a tab 2 to 4 GiB').waitFor();
    await page.getByRole('alert').getByText('asks for 8192 MiB').waitFor();
  });
  await onPage('a guest that switches itself off', async (page) => {
    await page.keyboard.type('off\r');
    await reads(page, 'state', 'off');
    if (await page.locator('#run').isEnabled()) throw new Error('Pause is enabled');
  });
  await onPage('a guest that is not there', async (page) => {
    await page.goto(`${server.url}?guest=none`);
    await page.getByRole('alert').getByText('no guest “none”').waitFor();
    await page.locator('[data-guest=lab]').waitFor();
  });
  // A page that is told to be offline does not tell its service worker: the server goes.
  if ('without its server, after a first visit'.includes(only)) {
    await test('page: without its server, after a first visit', async () => {
      const context = await browser.newContext({ serviceWorkers: 'allow' });
      const page = await context.newPage();
      const first = await startServer({ mounts: { '/pkg/mips/': FAKE, '/pkg/x86/': FAKE } });
      try {
        await page.goto(first.url);
        await page.evaluate(async () => void (await navigator.serviceWorker.ready));
        first.close();
        await page.goto(`${first.url}?guest=lab-be`);
        await shows(page, 'lab>');
        await page.getByRole('link', { name: 'Tinamou, all machines' }).click();
        await page.locator('[data-guest=lab]').waitFor();
      } finally {
        await context.close();
        first.close();
      }
    });
  }
  for (const [name, at] of [['chooser', ''], ['machine', '?guest=lab'], ['display', '?guest=seabios'], ['options', '?guest=lab&setup']]) {
    await test(`page: no sideways scrolling at phone width: ${name}`, async () => {
      const context = await browser.newContext({ viewport: { width: 360, height: 640 } });
      const page = await context.newPage();
      await page.goto(server.url + at);
      await page.locator(name === 'chooser' ? '[data-guest=lab]' : name === 'options' ? '#setup-m' : '#stage').waitFor();
      if (name === 'machine') await page.locator('#tool-qmp').click();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await context.close();
      if (over > 0) throw new Error(`${over} pixels too wide`);
    });
  }
  server.close();
}
