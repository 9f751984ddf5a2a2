/**
 * A text -> the same in another language, and words -> how they sound (zoo/generate/translation.py), always by the likeliest
 * token: one beam.
 */

import { InputError, shown, words } from "./inputs.js";
import { END } from "./prose.js";
import { isHan } from "./verse.js";

export const MAX_TEXT = 1000;
const MAX_SENTENCES = 20, MAX_WORDS = 40;
/** Tokens of a sentence above which it is longer than nearly all that the translator has read. */
const LONG = 30;
/** Pieces an English word, over a sentence, above which the translator has met few of its words. */
const STRANGE = 2.3;
export const PRONOUNCING = "en-arpabet";
/** Between two sentences. */
const ENDING = /(?<=[。！？；])(?![”’"。！？；])|(?<=[.!?;])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)\s+|\n+/u;
const BETWEEN_WORDS = /[\s,!?;:"()[\]“”‘’…—。，！？；：、]+/u;
const LETTERS = new Set("'-.abcdefghijklmnopqrstuvwxyz");
/** @type {Record<string, string>} */
const STRAIGHT = { "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " " };
/** @type {Record<string, string>} */
const WIDE = { "?": "？", "!": "！", ":": "：", ";": "；", "「": "“", "」": "”", "﹐": "，", "\u200b": "" };
/** Phonemes of ARPAbet in letters of the IPA. @type {Record<string, string>} */
const IPA = {
  AA: "ɑ", AE: "æ", AH: "ʌ", AO: "ɔ", AW: "aʊ", AY: "aɪ", EH: "ɛ", ER: "ɝ", EY: "eɪ", IH: "ɪ", IY: "i", OW: "oʊ", OY: "ɔɪ",
  UH: "ʊ", UW: "u", B: "b", CH: "tʃ", D: "d", DH: "ð", F: "f", G: "ɡ", HH: "h", JH: "dʒ", K: "k", L: "l", M: "m", N: "n",
  NG: "ŋ", P: "p", R: "ɹ", S: "s", SH: "ʃ", T: "t", TH: "θ", V: "v", W: "w", Y: "j", Z: "z", ZH: "ʒ", AH0: "ə", ER0: "ɚ",
}; // prettier-ignore
/** @type {Record<string, string>} */
const STRESS = { 1: "ˈ", 2: "ˌ" };

/** @typedef {import("../engine/model.js").Model} Model */
/** @typedef {import("./tokenizer.js").Tokenizer} Tokenizer */

/**
 * Translate sentence by sentence; yields the text so far, whether a sentence is longer than nearly all that the model has
 * learnt from, and the strange ones. `direction` "auto" takes a text with Chinese characters for Chinese.
 * @param {Model} model @param {{text: string, direction: string}} request
 */
export async function* translate(model, request) {
  const text = words(request.text, MAX_TEXT);
  if (!text.trim()) throw new InputError("error_empty_text");
  const chinese = [...text].filter(isHan).join("");
  const direction = request.direction === "auto" ? (chinese ? "zh-en" : "en-zh") : request.direction;
  if (!model.labels.includes(direction)) throw new InputError("error_direction", { name: model.name, direction });
  if (direction === "en-zh" && chinese) throw new InputError("error_is_chinese", { given: shown(chinese) });
  if (direction === "zh-en" && !chinese) throw new InputError("error_not_chinese", { given: shown(text) });
  const parts = sentencesOf(text).map((part) => ended(part, direction));
  if (!parts.length) throw new InputError("error_no_words", { given: shown(text.trim()) });
  if (parts.length > MAX_SENTENCES) throw new InputError("error_many_sentences", { given: parts.length, limit: MAX_SENTENCES });
  const tokenizer = await model.tokenizer(), read = parts.map((part) => readable(tokenizer, part, model.name));
  const sources = read.map((part) => tokenizer.encode(asSource(part, direction)));
  const strange = read.filter((part) => isStrange(tokenizer, part));
  sources.forEach((source, i) => {
    const seen = model.config.context_length;
    if (source.length > seen) throw new InputError("error_long_sentence", { name: model.name, sentence: shown(parts[i]), given: source.length, seen });
  });
  const gap = direction.endsWith("en") ? " " : "", long = sources.some((source) => source.length > LONG);
  const parameters = { text, direction, beams: 1 }, made = [];
  for (const source of sources) {
    made.push(tokenizer.decode(await written(model, tokenizer, source)));
    yield { text: made.join(gap), long, strange, parameters };
  }
}

/** Say how English words sound, a line a word; yields the lines so far. @param {Model} model @param {{text: string}} request */
export async function* pronounce(model, request) {
  const text = words(request.text, MAX_TEXT);
  const asked = text.split(BETWEEN_WORDS).filter((part) => part.replace(/^['\-.]+/, "")).map(wordOf);
  if (!asked.length) throw new InputError("error_no_english");
  if (asked.length > MAX_WORDS) throw new InputError("error_many_words", { given: asked.length, limit: MAX_WORDS });
  const longest = model.config.context_length - 1, long = asked.find((word) => word.length > longest);
  if (long) throw new InputError("error_long_word", { name: model.name, word: shown(long), given: long.length, limit: longest });
  const tokenizer = await model.tokenizer(), lines = [], parameters = { text, beams: 1 };
  for (const word of asked) {
    const phonemes = tokenizer.decode(await written(model, tokenizer, tokenizer.encode(word))).split(/\s+/).filter(Boolean);
    lines.push(`${word}  ${phonemes.join(" ")}  /${ipa(phonemes)}/`);
    yield { text: lines.join("\n"), parameters };
  }
}

/**
 * The target of a source, ids with its end where it has one: at each place the likeliest token.
 * @param {Model} model @param {Tokenizer} tokenizer @param {number[]} source
 */
async function written(model, tokenizer, source) {
  const shape = [1, source.length], mask = { data: source.map(() => 1), shape };
  const { memory } = await (await model.part("text_encoder")).run({ ids: { data: source, shape }, mask });
  const held = { data: memory, shape: [1, source.length, memory.length / source.length] };
  const end = tokenizer.idOf(END), forbidden = neverWritten(tokenizer), longest = model.config.context_length;
  const decoder = await model.loop("text_decoder");
  decoder.restart({ batch: 1, room: longest });
  /** @type {number[]} */
  const found = [];
  for (let last = end; found.length < longest && (last !== end || !found.length); found.push(last)) {
    const { logits } = await decoder.step([last], { memory: held, mask });
    for (const id of forbidden) logits[id] = -Infinity;
    last = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
  }
  return found;
}

/** Tokens that no target has: the unknown, the filling, those of directions, and letters of words. @param {Tokenizer} tokenizer */
function neverWritten(tokenizer) {
  const others = tokenizer.ids.has("<en>") ? ["<en>", "<zh>"] : [...LETTERS];
  const ids = ["<unk>", "<pad>", ...others].map((token) => tokenizer.ids.get(token));
  return /** @type {number[]} */ (ids.filter((id) => id !== undefined));
}

/** The sentences of a text, by their marks and by lines; what has no letter or digit is none. */
export function sentencesOf(/** @type {string} */ text) {
  return text.split(ENDING).filter((part) => /[\p{L}\p{N}]/u.test(part)).map((part) => part.trim());
}

/** Whether the Latin words of a sentence are mostly such as the tokenizer has no token for. @param {Tokenizer} tokenizer @param {string} sentence */
function isStrange(tokenizer, sentence) {
  const words = (sentence.match(/\p{L}+(?:'\p{L}+)?/gu) ?? []).filter((word) => word < "\u0250").map((word) => word.toLowerCase());
  return words.flatMap((word) => tokenizer.encodeBare(` ${word}`)).length > STRANGE * words.length;
}

/** Phonemes in the letters of the IPA; a mark of stress stands right before its vowel. @param {string[]} phonemes */
export function ipa(phonemes) {
  return phonemes.map((one) => (STRESS[one.slice(-1)] ?? "") + (IPA[one] ?? IPA[one.replace(/[012]$/, "")])).join("");
}

/** One way to write it. @param {string} text @param {string} language */
export function tidy(text, language) {
  if (language === "en") return text.replace(/[‘’“”–—…\u00a0]/g, (c) => STRAIGHT[c]).trim().replace(/\s+/gu, " ");
  const wide = text.replace(/[?!:;「」﹐\u200b]/g, (c) => WIDE[c]).replace(/,(?!\p{Nd})/gu, "，").trim().replace(/\.$/, "。");
  return wide.replace(/(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])/gu, "");
}

/** The sentence, tidy, with a mark at its end. @param {string} sentence @param {string} direction */
function ended(sentence, direction) {
  const found = tidy(sentence, direction.split("-")[0]);
  return /[\p{L}\p{N}]$/u.test(found) ? found + (direction.startsWith("en") ? "." : "。") : found;
}

/** A source as the tokenizer takes it. @param {string} text @param {string} direction */
function asSource(text, direction) {
  const [source, target] = direction.split("-"), tidied = tidy(text, source);
  return `<${target}>${(source === "en" ? ` ${tidied}` : tidied).toLowerCase()}`;
}

/** Without accents that the model does not know. Throws InputError naming what else it does not. @param {Tokenizer} tokenizer @param {string} sentence @param {string} name */
function readable(tokenizer, sentence, name) {
  const known = (/** @type {string} */ c) => /\s/u.test(c) || tokenizer.ids.has(c.toLowerCase());
  const found = [...sentence].map((c) => (known(c) ? c : plainly(c))).join("");
  const unknown = [...new Set([...found].filter((c) => !known(c)))];
  if (unknown.length) throw new InputError("error_unread_words", { name, characters: unknown.slice(0, 8).join(" ") + (unknown.length > 8 ? " …" : "") });
  return found;
}

/** Letters without their accents. */
function plainly(/** @type {string} */ text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "") || text;
}

/** A word in small letters, without what stands around it. */
function wordOf(/** @type {string} */ text) {
  let word = plainly(text).toLowerCase().replace(/^-+|-+$/g, "");
  if (!word.slice(0, -1).includes(".")) word = word.replace(/\.+$/, "");
  if (word[0] === word[word.length - 1] && word[0] === "'") word = word.replace(/^'+|'+$/g, "");
  const unknown = [...new Set([...word].filter((c) => !LETTERS.has(c)))];
  if (unknown.length) throw new InputError("error_no_letters", { word: shown(text), characters: unknown.slice(0, 8).join(" ") });
  return word;
}
