/** Choosing the next token, as zoo/generate/sampling.py does: single-precision logits, double-precision chances. */

/**
 * Divide positive and multiply negative logits of tokens already seen (Keskar et al., 2019, section 4.1).
 * @param {Float32Array} logits (vocabulary) @param {Iterable<number>} seen @param {number} penalty
 */
export function penalise(logits, seen, penalty) {
  if (penalty === 1) return logits;
  const by = Math.fround(penalty);
  const found = logits.slice();
  for (const id of seen) found[id] = logits[id] > 0 ? logits[id] / by : logits[id] * by;
  return found;
}

/** Forbid all but the k most likely tokens; 0 keeps all. @param {Float32Array} logits @param {number} k */
export function keepTopK(logits, k) {
  if (k <= 0 || k >= logits.length) return logits;
  const least = logits.slice().sort()[logits.length - k];
  return logits.map((logit) => (logit < least ? -Infinity : logit));
}

/**
 * Forbid all but the smallest set of tokens whose probability reaches p (Holtzman et al., 2020).
 * @param {Float32Array} logits @param {number} p
 */
export function keepTopP(logits, p) {
  if (p >= 1) return logits;
  const chances = probabilities(logits);
  // Tokens less likely than this have no more than 1 - p between them, so none of them is in the nucleus.
  const order = Uint32Array.from(logits.keys()).filter((id) => chances[id] >= (1 - p) / logits.length);
  order.sort((a, b) => logits[b] - logits[a] || a - b);
  const kept = new Float32Array(logits.length).fill(-Infinity);
  let before = 0;
  for (const id of order) {
    if (before >= p) break; // the most likely token always stays
    kept[id] = logits[id];
    before += chances[id];
  }
  return kept;
}

/** Softmax in double precision; forbidden tokens (-Infinity) get 0. @param {Float32Array} logits */
export function probabilities(logits) {
  let most = -Infinity;
  for (const logit of logits) if (logit > most) most = logit;
  const weights = Float64Array.from(logits, (logit) => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * One uniform in [0, 1) decides, by inverting the cumulative distribution; temperature 0 takes the likeliest token.
 * @param {Float32Array} logits (vocabulary) @param {number} uniform
 * @param {{temperature: number, topK: number, topP: number}} options @returns {number}
 */
export function choose(logits, uniform, { temperature, topK, topP }) {
  if (temperature === 0) return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
  const by = Math.fround(temperature);
  const chances = probabilities(keepTopP(keepTopK(logits.map((logit) => logit / by), topK), topP));
  let total = 0;
  for (let id = 0; id < chances.length; id++) chances[id] = total += chances[id];
  const at = chances.findIndex((cumulative) => cumulative > uniform * total);
  return at < 0 ? chances.length - 1 : at;
}
