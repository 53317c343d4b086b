// @ts-check
/** Programs whose files lie in archives: only what is read is fetched, what is written stays, broken archives are refused. In Node and in browsers. */

import { openTree } from '../../www/trees.js';
import { same, test } from './report.mjs';

/** @typedef {typeof import('../../www/tinamou.js')} Package */

/** Refused before the program begins, and why. @type {Record<string, RegExp>} */
const REFUSED = {
  empty: /neither a ZIP archive nor a tar/,
  text: /neither a ZIP archive nor a tar/,
  'packed.tar.gz': /neither a ZIP archive nor a tar/,
  'cut.zip': /cut short/,
  'cut-index.zip': /cut short/,
  'count.zip': /index is broken/,
  'start.zip': /cut short, or broken/,
  'no-zip64.zip': /cut short, or broken/,
  'zip64-start.zip': /cut short, or broken/,
  'zip64-end.zip': /cut short, or broken/,
  'zip64-begin.zip': /broken/,
  'zip64-count.zip': /index is broken/,
  'bytes.zip': /cut short, or broken/,
  'up.zip': /leads out of it: "\.\.\/\.\.\/evil"/,
  'cut.tar': /cut short/,
  'cut-data.tar': /cut short/,
  'odd.tar': /cut short/,
  'size.tar': /cut short, or broken/,
  'minus.tar': /cut short, or broken/,
  'sum.tar': /broken at byte/,
  'up.tar': /leads out of it/,
  'pax-size.tar': /cut short, or broken/,
  'pax-broken.tar': /broken/,
  'pax-digits.tar': /broken/,
  'name.tar': /too long/,
  'twin.tar': /second name/,
};

/** Refused when the program opens a file: its error is EIO, and the log says why. @type {Record<string, RegExp>} */
const LOST = {
  'at.zip': /cut short, or broken/,
  'at-small.zip': /broken/,
  'packed.zip': /cut short/,
  'size.zip': /larger than the archive says/,
  'size-more.zip': /smaller than|cannot be as large/,
  'size-most.zip': /too large/,
  'crc.zip': /checksum/,
  'method.zip': /compression 99/,
  'secret.zip': /encrypted/,
  'deflate.zip': /cannot be unpacked|larger than|smaller than|checksum/,
  'bomb.zip': /larger than the archive says/,
};

/**
 * @param {Package} pack
 * @param {{ url: string, prefix: string }} where `url` is that of `serveTrees`
 */
export async function treeTests({ Tinamou, ImageError, ConfigError }, { url, prefix }) {
  /** @param {string} name @param {() => Promise<void>} body */
  const it = (name, body) => test(`${prefix}trees: ${name}`, body);
  /** What the program prints. @param {import('../../www/tinamou.js').ExecOptions['tree']} tree @param {string[]} args */
  const look = async (tree, ...args) => (await Tinamou.exec(['/bin/tree', ...args], { tree })).stdout;
  const given = async () => Number(await (await fetch(`${url}given`)).text());
  /** @param {string} name */
  const bytes = async (name) => new Uint8Array(await (await fetch(`${url}ranges/${name}`, { cache: 'no-store' })).arrayBuffer());

  await it('of a large ZIP archive on a server comes what is read', async () => {
    await given();
    same(await look(`${url}ranges/many.zip`, 'r', '/a/deep/answer', 'n', '/usr/share/doc'), 'forty-two\nr /a/deep/answer 10\nn /usr/share/doc 3002\n');
    const sent = await given();
    // 13 MB in all; the index of 3000 names is some 240 KB.
    if (sent > 600_000) throw new Error(`${sent} bytes were fetched`);
  });
  await it('of a large tar archive on a server comes what is read, and heads', async () => {
    await given();
    same(await look(`${url}ranges/large.tar`, 'r', '/a/deep/answer', 'n', '/data'), 'forty-two\nr /a/deep/answer 10\nn /data 14\n');
    const sent = await given();
    if (sent > 1_500_000) throw new Error(`${sent} bytes of 12 MB were fetched`);
    same(await look(`${url}ranges/large.tar`, 'r', '/data/3', 'f', '/data/3'), 'sum 133653069\nr /data/3 1048576\nsum 133653069\nf /data/3 0\n');
  });
  await it('a server without ranges, a Blob, bytes', async () => {
    for (const name of ['many.zip', 'large.tar']) {
      const data = await bytes(name);
      for (const tree of [`${url}whole/${name}`, new URL(`${url}whole/${name}`), new Blob([data]), data]) {
        same(await look(tree, 'r', '/a/deep/answer'), 'forty-two\nr /a/deep/answer 10\n');
      }
    }
  });
  await it('what GNU’s tar makes, with long names', async () => {
    for (const name of ['gnu.tar', 'pax.tar']) {
      const said = await look(`${url}ranges/${name}`, 'r', '/a/twin', 'r', '/a/deep/answer', 'r', '/long');
      same(said, 'forty-two\nr /a/twin 10\nforty-two\nr /a/deep/answer 10\nlong names\nr /long 11\n');
    }
  });
  await it('archives of ZIP64', async () => {
    same(await look(`${url}ranges/wide.zip`, 'r', '/a/deep/answer'), 'forty-two\nr /a/deep/answer 10\n');
    same(await look(`${url}ranges/python.zip`, 'r', '/a/deep/answer', 'n', '/many', 'r', '/many/65999'), 'forty-two\nr /a/deep/answer 10\nn /many 66002\nr /many/65999 0\n');
  });
  await it('links: to the program, to directories, out of the root, round and round', async () => {
    for (const name of ['many.zip', 'large.tar']) {
      const { stdout } = await Tinamou.exec(['/bin/sh', 'r', '/there/answer', 'r', '/out', 'r', '/root/root/out', 'r', '/loop', 'x', '/root/bin/sh', 'sh', 'r', '/no'], {
        tree: `${url}ranges/${name}`,
      });
      same(stdout, 'forty-two\nr /there/answer 10\nforty-two\nr /out 10\nforty-two\nr /root/root/out 10\nr /loop -90\nr /no -2\n');
    }
  });
  await it('several processes wait for several files, another computes', async () => {
    const args = ['f', '/data/1', 'f', '/data/2', 's', '', 'r', '/data/1'];
    same(await look(`${url}ranges/large.tar`, ...args), 'sum 133709347\nf /data/1 0\nsum 133632708\nf /data/2 0\ns  0\nsum 133709347\nr /data/1 1048576\n');
  });
  await it('files that are written, emptied, moved or removed are not fetched', async () => {
    await given();
    const args = ['w', '/data/1', 'new', 'c', '/data/2', 'm', '/data/2', '/moved', 'd', '/data/3', 'r', '/data/1', 'r', '/data/3'];
    same(await look(`${url}ranges/large.tar`, ...args), 'w /data/1 3\nc /data/2 0\nm /data/2 0\nd /data/3 0\nnewr /data/1 3\nr /data/3 -2\n');
    const sent = await given();
    if (sent > 1_500_000) throw new Error(`${sent} bytes of 12 MB were fetched`);
  });
  /** @param {RegExp} why @param {Promise<unknown>} work */
  const refused = async (why, work) => {
    const e = await work.then(() => null, (x) => x);
    if (!(e instanceof Error) || !why.test(e.message)) throw new Error(`${e?.name}: ${e?.message}`);
  };
  for (const [name, why] of Object.entries(REFUSED)) await it(`${name} is refused`, async () => refused(why, openTree(await bytes(name))));
  for (const [name, why] of Object.entries(LOST)) {
    await it(`of ${name} one file is lost`, async () => {
      const tree = await openTree(await bytes(name));
      same(tree.entries[1]?.path ?? '', 'a/deep/answer');
      await refused(why, tree.read(1));
    });
  }
  await it('broken archives by way of the program', async () => {
    for (const [name, kind] of /** @type {const} */ ([['up.zip', ImageError], ['cut.tar', ImageError], ['both.zip', ConfigError], ['over.tar', ConfigError]])) {
      const e = await Tinamou.exec(['/bin/tree'], { tree: await bytes(name) }).then(() => null, (x) => x);
      if (!(e instanceof kind) || !/leads out|cut short|a: ENOTDIR|b: ENOTDIR/.test(e.message)) throw new Error(`${name}: ${e?.name}: ${e?.message}`);
    }
    const { stdout, log } = await Tinamou.exec(['/bin/tree', 'r', '/a/deep/answer'], { tree: await bytes('bomb.zip') });
    same(stdout, 'r /a/deep/answer -5\n');
    same(log.join('\n'), 'a/deep/answer: a file is larger than the archive says');
  });
  await it('servers that have it not, fail later, or have another file then', async () => {
    const cases = [
      { tree: `${url}ranges/none.zip`, why: /^tree: '.*none\.zip' could not be fetched \(404\)$/ },
      { tree: `${url}late/many.zip`, why: /could not be fetched from byte/ },
      { tree: `${url}other/many.zip`, why: /many\.zip' has changed/ },
      { tree: 'http://localhost:9/x.zip', why: /could not be fetched/ },
    ];
    for (const { tree, why } of cases) {
      const e = await Tinamou.exec(['/bin/tree'], { tree }).then(() => null, (x) => x);
      if (!(e instanceof ImageError) || !why.test(e.message)) throw new Error(`${tree}: ${e?.name}: ${e?.message}`);
    }
    // Its index is there, but no program.
    const e = await Tinamou.exec(['/bin/tree'], { tree: `${url}late/large.tar` }).then(() => null, (x) => x);
    if (!(e instanceof ImageError)) throw new Error(`${e?.name}: ${e?.message}`);
  });
}

/**
 * What is kept in a browser, before its page is loaded again and after that.
 * @param {Package} pack
 * @param {{ url: string, prefix: string, again: boolean }} where
 */
export async function keepTests({ Tinamou, ConfigError }, { url, prefix, again }) {
  /** @param {string} name @param {() => Promise<void>} body */
  const it = (name, body) => test(`${prefix}trees: ${name}`, body);
  /** @param {object} more @param {string[]} args */
  const look = async (more, ...args) => (await Tinamou.exec(['/bin/tree', ...args], { tree: `${url}ranges/large.tar`, ...more })).stdout;
  const keep = 'a test/with: odd "letters"';
  if (!again) {
    await it('what is written is kept', async () => {
      await Tinamou.forget(keep);
      const args = ['w', '/tmp/note', 'first', 'm', '/data/1', '/moved', 'd', '/data/2', 'w', '/data/3', '', 'c', '/data/4'];
      same(await look({ keep }, ...args), 'w /tmp/note 5\nm /data/1 0\nd /data/2 0\nw /data/3 0\nc /data/4 0\n');
      same(await look({ keep }, 'a', '/tmp/note', ' second'), 'a /tmp/note 7\n');
      same(await look({}, 'r', '/tmp/note'), 'r /tmp/note -2\n');
      same(await look({ keep: 'another' }, 'r', '/tmp/note'), 'r /tmp/note -2\n');
    });
    await it('also while the program runs, which is ended from outside', async () => {
      await Tinamou.forget('running');
      const outside = new AbortController();
      const spins = Array.from({ length: 3000 }, () => ['s', '']).flat();
      const runs = Tinamou.exec(['/bin/tree', 'w', '/tmp/note', 'early', ...spins], { tree: `${url}ranges/large.tar`, keep: 'running', signal: outside.signal });
      const ended = runs.then(() => 'by itself', () => 'from outside');
      let said = '';
      for (let n = 0; n < 200 && !said.startsWith('early'); n++) said = await look({ keep: 'running' }, 'r', '/tmp/note');
      outside.abort();
      same(await ended, 'from outside');
      same(said, 'earlyr /tmp/note 5\n');
      await Tinamou.forget('running');
    });
    return;
  }
  await it('and is there when the page is loaded again', async () => {
    const said = await look({ keep }, 'r', '/tmp/note', 'n', '/data', 'r', '/moved', 'r', '/data/3');
    same(said, 'first secondr /tmp/note 12\nn /data 12\nsum 133709347\nr /moved 1048576\nr /data/3 0\n');
  });
  await it('another archive does not stand for one whose files were moved', async () => {
    const e = await Tinamou.exec(['/bin/tree'], { tree: `${url}ranges/many.zip`, keep }).then(() => null, (x) => x);
    if (!(e instanceof ConfigError) || !/changes: ESTALE/.test(e.message)) throw new Error(`${e?.name}: ${e?.message}`);
  });
  await it('what is kept can be forgotten', async () => {
    await Tinamou.forget(keep);
    await Tinamou.forget(keep);
    same(await look({ keep }, 'r', '/tmp/note', 'n', '/data'), 'r /tmp/note -2\nn /data 14\n');
  });
  await it('a folder’s handle is a tree', async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('a folder', { create: true });
    const inner = await folder.getDirectoryHandle('in', { create: true });
    const file = await (await inner.getFileHandle('file', { create: true })).createWritable();
    await file.write('in a folder\n');
    await file.close();
    const program = new Uint8Array(await (await fetch('/tests/user/images/mipsel/tree')).arrayBuffer());
    const { stdout } = await Tinamou.exec(['/bin/tree', 'r', '/in/file', 'w', '/in/file', 'x', 'r', '/in/file'], { tree: folder, files: { '/bin/tree': program } });
    same(stdout, 'in a folder\nr /in/file 12\nw /in/file 1\nxr /in/file 1\n');
    same(await (await (await inner.getFileHandle('file')).getFile()).text(), 'in a folder\n');
  });
}
