"""Written English -> the phonemes that are said: numbers, abbreviations and marks as words and pauses, words by a list.

The list, `pronunciations.txt`, has the words of the telephone prompts, letters and numbers as the CMU Pronouncing
Dictionary (BSD-2-Clause; (c) 1993-2015 Carnegie Mellon University) has them, and those of OWN, which it has not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

PAUSES = (",", ".")
"""A short one and a long one; a long one stands before and after everything that is said."""
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
SYMBOLS = (*PAUSES, *CONSONANTS, *(vowel + stress for vowel in VOWELS for stress in "012"))
"""What a voice reads, by number: pauses and the phonemes of ARPAbet, vowels with their stress (0 none, 1 first)."""
OWN = {
    "a.m": "EY1 EH1 M", "backtick": "B AE1 K T IH2 K", "caret": "K EH1 R AH0 T", "dahdi": "D AA1 D IY0",
    "digium": "D IH1 JH IY0 AH0 M", "exclaimation": "EH2 K S K L AH0 M EY1 SH AH0 N",
    "fourtieth": "F AO1 R T IY0 AH0 TH",
    "iax": "AY1 EY1 EH1 K S", "indentified": "AY0 D EH1 N T AH0 F AY2 D", "ivr": "AY1 V IY1 AA1 R",
    "lowercase": "L OW1 ER0 K EY2 S", "mgcp": "EH1 M JH IY1 S IY1 P IY1", "p.m": "P IY1 EH1 M",
    "pbx": "P IY1 B IY1 EH1 K S", "prepend": "P R IY0 P EH1 N D", "prepending": "P R IY0 P EH1 N D IH0 NG",
    "represenatives": "R EH2 P R AH0 Z EH1 N T AH0 T IH0 V Z", "rerecord": "R IY2 R AH0 K AO1 R D",
    "semicolon": "S EH1 M IY0 K OW2 L AH0 N", "sip": "S IH1 P", "touchtone": "T AH1 CH T OW2 N",
    "umute": "AH0 N M Y UW1 T", "undelete": "AH2 N D IH0 L IY1 T", "undeleted": "AH2 N D IH0 L IY1 T IH0 D",
    "unistim": "Y UW1 N IH0 S T IH2 M", "unmute": "AH0 N M Y UW1 T", "unmuted": "AH0 N M Y UW1 T IH0 D",
    "uppercase": "AH1 P ER0 K EY2 S", "witheld": "W IH0 TH HH EH1 L D",
    "www": "D AH1 B AH0 L Y UW0 D AH1 B AH0 L Y UW0 D AH1 B AH0 L Y UW0", "xray": "EH1 K S R EY2",
}  # fmt: skip
"""Words of the prompts that the dictionary lacks, misspelt ones among them."""
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIGNS = {"#": " pound ", "*": " star ", "&": " and ", "%": " percent ", "+": " plus ", "@": " at ", "=": " equals "}
_WORD = re.compile(r"[ap]\.m(?=\W|$)|[a-z]+(?:'[a-z]+)*|[0-9]|[,;:.!?…]+")
_LIST = Path(__file__).parent / "pronunciations.txt"


def spoken_items(text: str) -> list[str]:
    """Words in small letters and PAUSES, in order; digits are said one by one. What is no English letter, digit, sign
    or mark counts for nothing."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    found: list[str] = []
    for item in _WORD.findall(text):
        if item[0].isdigit():
            found.append(_DIGITS[int(item)])
        elif item[0].isalpha():
            found.append(item)
        elif found and found[-1] not in PAUSES:
            found.append("." if item[0] in ".!?" and not item.startswith("..") else ",")
    return found


def phonemes_of(items: Sequence[str], pronounce: Callable[[str], Sequence[str]]) -> list[str]:
    """Words and pauses -> symbols, between two long pauses; `pronounce` gives a word's phonemes.

    One letter by itself is said by its name.
    """
    if len([item for item in items if item not in PAUSES]) == 1 and items[0] == "a":
        items = ["ay"]
    found = ["."]
    for item in items:
        found += [item] if item in PAUSES else pronounce(item)
    return found if found[-1] == "." and len(found) > 1 else [*found, "."]


@cache
def pronunciations() -> dict[str, tuple[str, ...]]:
    """The list of words that are known."""
    lines = (line.split() for line in _LIST.read_text(encoding="utf-8").splitlines())
    return {word: tuple(phonemes) for word, *phonemes in lines} | {"ay": ("EY1",)}
