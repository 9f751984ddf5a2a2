/** A word that a visitor says: recorded with the microphone for a few seconds, or taken from a file of his. */

import { Failed } from "./client.js";
import { element } from "./controls.js";
import { Player } from "./player.js";
import { say } from "./strings.js";
import { checkSeconds, JUDGE_RATE } from "../generate/speech.js";
import { InputError } from "../generate/inputs.js";

/** @typedef {{waveform: Float32Array, rate: number}} Recording waveform in [-1, 1], samples a second */

/** Seconds after which a recording ends by itself. */
const SECONDS = 4;
/** Bytes of a file, before anything else of it is looked at. */
const MAX_BYTES = 32e6;
/** Samples a second that a file is read at unless it is a WAV, which says its own. */
const USUAL_RATE = 48_000;
const MICROPHONE =
  '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><rect x="7" y="1.8" width="6" height="10.4" rx="3" fill="currentColor"/>' +
  '<path d="M4 9.5a6 6 0 0 0 12 0M10 15.5v2.7" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/></svg>'; // prettier-ignore
/** What a browser calls its refusals. @type {Record<string, string>} */
const REFUSALS = { NotAllowedError: "mic_refused", SecurityError: "mic_refused", NotFoundError: "mic_none", NotReadableError: "mic_busy", AbortError: "mic_busy" };

export class Recorder {
  /** @param {string} id @param {() => void} taken hears that there is a new recording */
  constructor(id, taken) {
    this.taken = taken;
    /** @type {Recording | undefined} */
    this.recording = undefined;
    /** @type {MediaRecorder | undefined} */
    this.recorder = undefined;
    this.asking = false;
    this.words = element("span", { text: "record" });
    this.button = element("button", { type: "button", class: "record", id: `${id}-record`, onclick: () => this.#record() });
    this.button.innerHTML = MICROPHONE;
    this.left = element("span", { class: "left", "aria-hidden": "true" });
    this.button.append(this.words, this.left);
    const file = /** @type {HTMLInputElement} */ (element("input", { type: "file", accept: "audio/*", id: `${id}-file`, label: "choose_sound", hidden: true }));
    file.addEventListener("change", () => {
      if (file.files?.length) this.#choose(file.files[0]);
      file.value = ""; // so that the same file can be chosen again
    });
    const choose = element("button", { type: "button", class: "choose", id: `${id}-choose`, text: "choose_sound", onclick: () => file.click() });
    this.status = element("p", { class: "told", role: "status", id: `${id}-told` });
    this.player = new Player(`${id}-sound`);
    this.node = element("div", { class: "recorder", id }, element("div", { class: "row" }, this.button, choose), file, this.status, this.player.node);
    this.node.addEventListener("dragover", (event) => event.preventDefault());
    this.node.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer?.files.length) this.#choose(event.dataTransfer.files[0]);
    });
  }

  async #record() {
    if (this.recorder) return this.recorder.stop();
    if (this.asking) return;
    this.asking = true;
    try {
      if (!navigator.mediaDevices || !globalThis.MediaRecorder) throw new Failed("mic_unsafe", {});
      this.#tell("mic_asked");
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const sound = await this.#recorded(stream).finally(() => stream.getTracks().forEach((track) => track.stop()));
      await this.#take(sound, NaN);
    } catch (error) {
      if (error instanceof Failed) this.#tell(error.key, error.values, true);
      else if (error instanceof DOMException) this.#tell(REFUSALS[error.name] ?? "mic_failed", { why: error.message || error.name }, true);
      else throw error;
    } finally {
      this.asking = false;
    }
  }

  /** What the microphone hears until Stop, or for a few seconds. @param {MediaStream} stream @returns {Promise<Blob>} */
  async #recorded(stream) {
    const recorder = new MediaRecorder(stream);
    /** @type {Blob[]} */
    const pieces = [];
    recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    const ended = new Promise((resolve, reject) => {
      recorder.addEventListener("stop", resolve);
      recorder.addEventListener("error", () => reject(new DOMException("", "NotReadableError")));
    });
    recorder.start();
    this.recorder = recorder;
    this.player.audio.pause();
    this.#label("stop_recording", true);
    this.#tell("recording_now");
    const end = performance.now() + 1000 * SECONDS;
    const count = () => {
      const seconds = (end - performance.now()) / 1000;
      this.left.textContent = say("took", { seconds: Math.max(1, Math.ceil(seconds)) });
      if (seconds <= 0 && recorder.state === "recording") recorder.stop();
    };
    count();
    const clock = setInterval(count, 100);
    try {
      await ended;
      return new Blob(pieces, { type: recorder.mimeType });
    } finally {
      clearInterval(clock);
      this.recorder = undefined;
      this.left.textContent = "";
      this.#label("record", false);
    }
  }

  /** A file of the visitor's, unless it is too large or says itself that it is too long. @param {File} file */
  async #choose(file) {
    if (file.size > MAX_BYTES) this.#tell("error_large_file", { given: file.size / 1e6, limit: MAX_BYTES / 1e6 }, true);
    else await this.#take(file, await secondsOf(file));
  }

  /**
   * Reads a sound and shows it; what cannot be read is told.
   * @param {Blob} file @param {number} seconds that it says it lasts, NaN where it does not
   */
  async #take(file, seconds) {
    try {
      if (Number.isFinite(seconds)) checkSeconds(seconds); // before it is unfolded
      this.recording = await decoded(file);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return this.#tell(error.key, error.values, true);
    }
    this.#tell("");
    this.player.show(this.recording.waveform, this.recording.rate, file);
    this.taken();
  }

  /** @param {string} key @param {boolean} recording */
  #label(key, recording) {
    this.words.dataset.text = key;
    this.words.textContent = say(key);
    this.button.classList.toggle("recording", recording);
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  #tell(key, values = {}, failed = false) {
    this.status.textContent = key && say(key, values);
    this.status.classList.toggle("failed", failed);
  }
}

/** The sound of a file, the mean of its channels. Throws InputError for what is no sound, too short or too long. @param {Blob} file @returns {Promise<Recording>} */
async function decoded(file) {
  const bytes = await file.arrayBuffer();
  let sound;
  try {
    sound = await new OfflineAudioContext(1, 1, rateOf(bytes)).decodeAudioData(bytes);
  } catch {
    throw new InputError("error_sound");
  }
  checkSeconds(sound.duration);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  const waveform = channels[0].map((_, t) => channels.reduce((sum, channel) => sum + channel[t], 0) / channels.length);
  const peak = waveform.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return { waveform: peak > 1 ? waveform.map((value) => value / peak) : waveform, rate: sound.sampleRate };
}

/** Seconds that a sound says it lasts, NaN where it does not say soon. @param {Blob} file @returns {Promise<number>} */
async function secondsOf(file) {
  const audio = new Audio();
  audio.preload = "metadata";
  await new Promise((resolve) => {
    audio.onloadedmetadata = audio.onerror = resolve;
    setTimeout(resolve, 2000); // some phones look at a sound only when it is played
    audio.src = URL.createObjectURL(file);
  });
  URL.revokeObjectURL(audio.src);
  return audio.duration;
}

/** The rate of a WAV that a browser can read at; the decoder would bring anything to the rate it is asked for. @param {ArrayBuffer} bytes */
function rateOf(bytes) {
  const view = new DataView(bytes), name = (/** @type {number} */ at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (bytes.byteLength < 44 || name(0) !== "RIFF" || name(8) !== "WAVE") return USUAL_RATE;
  for (let at = 12; at + 24 <= bytes.byteLength; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) % 2)) {
    const rate = view.getUint32(at + 12, true);
    if (name(at) === "fmt ") return rate >= JUDGE_RATE && rate <= 96_000 ? rate : USUAL_RATE;
  }
  return USUAL_RATE;
}
