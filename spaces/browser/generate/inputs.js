/** Checks of what a person typed. Each returns the value in its one true form, or throws an InputError with words. */

import { MAX_SEED } from "./noise.js";

/** What a person can put right. `key` names the words in ui/strings.js, `values` fill them in. */
export class InputError extends Error {
  /** @param {string} key @param {Record<string, string | number>} values */
  constructor(key, values = {}) {
    super(`${key} ${JSON.stringify(values)}`);
    this.name = "InputError";
    this.key = key;
    this.values = values;
  }
}

/** Composed form, newlines as \n, without lone surrogates and control characters other than \n and tab. */
export function clean(/** @type {string} */ text) {
  const lines = text.replace(/\r\n?|[\u2028\u2029]/g, "\n");
  return lines.replace(/(?![\n\t])[\p{Cc}\p{Cs}]/gu, "").normalize("NFC");
}

/** A value as a message shows it: cleaned and cut to 60 characters. */
export function shown(/** @type {string} */ text) {
  const characters = [...clean(text.slice(0, 240))];
  return characters.length <= 60 ? characters.join("") : `${characters.slice(0, 59).join("")}…`;
}

/** A text of at most `longest` characters, cleaned. */
export function words(/** @type {string} */ text, /** @type {number} */ longest) {
  const given = [...text].length;
  if (given > longest) throw new InputError("error_long", { given, limit: longest });
  return clean(text);
}

/** A whole number from `low` to `high`. @param {number} value @param {number} low @param {number} high */
export function whole(value, low, high) {
  if (!Number.isInteger(value) || value < low || value > high) throw new InputError("error_whole", { given: value, low, high });
  return value;
}

/** A finite number from `low` to `high`. @param {number} value @param {number} low @param {number} high */
export function number(value, low, high) {
  if (!Number.isFinite(value) || value < low || value > high) throw new InputError("error_number", { given: value, low, high });
  return value;
}

/** A seed: a whole number that a double holds exactly. */
export function seedOf(/** @type {number} */ value) {
  return whole(value, 0, MAX_SEED);
}

/**
 * How the next token is chosen, within the ranges of zoo/generate/text.py.
 * @param {{temperature: number, topK: number, topP: number}} options
 */
export function samplingOf({ temperature, topK, topP }) {
  number(temperature, 0, 2);
  if (temperature > 0 && temperature < 0.01) throw new InputError("error_number", { given: temperature, low: 0.01, high: 2 });
  whole(topK, 0, 100_000);
  if (topP === 0) throw new InputError("error_number", { given: topP, low: 0.01, high: 1 });
  number(topP, 0, 1);
  return { temperature, topK, topP };
}
