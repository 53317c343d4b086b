// @ts-check
/** The Lab view as a pane of the page: it is loaded and looks at the machine while it is open. */

/** @typedef {import('../machine.js').Machine} Machine */

/**
 * @param {HTMLElement} frame
 * @param {() => Promise<ArrayBuffer | null>} kernel the present machine's, for its symbols
 */
export function makeLabPane(frame, kernel) {
  /** @type {ReturnType<typeof import('./lab-view.js').makeLabView> | null} */
  let view = null;
  /** @type {Machine | null} */
  let machine = null;
  let open = false;

  async function look() {
    const { makeLabView } = await import('./lab-view.js');
    view ??= makeLabView(frame);
    const shown = view;
    const of = machine;
    if (!open || !of) return shown.leave();
    const symbols = await kernel().catch(() => null);
    if (open && machine === of) await shown.follow(of, symbols ? { symbols } : {});
  }

  return {
    /** @param {boolean} now */
    shown(now) {
      open = now;
      look();
    },
    /** @param {Machine} of */
    follow(of) {
      machine = of;
      if (open) look();
    },
    leave() {
      machine = null;
      view?.leave();
    },
    /** One instruction, if the view is open: there is one debugger at a time. @returns {Promise<boolean>} whether it was done */
    async step() {
      return open && !!view && view.step();
    },
  };
}
