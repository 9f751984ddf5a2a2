/** The models' side of the page, in a worker of its own: the page never freezes, and Stop is always heard. */

import { Model } from "./engine/model.js";
import { start } from "./engine/runtime.js";
import { FileError, Store } from "./engine/store.js";
import { speak } from "./generate/audio.js";
import { reply } from "./generate/chat.js";
import { realise } from "./generate/crossmodal.js";
import { draw, interpolate, latentMap, reconstruct } from "./generate/image.js";
import { InputError } from "./generate/inputs.js";
import { classify, fill } from "./generate/masked.js";
import { write } from "./generate/prose.js";
import { edit, mix, stylesByClass } from "./generate/styles.js";
import { change, enlarge } from "./generate/translate.js";
import { pronounce, translate } from "./generate/translation.js";
import { compose } from "./generate/verse.js";

/** What only looks, and waits for nobody. */
const LOOKS = new Set(["kept", "examples"]);
/** Milliseconds between two reports of a run's progress, and between two moments at which Stop is heard. */
const SHOWN_EVERY = 40, HEARD_EVERY = 20;
const base = new URL(".", import.meta.url);

/** @type {Promise<{store: Store, cards: import("./engine/model.js").Card[]}> | undefined} */
let opened;
/** @type {Promise<Awaited<ReturnType<typeof start>>> | undefined} */
let running;
/** @type {Map<string, Model>} */
const models = new Map();
/** Runs that were stopped. @type {Set<number>} */
const stopped = new Set();
/** The run that is under way. */
let current = 0;
let queue = Promise.resolve();

async function open() {
  opened ??= (async () => {
    const [manifest, index] = await Promise.all(["manifest.json", "models.json"].map(fetched));
    const store = new Store(base, manifest.files);
    await store.tidy();
    return { store, cards: index.models };
  })();
  opened.catch(() => (opened = undefined)); // so that another click tries again
  return await opened;
}

/** A JSON file that says what there is; the service worker keeps it with the page. @param {string} file */
async function fetched(file) {
  const response = await fetch(new URL(file, base), { cache: "no-cache" }).catch(() => null);
  if (!response?.ok) throw new FileError(response ? "file_missing" : "file_unreachable", file);
  return await response.json();
}

/** @param {string} file @param {number} loaded @param {number} total */
function report(file, loaded, total) {
  postMessage({ loading: { file, loaded, total } });
}

async function engine() {
  const { store } = await open();
  running ??= start(store, report);
  running.catch(() => (running = undefined));
  return await running;
}

/** @param {string} name */
async function model(name) {
  const runtime = await engine();
  const { store, cards } = await open();
  let found = models.get(name);
  if (!found) {
    const card = cards.find((card) => card.name === name);
    if (!card) throw new FileError("file_missing", name);
    found = new Model(card, store, runtime, report);
    models.set(name, found);
  }
  return found;
}

/** What can be asked for: each gives a generator of steps, or the answer. @type {Record<string, (request: any) => any>} */
const TASKS = {
  warm: async () => {
    await engine();
  },
  kept: async () => {
    const { store, cards } = await open();
    const kept = await Promise.all(cards.map(async (card) => (await store.kept(filesOf(card))).length === card.files.length));
    return cards.filter((_, i) => kept[i]).map((card) => card.name);
  },
  keep: async ({ names }) => {
    await engine();
    const { store, cards } = await open();
    for (const card of cards.filter((card) => names.includes(card.name))) {
      for (const file of filesOf(card)) {
        if (stopped.has(current)) return;
        await store.bytes(file, report);
      }
    }
  },
  forget: async () => {
    const { store, cards } = await open();
    await store.forget(cards.flatMap(filesOf));
  },
  write: async (request) => write(await model(request.model), request),
  reply: async (request) => reply(await model(request.model), request),
  translate: async (request) => translate(await model(request.model), request),
  pronounce: async (request) => pronounce(await model(request.model), request),
  fill: async (request) => fill(await model(request.model), request),
  classify: async (request) => classify(await model(request.model), request),
  compose: async (request) => compose(await model(request.model), request),
  draw: async (request) => draw(await model(request.model), request),
  morph: async (request) => interpolate(await model(request.model), request),
  map: async (request) => latentMap(await model(request.model), request),
  redraw: async (request) => reconstruct(await model(request.model), request),
  styles: async (request) => stylesByClass(await model(request.model), request),
  mix: async (request) => mix(await model(request.model), request),
  edit: async (request) => edit(await model(request.model), request),
  change: async (request) => change(await model(request.model), request),
  enlarge: async (request) => enlarge(await model(request.model), request),
  examples: async ({ name }) => await examples(name),
  speak: async (request) => speak(await model(request.model), request),
  realise: async (request) => {
    const [judge, painter, voice] = [await model(request.judge), await model(request.painter), await model(request.voice)];
    return realise({ judge, painter, voice }, request);
  },
};

/** Pictures to begin with, that came with a checkpoint: squares in a row. @param {string} name */
async function examples(name) {
  const { store, cards } = await open();
  const card = cards.find((card) => card.name === name);
  const bytes = await store.bytes(`${card?.folder}examples.png`);
  const image = await createImageBitmap(new Blob([/** @type {BlobPart} */ (bytes)], { type: "image/png" }));
  const { width, height } = image;
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(width, height).getContext("2d"));
  context.drawImage(image, 0, 0);
  return { pixels: context.getImageData(0, 0, width, height).data, width, height };
}

/** @param {import("./engine/model.js").Card} card */
function filesOf(card) {
  return card.files.map((file) => card.folder + file);
}

/** Let messages in: a turn of the event loop, without the delay that timers have. */
function breathe() {
  return new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resume;
    port2.postMessage(null);
  });
}

/** @param {number} id @param {string} task @param {any} request */
async function serve(id, task, request) {
  try {
    const answer = await TASKS[task](request);
    const began = performance.now();
    if (typeof answer?.next !== "function") return postMessage({ id, result: answer });
    let last, shown = -Infinity, heard = began;
    for (;;) {
      const { value, done } = await answer.next();
      const now = performance.now();
      if (now - heard >= HEARD_EVERY) {
        await breathe();
        heard = performance.now();
      }
      if (stopped.has(id)) return postMessage({ id, halted: true, result: last });
      if (done) return postMessage({ id, result: value ?? last, seconds: (now - began) / 1000, provider: providerOf(request) });
      last = value;
      if (now - shown >= SHOWN_EVERY || value?.judged) {
        shown = now;
        postMessage({ id, step: value });
      }
    }
  } catch (error) {
    const known = error instanceof InputError || error instanceof FileError;
    if (!known) console.error(error);
    postMessage({ id, error: known ? { key: error.key, values: error.values } : { key: "error_inside", values: { why: String(error) } } });
  } finally {
    stopped.delete(id);
  }
}

/** @param {{model?: string}} request */
function providerOf(request) {
  const parts = models.get(request.model ?? "")?.parts.values() ?? [];
  return [...parts].some((part) => part.provider === "webgpu") ? "webgpu" : "wasm";
}

self.onmessage = ({ data }) => {
  if (data.stop) stopped.add(data.stop);
  else if (LOOKS.has(data.task)) serve(data.id, data.task, data.request);
  else {
    queue = queue.then(() => {
      current = data.id;
      return serve(data.id, data.task, data.request);
    });
  }
};
