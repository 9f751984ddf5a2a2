"""A picture -> words that say what it shows, in English or Chinese; each token with the model's own probability.

Whatever a person has is brought to what the model has learnt from: one thing on white, as large as emoji show it, or a
digit dark on white. Nothing is drawn at random, and the record of a result holds the small picture that went into the
network, from which it can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from zoo.data.captions import LANGUAGES
from zoo.data.described import DIGIT, KINDS, MARGIN, Described, digit_picture
from zoo.data.pairs import as_floats, fitted, trimmed
from zoo.data.sequences import number_of
from zoo.data.text import END, PAD
from zoo.data.tokenizer import UNKNOWN
from zoo.engine import Network
from zoo.entry import CAPTIONING
from zoo.generate import library
from zoo.generate.beam import Hypothesis, log_chances_of, odds_of_target, written_of
from zoo.generate.drawing import ink_of, like_digits
from zoo.generate.inputs import InputError, one_of, whole
from zoo.generate.library import Source, source_of
from zoo.generate.prose import Odds
from zoo.generate.provenance import drawing
from zoo.generate.text import tokenizer_of
from zoo.generate.translate import MIN_SIDE, check_seen, photograph, stacked

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DECODER = "caption_decoder"
MAX_BEAMS = 8
ROWS = 64
"""Pictures that are described side by side."""
SHOWN = 12
"""Emoji and digits each, at most, on a sheet of samples."""


@dataclass(frozen=True)
class Description:
    """What a picture shows in words, token by token, and what it would have been called otherwise, likeliest first."""

    text: str
    language: str
    tokens: tuple[Odds, ...]
    others: tuple[str, ...]
    source: Source


def describe_picture(
    model: str = "captioner.emoji-digits",
    picture: Image.Image | np.ndarray | None = None,
    *,
    language: str = "en",
    beams: int = 4,
) -> Description:
    """Say in `language` ("en" or "zh") what a picture of any size shows; its white margins are cut off.

    `beams` 1 (greedy) to 8. Raises InputError for a picture that cannot be used, before anything is loaded, for another
    language, and for another number of beams.
    """
    size = library.image_size_of(model, CAPTIONING)
    shown = trimmed(photograph(picture, MIN_SIDE))
    check_seen(np.asarray(shown))
    return describe_seen(model, stacked(fitted(shown, size, MARGIN)), language=language, beams=beams)


def describe_digit(
    model: str = "captioner.emoji-digits",
    picture: Image.Image | np.ndarray | None = None,
    *,
    language: str = "en",
    beams: int = 4,
) -> Description:
    """Say in `language` which digit is drawn: a drawing of any size, dark on light or light on dark.

    The strokes are sized and set as those of the digits that were learnt. Raises InputError as `describe_picture` does,
    and where nothing is drawn.
    """
    size = library.image_size_of(model, CAPTIONING)
    if picture is None:
        raise InputError("there is no drawing; draw a digit first")
    digit = (like_digits(ink_of(picture)) * 255).round().astype(np.uint8)
    return describe_seen(model, stacked(digit_picture(digit, size).transpose(1, 2, 0)), language=language, beams=beams)


def describe_seen(model: str, seen: np.ndarray, *, language: str = "en", beams: int = 4) -> Description:
    """As `describe_picture`, of a picture as the model sees it: float32 (3h, w) in [0, 1], its three colours one below
    the other, as records keep it. Raises InputError for another size than the model's.
    """
    language = one_of("the language", language, LANGUAGES)
    count = whole("the number of beams", beams, 1, MAX_BEAMS)
    found = library.get(model, CAPTIONING)
    size, tokenizer = found.network.config.image_size, tokenizer_of(found)
    if seen.shape != (3 * size, size):
        raise InputError(f"the picture has {seen.shape[1]} x {seen.shape[0] // 3} pixels as seen; {model} sees {size}")
    images = seen.reshape(1, 3, size, size).astype(np.float32) * 2 - 1
    memory = look(found.network, images)
    (best,) = _written(found.network, tokenizer, memory, language, beams=count)
    texts = tuple(dict.fromkeys(text_of(tokenizer, one.ids) for one in best))  # the same may be written in two ways
    begin, end = number_of(tokenizer, f"<{language}>"), number_of(tokenizer, END)
    chances = log_chances_of(found.network, DECODER, memory, best[0].ids, begin)
    tokens = odds_of_target(tokenizer, best[0].ids, chances, end)
    given = {"language": language, "beams": count}
    source = source_of(found, model, "crossmodal.caption", given, parents=(drawing(seen),))
    return Description(texts[0], language, tokens, texts[1:], source)


def described(
    network: Network, tokenizer: Tokenizer, images: np.ndarray, language: str, *, beams: int = 4
) -> list[str]:
    """The best caption of each of images float32 (n, 3, h, w) in [-1, 1]. Checks nothing."""
    found = []
    for start in range(0, len(images), ROWS):
        memory = look(network, images[start : start + ROWS])
        found += [
            text_of(tokenizer, best[0].ids) for best in _written(network, tokenizer, memory, language, beams=beams)
        ]
    return found


def sample_descriptions(network: Network, tokenizer: Tokenizer) -> str:
    """What a model says of held-out pictures of the bundled sample, and of digits, as text."""
    data = Described("emoji_digits", "test", network.config, sample=True, tokenizer=tokenizer)
    digits = data.kinds == KINDS.index(DIGIT)
    rows = np.concatenate([_evenly(np.flatnonzero(~digits)), _evenly(np.flatnonzero(digits))])
    images = as_floats(data.pictures(rows))
    said = [described(network, tokenizer, images, language) for language in LANGUAGES]
    lines = []
    for place, row in enumerate(map(int, rows)):
        what = "" if digits[row] else f"{data.concepts[data.numbers[row]].emoji} "
        names = " · ".join(data.name(row, language) for language in LANGUAGES)
        lines.append(f"{what}[{names}] " + " · ".join(texts[place] for texts in said))
    return "\n".join(lines) + "\n"


def look(network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
    """images float32 (n, 3, h, w) in [-1, 1] -> what the decoder looks at, a row a picture."""
    (memory,) = network.run("image_encoder", images=images)
    return {"memory": memory}


def text_of(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """A caption in words."""
    found: str = tokenizer.decode(list(ids), skip_special_tokens=True)
    return found


def _written(
    network: Network, tokenizer: Tokenizer, memory: dict[str, np.ndarray], language: str, *, beams: int
) -> list[list[Hypothesis]]:
    """The hypotheses of each picture, ids with their end."""
    begin, end = number_of(tokenizer, f"<{language}>"), number_of(tokenizer, END)
    never = [number_of(tokenizer, token) for token in (PAD, UNKNOWN, "<en>", "<zh>")]
    return written_of(network, DECODER, memory, begin=begin, end=end, forbidden=never, beams=beams)


def _evenly(rows: np.ndarray) -> np.ndarray:
    """Up to SHOWN of rows (n,), at even distances."""
    if len(rows) <= SHOWN:
        return rows
    found: np.ndarray = rows[np.linspace(0, len(rows) - 1, SHOWN).round().astype(np.int64)]
    return found
