/**
 * A picture -> the same in another style, coloured, whole again, without noise or larger (zoo/generate/translate.py): what
 * a visitor has is brought to what the model has learnt from, a small square on white.
 */

import { greyOf, inkOf, planesOf } from "./drawing.js";
import { InputError, number, seedOf } from "./inputs.js";
import { Noise } from "./noise.js";
import { BICUBIC, BILINEAR, BOX, resizeFractions, resizeLevels } from "./resize.js";
import { clip, round } from "./rounding.js";
import { levelsOf, sheetOf } from "./sheet.js";

/** Pixels a side that a picture must have, and how many times as long as the other a side may be. */
const MIN_SIDE = 16, MAX_RATIO = 8;
/** Pixels a side of a picture that is enlarged as it is. */
const MAX_ENLARGED = 256;
/** Share of a drawing that may be ink, and of a picture that may be marked. */
const FILLED = 0.5;
/** Share of a pixel that a line must cover to be one when a drawing is made small, and that must be marked. */
const LINE = 0.25, MARKED = 0.25;
/** Least value of a pixel's colours that counts as margin, of 255. */
const NEARLY_WHITE = 250;

/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {{pixels: Uint8ClampedArray, width: number, height: number}} Picture RGBA */
/**
 * @typedef {object} Change what is asked for
 * @property {Picture} picture @property {"drawing" | "mask" | "holes" | "noise" | "as it is"} how
 * @property {Uint8Array} [marks] how much of each pixel is marked, for "mask" @property {number} [seed] of holes and noise
 * @property {number} [strength] of the noise, where white is 1 and black -1 @property {boolean} [back] from target to source
 */

/** Kinds of source and target, pixels a side of each, and the margin that pictures get, if any. A config without a source is that of a model which enlarges. @param {Record<string, any>} config */
export function wayOf({ source = "small", target, image_size: size, scale = 4, margin }) {
  return { source, target, sourceSize: source === "small" ? size / scale : size, targetSize: size, margin };
}

/**
 * What the model was given and what it makes of it, side by side, and what it saw, for the record.
 * @param {Model} model @param {Change} change
 */
export async function change(model, { picture, how, marks, seed = 0, strength = 0.3, back = false }) {
  const way = wayOf(model.config), size = back ? way.targetSize : way.sourceSize;
  seedOf(seed);
  number(strength, 0.05, 1);
  let seen = how === "drawing" ? sketch(picture, size) : coloured(picture, size, way.margin);
  if (how === "mask") seen = spoilt(seen, size, seed, marked(marks, picture, size));
  else if (how === "holes") seen = spoilt(seen, size, seed);
  else if (how === "noise") seen = noisy(seen, seed, strength);
  return { ...(await translated(model, seen, size, size, back)), operation: "image.translate", parameters: { back } };
}

/**
 * A picture enlarged as it is, in its own size and shape, or (`shrink`) made as small first as what was learnt from.
 * @param {Model} model @param {{picture: Picture, shrink: boolean}} request
 */
export async function enlarge(model, { picture, shrink }) {
  const { targetSize: large, sourceSize: small } = wayOf(model.config), { width, height } = picture;
  if (shrink) {
    if (Math.max(width, height) < large) throw new InputError("error_small_already", { width, height, least: large });
    const seen = means(coloured(picture, large), large, large / small);
    return { ...(await translated(model, seen, small, small)), operation: "image.translate", parameters: { back: false } };
  }
  check(picture, small);
  const scale = Math.min(1, MAX_ENLARGED / Math.max(width, height));
  const [high, wide] = [height, width].map((side) => Math.max(1, round(side * scale)));
  const seen = joined(planesOf(picture.pixels).map((plane) => resizeLevels(plane, [height, width], [high, wide], BOX)));
  return { ...(await translated(model, seen, high, wide)), operation: "image.enlarge", parameters: {}, reduced: scale < 1 };
}

/**
 * @param {Model} model @param {Uint8Array} seen colours (3, height, width) @param {number} height @param {number} width
 * @param {boolean} back
 */
async function translated(model, seen, height, width, back = false) {
  const area = height * width;
  if (seen.every((level, i) => level === seen[i - (i % area)])) throw new InputError("error_one_shade");
  const values = Float32Array.from(seen, (level) => level / 255);
  const part = await model.part(back ? "translator_back" : "translator");
  const { translated: made } = await part.run({ images: { data: values.map((value) => Math.fround(value * 2) - 1), shape: [1, 3, height, width] } });
  const scale = Math.sqrt(made.length / seen.length);
  const both = joined([enlarged(seen, height, width, scale), levelsOf(made)]);
  const sheet = sheetOf({ levels: both, count: 2, channels: 3, height: height * scale, width: width * scale }, 2);
  return { sheet, seen: values, width };
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const found = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (found.set(part, at), at + part.length), 0);
  return found;
}

/** Colours (3, height, width) with every pixel as a square. @param {Uint8Array} planes @param {number} height @param {number} width @param {number} scale */
function enlarged(planes, height, width, scale) {
  const area = height * width * scale ** 2, wide = width * scale;
  return Uint8Array.from({ length: 3 * area }, (_, i) => {
    const plane = Math.floor(i / area), y = Math.floor((i % area) / wide / scale), x = Math.floor((i % wide) / scale);
    return planes[(plane * height + y) * width + x];
  });
}

/** Colours (3, size, size) -> the means of their squares, rounded. @param {Uint8Array} planes @param {number} size @param {number} scale */
function means(planes, size, scale) {
  const small = size / scale;
  return Uint8Array.from({ length: 3 * small * small }, (_, i) => {
    const top = Math.floor(i / small) * scale, left = (i % small) * scale;
    let sum = 0;
    for (let y = 0; y < scale; y++) for (let x = 0; x < scale; x++) sum += planes[(top + y) * size + left + x];
    return Math.floor(sum / scale ** 2 + 0.5);
  });
}

/** Throws InputError for a picture that is too small or too narrow. @param {Picture} picture @param {number} size */
function check({ width, height }, size) {
  const least = Math.min(size, MIN_SIDE);
  if (Math.min(width, height) < least) throw new InputError("error_few_pixels", { width, height, least });
  if (Math.max(width, height) > MAX_RATIO * Math.min(width, height)) throw new InputError("error_narrow", { width, height, limit: MAX_RATIO });
}

/**
 * The whole picture in the middle of a white square: colours (3, size, size). With `margin`, what it shows without its own
 * white margins, so many pixels from the edges.
 * @param {Picture} picture @param {number} size @param {number} [margin]
 */
export function coloured(picture, size, margin) {
  check(picture, size);
  const planes = planesOf(picture.pixels), { width, height } = picture;
  if (margin === undefined) return joined(planes.map((plane) => fitted(plane, height, width, size, 255)));
  const { top, left, high, wide } = drawnPart(planes, height, width);
  const parts = planes.map((plane) => {
    const part = new Uint8Array(high * wide);
    for (let y = 0; y < high; y++) part.set(plane.subarray((top + y) * width + left, (top + y) * width + left + wide), y * wide);
    return part;
  });
  return joined(parts.map((part) => fitted(part, high, wide, size, 255, margin)));
}

/** Where a picture is not white: all of it where it is white. @param {Uint8Array[]} planes @param {number} height @param {number} width */
function drawnPart(planes, height, width) {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let i = 0; i < height * width; i++) {
    if (planes.every((plane) => plane[i] >= NEARLY_WHITE)) continue;
    const y = Math.floor(i / width), x = i % width;
    [top, bottom, left, right] = [Math.min(top, y), Math.max(bottom, y), Math.min(left, x), Math.max(right, x)];
  }
  if (bottom < 0) return { top: 0, left: 0, high: height, wide: width };
  return { top, left, high: bottom - top + 1, wide: right - left + 1 };
}

/** @param {Uint8Array} levels (height, width) @param {number} height @param {number} width @param {number} size @param {number} paper around it @param {number} [margin] */
function fitted(levels, height, width, size, paper, margin = 0) {
  const scale = (size - 2 * margin) / Math.max(height, width);
  const [high, wide] = [height, width].map((side) => Math.max(1, round(side * scale)));
  const small = resizeLevels(levels, [height, width], [high, wide], scale < 1 ? BOX : BICUBIC);
  const page = new Uint8Array(size * size).fill(paper);
  const top = Math.floor((size - high) / 2), left = Math.floor((size - wide) / 2);
  for (let y = 0; y < high; y++) page.set(small.subarray(y * wide, (y + 1) * wide), (top + y) * size + left);
  return page;
}

/** A drawing of lines -> its lines one pixel wide, black on white, as large as fits: colours (3, size, size). @param {Picture} picture @param {number} size */
export function sketch({ pixels, width, height }, size) {
  const ink = inkOf(greyOf(pixels), height, width);
  if (ink.values.filter((value) => value > 0.5).length > FILLED * ink.values.length) throw new InputError("error_no_lines");
  const scale = (size - 2 * Math.floor(size / 16)) / Math.max(ink.height, ink.width);
  const [high, wide] = [ink.height, ink.width].map((side) => Math.max(1, round(side * scale)));
  const filter = scale < 1 ? BOX : BILINEAR;
  const small = resizeFractions(Float32Array.from(ink.values), [ink.height, ink.width], [high, wide], filter);
  const least = LINE * small.reduce((a, b) => Math.max(a, b));
  const page = new Uint8Array(size * size);
  const top = Math.floor((size - high) / 2), left = Math.floor((size - wide) / 2);
  for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) page[(top + y) * size + left + x] = Number(small[y * wide + x] >= least);
  const lines = thinned(page, size);
  return Uint8Array.from({ length: 3 * lines.length }, (_, i) => (lines[i % lines.length] ? 0 : 255));
}

/**
 * Lines of any width -> lines of one pixel that hang together as before (Zhang and Suen, 1984).
 * @param {Uint8Array} ink (size, size), 1 where there is some @param {number} size @returns {Uint8Array}
 */
export function thinned(ink, size) {
  const wide = size + 2; // a frame without ink
  let page = new Uint8Array(wide * wide);
  for (let y = 0; y < size; y++) page.set(ink.subarray(y * size, (y + 1) * size), (y + 1) * wide + 1);
  const around = [-wide, 1 - wide, 1, 1 + wide, wide, wide - 1, -1, -1 - wide]; // from the upper neighbour on clockwise
  for (let changed = true; changed; ) {
    changed = false;
    for (const first of [true, false]) {
      const next = page.slice();
      for (let at = wide + 1; at < wide * (wide - 1) - 1; at++) {
        if (!page[at]) continue;
        const p = around.map((step) => page[at + step]), [up, , right, , down, , left] = p;
        const count = p.reduce((a, b) => a + b), steps = p.filter((one, i) => !one && p[(i + 1) % 8]).length;
        const free = first ? !(up && right && down) && !(right && down && left) : !(up && right && left) && !(up && down && left);
        if (count >= 2 && count <= 6 && steps === 1 && free) {
          next[at] = 0;
          changed = true;
        }
      }
      page = next;
    }
  }
  return Uint8Array.from(ink, (_, i) => page[(Math.floor(i / size) + 1) * wide + 1 + (i % size)]);
}

/** Where a picture is marked, sized as the model sees it. @param {Uint8Array | undefined} marks @param {Picture} picture @param {number} size */
function marked(marks, { height, width }, size) {
  const found = marks ? fitted(marks, height, width, size, 0).map((level) => Number(level > MARKED * 255)) : new Uint8Array(1);
  const share = found.reduce((a, b) => a + b) / found.length;
  if (!share) throw new InputError("error_no_marks");
  if (share > FILLED) throw new InputError("error_many_marks", { share: 100 * share, limit: 100 * FILLED });
  return found;
}

/** Levels as fractions in [-1, 1]. @param {Uint8Array} levels */
function fractions(levels) {
  return Float32Array.from(levels, (level) => Math.fround(level / 127.5) - 1);
}

/** Colours (3, size, size) with noise in the mask, or in holes that the seed chooses. @param {Uint8Array} planes @param {number} size @param {number} seed @param {Uint8Array} [mask] */
export function spoilt(planes, size, seed, mask) {
  const noise = new Noise(seed), where = mask ?? holes(size, noise);
  const values = noise.uniform(planes.length);
  return levelsOf(fractions(planes).map((value, i) => (where[i % where.length] ? Math.fround(values[i] * 2) - 1 : value)));
}

/** One to four rectangles and ellipses, each an eighth to three eighths of a side. @param {number} size @param {Noise} noise */
function holes(size, noise) {
  const mask = new Uint8Array(size * size), f = Math.fround;
  const [more] = noise.integers(4, 1);
  for (let hole = 0; hole <= more; hole++) {
    const [roundness, tall, wide, down, right] = noise.uniform(5);
    const [high, broad] = [tall, wide].map((share) => f(size * f(0.0625 + f(0.125 * share))));
    const [top, left] = [f(size * down), f(size * right)];
    for (let i = 0; i < mask.length; i++) {
      const y = Math.abs(Math.floor(i / size) + 0.5 - top) / high, x = Math.abs((i % size) + 0.5 - left) / broad;
      if (roundness < 0.5 ? y * y + x * x <= 1 : Math.max(y, x) <= 1) mask[i] = 1;
    }
  }
  return mask;
}

/** Colours with Gaussian noise of this standard deviation. @param {Uint8Array} planes @param {number} seed @param {number} strength */
export function noisy(planes, seed, strength) {
  const noise = new Noise(seed), deviation = Math.fround(strength);
  noise.uniform(1); // where no strength is given, Python draws it first
  const normals = noise.normal(planes.length);
  return levelsOf(fractions(planes).map((value, i) => clip(value + Math.fround(deviation * normals[i]), -1, 1)));
}
