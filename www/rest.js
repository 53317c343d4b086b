// @ts-check
/**
 * The second part of the emulator (`scripts/split.mjs` makes it): what is not needed for a guest to boot. It comes when there is time, by
 * `bringRest`, or at once when something of it is called.
 */

/** An exported function that calls an imported one: `(module (import "" "" (func)) (export "" (func 0)))`. */
const FORWARD = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 5, 1, 0, 0, 0, 0, 7, 4, 1, 0, 0, 0);

/** @typedef {{ first: WebAssembly.Exports, url: URL, there: boolean }} Part */

/** Parts whose rest is still to come. @type {Set<Part>} */
const parts = new Set();

/** @param {Part} part @param {WebAssembly.Module} module */
function link(part, module) {
  if (part.there) return;
  part.there = true;
  parts.delete(part);
  // Its functions put themselves into the first part's table.
  new WebAssembly.Instance(module, { first: part.first });
}

/** A file, waited for: workers may. @param {URL} url @returns {BufferSource} */
function readNow(url) {
  if (typeof XMLHttpRequest === 'undefined') return /** @type {any} */ (globalThis).process.getBuiltinModule('node:fs').readFileSync(url);
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  // A page cannot ask for bytes where it waits, a worker can.
  if (typeof document === 'undefined') request.responseType = 'arraybuffer';
  else request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  if (request.status >= 400) throw new Error(`${url} could not be fetched (${request.status})`);
  const { response } = request;
  return typeof response === 'string' ? Uint8Array.from(response, (c) => c.charCodeAt(0) & 0xff) : response;
}

/**
 * The module of the bindings calls this when the first part is there.
 * @param {WebAssembly.Exports} first
 * @param {URL} url of the rest
 */
export function awaitRest(first, url) {
  /** @type {Part} */
  const part = { first, url, there: false };
  const table = first.functions;
  if (!(table instanceof WebAssembly.Table)) return;
  const forward = new WebAssembly.Instance(new WebAssembly.Module(FORWARD), { '': { '': () => link(part, new WebAssembly.Module(readNow(url))) } });
  table.set(table.length - 1, forward.exports['']);
  parts.add(part);
}

/** Brings the rest, if it is not there. Without it the first part brings it itself, when it must. */
export async function bringRest() {
  for (const part of [...parts]) {
    const reply = await fetch(part.url).catch(() => null);
    if (reply?.ok) link(part, await WebAssembly.compile(await reply.arrayBuffer()));
  }
}
