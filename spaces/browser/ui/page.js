/** The page around the tabs. */

import * as audio from "./audio.js";
import { Client } from "./client.js";
import { byId, element, tabbed } from "./controls.js";
import * as crossmodal from "./crossmodal.js";
import * as image from "./image.js";
import * as models from "./models.js";
import { say, switchLanguage, translate } from "./strings.js";
import * as text from "./text.js";

/**
 * @typedef {import("../engine/model.js").Card & {figure: {name: string, value: number, unit: string} | null,
 *   licence: string, bytes: number, pages: string[], examples: {names: string[], credit: string} | null}} Card
 * @typedef {{version: string, onnxruntime: string, judges: Record<string, string>, models: Card[],
 *   absent: {name: string, why: string}[]}} Index models.json
 */

/** What a page uses unless something else is chosen; it stands first among the choices. @type {Record<string, string>} */
const FIRST = { write: "gpt.shakespeare", poem: "gpt.tang", draw: "dcgan.mnist", morph: "vae.mnist", map: "vae.mnist", redraw: "vae.mnist" };
/** Names of the speakers of a data set, in the order of its speaker numbers. @type {Record<string, string[]>} */
const SPEAKERS = { spoken_digits: ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"] };

/** What every tab needs to know. */
export class Zoo {
  /** @param {Index} index */
  constructor(index) {
    this.index = index;
    this.client = new Client();
    this.opened = (/** @type {string} */ name) => history.replaceState(null, "", `#${name}`);
    const able = (/** @type {string} */ page) => {
      const names = index.models.filter((card) => card.pages.includes(page)).map((card) => card.name);
      return names.sort((a, b) => Number(b === FIRST[page]) - Number(a === FIRST[page]));
    };
    /** Names of the checkpoints by the page that they are for. @type {Record<string, string[]>} */
    this.offers = Object.fromEntries([...text.NAMES, ...image.NAMES, "speak"].map((page) => [page, able(page)]));
    /** Those that read, draw and say a number. */
    this.numbers = { judge: index.judges.mnist ?? "", painter: "dcgan.mnist", voice: "wavenet.spoken-digits" };
    /** The judge that hears what a visitor says, "" where the page has none. */
    this.listener = index.judges.spoken_digits ?? "";
  }

  /** @param {string} name @returns {Card} */
  card(name) {
    return /** @type {Card} */ (this.index.models.find((card) => card.name === name));
  }

  /** Whether a number can be turned into its other forms. */
  get counts() {
    return Object.values(this.numbers).every((name) => this.card(name));
  }

  /** The voices of a checkpoint; numbered where its data set does not name them. @param {string} name */
  speakers(name) {
    const { config, dataset } = this.card(name);
    return Array.from({ length: config.num_speakers }, (_, i) => SPEAKERS[dataset]?.[i] ?? `speaker ${i + 1}`);
  }

  /** @param {string} offer @returns {[string, string][]} */
  options(offer) {
    return this.offers[offer].map((name) => [name, name]);
  }

  /** The headline figure in words: "judge agreement 98.9 %", "loss 1.52 nats a character". @param {string} model */
  figure(model) {
    const figure = this.card(model).figure;
    if (!figure) return "";
    const { name, value, unit } = figure;
    if (unit === "share") return `${name} ${(100 * value).toFixed(1)} %`;
    const amount = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3));
    return `${name} ${amount} ${unit}`.trimEnd();
  }

  /** The licence as it is commonly written: "Apache-2.0", "CC-BY-SA-4.0". @param {string} model */
  licence(model) {
    const short = ["cc", "by", "sa", "nc", "mit"];
    const parts = this.card(model).licence.split("-");
    return parts.map((part) => (short.includes(part) ? part.toUpperCase() : part.slice(0, 1).toUpperCase() + part.slice(1))).join("-");
  }

  /** One quiet line: "dcgan.mnist · seed 7 · judge agreement 98.9 % · Apache-2.0 · weights 1a2b3c4d". @param {string} name @param {number} [seed] */
  sourceLine(name, seed) {
    const weights = `weights ${this.card(name).sha256.slice(0, 8)}`;
    return [name, seed === undefined ? "" : `seed ${seed}`, this.figure(name), this.licence(name), weights].filter(Boolean).join(" · ");
  }
}

/** Light or dark: as the device says, until the visitor does. */
function shade() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  /** @type {string | null} */
  let chosen = null;
  try {
    chosen = localStorage.getItem("zoo-shade");
  } catch {
    // The browser lets this page keep nothing: the choice lasts as long as the page.
  }
  const wanted = () => chosen ?? (dark.matches ? "dark" : "light");
  const apply = () => (document.documentElement.dataset.shade = wanted());
  dark.addEventListener("change", apply);
  byId("shade").addEventListener("click", () => {
    chosen = wanted() === "dark" ? "light" : "dark";
    apply();
    try {
      localStorage.setItem("zoo-shade", chosen);
    } catch {
      // As above.
    }
  });
  apply();
}

/** Keep the page on this device; a new version waits until the visitor takes it. */
async function keepPage() {
  if (!navigator.serviceWorker) return; // not everywhere: only where the page was loaded safely
  const known = Boolean(navigator.serviceWorker.controller);
  const registration = await navigator.serviceWorker.register(new URL("../service-worker.js", import.meta.url), { updateViaCache: "none" });
  const offer = () => {
    if (registration.waiting && known) byId("update").hidden = false;
  };
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
  offer();
  byId("reload").addEventListener("click", () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
    registration.waiting?.postMessage("take over");
  });
}

/** @param {Zoo} zoo */
function build(zoo) {
  const { offers } = zoo;
  const there = (/** @type {string[]} */ pages) => pages.some((page) => offers[page].length);
  const modules = {
    ...(there(text.NAMES) ? { text } : {}),
    ...(there(image.NAMES) ? { image } : {}),
    ...(offers.speak.length ? { audio } : {}),
    ...(zoo.counts ? { crossmodal } : {}),
    models,
  };
  const wanted = location.hash.slice(1);
  /** @type {Record<string, {node: HTMLElement, open: (name: string) => void, names: string[]}>} */
  const built = {};
  const tabs = tabbed("tabs", "name", Object.entries(modules).map(([name, module]) => ({
    name,
    key: `tab_${name}`,
    build: () => {
      built[name] = module.build(zoo);
      const { names, open } = built[name];
      if (names.length) open(names.includes(wanted) ? wanted : firstOf(built[name].node));
      return built[name].node;
    },
  })), (name) => {
    zoo.opened(name);
    if (name === "models") built[name]?.open(name);
  }); // prettier-ignore
  byId("tabs").replaceWith(tabs.list);
  byId("main").replaceChildren(...tabs.panels);
  byId("main").addEventListener("built", (/** @type {Event} */ event) => translate(/** @type {HTMLElement} */ (event.target)));
  const holder = Object.entries(modules).find(([name, { NAMES }]) => name === wanted || NAMES.includes(wanted))?.[0];
  tabs.open(holder ?? Object.keys(modules)[0]);
  translate();
}

/** The kind that stands first in a tab. @param {HTMLElement} node */
function firstOf(node) {
  return /** @type {HTMLElement} */ (node.querySelector("[role=tab]")).id.slice("tab-".length);
}

async function begin() {
  shade();
  translate();
  byId("language").addEventListener("click", switchLanguage);
  try {
    const response = await fetch(new URL("../models.json", import.meta.url), { cache: "no-cache" }).catch(() => null);
    if (!response?.ok) throw new Error(say(response ? "file_missing" : "file_unreachable", { file: "models.json" }));
    const zoo = new Zoo(await response.json());
    build(zoo);
    keepPage().catch(console.warn);
    // The engine comes while the visitor looks around, unless he counts his bytes.
    const saving = /** @type {any} */ (navigator).connection?.saveData;
    if (!saving) zoo.client.ask("warm").answer.catch(() => {}); // it is asked for again, and told of, by the first run
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    byId("main").replaceChildren(element("p", { class: "status failed", role: "alert" }, error.message));
  }
}

begin();
