// @ts-check
/** Linux programs in a page's worker: each message is a request (programs-run.js). */

import init, { Program } from '/www/pkg/user/tinamou_web.js';

import { runner } from './programs-run.js';

const scope = /** @type {any} */ (self);
const answer = runner(
  Program,
  async (path) => new Uint8Array(await (await fetch(`/files/${path}`)).arrayBuffer()),
  (line) => scope.postMessage(line),
);
const ready = init().then(() => scope.postMessage('HELLO'));
scope.onmessage = async (/** @type {MessageEvent<string>} */ { data }) => {
  await ready;
  await answer(data);
};
