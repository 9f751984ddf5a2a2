/**
 * Counter-based noise: the same seed gives the same numbers here and in Python (zoo/noise.py).
 *
 * Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Key = the seed's low and
 * high 32 bits; counter = (block low, block high, stream low, stream high). Uniforms take the upper 24 bits of a word;
 * normals are Box-Muller pairs of two words in double precision, rounded to single precision at the end.
 */

export const MAX_SEED = Number.MAX_SAFE_INTEGER;
const TWO_32 = 2 ** 32;

/** High 32 bits of the product of two uint32, in pieces of 16 bits that a double holds exactly. */
export function high32(/** @type {number} */ a, /** @type {number} */ b) {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const cross = a0 * b1;
  const middle = ((a0 * b0) >>> 16) + (cross & 0xffff) + a1 * b0;
  return (a1 * b1 + (cross >>> 16) + Math.floor(middle / 65536)) >>> 0;
}

/**
 * Ten rounds of Philox-4x32, in place of `counter`.
 * @param {Uint32Array} counter four words @param {number} key0 @param {number} key1 @returns {Uint32Array} `counter`
 */
export function philox(counter, key0, key1) {
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = high32(0xd2511f53, c0), low0 = Math.imul(0xd2511f53, c0);
    const high1 = high32(0xcd9e8d57, c2), low1 = Math.imul(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ key0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ key1) >>> 0, low0 >>> 0];
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  counter.set([c0, c1, c2, c3]);
  return counter;
}

/** A position in one stream of one seed; every draw moves it on. */
export class Noise {
  /** @param {number} seed whole, 0 to 2**53 - 1 @param {number} stream likewise */
  constructor(seed, stream = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed is ${seed}; allowed are 0 to ${MAX_SEED}`);
    this.key = [seed % TWO_32, Math.floor(seed / TWO_32)];
    this.stream = [stream % TWO_32, Math.floor(stream / TWO_32)];
    this.position = 0; // in words
  }

  /** The next `count` words of the stream. */
  words(/** @type {number} */ count) {
    const found = new Uint32Array(count);
    const counter = new Uint32Array(4);
    for (let i = 0; i < count; ) {
      const block = Math.floor((this.position + i) / 4);
      counter.set([block % TWO_32, Math.floor(block / TWO_32), ...this.stream]);
      philox(counter, this.key[0], this.key[1]);
      for (let lane = (this.position + i) % 4; lane < 4 && i < count; lane++) found[i++] = counter[lane];
    }
    this.position += count;
    return found;
  }

  /** Uniforms in [0, 1), exact multiples of 2**-24. */
  uniform(/** @type {number} */ count) {
    return Float32Array.from(this.words(count), (word) => (word >>> 8) * 2 ** -24);
  }

  /** Standard normals; each takes two words. */
  normal(/** @type {number} */ count) {
    const words = this.words(2 * count);
    const turn = 2 * Math.PI * 2 ** -32;
    return Float32Array.from({ length: count }, (_, i) => {
      const radius = Math.sqrt(-2 * Math.log((words[2 * i] + 1) * 2 ** -32));
      return radius * Math.cos(words[2 * i + 1] * turn);
    });
  }

  /** Whole numbers in [0, high), high up to 2**32 - 1 (multiply-shift). */
  integers(/** @type {number} */ high, /** @type {number} */ count) {
    return Array.from(this.words(count), (word) => high32(word, high));
  }
}
