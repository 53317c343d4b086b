#!/usr/bin/env node
// @ts-check
/** Linux programs in Node: requests on stdin (programs-run.js). */

import fs from 'node:fs';
import readline from 'node:readline';

import { runner } from './programs-run.js';

const root = new URL('../../', import.meta.url);
const pkg = new URL('www/pkg/user/', root);
const { default: init, Program } = await import(`${pkg}tinamou_web.js`);
await init({ module_or_path: fs.readFileSync(new URL('tinamou_web_bg.wasm', pkg)) });
const answer = runner(
  Program,
  async (path) => new Uint8Array(fs.readFileSync(new URL(path, root))),
  (line) => fs.writeSync(1, `${line}\n`),
);
readline.createInterface(process.stdin).on('line', answer).on('close', () => process.exit(0));
fs.writeSync(1, 'HELLO\n');
