// @ts-check
/** Runs the suite on the filetests named in the address. */

// @ts-ignore: the tests' server has it, from build/web-suite.
import init, * as suite from '/suite/tinamou_web_suite.js';
import { runSuite } from '../suite.js';

await init();
const names = (new URLSearchParams(location.search).get('files') ?? '').split(',');
/** @type {[string, string][]} */
const files = [];
for (const name of names) files.push([name, await (await fetch(`/tests/filetests/${name}`)).text()]);
postMessage(runSuite(suite, files));
