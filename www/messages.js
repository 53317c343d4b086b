// @ts-check
/** What the page says: a line for trouble, and words for those who listen. */

import { element, sentence } from './dom.js';

const alertLine = element('alert', HTMLParagraphElement);
const announceLine = element('announce', HTMLParagraphElement);

/** @param {unknown} e @param {...(Node | string)} offers what can be done */
export function showError(e, ...offers) {
  delete alertLine.dataset.silence;
  alertLine.replaceChildren(sentence(e), ...offers);
  alertLine.hidden = false;
}

export function clearError() {
  delete alertLine.dataset.silence;
  alertLine.hidden = true;
  alertLine.replaceChildren();
}

/** Trouble is told. */
export const troubled = () => !alertLine.hidden;

/** The machine says nothing, which may pass. @param {string} text */
export function showSilence(text) {
  if (troubled()) return;
  showError(text);
  alertLine.dataset.silence = 'yes';
}

/** It has spoken again. */
export function clearSilence() {
  if (alertLine.dataset.silence) clearError();
}

/** @param {string} text */
export function announce(text) {
  announceLine.textContent = text;
}
