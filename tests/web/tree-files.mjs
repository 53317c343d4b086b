// @ts-check
/** The archives of `trees.mjs`, and a server that has them: with ranges, without them, and one that fails later. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { tar, zip } from './archives.mjs';

const text = new TextEncoder();
const program = fs.readFileSync(fileURLToPath(new URL('../user/images/mipsel/tree', import.meta.url)));
const tree = { path: 'bin/tree', data: program };
const answer = { path: 'a/deep/answer', data: text.encode('forty-two\n') };

/** Bytes that cannot be packed. @param {number} size @param {number} seed */
function noise(size, seed) {
  const out = new Uint8Array(size);
  for (let n = 0, x = seed + 1; n < size; n++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[n] = x >>> 24;
  }
  return out;
}

/** Many small files; what is wanted lies among them. */
const many = Array.from({ length: 3000 }, (_, n) => ({ path: `usr/share/doc/package-${n}/readme`, data: noise(4096, n) }));
/** A few large ones. */
const large = Array.from({ length: 12 }, (_, n) => ({ path: `data/${n}`, data: noise(1 << 20, n) }));
const links = [
  { path: 'bin/sh', link: 'tree' },
  { path: 'there', link: 'a/deep/../deep' },
  { path: 'out', link: '../../../../../a/deep/answer' },
  { path: 'root', link: '/' },
  { path: 'loop', link: 'loop' },
];
const dirs = [{ path: 'bin/' }, { path: 'a/' }, { path: 'a/deep/' }, { path: 'tmp/' }];

/** What GNU's tar makes of a folder, with long names and a file with two names. */
function realTar() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-tar-'));
  try {
    const long = `${'d'.repeat(120)}/${'e'.repeat(120)}`;
    for (const dir of ['bin', 'a/deep', long]) fs.mkdirSync(path.join(folder, dir), { recursive: true });
    fs.writeFileSync(path.join(folder, 'bin/tree'), program, { mode: 0o755 });
    fs.writeFileSync(path.join(folder, answer.path), answer.data);
    fs.linkSync(path.join(folder, answer.path), path.join(folder, 'a/twin'));
    fs.symlinkSync(`${long}/file`, path.join(folder, 'long'));
    fs.writeFileSync(path.join(folder, long, 'file'), 'long names\n');
    /** @param {string} format */
    const make = (format) => execFileSync('tar', ['-C', folder, `--format=${format}`, '-cf', '-', '.'], { maxBuffer: 64 << 20 });
    return { gnu: make('gnu'), pax: make('posix') };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** What Python's zipfile makes of more files than the old index can count. */
function pythonZip() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tinamou-zip-'));
  try {
    const to = path.join(folder, 'python.zip');
    const script = `import sys, zipfile
z = zipfile.ZipFile(sys.argv[1], 'w')
for n in range(66000): z.writestr(zipfile.ZipInfo(f'many/{n}'), b'')
i = zipfile.ZipInfo('bin/tree'); i.external_attr = 0o100755 << 16; i.create_system = 3
z.writestr(i, open(sys.argv[2], 'rb').read())
with z.open('a/deep/answer', 'w', force_zip64=True) as f: f.write(b'forty-two\\n')
z.close()`;
    execFileSync('python3', ['-c', script, to, fileURLToPath(new URL('../user/images/mipsel/tree', import.meta.url))]);
    return fs.readFileSync(to);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const real = realTar();
const bomb = zlib.deflateRawSync(new Uint8Array(64 << 20));
/** @param {object} lies */
const lying = (lies) => zip([tree, { ...answer, packed: true, lies: { ...lies } }]);
const good = zip([tree, answer]);

/** By name. @type {Record<string, Uint8Array>} */
export const archives = {
  'many.zip': zip([...dirs, ...many.slice(0, 1500), { ...tree, packed: true }, { ...answer, packed: true }, ...many.slice(1500), ...links]),
  'large.tar': tar([...dirs, ...large.slice(0, 6), tree, answer, ...large.slice(6), ...links]),
  'gnu.tar': real.gnu,
  'pax.tar': real.pax,
  'wide.zip': zip([{ ...tree, packed: true, wide: true }, { ...answer, wide: true }], { wide: 0 }),
  'python.zip': pythonZip(),
  // Broken from the beginning.
  empty: new Uint8Array(),
  text: text.encode('no archive'.repeat(100)),
  'packed.tar.gz': zlib.gzipSync(real.gnu),
  'cut.zip': good.subarray(0, good.length - 30),
  'cut-index.zip': Buffer.concat([good.subarray(0, 100), good.subarray(-22)]),
  'count.zip': zip([tree], { count: 9 }),
  'start.zip': zip([tree], { start: 0xfffffffe }),
  'no-zip64.zip': zip([tree], { start: 0xffffffff }),
  'zip64-start.zip': zip([tree], { wide: 0, start: 2 ** 47 }),
  'zip64-end.zip': zip([tree], { wide: 2 ** 46 }),
  'zip64-begin.zip': zip([tree], { wide: 1 }),
  'zip64-count.zip': zip([tree], { wide: 0, count: 9 }),
  'bytes.zip': zip([tree], { bytes: 0x7fffffff }),
  'up.zip': zip([tree, { path: '../../evil', data: answer.data }]),
  'both.zip': zip([{ path: 'a', data: answer.data }, { path: 'a/b', data: answer.data }]),
  'over.tar': tar([{ path: 'a', data: answer.data }, { path: 'a/' }, tree]),
  'cut.tar': real.gnu.subarray(0, 512 * 7),
  'cut-data.tar': tar([tree]).subarray(0, 512 * 3),
  'odd.tar': tar([tree]).subarray(0, 512 * 7 + 100),
  'size.tar': tar([{ ...tree, lies: { size: '\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff' } }]),
  'minus.tar': tar([{ ...tree, lies: { size: '-0000001000\0' } }]),
  'sum.tar': tar([tree, { ...answer, lies: { sum: 1 } }]),
  'up.tar': tar([tree, { path: 'a/../../evil', data: answer.data }]),
  'pax-size.tar': tar([{ path: 'x', data: text.encode('16 size=-999999\n'), lies: { kind: 'x' } }, tree]),
  'pax-broken.tar': tar([{ path: 'x', data: text.encode('9999 size=1\n'), lies: { kind: 'x' } }, tree]),
  'pax-digits.tar': tar([{ path: 'x', data: text.encode('1'.repeat(60000)), lies: { kind: 'x' } }, tree]),
  'name.tar': tar([{ path: 'x', data: new Uint8Array(1 << 20).fill(97), lies: { kind: 'L' } }, tree]),
  'twin.tar': tar([tree, { path: 'twin', link: 'nothing', lies: { kind: '1' } }]),
  // Broken where a program looks.
  'at.zip': lying({ at: 0xfffffff0 }),
  'at-small.zip': lying({ at: 7 }),
  'packed.zip': lying({ packed: 1e6 }),
  'size.zip': lying({ size: 4 }),
  'size-more.zip': lying({ size: 1000 }),
  'size-most.zip': lying({ size: 0xffffffff }),
  'crc.zip': lying({ crc: 1 }),
  'method.zip': lying({ method: 99 }),
  'secret.zip': lying({ flags: 1 }),
  'deflate.zip': zip([tree, { ...answer, data: noise(500, 1), lies: { method: 8 } }]),
  'bomb.zip': zip([tree, { ...answer, data: bomb, lies: { method: 8, size: bomb.length } }]),
};

/**
 * Answers for `/ranges/NAME` (is busy once, now and then), `/whole/NAME` (knows no ranges), `/late/NAME` (gives its first piece alone), `/other/NAME` (is another file behind its
 * first piece), and for `/given` with the bytes that were sent since the last time.
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
export function serveTrees(request, response) {
  const [, how = '', name = ''] = (request.url ?? '').split('/');
  if (how === 'given') {
    response.end(String(given));
    given = 0;
    return true;
  }
  const data = archives[name];
  if (!data || !['ranges', 'whole', 'late', 'other'].includes(how)) return false;
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  if (how === 'ranges' && from !== undefined && Number(from) > 0 && ++asked % 5 === 0) {
    response.writeHead(503).end();
    return true;
  }
  if (how === 'late' && Number(from) > 0) {
    response.writeHead(503).end();
    return true;
  }
  const etag = how === 'other' && Number(from) > 0 ? '"2"' : '"1"';
  // RFC 9110, 13.1.5: a browser that has a part of another file gets the whole of this one.
  const ranged = how !== 'whole' && from !== undefined && ['', etag].includes(String(request.headers['if-range'] ?? ''));
  const start = ranged ? Number(from) : 0;
  const part = ranged ? data.subarray(start, Number(to) + 1) : data;
  given += part.length;
  response.writeHead(ranged ? 206 : 200, {
    etag,
    'content-length': part.length,
    ...(ranged ? { 'content-range': `bytes ${start}-${start + part.length - 1}/${data.length}` } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : part);
  return true;
}
let given = 0;
let asked = 0;
