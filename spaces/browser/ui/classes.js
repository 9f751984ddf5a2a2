/** The picker of a class, which follows that of the model. */

import { byId, fill, picker } from "./controls.js";
import { classNames } from "../generate/image.js";

/**
 * @param {import("./page.js").Zoo} zoo @param {string} prefix of the ids @param {HTMLElement} models the picker of the model
 * @param {string} first the model that is chosen at first @param {boolean} all whether all classes can be asked for in turn
 */
export function classPicker(zoo, prefix, models, first, all = false) {
  /** @param {string} model @returns {[string, string, string?][]} */
  const classes = (model) => {
    const names = classNames(zoo.card(model)).map((name, i) => /** @type {[string, string]} */ ([String(i), name]));
    return all || !names.length ? [["-1", "", "class_all"], ...names] : names;
  };
  const found = picker("class", `${prefix}-label`, classes(first));
  found.hidden = classes(first).length < 2;
  models.addEventListener("change", () => {
    const offered = classes(byId(`${prefix}-model`).value);
    fill(byId(`${prefix}-label`), offered);
    found.hidden = offered.length < 2;
  });
  return found;
}
