// @ts-check
/** The page's QMP console: a line to type with completion and history, and a log of what was said. */

import { Schema, complete, help, parse } from './qmp-shell.js';

/** Older entries go. */
const MOST_ENTRIES = 400;
/** Longer replies are cut: the schema alone would fill the page's memory many times over. */
const MOST_CHARS = 20_000;
const MOST_OFFERS = 50;

/** @typedef {import('./machine.js').Machine} Machine */

/** @template {HTMLElement} T @param {ParentNode} within @param {string} selector @param {new () => T} type */
function part(within, selector, type) {
  const found = within.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${selector}`);
  return found;
}

/** A reply for people: text as text, the rest as JSON. @param {unknown} reply */
function pretty(reply) {
  /** @type {any} */
  const any = reply;
  const human = any?.['human-readable-text'];
  const text = typeof any === 'string' ? any : typeof human === 'string' ? human : JSON.stringify(any, null, 2);
  const tidy = text.replaceAll('\r', '').trimEnd();
  return tidy.length > MOST_CHARS ? `${tidy.slice(0, MOST_CHARS)}\n… and ${tidy.length - MOST_CHARS} characters more` : tidy;
}

/**
 * Makes the console of what is inside `frame`.
 * @param {HTMLElement} frame
 */
export function makeQmpConsole(frame) {
  const log = part(frame, '#qmp-log', HTMLElement);
  const form = part(frame, '#qmp-form', HTMLFormElement);
  const input = part(frame, '#qmp-input', HTMLInputElement);
  const list = part(frame, '#qmp-offers', HTMLElement);
  const hint = part(frame, '#qmp-hint', HTMLElement);
  /** @type {Machine | null} */
  let machine = null;
  let schema = new Schema();
  /** @type {string[]} */
  const history = [];
  /** Place in the history; at its end, what is being typed. */
  let place = 0;
  let draft = '';
  /** @type {string[]} */
  let offers = [];
  let offersFrom = 0;
  let chosen = -1;

  /** @param {'sent' | 'reply' | 'error' | 'event'} kind @param {string} text */
  function say(kind, text) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    const entry = document.createElement('pre');
    entry.className = kind;
    entry.textContent = text;
    log.append(entry);
    while (log.childElementCount > MOST_ENTRIES) log.firstElementChild?.remove();
    if (atEnd || kind === 'sent') log.scrollTop = log.scrollHeight;
  }

  /** Learns the commands, when somebody wants to know them. */
  async function learn() {
    const of = machine;
    if (!of || frame.hidden || schema.names.length) return;
    try {
      const [commands, types] = await Promise.all([of.qmp('query-commands'), of.qmp('query-qmp-schema')]);
      if (machine === of) schema = new Schema(commands, types);
    } catch {
      // The machine went; the next one will be asked.
    }
  }

  function hideOffers() {
    offers = [];
    chosen = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }

  function showOffers() {
    hideOffers();
    hint.textContent = help(input.value, schema);
    if (input.selectionStart !== input.value.length) return;
    const found = complete(input.value, schema);
    offersFrom = found.from;
    offers = found.offers.slice(0, MOST_OFFERS);
    if (!offers.length) return;
    list.replaceChildren(
      ...offers.map((offer, n) => {
        const item = document.createElement('li');
        item.id = `qmp-offer-${n}`;
        item.role = 'option';
        item.textContent = offer;
        // The line keeps the focus.
        item.addEventListener('mousedown', (ev) => ev.preventDefault());
        item.addEventListener('click', () => take(offer));
        return item;
      }),
    );
    list.hidden = false;
    input.setAttribute('aria-expanded', 'true');
  }

  /** @param {number} n */
  function choose(n) {
    chosen = (n + offers.length) % offers.length;
    for (const [i, item] of [...list.children].entries()) item.setAttribute('aria-selected', String(i === chosen));
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
    input.setAttribute('aria-activedescendant', `qmp-offer-${chosen}`);
  }

  /** @param {string} offer */
  function take(offer) {
    const whole = !offer.endsWith('=');
    input.value = `${input.value.slice(0, offersFrom)}${offer}${whole ? ' ' : ''}`;
    showOffers();
  }

  /** What all offers begin with. */
  function common() {
    const [first = ''] = offers;
    let length = first.length;
    while (offers.some((o) => !o.startsWith(first.slice(0, length)))) length--;
    return first.slice(0, length);
  }

  /** @param {number} to */
  function recall(to) {
    if (to < 0 || to > history.length) return;
    if (place === history.length) draft = input.value;
    place = to;
    input.value = history[to] ?? draft;
    input.setSelectionRange(input.value.length, input.value.length);
    hideOffers();
    hint.textContent = help(input.value, schema);
  }

  async function send() {
    const line = input.value.trim();
    if (!line) return;
    hideOffers();
    hint.textContent = '';
    if (history.at(-1) !== line) history.push(line);
    place = history.length;
    draft = input.value = '';
    say('sent', line);
    try {
      const message = parse(line, schema);
      if (!machine) throw new Error('There is no machine.');
      const reply = pretty(await machine.send(message));
      say('reply', reply);
    } catch (e) {
      const error = /** @type {Error & { class?: string }} */ (e);
      say('error', error.class ? `${error.class}: ${error.message}` : error.message);
    }
  }

  form.addEventListener('submit', (ev) => {
    ev.preventDefault();
    send();
  });
  input.addEventListener('input', showOffers);
  input.addEventListener('blur', hideOffers);
  input.addEventListener('keydown', (ev) => {
    const open = offers.length > 0;
    const step = ev.key === 'ArrowDown' ? 1 : ev.key === 'ArrowUp' ? -1 : 0;
    if (step && open) choose(chosen < 0 && step < 0 ? offers.length - 1 : chosen + step);
    else if (step) recall(place + step);
    else if (ev.key === 'Escape' && open) hideOffers();
    else if (ev.key === 'Enter' && open && chosen >= 0) take(/** @type {string} */ (offers[chosen]));
    else if (ev.key === 'Tab' && !ev.shiftKey && open) complement();
    else return;
    ev.preventDefault();
  });

  /** As shells do: what is certain, or the chosen one, or the first. */
  function complement() {
    const certain = common();
    const typed = input.value.slice(offersFrom);
    if (chosen < 0 && offers.length > 1 && certain.length > typed.length) {
      input.value = input.value.slice(0, offersFrom) + certain;
      showOffers();
    } else {
      take(/** @type {string} */ (offers[Math.max(chosen, 0)]));
    }
  }

  return {
    /** It was opened, or closed. @param {boolean} open */
    shown(open) {
      learn();
      if (open) input.focus();
    },
    /** Talks with this machine from now on. @param {Machine} to */
    follow(to) {
      machine = to;
      schema = new Schema();
      learn();
      to.addEventListener('qmp', (ev) => {
        const { event, data, message } = /** @type {import('./machine.js').QmpEvent} */ (ev);
        const { seconds, microseconds } = message.timestamp;
        const at = new Date(seconds * 1000 + microseconds / 1000).toLocaleTimeString();
        const details = Object.entries(data).map(([k, v]) => ` ${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`);
        say('event', `${at} ${event}${details.join('')}`);
      });
    },
    /** There is none now. */
    leave() {
      machine = null;
    },
  };
}
