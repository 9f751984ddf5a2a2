/** Pages that answer: a chat that remembers, blanks that are filled, and what a text is about. */

import { Action } from "./action.js";
import { advanced, byId, chips, element, intro, numberOf, picker, seedRow, slider, textbox } from "./controls.js";
import { saveText, step } from "./files.js";
import { Paper, written } from "./paper.js";
import { say } from "./strings.js";
import { MAX_MESSAGE } from "../generate/chat.js";
import { MAX_TEXT } from "../generate/masked.js";

/** @typedef {import("./page.js").Zoo} Zoo */

const GREETINGS = ["Have you seen a good movie lately?", "What music do you like?", "你喜欢看什么电影？", "故宫在哪里？"];
const BLANKS = ["i really like the ___ of that movie .", "the ___ is my favorite band", "这部电影的___是谁？", "我想去___旅游"];
const ABOUT = ["did you see the goal in the last minute?", "his new album is great", "门票多少钱？", "这部电影的导演是谁？"];
/** How a reply is written, besides its temperature. */
const OPTIONS = { length: 60, topK: 0, topP: 0.9, penalty: 1.1 };

/** @param {Zoo} zoo */
export function chat(zoo) {
  /** @type {import("../generate/chat.js").Turn[]} */
  let history = [];
  const empty = element("p", { class: "empty", text: "chat_empty" });
  const turns = element("div", { class: "turns", id: "chat-result", tabindex: 0, role: "log", label: "chat" });
  const saver = element("button", { type: "button", class: "save", text: "save", id: "chat-save", onclick: () => save?.() });
  const forgetter = element("button", { type: "button", class: "save", text: "forget", id: "chat-forget", onclick: () => remember([]) });
  const tools = element("div", { class: "tools", hidden: true }, saver, forgetter);
  /** @type {(() => void) | undefined} */
  let save;

  /** Show these turns, and keep them. @param {import("../generate/chat.js").Turn[]} said */
  function remember(said) {
    history = said;
    draw(said);
    tools.hidden = !said.length;
    save = undefined;
    saver.hidden = true;
  }

  /** @param {import("../generate/chat.js").Turn[]} said */
  function draw(said) {
    empty.hidden = said.length > 0;
    turns.replaceChildren(...said.map(([role, text]) => element("p", { class: role }, text)));
    turns.scrollTop = turns.scrollHeight;
  }

  const action = new Action(zoo.client, "chat", {
    task: "reply",
    verb: "say_it",
    request: () => ({
      ...OPTIONS,
      model: byId("chat-model").value,
      history,
      message: byId("chat-message").value,
      temperature: numberOf("chat-temperature"),
      seed: numberOf("chat-seed"),
    }),
    step: ({ message, text }) => draw([...history, ["user", message], ["bot", text]]),
    show: ({ result, halted }, { model, seed }) => {
      const { message, text, parameters, forgotten } = result;
      remember([...history, ["user", message], ["bot", text]]);
      byId("chat-message").value = "";
      saver.hidden = Boolean(halted); // half a reply cannot be made again
      save = () => saveText(zoo, text, step(zoo, model, { operation: "text.reply", seed, parameters }));
      return [zoo.sourceLine(model, seed), ...(forgotten ? [say("forgotten", { count: forgotten })] : [])].join(" · ");
    },
  });
  return action.panel(
    [
      intro("chat_intro"),
      picker("model", "chat-model", zoo.options("chat")),
      textbox("message", "chat-message", { value: GREETINGS[0], placeholder: "message_placeholder", longest: MAX_MESSAGE }),
      chips("chat-example", GREETINGS, (greeting) => {
        byId("chat-message").value = greeting;
        action.run();
      }),
      seedRow("chat-seed", 0, action.run),
      action.buttons,
      advanced(slider("temperature", "chat-temperature", [0, 2, 0.05, 0.7], "temperature_info")),
    ],
    [element("div", { class: "sheet prose" }, empty, turns, tools)],
  );
}

/** Names with bars as long as they are likely. @param {[string, number][]} likely */
function bars(likely) {
  const most = likely[0][1];
  return element("dl", {}, ...likely.map(([name, chance]) => {
    const share = element("span", { class: "share" });
    share.style.setProperty("--share", String(chance / most));
    return element("div", {}, element("dt", {}, name), element("dd", {}, share, `${(100 * chance).toFixed(1)} %`));
  })); // prettier-ignore
}

/** @param {Zoo} zoo */
export function filling(zoo) {
  const page = new Paper("fill", "prose low", "translation_empty");
  const show = written(zoo, page, "text.fill", false);
  const blanks = element("div", { class: "forms", id: "fill-candidates" });
  const action = new Action(zoo.client, "fill", {
    task: "fill",
    verb: "fill_it",
    request: () => ({ model: byId("fill-model").value, text: byId("fill-text").value, top: numberOf("fill-top") }),
    show: (answer, request) => {
      blanks.replaceChildren(...answer.result.blanks.map((/** @type {[string, number][]} */ blank) => element("div", { class: "sheet judged fine" }, bars(blank))));
      return show(answer, request);
    },
  });
  return action.panel(
    [
      intro("fill_intro"),
      picker("model", "fill-model", zoo.options("filling")),
      textbox("with_blanks", "fill-text", { value: BLANKS[0], placeholder: "with_blanks_empty", lines: 2, longest: MAX_TEXT }),
      chips("fill-example", BLANKS, (text) => {
        byId("fill-text").value = text;
        action.run();
      }),
      slider("candidates", "fill-top", [1, 10, 1, 5]),
      action.buttons,
    ],
    [page.node, blanks],
  );
}

/** @param {Zoo} zoo */
export function topic(zoo) {
  const classes = element("div", { class: "sheet judged fine", id: "topic-result" }, element("p", { class: "empty", text: "translation_empty" }));
  const action = new Action(zoo.client, "topic", {
    task: "classify",
    verb: "tell_it",
    request: () => ({ model: byId("topic-model").value, text: byId("topic-text").value }),
    show: ({ result }, { model }) => {
      classes.replaceChildren(element("b", {}, result.classes[0][0]), bars(result.classes));
      return zoo.sourceLine(model);
    },
  });
  return action.panel(
    [
      intro("topic_intro"),
      picker("model", "topic-model", zoo.options("topic")),
      textbox("text_result", "topic-text", { value: ABOUT[0], lines: 2, longest: MAX_TEXT }),
      chips("topic-example", ABOUT, (text) => {
        byId("topic-text").value = text;
        action.run();
      }),
      action.buttons,
    ],
    [classes],
  );
}
