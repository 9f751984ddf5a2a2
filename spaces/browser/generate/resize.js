/**
 * Resampling as Pillow does it (its Resample.c), so that pictures come out as in Python: filters grow with the reduction,
 * rows are resampled before columns.
 */

/** @typedef {{support: number, weight: (x: number) => number}} Filter */
/** @type {Filter} */
export const BOX = { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
/** @type {Filter} */
export const BILINEAR = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
/** Keys's cubic with a = -0.5. @type {Filter} */
export const BICUBIC = {
  support: 2,
  weight: (x) => {
    const a = Math.abs(x);
    return a < 1 ? (1.5 * a - 2.5) * a * a + 1 : a < 2 ? (((a - 5) * a + 8) * a - 4) * -0.5 : 0;
  },
};

/** For each new position where to look, and with which weights. @param {number} from @param {number} to @param {Filter} filter */
function coefficients(from, to, filter) {
  const scale = from / to, stretch = Math.max(scale, 1), support = filter.support * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5)), end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: end - first }, (_, j) => filter.weight((j + first - centre + 0.5) * (1 / stretch)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: total ? weights.map((weight) => weight / total) : weights };
  });
}

/**
 * Resize (height, width) values; `store` rounds what each of the two passes writes.
 * @template {Float32Array | Uint8Array} Values
 * @param {Values} values @param {[number, number]} from height and width @param {[number, number]} to likewise
 * @param {Filter} filter @param {(sum: number) => number} store @param {(weight: number) => number} precision
 * @returns {Values}
 */
function resample(values, [height, width], [newHeight, newWidth], filter, store, precision) {
  const make = (/** @type {number} */ size) => /** @type {Values} */ (new /** @type {any} */ (values.constructor)(size));
  let rows = values;
  if (newWidth !== width) {
    rows = make(height * newWidth);
    coefficients(width, newWidth, filter).forEach(({ first, weights }, x) => {
      const exact = weights.map(precision);
      for (let y = 0; y < height; y++) {
        let sum = 0;
        for (let i = 0; i < exact.length; i++) sum += values[y * width + first + i] * exact[i];
        rows[y * newWidth + x] = store(sum);
      }
    });
  }
  if (newHeight === height) return rows;
  const found = make(newHeight * newWidth);
  coefficients(height, newHeight, filter).forEach(({ first, weights }, y) => {
    const exact = weights.map(precision);
    for (let x = 0; x < newWidth; x++) {
      let sum = 0;
      for (let i = 0; i < exact.length; i++) sum += rows[(first + i) * newWidth + x] * exact[i];
      found[y * newWidth + x] = store(sum);
    }
  });
  return found;
}

/** @param {Float32Array} values @param {[number, number]} from @param {[number, number]} to @param {Filter} filter */
export function resizeFractions(values, from, to, filter) {
  return resample(values, from, to, filter, Math.fround, (weight) => weight);
}

/** Grey levels: weights in fixed point with 22 bits. @param {Uint8Array} values @param {[number, number]} from @param {[number, number]} to @param {Filter} filter */
export function resizeLevels(values, from, to, filter) {
  const one = 2 ** 22;
  const store = (/** @type {number} */ sum) => Math.min(255, Math.max(0, Math.floor((sum + one / 2) / one)));
  return resample(values, from, to, filter, store, (weight) => Math.trunc(weight * one + (weight < 0 ? -0.5 : 0.5)));
}
