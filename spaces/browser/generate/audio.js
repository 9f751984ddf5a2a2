/** Digits and a voice -> a sound and its picture (zoo/generate/audio.py and digits.py). */

import { WaveNetSampler, muLawDecode } from "../engine/wavenet.js";
import { InputError, number, seedOf, shown, words } from "./inputs.js";
import { Noise } from "./noise.js";
import { BICUBIC, resizeLevels } from "./resize.js";
import { clip, round } from "./rounding.js";

export const MAX_DIGITS = 8;
/** Seconds of silence between two digits, and over which a clip's ends are faded. */
const PAUSE = 0.12, FADE = 0.008;
/** Width and height of a spectrogram in pixels. */
const SPECTROGRAM = [800, 260];
/** Ten stops of matplotlib's "magma" (S. van der Walt and N. Smith, CC0). */
const MAGMA = "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf";

/**
 * Say up to eight digits. Yields the share that is done.
 * @param {import("../engine/model.js").Model} model
 * @param {{digits: string, speaker: number, temperature: number, seed: number}} request
 */
export async function* speak(model, { digits, speaker, temperature, seed }) {
  const text = words(digits, 64).normalize("NFKC").replace(/\s/gu, "");
  if (!text) throw new InputError("error_no_digits");
  if (!/^[0-9]+$/.test(text)) throw new InputError("error_not_digits", { given: shown(digits) });
  if (text.length > MAX_DIGITS) throw new InputError("error_many_digits", { given: text.length, limit: MAX_DIGITS });
  number(temperature, 0.1, 2);
  seedOf(seed);
  const codes = [...text].map((digit) => model.labels.indexOf(digit));
  const foreign = codes.indexOf(-1);
  if (foreign >= 0) throw new InputError("error_unknown_digit", { name: model.name, digit: text[foreign] });

  const n = codes.length, { sample_rate: rate, frame_size: frameSize, condition_dim: conditionDim, levels } = model.config;
  const batch = { digit: { data: codes, shape: [n] }, speaker: { data: Array(n).fill(speaker), shape: [n] } };
  const normals = new Noise(seed, 1).normal(n).map((value) => clip(value, -1, 1));
  const { seconds } = await (await model.part("duration")).run({ ...batch, normals: { data: normals, shape: [n] } });
  const lengths = Array.from(seconds, (value) => Math.trunc(Math.fround(value * rate)));
  const frames = Math.ceil(Math.max(...lengths) / frameSize);
  const step = Math.fround(frameSize / rate);
  const elapsed = Float32Array.from({ length: frames }, (_, frame) => frame * step);
  const { condition } = await (await model.part("condition")).run({
    ...batch,
    seconds: { data: seconds, shape: [n] },
    elapsed: { data: elapsed, shape: [frames] },
  });
  const uniforms = new Noise(seed, 2).uniform(n * frames * frameSize);
  const sampler = new WaveNetSampler(await model.weights(), model.config);
  const total = lengths.reduce((a, b) => a + b, 0), clips = [], said = [];
  let done = 0;
  for (let i = 0; i < n; i++) {
    const clip = new Uint16Array(lengths[i]);
    const own = uniforms.subarray(i * frames * frameSize, i * frames * frameSize + lengths[i]);
    let at = 0;
    for (const frame of sampler.sample(condition.subarray(i * frames * conditionDim, (i + 1) * frames * conditionDim), own, temperature)) {
      clip.set(frame, at);
      at += frame.length;
      done += frame.length;
      yield done / total;
    }
    said.push(clip);
    clips.push(muLawDecode(clip, levels));
  }
  const waveform = join(clips, rate);
  const parameters = { digits: text, temperature };
  return { waveform, rate, codes: said, spectrogram: spectrogram(waveform, rate), parameters };
}

/** Clips one after the other, faded at their ends, with short silences between. @param {Float32Array[]} clips @param {number} rate */
export function join(clips, rate) {
  const pause = round(PAUSE * rate);
  const joined = new Float32Array(clips.reduce((sum, clip) => sum + clip.length, 0) + pause * (clips.length - 1));
  let at = 0;
  for (const clip of clips) {
    const size = Math.min(round(FADE * rate), Math.floor(clip.length / 2));
    const faded = clip.slice();
    for (let i = 0; i < size; i++) faded[i] *= Math.fround(i / size);
    for (let i = 0; i < size; i++) faded[faded.length - 1 - i] *= Math.fround(i / size);
    joined.set(faded, at);
    at += faded.length + pause;
  }
  return joined;
}

/** Samples of 16 bits. @param {Float32Array} waveform in [-1, 1] @returns {Int16Array} */
export function samplesOf(waveform) {
  return Int16Array.from(waveform, (value) => round(Math.fround(clip(value, -1, 1) * 32767)));
}

/**
 * The log-mel spectrogram of a sound: time to the right, pitch upwards, 70 dB deep.
 * @param {Float32Array} waveform @param {number} rate
 * @returns {{pixels: Uint8Array, width: number, height: number}} RGB, row by row
 */
export function spectrogram(waveform, rate) {
  const size = 2 ** round(Math.log2(0.032 * rate)); // 256 at 8 kHz
  const hop = Math.max(size / 8, Math.ceil(waveform.length / 1600)); // two frames a pixel at most
  const padded = new Float64Array(waveform.length + size);
  padded.set(waveform, size / 2);
  const window = Float64Array.from({ length: size }, (_, i) => 0.5 + 0.5 * Math.cos((Math.PI * (1 - size + 2 * i)) / (size - 1)));
  const filters = melFilters(size, rate), bands = filters.length, frames = Math.floor(waveform.length / hop) + 1;
  const decibels = new Float64Array(frames * bands);
  let loudest = -Infinity;
  for (let frame = 0; frame < frames; frame++) {
    const power = powerOf(padded.subarray(frame * hop, frame * hop + size).map((value, i) => value * window[i]));
    for (let band = 0; band < bands; band++) {
      const energy = power.reduce((sum, value, bin) => sum + value * filters[band][bin], 0);
      const level = (decibels[frame * bands + band] = 10 * Math.log10(energy + 1e-12));
      loudest = Math.max(loudest, level);
    }
  }
  const levels = new Uint8Array(bands * frames); // the highest pitch on top
  if (loudest >= -60) {
    decibels.forEach((level, i) => {
      levels[(bands - 1 - (i % bands)) * frames + Math.floor(i / bands)] = Math.trunc(clip((level - loudest) / 70 + 1, 0, 1) * 255);
    });
  }
  const [width, height] = SPECTROGRAM;
  const grey = resizeLevels(levels, [bands, frames], [height, width], BICUBIC), colours = palette();
  const pixels = new Uint8Array(3 * grey.length);
  grey.forEach((level, i) => pixels.set(colours[level], 3 * i));
  return { pixels, width, height };
}

/** Squared magnitudes of the discrete Fourier transform of real values (a power of two of them), up to half the rate. */
function powerOf(/** @type {Float64Array} */ values) {
  const size = values.length, real = new Float64Array(size), imaginary = new Float64Array(size);
  for (let i = 0, j = 0; i < size; i++) { // bits reversed
    real[j] = values[i];
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
  }
  for (let length = 2; length <= size; length *= 2) {
    for (let i = 0; i < length / 2; i++) {
      const cosine = Math.cos((-2 * Math.PI * i) / length), sine = Math.sin((-2 * Math.PI * i) / length);
      for (let a = i; a < size; a += length) {
        const b = a + length / 2;
        const re = real[b] * cosine - imaginary[b] * sine, im = real[b] * sine + imaginary[b] * cosine;
        [real[b], imaginary[b], real[a], imaginary[a]] = [real[a] - re, imaginary[a] - im, real[a] + re, imaginary[a] + im];
      }
    }
  }
  return Float64Array.from({ length: size / 2 + 1 }, (_, i) => real[i] ** 2 + imaginary[i] ** 2);
}

/** Triangles even on the mel scale, from 60 Hz to half the rate or 8 kHz: weights by band and bin. */
function melFilters(/** @type {number} */ size, /** @type {number} */ rate, bands = 80) {
  const mel = (/** @type {number} */ hertz) => 2595 * Math.log10(1 + hertz / 700);
  const bins = Array.from({ length: size / 2 + 1 }, (_, i) => mel((i * rate) / size));
  const low = mel(60), step = (mel(Math.min(rate / 2, 8000)) - low) / (bands + 1);
  // No triangle is narrower than two bins: low bands of a short window would otherwise catch none.
  const width = bins.map((bin, i) => Math.max(step, i + 1 < bins.length ? bins[i + 1] - bin : bin - bins[i - 1]));
  return Array.from({ length: bands }, (_, band) => {
    const centre = low + (band + 1) * step;
    return bins.map((bin, i) => Math.max(0, 1 - Math.abs(bin - centre) / width[i]));
  });
}

/** 256 colours from dark to bright. */
function palette() {
  const stops = MAGMA.split(" ").map((stop) => [0, 2, 4].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1), below = Math.min(Math.floor(at), stops.length - 2);
    return [0, 1, 2].map((c) => round(stops[below][c] + (at - below) * (stops[below + 1][c] - stops[below][c])));
  });
}
