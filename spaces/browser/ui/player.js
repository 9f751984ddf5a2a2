/** A sound on the page: its waveform, a button that plays it, and a place to seek in it. */

import { element } from "./controls.js";
import { say } from "./strings.js";

const PLAY = '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M5 3.2v13.6a.8.8 0 0 0 1.2.7l11-6.8a.8.8 0 0 0 0-1.4l-11-6.8a.8.8 0 0 0-1.2.7z" fill="currentColor"/></svg>';
const PAUSE = '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M4.5 3h4v14h-4zM11.5 3h4v14h-4z" fill="currentColor"/></svg>';

export class Player {
  /** @param {string} id */
  constructor(id) {
    this.audio = new Audio();
    this.canvas = /** @type {HTMLCanvasElement} */ (element("canvas", { "aria-hidden": "true" }));
    this.button = element("button", { type: "button", class: "play", id: `${id}-play`, label: "play", onclick: () => (this.audio.paused ? this.play() : this.audio.pause()) });
    this.seek = /** @type {HTMLInputElement} */ (element("input", { type: "range", min: 0, max: 1, step: "any", value: 0, label: "position" }));
    this.time = element("span", { class: "time" });
    this.saver = element("button", { type: "button", class: "save", text: "save", id: `${id}-save`, onclick: () => this.save?.() });
    this.node = element("div", { class: "sheet player", id, hidden: true }, this.button,
      element("div", { class: "wave" }, this.canvas, this.seek), this.time, this.saver); // prettier-ignore
    /** @type {(() => void) | undefined} */
    this.save = undefined;
    /** @type {Float32Array} */
    this.waveform = new Float32Array(0);
    this.rate = 1;
    for (const event of ["play", "pause", "ended"]) this.audio.addEventListener(event, () => this.#look());
    this.seek.addEventListener("input", () => {
      this.audio.currentTime = Number(this.seek.value) * this.#seconds();
      this.#look();
    });
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  /**
   * A result, that is heard at once and can be saved, or (without `save`) what the visitor gave.
   * @param {Float32Array} waveform @param {number} rate @param {Blob} file @param {() => void} [save]
   */
  show(waveform, rate, file, save) {
    URL.revokeObjectURL(this.audio.src);
    this.audio.src = URL.createObjectURL(file);
    this.waveform = waveform;
    this.rate = rate;
    this.save = save;
    this.saver.hidden = !save;
    this.node.hidden = false;
    this.#look();
    if (save) this.play();
  }

  play() {
    this.audio.play().catch(() => this.#look()); // a browser that wants a click first: the button waits for it
  }

  #seconds() {
    return this.waveform.length / this.rate;
  }

  #look() {
    const paused = this.audio.paused || this.audio.ended;
    this.button.innerHTML = paused ? PLAY : PAUSE;
    this.button.dataset.label = paused ? "play" : "pause";
    this.button.setAttribute("aria-label", say(this.button.dataset.label));
    const at = Math.min(this.audio.ended ? 0 : this.audio.currentTime, this.#seconds());
    this.seek.value = String(at / this.#seconds());
    this.seek.setAttribute("aria-valuetext", `${at.toFixed(1)} s`);
    this.time.textContent = `${at.toFixed(1)} / ${this.#seconds().toFixed(1)} s`;
    this.#draw();
    if (!paused) requestAnimationFrame(() => this.#look());
  }

  #draw() {
    const density = devicePixelRatio, { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !this.waveform.length) return;
    [this.canvas.width, this.canvas.height] = [width * density, height * density];
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const style = getComputedStyle(this.node), bars = Math.floor(width / 5), played = Number(this.seek.value);
    context.scale(density, density);
    for (let bar = 0; bar < bars; bar++) {
      const from = Math.floor((bar * this.waveform.length) / bars), to = Math.floor(((bar + 1) * this.waveform.length) / bars);
      let peak = 0;
      for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(this.waveform[i]));
      const tall = Math.max(2, peak * height);
      context.fillStyle = style.getPropertyValue(bar / bars < played || played === 0 ? "--accent" : "--faint");
      context.beginPath();
      context.roundRect(bar * 5, (height - tall) / 2, 2.5, tall, 1.25);
      context.fill();
    }
  }
}
