/** The Models tab: what there is, what it scores, and what is kept on this device. */

import { Action } from "./action.js";
import { element, intro } from "./controls.js";
import { say } from "./strings.js";

/** @type {string[]} */
export const NAMES = [];

/** @param {import("./page.js").Zoo} zoo */
export function build(zoo) {
  const cards = zoo.index.models;
  const body = element("tbody", { id: "models-table" });
  const head = ["col_name", "col_figure", "col_licence", "col_size", "col_kept"].map((key) => element("th", { scope: "col", text: key }));

  async function look() {
    const { result: kept } = await zoo.client.ask("kept").answer;
    body.replaceChildren(
      ...cards.map((card) => {
        const here = kept.includes(card.name) ? "kept" : "not_kept";
        return element("tr", {},
          element("th", { scope: "row" }, card.name),
          element("td", {}, zoo.figure(card.name)),
          element("td", {}, zoo.licence(card.name)),
          element("td", { class: "number" }, (card.bytes / 1e6).toFixed(1)),
          element("td", { class: here, text: here }, say(here))); // prettier-ignore
      }),
    );
  }
  const action = new Action(zoo.client, "keep", {
    task: "keep",
    verb: "keep_all",
    request: () => ({ names: cards.map((card) => card.name) }),
    show: () => "",
  });
  const forget = element("button", { type: "button", class: "stop awake", id: "forget-all", text: "forget_all", onclick: () => zoo.client.ask("forget").answer.then(look) });
  const node = element("div", { class: "models" }, intro("models_intro"),
    element("div", { class: "sheet table", tabindex: 0, role: "region", label: "tab_models" },
      element("table", {}, element("thead", {}, element("tr", {}, ...head)), body)),
    element("form", { onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      action.run().then(look);
    } }, action.buttons, forget),
    action.status, ...left(zoo.index.absent)); // prettier-ignore
  look();
  return { node, open: look, names: [] };
}

/** What the zoo has besides, and why it is not in this page. @param {{name: string, why: string}[]} absent */
function left(absent) {
  if (!absent.length) return [];
  const rows = absent.map(({ name, why }) => element("div", {}, element("dt", {}, name), element("dd", { text: `why_${why}` })));
  return [intro("absent_intro"), element("dl", { class: "sheet absent", id: "models-absent" }, ...rows)];
}
