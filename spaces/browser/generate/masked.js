/** A text with blanks -> what may stand in them, and a text -> its topic (zoo/generate/masked.py). */

import { InputError, whole, words } from "./inputs.js";
import { checkLanguage, isRude, plain } from "./languages.js";
import { probabilities } from "./sampling.js";

export const MAX_TEXT = 600, MAX_TOP = 50;
const MAX_BLANKS = 8, MASK = "[MASK]", CONTINUES = "##";
/** How a blank is written. */
const BLANK = /\[MASK\]|_{2,}|＿+|（\s*）/gu;

/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {[words: string, probability: number]} Candidate */

/**
 * Fill each blank as if the others stayed empty.
 * @param {Model} model @param {{text: string, top: number}} request
 * @returns {Promise<{text: string, blanks: Candidate[][], parameters: object}>}
 */
export async function fill(model, { text: asked, top }) {
  const text = given(asked);
  whole(top, 1, MAX_TOP);
  const count = text.match(BLANK)?.length ?? 0;
  if (count < 1 || count > MAX_BLANKS) throw new InputError("error_blanks", { given: count, limit: MAX_BLANKS });
  const tokenizer = await model.tokenizer();
  const ids = read(model, tokenizer, text.replace(BLANK, " "), text.replace(BLANK, MASK));
  const { logits } = await asking(model, "masked", ids);
  const mask = tokenizer.idOf(MASK), size = tokenizer.tokens.length;
  /** @type {Candidate[][]} */
  const blanks = [];
  ids.forEach((id, place) => {
    if (id !== mask) return;
    const shares = probabilities(logits.subarray(place * size, (place + 1) * size));
    const allowed = likeliest(shares).filter((i) => {
      const token = tokenizer.tokens[i];
      return !tokenizer.special.has(token) && !token.startsWith(CONTINUES) && !isRude(token);
    });
    blanks.push(allowed.slice(0, top).map((i) => [tokenizer.tokens[i], shares[i]]));
  });
  const best = blanks.map(([[token]]) => token);
  return { text: text.replace(BLANK, () => best.shift() ?? ""), blanks, parameters: { text, top } };
}

/** What a text is about: the classes, likeliest first. @param {Model} model @param {{text: string}} request @returns {Promise<{classes: Candidate[]}>} */
export async function classify(model, { text: asked }) {
  const text = given(asked), tokenizer = await model.tokenizer();
  const { logits } = await asking(model, "text_classifier", read(model, tokenizer, text, text));
  const shares = probabilities(logits);
  return { classes: likeliest(shares).map((i) => [model.labels[i] ?? String(i), shares[i]]) };
}

function given(/** @type {string} */ asked) {
  const text = plain(words(asked, MAX_TEXT));
  if (!text) throw new InputError("error_empty_text");
  return text;
}

/** Places of values, the largest first; equal ones keep their order. @param {Float64Array} values @returns {number[]} */
function likeliest(values) {
  return Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
}

/** The ids of a text. Throws InputError where the model cannot read `readable`, or sees less than the whole. @param {Model} model @param {import("./tokenizer.js").Tokenizer} tokenizer @param {string} readable @param {string} full */
function read(model, tokenizer, readable, full) {
  checkLanguage(tokenizer, readable, model.name);
  const ids = tokenizer.encode(full), seen = model.config.context_length;
  if (ids.length > seen) throw new InputError("error_many_tokens", { name: model.name, given: ids.length, seen });
  return ids;
}

/** @param {Model} model @param {string} part @param {number[]} ids */
async function asking(model, part, ids) {
  const shape = [1, ids.length];
  return await (await model.part(part)).run({ ids: { data: ids, shape }, mask: { data: ids.map(() => 1), shape } });
}
