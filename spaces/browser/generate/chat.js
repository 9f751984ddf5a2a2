/** A message and what was said before -> a reply, written by a GPT of dialogues (zoo/generate/chat.py). */

import { InputError, number, samplingOf, seedOf, whole, words } from "./inputs.js";
import { checkLanguage, isRude, plain } from "./languages.js";
import { Noise } from "./noise.js";
import { END } from "./prose.js";
import { choose, penalise } from "./sampling.js";

export const MAX_MESSAGE = 1000;
const MAX_NEW_TOKENS = 100;
const USER = "<user>", BOT = "<bot>";
/** Marks that a text spells out are taken out of it: nobody speaks for another. */
const MARKS = /<user>|<bot>|<eos>|<unk>/g;
/** Tokens that are tried in place of one that would end a rude word. */
const TRIES = 50;

/** @typedef {[role: "user" | "bot", text: string]} Turn */

/**
 * Yields the reply so far, and how many turns of the history did not fit beside it.
 * @param {import("../engine/model.js").Model} model
 * @param {{history: Turn[], message: string, length: number, temperature: number, topK: number, topP: number,
 *          penalty: number, seed: number}} request
 */
export async function* reply(model, request) {
  const message = plain(words(request.message, MAX_MESSAGE));
  if (!message) throw new InputError("error_empty_text");
  const count = whole(request.length, 1, MAX_NEW_TOKENS), options = samplingOf(request);
  const penalty = number(request.penalty, 1, 2), uniforms = new Noise(seedOf(request.seed)).uniform(count);
  const tokenizer = await model.tokenizer();
  checkLanguage(tokenizer, message, model.name);
  const history = request.history.map(([role, text]) => /** @type {Turn} */ ([role, plain(text)])).filter(([, text]) => text);
  const { ids, forgotten } = remembered(tokenizer, [...history, ["user", message]], model.config.context_length - count, model.name);
  const parameters = {
    history: `[${history.map(([role, said]) => `["${role}", ${JSON.stringify(said)}]`).join(", ")}]`, message,
    max_new_tokens: count, temperature: options.temperature, top_k: options.topK, top_p: options.topP, repetition_penalty: penalty,
  }; // prettier-ignore
  const marks = [USER, BOT, END].map((mark) => tokenizer.idOf(mark));
  const decoder = await model.loop("decoder");
  decoder.restart({ batch: 1 });
  /** @type {number[]} */
  const said = [];
  let given = ids, text = "";
  for (const uniform of uniforms) {
    const { logits } = await decoder.step(given);
    if (tokenizer.unknown !== null) logits[tokenizer.unknown] = -Infinity;
    if (!said.length) for (const mark of marks) logits[mark] = -Infinity;
    const allowed = penalise(logits, new Set(said), penalty);
    let token = -1, longer = "";
    for (let tried = 0; tried < TRIES; tried++) {
      token = choose(allowed, uniform, options);
      longer = tokenizer.decode([...said, token]).trim();
      if (marks.includes(token) || !isRude(longer)) break;
      allowed[token] = -Infinity;
    }
    if (marks.includes(token) || isRude(longer)) return;
    said.push(token);
    given = [token];
    text = longer;
    yield { text, message, tokens: said.length, forgotten, parameters };
  }
}

/** Ids of the newest turns that fit with the mark of the reply. @param {import("./tokenizer.js").Tokenizer} tokenizer @param {Turn[]} turns @param {number} room @param {string} name */
function remembered(tokenizer, turns, room, name) {
  const rows = turns.map(([role, text]) => [tokenizer.idOf(role === "user" ? USER : BOT), ...tokenizer.encode(text.replace(MARKS, " "))]);
  let ids = [tokenizer.idOf(BOT)], kept = 0;
  for (const row of [...rows].reverse()) {
    if (row.length + ids.length > room) break;
    ids = [...row, ...ids];
    kept++;
  }
  if (!kept) throw new InputError("error_many_tokens", { name, given: rows[rows.length - 1].length - 1, seen: room - 2 });
  return { ids, forgotten: rows.length - kept };
}
