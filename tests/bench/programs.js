// @ts-check
/** Linux programs in a worker of the page: passes requests and answers (programs-run.js) on. */

const page = /** @type {any} */ (window);
const worker = new Worker('programs-worker.js', { type: 'module' });
worker.onmessage = ({ data }) => page.say(btoa(String.fromCharCode(...new TextEncoder().encode(`${data}\n`))));
worker.onerror = (e) => {
  throw new Error(e.message);
};
page.typeIn = (/** @type {string} */ line) => worker.postMessage(line);
