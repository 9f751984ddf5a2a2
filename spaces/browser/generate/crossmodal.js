/** A number written, drawn or spoken -> the same number in every other form (zoo/generate/crossmodal.py). */

import { MAX_DIGITS, speak } from "./audio.js";
import { greyOf, inkOf, likeDigits } from "./drawing.js";
import { drawClasses } from "./image.js";
import { InputError, shown, words } from "./inputs.js";
import { digitsOf, inChinese, inEnglish } from "./numbers.js";
import { probabilities } from "./sampling.js";
import { fitLength, spokenWord } from "./speech.js";

/** Of the noise that digits are drawn from. */
export const TRUNCATION = 0.8;

/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {Record<string, number>} Reading the probability of each number */

/** "seven", "七", "42", "四十二", "forty-two" -> decimal digits, at most eight. Throws InputError else. */
export function readNumber(/** @type {string} */ text) {
  const given = words(text, 200).trim();
  if (!given) throw new InputError("error_no_number");
  const digits = digitsOf(given);
  if (digits === null) throw new InputError("error_not_number", { given: shown(given) });
  if (digits.length > MAX_DIGITS) throw new InputError("error_many_digits", { given: digits.length, limit: MAX_DIGITS });
  return digits;
}

/**
 * What digit the judge of pictures sees in a drawing, and the small picture that it was shown.
 * @param {Model} judge @param {Uint8Array} grey @param {number} height @param {number} width
 * @returns {Promise<{reading: Reading, seen: Float32Array}>}
 */
export async function recognise(judge, grey, height, width) {
  const seen = Float32Array.from(likeDigits(inkOf(grey, height, width)));
  const inputs = seen.map((value) => value * 2 - 1);
  return { reading: await chancesOf(judge, inputs, [1, 1, 28, 28]), seen };
}

/**
 * What digit the judge of words hears in a recording of one, 0.1 to 30 seconds.
 * @param {Model} judge @param {Float32Array} waveform in [-1, 1] @param {number} rate @returns {Promise<Reading>}
 */
export async function hear(judge, waveform, rate) {
  const heard = fitLength(spokenWord(waveform, rate), judge.config.frames * judge.config.hop_length);
  return await chancesOf(judge, heard, [1, heard.length]);
}

/** @param {Model} judge @param {Float32Array} inputs @param {number[]} shape @returns {Promise<Reading>} */
async function chancesOf(judge, inputs, shape) {
  const { logits } = await (await judge.part("classifier")).run({ inputs: { data: inputs, shape } });
  return Object.fromEntries(Array.from(probabilities(logits), (chance, i) => [`${judge.labels[i] ?? i}`, chance]));
}

/** Probabilities of single digits -> those of the likeliest numbers they make together. @param {Reading[]} readings */
export function together(readings, keep = 4) {
  /** @type {[string, number][]} */
  let numbers = [["", 1]];
  for (const reading of readings) {
    const longer = numbers.flatMap(([number, p]) => entries(reading).map(([digit, q]) => /** @type {[string, number]} */ ([number + digit, p * q])));
    numbers = longer.sort((a, b) => b[1] - a[1]).slice(0, keep);
  }
  return numbers;
}

/** @param {Reading} reading @returns {[string, number][]} */
function entries(reading) {
  return Object.entries(reading); // labels are digits: in rising order, as in Python
}

/**
 * A number, typed, drawn or said, in every form. Yields what the judge saw or heard first, then the share that is done.
 * `judge` sees pictures, or hears words where there is a recording.
 * @param {{judge: Model, painter: Model, voice: Model}} models
 * @param {{number?: string, drawing?: {pixels: Uint8ClampedArray, side: number},
 *   recording?: {waveform: Float32Array, rate: number}, speaker: number, seed: number}} request
 */
export async function* realise({ judge, painter, voice }, { number, drawing, recording, speaker, seed }) {
  /** @type {[string, number][] | undefined} */
  let judged;
  /** @type {Float32Array | undefined} */
  let seen;
  /** @type {Reading | undefined} */
  let reading;
  let digits;
  if (drawing) ({ reading, seen } = await recognise(judge, greyOf(drawing.pixels), drawing.side, drawing.side));
  else if (recording) reading = await hear(judge, recording.waveform, recording.rate);
  if (reading) {
    judged = entries(reading).sort((a, b) => b[1] - a[1]);
    digits = judged[0][0];
    yield { judged };
  } else {
    digits = readNumber(number ?? "");
  }
  const labels = [...digits].map((digit) => painter.labels.indexOf(digit));
  const drawn = yield* drawClasses(painter, labels, labels.length, { seed, truncation: TRUNCATION, columns: labels.length });
  if (!judged) {
    const { levels, height, width } = drawn.pictures, readings = [];
    for (let i = 0; i < labels.length; i++) {
      const picture = levels.subarray(i * height * width, (i + 1) * height * width);
      // The judge is shown what the visitor sees: every pixel as a square of eight.
      readings.push((await recognise(judge, enlarged(picture, height, width, 8), height * 8, width * 8)).reading);
    }
    judged = together(readings);
  }
  const forms = { judged, seen, sheet: drawn.sheet, digits, english: inEnglish(digits), chinese: inChinese(digits) };
  yield forms;
  return { ...forms, ...(yield* speak(voice, { digits, speaker, temperature: 1, seed })) };
}

/** Every pixel as a square. @param {Uint8Array} levels @param {number} height @param {number} width @param {number} scale */
function enlarged(levels, height, width, scale) {
  const found = new Uint8Array(levels.length * scale * scale);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      found[y * width * scale + x] = levels[Math.floor(y / scale) * width + Math.floor(x / scale)];
    }
  }
  return found;
}
