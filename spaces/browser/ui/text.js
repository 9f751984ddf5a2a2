/** The Text tab: a beginning that is continued a token at a time, and Chinese poems whose form always holds. */

import { FORMS, MAX_AUTHOR, MAX_TITLE } from "../generate/verse.js";
import { MAX_PROMPT } from "../generate/prose.js";
import { Action } from "./action.js";
import { advanced, byId, chips, element, intro, numberOf, picker, seedRow, slider, tabbed, textbox } from "./controls.js";
import { saveText, step } from "./files.js";
import { say } from "./strings.js";

const PROMPTS = ["ROMEO:", "To be, or not to be", "KING RICHARD III:\nNow", "First Witch:"];
const ACROSTICS = ["春夏秋冬", "万事如意", "风花雪月", "山高水长"];

/** @param {import("./page.js").Zoo} zoo */
export function build(zoo) {
  const { write, poem } = zoo.offers;
  const tabs = tabbed("kinds", "tab_text", [
    ...(write.length ? [{ name: "write", key: "continue", build: () => continuing(zoo) }] : []),
    ...(poem.length ? [{ name: "poem", key: "poem", build: () => composing(zoo) }] : []),
  ], zoo.opened); // prettier-ignore
  return { node: element("div", {}, tabs.list, ...tabs.panels), open: tabs.open, names: ["write", "poem"] };
}

/** Options that both kinds of texts have. @param {string} prefix @param {number} topP */
function sampling(prefix, topP) {
  return [
    slider("top_k", `${prefix}-top-k`, [0, 100, 1, 0]),
    slider("top_p", `${prefix}-top-p`, [0.05, 1, 0.01, topP]),
  ];
}

/** @param {string} prefix */
function chosen(prefix) {
  return {
    model: byId(`${prefix}-model`).value,
    temperature: numberOf(`${prefix}-temperature`),
    topK: numberOf(`${prefix}-top-k`),
    topP: numberOf(`${prefix}-top-p`),
    seed: numberOf(`${prefix}-seed`),
  };
}

/** A sheet that is written on. */
class Page {
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

/** @param {import("./page.js").Zoo} zoo @param {Page} page @param {string} operation @param {boolean} partly whether a stopped text can be made again */
function shown(zoo, page, operation, partly) {
  return (/** @type {import("./client.js").Answer} */ { result, seconds, halted }, /** @type {any} */ { model, seed }) => {
    const about = step(zoo, model, { operation, seed, parameters: result.parameters });
    page.finish(result.text, halted && !partly ? undefined : () => saveText(zoo, result.text, about));
    const speed = seconds ? ` · ${say("speed", { tokens: result.tokens, rate: Math.round(result.tokens / seconds) })}` : "";
    return zoo.sourceLine(model, seed) + speed;
  };
}

/** @param {import("./page.js").Zoo} zoo */
function continuing(zoo) {
  const page = new Page("write", "prose", "text_empty");
  const action = new Action(zoo.client, "write", {
    task: "write",
    verb: "write",
    request: () => ({ ...chosen("write"), prompt: byId("write-prompt").value, length: numberOf("write-length"), penalty: numberOf("write-penalty") }),
    step: ({ text }) => page.write(text),
    show: shown(zoo, page, "text.write", true),
  });
  return action.panel(
    [
      intro("write_intro"),
      picker("model", "write-model", zoo.options("write")),
      textbox("prompt", "write-prompt", { value: PROMPTS[0], placeholder: "prompt_placeholder", lines: 2, longest: MAX_PROMPT }),
      chips("write-example", PROMPTS, (prompt) => {
        byId("write-prompt").value = prompt;
        action.run();
      }),
      slider("length", "write-length", [1, 1000, 1, 300]),
      slider("temperature", "write-temperature", [0, 2, 0.05, 0.6], "temperature_info"),
      seedRow("write-seed", 3, action.run),
      action.buttons,
      advanced(...sampling("write", 0.95), slider("repetition_penalty", "write-penalty", [1, 2, 0.05, 1])),
    ],
    [page.node],
  );
}

/** @param {import("./page.js").Zoo} zoo */
function composing(zoo) {
  const page = new Page("poem", "verse", "poem_empty");
  page.text.lang = "zh-CN";
  const action = new Action(zoo.client, "poem", {
    task: "compose",
    verb: "compose",
    request: () => ({
      ...chosen("poem"),
      form: byId("poem-form").value,
      title: byId("poem-title").value,
      author: byId("poem-author").value,
      acrostic: byId("poem-acrostic").value,
    }),
    step: ({ text }) => page.write(text),
    show: shown(zoo, page, "text.compose", false),
  });
  return action.panel(
    [
      intro("poem_intro"),
      picker("model", "poem-model", zoo.options("poem")),
      picker("form", "poem-form", Object.keys(FORMS).map((form) => [form, form])),
      textbox("title", "poem-title", { placeholder: "title_placeholder", longest: MAX_TITLE }),
      textbox("acrostic", "poem-acrostic", { placeholder: "acrostic_placeholder", longest: 64 }),
      chips("poem-example", ACROSTICS, (acrostic) => {
        byId("poem-acrostic").value = acrostic;
        action.run();
      }),
      seedRow("poem-seed", 1, action.run),
      action.buttons,
      advanced(
        textbox("author", "poem-author", { placeholder: "author_placeholder", longest: MAX_AUTHOR }),
        slider("temperature", "poem-temperature", [0, 2, 0.05, 0.6], "temperature_info"),
        ...sampling("poem", 0.9),
      ),
    ],
    [page.node],
  );
}
