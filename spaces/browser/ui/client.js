/** The page's side of the worker: runs are asked for, told of and stopped. */

/** What a run answered that did not end well: `key` names the words in strings.js. */
export class Failed extends Error {
  /** @param {string} key @param {Record<string, string | number>} values */
  constructor(key, values) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/**
 * @typedef {object} Answer
 * @property {any} result @property {number} [seconds] @property {string} [provider] @property {boolean} [halted]
 */
/** @typedef {{file: string, loaded: number, total: number}} Loading */
/** @typedef {{step?: (value: any) => void, loading?: (loading: Loading) => void}} Listener */

export class Client {
  constructor() {
    this.worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module" });
    /** @type {Map<number, {resolve: (answer: Answer) => void, reject: (error: Failed) => void, listener: Listener}>} */
    this.open = new Map();
    this.last = 0;
    this.worker.onmessage = ({ data }) => this.#heard(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const [id, { reject }] of this.open) {
        this.open.delete(id);
        reject(new Failed(event.message ? "error_inside" : "error_old", { why: event.message ?? "" }));
      }
    };
  }

  /** @param {string} task @param {object} request @param {Listener} listener @returns {{id: number, answer: Promise<Answer>}} */
  ask(task, request = {}, listener = {}) {
    const id = ++this.last;
    /** @type {Promise<Answer>} */
    const answer = new Promise((resolve, reject) => this.open.set(id, { resolve, reject, listener }));
    this.worker.postMessage({ id, task, request });
    return { id, answer };
  }

  stop(/** @type {number} */ id) {
    if (this.open.has(id)) this.worker.postMessage({ stop: id });
  }

  /** @param {any} message */
  #heard({ id, step, loading, error, ...answer }) {
    if (loading) { // all wait for it, whoever asked for the file first
      for (const { listener } of this.open.values()) listener.loading?.(loading);
      return;
    }
    const run = this.open.get(id);
    if (!run) return;
    if (step !== undefined) return run.listener.step?.(step);
    this.open.delete(id);
    if (error) run.reject(new Failed(error.key, error.values));
    else run.resolve(answer);
  }
}
