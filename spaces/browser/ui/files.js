/** What a visitor takes home: files that say how they were made. */

import { drawingStep, png, recordingStep, txt, wav } from "../generate/provenance.js";

/** @typedef {import("../generate/provenance.js").Step} Step */
/** @typedef {import("./page.js").Zoo} Zoo */

/** @param {string} name @param {Uint8Array | string} contents @param {string} type */
function save(name, contents, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (contents)], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** How a model's result was made. @param {Zoo} zoo @param {string} model @param {Step} about @returns {Step} */
export function step(zoo, model, about) {
  return { model, sha256: zoo.card(model).sha256, licence: zoo.licence(model), ...about };
}

/** What stands before a result that the judge's reading of a drawing led to. @param {Zoo} zoo @param {Float32Array} seen */
export async function readingStep(zoo, seen) {
  return step(zoo, zoo.numbers.judge, { operation: "crossmodal.recognise_drawing", parents: [await drawingStep(seen)] });
}

/** The same of a recording. @param {Zoo} zoo @param {import("./recorder.js").Recording} recording */
export async function hearingStep(zoo, { waveform, rate }) {
  return step(zoo, zoo.listener, { operation: "crossmodal.recognise_speech", parents: [await recordingStep(waveform, rate)] });
}

/** @param {Zoo} zoo @param {import("../generate/sheet.js").Sheet} sheet @param {Step} about */
export async function savePicture(zoo, sheet, about) {
  save(`${named(about)}.png`, await png(sheet, about, zoo.index), "image/png");
}

/** @param {Zoo} zoo @param {Float32Array} waveform @param {number} rate @param {Step} about */
export function saveSound(zoo, waveform, rate, about) {
  save(`${named(about)}.wav`, wav(waveform, rate, about, zoo.index), "audio/wav");
}

/** @param {Zoo} zoo @param {string} text @param {Step} about */
export function saveText(zoo, text, about) {
  save(`${named(about)}.txt`, txt(text, about, zoo.index), "text/plain;charset=utf-8");
}

/** @param {Step} about */
function named({ model, seed, result }) {
  return [model, seed === undefined ? "" : `seed-${seed}`, result].filter(Boolean).join("-");
}
