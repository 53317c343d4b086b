// @ts-check
/** The engine suite: every filetest and some random cases in every shape of module. Runs in Node and in workers. */

/**
 * @typedef {object} Suite the wasm build of `tests/web/suite`
 * @property {(name: string, text: string) => string} runFile
 * @property {(shape: number, inlineSlow: boolean, firstSeed: number, count: number) => string} runRandom
 * @property {() => number} mipsCpus
 * @property {(cpu: number, firstSeed: number, count: number) => string} runMips
 */

const SHAPES = ['head', 'entries', 'linked', 'run loop'];
const RANDOM_CASES = 150;
const MIPS_PROGRAMS = 40;

/**
 * @param {Suite} suite
 * @param {[name: string, text: string][]} files
 * @returns {{ name: string, error?: string }[]}
 */
export function runSuite(suite, files) {
  /** @type {{ name: string, error?: string }[]} */
  const results = [];
  /** @param {string} name @param {() => string} body returns what failed */
  const one = (name, body) => {
    let error;
    try {
      error = body();
    } catch (e) {
      error = e instanceof Error ? (e.stack ?? e.message) : String(e);
    }
    results.push(error ? { name, error } : { name });
  };
  for (const [name, text] of files) one(name, () => suite.runFile(name, text));
  SHAPES.forEach((label, shape) => {
    for (const inlineSlow of [false, true]) {
      const first = 10_000 * (shape + 1) + (inlineSlow ? 5000 : 0);
      one(`random, ${label}${inlineSlow ? ', inline slow paths' : ''}`, () =>
        suite.runRandom(shape, inlineSlow, first, RANDOM_CASES),
      );
    }
  });
  for (let cpu = 0; cpu < suite.mipsCpus(); cpu++) {
    one(`random MIPS programs, CPU ${cpu}`, () => suite.runMips(cpu, 1000, MIPS_PROGRAMS));
  }
  return results;
}
