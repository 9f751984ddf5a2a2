/**
 * Files of this page (models and the runtime), fetched one by one when first needed, checked against manifest.json and
 * kept on the device.
 */

/** What went wrong with a file, to be said in the visitor's language: `key` names the words in ui/strings.js. */
export class FileError extends Error {
  /** @param {"file_missing" | "file_damaged" | "file_unreachable"} key @param {string} file */
  constructor(key, file) {
    super(`${key}: ${file}`);
    this.name = "FileError";
    this.key = key;
    this.values = { file };
  }
}

/** @typedef {Record<string, {bytes: number, sha256: string}>} Manifest the files of the page, by path */
/** @typedef {(file: string, loaded: number, total: number) => void} Report */

/** The sha256 of bytes as hexadecimal digits; "" where the page was not loaded safely and the browser gives none. */
export async function sha256(/** @type {Uint8Array} */ bytes) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Store {
  /** @param {URL} base where the page lies @param {Manifest} manifest */
  constructor(base, manifest) {
    this.base = base;
    this.manifest = manifest;
    this.cacheName = `zoo-files ${base.pathname}`;
    /** Bytes fetched from the network so far. */
    this.transferred = 0;
  }

  /** Forget what an earlier version of the page kept. */
  async tidy() {
    const cache = await this.#cache();
    const wanted = new Set(Object.keys(this.manifest).map((file) => this.#key(file)));
    for (const request of (await cache?.keys()) ?? []) if (!wanted.has(request.url)) await cache?.delete(request);
  }

  /** Which of these files are kept on this device. @param {string[]} files */
  async kept(files) {
    const cache = await this.#cache();
    const found = await Promise.all(files.map((file) => cache?.match(this.#key(file))));
    return files.filter((_, i) => found[i]);
  }

  /** Forget these files. @param {string[]} files */
  async forget(files) {
    const cache = await this.#cache();
    await Promise.all(files.map((file) => cache?.delete(this.#key(file))));
  }

  /**
   * The contents of a file. Throws FileError when it is missing, damaged or cannot be reached.
   * @param {string} file @param {Report} [report] @returns {Promise<Uint8Array>}
   */
  async bytes(file, report) {
    const stated = this.manifest[file];
    if (!stated) throw new FileError("file_missing", file);
    const cache = await this.#cache();
    const kept = await cache?.match(this.#key(file));
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if (await this.#whole(bytes, stated)) return bytes;
      await cache?.delete(this.#key(file));
    }
    const bytes = await this.#fetch(file, stated.bytes, report);
    if (!(await this.#whole(bytes, stated))) throw new FileError("file_damaged", file);
    try {
      await cache?.put(this.#key(file), new Response(/** @type {BodyInit} */ (bytes)));
    } catch {
      // No room left on the device: the page works without keeping the file.
    }
    return bytes;
  }

  /** A JSON file. @param {string} file @param {Report} [report] */
  async json(file, report) {
    return JSON.parse(new TextDecoder().decode(await this.bytes(file, report)));
  }

  #key(/** @type {string} */ file) {
    return `${new URL(file, this.base)}?sha256=${this.manifest[file].sha256}`;
  }

  async #cache() {
    try {
      return await globalThis.caches?.open(this.cacheName);
    } catch {
      return undefined; // the browser lets this page keep nothing
    }
  }

  async #whole(/** @type {Uint8Array} */ bytes, /** @type {{bytes: number, sha256: string}} */ stated) {
    const found = bytes.length === stated.bytes && (await sha256(bytes));
    return found === stated.sha256 || found === "";
  }

  /** @param {string} file @param {number} size @param {Report} [report] */
  async #fetch(file, size, report) {
    try {
      // The server's own cache is asked whether it is still the same: a version of the page never mixes with another's.
      const response = await fetch(new URL(file, this.base), { cache: "no-cache" });
      if (!response.ok) throw new FileError(response.status < 500 ? "file_missing" : "file_unreachable", file);
      const pieces = [];
      let loaded = 0;
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        pieces.push(read.value);
        loaded += read.value.length;
        report?.(file, Math.min(loaded, size), size);
      }
      this.transferred += loaded;
      const bytes = new Uint8Array(loaded);
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      return bytes;
    } catch (error) {
      throw error instanceof FileError ? error : new FileError("file_unreachable", file);
    }
  }
}
