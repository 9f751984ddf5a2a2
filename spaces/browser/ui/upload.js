/** A picture that a visitor has, or one of those that came with a model; it can be painted over where it is damaged. */

import { Failed } from "./client.js";
import { element } from "./controls.js";
import { say } from "./strings.js";

/** @typedef {import("../generate/translate.js").Picture} Picture */

/** Bytes of a file, before anything else of it is looked at; pixels above which a picture is made smaller at once. */
const MAX_BYTES = 32e6, MAX_PIXELS = 4e6;
/** Width of the brush, as a share of the picture's longer side. */
const BRUSH = 1 / 10;

export class Upload {
  /** @param {import("./page.js").Zoo} zoo @param {string} id @param {() => void} [marked] hears that the picture was painted over */
  constructor(zoo, id, marked) {
    this.zoo = zoo;
    this.id = id;
    this.marked = marked;
    this.canvas = /** @type {HTMLCanvasElement} */ (element("canvas", { id, role: "img", label: "picture" }));
    this.layer = /** @type {HTMLCanvasElement} */ (element("canvas", { id: `${id}-marks`, class: "marks", role: "img", label: "marks", hidden: true }));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { willReadFrequently: true }));
    this.painting = /** @type {CanvasRenderingContext2D} */ (this.layer.getContext("2d", { willReadFrequently: true }));
    this.clearer = element("button", { type: "button", class: "choose", id: `${id}-clear`, text: "clear", hidden: true, onclick: () => this.#unmark() });
    this.stage = element("div", { class: "stage", hidden: true }, this.canvas, this.layer);
    this.file = /** @type {HTMLInputElement} */ (element("input", { type: "file", accept: "image/*", id: `${id}-file`, label: "choose_picture", hidden: true }));
    this.file.addEventListener("change", () => {
      if (this.file.files?.length) this.#choose(this.file.files[0]);
      this.file.value = ""; // so that the same file can be chosen again
    });
    const choose = element("button", { type: "button", class: "choose", id: `${id}-choose`, text: "choose_picture", onclick: () => this.file.click() });
    this.told = element("p", { class: "told", role: "status", id: `${id}-told` });
    this.samples = element("div", { class: "samples", id: `${id}-examples` });
    this.credit = element("small", {});
    this.offered = element("div", { class: "offered", hidden: true }, element("small", { text: "examples" }), this.samples, this.credit);
    this.node = element("div", { class: "upload" }, this.stage, element("div", { class: "row" }, choose, this.clearer), this.file, this.told, this.offered);
    this.node.addEventListener("dragover", (event) => event.preventDefault());
    this.node.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer?.files.length) this.#choose(event.dataTransfer.files[0]);
    });
    this.layer.addEventListener("pointerdown", (event) => this.#paint(event, true));
    this.layer.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.#paint(event, false);
    });
  }

  /** The picture. Throws Failed where there is none. @returns {Picture} */
  get picture() {
    if (this.stage.hidden) throw new Failed("error_no_picture", {});
    const { width, height } = this.canvas;
    return { pixels: this.context.getImageData(0, 0, width, height).data, width, height };
  }

  /** How much of each pixel is painted over. @returns {Uint8Array} */
  get marks() {
    const { width, height } = this.layer;
    const pixels = this.painting.getImageData(0, 0, width, height).data;
    return Uint8Array.from({ length: width * height }, (_, i) => pixels[4 * i + 3]);
  }

  /** Whether the picture can be painted over. @param {boolean} able */
  mark(able) {
    this.layer.hidden = this.clearer.hidden = !able;
  }

  /** Offer the pictures that came with a checkpoint. @param {import("./page.js").Card} card */
  async offer({ name, examples }) {
    this.offered.hidden = true;
    if (!examples) return;
    try {
      const { result } = await this.zoo.client.ask("examples", { name }).answer;
      const side = result.height, row = new ImageData(result.pixels, result.width, side);
      this.samples.replaceChildren(
        ...examples.names.map((example, i) => {
          const small = /** @type {HTMLCanvasElement} */ (element("canvas", { width: side, height: side, "aria-hidden": "true" }));
          /** @type {CanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(row, -i * side, 0);
          return element("button", { type: "button", "aria-label": example, title: example, id: `${this.id}-example-${i}`, onclick: () => this.#take(small) }, small);
        }),
      );
      this.credit.textContent = examples.credit;
      this.offered.hidden = false;
    } catch (error) {
      if (!(error instanceof Failed)) throw error; // without a network there are no examples; a file can be chosen
    }
  }

  /** @param {File} file */
  async #choose(file) {
    try {
      if (file.size > MAX_BYTES) throw new Failed("error_large_file", { given: file.size / 1e6, limit: MAX_BYTES / 1e6 });
      const image = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
        throw new Failed("error_picture", {});
      });
      this.#take(image);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.told.classList.add("failed");
      this.told.textContent = say(error.key, error.values);
    }
  }

  /** @param {ImageBitmap | HTMLCanvasElement} image */
  #take(image) {
    const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (image.width * image.height)));
    const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.floor(side * scale)));
    for (const canvas of [this.canvas, this.layer]) [canvas.width, canvas.height] = [width, height];
    this.context.fillStyle = "#ffffff";
    this.context.fillRect(0, 0, width, height);
    this.context.drawImage(image, 0, 0, width, height);
    this.stage.style.setProperty("--ratio", String(width / height));
    this.stage.hidden = false;
    this.told.classList.remove("failed");
    this.told.textContent = "";
  }

  #unmark() {
    this.painting.clearRect(0, 0, this.layer.width, this.layer.height);
  }

  /** @param {PointerEvent} event @param {boolean} begin */
  #paint(event, begin) {
    const box = this.layer.getBoundingClientRect(), scale = this.layer.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    if (begin) {
      event.preventDefault();
      this.layer.setPointerCapture(event.pointerId);
      this.last = [x, y];
    }
    const [fromX, fromY] = this.last ?? [x, y];
    const lineWidth = BRUSH * Math.max(this.layer.width, this.layer.height);
    Object.assign(this.painting, { strokeStyle: "#b0402d", lineWidth, lineCap: "round", lineJoin: "round" });
    this.painting.beginPath();
    this.painting.moveTo(fromX, fromY);
    this.painting.lineTo(x, y);
    this.painting.stroke();
    this.last = [x, y];
    this.marked?.();
  }
}
