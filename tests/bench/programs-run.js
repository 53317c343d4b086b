// @ts-check
/**
 * Runs Linux programs on request, in Node and in a page's worker. A request is a line of JSON:
 *
 *   { "target": "i386", "argv": [...], "env": [...], "tar": PATH, "files": { GUESTPATH: PATH }, "times": N }
 *
 * Its files come, then READY is said; at GO the program is made and run, so many times. With "made" it is made before READY, and only run at GO.
 * Then END is said with its status and output.
 */

/** @param {ArrayBuffer | Uint8Array<ArrayBuffer>} bytes */
async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...hash].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** @param {Uint8Array[]} chunks */
function join(chunks) {
  const all = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
  chunks.reduce((at, c) => (all.set(c, at), at + c.length), 0);
  return all;
}

/**
 * @param {any} Program
 * @param {(path: string) => Promise<Uint8Array>} read a file, by its path from the repository's root
 * @param {(line: string) => void} say
 */
export function runner(Program, read, say) {
  /** @type {any} */
  let made = null;
  /** @type {any} */
  let options = null;
  let times = 1;

  /** @param {any} program */
  function run(program) {
    /** @type {[Uint8Array[], Uint8Array[]]} */
    const said = [[], []];
    program.endInput();
    for (;;) {
      const end = program.runSlice(2e6);
      for (const fd of [1, 2]) {
        const out = program.takeOutput(fd);
        if (out.length) said[fd - 1]?.push(out);
      }
      if (end.kind === 'exit') return { status: end.status, said };
      if (end.kind === 'idle') {
        if (end.idleNs === Infinity) throw new Error('it waits for ever');
        program.skip(end.idleNs);
      }
    }
  }

  return async (/** @type {string} */ line) => {
    try {
      if (line !== 'GO') {
        const request = JSON.parse(line);
        /** @type {Record<string, Uint8Array>} */
        const files = {};
        for (const [name, path] of Object.entries(request.files ?? {})) files[name] = await read(path);
        options = { target: request.target, argv: request.argv, env: request.env ?? [], files };
        if (request.tar) options.tar = await read(request.tar);
        times = request.times ?? 1;
        made?.free();
        made = request.made ? new Program(options) : null;
        return say('READY');
      }
      let last;
      for (let n = 0; n < times; n++) {
        made ??= new Program(options);
        last = run(made);
        made.free();
        made = null;
      }
      say('DONE');
      const [out, err] = /** @type {any} */ (last).said.map(join);
      const text = (/** @type {Uint8Array} */ b) => new TextDecoder().decode(b.slice(-600));
      say(`END ${JSON.stringify({ status: last?.status, sum: await digest(out), out: text(out), err: text(err) })}`);
    } catch (e) {
      made = null;
      say(`END ${JSON.stringify({ error: String(e) })}`);
    }
  };
}
