/**
 * Pictures from a denoiser, step by step (zoo/engine/diffusion.py and zoo/nn/ddim.py): the schedules of Ho et al. (2020)
 * and of Nichol and Dhariwal (2021), the deterministic sampler of Song et al. (2021), in single precision as there.
 */

import { clip, round } from "./rounding.js";

/** Pictures that the network is given at once. */
const ROWS = 16;
const MAX_BETA = 0.999, BETA_START = 1e-4, BETA_END = 0.02;

/** @typedef {import("../engine/model.js").Model} Model */

/** Whether a checkpoint draws in many steps. @param {{parts: object}} card */
export function denoises({ parts }) {
  return "denoiser" in parts;
}

/**
 * How much of a picture and how much noise there is at each time, from almost nothing but picture to nothing but noise.
 * @param {Record<string, any>} config @returns {{signals: Float32Array, spreads: Float32Array}}
 */
export function levels({ noise_schedule: kind, train_steps: length }) {
  const left = (/** @type {number} */ time) => Math.cos((((time / length + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  const step = (BETA_END - BETA_START) / (length - 1);
  const signals = new Float32Array(length), spreads = new Float32Array(length);
  let product = 1;
  for (let time = 0; time < length; time++) {
    const linear = time === length - 1 ? BETA_END : BETA_START + time * step;
    const beta = Math.fround(kind === "linear" ? linear : Math.min(1 - left(time + 1) / left(time), MAX_BETA));
    product *= Math.fround(1 - beta);
    signals[time] = Math.sqrt(Math.fround(product));
    spreads[time] = Math.sqrt(Math.fround(1 - Math.fround(product)));
  }
  return { signals, spreads };
}

/** The times at which a sampler of so many steps asks the network, latest first. @param {number} length @param {number} steps */
export function times(length, steps) {
  return Array.from({ length: steps }, (_, i) => round(length - (i * length) / steps) - 1);
}

/**
 * Standard normals (n, channels * height * width) -> pictures of the same size in [-1, 1]. Yields the share that is done.
 * @param {Model} model @param {Float32Array} latents @param {number[] | null} labels
 * @param {{steps: number, guidance: number}} options guidance 1 follows the class as it was learnt, more at twice the time
 * @returns {AsyncGenerator<number, Float32Array>}
 */
export async function* diffuse(model, latents, labels, { steps, guidance }) {
  const { channels, image_size: side, num_classes: classes, train_steps: length, prediction } = model.config;
  const size = channels * side * side, count = latents.length / size, f = Math.fround;
  const { signals, spreads } = levels(model.config);
  const denoiser = await model.part("denoiser");
  const both = labels !== null && guidance !== 1; // with the class and without it
  const rows = both ? 2 * count : count, told = both ? [...labels, ...Array(count).fill(classes)] : labels;
  const noisy = new Float32Array(rows * size), found = new Float32Array(rows * size), picture = new Float32Array(count * size);
  noisy.set(latents);
  const moments = times(length, steps), weight = f(guidance);
  for (let step = 0; step < steps; step++) {
    if (both) noisy.copyWithin(count * size, 0, count * size);
    const time = moments[step];
    for (let first = 0; first < rows; first += ROWS) {
      const end = Math.min(rows, first + ROWS), n = end - first;
      const { prediction: made } = await denoiser.run({
        noisy: { data: noisy.subarray(first * size, end * size), shape: [n, channels, side, side] },
        time: { data: Array(n).fill(time), shape: [n] },
        ...(told && { labels: { data: told.slice(first, end), shape: [n] } }),
      });
      found.set(made, first * size);
      yield (step + end / rows) / steps;
    }
    const signal = signals[time], spread = spreads[time], then = moments[step + 1];
    for (let i = 0; i < count * size; i++) {
      const untold = found[count * size + i];
      const predicted = both ? f(untold + f(weight * f(found[i] - untold))) : found[i];
      const mixed = f(spread * predicted);
      const x = prediction === "v" ? f(signal * noisy[i]) - mixed : f(f(noisy[i] - mixed) / signal);
      const epsilon = prediction === "v" ? f(f(signal * predicted) + f(spread * noisy[i])) : predicted;
      picture[i] = clip(x, -1, 1);
      if (then !== undefined) noisy[i] = f(signals[then] * picture[i]) + f(spreads[then] * epsilon);
    }
  }
  return picture;
}
