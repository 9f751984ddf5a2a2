"""A text with blanks -> what may stand in them, and a text -> its topic: what BERT is asked. It writes no texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.dialogue import CONTINUES, MARKS, MASK, is_rude, padded
from zoo.engine import Network
from zoo.entry import FILL_MASK, RETRIEVAL, TEXT_CLASSIFICATION
from zoo.generate import library
from zoo.generate.inputs import InputError, whole, words
from zoo.generate.languages import check_language, plain
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.sampling import probabilities
from zoo.generate.text import tokenizer_of

MAX_TEXT = 600
"""Characters of a text."""
MAX_BLANKS, MAX_TOP = 8, 50
BLANK = re.compile(r"\[MASK\]|_{2,}|＿+|（\s*）")
"""How a blank is written: [MASK], two underscores or more, one of full width, or （）."""
EXAMPLES: dict[str, tuple[str, ...]] = {
    FILL_MASK: (
        "What is your favorite ___?", "I think he is the best ___ in the league.", "I love ___ music.",
        "Have you ___ the new star wars movie?", "I ___ know who sang that song.",
        "这部电影的导演是___？", "你喜___听歌吗？", "门票多少___？",
    ),
    TEXT_CLASSIFICATION: (
        "Who directed the new Batman?", "Their second album is the best.", "He threw for three touchdowns.",
        "I bought a new dress and some shoes.", "What is the meaning of life?",
        "故宫的门票多少钱？", "这首歌是谁唱的？", "导演是张艺谋吧？",
    ),
    RETRIEVAL: (
        "Hi! Have you seen any good movies lately?", "Who is your favorite band?", "Did you watch the game last night?",
        "你喜欢听谁的歌？", "门票多少钱？",
    ),
}  # fmt: skip
"""What a sheet of samples asks of each head."""


@dataclass(frozen=True)
class Candidate:
    """What may stand in a blank, and the model's probability of it."""

    token: str
    probability: float


@dataclass(frozen=True)
class Filling:
    """A text whose blanks are filled with the likeliest `blanks`; each blank has its candidates, likeliest first."""

    text: str
    blanks: tuple[tuple[Candidate, ...], ...]
    source: Source


@dataclass(frozen=True)
class Verdict:
    """The classes of a text with their probabilities, likeliest first."""

    classes: tuple[tuple[str, float], ...]
    source: Source


def fill(model: str = "bert.dialogue", text: str = "", *, top: int = 5) -> Filling:
    """Fill the blanks of `text`: each is one English word or one Chinese character, written ___ or [MASK].

    `text` has up to 600 characters and 1 to 8 blanks; `top` (1 to 50) candidates are given for each. Each blank is
    filled as if the others stayed empty. Words are lower case, as the model reads them; rude ones are left out.
    Raises InputError for a text that is empty, too long, without blanks, or in a language that the model cannot read.
    """
    text = _asked(text)
    top = whole("the number of candidates", top, 1, MAX_TOP)
    blanks = len(BLANK.findall(text))
    if not 1 <= blanks <= MAX_BLANKS:
        raise InputError(f"the text has {blanks} blanks; write 1 to {MAX_BLANKS} of them, as ___ or [MASK]")
    found = library.get(model, FILL_MASK)
    tokenizer = tokenizer_of(found)
    _check(found, tokenizer, BLANK.sub(" ", text), BLANK.sub(MASK, text), model)
    shares = filled(found.network, tokenizer, text, top)
    candidates = tuple(tuple(Candidate(token, share) for token, share in blank) for blank in shares)
    best = iter([blank[0].token for blank in candidates])
    source = source_of(found, model, "text.fill", {"text": text, "top": top})
    return Filling(BLANK.sub(lambda _: next(best), text), candidates, source)


def classify(model: str = "bert.topic", text: str = "") -> Verdict:
    """Say what `text`, of up to 600 characters, is about. Raises InputError as `fill` does."""
    text = _asked(text)
    found = library.get(model, TEXT_CLASSIFICATION)
    tokenizer = tokenizer_of(found)
    _check(found, tokenizer, text, text, model)
    shares = told(found.network, tokenizer, text)
    if len(shares) != len(found.labels):
        raise InputError(f"{model} cannot be used: it has {len(shares)} classes and {len(found.labels)} names of them")
    order = np.argsort(-shares, kind="stable")
    source = source_of(found, model, "text.classify", {"text": text})
    return Verdict(tuple((found.labels[i], float(shares[i])) for i in order), source)


def filled(network: Network, tokenizer: Any, text: str, top: int) -> list[list[tuple[str, float]]]:
    """The `top` likeliest tokens of each blank of `text`, with their probabilities; no marks and no parts of words."""
    ids, mask = padded([tokenizer.encode(BLANK.sub(MASK, text)).ids], network.config.context_length)
    logits = network.run("masked", ids=ids, mask=mask)[0][0]
    found = []
    for row in np.flatnonzero(ids[0] == tokenizer.token_to_id(MASK)):
        shares, blank = probabilities(logits[row]), []
        for i in np.argsort(-shares, kind="stable"):
            token = tokenizer.id_to_token(int(i))
            if token not in MARKS and not token.startswith(CONTINUES) and not is_rude(token):
                blank.append((token, float(shares[i])))
            if len(blank) == top:
                break
        found.append(blank)
    return found


def told(network: Network, tokenizer: Any, text: str) -> np.ndarray:
    """The probability of each class of a text, float64 (classes,)."""
    ids, mask = padded([tokenizer.encode(text).ids], network.config.context_length)
    return probabilities(network.run("text_classifier", ids=ids, mask=mask)[0][0])


def sample_readings(network: Network, tokenizer: Any, labels: Sequence[str]) -> str:
    """What a model makes of EXAMPLES, by each of its heads, as text: what a sheet of samples shows.

    Replies are looked for among those of the small bundled sample.
    """
    lines = []
    if network.config.masked:
        for text in EXAMPLES[FILL_MASK]:
            blanks = filled(network, tokenizer, text, 4)
            lines += [text, *("  " + ", ".join(f"{token} {share:.0%}" for token, share in blank) for blank in blanks)]
    if network.config.num_classes:
        for text in EXAMPLES[TEXT_CLASSIFICATION]:
            shares = told(network, tokenizer, text)
            best = np.argsort(-shares, kind="stable")[:3]
            lines += [text, "  " + ", ".join(f"{labels[i] if labels else i} {shares[i]:.0%}" for i in best)]
    if network.config.replies:
        from zoo.data.load import load
        from zoo.generate.replies import vectors_of

        known = load("dialogue", "train", network.config, sample=True, tokenizer=tokenizer)
        texts: list[str] = list(dict.fromkeys(known.replies))  # type: ignore[attr-defined]
        messages = list(EXAMPLES[RETRIEVAL])
        scores = vectors_of(network, tokenizer, messages, 0) @ vectors_of(network, tokenizer, texts, 1).T
        for text, row in zip(messages, scores, strict=True):
            best = np.argsort(-row, kind="stable")[:3]
            lines += [text, *(f"  {row[i]:.2f}  {texts[i]}" for i in best)]
    return "\n".join(lines) + "\n"


def _asked(text: object) -> str:
    text = plain(words("the text", text, longest=MAX_TEXT))
    if not text:
        raise InputError("the text is empty; write a sentence in English or Chinese")
    return text


def _check(found: Loaded, tokenizer: Any, readable: str, whole_text: str, name: str) -> None:
    """Raise InputError where the model cannot read `readable`, or sees less than `whole_text`."""
    check_language(tokenizer, readable, name)
    count, seen = len(tokenizer.encode(whole_text).ids), found.network.config.context_length
    if count > seen:
        raise InputError(f"the text has {count} tokens; {name} sees {seen} at once: give it one or two sentences")
