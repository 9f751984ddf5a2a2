/** A person's drawing -> a picture such as models have learnt from: bright on black, sized and centred (zoo/generate/drawing.py). */

import { InputError } from "./inputs.js";
import { BILINEAR, BOX, resizeFractions, resizeLevels } from "./resize.js";
import { clip, round } from "./rounding.js";

/** Grey levels (of 255) by which a stroke must differ from its paper. */
const LEAST_CONTRAST = 24;
/** Share of the darkest stroke below which ink counts as paper. */
const FAINT = 0.2;

/** @typedef {{values: Float64Array | Float32Array, height: number, width: number}} Page values from 0 to 1, row by row */

/** Grey levels of opaque RGBA pixels, as Pillow's mode "L". @param {Uint8ClampedArray | Uint8Array} pixels @returns {Uint8Array} */
export function greyOf(pixels) {
  const grey = new Uint8Array(pixels.length / 4);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (pixels[4 * i] * 19595 + pixels[4 * i + 1] * 38470 + pixels[4 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return grey;
}

/**
 * Strokes from 0 (paper) to 1 (the strongest stroke), cut to their bounding box; the paper is what most of the border
 * shows. Throws InputError when nothing is drawn.
 * @param {Uint8Array} grey at most 512 pixels a side @param {number} height @param {number} width @returns {Page}
 */
export function inkOf(grey, height, width) {
  const border = [];
  for (let x = 0; x < width; x++) border.push(grey[x], grey[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) border.push(grey[y * width], grey[y * width + width - 1]);
  border.sort((a, b) => a - b);
  const paper = (border[Math.floor((border.length - 1) / 2)] + border[Math.ceil((border.length - 1) / 2)]) / 2;
  let dark = 0, light = 0;
  for (const value of grey) {
    dark += Math.max(paper - value, 0);
    light += Math.max(value - paper, 0);
  }
  const ink = Float64Array.from(grey, (value) => Math.max(dark >= light ? paper - value : value - paper, 0));
  const most = ink.reduce((a, b) => Math.max(a, b));
  if (most < LEAST_CONTRAST) throw new InputError("nothing_drawn");
  let top = height, bottom = 0, left = width, right = 0;
  ink.forEach((value, i) => {
    ink[i] = value / most < FAINT ? 0 : value / most;
    if (!ink[i]) return;
    const y = Math.floor(i / width), x = i % width;
    [top, bottom, left, right] = [Math.min(top, y), Math.max(bottom, y + 1), Math.min(left, x), Math.max(right, x + 1)];
  });
  const cut = { height: bottom - top, width: right - left, values: new Float64Array((bottom - top) * (right - left)) };
  for (let y = 0; y < cut.height; y++) {
    cut.values.set(ink.subarray((top + y) * width + left, (top + y) * width + right), y * cut.width);
  }
  return cut;
}

/** Scale ink so that its longer side has `size` pixels and its strongest stroke is 1. @param {Page} ink @param {number} size @returns {Page} */
function fit(ink, size) {
  const scale = size / Math.max(ink.height, ink.width);
  const [height, width] = [ink.height, ink.width].map((side) => Math.max(1, round(side * scale)));
  const filter = scale < 1 ? BOX : BILINEAR;
  const resized = resizeFractions(Float32Array.from(ink.values), [ink.height, ink.width], [height, width], filter);
  const values = Float64Array.from(resized, (value) => clip(value, 0, 1));
  const most = Math.max(values.reduce((a, b) => Math.max(a, b)), 1e-6);
  return { height, width, values: values.map((value) => value / most) };
}

/** @param {Page} fitted @param {number} size @param {number} top @param {number} left @returns {Float64Array} (size, size) */
function paste(fitted, size, top, left) {
  const page = new Float64Array(size * size);
  for (let y = 0; y < fitted.height; y++) {
    page.set(fitted.values.subarray(y * fitted.width, (y + 1) * fitted.width), (top + y) * size + left);
  }
  return page;
}

/** Ink -> (size, size) as MNIST was made: 20/28 of the side, its centre of mass in the middle. @param {Page} ink */
export function likeDigits(ink, size = 28) {
  const fitted = fit(ink, round((size * 20) / 28));
  let total = 0, down = 0, across = 0;
  fitted.values.forEach((value, i) => {
    total += value;
    down += value * Math.floor(i / fitted.width);
    across += value * (i % fitted.width);
  });
  const top = clip(round(size / 2 - down / total), 0, size - fitted.height);
  const left = clip(round(size / 2 - across / total), 0, size - fitted.width);
  return paste(fitted, size, top, left);
}

/** Ink -> (size, size) as Fashion-MNIST was made: its longer side fills the picture, centred. @param {Page} ink */
export function likeClothes(ink, size = 28) {
  const fitted = fit(ink, size);
  return paste(fitted, size, Math.floor((size - fitted.height) / 2), Math.floor((size - fitted.width) / 2));
}

/**
 * A square picture, RGBA, as models in colour have learnt them: three colours one below the other, from 0 to 1.
 * @param {Uint8ClampedArray} pixels @param {number} side at least `size` @param {number} size @returns {Float32Array} (3 * size, size)
 */
export function likeColours(pixels, side, size) {
  const found = new Float32Array(3 * size * size);
  planesOf(pixels).forEach((plane, c) => {
    const levels = resizeLevels(plane, [side, side], [size, size], BOX);
    found.set(Float32Array.from(levels, (level) => level / 255), c * size * size);
  });
  return found;
}

/** The three colours of RGBA pixels. @param {Uint8ClampedArray} pixels @returns {Uint8Array[]} */
export function planesOf(pixels) {
  return [0, 1, 2].map((c) => Uint8Array.from({ length: pixels.length / 4 }, (_, i) => pixels[4 * i + c]));
}
