/** The Image tab: pictures from noise, a walk through a latent space, a map of it, and your own drawing redrawn. */

import { Action } from "./action.js";
import { advanced, byId, element, fill, intro, numberOf, picker, seedRow, slider, tabbed } from "./controls.js";
import { savePicture, step } from "./files.js";
import { drawingStep } from "../generate/provenance.js";
import { Animation, Pad, PictureFrame, imageOf } from "./pictures.js";
import { say } from "./strings.js";

/** @typedef {import("./page.js").Zoo} Zoo */

/** @param {Zoo} zoo */
export function build(zoo) {
  const { draw, morph } = zoo.offers;
  const tabs = tabbed("kinds", "tab_image", [
    ...(draw.length ? [{ name: "draw", key: "image_draw", build: () => drawing(zoo) }] : []),
    ...(morph.length
      ? [
          { name: "morph", key: "image_morph", build: () => morphing(zoo) },
          { name: "map", key: "image_map", build: () => mapping(zoo) },
          { name: "redraw", key: "image_redraw", build: () => redrawing(zoo) },
        ]
      : []),
  ], zoo.opened); // prettier-ignore
  return { node: element("div", {}, tabs.list, ...tabs.panels), open: tabs.open, names: ["draw", "morph", "map", "redraw"] };
}

/**
 * Show a sheet in its frame, to be saved with its record.
 * @param {Zoo} zoo @param {PictureFrame} frame @param {import("../generate/sheet.js").Sheet} sheet
 * @param {import("../generate/provenance.js").Step} about
 */
export function showSheet(zoo, frame, sheet, about) {
  const image = imageOf(sheet.levels, sheet.width, sheet.height, sheet.channels);
  const words = say("picture_of", { name: about.model ?? "", seed: about.seed ?? 0 });
  frame.show(image, sheet.scale, words, () => savePicture(zoo, sheet, about));
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
    }),
    show: ({ result }, { model, seed }) => {
      showSheet(zoo, frame, result.sheet, step(zoo, model, { operation: "image.draw", seed, parameters: result.parameters }));
      return zoo.sourceLine(model, seed);
    },
  });
  const names = zoo.options("draw");
  const models = picker("model", "draw-model", names), labels = picker("class", "draw-label", classes(zoo, names[0][0]));
  const offer = () => {
    const found = classes(zoo, byId("draw-model").value);
    fill(byId("draw-label"), found);
    labels.hidden = found.length < 2;
  };
  models.addEventListener("change", offer);
  return action.panel(
    [
      intro("draw_intro"),
      models,
      labels,
      slider("grid", "draw-side", [1, 10, 1, 5]),
      seedRow("draw-seed", 0, action.run),
      action.buttons,
      advanced(slider("truncation", "draw-truncation", [0.1, 2, 0.05, 0.8], "truncation_info")),
    ],
    [frame.node],
  );
}

/** @param {Zoo} zoo @param {string} model @returns {[string, string, string?][]} */
function classes(zoo, model) {
  const { labels, config } = zoo.card(model);
  return [["-1", "", "class_all"], ...(config.num_classes ? labels : []).map((label, i) => /** @type {[string, string]} */ ([String(i), label]))];
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
  return action.panel(
    [
      intro("morph_intro"),
      picker("model", "morph-model", zoo.options("morph")),
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
      picker("model", "map-model", zoo.options("morph")),
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
      const image = imageOf(result.sheet.levels, result.sheet.width, result.sheet.height, result.sheet.channels);
      const about = async () => step(zoo, model, { operation: "image.reconstruct", parents: [await drawingStep(result.seen)] });
      frame.show(image, result.sheet.scale, say("redraw_result"), async () => savePicture(zoo, result.sheet, await about()));
      return zoo.sourceLine(model);
    },
  });
  return action.panel(
    [intro("redraw_intro"), picker("model", "redraw-model", zoo.options("morph")), pad.node, action.buttons],
    [frame.node],
  );
}
