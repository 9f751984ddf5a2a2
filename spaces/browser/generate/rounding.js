/** Rounding as Python does it. */

/** To the nearest whole number, halves to the even one. */
export function round(/** @type {number} */ value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** Into a range. @param {number} value @param {number} low @param {number} high */
export function clip(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
