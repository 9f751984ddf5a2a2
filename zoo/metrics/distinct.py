"""How varied texts are: the share of distinct n-grams of words. It falls with length: compare equally long texts.

Li et al., "A diversity-promoting objective function for neural conversation models", NAACL 2016.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Words, signs, and Chinese characters one by one."""
    return _WORD.findall(text)


def distinct(passages: Sequence[Sequence[str]], n: int) -> float:
    """Of all runs of `n` words within the passages, the share that differ from each other; 0 where there are none."""
    grams = [tuple(words[i : i + n]) for words in passages for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0
