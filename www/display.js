// @ts-check
/** A machine's display on a canvas, drawn when the machine says that it changed, with its keyboard and its mouse. */

import { make } from './dom.js';
import { keyNumber } from './keys.js';

/** The guest's mouse moves by whole steps; the rest is kept for the next event. */
const WHEEL_STEP = 60;

/** @typedef {{ code: number, down: boolean }} Stroke */
/**
 * @typedef {object} Wires where input goes
 * @property {(stroke: Stroke) => void} key
 * @property {(move: { dx: number, dy: number, dz: number, buttons: number }) => void} mouse
 */

/** @param {HTMLElement} frame @param {Wires} wires */
export function makeDisplay(frame, wires) {
  const canvas = make('canvas', { width: 640, height: 400, tabIndex: 0, role: 'img', 'aria-label': 'The guest’s screen. Keys go to the guest; Ctrl+Alt leaves it.' });
  const size = make('p', { className: 'display-size' });
  frame.append(canvas, size);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
  /** Keys held, which are let go when the canvas loses the keyboard. @type {Set<number>} */
  const held = new Set();
  let buttons = 0;
  let rest = { x: 0, y: 0, wheel: 0 };
  /** Only Ctrl and Alt were pressed since the last key went up: letting go of them leaves the display. */
  let leaving = false;
  let scale = 'fit';

  function letGo() {
    for (const code of held) wires.key({ code, down: false });
    held.clear();
  }

  function fit() {
    const { width, height } = canvas;
    const room = frame.getBoundingClientRect();
    const most = Math.min((room.width - 2) / width, (room.height - 2) / height);
    // Whole steps keep the guest's pixels sharp, if enough of the room is used.
    const density = devicePixelRatio || 1;
    const whole = Math.floor(most * density) / density;
    const by = scale !== 'fit' ? Number(scale) : whole > most * 0.8 ? whole : most;
    if (!(by > 0)) return;
    canvas.style.width = `${width * by}px`;
    canvas.style.height = `${height * by}px`;
    canvas.classList.toggle('sharp', Number.isInteger(Math.round(by * density * 1000) / 1000));
  }

  canvas.addEventListener('keydown', (ev) => {
    const code = keyNumber(ev.code);
    if (code === undefined) return;
    const modifier = /^(Control|Alt)/.test(ev.code);
    leaving = modifier && ev.ctrlKey && ev.altKey;
    ev.preventDefault();
    // The guest's keyboard repeats by itself.
    if (ev.repeat) return;
    held.add(code);
    wires.key({ code, down: true });
  });
  canvas.addEventListener('keyup', (ev) => {
    const code = keyNumber(ev.code);
    if (code === undefined) return;
    ev.preventDefault();
    if (held.delete(code)) wires.key({ code, down: false });
    if (!leaving) return;
    leaving = false;
    letGo();
    if (document.pointerLockElement === canvas) document.exitPointerLock();
    canvas.blur();
    canvas.dispatchEvent(new Event('left', { bubbles: true }));
  });
  canvas.addEventListener('blur', letGo);

  const locked = () => document.pointerLockElement === canvas;
  /** @param {MouseEvent} ev */
  const moved = (ev) => {
    if (!locked()) return;
    rest.x += ev.movementX;
    rest.y += ev.movementY;
    const [dx, dy] = [Math.trunc(rest.x), Math.trunc(rest.y)];
    rest.x -= dx;
    rest.y -= dy;
    const now = ev.buttons & 7;
    if (!dx && !dy && now === buttons) return;
    buttons = now;
    wires.mouse({ dx, dy, dz: 0, buttons });
  };
  for (const name of /** @type {const} */ (['mousemove', 'mousedown', 'mouseup'])) canvas.addEventListener(name, moved);
  canvas.addEventListener('wheel', (ev) => {
    if (!locked()) return;
    ev.preventDefault();
    rest.wheel += ev.deltaY;
    const dz = Math.trunc(rest.wheel / WHEEL_STEP);
    rest.wheel -= dz * WHEEL_STEP;
    if (dz) wires.mouse({ dx: 0, dy: 0, dz, buttons });
  }, { passive: false });
  canvas.addEventListener('contextmenu', (ev) => ev.preventDefault());
  new ResizeObserver(fit).observe(frame);

  return {
    canvas,
    /** @param {import('./protocol.js').Picture} picture */
    draw({ width, height, top, rgba }) {
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
        size.textContent = `${width} × ${height}`;
        fit();
      }
      const rows = rgba.length / (width * 4);
      context.putImageData(new ImageData(new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.length), width, rows), 0, top);
    },
    clear() {
      canvas.width = 640;
      canvas.height = 400;
      size.textContent = '';
      fit();
    },
    focus: () => canvas.focus({ preventScroll: true }),
    capture: () => canvas.requestPointerLock(),
    /** @param {string} to `fit` or a factor */
    setScale(to) {
      scale = to;
      frame.classList.toggle('scrolls', to !== 'fit');
      fit();
    },
    /** @returns {Promise<Blob | null>} a PNG */
    picture: () => new Promise((resolve) => canvas.toBlob(resolve, 'image/png')),
  };
}
