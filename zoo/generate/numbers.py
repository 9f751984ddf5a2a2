"""Numbers as people write them, in digits, English or Chinese -> decimal digits, and back into words."""

from __future__ import annotations

import re
import unicodedata

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)} | {"oh": 0, "nought": 0}
_ROUND = {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_CHINESE = "〇一二三四五六七八九"
_TO_DIGITS = str.maketrans(
    "〇零○一二三四五六七八九壹贰貳叁參肆伍陆陸柒捌玖两兩幺拾佰仟萬",
    "00012345678912233456678922" + "1" + "十百千万",
)
"""Chinese numerals, everyday and formal, simplified and traditional -> ASCII digits and everyday units."""
_SECTION = re.compile("(?:([1-9])千)?0?(?:([1-9])百)?0?(?:([1-9]?)十)?0?([1-9])?")


def digits_of(text: str) -> str | None:
    """ "7", "042", "1,234", "seven", "forty-two", "four two", "七", "四十二", "四二" -> decimal digits, else None.

    Digits and words said one by one keep their leading zeros.
    """
    text = unicodedata.normalize("NFKC", text).strip().lower()
    if re.fullmatch(r"[0-9]+(?: [0-9]+)*|[0-9]{1,3}(?:,[0-9]{3})+", text):
        return re.sub("[, ]", "", text)
    if re.fullmatch(r"[a-z]+(?:[\s,-]+[a-z]+)*", text):
        return _from_english(re.split(r"[\s,-]+", text))
    return _from_chinese(re.sub(r"\s", "", text).translate(_TO_DIGITS))


def _from_english(words: list[str]) -> str | None:
    """Words of a number, or of numbers said one after the other ("four two", "twenty twenty-six")."""
    if words[0] == "a":
        words = ["one", *words[1:]]
    found, at = "", 0
    while at < len(words):
        value, after = _english_number(words, at)
        if after == at:
            return None
        found, at = f"{found}{value}", after
    return found


def _english_number(words: list[str], at: int) -> tuple[int, int]:
    """The longest number that begins at `at`, and where it ends (at `at` when none begins)."""
    total = 0
    for word, size in (("million", 1_000_000), ("thousand", 1_000), ("", 1)):
        start = at + (total > 0 and words[at : at + 1] == ["and"])
        value, after = _below_a_thousand_at(words, start)
        if after == start or (total and not value):
            continue
        if not word:
            return total + value, after
        if value and words[after : after + 1] == [word]:
            total, at = total + value * size, after + 1
    return total, at


def _below_a_thousand_at(words: list[str], at: int) -> tuple[int, int]:
    value, after = _below_a_hundred_at(words, at)
    if value and words[after : after + 1] == ["hundred"]:
        value, after = value * 100, after + 1
        start = after + (words[after : after + 1] == ["and"])
        rest, end = _below_a_hundred_at(words, start)
        if rest:
            return value + rest, end
    return value, after


def _below_a_hundred_at(words: list[str], at: int) -> tuple[int, int]:
    word, following = [*words[at : at + 2], "", ""][:2]
    if word in _SMALL:
        return _SMALL[word], at + 1
    if word not in _ROUND:
        return 0, at
    ones = _SMALL.get(following, 0)
    return (_ROUND[word] + ones, at + 2) if 0 < ones < 10 else (_ROUND[word], at + 1)


def _from_chinese(text: str) -> str | None:
    """Numerals already turned into ASCII digits and 十百千万: a number, or digits one by one."""
    if re.fullmatch("[0-9]+", text):
        return text
    high, mark, low = text.rpartition("万")
    below = _section(low)
    if not mark or below is None:
        return None if below is None or not text else str(below)
    above = _section(high)
    if not above:
        return None
    if re.fullmatch("[1-9]", low):  # 三万五 is 35,000
        below *= 1000
    return str(above * 10_000 + below)


def _section(text: str) -> int | None:
    """A number below ten thousand, such as 1千02十6, 十5 or 3百5 (which is 350)."""
    match = _SECTION.fullmatch(text)
    if match is None:
        return None
    thousands, hundreds, tens, ones = match.groups()
    value = 1000 * int(thousands or 0) + 100 * int(hundreds or 0)
    if tens is not None:
        value += 10 * int(tens or 1)
    if ones:
        value += int(ones) * {"千": 100, "百": 10}.get(text[-2:-1], 1)
    return value


def in_english(digits: str) -> str:
    """Decimal digits -> "forty-two"; with leading zeros, or beyond nine digits, word by word."""
    if len(digits) > 9 or (digits[0] == "0" and len(digits) > 1):
        return " ".join(_ONES[int(digit)] for digit in digits)
    rest, groups = int(digits), []
    for size, word in ((1_000_000, " million"), (1_000, " thousand"), (1, "")):
        group, rest = divmod(rest, size)
        if group:
            groups.append(_below_a_thousand(group) + word)
    return " ".join(groups) or _ONES[0]


def _below_a_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    small = _ONES[rest] if rest < 20 else _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
    return " ".join(([f"{_ONES[hundreds]} hundred"] if hundreds else []) + ([small] if rest else []))


def in_chinese(digits: str) -> str:
    """Decimal digits -> 四十二; with leading zeros, or beyond eight digits, digit by digit."""
    if len(digits) > 8 or (digits[0] == "0" and len(digits) > 1):
        return "".join(_CHINESE[int(digit)] for digit in digits)
    high, low = divmod(int(digits), 10_000)
    text = f"{_chinese_section(high)}万{'零' if 0 < low < 1000 else ''}" if high else ""
    text += _chinese_section(low)
    return text.removeprefix("一") if text.startswith("一十") else text or "零"


def _chinese_section(number: int) -> str:
    text, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += ("零" if gap and text else "") + _CHINESE[digit] + name
        gap = not digit
    return text
