/** The tokenizer of a tokenizer.json, as the tokenizers library reads it: of characters, of pieces of words, of words. */

import { isolated, normaliser, splitter } from "./splitting.js";
import { encoderOf } from "./subwords.js";

const BYTE = /^<0x([0-9A-F]{2})>$/;
const BROKEN = "\ufffd";
/** Tokens without a whole character that are waited for: no character has more bytes. */
const MOST_BYTES = 4;

export class Tokenizer {
  /** @param {any} json the contents of tokenizer.json */
  constructor(json) {
    /** @type {Map<string, number>} */
    this.ids = new Map(Object.entries(json.model.vocab));
    for (const { content, id } of json.added_tokens) this.ids.set(content, id);
    /** @type {string[]} */
    this.tokens = [];
    for (const [token, id] of this.ids) this.tokens[id] = token;
    this.unknown = this.ids.get(json.model.unk_token) ?? null;
    /** Tokens that are marks, and no text. @type {Set<string>} */
    this.special = new Set(json.added_tokens.map((/** @type {{content: string}} */ token) => token.content));
    // The longest first, as the tokenizers library matches them; nothing matches an empty class.
    const names = [...this.special].sort((a, b) => b.length - a.length).map((name) => name.replace(/[\^$.*+?()[\]{}|/\\]/g, "\\$&"));
    this.marks = new RegExp(names.join("|") || "[]", "gu");
    this.normalise = normaliser(json.normalizer);
    this.split = splitter(json.pre_tokenizer);
    this.encoder = encoderOf(json.model);
    this.decoder = decoderOf(json.decoder);
    /** @type {any[]} */
    this.template = json.post_processor?.single ?? [{ Sequence: {} }];
  }

  /** Numbers of a text's tokens, with what the tokenizer puts around a text. @param {string} text @returns {number[]} */
  encode(text) {
    return this.template.flatMap((part) => (part.Sequence ? this.encodeBare(text) : [this.idOf(part.SpecialToken.id)]));
  }

  /** Numbers of a text's tokens alone. @param {string} text @returns {number[]} */
  encodeBare(text) {
    const parts = isolated(text, this.marks);
    return parts.flatMap((part) => (this.special.has(part) ? [this.idOf(part)] : this.split(this.normalise(part)).flatMap(this.encoder)));
  }

  /** The text of ids; marks are left out. @param {number[]} ids */
  decode(ids) {
    return this.decoder(ids.map((id) => this.tokens[id]).filter((token) => !this.special.has(token))).join("");
  }

  /** The id of a token. Throws TypeError when the tokenizer has none. */
  idOf(/** @type {string} */ token) {
    const id = this.ids.get(token);
    if (id === undefined) throw new TypeError(`the tokenizer has no token ${token}`);
    return id;
  }
}

/** @param {any} json a decoder @returns {(tokens: string[]) => string[]} */
function decoderOf(json) {
  switch (json?.type) {
    case undefined:
      return (tokens) => [tokens.join(" ")];
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "ByteFallback":
      return fromBytes;
    case "Strip":
      return (tokens) => tokens.map((token) => stripped(token, json.content, json.start));
    case "Metaspace":
      return (tokens) => tokens.map((token) => token.replaceAll(json.replacement, " "));
    case "Sequence": {
      const steps = json.decoders.map(decoderOf);
      return (tokens) => steps.reduce((/** @type {string[]} */ made, /** @type {(tokens: string[]) => string[]} */ step) => step(made), tokens);
    }
    case "WordPiece": // tokens of a BERT are shown one by one
      return (tokens) => [tokens.join(" ").replaceAll(` ${json.prefix}`, "")];
    default:
      throw new TypeError(`tokenizer.json has a decoder ${json.type}, which is not known here`);
  }
}

/** Without up to `most` times `content` at its beginning. @param {string} token @param {string} content @param {number} most */
function stripped(token, content, most) {
  let at = 0;
  while (at < most && token[at] === content) at++;
  return token.slice(at);
}

/** Tokens that stand for bytes, together, as characters; bytes that are none are shown as such. @param {string[]} tokens */
function fromBytes(tokens) {
  /** @type {string[]} */
  const found = [];
  /** @type {number[]} */
  let bytes = [];
  const end = () => {
    try {
      found.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)));
    } catch {
      found.push(BROKEN.repeat(bytes.length));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = BYTE.exec(token);
    if (byte) {
      bytes.push(parseInt(byte[1], 16));
      continue;
    }
    if (bytes.length) end();
    found.push(token);
  }
  if (bytes.length) end();
  return found;
}

/** The text of tokens as they come: bytes of a character are held back until it is whole. */
export class Spelling {
  /** @param {Tokenizer} tokenizer */
  constructor(tokenizer) {
    this.tokenizer = tokenizer;
    /** @type {number[]} */
    this.waiting = [];
  }

  /** What can be shown now. @param {number} token */
  add(token) {
    this.waiting.push(token);
    const text = this.tokenizer.decode(this.waiting);
    if (text.endsWith(BROKEN) && this.waiting.length < MOST_BYTES) return "";
    this.waiting = [];
    return text;
  }
}
