/** The Text tab: a beginning that is continued a token at a time, Chinese poems whose form always holds, and what else texts are for. */

import { FORMS, MAX_AUTHOR, MAX_TITLE } from "../generate/verse.js";
import { MAX_PROMPT } from "../generate/prose.js";
import { Action } from "./action.js";
import { advanced, byId, chips, intro, kinds, numberOf, picker, seedRow, slider, textbox } from "./controls.js";
import { chat, filling, topic } from "./conversation.js";
import { pronouncing, translating } from "./language.js";
import { Paper, written } from "./paper.js";
import { say } from "./strings.js";

/** Beginnings that fit what a model has read, by its data set; the page's introduction goes by the same names. @type {Record<string, string[]>} */
const PROMPTS = {
  tiny_shakespeare: ["ROMEO:", "To be, or not to be", "KING RICHARD III:\nNow", "First Witch:"],
  fairy_tales: ["The Fox and the ", "Once upon a time", "There was once a king", "A Lion"],
  python_stdlib: ["class Queue:\n", "def __init__(self, ", "import os\n", "    for line in "],
};
const ACROSTICS = ["春夏秋冬", "万事如意", "风花雪月", "山高水长"];

const KINDS = [
  { name: "write", key: "continue", build: continuing },
  { name: "poem", key: "poem", build: composing },
  { name: "chat", key: "chat", build: chat },
  { name: "translating", key: "translating", build: translating },
  { name: "pronouncing", key: "pronouncing", build: pronouncing },
  { name: "filling", key: "filling", build: filling },
  { name: "topic", key: "topic", build: topic },
];
export const NAMES = KINDS.map(({ name }) => name);

/** @param {import("./page.js").Zoo} zoo */
export function build(zoo) {
  return kinds(zoo, "text", KINDS);
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

/** @param {import("./page.js").Zoo} zoo */
function continuing(zoo) {
  const page = new Paper("write", "prose", "text_empty");
  const action = new Action(zoo.client, "write", {
    task: "write",
    verb: "write",
    request: () => ({ ...chosen("write"), prompt: byId("write-prompt").value, length: numberOf("write-length"), penalty: numberOf("write-penalty") }),
    step: ({ text }) => page.write(text),
    show: written(zoo, page, "text.write", true),
  });
  const names = zoo.options("write"), models = picker("model", "write-model", names);
  const introduction = intro("write_intro"), beginnings = chips("write-example", [], () => {});
  const known = (/** @type {string} */ model) => PROMPTS[zoo.card(model).dataset] ?? [];
  const begin = (/** @type {string} */ prompt) => {
    byId("write-prompt").value = prompt;
    action.run();
  };
  const suit = (/** @type {string} */ model) => {
    const { dataset } = zoo.card(model);
    introduction.dataset.text = dataset in PROMPTS ? `write_intro_${dataset}` : "write_intro";
    introduction.textContent = say(introduction.dataset.text);
    beginnings.replaceChildren(...chips("write-example", known(model), begin).children);
  };
  suit(names[0][0]);
  models.addEventListener("change", () => {
    const { value } = byId("write-prompt"), model = byId("write-model").value;
    suit(model);
    const strange = Object.values(PROMPTS).flat().includes(value) && !known(model).includes(value);
    if (strange) byId("write-prompt").value = known(model)[0] ?? "";
  });
  return action.panel(
    [
      introduction,
      models,
      textbox("prompt", "write-prompt", { value: known(names[0][0])[0], placeholder: "prompt_placeholder", lines: 2, longest: MAX_PROMPT }),
      beginnings,
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
  const page = new Paper("poem", "verse", "poem_empty");
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
    show: written(zoo, page, "text.compose", false),
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
