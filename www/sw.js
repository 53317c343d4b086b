// @ts-check
/**
 * The page without a network, after a first visit: what was fetched is kept, and served when the server does not answer. While it does
 * answer it is always asked, so that files of two versions are never mixed. `files.json`, which the build writes, names what is fetched
 * before it is asked for: everything but large guests.
 */

const CACHE = 'tinamou';
/** @type {any} */
const worker = self;

/** Fetches a file into the cache, if it is there. @param {Cache} cache @param {string} file */
async function bring(cache, file) {
  try {
    const url = new URL(file, worker.registration.scope).href;
    const reply = await fetch(url, { cache: 'no-cache' });
    if (reply.ok) await cache.put(url, reply);
  } catch {
    // It will come with the first use.
  }
}

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(CACHE);
  // What an address says of the machine does not change the document.
  const url = new URL(request.url);
  if (request.mode === 'navigate') url.search = '';
  try {
    const reply = await fetch(request);
    if (reply.ok && reply.type === 'basic' && reply.status === 200) await cache.put(url.href, reply.clone());
    return reply;
  } catch (e) {
    const kept = await cache.match(url.href);
    if (kept) return kept;
    throw e;
  }
}

worker.addEventListener('install', (/** @type {any} */ ev) => {
  const all = async () => {
    const cache = await caches.open(CACHE);
    const list = await fetch(new URL('files.json', worker.registration.scope), { cache: 'no-cache' }).catch(() => null);
    /** @type {string[]} */
    const files = list?.ok ? await list.json() : [];
    await Promise.all(['./', ...files].map((file) => bring(cache, file)));
    await worker.skipWaiting();
  };
  ev.waitUntil(all());
});
worker.addEventListener('activate', (/** @type {any} */ ev) => ev.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (/** @type {any} */ ev) => {
  const { request } = ev;
  const { origin } = new URL(request.url);
  if (request.method === 'GET' && origin === location.origin && !request.headers.has('range')) ev.respondWith(answer(request));
});
