/** The Audio tab: spoken digits, made sample by sample. */

import { Action } from "./action.js";
import { byId, chips, element, fill, intro, numberOf, picker, seedRow, slider, textbox } from "./controls.js";
import { savePicture, saveSound, step } from "./files.js";
import { wav } from "../generate/provenance.js";
import { PictureFrame, imageOf } from "./pictures.js";
import { Player } from "./player.js";
import { say } from "./strings.js";

/** @typedef {import("./page.js").Zoo} Zoo */

/** @type {string[]} */
export const NAMES = [];
const SPEAKER = "jackson";
const NUMBERS = ["7", "42", "2026", "314159"];

/** @param {Zoo} zoo @param {string} model @returns {[string, string][]} */
export function voices(zoo, model) {
  return zoo.speakers(model).map((name, i) => [String(i), name]);
}

/** The number of the voice to begin with. @param {Zoo} zoo @param {string} model */
export function firstVoice(zoo, model) {
  return String(Math.max(0, zoo.speakers(model).indexOf(SPEAKER)));
}

/** @param {Zoo} zoo @param {Player} player @param {{waveform: Float32Array, rate: number}} sound @param {import("../generate/provenance.js").Step} about */
export function playSound(zoo, player, { waveform, rate }, about) {
  const file = new Blob([/** @type {BlobPart} */ (wav(waveform, rate, about, zoo.index))], { type: "audio/wav" });
  player.show(waveform, rate, file, () => saveSound(zoo, waveform, rate, about));
}

/** @param {Zoo} zoo */
export function build(zoo) {
  const frame = new PictureFrame("speak-spectrogram", "spectrogram_empty", "spectrogram"), player = new Player("speak-result");
  const action = new Action(zoo.client, "speak", {
    task: "speak",
    verb: "speak",
    request: () => ({
      model: byId("speak-model").value,
      digits: byId("speak-digits").value,
      speaker: Number(byId("speak-speaker").value),
      temperature: numberOf("speak-temperature"),
      seed: numberOf("speak-seed"),
    }),
    show: ({ result }, { model, speaker, seed }) => {
      const about = step(zoo, model, { operation: "audio.speak", seed, parameters: { ...result.parameters, speaker: zoo.speakers(model)[speaker] } });
      const { pixels, width, height } = result.spectrogram;
      const save = () => savePicture(zoo, { levels: pixels, width, height, channels: 3, scale: 1 }, { ...about, result: "spectrogram" });
      frame.show(imageOf(pixels, width, height, 3), 1, say("spectrogram"), save);
      playSound(zoo, player, result, about);
      return zoo.sourceLine(model, seed);
    },
  });
  const names = zoo.options("speak"), first = names[0][0];
  const models = picker("model", "speak-model", names);
  models.addEventListener("change", () => fill(byId("speak-speaker"), voices(zoo, byId("speak-model").value)));
  const panel = action.panel(
    [
      intro("audio_intro"),
      models,
      textbox("digits", "speak-digits", { value: NUMBERS[0], placeholder: "digits_placeholder", longest: 64, mode: "numeric" }),
      chips("speak-example", NUMBERS, (digits) => {
        byId("speak-digits").value = digits;
        action.run();
      }),
      picker("speaker", "speak-speaker", voices(zoo, first), firstVoice(zoo, first)),
      slider("temperature", "speak-temperature", [0.1, 1.5, 0.05, 1]),
      seedRow("speak-seed", 0, action.run),
      action.buttons,
    ],
    [frame.node, player.node],
  );
  return { node: element("div", {}, panel), open: () => {}, names: [] };
}
