/** Writing on from a prompt, a token at a time, with the memory that the model has of it (zoo/generate/prose.py and text.py). */

import { InputError, number, samplingOf, seedOf, whole, words } from "./inputs.js";
import { Noise } from "./noise.js";
import { choose, penalise } from "./sampling.js";
import { Spelling } from "./tokenizer.js";

export const MAX_PROMPT = 2000;
export const MAX_NEW_TOKENS = 1000;
/** Tokens of a prompt that are looked at: its last ones. */
const MAX_PROMPT_TOKENS = 512;
/** Ends a text, and stands before one. */
export const END = "<eos>";
/** What keyboards put for the characters of plain texts. @type {Record<string, string>} */
const TYPOGRAPHY = {
  "‘": "'", "’": "'", "‚": "'", "“": "'", "”": "'", "„": "'", "–": "-", "—": "--", "…": "...",
  "\u00a0": " ", "\u3000": " ", "\t": " ", '"': "'",
}; // prettier-ignore
const DOUBLE = new Set("“”„");

/**
 * Yields the text so far, the prompt included, after every token; `parameters` are what it would take to write it again.
 * @param {import("../engine/model.js").Model} model
 * @param {{prompt: string, length: number, temperature: number, topK: number, topP: number, penalty: number,
 *          seed: number}} request
 */
export async function* write(model, request) {
  const asked = words(request.prompt, MAX_PROMPT);
  const count = whole(request.length, 1, MAX_NEW_TOKENS);
  const options = samplingOf(request);
  const penalty = number(request.penalty, 1, 2);
  const noise = new Noise(seedOf(request.seed));
  const tokenizer = await model.tokenizer();
  const prompt = readable(tokenizer, asked, model.name);
  const decoder = await model.loop("decoder");
  const length = model.config.context_length;

  const parameters = {
    prompt: asked, temperature: options.temperature, top_k: options.topK, top_p: options.topP, repetition_penalty: penalty,
  }; // prettier-ignore
  const end = tokenizer.ids.get(END), before = end === undefined ? [] : [end];
  const written = [...before, ...tokenizer.encode(prompt).slice(-MAX_PROMPT_TOKENS)];
  if (!written.length) written.push(tokenizer.encode("\n")[0]);
  const spelling = new Spelling(tokenizer);
  let text = prompt, ids = written.slice(-length), cached = 0;
  decoder.restart({ batch: 1 });
  for (let tokens = 1; tokens <= count; tokens++) {
    if (cached + ids.length > length) { // the context is full: begin anew from the last half
      ids = written.slice(-Math.floor(length / 2));
      decoder.restart({ batch: 1 });
      cached = 0;
    }
    const { logits } = await decoder.step(ids);
    cached += ids.length;
    if (tokenizer.unknown !== null) logits[tokenizer.unknown] = -Infinity;
    if (tokens === 1) for (const id of before) logits[id] = -Infinity; // something is written in any case
    const allowed = penalise(logits, new Set(written.slice(-length)), penalty);
    const token = choose(allowed, noise.uniform(1)[0], options);
    if (token === end) return;
    written.push(token);
    ids = [token];
    text += spelling.add(token);
    yield { text, tokens, parameters: { ...parameters, max_new_tokens: tokens } };
  }
}

/**
 * The prompt in characters that the model has read: typographic quotes and dashes, and accents, become plain.
 * Throws InputError naming characters that it has never met.
 * @param {import("./tokenizer.js").Tokenizer} tokenizer @param {string} prompt @param {string} name
 */
export function readable(tokenizer, prompt, name) {
  const known = (/** @type {string} */ character) => tokenizer.ids.has(character);
  const quoted = (/** @type {string} */ character) => (DOUBLE.has(character) && known('"') ? '"' : plainly(character));
  const plain = [...prompt].map((character) => (known(character) ? character : quoted(character))).join("");
  const unknown = [...new Set([...plain].filter((character) => !known(character)))];
  if (unknown.length) {
    throw new InputError("error_unread", { name, characters: unknown.slice(0, 8).join(" ") + (unknown.length > 8 ? " …" : "") });
  }
  return plain;
}

function plainly(/** @type {string} */ character) {
  const apart = (TYPOGRAPHY[character] ?? character).normalize("NFKD").replace(/\p{Mn}/gu, "");
  return apart || character;
}
