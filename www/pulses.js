// @ts-check
/** What a loudspeaker sounds like whose level goes up and down by steps (one-bit sound, pulses of changing width), as samples. */

/** @typedef {{ at: number, level: number }} Step a level from a time on, in seconds */

/**
 * Samples of an interval: the mean level within each.
 * @param {Step[]} steps in order; before the first the level is 0
 * @param {number} from number of the first sample, counted from time 0
 * @param {number} to number of the one behind the last
 * @param {number} rate samples in a second
 * @returns {Float32Array<ArrayBuffer>}
 */
export function samples(steps, from, to, rate) {
  const out = new Float32Array(Math.max(0, to - from));
  steps.forEach(({ at, level }, n) => {
    if (!level) return;
    const begin = Math.max(at * rate, from);
    const end = Math.min((steps[n + 1]?.at ?? Infinity) * rate, to);
    for (let sample = Math.floor(begin); sample < end; sample++) {
      out[sample - from] = (out[sample - from] ?? 0) + level * (Math.min(sample + 1, end) - Math.max(sample, begin));
    }
  });
  return out;
}

/** Steps without those that are over at a time: the last one before it is the level there. @param {Step[]} steps @param {number} at */
export function since(steps, at) {
  const after = steps.findIndex((s) => s.at > at);
  return steps.slice(Math.max(0, (after < 0 ? steps.length : after) - 1));
}
