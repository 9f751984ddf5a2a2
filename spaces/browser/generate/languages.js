/** Which language a text is in, as far as two can be told, and whether a model of those two can read it (zoo/generate/languages.py). */

import { InputError } from "./inputs.js";
import { isHan } from "./verse.js";

/** Share of a text's tokens that may be unknown. */
const MOST_UNKNOWN = 0.2;
/** Tokens a word above which Latin letters are taken for another language than English, in texts of so many words. */
const MOST_PIECES = 2, FEWEST_WORDS = 4;
/** Words without which few English sentences do, and other languages mostly. */
const ENGLISH = new Set(
  ("the and is are it it's that that's you you're i'm he she they we what who how when of to for with not no don't yes yeah " +
    "my your his her their this these have has had like all but about if some good best think know by isn't wasn't").split(" "),
);
/** @type {Record<string, string>} */
const TYPOGRAPHY = { "‘": "'", "’": "'", "“": '"', "”": '"' };
const RUDE = new RegExp(
  "(?<![\\p{L}\\p{N}_])(?:(?:(?:mother)?fuck|shit|bullshit|bitch|cunt|slut|whore|nigg|faggot|retard|bastard|asshole|dickhead|pussy|porn|" +
    "rape|rapist|piss|sex)[\\p{L}\\p{N}_]*|(?:ass|crap|damn|dick|fag)s?(?![\\p{L}\\p{N}_]))|混蛋|傻[逼B]|他?妈的|贱人|去死|色情",
  "iu",
);

/** Whether a text has one of the rough words that models keep out of what they say. */
export function isRude(/** @type {string} */ text) {
  return RUDE.test(text);
}

/** Typographic quotes as plain ones, and lines as one. */
export function plain(/** @type {string} */ text) {
  return text.replace(/[‘’“”]/g, (quote) => TYPOGRAPHY[quote]).trim().replace(/\s+/gu, " ");
}

/** Throws InputError for a text that a model of English and Chinese cannot read. @param {import("./tokenizer.js").Tokenizer} tokenizer @param {string} text @param {string} name of the model */
export function checkLanguage(tokenizer, text, name) {
  const strange = [...text].filter((c) => /\p{L}/u.test(c) && !isHan(c) && !/\p{Script=Latin}/u.test(c));
  if (strange.length) throw new InputError("error_script", { name, characters: [...new Set(strange.slice(0, 8))].join(" ") });
  const unknown = ["<unk>", "[UNK]"].map((token) => tokenizer.ids.get(token));
  const parts = /** @type {[string, number][]} */ ([[text.replace(/\P{L}/gu, " "), MOST_UNKNOWN], [text, 0.99]]); // of a smiley alone nothing is known
  for (const [part, most] of parts) {
    const ids = tokenizer.encodeBare(part);
    if (ids.filter((id) => unknown.includes(id)).length > most * ids.length) throw new InputError("error_unread_most", { name });
  }
  const latin = text.replace(/[^\p{Script=Latin}']/gu, " ").trim().split(/\s+/u).filter(Boolean);
  if (latin.length < FEWEST_WORDS || [...text].some(isHan) || latin.some((word) => ENGLISH.has(word.toLowerCase()))) return;
  if (latin.flatMap((word) => tokenizer.encodeBare(` ${word}`)).length > MOST_PIECES * latin.length) throw new InputError("error_neither", { name });
}
