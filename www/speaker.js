// @ts-check
/** The machine's loudspeaker, heard: square waves of Web Audio, at the times at which the guest wanted them. Silent until somebody asks, by a click. */

/** What comes from the worker is played so much later, so that it comes in time. */
const DELAY_S = 0.06;
/** Virtual time that is farther ahead than this has jumped. */
const MOST_AHEAD_S = 0.5;
const VOLUME = 0.08;
/** Beyond it nobody hears anything. */
const MOST_HERTZ = 20_000;

export class Speaker {
  /** @type {{ context: AudioContext, tone: OscillatorNode, gain: GainNode } | null} */
  #playing = null;
  /** The context's time less the virtual time, in seconds. @type {number | null} */
  #offset = null;

  get on() {
    return this.#playing !== null;
  }

  /** From now on something is heard; browsers allow it in answer to a click. */
  async start() {
    if (this.#playing) return;
    const context = new AudioContext();
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.type = 'square';
    gain.gain.value = 0;
    tone.connect(gain);
    gain.connect(context.destination);
    tone.start();
    this.#playing = { context, tone, gain };
    this.#offset = null;
    await context.resume();
  }

  /** Nothing is heard any more. */
  async stop() {
    const playing = this.#playing;
    this.#playing = null;
    await playing?.context.close();
  }

  /** The machine stands still, or is gone: so is its tone. */
  hush() {
    if (!this.#playing) return;
    const { context, gain } = this.#playing;
    gain.gain.cancelScheduledValues(context.currentTime);
    gain.gain.setValueAtTime(0, context.currentTime);
    this.#offset = null;
  }

  /** @param {number[]} sounds of the event `sounds` */
  play(sounds) {
    if (!this.#playing) return;
    const { context, tone, gain } = this.#playing;
    for (let n = 0; n < sounds.length; n += 2) {
      const [virtual, hertz] = [(sounds[n] ?? 0) / 1e9, sounds[n + 1] ?? 0];
      const now = context.currentTime;
      let at = virtual + (this.#offset ?? -Infinity);
      if (!(at >= now && at < now + MOST_AHEAD_S)) {
        this.#offset = now + DELAY_S - virtual;
        at = now + DELAY_S;
      }
      const heard = hertz > 0 && hertz <= MOST_HERTZ;
      if (heard) tone.frequency.setValueAtTime(hertz, at);
      gain.gain.setValueAtTime(heard ? VOLUME : 0, at);
    }
  }
}
