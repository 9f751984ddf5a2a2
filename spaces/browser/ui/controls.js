/** The small parts that every panel is made of. */

import { say } from "./strings.js";

/** @typedef {Record<string, any>} Properties */

/**
 * An element. `text`, `placeholder`, `label` and `tip` name words that are translated; `on…` are listeners; the rest are
 * attributes.
 * @param {string} tag @param {Properties} properties @param {(Node | string)[]} children @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (["text", "placeholder", "label", "tip"].includes(name)) made.dataset[name] = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** @param {string} id @returns {any} the element of this id */
export function byId(id) {
  return document.getElementById(id);
}

/** The numeric value of a field. @param {string} id */
export function numberOf(id) {
  return byId(id).value.trim() === "" ? NaN : Number(byId(id).value);
}

/** A control under its label. @param {string} key @param {HTMLElement} control @param {string} [info] */
export function field(key, control, info) {
  const hint = info ? [element("small", { text: info, id: `${control.id}-info` })] : [];
  if (info) control.setAttribute("aria-describedby", `${control.id}-info`);
  return element("div", { class: "field" }, element("label", { for: control.id, text: key }), ...hint, control);
}

/** @param {string} key @param {string} id @param {[value: string, words: string, key?: string][]} options @param {string} [chosen] */
export function picker(key, id, options, chosen) {
  const select = element("select", { id });
  fill(/** @type {HTMLSelectElement} */ (select), options, chosen);
  return field(key, select);
}

/** @param {HTMLSelectElement} select @param {[value: string, words: string, key?: string][]} options @param {string} [chosen] */
export function fill(select, options, chosen) {
  select.replaceChildren(
    ...options.map(([value, words, key]) =>
      element("option", { value, text: key, selected: value === chosen }, key ? say(key) : words),
    ),
  );
}

/** @param {string} key @param {string} id @param {{value?: string, placeholder?: string, lines?: number, longest?: number, mode?: string}} options */
export function textbox(key, id, { value = "", placeholder, lines = 1, longest, mode }) {
  const shared = { id, placeholder, maxlength: longest, autocomplete: "off", spellcheck: "false", inputmode: mode };
  const box = lines > 1 ? element("textarea", { ...shared, rows: lines }) : element("input", { ...shared, type: "text" });
  /** @type {HTMLInputElement} */ (box).value = value;
  return field(key, box);
}

/**
 * A number that is typed or slid; `suffix` follows its label.
 * @param {string} key @param {string} id @param {[low: number, high: number, step: number, value: number]} range
 * @param {string} [info] @param {string} [suffix]
 */
export function slider(key, id, [low, high, step, value], info, suffix = "") {
  const shared = { min: low, max: high, step, value };
  const exact = /** @type {HTMLInputElement} */ (element("input", { id, type: "number", ...shared, inputmode: "decimal" }));
  const slide = /** @type {HTMLInputElement} */ (element("input", { type: "range", ...shared, label: key }));
  const colour = () => slide.style.setProperty("--share", String((Number(slide.value) - low) / (high - low)));
  slide.addEventListener("input", () => {
    exact.value = slide.value;
    colour();
  });
  exact.addEventListener("input", () => {
    slide.value = exact.value;
    colour();
  });
  colour();
  const hint = info ? [element("small", { text: info })] : [];
  const label = element("label", { for: id }, element("span", { text: key }), suffix);
  const head = element("div", { class: "head" }, label, exact);
  return element("div", { class: "field slider" }, head, ...hint, slide);
}

const DICE =
  '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><rect x="2" y="2" width="16" height="16" rx="3.5" ' +
  'fill="none" stroke="currentColor" stroke-width="1.6"/><g fill="currentColor"><circle cx="6.5" cy="6.5" r="1.5"/>' +
  '<circle cx="13.5" cy="6.5" r="1.5"/><circle cx="10" cy="10" r="1.5"/><circle cx="6.5" cy="13.5" r="1.5"/>' +
  '<circle cx="13.5" cy="13.5" r="1.5"/></g></svg>'; // prettier-ignore

/** Set a number that is typed or slid. @param {string} id @param {number} value */
export function slideTo(id, value) {
  byId(id).value = String(value);
  byId(id).dispatchEvent(new Event("input"));
}

/** A box to tick, beside its label. @param {string} key @param {string} id */
export function checkbox(key, id) {
  return element("div", { class: "field tick" }, element("input", { type: "checkbox", id }), element("label", { for: id, text: key }));
}

/** A seed, and a button that rolls another one and runs. @param {string} id @param {number} seed @param {() => void} run @param {string} key */
export function seedRow(id, seed, run, key = "seed") {
  const number = /** @type {HTMLInputElement} */ (element("input", { id, type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, value: seed, inputmode: "numeric" }));
  const dice = element("button", {
    type: "button", class: "dice", label: "dice", tip: "dice", id: `${id}-dice`,
    onclick: () => {
      number.value = String(Math.floor(Math.random() * 1_000_000));
      run();
    },
  }); // prettier-ignore
  dice.innerHTML = DICE;
  return element("div", { class: "field" }, element("label", { for: id, text: key }), element("div", { class: "row" }, number, dice));
}

/** Small buttons that fill something in and run. @param {string} id @param {string[]} labels @param {(label: string) => void} choose */
export function chips(id, labels, choose) {
  const buttons = labels.map((label, i) =>
    element("button", { type: "button", id: `${id}-${i}`, onclick: () => choose(label) }, label.trim().replace("\n", " ")),
  );
  return element("div", { class: "chips" }, ...buttons);
}

/** @param {...HTMLElement} children */
export function advanced(...children) {
  return element("details", { class: "advanced" }, element("summary", { text: "advanced" }), element("div", {}, ...children));
}

/** One sentence that says what happens here. @param {string} key */
export function intro(key) {
  return element("p", { class: "intro", text: key });
}

/**
 * The kinds of a tab for which there is a model: each a panel of its own.
 * @param {import("./page.js").Zoo} zoo @param {string} tab @param {{name: string, key: string, build: (zoo: import("./page.js").Zoo) => HTMLElement}[]} all
 */
export function kinds(zoo, tab, all) {
  const there = all.filter(({ name }) => zoo.offers[name].length);
  const tabs = tabbed("kinds", `tab_${tab}`, there.map(({ name, key, build }) => ({ name, key, build: () => build(zoo) })), zoo.opened);
  return { node: element("div", {}, tabs.list, ...tabs.panels), open: tabs.open, names: there.map(({ name }) => name) };
}

/**
 * Tabs by the pattern of the ARIA practices: arrow keys, Home and End move; a panel is built when it is first opened.
 * @param {string} style @param {string} prefix
 * @param {{name: string, key: string, build: () => HTMLElement}[]} tabs @param {(name: string) => void} [opened]
 * @returns {{list: HTMLElement, panels: HTMLElement[], open: (name: string) => void}}
 */
export function tabbed(style, prefix, tabs, opened) {
  const buttons = tabs.map(({ name, key }) =>
    element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, text: key, onclick: () => open(name) }),
  );
  const panels = tabs.map(({ name }) => element("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, hidden: true }));
  const list = element("div", { class: style, role: "tablist", label: prefix }, ...buttons);

  function open(/** @type {string} */ name) {
    opened?.(name);
    tabs.forEach((tab, i) => {
      const chosen = tab.name === name;
      buttons[i].setAttribute("aria-selected", String(chosen));
      buttons[i].tabIndex = chosen ? 0 : -1;
      panels[i].hidden = !chosen;
      if (chosen && !panels[i].firstChild) {
        panels[i].append(tab.build());
        panels[i].dispatchEvent(new CustomEvent("built", { bubbles: true }));
      }
    });
  }
  list.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((button) => button === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[(to + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  return { list, panels, open };
}
