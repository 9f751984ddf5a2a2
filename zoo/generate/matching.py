"""A description -> the emoji that fit it, and a picture -> the names that fit it: what CLIP is asked. It makes nothing.

It finds the nearest of those that its checkpoint keeps (`zoo.generate.catalogue`). Shares are what the model learnt to
tell captions of a batch apart by: a softmax over cosines, times its scale, here over the whole catalogue. What there is
no emoji of is answered with the nearest there is, and a low share.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.checkpoint import CheckpointError
from zoo.data.captions import LANGUAGES
from zoo.data.pairs import fitted, trimmed
from zoo.engine import Network
from zoo.entry import IMAGE_TEXT_MATCHING
from zoo.generate import catalogue, library
from zoo.generate.catalogue import Catalogue
from zoo.generate.inputs import InputError, one_of, whole, words
from zoo.generate.languages import check_language, language_of, plain
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.provenance import drawing
from zoo.generate.sampling import probabilities
from zoo.generate.text import tokenizer_of
from zoo.generate.translate import MIN_SIDE, check_seen, photograph, stacked

MAX_TEXT, MAX_TOP = 300, 50
"""Characters of a description, and concepts that are found for it."""
EXAMPLES = ("a happy cat", "something to drink", "it is raining", "红色的水果", "生气的脸", "去海边度假")
"""Descriptions that a sheet of samples looks for, and the page offers."""
_MAX_SCALE = 100.0
_MARGIN = 2
"""White pixels around what a picture shows, about as emoji have."""


@dataclass(frozen=True)
class Named:
    """A concept, and its names in English and Chinese."""

    emoji: str
    english: str
    chinese: str

    @property
    def title(self) -> str:
        """The character and both names."""
        return f"{self.emoji} {self.english} · {self.chinese}"


@dataclass(frozen=True)
class Match(Named):
    """A concept, and the share that it has among all of the catalogue."""

    share: float


@dataclass(frozen=True)
class Matches:
    """What was found, the nearest first, and the same as lines of text."""

    matches: tuple[Match, ...]
    source: Source

    @property
    def text(self) -> str:
        """A line for each match: its share, the character and both names."""
        return "\n".join(f"{100 * one.share:5.1f} %  {one.title}" for one in self.matches)


def find(model: str = "contrastive.emoji", text: str = "", *, top: int = 8) -> Matches:
    """Find the `top` (1 to 50) emoji whose pictures fit a description of up to 300 characters, English or Chinese.

    Raises InputError for a text that is empty, too long, or in a language that the model cannot read.
    """
    text = plain(words("the description", text, longest=MAX_TEXT))
    top = whole("the number of emoji", top, 1, MAX_TOP)
    found, known, vector = _searched(model, text)
    source = source_of(found, model, "crossmodal.find", {"text": text, "top": top})
    return Matches(_nearest(known, _shares(found.network, known.vectors["pictures"], vector), top), source)


def nearest_name(model: str, text: str, among: Collection[str]) -> Match | None:
    """The emoji, one of the characters `among`, whose name is nearest to a text of up to 300 characters, in its
    language; None where the model knows none of them. Its share is that of all names.

    Raises InputError as `find` does.
    """
    text, language = plain(words("the description", text, longest=MAX_TEXT)), language_of(text)
    found, known, vector = _searched(model, text)
    shares = _shares(found.network, known.vectors[language], vector)
    rows = [row for row, emoji in enumerate(known.emoji) if emoji in among]
    return _match(known, rows[int(shares[rows].argmax())], shares) if rows else None


def describe(
    model: str = "contrastive.emoji",
    picture: Image.Image | np.ndarray | None = None,
    *,
    language: str = "en",
    top: int = 8,
) -> Matches:
    """Find the `top` (1 to 50) names, compared in `language` ("en" or "zh"), that fit a picture of any size.

    The picture's white margins are cut off. Raises InputError for a picture that cannot be used, before anything is
    loaded, and for another language.
    """
    size = library.image_size_of(model, IMAGE_TEXT_MATCHING)
    return describe_seen(model, stacked(_seen(picture, size)), language=language, top=top)


def describe_seen(model: str, seen: np.ndarray, *, language: str = "en", top: int = 8) -> Matches:
    """As `describe`, of a picture as the model sees it: float32 (3h, w) in [0, 1], its colours one below the other.

    Raises InputError for another size than the model's.
    """
    language = one_of("the language", language, LANGUAGES)
    top = whole("the number of names", top, 1, MAX_TOP)
    found = library.get(model, IMAGE_TEXT_MATCHING)
    known, size = _catalogue_of(found, model), found.network.config.image_size
    if seen.shape != (3 * size, size):
        raise InputError(f"the picture has {seen.shape[1]} x {seen.shape[0] // 3} pixels as seen; {model} sees {size}")
    images = seen.reshape(1, 3, size, size).astype(np.float32) * 2 - 1
    (vectors,) = found.network.run("image_embedder", images=images)
    given = {"language": language, "top": top}
    source = source_of(found, model, "crossmodal.describe", given, parents=(drawing(seen),))
    return Matches(_nearest(known, _shares(found.network, known.vectors[language], vectors[0]), top), source)


def score(model: str, picture: Any, labels: Sequence[str]) -> list[tuple[str, float]]:
    """How well each of 1 to 50 `labels` fits a picture, as shares of 1, the best first. Raises InputError."""
    if isinstance(labels, str) or not 1 <= len(labels) <= MAX_TOP:
        raise InputError(f"candidate labels are a list of 1 to {MAX_TOP} texts")
    texts = [plain(words("a label", label, longest=MAX_TEXT)) for label in labels]
    if not all(texts):
        raise InputError("a label is empty; each says in English or Chinese what a picture may show")
    found = library.get(model, IMAGE_TEXT_MATCHING)
    seen = _seen(picture, found.network.config.image_size)
    tokenizer = tokenizer_of(found)
    for text in texts:
        check_language(tokenizer, text, model)
    vector = catalogue.of_pictures(found.network, seen.transpose(2, 0, 1)[None])[0]
    shares = _shares(found.network, catalogue.of_captions(found.network, tokenizer, texts), vector)
    return [(texts[i], float(shares[i])) for i in np.argsort(-shares, kind="stable")]


def sample_matches(network: Network, tokenizer: Any) -> str:
    """What a model finds for EXAMPLES among the bundled sample, and what it says of its held-out pictures, as text."""
    known = catalogue.gather(network, tokenizer, sample=True)
    lines = []
    for text, vector in zip(EXAMPLES, catalogue.of_captions(network, tokenizer, list(EXAMPLES)), strict=True):
        shares = _shares(network, known.vectors["pictures"], vector)
        lines += [text, *(f"  {100 * one.share:5.1f} %  {one.title}" for one in _nearest(known, shares, 3))]
    for row in range(len(known.emoji) - 1, 0, -5):  # the held-out ones stand last
        shares = _shares(network, known.vectors["en"], known.vectors["pictures"][row])
        best = ", ".join(f"{one.english} {100 * one.share:.0f} %" for one in _nearest(known, shares, 3))
        lines.append(f"{known.emoji[row]} [{known.names['en'][row]}] {best}")
        if len(lines) > 40:
            break
    return "\n".join(lines) + "\n"


def _searched(model: str, text: str) -> tuple[Loaded, Catalogue, np.ndarray]:
    """A matcher, what it searches among, and the vector of a text (d,). Raises InputError."""
    if not text:
        raise InputError("the description is empty; say in English or Chinese what the emoji shows")
    found = library.get(model, IMAGE_TEXT_MATCHING)
    known, tokenizer = _catalogue_of(found, model), tokenizer_of(found)
    check_language(tokenizer, text, model)
    count, seen = len(tokenizer.encode(text).ids), found.network.config.context_length
    if count > seen:
        raise InputError(f"the description has {count} tokens; {model} sees {seen} at once: make it shorter")
    return found, known, catalogue.of_captions(found.network, tokenizer, [text])[0]


def _seen(picture: Any, size: int) -> np.ndarray:
    """What a picture shows, as large as emoji show it: uint8 (size, size, 3). Raises InputError."""
    shown = trimmed(photograph(picture, MIN_SIDE))
    check_seen(np.asarray(shown))
    return fitted(shown, size, _MARGIN)


def _nearest(known: Catalogue, shares: np.ndarray, top: int) -> tuple[Match, ...]:
    return tuple(_match(known, int(i), shares) for i in np.argsort(-shares, kind="stable")[:top])


def _match(known: Catalogue, i: int, shares: np.ndarray) -> Match:
    return Match(known.emoji[i], known.names["en"][i], known.names["zh"][i], float(shares[i]))


def _shares(network: Network, among: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """among (n, d) and vector (d,) -> float64 (n,), a share for each."""
    scale = min(math.exp(float(network.weights()["log_scale"])), _MAX_SCALE)
    return probabilities(scale * (among @ vector))


def _catalogue_of(found: Loaded, name: str) -> Catalogue:
    try:
        return _read(found.folder, found.sha256)
    except (CheckpointError, OSError) as error:
        raise InputError(f"{name} cannot be used: {error}") from error


@lru_cache(maxsize=4)
def _read(folder: Path, sha256: str) -> Catalogue:
    return catalogue.load(folder)
