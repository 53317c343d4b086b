// @ts-check
/**
 * xterm.js makes its style sheets while it runs, as `<style>`, which a Content-Security-Policy without 'unsafe-inline' forbids. In `vendor/` it makes
 * this element in its place: a sheet that applies to the document or shadow tree that it is in, as long as it is there.
 */

class Sheet extends HTMLElement {
  #sheet = new CSSStyleSheet();
  /** @type {Document | ShadowRoot | null} */
  #place = null;
  #text = '';

  get textContent() {
    return this.#text;
  }

  set textContent(css) {
    this.#text = css ?? '';
    this.#sheet.replaceSync(this.#text);
  }

  connectedCallback() {
    this.hidden = true;
    this.#place = /** @type {Document | ShadowRoot} */ (this.getRootNode());
    this.#place.adoptedStyleSheets.push(this.#sheet);
  }

  disconnectedCallback() {
    const sheets = this.#place?.adoptedStyleSheets;
    const at = sheets?.indexOf(this.#sheet) ?? -1;
    if (at >= 0) sheets?.splice(at, 1);
    this.#place = null;
  }
}

// A page may have two copies of the package.
if (!customElements.get('tinamou-sheet')) customElements.define('tinamou-sheet', Sheet);
