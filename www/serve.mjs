#!/usr/bin/env node
// @ts-check
/**
 * A static server for this folder, on localhost: `node serve.mjs [--port N]`. Any static hosting does as well; the headers it
 * sets are a stricter form of what the page says itself. The tests lay further folders over it.
 */

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('.', import.meta.url));

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * Finds the file behind a request's path, or nothing: dot files and what lies outside the folders are not served.
 * @param {string} url
 * @param {Record<string, string>} mounts folders by path prefix, the longest prefix wins
 */
function locate(url, mounts) {
  let name;
  try {
    name = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return null;
  }
  if (name.includes('\0') || name.split('/').some((part) => part.startsWith('.'))) return null;
  const prefix = Object.keys(mounts)
    .filter((p) => name.startsWith(p))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return null;
  const file = path.join(/** @type {string} */ (mounts[prefix]), name.slice(prefix.length));
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return null;
  if (!stat.isDirectory()) return { file, stat };
  if (!name.endsWith('/')) return { moved: `${name}/` };
  const index = path.join(file, 'index.html');
  const indexStat = fs.statSync(index, { throwIfNoEntry: false });
  return indexStat ? { file: index, stat: indexStat } : null;
}

/**
 * The part of a file that is asked for: nothing if all of it is, null if there is none such. Of several parts none is known.
 * @param {string | undefined} range
 * @param {number} size
 */
function partOf(range, size) {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === undefined || to === undefined || (!from && !to)) return undefined;
  const start = from ? Number(from) : Math.max(0, size - Number(to));
  const end = from && to ? Math.min(Number(to), size - 1) : size - 1;
  return start > end ? null : { start, end };
}

/**
 * Starts a server on localhost.
 * @param {object} [options]
 * @param {number} [options.port] 0 (default) for any free one
 * @param {Record<string, string>} [options.mounts] further folders by path prefix, such as `/tests/`
 * @param {(url: string, body: string) => void} [options.posted] what to do with POST requests; none are accepted without it
 * @param {(request: http.IncomingMessage, response: http.ServerResponse) => boolean} [options.first] asked first: whether it has answered
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export function startServer({ port = 0, mounts = {}, posted, first } = {}) {
  const all = { '/': WWW, ...mounts };
  const server = http.createServer((request, response) => {
    const answer = (/** @type {number} */ status, /** @type {http.OutgoingHttpHeaders} */ more = {}) =>
      response.writeHead(status, { ...HEADERS, ...more });
    if (first?.(request, response)) return;
    if (request.method === 'POST' && posted) {
      const chunks = /** @type {Buffer[]} */ ([]);
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        posted(request.url ?? '/', Buffer.concat(chunks).toString('utf8'));
        answer(204).end();
      });
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return void answer(405, { allow: 'GET, HEAD' }).end();
    const found = locate(request.url ?? '/', all);
    if (!found) return void answer(404, { 'content-type': 'text/plain' }).end('There is no such file.\n');
    if ('moved' in found) return void answer(301, { location: found.moved }).end();
    const { file, stat } = found;
    const etag = `"${stat.size.toString(16)}-${Math.floor(stat.mtimeMs).toString(16)}"`;
    if (request.headers['if-none-match'] === etag) return void answer(304, { etag }).end();
    const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
    const part = partOf(request.headers.range, stat.size);
    if (part === null) return void answer(416, { 'content-range': `bytes */${stat.size}` }).end();
    const { start, end } = part ?? { start: 0, end: stat.size - 1 };
    answer(part ? 206 : 200, {
      'content-type': type,
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...(part ? { 'content-range': `bytes ${start}-${end}/${stat.size}` } : {}),
      etag,
    });
    if (request.method === 'HEAD' || end < start) return void response.end();
    fs.createReadStream(file, { start, end })
      .on('error', () => response.destroy())
      .pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      resolve({
        url: `http://localhost:${address.port}/`,
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--port');
  const port = at < 0 ? 8080 : Number(process.argv[at + 1]);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    console.error('usage: node serve.mjs [--port N]');
    process.exit(1);
  }
  try {
    const { url } = await startServer({ port });
    console.log(`Tinamou is at ${url}?guest=lab   (a guest boots at once; ${url} shows all machines; Ctrl-C ends it)`);
  } catch (e) {
    const busy = /** @type {NodeJS.ErrnoException} */ (e).code === 'EADDRINUSE';
    console.error(busy ? `port ${port} is taken; choose another with --port N` : String(e));
    process.exit(1);
  }
}
