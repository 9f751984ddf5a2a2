/** Pictures on the page: sheets, an animation, and the pad to draw on. */

import { element } from "./controls.js";
import { savePicture } from "./files.js";
import { say } from "./strings.js";
import { drawingStep } from "../generate/provenance.js";

/** @typedef {import("../generate/sheet.js").Sheet} Sheet */

/** RGBA pixels of grey or coloured levels, row by row. @param {Uint8Array} levels @param {number} width @param {number} height @param {number} channels */
export function imageOf(levels, width, height, channels) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = levels[i * channels + (channels === 1 ? 0 : c)];
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** Each pixel as a square of `scale` pixels. @param {HTMLCanvasElement} canvas @param {ImageData} image @param {number} scale */
export function paint(canvas, image, scale = 1) {
  const small = new OffscreenCanvas(image.width, image.height);
  /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(image, 0, 0);
  canvas.width = image.width * scale;
  canvas.height = image.height * scale;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** A place for a picture, with a button that saves it. */
export class PictureFrame {
  /** @param {string} id @param {string} empty key of the words that stand there first @param {string} [style] */
  constructor(id, empty, style = "") {
    this.canvas = /** @type {HTMLCanvasElement} */ (element("canvas", { id, role: "img", hidden: true }));
    this.empty = element("p", { class: "empty", text: empty });
    this.saver = element("button", { type: "button", class: "save", text: "save", id: `${id}-save`, hidden: true, onclick: () => this.save?.() });
    this.node = element("figure", { class: `sheet picture ${style}` }, this.empty, this.canvas, this.saver);
    /** @type {(() => void) | undefined} */
    this.save = undefined;
  }

  /** @param {ImageData} image @param {number} scale @param {string} words what a screen reader says @param {() => void} [save] */
  show(image, scale, words, save) {
    paint(this.canvas, image, scale);
    this.canvas.setAttribute("aria-label", words);
    this.canvas.hidden = false;
    this.empty.hidden = true;
    this.save = save;
    this.saver.hidden = !save;
  }
}

/**
 * Show a sheet in its frame, to be saved with its record.
 * @param {import("./page.js").Zoo} zoo @param {PictureFrame} frame @param {Sheet} sheet
 * @param {import("../generate/provenance.js").Step} about
 */
export function showSheet(zoo, frame, sheet, about) {
  const image = imageOf(sheet.levels, sheet.width, sheet.height, sheet.channels);
  const words = say("picture_of", { name: about.model ?? "", seed: about.seed ?? 0 });
  frame.show(image, sheet.scale, words, () => savePicture(zoo, sheet, about));
}

/**
 * The same of what a model made of a visitor's picture, which is in the record as the model saw it.
 * @param {import("./page.js").Zoo} zoo @param {PictureFrame} frame @param {string} words key of what a screen reader says
 * @param {{sheet: Sheet, seen: Float32Array, width: number}} result @param {import("../generate/provenance.js").Step} about
 */
export function showChange(zoo, frame, words, { sheet, seen, width }, about) {
  const image = imageOf(sheet.levels, sheet.width, sheet.height, sheet.channels);
  frame.show(image, sheet.scale, say(words), async () => savePicture(zoo, sheet, { ...about, parents: [await drawingStep(seen, width)] }));
}

const FRAME_MS = 70;

/** An endless animation that can be paused; it begins paused where the visitor asks for less motion. */
export class Animation {
  /** @param {string} id @param {string} empty */
  constructor(id, empty) {
    this.frame = new PictureFrame(id, empty, "half");
    this.button = element("button", { type: "button", class: "pause", hidden: true, text: "pause", onclick: () => this.#set(!this.moving) });
    this.frame.node.append(this.button);
    this.node = this.frame.node;
    this.moving = false;
    /** @type {ImageData[]} */
    this.images = [];
    this.at = 0;
  }

  /** @param {ImageData[]} images @param {string} words */
  show(images, words) {
    this.images = images;
    this.words = words;
    this.scale = Math.max(1, Math.round(336 / images[0].width));
    this.at = 0;
    this.button.hidden = false;
    this.#set(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    this.#draw();
  }

  #set(/** @type {boolean} */ moving) {
    this.moving = moving;
    this.button.dataset.text = moving ? "pause" : "play";
    this.button.textContent = say(this.button.dataset.text);
    clearInterval(this.timer);
    if (moving) this.timer = setInterval(() => this.#next(), FRAME_MS);
  }

  #next() {
    if (!this.node.offsetParent) return; // its tab is closed
    this.at = (this.at + 1) % this.images.length;
    this.#draw();
  }

  #draw() {
    this.frame.show(this.images[this.at], this.scale ?? 1, this.words ?? "");
  }
}

/** A square white pad with one round brush. */
export class Pad {
  /** @param {string} id @param {string} key @param {number} brush pixels, of the pad's 320 */
  constructor(id, key, brush = 20) {
    this.side = 320;
    this.brush = brush;
    this.canvas = /** @type {HTMLCanvasElement} */ (element("canvas", { id, width: this.side, height: this.side, role: "img", label: key, tabindex: 0 }));
    const clear = element("button", { type: "button", class: "clear", id: `${id}-clear`, text: "clear", onclick: () => this.clear() });
    this.node = element("div", { class: "pad" }, this.canvas, clear);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { willReadFrequently: true }));
    this.clear();
    this.canvas.addEventListener("pointerdown", (event) => this.#draw(event, true));
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) for (const one of event.getCoalescedEvents?.() ?? [event]) this.#draw(one, false);
    });
  }

  clear() {
    this.context.fillStyle = "#ffffff";
    this.context.fillRect(0, 0, this.side, this.side);
  }

  /** What is on it, as RGBA. */
  get drawing() {
    return { pixels: this.context.getImageData(0, 0, this.side, this.side).data, side: this.side };
  }

  /** @param {PointerEvent} event @param {boolean} begin */
  #draw(event, begin) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.side, y = ((event.clientY - box.top) / box.height) * this.side;
    if (begin) {
      event.preventDefault();
      this.canvas.setPointerCapture(event.pointerId);
      this.last = [x, y];
    }
    const [fromX, fromY] = this.last ?? [x, y];
    Object.assign(this.context, { strokeStyle: "#1b1a17", lineWidth: this.brush, lineCap: "round", lineJoin: "round" });
    this.context.beginPath();
    this.context.moveTo(fromX, fromY);
    this.context.lineTo(x, y);
    this.context.stroke();
    this.last = [x, y];
  }
}
