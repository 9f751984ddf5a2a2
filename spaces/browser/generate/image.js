/** A class and a seed -> pictures; a walk and a map through a latent space; a drawing redrawn (zoo/generate/image.py). */

import { greyOf, inkOf, likeClothes, likeDigits } from "./drawing.js";
import { number, seedOf, whole } from "./inputs.js";
import { Noise } from "./noise.js";
import { round } from "./rounding.js";
import { levelsOf, sheetOf } from "./sheet.js";

/** Pictures made at once: between two such lots the visitor can stop. */
const LOT = 20;

/**
 * latents (n, latent_dim) -> pictures of grey levels (n, channels, height, width). Yields the share that is done.
 * @param {import("../engine/model.js").Model} model @param {Float32Array} latents @param {number[] | null} labels
 */
async function* generate(model, latents, labels = null) {
  const size = model.config.latent_dim, count = latents.length / size;
  const { image_size: side, channels } = model.config;
  const levels = new Uint8Array(count * channels * side * side);
  const generator = await model.part("generator");
  for (let first = 0; first < count; first += LOT) {
    const end = Math.min(count, first + LOT);
    const { images } = await generator.run({
      latents: { data: latents.subarray(first * size, end * size), shape: [end - first, size] },
      ...(labels && { labels: { data: labels.slice(first, end), shape: [end - first] } }),
    });
    levels.set(levelsOf(images), first * channels * side * side);
    yield end / count;
  }
  return { levels, count, channels, height: side, width: side };
}

/**
 * Pictures of one class, or (label -1) of all classes in turn.
 * @param {import("../engine/model.js").Model} model
 * @param {{label: number, count: number, seed: number, truncation: number}} request
 */
export async function* draw(model, { label, count, seed, truncation }) {
  whole(count, 1, 100);
  number(truncation, 0.1, 2);
  const classes = model.config.num_classes ?? 0;
  const labels = classes ? Array.from({ length: count }, (_, i) => (label < 0 ? i % classes : label)) : null;
  const { sheet } = yield* drawClasses(model, labels, count, { seed, truncation, columns: Math.ceil(Math.sqrt(count)) });
  return { sheet, parameters: { label: label < 0 ? null : model.labels[label], count, truncation } };
}

/**
 * @param {import("../engine/model.js").Model} model @param {number[] | null} labels @param {number} count
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
 * @param {import("../engine/model.js").Model} model @param {{seed: number, waypoints: number, frames: number}} request
 */
export async function* interpolate(model, { seed, waypoints, frames }) {
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
  const pictures = yield* generate(model, latents);
  const one = pictures.levels.length / frames;
  const stills = Array.from({ length: 8 }, (_, i) => pictures.levels.subarray(round((i * frames) / 8) * one).subarray(0, one));
  const strip = new Uint8Array(8 * one);
  stills.forEach((still, i) => strip.set(still, i * one));
  return { frames: pictures, sheet: sheetOf({ ...pictures, levels: strip, count: 8 }, 8, 0), parameters: { waypoints, frames } };
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
 * @param {import("../engine/model.js").Model} model @param {{seed: number, size: number}} request
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
 * @param {import("../engine/model.js").Model} model @param {{pixels: Uint8ClampedArray, side: number}} drawing RGBA
 */
export async function* reconstruct(model, { pixels, side }) {
  const ink = inkOf(greyOf(pixels), side, side);
  const { image_size: size, channels, latent_dim: dimensions } = model.config;
  const seen = (model.dataset === "fashion_mnist" ? likeClothes : likeDigits)(ink, size);
  const plane = Float32Array.from(seen, (value) => Math.fround(value) * 2 - 1);
  const images = new Float32Array(channels * plane.length);
  for (let c = 0; c < channels; c++) images.set(plane, c * plane.length);
  const encoder = await model.part("encoder");
  const { mean } = await encoder.run({ images: { data: images, shape: [1, channels, size, size] } });
  const made = yield* generate(model, mean.slice(0, dimensions));
  const shown = Uint8Array.from({ length: made.levels.length }, (_, i) => round(seen[i % seen.length] * 255));
  const both = new Uint8Array(2 * shown.length);
  both.set(shown);
  both.set(made.levels, shown.length);
  return { sheet: sheetOf({ ...made, levels: both, count: 2 }, 2), seen: Float32Array.from(seen), parameters: {} };
}
