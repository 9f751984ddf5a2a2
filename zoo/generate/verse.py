"""Regulated verse by constrained decoding: the form holds whatever the model would rather write.

At each position the form says what may stand there: a Chinese character, the first character that an acrostic
asks for, or a punctuation mark. Only these keep their probability; the rest is forbidden before the draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.data.text import COMMA, FORMS, SPECIAL, STOP, poem_prefix
from zoo.data.tokenizer import UNKNOWN
from zoo.engine import Network
from zoo.generate.sampling import choose, penalise
from zoo.noise import Noise


def is_han(text: str) -> bool:
    """Whether text is one Chinese character (the unified ideographs, with their extensions)."""
    if len(text) != 1:
        return False
    code = ord(text)
    return 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0x20000 <= code <= 0x323AF or code == 0x3007


def keeps_form(lines: Sequence[str], form: str) -> bool:
    """Whether a poem has as many lines, each of as many Chinese characters, as its form asks."""
    count, length = FORMS[form]
    return len(lines) == count and all(len(line) == length and all(map(is_han, line)) for line in lines)


def allowed_characters(tokenizer: Any) -> np.ndarray:
    """Which tokens are Chinese characters: bool (vocabulary,)."""
    vocabulary = tokenizer.get_vocab()
    allowed = np.zeros(tokenizer.get_vocab_size(), bool)
    for token, index in vocabulary.items():
        allowed[index] = token not in (UNKNOWN, *SPECIAL) and is_han(token)
    return allowed


def unwritable(tokenizer: Any, acrostic: str) -> list[str]:
    """Characters of an acrostic that are not Chinese, or that the model has never read."""
    return [c for c in acrostic if tokenizer.token_to_id(c) is None or not is_han(c)]


def compose_poems(
    network: Network,
    tokenizer: Any,
    forms: Sequence[str],
    *,
    title: str = "",
    author: str = "",
    acrostic: str = "",
    seed: int = 0,
    temperature: float = 0.9,
    top_k: int = 0,
    top_p: float = 0.95,
    repetition_penalty: float = 1.1,
) -> Iterator[list[list[str]]]:
    """Write a poem for each of `forms`, side by side; yield after each character the poems so far.

    A poem is its lines, without punctuation; the lists grow in place. `acrostic` gives the first characters of the
    first lines, which the tokenizer must know. Raises ValueError for an acrostic that cannot be kept.
    """
    if unknown := unwritable(tokenizer, acrostic):
        raise ValueError(f"the model has not read the character {unknown[0]!r}; an acrostic takes Chinese ones it has")
    sizes = [FORMS[form] for form in forms]
    if acrostic and len(acrostic) > min(count for count, _ in sizes):
        raise ValueError(f"the acrostic has {len(acrostic)} characters; this form has {min(c for c, _ in sizes)} lines")
    characters = np.where(allowed_characters(tokenizer), 0.0, -np.inf).astype(np.float32)
    comma, stop = tokenizer.token_to_id(COMMA), tokenizer.token_to_id(STOP)
    state = network.start(len(forms))
    ids = np.array([poem_prefix(tokenizer, form, author, title) for form in forms])
    uniforms = Noise(seed).uniform_array(len(forms), max(count * (length + 1) for count, length in sizes))
    written: list[list[str]] = [[""] for _ in forms]
    used: list[list[int]] = [[] for _ in forms]
    for position in range(uniforms.shape[1]):
        last, state = network.step(ids, state)
        last = penalise(last, [np.array(u, int) for u in used], repetition_penalty) + characters
        drawn = choose(last, uniforms[:, position], temperature=temperature, top_k=top_k, top_p=top_p)
        for i, (count, length) in enumerate(sizes):
            line, column = divmod(position, length + 1)
            if line >= count:
                continue  # this poem is done while a longer one beside it goes on
            if column == length:
                drawn[i] = comma if line % 2 == 0 else stop
                if line + 1 < count:
                    written[i].append("")
                continue
            if column == 0 and line < len(acrostic):
                drawn[i] = tokenizer.token_to_id(acrostic[line])
            used[i].append(int(drawn[i]))
            written[i][-1] += tokenizer.id_to_token(int(drawn[i]))
        yield written
        ids = drawn[:, None]


def write_poems(
    network: Network,
    tokenizer: Any,
    forms: Sequence[str],
    *,
    seed: int = 0,
    temperature: float = 0.9,
    top_p: float = 0.95,
) -> list[list[str]]:
    """Write a poem for each of `forms`, side by side, to its end -> for each its lines, without punctuation."""
    *_, poems = compose_poems(network, tokenizer, forms, seed=seed, temperature=temperature, top_p=top_p)
    return poems
