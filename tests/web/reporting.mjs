// @ts-check
/** A server with the tests' pages, and their reports as promises. */

import { fileURLToPath } from 'node:url';

import { startServer } from '../../www/serve.mjs';

const folder = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Starts it. Pages are under `/tests/web/pages/`, `.steps` files under `/tests/`, the built page under `/www/`.
 * @param {Record<string, string>} [mounts] further folders
 * @param {Parameters<typeof startServer>[0]} [more] the server's other options
 */
export async function startReporting(mounts = {}, more = {}) {
  /** @type {((report: any) => void) | undefined} */
  let waiting;
  const server = await startServer({
    ...more,
    mounts: { '/www/': folder('../../www/'), '/tests/': folder('../'), ...mounts },
    posted: (url, body) => {
      if (url === '/report') waiting?.(JSON.parse(body));
    },
  });
  return {
    url: server.url,
    close: server.close,
    /** The next report. One at a time. @returns {Promise<any>} */
    report: () => new Promise((resolve) => (waiting = resolve)),
  };
}
