#!/usr/bin/env node
// @ts-check
/** Builds the wasm of `tests/web/suite` into `build/web-suite/`. */

import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PATH = `${path.join(os.homedir(), '.cache/tinamou/bin')}${path.delimiter}${process.env.PATH}`;
const target = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');

/** @param {string} command @param {string[]} args */
const run = (command, args) => execFileSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PATH } });

run('cargo', ['build', '--quiet', '--release', '-p', 'tinamou-web-suite', '--target', 'wasm32-unknown-unknown']);
run('wasm-bindgen', ['--target', 'web', '--out-dir', 'build/web-suite',
  path.join(target, 'wasm32-unknown-unknown/release/tinamou_web_suite.wasm')]);
