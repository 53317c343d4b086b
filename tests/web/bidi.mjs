// @ts-check
/** Drives Firefox by WebDriver BiDi, as far as the page's tests need it: go to an address, evaluate, wait, click, type. */

import { createRequire } from 'node:module';

import { openFirefox } from './browser.mjs';

const requireFromWww = createRequire(new URL('../../www/package.json', import.meta.url));
const { ws: WebSocket } = requireFromWww('playwright-core/lib/utilsBundle');

/** A browser that hangs must not hang the tests. */
const LIMIT_MS = 60_000;
const POLL_MS = 50;
const ENTER = '\uE007';

/** Firefox with one page. */
export class FirefoxPage {
  #next = 1;
  /** @type {Map<number, { resolve: (v: any) => void, reject: (e: Error) => void }>} */
  #waiting = new Map();
  /** @type {any} */
  #socket;
  #context = '';
  #firefox = openFirefox('about:blank', { remote: true });

  static async open() {
    const page = new FirefoxPage();
    await page.#connect();
    return page;
  }

  async #connect() {
    let said = '';
    const url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Firefox does not listen: ${said}`)), LIMIT_MS);
      this.#firefox.stderr?.on('data', (data) => {
        said += data;
        const [, found] = /listening on (ws:\S+)/.exec(said) ?? [];
        if (!found) return;
        clearTimeout(timer);
        resolve(`${found}/session`);
      });
    });
    this.#socket = new WebSocket(url);
    await new Promise((resolve, reject) => this.#socket.on('open', resolve).on('error', reject));
    this.#socket.on('message', (/** @type {Buffer} */ data) => {
      const message = JSON.parse(String(data));
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.type === 'error') waiting?.reject(new Error(`${message.error}: ${message.message}`));
      else waiting?.resolve(message.result);
    });
    await this.#send('session.new', { capabilities: {} });
    const { contexts } = await this.#send('browsingContext.getTree', {});
    this.#context = contexts[0].context;
    // What the pages' policies refuse, told before a page's own scripts run.
    const tell = `() => addEventListener('securitypolicyviolation', (ev) => sessionStorage.setItem('refused', (sessionStorage.getItem('refused') ?? '') + ev.effectiveDirective + ' ' + ev.blockedURI + '; '))`;
    await this.#send('script.addPreloadScript', { functionDeclaration: tell });
    await this.#send('browsingContext.setViewport', { context: this.#context, viewport: { width: 1200, height: 800 } });
  }

  /** @param {string} method @param {object} params @returns {Promise<any>} */
  #send(method, params) {
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      setTimeout(() => reject(new Error(`${method}: no answer`)), LIMIT_MS).unref();
    });
  }

  /** @param {string} url */
  goto(url) {
    return this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** An expression's value, as text. @param {string} expression @returns {Promise<string>} */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#send('script.evaluate', {
      expression: `Promise.resolve(${expression}).then(String)`, target: { context: this.#context }, awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  }

  /** What the policy of this site's pages has refused so far. */
  refused() {
    return this.evaluate(`sessionStorage.getItem('refused') ?? ''`);
  }

  /** Waits until an expression is true. @param {string} expression */
  async until(expression) {
    for (const end = Date.now() + LIMIT_MS; ; ) {
      if ((await this.evaluate(`!!(${expression})`)) === 'true') return;
      if (Date.now() > end) throw new Error(`not seen: ${expression}; the page says: ${await this.evaluate('document.body.innerText.slice(0, 500)')}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Clicks what a selector finds, once it is there and can be clicked. @param {string} selector */
  async click(selector) {
    const found = `document.querySelector(${JSON.stringify(selector)})`;
    await this.until(`${found} && !${found}.disabled && ${found}.getClientRects().length`);
    await this.evaluate(`void ${found}.click()`);
  }

  /** Types; a line feed is Enter. @param {string} text */
  type(text) {
    const actions = [...text].flatMap((c) => {
      const value = c === '\n' ? ENTER : c;
      return [{ type: 'keyDown', value }, { type: 'keyUp', value }];
    });
    return this.#send('input.performActions', { context: this.#context, actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  async close() {
    this.#socket?.close();
    await this.#firefox.close();
  }
}
