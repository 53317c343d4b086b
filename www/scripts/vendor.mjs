#!/usr/bin/env node
// @ts-check
/** Copies xterm.js into `vendor/`, so that the page loads nothing from elsewhere. */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('..', import.meta.url));

/** Our file names, and the packages they come from. */
const MODULES = { xterm: '@xterm/xterm', 'addon-fit': '@xterm/addon-fit' };

export function copyVendor() {
  const vendor = path.join(WWW, 'vendor');
  fs.mkdirSync(vendor, { recursive: true });
  for (const [name, pack] of Object.entries(MODULES)) {
    const folder = path.join(WWW, 'node_modules', pack);
    const text = fs.readFileSync(path.join(folder, `lib/${name}.mjs`), 'utf8');
    fs.writeFileSync(path.join(vendor, `${name}.mjs`), text.replace(/^\/\/# sourceMappingURL=.*$/m, ''));
    fs.writeFileSync(path.join(vendor, `${name}.d.mts`), `export * from '${pack}';\n`);
    fs.copyFileSync(path.join(folder, 'LICENSE'), path.join(vendor, `${name}.LICENSE`));
  }
  fs.copyFileSync(path.join(WWW, 'node_modules/@xterm/xterm/css/xterm.css'), path.join(vendor, 'xterm.css'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) copyVendor();
