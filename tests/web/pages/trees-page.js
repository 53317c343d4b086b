// @ts-check
/** The tests of trees in a browser. What came of the first load waits in the session's storage. */

import * as pack from '../../../www/tinamou.js';
import { results } from '../report.mjs';
import { keepTests, treeTests } from '../trees.mjs';

const url = `${location.origin}/`;
const before = sessionStorage.getItem('results');
const all = before ? JSON.parse(before) : [];
try {
  if (!before) await treeTests(pack, { url, prefix: '' });
  await keepTests(pack, { url, prefix: '', again: !!before });
} catch (e) {
  results.push({ name: 'trees', error: String(e) });
}
all.push(...results);
if (before) {
  await fetch('/report', { method: 'POST', body: JSON.stringify(all) });
} else {
  sessionStorage.setItem('results', JSON.stringify(all));
  location.reload();
}
