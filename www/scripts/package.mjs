#!/usr/bin/env node
// @ts-check
/** What the package needs besides what `build.mjs` makes: `types/`, its declarations, made of its JSDoc. npm runs this before it packs. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('..', import.meta.url));

export function preparePackage() {
  // wasm-pack keeps what it makes out of packages.
  for (const name of fs.readdirSync(path.join(WWW, 'pkg'), { recursive: true })) {
    if (path.basename(String(name)) === '.gitignore') fs.rmSync(path.join(WWW, 'pkg', String(name)));
  }
  const types = path.join(WWW, 'types');
  fs.rmSync(types, { recursive: true, force: true });
  execFileSync(process.execPath, [path.join(WWW, 'node_modules/typescript/bin/tsc'), '--project', path.join(WWW, 'types.json')], { stdio: 'inherit' });
  // A declaration file is nobody's output.
  fs.copyFileSync(path.join(WWW, 'qmp-types.d.ts'), path.join(types, 'qmp-types.d.ts'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) preparePackage();
