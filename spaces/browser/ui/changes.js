/** Pages that begin with a picture: a drawing coloured, a style changed, damage repaired, a small picture enlarged. */

import { Action } from "./action.js";
import { advanced, byId, checkbox, fill, intro, numberOf, picker, seedRow, slider } from "./controls.js";
import { step } from "./files.js";
import { Pad, PictureFrame, showChange } from "./pictures.js";
import { say } from "./strings.js";
import { Upload } from "./upload.js";
import { wayOf } from "../generate/translate.js";

/** @typedef {import("./page.js").Zoo} Zoo */

/** Width of the pen for lines that are to be coloured, and what can be done to a picture before it is repaired. */
const PEN = 7;
/** @type {Record<string, string[]>} */
const WAYS = { damaged: ["mask", "holes", "as it is"], noisy: ["noise", "as it is"] };

/** What was enlarged, in words. @param {import("../generate/translate.js").Picture} picture @param {{seen: Float32Array, width: number, reduced: boolean, sheet: import("../generate/sheet.js").Sheet}} result */
function sizes(picture, { seen, width, reduced, sheet }) {
  const given = `${picture.width} × ${picture.height}`, height = seen.length / (3 * width);
  if (reduced) return say("enlarged_reduced", { given, seen: `${width} × ${height}` });
  return say("enlarged", { given, made: `${(sheet.width - 1) / 2} × ${sheet.height}` });
}

/**
 * @param {Zoo} zoo @param {string} prefix @param {string} verb @param {() => object} request what the controls say besides the model
 * @param {string} task
 */
function changer(zoo, prefix, verb, request, task = "change") {
  const frame = new PictureFrame(`${prefix}-result`, "before_after");
  const action = new Action(zoo.client, prefix, {
    task,
    verb,
    request: () => ({ model: byId(`${prefix}-model`).value, ...request() }),
    show: ({ result }, { model, picture }) => {
      const { operation, parameters } = result;
      showChange(zoo, frame, "before_after", result, step(zoo, model, { operation, parameters }));
      return [zoo.sourceLine(model), ...(operation === "image.enlarge" ? [sizes(picture, result)] : [])].join(" · ");
    },
  });
  return { action, frame };
}

/** The picker of a model, and a place for a picture with the examples that came with it. @param {Zoo} zoo @param {string} prefix @param {() => void} [marked] */
function source(zoo, prefix, marked) {
  const names = zoo.options(prefix), models = picker("model", `${prefix}-model`, names);
  const upload = new Upload(zoo, `${prefix}-picture`, marked);
  const offer = (/** @type {string} */ model) => upload.offer(zoo.card(model));
  models.addEventListener("change", () => offer(byId(`${prefix}-model`).value));
  offer(names[0][0]);
  return { models, upload, first: names[0][0] };
}

/** @param {Zoo} zoo */
export function colouring(zoo) {
  const pad = new Pad("colour-pad", "pad", PEN);
  const { action, frame } = changer(zoo, "colour", "colour", () => {
    const { pixels, side } = pad.drawing;
    return { picture: { pixels, width: side, height: side }, how: "drawing" };
  });
  return action.panel([intro("colour_intro"), picker("model", "colour-model", zoo.options("colour")), pad.node, action.buttons], [frame.node]);
}

/** @param {Zoo} zoo */
export function changing(zoo) {
  const { models, upload, first } = source(zoo, "style");
  const { action, frame } = changer(zoo, "style", "change_style", () => ({
    picture: upload.picture,
    how: "as it is",
    back: byId("style-back").checked,
  }));
  const back = checkbox("back", "style-back");
  back.hidden = !("translator_back" in zoo.card(first).parts);
  models.addEventListener("change", () => {
    back.hidden = !("translator_back" in zoo.card(byId("style-model").value).parts);
    byId("style-back").checked = false;
  });
  return action.panel([intro("style_intro"), models, upload.node, back, action.buttons], [frame.node]);
}

/** @param {Zoo} zoo */
export function restoring(zoo) {
  const ways = (/** @type {string} */ model) =>
    WAYS[wayOf(zoo.card(model).config).source].map((way) => /** @type {[string, string, string]} */ ([way, "", `how_${way.replaceAll(" ", "_")}`]));
  const { models, upload, first } = source(zoo, "restore", () => {
    if (byId("restore-how").value !== "mask") byId("restore-how").value = "mask";
  });
  const { action, frame } = changer(zoo, "restore", "restore", () => ({
    picture: upload.picture,
    how: byId("restore-how").value,
    marks: upload.marks,
    seed: numberOf("restore-seed"),
    strength: numberOf("restore-strength"),
  }));
  const how = picker("how", "restore-how", ways(first), ways(first).at(-2)?.[0]);
  const more = advanced(slider("strength", "restore-strength", [0.05, 1, 0.05, 0.3]));
  const suit = (/** @type {string} */ model) => {
    const damaged = wayOf(zoo.card(model).config).source === "damaged";
    more.hidden = damaged;
    upload.mark(damaged);
  };
  models.addEventListener("change", () => {
    const model = byId("restore-model").value;
    fill(byId("restore-how"), ways(model), ways(model).at(-2)?.[0]);
    suit(model);
  });
  suit(first);
  return action.panel(
    [intro("restore_intro"), models, upload.node, how, seedRow("restore-seed", 0, action.run), action.buttons, more],
    [frame.node],
  );
}

/** @param {Zoo} zoo */
export function enlarging(zoo) {
  const { models, upload } = source(zoo, "enlarge");
  const request = () => ({ picture: upload.picture, shrink: byId("enlarge-how").value === "shrunk" });
  const { action, frame } = changer(zoo, "enlarge", "enlarge", request, "enlarge");
  const how = picker("enlarge_how", "enlarge-how", [["as it is", "", "enlarge_as_it_is"], ["shrunk", "", "enlarge_shrunk"]], "as it is");
  return action.panel([intro("enlarge_intro"), models, upload.node, how, action.buttons], [frame.node]);
}
