/** The Image tab: pictures from noise, a walk through a latent space, a map of it, and your own drawing redrawn. */

import { Action } from "./action.js";
import { changing, colouring, enlarging, restoring } from "./changes.js";
import { classPicker } from "./classes.js";
import { advanced, byId, intro, kinds, numberOf, picker, seedRow, slider, slideTo } from "./controls.js";
import { step } from "./files.js";
import { Animation, Pad, PictureFrame, imageOf, showChange, showSheet } from "./pictures.js";
import { say } from "./strings.js";
import { byClass, directing, mixing } from "./styles.js";
import { MAX_GUIDANCE, MAX_STEPS } from "../generate/image.js";
import { denoises } from "../generate/diffusion.js";

/** @typedef {import("./page.js").Zoo} Zoo */

/** Pictures a side of a sheet, of a model that draws in one step and of one that takes many. */
const SIDE = 5, SLOW_SIDE = 2;
const KINDS = [
  { name: "draw", key: "image_draw", build: drawing },
  { name: "morph", key: "image_morph", build: morphing },
  { name: "map", key: "image_map", build: mapping },
  { name: "redraw", key: "image_redraw", build: redrawing },
  { name: "styles", key: "image_styles", build: byClass },
  { name: "mix", key: "image_mix", build: mixing },
  { name: "directions", key: "image_directions", build: directing },
  { name: "colour", key: "image_colour", build: colouring },
  { name: "style", key: "image_style", build: changing },
  { name: "restore", key: "image_restore", build: restoring },
  { name: "enlarge", key: "image_enlarge", build: enlarging },
];
export const NAMES = KINDS.map(({ name }) => name);

/** @param {Zoo} zoo */
export function build(zoo) {
  return kinds(zoo, "image", KINDS);
}

/** @param {Zoo} zoo */
function drawing(zoo) {
  const frame = new PictureFrame("draw-result", "picture_empty");
  const action = new Action(zoo.client, "draw", {
    task: "draw",
    verb: "draw",
    request: () => ({
      model: byId("draw-model").value,
      label: Number(byId("draw-label").value),
      count: numberOf("draw-side") ** 2,
      seed: numberOf("draw-seed"),
      truncation: numberOf("draw-truncation"),
      steps: numberOf("draw-steps"),
      guidance: numberOf("draw-guidance"),
    }),
    show: ({ result }, { model, seed }) => {
      showSheet(zoo, frame, result.sheet, step(zoo, model, { operation: "image.draw", seed, parameters: result.parameters }));
      return zoo.sourceLine(model, seed);
    },
  });
  const names = zoo.options("draw"), models = picker("model", "draw-model", names);
  const { config, ...first } = zoo.card(names[0][0]);
  const truncation = slider("truncation", "draw-truncation", [0.1, 2, 0.05, 0.8], "truncation_info");
  const steps = slider("steps", "draw-steps", [1, MAX_STEPS, 1, config.sampling_steps ?? MAX_STEPS], "steps_info");
  const guidance = slider("guidance", "draw-guidance", [0, MAX_GUIDANCE, 0.1, config.guidance ?? 1], "guidance_info");
  const suit = (/** @type {boolean} */ slow) => {
    truncation.hidden = slow;
    steps.hidden = guidance.hidden = !slow;
  };
  suit(denoises(first));
  models.addEventListener("change", () => {
    const card = zoo.card(byId("draw-model").value);
    suit(denoises(card));
    if (!denoises(card)) return;
    slideTo("draw-steps", card.config.sampling_steps);
    slideTo("draw-guidance", card.config.guidance);
    slideTo("draw-side", Math.min(SLOW_SIDE, numberOf("draw-side")));
  });
  return action.panel(
    [
      intro("draw_intro"),
      models,
      classPicker(zoo, "draw", models, names[0][0], true),
      slider("grid", "draw-side", [1, 10, 1, denoises(first) ? SLOW_SIDE : SIDE]),
      seedRow("draw-seed", 0, action.run),
      action.buttons,
      advanced(truncation, steps, guidance),
    ],
    [frame.node],
  );
}

/** @param {Zoo} zoo */
function morphing(zoo) {
  const animation = new Animation("morph-result", "picture_empty");
  const strip = new PictureFrame("morph-strip", "strip", "strip");
  const action = new Action(zoo.client, "morph", {
    task: "morph",
    verb: "animate",
    request: () => ({
      model: byId("morph-model").value,
      label: Number(byId("morph-label").value),
      seed: numberOf("morph-seed"),
      waypoints: numberOf("morph-waypoints"),
      frames: numberOf("morph-frames"),
    }),
    show: ({ result }, { model, seed }) => {
      const { levels, count, width, height, channels } = result.frames, size = levels.length / count;
      const images = Array.from({ length: count }, (_, i) => planesOf(levels.subarray(i * size, (i + 1) * size), width, height, channels));
      animation.show(images, say("picture_of", { name: model, seed }));
      const about = { operation: "image.interpolate", seed, parameters: result.parameters, result: "strip" };
      showSheet(zoo, strip, result.sheet, step(zoo, model, about));
      return zoo.sourceLine(model, seed);
    },
  });
  const names = zoo.options("morph"), models = picker("model", "morph-model", names);
  return action.panel(
    [
      intro("morph_intro"),
      models,
      classPicker(zoo, "morph", models, names[0][0]),
      seedRow("morph-seed", 0, action.run),
      action.buttons,
      advanced(slider("waypoints", "morph-waypoints", [2, 8, 1, 5]), slider("frames", "morph-frames", [8, 96, 1, 60])),
    ],
    [animation.node, strip.node],
  );
}

/** Planes (channels, height, width) as an image. @param {Uint8Array} planes @param {number} width @param {number} height @param {number} channels */
function planesOf(planes, width, height, channels) {
  const area = width * height;
  return imageOf(Uint8Array.from(planes, (_, i) => planes[(i % channels) * area + Math.floor(i / channels)]), width, height, channels);
}

/** @param {Zoo} zoo */
function mapping(zoo) {
  const frame = new PictureFrame("map-result", "picture_empty");
  const action = new Action(zoo.client, "map", {
    task: "map",
    verb: "show_map",
    request: () => ({ model: byId("map-model").value, seed: numberOf("map-seed"), size: numberOf("map-size") }),
    show: ({ result }, { model, seed }) => {
      showSheet(zoo, frame, result.sheet, step(zoo, model, { operation: "image.latent_grid", seed, parameters: result.parameters }));
      return zoo.sourceLine(model, seed);
    },
  });
  return action.panel(
    [
      intro("map_intro"),
      picker("model", "map-model", zoo.options("map")),
      slider("map_size", "map-size", [2, 20, 1, 12]),
      seedRow("map-seed", 0, action.run),
      action.buttons,
    ],
    [frame.node],
  );
}

/** @param {Zoo} zoo */
function redrawing(zoo) {
  const pad = new Pad("redraw-pad", "pad"), frame = new PictureFrame("redraw-result", "redraw_result");
  const action = new Action(zoo.client, "redraw", {
    task: "redraw",
    verb: "redraw",
    request: () => ({ model: byId("redraw-model").value, ...pad.drawing }),
    show: ({ result }, { model }) => {
      showChange(zoo, frame, "redraw_result", result, step(zoo, model, { operation: "image.reconstruct" }));
      return zoo.sourceLine(model);
    },
  });
  return action.panel(
    [intro("redraw_intro"), picker("model", "redraw-model", zoo.options("redraw")), pad.node, action.buttons],
    [frame.node],
  );
}
