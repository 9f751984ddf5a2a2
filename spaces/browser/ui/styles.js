/** Pages of styles: one style in every class; two pictures mixed; a picture moved along directions. */

import { Action } from "./action.js";
import { classPicker } from "./classes.js";
import { advanced, byId, intro, numberOf, picker, seedRow, slider } from "./controls.js";
import { step } from "./files.js";
import { PictureFrame, showSheet } from "./pictures.js";
import { MAX_AMOUNT, MAX_STYLES, MAX_TRUNCATION, layersOf } from "../generate/styles.js";

/** @typedef {import("./page.js").Zoo} Zoo */

/** Directions that a picture can be moved along, and how many of them are not folded away. */
const DIRECTIONS = 6, SHOWN = 2;

/**
 * An action that shows a sheet of pictures.
 * @param {Zoo} zoo @param {string} prefix @param {string} operation @param {string} task @param {string} verb
 * @param {() => object} request what the controls say besides model and seed
 */
function drawer(zoo, prefix, operation, task, verb, request) {
  const frame = new PictureFrame(`${prefix}-result`, "picture_empty");
  const action = new Action(zoo.client, prefix, {
    task,
    verb,
    request: () => ({ model: byId(`${prefix}-model`).value, seed: numberOf(`${prefix}-seed`), ...request() }),
    show: ({ result }, { model, seed }) => {
      showSheet(zoo, frame, result.sheet, step(zoo, model, { operation, seed, parameters: result.parameters }));
      return zoo.sourceLine(model, seed);
    },
  });
  return { action, frame };
}

/** @param {Zoo} zoo */
export function byClass(zoo) {
  const { action, frame } = drawer(zoo, "styles", "image.styles_by_class", "styles", "draw", () => ({ styles: numberOf("styles-rows") }));
  return action.panel(
    [
      intro("styles_intro"),
      picker("model", "styles-model", zoo.options("styles")),
      slider("styles", "styles-rows", [1, MAX_STYLES, 1, 6]),
      seedRow("styles-seed", 0, action.run),
      action.buttons,
    ],
    [frame.node],
  );
}

/** @param {string} prefix */
function truncation(prefix) {
  return slider("truncation", `${prefix}-truncation`, [0, MAX_TRUNCATION, 0.05, 0.8], "truncation_info");
}

/** @param {string} prefix */
function chosen(prefix) {
  return { label: Number(byId(`${prefix}-label`).value), truncation: numberOf(`${prefix}-truncation`) };
}

/** @param {Zoo} zoo */
export function mixing(zoo) {
  const { action, frame } = drawer(zoo, "mix", "image.mix", "mix", "mix", () => ({
    seedFine: numberOf("mix-seed-fine"),
    crossover: numberOf("mix-crossover"),
    ...chosen("mix"),
  }));
  const names = zoo.options("mix"), models = picker("model", "mix-model", names);
  const last = layersOf(zoo.card(names[0][0]).config) - 1;
  return action.panel(
    [
      intro("mix_intro"),
      models,
      classPicker(zoo, "mix", models, names[0][0]),
      seedRow("mix-seed", 0, action.run),
      seedRow("mix-seed-fine", 1, action.run, "seed_fine"),
      slider("crossover", "mix-crossover", [1, last, 1, Math.floor(last / 2)]),
      action.buttons,
      advanced(truncation("mix")),
    ],
    [frame.node],
  );
}

/** @param {Zoo} zoo */
export function directing(zoo) {
  const numbers = Array.from({ length: DIRECTIONS }, (_, i) => i + 1);
  const { action, frame } = drawer(zoo, "directions", "image.edit", "edit", "move", () => ({
    amounts: numbers.map((number) => numberOf(`directions-${number}`)),
    ...chosen("directions"),
  }));
  const names = zoo.options("directions"), models = picker("model", "directions-model", names);
  const sliders = numbers.map((number) => slider("direction_number", `directions-${number}`, [-MAX_AMOUNT, MAX_AMOUNT, 0.1, number === 1 ? 2 : 0], undefined, ` ${number}`));
  return action.panel(
    [
      intro("directions_intro"),
      models,
      classPicker(zoo, "directions", models, names[0][0]),
      seedRow("directions-seed", 2, action.run),
      ...sliders.slice(0, SHOWN),
      action.buttons,
      advanced(...sliders.slice(SHOWN), truncation("directions")),
    ],
    [frame.node],
  );
}
