// @ts-check
/**
 * The machine's loudspeaker, heard: square waves of Web Audio, and single pulses as samples, at the times at which the guest wanted them. Silent until
 * somebody asks, by a click.
 */

import { samples, since } from './pulses.js';

/** What comes from the worker is played so much later, so that it comes in time. */
const DELAY_S = 0.06;
/** Virtual time that is farther ahead than this has jumped. */
const MOST_AHEAD_S = 0.5;
const VOLUME = 0.08;
/** Beyond it nobody hears anything. */
const MOST_HERTZ = 20_000;
/** A level that stays is not heard. */
const LOWEST_HERTZ = 30;

export class Speaker {
  /** @type {{ context: AudioContext, tone: OscillatorNode, gain: GainNode, pulses: BiquadFilterNode } | null} */
  #playing = null;
  /** The context's time less the virtual time, in seconds. @type {number | null} */
  #offset = null;
  /** Levels whose samples are not all made, by the context's time. @type {import('./pulses.js').Step[]} */
  #steps = [];
  /** The next sample, if pulses are being played. @type {number | null} */
  #next = null;
  /** The tone is heard. */
  #sounding = false;

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
    const pulses = new BiquadFilterNode(context, { type: 'highpass', frequency: LOWEST_HERTZ });
    pulses.connect(new GainNode(context, { gain: 2 * VOLUME })).connect(context.destination);
    this.#playing = { context, tone, gain, pulses };
    this.#forget();
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
    this.#forget();
  }

  #forget() {
    this.#offset = null;
    this.#sounding = false;
    this.#still();
  }

  /** @param {number[]} sounds of the event `sounds` */
  play(sounds) {
    if (!this.#playing) return;
    const { context, tone, gain } = this.#playing;
    // A level that stayed for long is over; what follows begins anew.
    if (this.#next !== null && this.#next < context.currentTime * context.sampleRate) this.#still();
    for (let n = 0; n < sounds.length; n += 2) {
      const [virtual, hertz] = [(sounds[n] ?? 0) / 1e9, sounds[n + 1] ?? 0];
      const now = context.currentTime;
      let at = virtual + (this.#offset ?? -Infinity);
      if (!(at >= now && at < now + MOST_AHEAD_S)) {
        this.#pulses();
        this.#still();
        this.#offset = now + DELAY_S - virtual;
        at = now + DELAY_S;
      }
      const level = hertz < 0 ? 1 : 0;
      if (level || this.#steps.at(-1)?.level) this.#steps.push({ at, level });
      const heard = hertz > 0 && hertz <= MOST_HERTZ;
      if (heard) tone.frequency.setValueAtTime(hertz, at);
      if (heard || this.#sounding) gain.gain.setValueAtTime(heard ? VOLUME : 0, at);
      this.#sounding = heard;
    }
    this.#pulses();
  }

  #still() {
    this.#steps = [];
    this.#next = null;
  }

  /** Plays the levels as far as they are known. */
  #pulses() {
    const [first, last] = [this.#steps[0], this.#steps.at(-1)];
    if (!this.#playing || !first || !last) return;
    const { context, pulses } = this.#playing;
    const rate = context.sampleRate;
    const from = this.#next ?? Math.floor(first.at * rate);
    const known = Math.floor(last.at * rate);
    if (known > from) {
      const buffer = context.createBuffer(1, known - from, rate);
      buffer.copyToChannel(samples(this.#steps, from, known, rate), 0);
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(pulses);
      source.start(from / rate);
    }
    this.#next = Math.max(known, from);
    this.#steps = since(this.#steps, this.#next / rate);
  }
}
