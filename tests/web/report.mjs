// @ts-check
/** Counts and prints test results; the same shape in every runner. */

let passed = 0;
let failed = 0;
/** What came of each, for those who report elsewhere. @type {{ name: string, error?: string }[]} */
export const results = [];

/**
 * Runs one test.
 * @param {string} name
 * @param {() => void | Promise<void>} body throws when it fails
 */
export async function test(name, body) {
  try {
    await body();
    passed++;
    results.push({ name });
    console.log(`ok      ${name}`);
  } catch (e) {
    failed++;
    results.push({ name, error: String(e instanceof Error ? e.message : e) });
    console.log(`FAILED  ${name}`);
    console.log(String(e instanceof Error ? e.message : e).replace(/^/gm, '        '));
  }
}

/**
 * Counts results that were made elsewhere.
 * @param {{ name: string, error?: string | undefined }[]} results
 * @param {string} prefix
 */
export async function take(results, prefix) {
  for (const { name, error } of results) {
    await test(`${prefix}${name}`, () => {
      if (error !== undefined) throw new Error(error);
    });
  }
}

/**
 * Throws with both texts' first differing line.
 * @param {string} actual
 * @param {string} expected
 */
export function same(actual, expected) {
  if (actual === expected) return;
  const a = actual.split('\n');
  const b = expected.split('\n');
  const at = a.findIndex((line, i) => line !== b[i]);
  const line = at < 0 ? a.length : at;
  throw new Error(`line ${line + 1} differs:\n  expected: ${b[line] ?? '(end)'}\n  but got:  ${a[line] ?? '(end)'}`);
}

/** Prints the closing line and sets the exit status. */
export function close() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
}
