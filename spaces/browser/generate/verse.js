/**
 * Regulated verse by constrained decoding: the form holds whatever the model would rather write (zoo/generate/verse.py).
 *
 * At each position the form says what may stand there: a Chinese character, the first character that an acrostic asks
 * for, or a punctuation mark. Only these keep their probability.
 */

import { InputError, samplingOf, seedOf, shown, words } from "./inputs.js";
import { Noise } from "./noise.js";
import { choose, penalise } from "./sampling.js";

/** Lines, and characters a line, of each form. @type {Record<string, [number, number]>} */
export const FORMS = { 五言绝句: [4, 5], 七言绝句: [4, 7], 五言律诗: [8, 5], 七言律诗: [8, 7] };
export const MAX_TITLE = 20, MAX_AUTHOR = 5;
const COMMA = "，", STOP = "。";
const REPETITION_PENALTY = 1.1;

/** Whether text is one Chinese character (the unified ideographs, with their extensions). */
export function isHan(/** @type {string} */ text) {
  const code = text.codePointAt(0) ?? 0;
  if (text !== String.fromCodePoint(code)) return false;
  return (0x3400 <= code && code <= 0x4dbf) || (0x4e00 <= code && code <= 0x9fff) || (0x20000 <= code && code <= 0x323af) || code === 0x3007;
}

/**
 * Yields the poem so far, a couplet a line, after every character.
 * @param {import("../engine/model.js").Model} model
 * @param {{form: string, title: string, author: string, acrostic: string, temperature: number, topK: number,
 *          topP: number, seed: number}} request
 */
export async function* compose(model, request) {
  const form = request.form, [count, length] = FORMS[form];
  const [title, author, acrostic] = [[request.title, MAX_TITLE], [request.author, MAX_AUTHOR], [request.acrostic, 64]].map(
    ([text, longest]) => words(String(text), Number(longest)).replace(/\s/gu, ""),
  );
  const firsts = [...acrostic];
  if (firsts.length > count) throw new InputError("error_acrostic_long", { acrostic: shown(acrostic), given: firsts.length, form, count });
  const foreign = firsts.find((character) => !isHan(character));
  if (foreign) throw new InputError("error_acrostic_foreign", { character: shown(foreign) });
  const options = samplingOf(request);
  const noise = new Noise(seedOf(request.seed));
  const tokenizer = await model.tokenizer();
  const unread = firsts.find((character) => !tokenizer.ids.has(character));
  if (unread) throw new InputError("error_acrostic_unread", { name: model.name, character: unread });
  for (const given of [title, author]) {
    if (given && ![...given].some((character) => tokenizer.ids.has(character))) {
      throw new InputError("error_verse_words", { name: model.name, given: shown(given) });
    }
  }
  const needed = 5 + [...title].length + [...author].length + count * (length + 1), seen = model.config.context_length;
  if (needed > seen) throw new InputError("error_verse_long", { name: model.name, seen, form, needed });

  const parameters = {
    form, title, author, acrostic, temperature: options.temperature, top_k: options.topK, top_p: options.topP,
  }; // prettier-ignore
  const characters = Float32Array.from(tokenizer.tokens, (token) => (tokenizer.special.has(token) || !isHan(token) ? -Infinity : 0));
  const decoder = await model.loop("decoder");
  decoder.restart({ batch: 1 });
  let ids = prefix(tokenizer, form, author, title);
  const uniforms = noise.uniform(count * (length + 1));
  const lines = [""];
  /** @type {number[]} */
  const used = [];
  for (let position = 0; position < uniforms.length; position++) {
    const { logits } = await decoder.step(ids);
    const allowed = penalise(logits, new Set(used), REPETITION_PENALTY).map((logit, id) => logit + characters[id]);
    let drawn = choose(allowed, uniforms[position], options);
    const line = Math.floor(position / (length + 1)), column = position % (length + 1);
    if (column === length) {
      drawn = tokenizer.idOf(line % 2 === 0 ? COMMA : STOP);
      if (line + 1 < count) lines.push("");
    } else {
      if (column === 0 && line < firsts.length) drawn = tokenizer.idOf(firsts[line]);
      used.push(drawn);
      lines[lines.length - 1] += tokenizer.tokens[drawn];
    }
    ids = [drawn];
    yield { text: couplets(lines, length), tokens: used.length, parameters };
  }
}

/**
 * Ids of what stands before a poem: <bos> form [<author> ...] [<title> ...] <poem>.
 * @param {import("./tokenizer.js").Tokenizer} tokenizer @param {string} form @param {string} author
 * @param {string} title
 */
function prefix(tokenizer, form, author, title) {
  return [
    tokenizer.idOf("<bos>"),
    tokenizer.idOf(form),
    ...(author ? [tokenizer.idOf("<author>"), ...tokenizer.encode(author)] : []),
    ...(title ? [tokenizer.idOf("<title>"), ...tokenizer.encode(title)] : []),
    tokenizer.idOf("<poem>"),
  ];
}

/** @param {string[]} lines @param {number} length */
function couplets(lines, length) {
  const marked = lines.map((line, i) => line + ([...line].length < length ? "" : i % 2 === 0 ? "，" : "。\n"));
  return marked.join("").trimEnd();
}
