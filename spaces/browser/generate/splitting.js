/** What a tokenizer.json does to a text before it looks for tokens: normalisers, and pre-tokenizers that cut it in pieces. */

const SPACES = /\p{White_Space}+/u;
const PUNCTUATION = /[!-/:-@[-`{-~]|\p{P}/gu;
/** Characters that are words by themselves to BERT: the CJK ideographs. */
const IDEOGRAPHS = /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
/** Oniguruma's classes, which know all of Unicode. @type {Record<string, string>} */
const CLASSES = { s: "\\p{White_Space}", S: "\\P{White_Space}", d: "\\p{Nd}", w: "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}" };

/** A pattern of the tokenizers library as one of JavaScript; \w stands in brackets only, a dot by itself. @param {string} text */
export function patternOf(text) {
  const source = text.replace(/\\p\{(\w{3,})\}|\\([sSdw])/g, (_, script, name) => (script ? `\\p{Script=${script}}` : CLASSES[name]));
  return new RegExp(source.replace(/(^|\|)\.(?=\||$)/g, "$1[^\\n]"), "gu");
}

/** The matches of a pattern, and what stands between them. @param {string} text @param {RegExp} pattern @returns {string[]} */
export function isolated(text, pattern) {
  const pieces = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    pieces.push(text.slice(at, index), found);
    at = index + found.length;
  }
  return [...pieces, text.slice(at)].filter(Boolean);
}

/** @param {any} json a pre-tokenizer @returns {(text: string) => string[]} */
export function splitter(json) {
  switch (json?.type) {
    case undefined:
      return (text) => [text];
    case "Split": {
      const pattern = patternOf(json.pattern.Regex);
      return (text) => isolated(text, pattern);
    }
    case "Metaspace":
      return (text) => text.replaceAll(" ", json.replacement).split(new RegExp(`(?=${json.replacement})`, "u"));
    case "WhitespaceSplit":
      return (text) => text.split(SPACES).filter(Boolean);
    case "BertPreTokenizer":
      return (text) => text.split(SPACES).flatMap((word) => isolated(word, PUNCTUATION));
    case "Sequence": {
      const steps = json.pretokenizers.map(splitter);
      return (text) => steps.reduce((/** @type {string[]} */ pieces, /** @type {(text: string) => string[]} */ step) => pieces.flatMap(step), [text]);
    }
    default:
      throw new TypeError(`tokenizer.json has a pre-tokenizer ${json.type}, which is not known here`);
  }
}

/** @param {any} json a normaliser @returns {(text: string) => string} */
export function normaliser(json) {
  if (json === null) return (text) => text;
  if (json.type !== "BertNormalizer") throw new TypeError(`tokenizer.json has a normaliser ${json.type}, which is not known here`);
  return (text) => {
    const plain = text.replace(/[\t\n\r]/g, " ").replace(/[\p{C}\ufffd]/gu, "").replace(/\p{White_Space}/gu, " ");
    return plain.replace(IDEOGRAPHS, " $& ").normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
  };
}
