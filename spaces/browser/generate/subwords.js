/** A piece of a text -> the numbers of its tokens: byte-pair encoding, BERT's word pieces, or whole words. */

/** @typedef {(piece: string) => number[]} Encoder */

/** The encoder of a tokenizer.json's model. @param {any} model @returns {Encoder} */
export function encoderOf(model) {
  if (model.type === "BPE") return bytePairs(model);
  if (model.type === "WordPiece") return wordPieces(model);
  if (model.type !== "WordLevel") throw new TypeError(`tokenizer.json has a model ${model.type}, which is not known here`);
  const ids = new Map(Object.entries(model.vocab)), unknown = ids.get(model.unk_token);
  return (piece) => present([ids.get(piece) ?? unknown]);
}

/** @param {(number | undefined)[]} ids @returns {number[]} */
function present(ids) {
  return /** @type {number[]} */ (ids.filter((id) => id !== undefined));
}

/** Two numbers of tokens as one. @param {number} left @param {number} right */
const pair = (left, right) => left * 2 ** 24 + right;

/**
 * Byte-pair encoding (Sennrich et al., 2016): of all neighbours that were joined in training, those that were joined
 * first. A character without a token is written as its UTF-8 bytes where the model can, else as the unknown.
 * @param {any} model @returns {Encoder}
 */
function bytePairs({ vocab, merges, unk_token: unknownToken, byte_fallback: inBytes }) {
  /** @type {Map<string, number>} */
  const ids = new Map(Object.entries(vocab)), unknown = ids.get(unknownToken);
  const id = (/** @type {string} */ token) => /** @type {number} */ (ids.get(token));
  /** @type {Map<number, [rank: number, made: number]>} */
  const joined = new Map(merges.map((/** @type {[string, string]} */ [left, right], /** @type {number} */ rank) => [pair(id(left), id(right)), [rank, id(left + right)]]));

  function begin(/** @type {string} */ character) {
    const known = ids.get(character);
    if (known !== undefined || !inBytes) return present([known ?? unknown]);
    const bytes = Array.from(new TextEncoder().encode(character), (byte) => ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`));
    return present(bytes.includes(undefined) ? [unknown] : bytes);
  }

  return (piece) => {
    const found = [...piece].flatMap(begin);
    for (;;) {
      let [least, made, at] = [Infinity, 0, 0];
      for (let i = 0; i + 1 < found.length; i++) {
        const join = joined.get(pair(found[i], found[i + 1]));
        if (join && join[0] < least) [least, made, at] = [...join, i];
      }
      if (least === Infinity) return found;
      found.splice(at, 2, made);
    }
  };
}

/** Word pieces (Devlin et al., 2019): the longest one that fits, again and again; a word that none fits is unknown. @param {any} model @returns {Encoder} */
function wordPieces({ vocab, unk_token: unknown, continuing_subword_prefix: prefix, max_input_chars_per_word: longest }) {
  return (piece) => {
    const characters = [...piece], found = [];
    if (characters.length > longest) return [vocab[unknown]];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length, token = "";
      for (; end > start; end--) {
        token = (start ? prefix : "") + characters.slice(start, end).join("");
        if (Object.hasOwn(vocab, token)) break;
      }
      if (end === start) return [vocab[unknown]];
      found.push(vocab[token]);
      start = end;
    }
    return found;
  };
}
