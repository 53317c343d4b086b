// @ts-check
/** Runs the Linux programs of tests/user. */

// @ts-ignore: the tests' server has it, from www/pkg.
import init, { Program } from '/www/pkg/user/tinamou_web.js';
import { programTests } from '../programs.mjs';

await init();
const load = async (/** @type {string} */ path) => new Uint8Array(await (await fetch(`/tests/user/${path}`)).arrayBuffer());
postMessage(await programTests(Program, load));
