// @ts-check
/**
 * Back ends that are objects of the page's, under Debian: a disk behind promises, two guests on one network of the page, consoles. Needs
 * build/guests/mipsel (tests/guests/fetch.sh).
 */

import { same, test } from './report.mjs';

/** @typedef {typeof import('../../www/tinamou.js')} Package */

/** What the guest needs before its disk or its network is there. */
const MODULES = {
  disk: 'cd /devices; for m in ata_piix; do insmod $m.ko; done; cd /',
  cd: 'cd /devices; for m in ata_piix cdrom sr_mod; do insmod $m.ko; done; cd /; while [ ! -b /dev/sr0 ]; do sleep 0.1; done',
  net: 'cd /net; for m in mii pcnet32; do insmod $m.ko; done; cd /; ifconfig eth0 up',
};

/** The disk's bytes. @param {number} n */
const byte = (n) => (n * 31 + (n >> 9)) & 255;

/**
 * @param {Package} pack
 * @param {{ kernel: Uint8Array, initrd: Uint8Array, url: string, sha256: (data: Uint8Array) => string | Promise<string>, prefix: string }} files
 * `url` has the kernel, on a server that knows ranges
 */
export async function backendTests({ Tinamou, lan, remoteDisk }, { kernel, initrd, url, sha256, prefix }) {
  /** A machine at its prompt. @param {object} more */
  const fresh = async (more) => {
    const m = await Tinamou.create({ arch: 'mipsel', cpu: '24Kf', memory: 64, kernel, initrd, append: 'console=ttyS0 quiet', ...more });
    await m.waitFor('guest# ');
    return m;
  };
  /** The same; all begin where the first one was, whose disk has a MiB. @param {object} more */
  const boot = async (more) => {
    if (saved) return Tinamou.create({ snapshot: saved, disks: { hda: empty }, ...more });
    const m = await fresh(more);
    saved = await m.snapshot();
    return m;
  };
  /** @type {Blob | undefined} */
  let saved;
  const empty = { size: 1 << 20, read: async (/** @type {number} */ _, /** @type {number} */ length) => new Uint8Array(length) };
  /** Runs a command of the guest's; what it printed. @param {Awaited<ReturnType<typeof boot>>} m @param {string} command */
  const sh = async (m, command) => {
    await m.type(`${command}; echo DO''NE\n`);
    const [, text = ''] = await m.waitFor(/\r\n([^]*?)DONE\r/);
    // What is typed before the shell asks for it is echoed twice.
    await m.waitFor('guest# ');
    return text.replaceAll('\r', '');
  };
  /** @param {string} name @param {() => Promise<void>} body */
  const it = (name, body) => test(`${prefix}backends: ${name}`, body);

  await it('a disk behind promises', async () => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, n) => byte(n));
    let [asked, broken] = [0, false];
    /** @type {AbortSignal | undefined} */
    let gone;
    const hda = {
      size: bytes.length,
      /** @param {number} offset @param {number} length @param {{ signal: AbortSignal }} options */
      async read(offset, length, { signal }) {
        gone = signal;
        asked += length;
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (broken) throw new Error('the line is dead');
        return bytes.slice(offset, offset + length);
      },
    };
    const m = await boot({ disks: { hda } });
    await sh(m, MODULES.disk);
    await sh(m, 'while [ ! -b /dev/sda ]; do sleep 0.1; done');
    if (asked > bytes.length / 2) throw new Error(`${asked} bytes were read before anybody wanted them`);
    same((await sh(m, 'sha256sum </dev/sda')).split(' ')[0] ?? '', await sha256(bytes));
    // What is written stays in the machine.
    await sh(m, "printf 'hello' | dd of=/dev/sda bs=512 seek=100 conv=notrunc,sync; sync; echo 3 >/proc/sys/vm/drop_caches");
    const changed = bytes.slice();
    changed.fill(0, 51200, 51712);
    changed.set(new TextEncoder().encode('hello'), 51200);
    same((await sh(m, 'sha256sum </dev/sda')).split(' ')[0] ?? '', await sha256(changed));
    broken = true;
    const failed = await sh(m, 'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/sda of=/dev/null bs=64k 2>&1');
    if (!failed.includes('Input/output error')) throw new Error(failed);
    m.close();
    same(String(gone?.aborted), 'true');
  });
  await it('a disk that keeps what is written', async () => {
    const bytes = new Uint8Array(empty.size);
    let flushed = 0;
    const hda = {
      size: bytes.length,
      read: (/** @type {number} */ offset, /** @type {number} */ length) => bytes.slice(offset, offset + length),
      async write(/** @type {number} */ offset, /** @type {Uint8Array} */ data) {
        await Promise.resolve();
        bytes.set(data, offset);
      },
      async flush() {
        flushed++;
      },
    };
    const m = await boot({ disks: { hda } });
    await sh(m, MODULES.disk);
    await sh(m, 'while [ ! -b /dev/sda ]; do sleep 0.1; done; echo kept | dd of=/dev/sda bs=512 seek=3 conv=sync,fsync');
    same(new TextDecoder().decode(bytes.slice(1536, 1541)), 'kept\n');
    if (!flushed) throw new Error('nothing was flushed');
    m.close();
  });
  await it('a disk on a server', async () => {
    const hda = await remoteDisk(url, { pieceBytes: 100_000, pieces: 3 });
    same(String(hda.size), String(kernel.length - (kernel.length % 512)));
    const m = await fresh({ disks: { hda } });
    await sh(m, MODULES.disk);
    await sh(m, 'while [ ! -b /dev/sda ]; do sleep 0.1; done');
    same((await sh(m, 'sha256sum </dev/sda')).split(' ')[0] ?? '', await sha256(kernel.slice(0, hda.size)));
    m.close();
  });
  await it('a CD behind promises is put into a running machine', async () => {
    const m = await boot({});
    await sh(m, MODULES.cd);
    for (const text of ['THE-FIRST', 'THE-SECOND']) {
      const bytes = new Uint8Array(64 << 10);
      bytes.set(new TextEncoder().encode(`${text}\n`), 40_000);
      await m.insert('ide1-cd0', { size: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) });
      const said = await sh(m, `grep -c ${text} /dev/sr0`);
      if (!/^1$/m.test(said)) throw new Error(said);
    }
    m.close();
  });
  await it('two guests on one network', async () => {
    const [a, b] = await Promise.all([boot({ net: lan('test') }), boot({ net: lan('test') })]);
    await sh(a, `${MODULES.net} hw ether 52:54:00:00:00:01; ifconfig eth0 192.168.0.1`);
    await sh(b, `${MODULES.net} hw ether 52:54:00:00:00:02; ifconfig eth0 192.168.0.2`);
    const said = await sh(a, 'ping -c 3 192.168.0.2');
    // The guests share a busy computer: an answer may come after `ping` has gone.
    if (!/[1-3] packets received/.test(said)) throw new Error(said);
    await b.type('nc -l -p 7 >/tmp/got; sha256sum /tmp/got\n');
    await sh(a, 'sleep 1; seq 1 20000 >/tmp/give; nc 192.168.0.2 7 </tmp/give');
    const [sum = ''] = await b.waitFor(/[0-9a-f]{64}/);
    same(sum, (await sh(a, 'sha256sum /tmp/give')).split(' ')[0] ?? '');
    a.close();
    b.close();
  });
  await it("the machine's own network", async () => {
    const m = await boot({});
    await sh(m, MODULES.net);
    const said = await sh(m, 'udhcpc -i eth0 -n -q -s /bin/lease.sh; cat /tmp/resolv; ping -c 1 10.0.2.2; wget http://10.0.2.2/ 2>&1');
    for (const part of ['lease of 10.0.2.15', 'dns 10.0.2.3', '1 packets received', 'Connection refused']) {
      if (!said.includes(part)) throw new Error(`${part}: ${said}`);
    }
    m.close();
  });
}
