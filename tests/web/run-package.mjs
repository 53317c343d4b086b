#!/usr/bin/env node
// @ts-check
/** The package in Node. */

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as pack from '../../www/tinamou-node.js';
import { docsNodeTests } from './docs.mjs';
import { packageTests } from './package.mjs';
import { close } from './report.mjs';
import { viewTests } from './wat.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** @param {string} file */
const read = (file) => new Uint8Array(fs.readFileSync(`${ROOT}/${file}`));

await packageTests(pack, {
  kernel: read('tests/lab/images/lab-mipsel.elf'),
  program: read('tests/user/images/mipsel/start'),
  lab: (file) => read(`www/labs/${file}`),
  prefix: 'node: ',
});
await viewTests();
await docsNodeTests(pack);
close();
