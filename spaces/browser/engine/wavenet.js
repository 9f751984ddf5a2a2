/**
 * WaveNet sample by sample (Le Paine et al., "Fast WaveNet generation algorithm", 2016), as zoo/engine/wavenet.py: each
 * layer keeps the inputs of its last `dilation` steps, so that a new sample costs one column. A session of onnxruntime
 * would copy all that memory in and out for each of 8,000 samples a second; this touches what it needs.
 */

import { Kernel } from "./kernel.js";

/** The hyperbolic tangent to 1e-16; three times as fast as Math.tanh. */
function tanh(/** @type {number} */ x) {
  return 1 - 2 / (Math.exp(2 * x) + 1);
}

export class WaveNetSampler {
  /** @param {Map<string, import("./weights.js").Weight>} weights @param {Record<string, any>} config */
  constructor(weights, config) {
    const { channels, skip_channels: skips, levels, condition_dim: conditionDim, dilations } = config;
    const of = (/** @type {string} */ name) => /** @type {import("./weights.js").Weight} */ (weights.get(name)).values;
    const layer = Kernel.room(2 * channels, 2 * channels + conditionDim + 8) + Kernel.room(channels + skips + 8, channels + 8);
    const vectors = 8 * (2 * channels + skips + levels + conditionDim + 32) + dilations.length * (2 * channels + 4);
    const kernel = new Kernel(dilations.length * layer + Kernel.room(skips + levels, skips) + vectors);
    this.kernel = kernel;
    this.config = config;
    this.embedding = Float32Array.from(of("embed.weight"));
    this.layers = dilations.map((/** @type {number} */ dilation, /** @type {number} */ i) => {
      const out = of(`layers.${i}.out.weight`), outBias = of(`layers.${i}.out.bias`);
      return {
        dilation,
        taps: kernel.matrix(of(`layers.${i}.taps.weight`), 2 * channels, 2 * channels),
        bias: Float32Array.from(of(`layers.${i}.taps.bias`)),
        condition: kernel.matrix(of(`layers.${i}.condition.weight`), 2 * channels, conditionDim),
        residual: kernel.matrix(out.subarray(0, channels * channels), channels, channels),
        residualBias: Float32Array.from(outBias.subarray(0, channels)),
        skip: kernel.matrix(out.subarray(channels * channels), skips, channels),
        skipBias: outBias.subarray(channels),
        memory: new Float32Array(dilation * channels),
        conditioned: kernel.vector(2 * channels),
      };
    });
    this.skipBias = Float32Array.from({ length: skips }, (_, c) =>
      this.layers.reduce((/** @type {number} */ sum, /** @type {{skipBias: Float64Array}} */ { skipBias }) => sum + skipBias[c], 0),
    );
    this.hidden = kernel.matrix(of("head.1.weight"), skips, skips);
    this.hiddenBias = Float32Array.from(of("head.1.bias"));
    this.output = kernel.matrix(of("head.3.weight"), levels, skips);
    this.outputBias = Float32Array.from(of("head.3.bias"));
    const sizes = { pair: 2 * channels, gates: 2 * channels, active: channels, skip: skips, inner: skips, logits: levels, frame: conditionDim };
    /** @type {Record<keyof typeof sizes, Float32Array>} */
    this.room = /** @type {any} */ (Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, kernel.vector(size)])));
  }

  /**
   * Draw one clip, a frame at a time: one uniform decides one sample, by the inverse of the cumulative distribution.
   * @param {Float32Array} condition (frames, condition_dim) @param {Float32Array} uniforms (samples)
   * @param {number} temperature @returns {Generator<Uint16Array>} the codes of each frame; the last one may be shorter
   */
  *sample(condition, uniforms, temperature) {
    const { channels, levels, frame_size: frameSize, condition_dim: conditionDim } = this.config, { kernel, layers } = this;
    const { pair, gates, active, skip, inner, logits, frame } = this.room;
    const x = pair.subarray(channels); // beside what the layer remembers
    const scale = 1 / Math.sqrt(layers.length), inverse = Math.fround(1 / temperature);
    for (const { memory } of layers) memory.fill(0);
    let previous = Math.floor(levels / 2);
    for (let start = 0, row = 0; start < uniforms.length; start += frameSize, row += conditionDim) {
      frame.set(condition.subarray(row, row + conditionDim));
      for (const { conditioned, bias, condition: mixed } of layers) {
        conditioned.set(bias);
        kernel.multiply(mixed, frame, conditioned);
      }
      const codes = new Uint16Array(Math.min(frameSize, uniforms.length - start));
      for (let offset = 0; offset < codes.length; offset++) {
        const time = start + offset;
        skip.set(this.skipBias);
        x.set(this.embedding.subarray(previous * channels, (previous + 1) * channels));
        for (const layer of layers) {
          const { memory, residualBias } = layer, slot = (time % layer.dilation) * channels;
          for (let c = 0; c < channels; c++) {
            pair[c] = memory[slot + c];
            memory[slot + c] = x[c];
          }
          gates.set(layer.conditioned);
          kernel.multiply(layer.taps, pair, gates);
          for (let c = 0; c < channels; c++) active[c] = tanh(gates[c]) * (0.5 + 0.5 * tanh(0.5 * gates[channels + c]));
          kernel.multiply(layer.skip, active, skip);
          kernel.multiply(layer.residual, active, x);
          for (let c = 0; c < channels; c++) x[c] += residualBias[c];
        }
        for (let c = 0; c < skip.length; c++) skip[c] = Math.max(0, skip[c] * scale);
        inner.set(this.hiddenBias);
        kernel.multiply(this.hidden, skip, inner);
        for (let c = 0; c < inner.length; c++) inner[c] = Math.max(0, inner[c]);
        logits.set(this.outputBias);
        kernel.multiply(this.output, inner, logits);
        codes[offset] = previous = drawn(logits, inverse, uniforms[time]);
      }
      yield codes;
    }
  }
}

const cumulative = new Float64Array(1024);

/** Where the cumulative probability passes the uniform. @param {Float32Array} logits @param {number} inverse @param {number} uniform */
function drawn(logits, inverse, uniform) {
  let most = -Infinity, total = 0;
  for (let i = 0; i < logits.length; i++) most = Math.max(most, logits[i]);
  for (let i = 0; i < logits.length; i++) cumulative[i] = total += Math.exp((logits[i] - most) * inverse);
  const wanted = uniform * total;
  for (let i = 0; i < logits.length; i++) if (cumulative[i] > wanted) return i;
  return logits.length - 1;
}

/** Companded codes (ITU-T G.711) -> fractions in [-1, 1]. @param {ArrayLike<number>} codes @param {number} levels */
export function muLawDecode(codes, levels) {
  const mu = levels - 1, rate = Math.fround(Math.log1p(mu));
  return Float32Array.from(codes, (code) => {
    const companded = Math.fround(Math.fround(Math.fround(code / mu) * 2) - 1);
    return Math.fround(Math.sign(companded) * Math.fround(Math.expm1(Math.fround(Math.abs(companded) * rate)))) / mu;
  });
}
