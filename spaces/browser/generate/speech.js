/** A recording -> the one word that is said in it, as the judge of words hears it (zoo/generate/crossmodal.py). */

import { InputError } from "./inputs.js";

/** Length of a recording in seconds; what is said in it must last half as long as the former at least. */
export const SHORTEST = 0.1, LONGEST = 30;
/** Seconds that the judge of words hears at once. */
const MAX_WORD = 1;
/** Samples a second that the judge of words hears. */
export const JUDGE_RATE = 8000;
/** Frames of 10 ms that are kept before and after what was said. */
const MARGIN = 5;
/** Loudness (root mean square over 10 ms, of full scale) below which nothing was said. */
const SILENCE = 0.003;
/** Where the filter begins to take away, as a share of half the rate, and by how many decibels: soxr's "HQ". */
const PASSED = 0.9136, REJECTED = 125;

/** Throws InputError for a recording that is too short or too long. @param {number} seconds */
export function checkSeconds(seconds) {
  if (!(seconds >= SHORTEST && seconds <= LONGEST)) throw new InputError("error_seconds", { given: seconds, low: SHORTEST, high: LONGEST });
}

/**
 * The loudest stretch of speech in a recording, at 8 kHz, at most a second. Throws InputError for silence, for noise that
 * is too short for a word, and for a recording that is too short or too long.
 * @param {Float32Array} waveform in [-1, 1] @param {number} rate samples a second @returns {Float32Array}
 */
export function spokenWord(waveform, rate) {
  checkSeconds(waveform.length / rate);
  if (!waveform.every(Number.isFinite)) throw new InputError("error_sound");
  const samples = resample(waveform, rate, JUDGE_RATE);
  const middle = mean(samples);
  samples.forEach((value, i) => (samples[i] = value - middle));
  const frame = JUDGE_RATE / 100;
  const power = Float64Array.from({ length: Math.floor(samples.length / frame) }, (_, i) =>
    Math.sqrt(mean(samples.subarray(i * frame, (i + 1) * frame).map((value) => value * value))),
  );
  const loudness = power.map((value, i) => ((power[i - 1] ?? 0) + value + (power[i + 1] ?? 0)) / 3);
  const noise = percentile(loudness, 0.1), peak = loudness.reduce((a, b) => Math.max(a, b));
  if (peak < SILENCE) throw new InputError("error_silent");
  const least = Math.max(0.06 * peak, Math.min(1.5 * noise, 0.25 * peak));
  const voiced = [...loudness.keys()].filter((i) => loudness[i] > least);
  let [first, last] = stretches(voiced).map((stretch) => ({ stretch, sound: sum(loudness.subarray(...stretch)) }))
    .reduce((a, b) => (b.sound > a.sound ? b : a)).stretch; // prettier-ignore
  const heard = (last - first) / 100;
  if (heard < SHORTEST / 2) throw new InputError("error_short_word", { given: heard });
  if (heard > MAX_WORD) { // the second with the most sound in it
    const size = MAX_WORD * 100;
    const energy = Array.from({ length: last - first - size + 1 }, (_, i) =>
      sum(loudness.subarray(first + i, first + i + size).map((value) => value * value)),
    );
    first += energy.reduce((best, value, i) => (value > energy[best] ? i : best), 0);
    last = first + size;
  }
  return samples.slice(Math.max(0, (first - MARGIN) * frame), (last + MARGIN) * frame);
}

/** A waveform cut in the middle, or silent evenly on both sides, to a length. @param {Float32Array} waveform @param {number} length */
export function fitLength(waveform, length) {
  const missing = length - waveform.length;
  if (missing < 0) return waveform.slice(Math.floor(-missing / 2)).slice(0, length);
  const found = new Float32Array(length);
  found.set(waveform, Math.floor(missing / 2));
  return found;
}

/** Stretches of voiced frames; pauses of up to `bridge` frames, as within "eight", are bridged. @param {number[]} voiced */
function stretches(voiced, bridge = 15) {
  /** @type {[first: number, end: number][]} */
  const found = [];
  for (const frame of voiced) {
    const before = found.at(-1);
    if (before && frame - before[1] <= bridge) before[1] = frame + 1;
    else found.push([frame, frame + 1]);
  }
  return found;
}

/** @param {Float32Array | Float64Array} values */
function sum(values) {
  let found = 0;
  for (const value of values) found += value;
  return found;
}

/** @param {Float32Array | Float64Array} values */
function mean(values) {
  return sum(values) / values.length;
}

/** @param {Float64Array} values @param {number} share */
function percentile(values, share) {
  const sorted = values.slice().sort(), at = share * (values.length - 1), below = Math.floor(at);
  return sorted[below] + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}

/**
 * The same sound at another rate, by a sinc under Kaiser's window; what is too high for the lower rate is filtered out.
 * @param {Float32Array} waveform @param {number} from @param {number} to samples a second @returns {Float32Array}
 */
export function resample(waveform, from, to) {
  if (from === to) return waveform.slice();
  const rate = Math.min(from, to); // its half is the highest pitch that remains
  const cutoff = (rate * (1 + PASSED)) / 4, beta = 0.1102 * (REJECTED - 8.7);
  const half = ((REJECTED - 7.95) / (2.285 * Math.PI * (1 - PASSED)) / 2) * (from / rate); // input samples on each side
  const step = from / greatestCommonDivisor(from, to), period = (step * to) / from; // outputs after which weights repeat
  /** @type {Map<number, Float64Array>} weights of the inputs around an output, by its place in the period */
  const kernels = new Map();
  const reach = Math.ceil(half);
  const weights = (/** @type {number} */ place) => {
    const offset = (place * step) % period / period; // how far the output lies behind the input before it
    return Float64Array.from({ length: 2 * reach }, (_, i) => {
      const away = i - reach + 1 - offset, share = away / half;
      if (Math.abs(share) >= 1) return 0;
      const angle = (2 * Math.PI * cutoff * away) / from;
      return ((2 * cutoff) / from) * (angle ? Math.sin(angle) / angle : 1) * (bessel(beta * Math.sqrt(1 - share * share)) / bessel(beta));
    });
  };
  return Float32Array.from({ length: Math.floor((waveform.length * to) / from + 0.5) }, (_, n) => {
    const place = n % period, start = Math.floor((n * step) / period) - reach + 1;
    let kernel = kernels.get(place);
    if (!kernel) kernels.set(place, (kernel = weights(place)));
    let found = 0;
    for (let i = Math.max(0, -start), end = Math.min(kernel.length, waveform.length - start); i < end; i++) found += kernel[i] * waveform[start + i];
    return found;
  });
}

/** The modified Bessel function of the first kind and order 0. @param {number} x */
function bessel(x) {
  let term = 1, found = 1;
  for (let k = 1; term > found * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    found += term;
  }
  return found;
}

/** @param {number} a @param {number} b @returns {number} */
function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}
