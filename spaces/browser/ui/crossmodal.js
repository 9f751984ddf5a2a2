/** The Cross-modal tab: a number typed, drawn or spoken; judged, and turned into the other forms. */

import { Action } from "./action.js";
import { firstVoice, playSound, voices } from "./audio.js";
import { Failed } from "./client.js";
import { byId, chips, element, intro, numberOf, picker, seedRow, tabbed, textbox } from "./controls.js";
import { hearingStep, readingStep, step } from "./files.js";
import { Pad, PictureFrame, showSheet } from "./pictures.js";
import { TRUNCATION } from "../generate/crossmodal.js";
import { Player } from "./player.js";
import { Recorder } from "./recorder.js";

/** @typedef {import("./page.js").Zoo} Zoo */

export const NAMES = ["type", "sketch", "voice"];
const NUMBERS = ["seven", "七", "42", "四十二"];
/** Below this the judge's best guess is called one. */
const UNSURE = 0.5;
const SHOWN = 4;

/** @param {Zoo} zoo */
export function build(zoo) {
  const { judge, painter, voice } = zoo.numbers;
  const pad = new Pad("sketch-pad", "drawing");
  const recorder = new Recorder("voice", () => {
    if (way === "voice") action.run();
  });
  const words = element("p", { class: "words", id: "cross-words" }, element("span", { class: "empty", text: "words_empty" }));
  const best = element("b", { id: "cross-best" }), chances = element("dl", { id: "cross-chances" });
  const judged = element("div", { class: "sheet judged" }, element("h3", { text: "recognised" }), best, chances);
  const frame = new PictureFrame("cross-picture", "picture_empty", "low"), player = new Player("cross-sound");
  let way = "type";

  /** @param {[string, number][]} readings */
  function judgeSays(readings) {
    best.textContent = readings[0][0];
    judged.classList.toggle("unsure", readings[0][1] < UNSURE);
    chances.replaceChildren(
      ...readings.slice(0, SHOWN).map(([number, chance]) => {
        const share = element("span", { class: "share" });
        share.style.setProperty("--share", String(chance));
        return element("div", {}, element("dt", {}, number), element("dd", {}, share, `${Math.round(chance * 100)}%`));
      }),
    );
  }

  function given() {
    if (way === "type") return { number: byId("type-number").value };
    if (way === "sketch") return { drawing: pad.drawing };
    if (!recorder.recording) throw new Failed("nothing_heard", {});
    return { recording: recorder.recording };
  }

  /** What stands before the result. @param {{seen?: Float32Array}} result @param {{number?: string, recording?: import("./recorder.js").Recording}} request */
  async function before({ seen }, { number, recording }) {
    if (recording) return [await hearingStep(zoo, recording)];
    return [seen ? await readingStep(zoo, seen) : { operation: "crossmodal.read_number", parameters: { text: number } }];
  }

  const action = new Action(zoo.client, "cross", {
    task: "realise",
    verb: "translate",
    request: () => ({
      judge: way === "voice" ? zoo.listener : judge, painter, voice, model: painter,
      speaker: Number(byId("cross-speaker").value),
      seed: numberOf("cross-seed"),
      ...given(),
    }), // prettier-ignore
    step: ({ judged: readings, english, chinese }) => {
      judgeSays(readings);
      if (english) words.textContent = `${english} · ${chinese}`;
    },
    show: ({ result, halted }, request) => {
      const { speaker, seed } = request;
      judgeSays(result.judged);
      if (halted || !result.waveform) return zoo.sourceLine(request.judge);
      words.textContent = `${result.english} · ${result.chinese}`;
      before(result, request).then((parents) => {
        const drawn = { operation: "image.draw_number", seed, parameters: { digits: result.digits, truncation: TRUNCATION }, parents };
        showSheet(zoo, frame, result.sheet, step(zoo, painter, drawn));
        const parameters = { ...result.parameters, speaker: zoo.speakers(voice)[speaker] };
        playSound(zoo, player, result, step(zoo, voice, { operation: "audio.speak", seed, parameters, parents }));
      });
      return [zoo.sourceLine(request.judge), zoo.sourceLine(painter, seed), zoo.sourceLine(voice, seed)].join("\n");
    },
  });
  const ways = tabbed("kinds", "tab_crossmodal", [
    {
      name: "type",
      key: "type",
      build: () => element("div", { class: "way" },
        textbox("number", "type-number", { value: "42", placeholder: "number_placeholder", longest: 200 }),
        chips("type-example", NUMBERS, (number) => {
          byId("type-number").value = number;
          action.run();
        })), // prettier-ignore
    },
    { name: "sketch", key: "sketch", build: () => element("div", { class: "way" }, element("label", { text: "drawing" }), pad.node) },
    ...(zoo.card(zoo.listener)
      ? [{ name: "voice", key: "voice", build: () => element("div", { class: "way" }, element("label", { text: "recording" }), recorder.node) }]
      : []),
  ], (name) => {
    way = name;
    zoo.opened(name);
  }); // prettier-ignore
  const panel = action.panel(
    [
      intro("cross_intro"),
      ways.list,
      ...ways.panels,
      action.buttons,
      picker("speaker", "cross-speaker", voices(zoo, voice), firstVoice(zoo, voice)),
      seedRow("cross-seed", 0, action.run),
    ],
    [element("div", { class: "forms" }, element("div", { class: "sheet" }, words), judged), frame.node, player.node],
  );
  return { node: element("div", {}, panel), open: ways.open, names: zoo.card(zoo.listener) ? ["type", "sketch", "voice"] : ["type", "sketch"] };
}
