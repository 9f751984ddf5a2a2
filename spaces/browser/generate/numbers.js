/** Numbers as people write them, in digits, English or Chinese, and back into words (zoo/generate/numbers.py). */

const ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " +
  "seventeen eighteen nineteen").split(" "); // prettier-ignore
const TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const SMALL = new Map([...ONES.map((word, value) => /** @type {[string, number]} */ ([word, value])), ["oh", 0], ["nought", 0]]);
const ROUND = new Map(TENS.map((word, i) => [word, 10 * (i + 2)]));
const CHINESE = "〇一二三四五六七八九";
const NUMERALS = "〇零○一二三四五六七八九壹贰貳叁參肆伍陆陸柒捌玖兩两幺拾佰仟萬";
const MEANING = "000123456789122334566789221十百千万";
/** Chinese numerals, everyday and formal, simplified and traditional -> ASCII digits and everyday units. */
const TO_DIGITS = new Map([...NUMERALS].map((numeral, i) => [numeral, [...MEANING][i]]));
const SECTION = /^(?:([1-9])千)?0?(?:([1-9])百)?0?(?:([1-9]?)十)?0?([1-9])?$/;

/** "7", "042", "1,234", "forty-two", "four two", "四十二", "四二" -> decimal digits, else null. @returns {string | null} */
export function digitsOf(/** @type {string} */ given) {
  const text = given.normalize("NFKC").trim().toLowerCase();
  if (/^([0-9]+(?: [0-9]+)*|[0-9]{1,3}(?:,[0-9]{3})+)$/.test(text)) return text.replace(/[, ]/g, "");
  if (/^[a-z]+(?:[\s,-]+[a-z]+)*$/.test(text)) return fromEnglish(text.split(/[\s,-]+/));
  return fromChinese([...text.replace(/\s/g, "")].map((character) => TO_DIGITS.get(character) ?? character).join(""));
}

/** Words of a number, or of numbers said one after the other. @param {string[]} said */
function fromEnglish(said) {
  const words = said[0] === "a" ? ["one", ...said.slice(1)] : said;
  let found = "";
  for (let at = 0; at < words.length; ) {
    const [value, after] = englishNumber(words, at);
    if (after === at) return null;
    found += value;
    at = after;
  }
  return found;
}

/** The longest number that begins at `at`, and where it ends. @param {string[]} words @param {number} at */
function englishNumber(words, at) {
  let total = 0;
  for (const [word, size] of /** @type {[string, number][]} */ ([["million", 1e6], ["thousand", 1e3], ["", 1]])) {
    const start = at + (total > 0 && words[at] === "and" ? 1 : 0);
    const [value, after] = belowThousandAt(words, start);
    if (after === start || (total && !value)) continue;
    if (!word) return [total + value, after];
    if (value && words[after] === word) {
      total += value * size;
      at = after + 1;
    }
  }
  return [total, at];
}

/** @param {string[]} words @param {number} at */
function belowThousandAt(words, at) {
  let [value, after] = belowHundredAt(words, at);
  if (value && words[after] === "hundred") {
    value *= 100;
    after += 1;
    const [rest, end] = belowHundredAt(words, after + (words[after] === "and" ? 1 : 0));
    if (rest) return [value + rest, end];
  }
  return [value, after];
}

/** @param {string[]} words @param {number} at */
function belowHundredAt(words, at) {
  const small = SMALL.get(words[at]), round = ROUND.get(words[at]);
  if (small !== undefined) return [small, at + 1];
  if (round === undefined) return [0, at];
  const ones = SMALL.get(words[at + 1]) ?? 0;
  return 0 < ones && ones < 10 ? [round + ones, at + 2] : [round, at + 1];
}

/** Numerals already turned into ASCII digits and 十百千万. @param {string} text */
function fromChinese(text) {
  if (/^[0-9]+$/.test(text)) return text;
  const mark = text.lastIndexOf("万"), low = text.slice(mark + 1);
  let below = section(low);
  if (mark < 0 || below === null) return below === null || !text ? null : String(below);
  const above = section(text.slice(0, mark));
  if (!above) return null;
  if (/^[1-9]$/.test(low)) below *= 1000; // 三万五 is 35,000
  return String(above * 10_000 + below);
}

/** A number below ten thousand, such as 1千02十6, 十5 or 3百5 (which is 350). @param {string} text */
function section(text) {
  const match = SECTION.exec(text);
  if (!match) return null;
  const [, thousands, hundreds, tens, ones] = match;
  let value = 1000 * Number(thousands ?? 0) + 100 * Number(hundreds ?? 0);
  if (tens !== undefined) value += 10 * Number(tens || 1);
  if (ones) value += Number(ones) * ({ 千: 100, 百: 10 }[text.slice(-2, -1)] ?? 1);
  return value;
}

/** Decimal digits -> "forty-two"; with leading zeros, or beyond nine digits, word by word. */
export function inEnglish(/** @type {string} */ digits) {
  if (digits.length > 9 || (digits[0] === "0" && digits.length > 1)) return [...digits].map((digit) => ONES[Number(digit)]).join(" ");
  let rest = Number(digits);
  const groups = [];
  for (const [size, word] of /** @type {[number, string][]} */ ([[1e6, " million"], [1e3, " thousand"], [1, ""]])) {
    const group = Math.floor(rest / size);
    rest %= size;
    if (group) groups.push(belowThousand(group) + word);
  }
  return groups.join(" ") || ONES[0];
}

/** @param {number} number */
function belowThousand(number) {
  const hundreds = Math.floor(number / 100), rest = number % 100, ones = rest % 10;
  const small = rest < 20 ? ONES[rest] : TENS[Math.floor(rest / 10) - 2] + (ones ? `-${ONES[ones]}` : "");
  return [...(hundreds ? [`${ONES[hundreds]} hundred`] : []), ...(rest ? [small] : [])].join(" ");
}

/** Decimal digits -> 四十二; with leading zeros, or beyond eight digits, digit by digit. */
export function inChinese(/** @type {string} */ digits) {
  if (digits.length > 8 || (digits[0] === "0" && digits.length > 1)) return [...digits].map((digit) => CHINESE[Number(digit)]).join("");
  const high = Math.floor(Number(digits) / 10_000), low = Number(digits) % 10_000;
  const text = (high ? `${chineseSection(high)}万${0 < low && low < 1000 ? "零" : ""}` : "") + chineseSection(low);
  return (text.startsWith("一十") ? text.slice(1) : text) || "零";
}

/** @param {number} number */
function chineseSection(number) {
  let text = "", gap = false;
  for (const [unit, name] of /** @type {[number, string][]} */ ([[1000, "千"], [100, "百"], [10, "十"], [1, ""]])) {
    const digit = Math.floor(number / unit);
    number %= unit;
    if (digit) text += (gap && text ? "零" : "") + CHINESE[digit] + name;
    gap = !digit;
  }
  return text;
}
