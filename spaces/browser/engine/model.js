/** A checkpoint: its sizes, and its parts (zoo/export/graphs.py) as sessions of onnxruntime-web. */

import { Tokenizer } from "../generate/tokenizer.js";
import { readWeights } from "./weights.js";

/** @typedef {{dtype: "float32" | "int64", shape: (number | string)[]}} Signature */
/** @typedef {{file: string, inputs: Record<string, Signature>, outputs: Record<string, Signature>, state: Record<string, string>}} Graph */
/** @typedef {{data: ArrayLike<number>, shape: number[]}} Given */
/**
 * @typedef {object} Card what models.json says of a checkpoint
 * @property {string} name @property {string} folder @property {string[]} labels @property {Record<string, any>} config
 * @property {string} dataset @property {Record<string, Graph>} parts @property {string[]} files
 * @property {string} sha256
 */

/**
 * Which parts gain from a graphics processor. Decoding loops would wait for it at every step, and over a denoiser's many
 * steps its rounding would add up.
 */
const PARALLEL = new Set(["generator", "encoder", "synthesis", "translator", "translator_back"]);
/** How far a graphics processor's picture may be from the reference: half a grey level. */
const NEAR = 1 / 255;

export class Model {
  /**
   * @param {Card} card @param {import("./store.js").Store} store
   * @param {{ort: import("./runtime.js").Ort, graphics: boolean}} runtime @param {import("./store.js").Report} report
   */
  constructor(card, store, runtime, report) {
    this.name = card.name;
    this.config = card.config;
    this.labels = card.labels;
    this.dataset = card.dataset;
    this.card = card;
    this.store = store;
    this.runtime = runtime;
    this.report = report;
    /** @type {Map<string, Part>} */
    this.parts = new Map();
    /** @type {Tokenizer | undefined} */
    this.tokens = undefined;
  }

  /** A file of the checkpoint. */
  bytes(/** @type {string} */ file) {
    return this.store.bytes(this.card.folder + file, this.report);
  }

  async tokenizer() {
    this.tokens ??= new Tokenizer(JSON.parse(new TextDecoder().decode(await this.bytes("tokenizer.json"))));
    return this.tokens;
  }

  async weights() {
    return readWeights(await this.bytes("model.safetensors"));
  }

  /** A part that runs once. @param {string} name @returns {Promise<Part>} */
  async part(name) {
    let part = this.parts.get(name);
    if (!part) {
      const graph = this.card.parts[name];
      const [weights, bytes] = [await this.bytes("model.safetensors"), await this.bytes(graph.file)];
      part = new Part(this.runtime.ort, graph, bytes, weights);
      await part.open(this.runtime.graphics && PARALLEL.has(name));
      this.parts.set(name, part);
    }
    return part;
  }

  /** A part that feeds on what it gave before. @param {string} name */
  async loop(name) {
    return new Loop(await this.part(name));
  }
}

export class Part {
  /** @param {import("./runtime.js").Ort} ort @param {Graph} graph @param {Uint8Array} bytes @param {Uint8Array} weights */
  constructor(ort, graph, bytes, weights) {
    this.ort = ort;
    this.graph = graph;
    this.bytes = bytes;
    this.weights = weights;
    this.provider = "wasm";
    /** @type {import("onnxruntime-web").InferenceSession | undefined} */
    this.session = undefined;
  }

  /** @param {boolean} graphics whether WebGPU is tried: it is used where it gives what the processor gives */
  async open(graphics) {
    this.session = await this.#session("wasm");
    if (!graphics) return;
    try {
      const reference = this.session, faster = await this.#session("webgpu");
      const inputs = this.#example();
      const [wanted, given] = [await reference.run(inputs), await faster.run(inputs)];
      const near = Object.keys(wanted).every((name) => {
        const [a, b] = [wanted[name].data, given[name].data].map((data) => /** @type {Float32Array} */ (data));
        return a.every((value, i) => Math.abs(value - b[i]) <= NEAR);
      });
      if (near) [this.session, this.provider] = [faster, "webgpu"];
    } catch {
      // A graphics processor or driver that cannot run this graph: the reference stays.
    }
  }

  /**
   * @param {Record<string, Given>} inputs
   * @returns {Promise<Record<string, Float32Array>>} outputs by name
   */
  async run(inputs) {
    /** @type {Record<string, import("onnxruntime-web").Tensor>} */
    const feeds = {};
    for (const [name, given] of Object.entries(inputs)) feeds[name] = this.#tensor(name, given);
    const outputs = await this.#run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, /** @type {Float32Array} */ (tensor.data)]));
  }

  /** As `run`, with tensors. @param {Record<string, any>} feeds */
  async #run(feeds) {
    return await /** @type {import("onnxruntime-web").InferenceSession} */ (this.session).run(feeds);
  }

  /** @param {string} provider */
  async #session(provider) {
    return await this.ort.InferenceSession.create(this.bytes, {
      executionProviders: [provider],
      externalData: [{ path: "model.safetensors", data: this.weights }],
    });
  }

  /** @param {string} name @param {Given} given */
  #tensor(name, { data, shape }) {
    return this.graph.inputs[name].dtype === "int64"
      ? new this.ort.Tensor("int64", BigInt64Array.from(data, BigInt), shape)
      : new this.ort.Tensor("float32", data instanceof Float32Array ? data : Float32Array.from(data), shape);
  }

  /** Inputs of one row, neither zero nor alike. */
  #example() {
    return Object.fromEntries(
      Object.entries(this.graph.inputs).map(([name, { dtype, shape }]) => {
        const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
        const count = sizes.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: count }, (_, i) => (dtype === "int64" ? 1 : Math.sin(i + 1)));
        return [name, this.#tensor(name, { data, shape: sizes })];
      }),
    );
  }
}

/** A part with state: some outputs are the next run's inputs. */
export class Loop {
  /** @param {Part} part */
  constructor(part) {
    this.part = part;
    /** @type {Record<string, Given>} */
    this.state = {};
    this.position = 0;
  }

  /** Begin anew, from zeros. @param {Record<string, number>} axes sizes of the named axes */
  restart(axes) {
    const { inputs, state } = this.part.graph;
    for (const name of Object.keys(state)) {
      const shape = inputs[name].shape.map((size) => (typeof size === "number" ? size : axes[size]));
      this.state[name] = { data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape };
    }
    this.position = 0;
  }

  /**
   * What follows tokens of one text. `others` are inputs that stay the same from step to step.
   * @param {number[]} ids @param {Record<string, Given>} [others] @returns {Promise<Record<string, Float32Array>>}
   */
  async step(ids, others) {
    const { inputs, state } = this.part.graph; // a recurrent part asks for no position
    const position = inputs.position && { position: { data: [this.position], shape: [] } };
    const outputs = await this.part.run({ ids: { data: ids, shape: [1, ids.length] }, ...position, ...others, ...this.state });
    for (const [given, made] of Object.entries(state)) this.state[given].data = outputs[made];
    this.position += ids.length;
    return outputs;
  }
}
