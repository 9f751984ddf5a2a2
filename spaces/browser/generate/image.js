/** A class and a seed -> pictures; a walk and a map through a latent space; a drawing redrawn (zoo/generate/image.py). */

import { diffuse, denoises } from "./diffusion.js";
import { greyOf, inkOf, likeClothes, likeColours, likeDigits } from "./drawing.js";
import { number, seedOf, whole } from "./inputs.js";
import { Noise } from "./noise.js";
import { round } from "./rounding.js";
import { levelsOf, sheetOf } from "./sheet.js";

/** Pictures made at once: between two such lots the visitor can stop. */
const LOT = 20;
export const MAX_STEPS = 100, MAX_GUIDANCE = 10;

/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {{levels: Uint8Array, count: number, channels: number, height: number, width: number}} Pictures */

/** The classes that a checkpoint can be asked for; none when it takes no class. @param {{config: Record<string, any>, labels: string[]}} card @returns {string[]} */
export function classNames({ config, labels }) {
  return Array.from({ length: config.num_classes ?? 0 }, (_, i) => labels[i] ?? String(i));
}

/** Images (n, channels, side, side) in [-1, 1] of a checkpoint as levels. @param {Model} model @param {Float32Array} images @returns {Pictures} */
export function picturesOf(model, images) {
  const { image_size: side, channels } = model.config;
  return { levels: levelsOf(images), count: images.length / (channels * side * side), channels, height: side, width: side };
}

/**
 * latents (n, latent_dim) -> pictures. Yields the share that is done.
 * @param {Model} model @param {Float32Array} latents @param {number[] | null} labels
 * @returns {AsyncGenerator<number, Pictures>}
 */
export async function* generate(model, latents, labels = null) {
  const size = model.config.latent_dim, count = latents.length / size;
  const { image_size: side, channels } = model.config;
  const images = new Float32Array(count * channels * side * side);
  const generator = await model.part("generator");
  for (let first = 0; first < count; first += LOT) {
    const end = Math.min(count, first + LOT);
    const made = await generator.run({
      latents: { data: latents.subarray(first * size, end * size), shape: [end - first, size] },
      ...(labels && { labels: { data: labels.slice(first, end), shape: [end - first] } }),
    });
    images.set(made.images, first * channels * side * side);
    yield end / count;
  }
  return picturesOf(model, images);
}

/**
 * Pictures of one class, or (label -1) of all classes in turn. A model that draws in many steps has no truncation, but
 * steps and guidance.
 * @param {Model} model
 * @param {{label: number, count: number, seed: number, truncation: number, steps?: number, guidance?: number}} request
 */
export async function* draw(model, { label, count, seed, truncation, steps, guidance }) {
  whole(count, 1, 100);
  const names = classNames(model);
  const labels = names.length ? Array.from({ length: count }, (_, i) => (label < 0 ? i % names.length : label)) : null;
  const columns = Math.ceil(Math.sqrt(count)), parameters = { label: label < 0 ? null : names[label], count };
  if (!denoises(model.card)) {
    number(truncation, 0.1, 2);
    const { sheet } = yield* drawClasses(model, labels, count, { seed, truncation, columns });
    return { sheet, parameters: { ...parameters, truncation } };
  }
  const { channels, image_size: side, train_steps: length } = model.config;
  const options = {
    steps: whole(steps ?? model.config.sampling_steps, 1, Math.min(MAX_STEPS, length)),
    guidance: number(guidance ?? model.config.guidance, 0, MAX_GUIDANCE),
  };
  const latents = new Noise(seedOf(seed)).normal(count * channels * side * side);
  const pictures = picturesOf(model, yield* diffuse(model, latents, labels, options));
  const sampler = { truncation: 1, steps: options.steps, ...(labels && { guidance: options.guidance }) };
  return { sheet: sheetOf(pictures, columns), parameters: { ...parameters, ...sampler } };
}

/**
 * @param {Model} model @param {number[] | null} labels @param {number} count
 * @param {{seed: number, truncation: number, columns: number}} options
 */
export async function* drawClasses(model, labels, count, { seed, truncation, columns }) {
  const by = Math.fround(truncation);
  const latents = new Noise(seedOf(seed)).normal(count * model.config.latent_dim).map((value) => value * by);
  const pictures = yield* generate(model, latents, labels);
  return { pictures, sheet: sheetOf(pictures, columns) };
}

/**
 * Walk from picture to picture and back to the first, on great circles between their latents (White, 2016).
 * A model with classes stays within one, its first (label -1) unless another is named.
 * @param {Model} model @param {{label: number, seed: number, waypoints: number, frames: number}} request
 */
export async function* interpolate(model, { label, seed, waypoints, frames }) {
  whole(waypoints, 2, 8);
  whole(frames, 8, 96);
  const size = model.config.latent_dim;
  const ends = new Noise(seedOf(seed)).normal(waypoints * size);
  const end = (/** @type {number} */ i) => ends.subarray((i % waypoints) * size, (i % waypoints) * size + size);
  const latents = new Float32Array(frames * size);
  for (let frame = 0; frame < frames; frame++) {
    const at = frame * (waypoints / frames), leg = Math.floor(at);
    latents.set(spherical(end(leg), end(leg + 1), at - leg), frame * size);
  }
  const names = classNames(model), chosen = Math.max(0, label);
  const pictures = yield* generate(model, latents, names.length ? Array(frames).fill(chosen) : null);
  const one = pictures.levels.length / frames;
  const stills = Array.from({ length: 8 }, (_, i) => pictures.levels.subarray(round((i * frames) / 8) * one).subarray(0, one));
  const strip = new Uint8Array(8 * one);
  stills.forEach((still, i) => strip.set(still, i * one));
  const parameters = { waypoints, frames, ...(names.length && { label: names[chosen] }) };
  return { frames: pictures, sheet: sheetOf({ ...pictures, levels: strip, count: 8 }, 8, 0), parameters };
}

/** The point at `share` of the way between two directions. @param {Float32Array} start @param {Float32Array} end @param {number} share */
export function spherical(start, end, share) {
  const dot = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const size = Math.sqrt(dot(start, start)) * Math.sqrt(dot(end, end));
  const cosine = Math.min(1, Math.max(-1, dot(start, end) / Math.max(size, 1e-12)));
  const angle = Math.min(Math.PI - 1e-4, Math.max(1e-4, Math.acos(cosine)));
  const first = Math.sin((1 - share) * angle) / Math.sin(angle), second = Math.sin(share * angle) / Math.sin(angle);
  return start.map((value, i) => first * value + second * end[i]);
}

/**
 * A map: pictures from a plane through latent space, in directions that `seed` chooses, even in probability.
 * @param {Model} model @param {{seed: number, size: number}} request
 */
export async function* latentMap(model, { seed, size }) {
  whole(size, 2, 20);
  const dimensions = model.config.latent_dim;
  const axes = orthonormal(new Noise(seedOf(seed)).normal(dimensions * 2), dimensions);
  const steps = Array.from({ length: size }, (_, i) => gaussianQuantile((i + 0.5) / size));
  const latents = new Float32Array(size * size * dimensions);
  const away = Math.sqrt(dimensions / 2);
  for (let i = 0; i < size * size; i++) {
    const x = steps[i % size] * away, y = steps[Math.floor(i / size)] * away;
    for (let d = 0; d < dimensions; d++) latents[i * dimensions + d] = x * axes[0][d] + y * axes[1][d];
  }
  const pictures = yield* generate(model, latents);
  return { sheet: sheetOf(pictures, size, 0), parameters: { size } };
}

/**
 * Two columns (dimensions, 2) -> an orthonormal pair that spans the same plane, with the signs of LAPACK's Householder QR.
 * @param {Float32Array} columns @param {number} dimensions @returns {[number[], number[]]}
 */
export function orthonormal(columns, dimensions) {
  const [a, b] = [0, 1].map((c) => Array.from({ length: dimensions }, (_, d) => columns[2 * d + c]));
  const dot = (/** @type {number[]} */ x, /** @type {number[]} */ y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const norm = -Math.sign(a[0] || 1) * Math.sqrt(dot(a, a));
  const first = a.map((value) => value / norm);
  // The reflection that takes `a` to norm * e1, applied to b; its second entry decides the sign of the second axis.
  const mirror = a.map((value, i) => value - (i === 0 ? norm : 0));
  const reflect = (/** @type {number[]} */ x) => {
    const amount = (2 * dot(mirror, x)) / dot(mirror, mirror);
    return x.map((value, i) => value - amount * mirror[i]);
  };
  const rest = reflect(b).map((value, i) => (i === 0 ? 0 : value));
  const restNorm = -Math.sign(rest[1] || 1) * Math.sqrt(dot(rest, rest));
  return [first, reflect(rest.map((value) => value / restNorm))];
}

/**
 * The inverse of the Gaussian's cumulative distribution, for p from 1e-10 (Wichura, "Algorithm AS 241", 1988), as Python's
 * statistics has it.
 */
export function gaussianQuantile(/** @type {number} */ p) {
  const ratio = (/** @type {number} */ r, /** @type {number[]} */ above, /** @type {number[]} */ below) =>
    above.reduce((sum, c) => sum * r + c, 0) / below.reduce((sum, c) => sum * r + c, 0);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(0.180625 - q * q, ...CENTRE);
  const x = ratio(Math.sqrt(-Math.log(q <= 0 ? p : 1 - p)) - 1.6, ...TAIL);
  return q < 0 ? -x : x;
}
/** @type {[number[], number[]]} */
const CENTRE = [
  [2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.387132872796366608],
  [5.226495278852854561e3, 2.8729085735721942674e4, 3.930789580009271061e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.871870074920579083e2, 4.2313330701600911252e1, 1],
]; // prettier-ignore
/** @type {[number[], number[]]} */
const TAIL = [
  [7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.4178072517745061177e-1, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734],
  [1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2, 1.4810397642748007459e-1,
    6.8976733498510000455e-1, 1.6763848301838038494, 2.05319162663775882187, 1],
]; // prettier-ignore

/**
 * What a VAE sees in a drawing, and what it makes of that.
 * @param {Model} model @param {{pixels: Uint8ClampedArray, side: number}} drawing RGBA
 */
export async function* reconstruct(model, { pixels, side }) {
  const { image_size: size, channels, latent_dim: dimensions } = model.config;
  const seen = channels === 3 ? likeColours(pixels, side, size) : inkSeen(model, pixels, side);
  const encoder = await model.part("encoder");
  const images = seen.map((value) => value * 2 - 1);
  const { mean } = await encoder.run({ images: { data: images, shape: [1, channels, size, size] } });
  const made = yield* generate(model, mean.slice(0, dimensions));
  const both = new Uint8Array(2 * seen.length);
  both.set(levelsOf(images));
  both.set(made.levels, seen.length);
  return { sheet: sheetOf({ ...made, levels: both, count: 2 }, 2), seen, width: size, parameters: {} };
}

/** A drawing as a grey model has learnt pictures: bright ink on black. @param {Model} model @param {Uint8ClampedArray} pixels @param {number} side */
function inkSeen({ config, dataset }, pixels, side) {
  const ink = inkOf(greyOf(pixels), side, side);
  return Float32Array.from((dataset === "fashion_mnist" ? likeClothes : likeDigits)(ink, config.image_size));
}
