/**
 * Styles: one style in every class (zoo/generate/latents.py); and, of a generator with a mapping network, one picture's
 * coarse layers with another's fine ones, and directions that the weights alone tell (zoo/generate/styles.py).
 */

import { classNames, generate, picturesOf } from "./image.js";
import { number, seedOf, whole } from "./inputs.js";
import { Noise } from "./noise.js";
import { sheetOf } from "./sheet.js";

export const MAX_STYLES = 12, MAX_TRUNCATION = 1.5, MAX_AMOUNT = 6;
/** Styles whose mean and spread are those of a class, and the stream of the noise that they are made of. */
const KNOWN = 1024, STREAM = 2 ** 40;
const AFFINE = /^synthesis\..*\.style\.weight$/;

/** @typedef {import("../engine/model.js").Model} Model */

/**
 * The same style in every class: a row a style, a column a class.
 * @param {Model} model @param {{seed: number, styles: number}} request
 */
export async function* stylesByClass(model, { seed, styles }) {
  whole(styles, 1, MAX_STYLES);
  const size = model.config.latent_dim, classes = classNames(model).length;
  const codes = new Noise(seedOf(seed)).normal(styles * size), latents = new Float32Array(styles * classes * size);
  for (let i = 0; i < styles * classes; i++) {
    const style = Math.floor(i / classes) * size;
    latents.set(codes.subarray(style, style + size), i * size);
  }
  const pictures = yield* generate(model, latents, Array.from({ length: styles * classes }, (_, i) => i % classes));
  return { sheet: sheetOf(pictures, classes), parameters: { styles, label: null } };
}

/** How many styles a picture takes: two at 4, 8, 16, ... pixels. @param {Record<string, any>} config */
export function layersOf({ image_size: side }) {
  return 2 * (Math.log2(side) - 1);
}

/**
 * The picture of `seed`, that of `seedFine`, and the first one's coarse layers with the other's fine ones; the noise of
 * the mixture is the first one's.
 * @param {Model} model
 * @param {{label: number, seed: number, seedFine: number, crossover: number, truncation: number}} request
 */
export async function* mix(model, { label, seed, seedFine, crossover, truncation }) {
  const layers = layersOf(model.config);
  whole(crossover, 1, layers - 1);
  const chosen = classOf(model, label);
  const first = await styleOf(model, seedOf(seed), chosen, truncation);
  yield 0.4;
  const second = await styleOf(model, seedOf(seedFine), chosen, truncation);
  yield 0.8;
  const mixed = Array.from({ length: layers }, (_, layer) => (layer < crossover ? first.style : second.style));
  const styles = [...Array(layers).fill(first.style), ...Array(layers).fill(second.style), ...mixed];
  const sheet = await synthesised(model, styles, [first.noise, second.noise, first.noise]);
  return { sheet, parameters: { label: nameOf(model, label), seed_fine: seedFine, label_fine: null, crossover, truncation } };
}

/**
 * The picture of `seed`, and the same moved along the model's first directions.
 * @param {Model} model
 * @param {{label: number, seed: number, amounts: number[], truncation: number}} request amounts in standard deviations
 */
export async function* edit(model, { label, seed, amounts, truncation }) {
  for (const amount of amounts) number(amount, -MAX_AMOUNT, MAX_AMOUNT);
  const chosen = classOf(model, label), layers = layersOf(model.config);
  const { style, noise } = await styleOf(model, seedOf(seed), chosen, truncation);
  yield 0.4;
  const axes = directions(await model.weights(), amounts.length), known = await knownStyles(model, chosen);
  yield 0.8;
  const moved = style.slice();
  axes.forEach((axis, i) => {
    const along = known.map((one) => dot(one, axis)), middle = along.reduce((a, b) => a + b) / along.length;
    const deviation = Math.sqrt(along.reduce((sum, value) => sum + (value - middle) ** 2, 0) / along.length);
    for (let d = 0; d < moved.length; d++) moved[d] += amounts[i] * deviation * axis[d];
  });
  const sheet = await synthesised(model, [...Array(layers).fill(style), ...Array(layers).fill(moved)], [noise, noise]);
  const written = amounts.map((amount) => (Number.isInteger(amount) ? amount.toFixed(1) : String(amount))).join(" ");
  return { sheet, parameters: { label: nameOf(model, label), amounts: written, truncation } };
}

/**
 * The first unit directions of styles, by how much synthesis answers to them: eigenvectors of A' A, where A stacks what
 * every layer makes of a style; of each and its opposite, the one whose largest part is positive.
 * @param {Map<string, import("../engine/weights.js").Weight>} weights @param {number} count @returns {number[][]}
 */
export function directions(weights, count) {
  const affine = [...weights].filter(([name]) => AFFINE.test(name)).map(([, weight]) => weight);
  const size = affine[0].shape[1];
  const gram = Array.from({ length: size }, () => new Float64Array(size));
  for (const { values } of affine) {
    for (let row = 0; row < values.length; row += size) {
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) gram[i][j] += values[row + i] * values[row + j];
    }
  }
  const vectors = eigenvectors(gram).slice(0, count);
  return vectors.map((vector) => {
    const largest = vector.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    return vector.map((value) => value * Math.sign(largest));
  });
}

/** Eigenvectors of a symmetric matrix, from the largest eigenvalue on, by Jacobi's rotations. @param {Float64Array[]} matrix which is used up */
function eigenvectors(matrix) {
  const size = matrix.length;
  const turned = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => Number(i === j))); // a row each
  const total = matrix.reduce((sum, row) => sum + dot(row, row), 0);
  for (let rest = total; rest > 1e-26 * total; ) {
    rest = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const apart = matrix[p][q];
        if (apart === 0) continue;
        rest += 2 * apart ** 2;
        const slope = (matrix[q][q] - matrix[p][p]) / (2 * apart);
        const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.hypot(slope, 1));
        const cosine = 1 / Math.hypot(tangent, 1), sine = tangent * cosine;
        for (const row of matrix) [row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]];
        for (const rows of [matrix, turned]) {
          for (let k = 0; k < size; k++) [rows[p][k], rows[q][k]] = [cosine * rows[p][k] - sine * rows[q][k], sine * rows[p][k] + cosine * rows[q][k]];
        }
      }
    }
  }
  const order = Array.from(matrix.keys()).sort((a, b) => matrix[b][b] - matrix[a][a]);
  return order.map((i) => turned[i]);
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The number of a class, the first one where none is named; null where there are none. @param {Model} model @param {number} label */
function classOf(model, label) {
  return classNames(model).length ? Math.max(0, label) : null;
}

/** @param {Model} model @param {number} label */
function nameOf(model, label) {
  return label < 0 ? null : classNames(model)[label];
}

/** Of a latent: the dimensions of z, which come first, and the pixels of the noise maps of 4, 8, ... pixels. @param {Record<string, any>} config */
function splitOf({ latent_dim: latents, image_size: side }) {
  const pixels = (4 * side ** 2 - 16) / 3; // a geometric series
  return [latents - pixels, pixels];
}

/** z (n, z_dim) -> styles. @param {Model} model @param {Float32Array} z @param {number | null} label @returns {Promise<Float32Array[]>} */
async function mapped(model, z, label) {
  const [size] = splitOf(model.config), count = z.length / size;
  const labels = label !== null && { labels: { data: Array(count).fill(label), shape: [count] } };
  const { w } = await (await model.part("mapping")).run({ z: { data: z, shape: [count, size] }, ...labels });
  const dim = w.length / count;
  return Array.from({ length: count }, (_, i) => w.slice(i * dim, (i + 1) * dim));
}

/** What a class's styles are like, from noise of their own. @param {Model} model @param {number | null} label */
async function knownStyles(model, label) {
  return await mapped(model, new Noise(0, STREAM).normal(KNOWN * splitOf(model.config)[0]), label);
}

/** Style and noise of a seed's first picture. @param {Model} model @param {number} seed @param {number | null} label @param {number} truncation */
async function styleOf(model, seed, label, truncation) {
  number(truncation, 0, MAX_TRUNCATION);
  const [size] = splitOf(model.config), latents = new Noise(seed).normal(model.config.latent_dim);
  let [style] = await mapped(model, latents.slice(0, size), label);
  if (truncation !== 1) {
    const known = await knownStyles(model, label);
    style = style.map((value, d) => {
      const mean = known.reduce((sum, one) => sum + one[d], 0) / known.length;
      return mean + truncation * (value - mean);
    });
  }
  return { style, noise: latents.slice(size) };
}

/** Styles, so many a picture, and noise of each -> pictures in a row. @param {Model} model @param {Float32Array[]} styles @param {Float32Array[]} noises */
async function synthesised(model, styles, noises) {
  const dim = styles[0].length, pixels = noises[0].length, count = noises.length;
  const given = new Float32Array(styles.length * dim), noise = new Float32Array(count * pixels);
  styles.forEach((style, i) => given.set(style, i * dim));
  noises.forEach((one, i) => noise.set(one, i * pixels));
  const { images } = await (await model.part("synthesis")).run({
    styles: { data: given, shape: [count, styles.length / count, dim] },
    noise: { data: noise, shape: [count, pixels] },
  });
  return sheetOf(picturesOf(model, images), count);
}
