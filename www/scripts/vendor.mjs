#!/usr/bin/env node
// @ts-check
/** Copies xterm.js into `vendor/`, so that the page loads nothing from elsewhere, and lets it do without inline styles. */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('..', import.meta.url));

/** Our file names, and the packages they come from. */
const MODULES = { xterm: '@xterm/xterm', 'addon-fit': '@xterm/addon-fit', 'addon-search': '@xterm/addon-search', 'addon-web-links': '@xterm/addon-web-links' };

/**
 * Where xterm.js needs a policy that allows inline styles, as often as that is in it, and what it does here: style sheets are `sheet.js`'s, and an
 * attribute `style` is set by the object model, which no policy forbids. It has no option for either (its issue 4445).
 */
const INLINE = /** @type {{ what: RegExp, times: number, instead: string }[]} */ ([
  { what: /\.createElement\("style"\)/g, times: 3, instead: '.createElement("tinamou-sheet")' },
  { what: /(\w+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w+)\};`\)/g, times: 1, instead: '$1.style.cssText+=$2' },
]);

/** @param {string} xterm */
function withoutInlineStyles(xterm) {
  for (const { what, times, instead } of INLINE) {
    if ([...xterm.matchAll(what)].length !== times) throw new Error(`this xterm.js has not ${times} times ${what}: look how it makes its styles`);
    xterm = xterm.replace(what, instead);
  }
  if (/createElement\("style"\)|setAttribute\("style"/.test(xterm)) throw new Error('this xterm.js makes further inline styles');
  return `import '../sheet.js';\n${xterm}`;
}

export function copyVendor() {
  const vendor = path.join(WWW, 'vendor');
  fs.mkdirSync(vendor, { recursive: true });
  for (const [name, pack] of Object.entries(MODULES)) {
    const folder = path.join(WWW, 'node_modules', pack);
    const text = fs.readFileSync(path.join(folder, `lib/${name}.mjs`), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
    fs.writeFileSync(path.join(vendor, `${name}.mjs`), name === 'xterm' ? withoutInlineStyles(text) : text);
    fs.writeFileSync(path.join(vendor, `${name}.d.mts`), `export * from '${pack}';\n`);
    fs.copyFileSync(path.join(folder, 'LICENSE'), path.join(vendor, `${name}.LICENSE`));
  }
  fs.copyFileSync(path.join(WWW, 'node_modules/@xterm/xterm/css/xterm.css'), path.join(vendor, 'xterm.css'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) copyVendor();
