// @ts-check
/** The package, its element, labs and the Lab view in Firefox. */

import { startServer } from '../../www/serve.mjs';
import { FirefoxPage } from './bidi.mjs';
import { test } from './report.mjs';

/** What a selector finds whose text is this. @param {string} selector @param {string} text */
const withText = (selector, text) => `[...document.querySelectorAll(${JSON.stringify(selector)})].find((e) => e.textContent.trim() === ${JSON.stringify(text)})`;

export async function firefoxEmbedTests() {
  const server = await startServer();
  const page = await FirefoxPage.open();
  const reads = (/** @type {string} */ selector, /** @type {string} */ text) =>
    page.until(`(document.querySelector(${JSON.stringify(selector)})?.textContent ?? '').includes(${JSON.stringify(text)})`);
  const press = async (/** @type {string} */ selector, /** @type {string} */ text) => {
    await page.until(`${withText(selector, text)} && !${withText(selector, text)}.disabled`);
    await page.evaluate(`void ${withText(selector, text)}.click()`);
  };
  const fill = (/** @type {string} */ selector, /** @type {string} */ text) =>
    page.evaluate(`void (document.querySelector(${JSON.stringify(selector)}).value = ${JSON.stringify(text)}, document.querySelector(${JSON.stringify(selector)}).focus())`);
  try {
    await test('firefox: elements on a page of plain modules; only those in view run', async () => {
      const state = (/** @type {string} */ id, /** @type {string} */ word) => page.until(`document.getElementById('${id}').dataset.state === '${word}'`);
      await page.goto(`${server.url}examples/plain/`);
      await reads('#answer', 'big-endian');
      await state('first', 'running');
      await page.evaluate(`void document.getElementById('third').scrollIntoView()`);
      await state('third', 'running');
      await state('first', 'paused');
    });
    await test('firefox: a lab, what one begins with fails, the solution passes', async () => {
      await page.goto(`${server.url}labs/?lab=hello`);
      await page.until(`document.querySelector('.step')`);
      await press('button', 'Check');
      await reads('.step.failed', 'Hint:');
      await press('button', 'Solution');
      await page.until(`document.getElementById('source').value.includes('a solution')`);
      await press('button', 'Check');
      await reads('.summary', 'All steps passed.');
    });
    await test('firefox: lab view: steps, registers, a breakpoint, memory, a block', async () => {
      const says = (/** @type {string} */ text) => reads('.lab-view .state', text);
      await page.goto(`${server.url}labs/?lab=tlb`);
      await page.until(`document.querySelector('.step')`);
      await press('button', 'Solution');
      await page.until(`document.getElementById('source').value.includes('a solution')`);
      await press('button', 'Debug');
      await says('pc 80100000 _start ');
      await press('.lab-view .bar button', 'Step');
      await says('_start+0x4');
      await press('.lab-view .bar button', 'Step back');
      await says('pc 80100000 _start ');
      for (const n of ['4', '8', 'c']) {
        await press('.lab-view .bar button', 'Step');
        await says(`_start+0x${n}`);
      }
      await page.until(`document.querySelector('[data-register=t0]').classList.contains('changed')`);
      await press('[role=tab]', 'Points');
      await fill('.lab-view [role=tabpanel]:not([hidden]) input', 'refill');
      await press('.lab-view [role=tabpanel]:not([hidden]) button', 'Set');
      await reads('.points', 'stops at 80100');
      await press('.lab-view .bar button', 'Run');
      await says('breakpoint · pc');
      await press('[role=tab]', 'Devices');
      await reads('.devices', '16550');
      await press('[role=tab]', 'Block');
      await reads('[aria-label=WebAssembly]', '(func');
    });
  } finally {
    await page.close();
    server.close();
  }
}
