/** A sheet of the page that texts are written on. */

import { element } from "./controls.js";
import { saveText, step } from "./files.js";
import { say } from "./strings.js";

/** A sheet that is written on. */
export class Paper {
  /** @param {string} prefix @param {string} style @param {string} empty */
  constructor(prefix, style, empty) {
    this.text = element("div", { class: "text", id: `${prefix}-result`, tabindex: 0, role: "region", label: "result" });
    this.empty = element("p", { class: "empty", text: empty });
    this.copier = element("button", { type: "button", class: "copy", text: "copy", onclick: () => this.#copy() });
    this.saver = element("button", { type: "button", class: "save", text: "save", id: `${prefix}-save`, onclick: () => this.save?.() });
    this.tools = element("div", { class: "tools", hidden: true }, this.copier, this.saver);
    this.node = element("div", { class: `sheet ${style}` }, this.empty, this.text, this.tools);
    /** @type {(() => void) | undefined} */
    this.save = undefined;
  }

  /** @param {string} text */
  write(text) {
    this.empty.hidden = true;
    this.tools.hidden = true;
    const { scrollTop, scrollHeight, clientHeight } = this.text;
    this.text.textContent = text;
    if (scrollHeight - scrollTop - clientHeight < 60) this.text.scrollTop = this.text.scrollHeight;
  }

  /** @param {string} text @param {(() => void) | undefined} save */
  finish(text, save) {
    this.write(text);
    this.save = save;
    this.saver.hidden = !save;
    this.tools.hidden = false;
  }

  async #copy() {
    await navigator.clipboard.writeText(this.text.textContent ?? "");
    this.copier.textContent = say("copied");
    setTimeout(() => (this.copier.textContent = say("copy")), 1500);
  }
}

/**
 * What shows a written text: it is finished on `page`, and can be saved with its record.
 * @param {import("./page.js").Zoo} zoo @param {Paper} page @param {string} operation @param {boolean} partly whether a stopped text can be made again
 */
export function written(zoo, page, operation, partly) {
  return (/** @type {import("./client.js").Answer} */ { result, seconds, halted }, /** @type {any} */ { model, seed }) => {
    const about = step(zoo, model, { operation, seed, parameters: result.parameters });
    page.finish(result.text, halted && !partly ? undefined : () => saveText(zoo, result.text, about));
    const speed = seconds && result.tokens ? ` · ${say("speed", { tokens: result.tokens, rate: Math.round(result.tokens / seconds) })}` : "";
    return zoo.sourceLine(model, seed) + speed;
  };
}
