// @ts-check
/** Panes beside the machine: one is open at a time, each has a button in the footer. */

import { element, make } from './dom.js';

/**
 * @typedef {object} Tool
 * @property {string} id its frame's
 * @property {string} title
 * @property {(open: boolean) => void} [shown]
 * @property {(machine: import('./machine.js').Machine) => void} [follow] a machine is there
 * @property {() => void} [leave] it is gone
 */

/** @type {Map<string, { tool: Tool, frame: HTMLElement, button: HTMLButtonElement }>} */
const tools = new Map();

/** @param {Tool} tool */
export function addTool(tool) {
  const frame = element(tool.id, HTMLElement);
  const button = make('button', { type: 'button', id: `tool-${tool.id}`, textContent: tool.title, 'aria-expanded': 'false', 'aria-controls': tool.id });
  button.addEventListener('click', () => openTool(frame.hidden ? tool.id : null));
  element('tool-buttons', HTMLElement).append(button);
  tools.set(tool.id, { tool, frame, button });
}

/** Opens a pane, or closes what is open. @param {string | null} id */
export function openTool(id) {
  element('tools', HTMLElement).hidden = id === null;
  for (const [name, { tool, frame, button }] of tools) {
    const open = name === id;
    if (frame.hidden === !open) continue;
    frame.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    tool.shown?.(open);
  }
}

/** @param {import('./machine.js').Machine} machine */
export const followTools = (machine) => tools.forEach(({ tool }) => tool.follow?.(machine));
export const leaveTools = () => tools.forEach(({ tool }) => tool.leave?.());
