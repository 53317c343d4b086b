// @ts-check
/** Runs Linux programs: those of tests/user, and Debian's. */

// @ts-ignore: the tests' server has it, from www/pkg.
import init, { Program } from '/www/pkg/user/tinamou_web.js';
import { debianTests, programTests } from '../programs.mjs';

await init();
const load = async (/** @type {string} */ path) => new Uint8Array(await (await fetch(`/tests/user/${path}`)).arrayBuffer());
const found = async (/** @type {string} */ path) => {
  const answer = await fetch(`/${path.replace('build/guests', 'guests')}`);
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined;
};
postMessage([...(await programTests(Program, load)), ...(await debianTests(Program, found))]);
