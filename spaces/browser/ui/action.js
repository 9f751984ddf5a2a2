/** An action of a panel: its button, Enter, the dice and the examples start it, Stop halts it, its status is told. */

import { Failed } from "./client.js";
import { element } from "./controls.js";
import { say } from "./strings.js";

/** The files that a visitor waits for, by what they are to him. @param {string} file */
function named(file) {
  return file.startsWith("models/") ? file.split("/")[1] : say("runtime");
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

export class Action {
  /**
   * @param {import("./client.js").Client} client @param {string} prefix of the ids
   * @param {object} wiring
   * @param {string} wiring.task @param {string} wiring.verb key of the button's word
   * @param {() => object} wiring.request what the controls say; throws Failed where something is missing
   * @param {(value: any) => void} [wiring.step] shows what there is so far
   * @param {(answer: import("./client.js").Answer, request: any) => string} wiring.show shows the result, and says where it came from
   */
  constructor(client, prefix, wiring) {
    this.client = client;
    this.wiring = wiring;
    this.id = 0;
    this.run = this.run.bind(this);
    this.button = element("button", { type: "submit", class: "primary", id: `${prefix}-run`, text: wiring.verb });
    this.stopper = /** @type {HTMLButtonElement} */ (
      element("button", { type: "button", class: "stop", id: `${prefix}-stop`, text: "stop", disabled: true, onclick: () => client.stop(this.id) })
    );
    this.buttons = element("div", { class: "run" }, this.button, this.stopper);
    this.words = element("span", {});
    this.bar = /** @type {HTMLProgressElement} */ (element("progress", { max: 1, hidden: true, "aria-hidden": "true" }));
    this.status = element("div", { class: "status", role: "status", id: `${prefix}-status` }, this.words, this.bar);
    this.source = element("p", { class: "source", id: `${prefix}-source`, label: "source", text: "source_empty" });
    this.results = element("div", { class: "results" });
  }

  /** The panel: controls beside results. @param {HTMLElement[]} controls @param {HTMLElement[]} results */
  panel(controls, results) {
    const form = element("form", { class: "controls", novalidate: true, onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      this.run();
    } }, ...controls); // prettier-ignore
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.run();
    });
    this.results.append(...results, this.status, this.source);
    return element("div", { class: "work" }, form, this.results);
  }

  async run() {
    this.client.stop(this.id);
    const own = ++Action.started;
    this.own = own;
    const mine = () => this.own === own;
    if (innerWidth < 820) this.results.scrollIntoView({ behavior: "smooth", block: "start" });
    this.#tell(say("starting"), null);
    this.results.setAttribute("aria-busy", "true");
    this.stopper.disabled = false;
    try {
      const request = this.wiring.request();
      const asked = this.client.ask(this.wiring.task, request, {
        loading: ({ file, loaded, total }) => {
          const values = { what: named(file), loaded: megabytes(loaded), total: megabytes(total) };
          if (mine()) this.#tell(say("loading", values), loaded / total);
        },
        step: (value) => {
          if (!mine()) return;
          this.#tell(say("working"), typeof value === "number" ? value : null);
          if (typeof value !== "number") this.wiring.step?.(value);
        },
      });
      this.id = asked.id;
      const answer = await asked.answer;
      if (!mine()) return;
      if (answer.result !== undefined && !(answer.halted && typeof answer.result === "number")) {
        const source = this.wiring.show(answer, request);
        const timing = answer.seconds ? [say("took", { seconds: Number(answer.seconds.toPrecision(2)) }), answer.provider === "webgpu" ? "WebGPU" : "WebAssembly"] : [];
        delete this.source.dataset.text;
        this.source.textContent = [source, ...timing].join(" · ");
      }
      this.#tell(say(answer.halted ? "halted" : "finished"), undefined);
    } catch (error) {
      if (!mine()) return;
      if (!(error instanceof Failed)) throw error;
      this.#tell(say(error.key, error.values), undefined, true);
    } finally {
      if (mine()) {
        this.stopper.disabled = true;
        this.results.removeAttribute("aria-busy");
      }
    }
  }

  /** @param {string} words @param {number | null | undefined} share null while it is unknown, undefined at the end */
  #tell(words, share, failed = false) {
    if (this.words.textContent !== words) this.words.textContent = words;
    this.status.classList.toggle("failed", failed);
    this.status.classList.toggle("quiet", share === undefined && !failed);
    this.bar.hidden = share === undefined;
    if (typeof share === "number") this.bar.value = share;
    else this.bar.removeAttribute("value");
  }
}
Action.started = 0;
