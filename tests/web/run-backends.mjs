#!/usr/bin/env node
// @ts-check
/** Back ends of the page's under Debian, in Node. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as pack from '../../www/tinamou-node.js';
import { backendTests } from './backends.mjs';
import { close } from './report.mjs';

const GUEST = fileURLToPath(new URL('../../build/guests/mipsel/', import.meta.url));
/** @param {string} file */
const read = (file) => new Uint8Array(fs.readFileSync(GUEST + file));

if (fs.existsSync(`${GUEST}net.gz`)) {
  const parts = ['initrd.gz', 'devices.gz', 'net.gz'].map(read);
  await backendTests(pack, {
    kernel: read('vmlinux'),
    initrd: new Uint8Array(Buffer.concat(parts)),
    sha256: (data) => createHash('sha256').update(data).digest('hex'),
    prefix: 'node: ',
  });
}
close();
