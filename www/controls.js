// @ts-check
/** The tool bar above a machine, its menu and the dialog for text. What a button does to the machine, it does by QMP. */

import { download, element } from './dom.js';
import { chord, typing } from './keys.js';
import { announce, showError } from './messages.js';

const button = (/** @type {string} */ id) => element(id, HTMLButtonElement);
const buttons = {
  run: button('run'), step: button('step'), reset: button('reset'), power: button('power'), quit: button('quit'), again: button('again'),
  snapshot: button('snapshot'), paste: button('paste'), cad: button('cad'), keys: button('keys'), mouse: button('mouse'), shot: button('shot'),
  full: button('full'), edit: button('edit'), sound: button('sound'), copy: button('copy'), find: button('find-open'), speak: button('speak'),
};
const more = element('more', HTMLDetailsElement);

/**
 * @typedef {object} Wires
 * @property {() => import('./machine.js').Machine | null} machine
 * @property {() => string} state
 * @property {() => string} title for files' names
 * @property {(strokes: { code: number, down: boolean }[]) => void} strike
 * @property {() => void} step
 * @property {() => void} again
 * @property {() => void} edit
 * @property {() => void} snapshot
 * @property {() => void} find
 * @property {ReturnType<typeof import('./screens.js').makeScreens>} screens
 * @property {ReturnType<typeof import('./display.js').makeDisplay>} display
 * @property {(on: boolean) => Promise<void>} sound
 */

/** @param {Wires} wires */
export function makeControls({ machine, state, title, strike, step, again, edit, snapshot, find, screens, display, sound }) {
  /** @param {string} command */
  async function press(command) {
    try {
      await machine()?.send({ execute: command });
    } catch (e) {
      showError(e);
    }
  }
  buttons.run.addEventListener('click', () => press(state() === 'running' ? 'stop' : 'cont'));
  buttons.reset.addEventListener('click', () => press('system_reset'));
  buttons.power.addEventListener('click', () => press('system_powerdown'));
  buttons.quit.addEventListener('click', () => press('quit'));
  buttons.step.addEventListener('click', step);
  buttons.again.addEventListener('click', again);
  buttons.edit.addEventListener('click', edit);
  buttons.snapshot.addEventListener('click', snapshot);

  const dialog = element('paste-dialog', HTMLDialogElement);
  const text = element('paste-text', HTMLTextAreaElement);
  buttons.paste.addEventListener('click', () => {
    text.value = '';
    dialog.showModal();
  });
  element('paste-send', HTMLButtonElement).addEventListener('click', () => {
    dialog.close();
    if (screens.current === 'display') strike(typing(text.value));
    else machine()?.input(screens.port, new TextEncoder().encode(text.value.replaceAll('\n', '\r'))).catch(showError);
    screens.focus();
  });
  element('paste-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());

  buttons.sound.addEventListener('click', async () => {
    const on = buttons.sound.getAttribute('aria-pressed') !== 'true';
    try {
      await sound(on);
      buttons.sound.setAttribute('aria-pressed', String(on));
      buttons.sound.title = on ? 'Silence the loudspeaker' : 'Hear the loudspeaker';
    } catch {
      announce('The browser plays no sound.');
    }
  });
  buttons.copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(screens.console?.selection() || screens.text());
      announce('Copied');
    } catch {
      announce('The browser does not let a page copy.');
    }
    screens.focus();
  });
  buttons.find.addEventListener('click', find);
  buttons.speak.setAttribute('aria-pressed', String(screens.spoken));
  buttons.speak.addEventListener('click', () => {
    screens.spoken = !screens.spoken;
    buttons.speak.setAttribute('aria-pressed', String(screens.spoken));
    screens.focus();
  });
  buttons.cad.addEventListener('click', () => strike(chord('ControlLeft', 'AltLeft', 'Delete')));
  buttons.keys.addEventListener('click', () => {
    showKeys(buttons.keys.getAttribute('aria-pressed') !== 'true');
    screens.focus();
  });
  buttons.mouse.addEventListener('click', async () => {
    screens.select('display');
    display.focus();
    try {
      await display.capture();
    } catch {
      announce('The browser did not give the mouse.');
    }
  });
  buttons.shot.addEventListener('click', async () => {
    const name = title().replace(/\W+/g, '-');
    if (screens.current !== 'display') return download(`${name}.txt`, new Blob([screens.text()], { type: 'text/plain' }));
    const picture = await display.picture();
    if (picture) download(`${name}.png`, picture);
  });
  buttons.full.addEventListener('click', () => {
    const asked = document.fullscreenElement ? document.exitFullscreen() : element('stage', HTMLElement).requestFullscreen();
    asked.then(() => screens.focus()).catch(() => announce('The browser has no full screen here.'));
  });
  element('scale', HTMLSelectElement).addEventListener('change', (ev) => display.setScale(/** @type {HTMLSelectElement} */ (ev.target).value));

  /** @param {boolean} on */
  function showKeys(on) {
    buttons.keys.setAttribute('aria-pressed', String(on));
    element('screen-keys', HTMLElement).hidden = !on;
  }
  showKeys(matchMedia('(pointer: coarse)').matches);

  // A menu closes when something was chosen or clicked elsewhere.
  more.addEventListener('click', (ev) => {
    if (ev.target instanceof HTMLButtonElement) more.open = false;
  });
  document.addEventListener('pointerdown', (ev) => {
    if (ev.target instanceof Node && !more.contains(ev.target)) more.open = false;
  });
  more.addEventListener('keydown', (ev) => {
    if (ev.key !== 'Escape' || !more.open) return;
    more.open = false;
    more.querySelector('summary')?.focus();
  });
  screens.displayFrame.addEventListener('left', () => buttons.run.focus());

  return {
    /** What can be pressed. @param {boolean} made there is a machine @param {boolean} running */
    show(made, running) {
      for (const id of /** @type {const} */ (['reset', 'power', 'quit', 'snapshot', 'paste', 'cad', 'shot'])) buttons[id].disabled = !made;
      buttons.step.disabled = !made || running;
      buttons.run.disabled = !made;
      buttons.run.textContent = running || !made ? 'Pause' : 'Run';
    },
  };
}
