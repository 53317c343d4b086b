#!/usr/bin/env node
// @ts-check
/** Writes `files.json`: what the service worker fetches before it is asked for, so that the page works without a network. */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('..', import.meta.url));
const KINDS = /\.(css|html|js|mjs|json|svg|wasm|elf|md|s)$/;
/** Folders that are no part of the site, and files of Node's. */
const ELSEWHERE = /^(node_modules|scripts)\/|^(serve\.mjs|sw\.js|files\.json|package(-lock)?\.json|jsconfig\.json|.*-node\.js|node-.*\.js)$/;
/** Larger guests come when somebody starts them. */
const MOST_GUEST_BYTES = 512 << 10;
/**
 * Modules that pages load as parts of `built/`, and what embeds the package: the browser keeps them when somebody loads them. The bindings in `pkg/`
 * load `rest.js` itself.
 */
const SOURCES = /^((?!rest\.js$)[\w-]+\.js|(lab-view|labs)\/[\w-]+\.js|vendor\/.*\.mjs|examples\/.*)$/;
/** Few visitors run Linux programs without a machine. */
const RARE = /^pkg\/user\//;

/** @returns {string[]} */
export function siteFiles() {
  const all = fs.readdirSync(WWW, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = all.map((entry) => path.relative(WWW, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join('/'));
  return names
    .filter((name) => KINDS.test(name) && !ELSEWHERE.test(name) && !RARE.test(name) && !SOURCES.test(name) && !name.endsWith('.d.mts'))
    .filter((name) => !name.startsWith('guests/') || fs.statSync(path.join(WWW, name)).size <= MOST_GUEST_BYTES)
    .sort();
}

export function writeFiles() {
  fs.writeFileSync(path.join(WWW, 'files.json'), `${JSON.stringify(siteFiles(), null, 1)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFiles();
