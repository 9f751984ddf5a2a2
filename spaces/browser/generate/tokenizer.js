/** The character tokenizer of tokenizer.json: special tokens first, then every character on its own. */

export class CharacterTokenizer {
  /** @param {any} json the contents of tokenizer.json */
  constructor(json) {
    const { model, pre_tokenizer: split, added_tokens: added } = json;
    if (model?.type !== "WordLevel" || split?.pattern?.Regex !== "[\\s\\S]" || split.behavior !== "Isolated") {
      throw new TypeError("tokenizer.json is not one of characters");
    }
    /** @type {Map<string, number>} */
    this.ids = new Map(Object.entries(model.vocab));
    /** @type {string[]} */
    this.tokens = [];
    for (const [token, id] of this.ids) this.tokens[id] = token;
    this.unknown = this.ids.get(model.unk_token) ?? null;
    /** @type {string[]} */
    this.special = added.map((/** @type {{content: string}} */ token) => token.content);
    // The longest first, as the tokenizers library matches them.
    const names = [...this.special].sort((a, b) => b.length - a.length).map((name) => name.replace(/[\^$.*+?()[\]{}|/\\]/g, "\\$&"));
    this.pieces = new RegExp([...names, "[^]"].join("|"), "gu");
  }

  /** @param {string} text @returns {number[]} */
  encode(text) {
    const ids = (text.match(this.pieces) ?? []).map((piece) => this.ids.get(piece) ?? this.unknown);
    return /** @type {number[]} */ (ids.filter((id) => id !== null));
  }

  /** The text of ids; special tokens are left out. @param {number[]} ids */
  decode(ids) {
    return ids.map((id) => (this.special.includes(this.tokens[id]) ? "" : this.tokens[id])).join("");
  }

  /** The id of a token. Throws TypeError when the tokenizer has none. */
  idOf(/** @type {string} */ token) {
    const id = this.ids.get(token);
    if (id === undefined) throw new TypeError(`the tokenizer has no token ${token}`);
    return id;
  }
}
