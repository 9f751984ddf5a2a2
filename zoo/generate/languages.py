"""Which language a text is in, as far as two languages can be told, and whether a model of those two can read it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from zoo.data.dialogue import UNKNOWN_PIECE
from zoo.data.tokenizer import UNKNOWN
from zoo.generate.inputs import InputError
from zoo.generate.verse import is_han

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_UNKNOWN = 0.2
"""Share of a text's tokens that may be unknown."""
MOST_PIECES, FEWEST_WORDS = 2.0, 4
"""Tokens a word above which Latin letters are taken for another language than English, in texts of so many words."""
_ENGLISH = frozenset(
    re.findall(
        r"[\w']+",
        "the and is are it it's that that's you you're i'm he she they we what who how when of to for with not no "
        "don't yes yeah my your his her their this these have has had like all but about if some good best think know "
        "by isn't wasn't",
    )
)
"""Words without which few English sentences do, and other languages mostly."""
_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "\u3000": " ", "\t": " "})


def plain(text: str) -> str:
    """Typographic quotes and spaces as the dialogues have them, and lines as one."""
    return " ".join(text.translate(_TYPOGRAPHY).split())


def language_of(text: str) -> str:
    """Chinese, "zh", for a text with a Chinese character, else "en"."""
    return "zh" if any(map(is_han, text)) else "en"


def check_language(tokenizer: Tokenizer, text: str, name: str) -> None:
    """Raise InputError for a text that a model of English and Chinese, chosen as `name`, cannot read.

    That is: letters of another script; more than a fifth of its letters unknown, as most traditional characters are; or
    Latin words none of which is common English, and which fall into many pieces. The last is a guess: short texts pass.
    """
    strange = [c for c in text if c.isalpha() and not is_han(c) and not unicodedata.name(c, "").startswith("LATIN")]
    if strange:
        shown = " ".join(dict.fromkeys(strange[:8]))
        raise InputError(f"{name} has learnt English and Chinese, and cannot read {shown}")
    unknown = {tokenizer.token_to_id(token) for token in (UNKNOWN, UNKNOWN_PIECE)}
    letters = "".join(c if c.isalpha() else " " for c in text)
    for part, most in ((letters, MOST_UNKNOWN), (text, 0.99)):  # of a smiley alone nothing is known
        ids = tokenizer.encode(part, add_special_tokens=False).ids
        if sum(i in unknown for i in ids) > most * len(ids):
            raise InputError(f"{name} has never read most of this; it has learnt English and simplified Chinese")
    latin = "".join(c if c == "'" or _is_latin(c) else " " for c in text).split()
    if len(latin) < FEWEST_WORDS or language_of(text) == "zh" or any(word.lower() in _ENGLISH for word in latin):
        return
    pieces = sum(len(tokenizer.encode(" " + word, add_special_tokens=False).ids) for word in latin)
    if pieces > MOST_PIECES * len(latin):
        raise InputError(f"{name} has learnt English and Chinese; this does not read like either")


def _is_latin(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith("LATIN")
