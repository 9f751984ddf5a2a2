/** Pages between languages and alphabets: a text is translated, words are pronounced. */

import { Action } from "./action.js";
import { byId, chips, intro, picker, textbox } from "./controls.js";
import { Paper, written } from "./paper.js";
import { say } from "./strings.js";
import { MAX_TEXT } from "../generate/translation.js";

/** @typedef {import("./page.js").Zoo} Zoo */

const SENTENCES = ["Where is the station?", "I would like a cup of tea.", "我昨天买了一本书。", "你为什么没来？"];
/** Characters of a sentence that a warning repeats. */
const SHOWN = 40;
const WORDS = ["algorithm", "through though thought", "zoo", "unbelievable"];
/** @type {[string, string, string?][]} */
const WAYS = [["auto", "", "auto"], ["en-zh", "English → 中文"], ["zh-en", "中文 → English"]];

/** What is to be known before a translation is relied on. @param {{long: boolean, strange: string[]}} result */
function doubts({ long, strange }) {
  const cut = (/** @type {string} */ sentence) => (sentence.length <= SHOWN ? sentence : `${sentence.slice(0, SHOWN - 1)}…`);
  return [...strange.map((sentence) => say("best_effort_strange", { sentence: cut(sentence) })), ...(long ? [say("best_effort")] : [])];
}

/** @param {Zoo} zoo */
export function translating(zoo) {
  const page = new Paper("translate", "prose", "translation_empty");
  const show = written(zoo, page, "text.translate", false);
  const action = new Action(zoo.client, "translate", {
    task: "translate",
    verb: "translate_it",
    request: () => ({ model: byId("translate-model").value, text: byId("translate-text").value, direction: byId("translate-direction").value }),
    step: ({ text }) => page.write(text),
    show: (answer, request) => [show(answer, request), ...doubts(answer.result)].join(" · "),
  });
  return action.panel(
    [
      intro("translate_intro"),
      picker("model", "translate-model", zoo.options("translating")),
      textbox("to_translate", "translate-text", { value: SENTENCES[0], placeholder: "to_translate_empty", lines: 3, longest: MAX_TEXT }),
      chips("translate-example", SENTENCES, (sentence) => {
        byId("translate-text").value = sentence;
        action.run();
      }),
      picker("direction", "translate-direction", WAYS, "auto"),
      action.buttons,
    ],
    [page.node],
  );
}

/** @param {Zoo} zoo */
export function pronouncing(zoo) {
  const page = new Paper("pronounce", "prose", "translation_empty");
  const action = new Action(zoo.client, "pronounce", {
    task: "pronounce",
    verb: "pronounce",
    request: () => ({ model: byId("pronounce-model").value, text: byId("pronounce-text").value }),
    step: ({ text }) => page.write(text),
    show: written(zoo, page, "text.pronounce", false),
  });
  return action.panel(
    [
      intro("pronounce_intro"),
      picker("model", "pronounce-model", zoo.options("pronouncing")),
      textbox("words", "pronounce-text", { value: WORDS[0], placeholder: "words_placeholder", longest: MAX_TEXT }),
      chips("pronounce-example", WORDS, (words) => {
        byId("pronounce-text").value = words;
        action.run();
      }),
      action.buttons,
    ],
    [page.node],
  );
}
