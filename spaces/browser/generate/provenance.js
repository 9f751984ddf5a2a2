/**
 * What a result says of itself, as zoo/generate/provenance.py writes it: `python -m zoo replay FILE` makes a file of this
 * page again, and the app takes it when it is dropped there.
 *
 * PNG: texts, XMP and an iTXt chunk "zoo"; WAV: LIST/INFO, "_PMX" and a chunk "zoo "; TXT: a footer after a line of its own.
 */

import { sha256 } from "../engine/store.js";
import { samplesOf } from "./audio.js";

/**
 * @typedef {object} Step how something was made
 * @property {string} operation @property {string} [model] @property {string} [sha256] of the weights
 * @property {number} [seed] @property {Record<string, any>} [parameters] @property {Step[]} [parents]
 * @property {string} [licence] @property {string} [result] which of the operation's results this is
 */
/** @typedef {{version: string, onnxruntime: string}} Made versions of the zoo and of the runtime */

const SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
const SEPARATOR = "-------- how this text was made (python -m zoo replay FILE makes it again) --------";
const UTF8 = new TextEncoder();
/** Pixels a side of a picture that is kept in what comes of it. */
const MAX_SIDE = 256;

/** One line of ASCII. @param {Step} step @param {Made} made */
function dumped(step, made) {
  const stated = { zoo: 1, version: made.version, source_type: SOURCE_TYPE, libraries: { onnxruntime: made.onnxruntime }, record: plain(step) };
  return JSON.stringify(stated).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Without what is empty, as Python writes it. @param {Step} step @returns {object} */
function plain({ operation, model, sha256: hash, seed, parameters, parents, licence, result }) {
  const stated = { operation, model, sha256: hash, seed, parameters, parents: parents?.map(plain), licence, result };
  const empty = (/** @type {unknown} */ value) => value === undefined || value === "" || (typeof value === "object" && !Object.keys(value ?? {}).length);
  return Object.fromEntries(Object.entries(stated).filter(([, value]) => !empty(value)));
}

/** One line for people. @param {Step} step */
function line({ model, seed, licence, sha256: hash }) {
  return [model, seed === undefined ? "" : `seed ${seed}`, licence, hash ? `weights ${hash.slice(0, 8)}` : ""].filter(Boolean).join(", ");
}

/** @param {Step} step @param {Made} made */
function mark(step, made) {
  return `Made by a machine, the Model Zoo ${made.version}: ${line(step)}`;
}

/** An XMP packet: IPTC's digital source type, the model, the program and the licence. @param {Step} step @param {Made} made */
function xmp(step, made) {
  const escaped = (/** @type {string} */ text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const model = escaped(step.model ? `${step.model} (${step.sha256?.slice(0, 12)})` : "");
  const rights = step.licence ? `<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">${escaped(step.licence)}</rdf:li></rdf:Alt></dc:rights>` : "";
  return (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">' +
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ' +
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" ' +
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" ' +
    `xmp:CreatorTool="Model Zoo ${made.version}" Iptc4xmpExt:DigitalSourceType="${SOURCE_TYPE}" ` +
    `Iptc4xmpExt:AISystemUsed="${model}">${rights}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>`
  );
}

/** @param {...(Uint8Array | string)} pieces */
function joined(...pieces) {
  const bytes = pieces.map((piece) => (typeof piece === "string" ? UTF8.encode(piece) : piece));
  const found = new Uint8Array(bytes.reduce((sum, piece) => sum + piece.length, 0));
  bytes.reduce((at, piece) => (found.set(piece, at), at + piece.length), 0);
  return found;
}

/** @param {number} value @param {boolean} little */
function uint32(value, little) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, little);
  return bytes;
}

/** The zlib form of bytes. @param {Uint8Array} bytes */
async function deflated(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const CRC = Uint32Array.from({ length: 256 }, (_, i) => {
  for (let bit = 0; bit < 8; bit++) i = i & 1 ? 0xedb88320 ^ (i >>> 1) : i >>> 1;
  return i;
});

/** @param {string} name @param {Uint8Array} body */
function pngChunk(name, body) {
  const named = joined(name, body);
  const check = ~named.reduce((crc, byte) => CRC[(crc ^ byte) & 255] ^ (crc >>> 8), -1);
  return joined(uint32(body.length, false), named, uint32(check >>> 0, false));
}

/**
 * A picture of grey (1 channel) or coloured (3) levels, each pixel as a square of `scale`, as a PNG.
 * @param {{levels: Uint8Array, width: number, height: number, channels: number, scale: number}} picture
 * @param {Step} step @param {Made} made
 */
export async function png({ levels, width, height, channels, scale }, step, made) {
  const row = width * scale * channels;
  const raw = new Uint8Array((row + 1) * height * scale); // every row begins with its filter: none
  for (let y = 0; y < height * scale; y++) {
    const from = Math.floor(y / scale) * width;
    for (let x = 0; x < width * scale; x++) {
      const pixel = (from + Math.floor(x / scale)) * channels;
      for (let c = 0; c < channels; c++) raw[y * (row + 1) + 1 + x * channels + c] = levels[pixel + c];
    }
  }
  const header = joined(uint32(width * scale, false), uint32(height * scale, false), Uint8Array.of(8, channels === 1 ? 0 : 2, 0, 0, 0));
  const text = (/** @type {string} */ key, /** @type {string} */ value) => pngChunk("tEXt", joined(`${key}\0`, value));
  return joined(
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    pngChunk("IHDR", header),
    text("Software", `Model Zoo ${made.version}`),
    text("Comment", mark(step, made)),
    ...(step.licence ? [text("Copyright", step.licence)] : []),
    pngChunk("iTXt", joined("XML:com.adobe.xmp\0\0\0\0\0", xmp(step, made))),
    pngChunk("iTXt", joined("zoo\0\0\0\0\0", dumped(step, made))),
    pngChunk("IDAT", await deflated(raw)),
    pngChunk("IEND", new Uint8Array()),
  );
}

/** @param {string} name @param {Uint8Array} body */
function riffChunk(name, body) {
  return joined(name, uint32(body.length, true), body, new Uint8Array(body.length % 2));
}

/** A sound as a WAV of 16 bits. @param {Float32Array} waveform @param {number} rate @param {Step} step @param {Made} made */
export function wav(waveform, rate, step, made) {
  const samples = samplesOf(waveform);
  const bytes = new Uint8Array(2 * samples.length), view = new DataView(bytes.buffer);
  samples.forEach((sample, i) => view.setInt16(2 * i, sample, true));
  const format = joined(Uint8Array.of(1, 0, 1, 0), uint32(rate, true), uint32(2 * rate, true), Uint8Array.of(2, 0, 16, 0));
  const texts = [["ISFT", `Model Zoo ${made.version}`], ["ICMT", mark(step, made)], ...(step.licence ? [["ICOP", step.licence]] : [])];
  const chunks = [
    riffChunk("fmt ", format),
    riffChunk("data", bytes),
    riffChunk("LIST", joined("INFO", ...texts.map(([name, text]) => riffChunk(name, joined(text, "\0"))))),
    riffChunk("_PMX", joined(xmp(step, made))),
    riffChunk("zoo ", joined(dumped(step, made))),
  ];
  return riffChunk("RIFF", joined("WAVE", ...chunks));
}

/** A text with a footer. @param {string} text @param {Step} step @param {Made} made */
export function txt(text, step, made) {
  return `${text}\n\n${SEPARATOR}\n${mark(step, made)}\n由人工智能生成：${line(step)}\n${dumped(step, made)}\n`;
}

/**
 * A visitor's recording as the step before, by the sha256 of its samples. A voice is never kept.
 * @param {Float32Array} waveform @param {number} rate samples a second @returns {Promise<Step>}
 */
export async function recordingStep(waveform, rate) {
  const bytes = new Uint8Array(waveform.buffer, waveform.byteOffset, waveform.byteLength);
  return { operation: "given.recording", sha256: await sha256(bytes), parameters: { samples: waveform.length, sample_rate: rate } };
}

/**
 * A visitor's picture as the step before: what the model saw of it, not the picture itself.
 * @param {Float32Array} seen in [0, 1], row by row; colours one below the other @param {number} width @returns {Promise<Step>}
 */
export async function drawingStep(seen, width = Math.sqrt(seen.length)) {
  const bytes = new Uint8Array(seen.buffer, seen.byteOffset, seen.byteLength);
  const height = seen.length / width, small = Math.max(height, width) <= MAX_SIDE;
  const values = small && btoa(Array.from(await deflated(bytes), (byte) => String.fromCharCode(byte)).join(""));
  return { operation: "given.drawing", sha256: await sha256(bytes), parameters: { height, width, ...(values && { values }) } };
}
