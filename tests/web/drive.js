// @ts-check
/**
 * Types `.steps` files (see `tests/guests/drive.py`) into a serial console and collects what it says. Runs in Node and in pages.
 */

/** @typedef {{ verb: 'expect' | 'send' | 'type' | 'end', text: string }} Step */

/** Escapes as Python's `unicode_escape` understands them, those that steps use. @param {string} text */
function unescape(text) {
  /** @type {Record<string, string>} */
  const named = { b: '\b', n: '\n', r: '\r', t: '\t', '\\': '\\' };
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([bnrt\\]))/g, (_, hex, name) =>
    hex ? String.fromCharCode(parseInt(hex, 16)) : /** @type {string} */ (named[name]),
  );
}

/** @param {string} text @returns {Step[]} */
export function parseSteps(text) {
  return text
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => {
      const [, verb, rest] = /** @type {RegExpMatchArray} */ (line.match(/^(\S*) ?(.*)$/));
      if (verb !== 'expect' && verb !== 'send' && verb !== 'type' && verb !== 'end') throw new Error(`unknown step: ${line}`);
      return { verb, text: unescape(rest ?? '') };
    });
}

/** A console being driven. Feed it what the machine says; it calls `type` with what is to be typed. */
export class Drive {
  /** All that was said, carriage returns included. */
  said = '';
  #decoder = new TextDecoder();
  #seen = 0;
  #step = 0;
  #ended = false;
  /** @type {Step[]} */
  #steps;
  /** @type {(bytes: Uint8Array<ArrayBuffer>) => void} */
  #type;

  /**
   * @param {string} steps text of a `.steps` file
   * @param {(bytes: Uint8Array<ArrayBuffer>) => void} type
   */
  constructor(steps, type) {
    this.#steps = parseSteps(steps);
    this.#type = type;
  }

  /** True once every step was met. */
  get done() {
    return this.#step === this.#steps.length;
  }

  /** What is still waited for, for messages. */
  get waitingFor() {
    const step = this.#steps[this.#step];
    return step ? `${step.verb} ${step.text}`.trim() : 'nothing';
  }

  /** The transcript without carriage returns. */
  get transcript() {
    return this.said.replaceAll('\r', '');
  }

  /** @param {Uint8Array} bytes what the machine said */
  feed(bytes) {
    this.said += this.#decoder.decode(bytes, { stream: true });
    this.#advance();
  }

  /** The machine ended by itself. */
  ended() {
    this.#ended = true;
    this.#advance();
  }

  #advance() {
    for (let step = this.#steps[this.#step]; step; step = this.#steps[this.#step]) {
      if (step.verb === 'expect') {
        const at = this.said.indexOf(step.text, this.#seen);
        if (at < 0) return;
        this.#seen = at + step.text.length;
      } else if (step.verb === 'end') {
        if (!this.#ended) return;
      }
      // Counted before typing, which may feed at once.
      this.#step++;
      if (step.verb === 'send' || step.verb === 'type') {
        const text = step.verb === 'send' ? `${step.text}\r` : step.text;
        this.#type(Uint8Array.from(text, (c) => c.charCodeAt(0)));
      }
    }
  }
}
