/** Pictures side by side (zoo/generate/sheet.py). */

import { clip, round } from "./rounding.js";

/** About how many pixels wide a sheet is shown: every pixel of a picture becomes a square of whole pixels. */
const SHEET_WIDTH = 640;

/** @typedef {{levels: Uint8Array, height: number, width: number, channels: number, scale: number}} Sheet */

/** Fractions in [-1, 1] -> grey levels. @param {Float32Array} values */
export function levelsOf(values) {
  return Uint8Array.from(values, (value) => round(Math.fround(Math.fround(clip(value, -1, 1) + 1) * 127.5)));
}

/**
 * Pictures (n, channels, height, width) of levels -> one sheet (height, width, channels) on black, row by row.
 * @param {{levels: Uint8Array, count: number, channels: number, height: number, width: number}} pictures
 * @param {number} columns @param {number} gap @returns {Sheet}
 */
export function sheetOf({ levels, count, channels, height, width }, columns, gap = 1) {
  const rows = Math.ceil(count / columns);
  const wide = columns * (width + gap) - gap, high = rows * (height + gap) - gap;
  const sheet = new Uint8Array(high * wide * channels);
  for (let i = 0; i < count; i++) {
    const top = Math.floor(i / columns) * (height + gap), left = (i % columns) * (width + gap);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          sheet[((top + y) * wide + left + x) * channels + c] = levels[((i * channels + c) * height + y) * width + x];
        }
      }
    }
  }
  const scale = Math.max(1, round(SHEET_WIDTH / (columns * (width + gap))));
  return { levels: sheet, height: high, width: wide, channels, scale };
}
