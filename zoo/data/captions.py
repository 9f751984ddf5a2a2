"""Emoji with what they are called: pictures in four styles, with captions in English and Chinese.

A sample is one vendor's picture of a concept and a caption in each language: image float32 (n, 3, h, w) in [-1, 1],
concept int64 (n,), en_ids and zh_ids int64 (n, t), each [CLS] ... [SEP]. In the validation and test splits a caption is
the concept's name. In training it is drawn anew for each epoch: the name, the name and some of its keywords, or
keywords alone; and the picture is mirrored (where its name says nothing of left and right, and it is no symbol or
flag), turned, moved and scaled a little. Both are a pure function of (index, epoch).

Validation holds a tenth of the training file's figures apart, all variants of one together, as the data set's test
split does. The tokenizer is that of BERT (`zoo.data.dialogue.train_pieces`), learnt from the training captions.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from zoo.data.dialogue import padded, train_pieces
from zoo.data.image import VENDORS, drawings, sized
from zoo.data.pairs import as_floats, validation_rows
from zoo.data.source import Table, read
from zoo.noise import Noise

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LANGUAGES = ("en", "zh")
SEPARATORS = {"en": ", ", "zh": "，"}
"""What stands between a name and keywords."""
CATALOGUE = "catalogue.safetensors"
"""The file of a checkpoint folder that holds the concepts among which is searched; see `zoo.generate.catalogue`."""
CONCEPTS = "concepts.json"
"""The file of a checkpoint folder that lists what it has learnt to draw: emoji -> English and Chinese name."""
PIECES = 5000
"""Tokens of the tokenizer at most."""
NAME_ALONE, WITH_NAME = 0.4, 0.75
"""Share of training captions that are the name alone, and that have the name in them."""
MOST_KEYWORDS = 4
MAX_TURN, MAX_SHIFT, MIN_SCALE, MAX_SCALE = math.radians(12), 0.08, 0.8, 1.15
"""How training pictures are turned, moved (as a share of their side) and scaled at most."""
_ONE_SIDED = re.compile(r"\b(left|right|clockwise|anticlockwise|counterclockwise|o[’']clock|thirty)\b")
_UNMIRRORED = ("symbols", "flags")
GROUPS = {"emoji_nature": ("smileys-emotion", "animals-nature", "food-drink")}
"""Data sets that are a part of `emoji_names`: the groups of emoji in them. Their tokens are those of the whole."""
_CAPTION, _PICTURE, _PROMPT = 21, 22, 24
"""Seeds of what is drawn at random; the stream is (epoch, index)."""


@dataclass(frozen=True)
class Concept:
    """What emoji show: the character, its name and keywords by language, and whether its mirror image is one of it."""

    emoji: str
    names: dict[str, str]
    keywords: dict[str, tuple[str, ...]]
    mirrors: bool


def concepts_of(table: Table) -> list[Concept]:
    """The rows of a file of emoji."""
    columns, groups = table.columns, table.labels["group"]
    found = []
    for row, name in enumerate(columns["name"]):
        found.append(
            Concept(
                columns["emoji"][row],
                {"en": name, "zh": columns["zh_name"][row]},
                {"en": tuple(columns["keywords"][row] or ()), "zh": tuple(columns["zh_keywords"][row] or ())},
                groups[columns["group"][row]] not in _UNMIRRORED and not _ONE_SIDED.search(name),
            )
        )
    return found


class Captioned:
    """One split; samples stand concept by concept, each in the order of VENDORS.

    `numbers` int64 (n,) is the concept of each sample, a place in `concepts`; `vendors` int64 (n,) who drew it;
    `images` uint8 (n, 3, size, size), on white. With `skip` damaged pictures are left out by name.
    """

    lengths = None
    labels: tuple[str, ...] = ()

    def __init__(
        self, name: str, split: str, config: Any, *, sample: bool = False, tokenizer: Tokenizer | None = None,
        skip: bool = False,
    ) -> None:  # fmt: skip
        table = read(name, "test" if split == "test" else "train", sample=sample)
        self.info, self.fingerprint, self.sample = table.info, table.fingerprint, sample
        self.training, self.context_length = split == "train", config.context_length
        every = concepts_of(table)
        rows = np.arange(len(every))
        if split != "test":
            rows = np.flatnonzero(validation_rows(table.columns["codepoint"]) == (split == "validation"))
        read_of = [every[row] for row in rows]
        if name in GROUPS:
            groups = [table.labels["group"][number] for number in table.columns["group"]]
            rows = np.array([row for row in rows if groups[row] in GROUPS[name]], np.int64)
        self.concepts = [every[row] for row in rows]
        places = [(number, vendor) for number in range(len(rows)) for vendor in range(len(VENDORS))]
        drawn, pictures = drawings(
            table.columns, [(int(rows[number]), vendor) for number, vendor in places], f"{name}/{split}", skip=skip
        )
        self.images = sized(np.stack(pictures).transpose(0, 3, 1, 2), config.image_size)
        self.numbers, self.vendors = np.array([places[number] for number in drawn], np.int64).T
        self.tokenizer = tokenizer or train_pieces(
            (text for one in read_of for language in LANGUAGES for text in _words(one, language)), PIECES
        )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """image, concept, en_ids and zh_ids of these samples; `epoch` counts in training alone."""
        import torch

        found = {"image": as_floats(self.pictures(indices, epoch)), "concept": self.numbers[indices]}
        for language in LANGUAGES:
            texts = [self.caption(int(index), language, epoch) for index in indices]
            found[f"{language}_ids"] = self.ids(texts)
        return {key: torch.from_numpy(array) for key, array in found.items()}

    def ids(self, texts: list[str]) -> np.ndarray:
        """Captions -> int64 (n, t), filled up with 0; of a longer one the first tokens and the one that ends it."""
        return padded([one.ids for one in self.tokenizer.encode_batch(texts)], self.context_length)[0]

    def caption(self, index: int, language: str, epoch: int = 0) -> str:
        """A caption of a sample: the concept's name, and in training what is drawn for the epoch."""
        concept = self.concepts[self.numbers[index]]
        name, keywords = concept.names[language], concept.keywords[language]
        if not self.training or not keywords:
            return name
        noise = Noise(_CAPTION + 2 * LANGUAGES.index(language), _stream(epoch, index))
        kind, many = noise.uniform_array(2)
        if kind < NAME_ALONE:
            return name
        count = 1 + int(many * min(MOST_KEYWORDS, len(keywords)))
        chosen = [keywords[i] for i in np.argsort(noise.uniform_array(len(keywords)), kind="stable")[:count]]
        return SEPARATORS[language].join([name, *chosen] if kind < WITH_NAME else chosen)

    def pictures(self, indices: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Pictures of these samples, in training as the epoch shows them: uint8 (n, 3, size, size)."""
        found = self.images[indices]
        if self.training:
            for i, index in enumerate(indices):
                noise = Noise(_PICTURE, _stream(epoch, int(index)))
                found[i] = moved(found[i], noise, mirror=self.concepts[self.numbers[index]].mirrors)
        return found


def moved(image: np.ndarray, noise: Noise, *, mirror: bool) -> np.ndarray:
    """uint8 (3, h, w) turned, scaled and moved a little on white, and half the time mirrored if it may be."""
    return moved_by(image, noise.uniform_array(5), mirror=mirror)


def moved_by(image: np.ndarray, numbers: np.ndarray, *, mirror: bool) -> np.ndarray:
    """As `moved`, by five uniform numbers from 0 to 1."""
    flip, turn, size, right, down = numbers.tolist()
    side = image.shape[1]
    angle, scale = (2 * turn - 1) * MAX_TURN, MIN_SCALE + (MAX_SCALE - MIN_SCALE) * size
    cosine, sine, middle = math.cos(angle) / scale, math.sin(angle) / scale, side / 2
    to_x, to_y = (middle + (2 * share - 1) * MAX_SHIFT * side for share in (right, down))
    first = -cosine if mirror and flip < 0.5 else cosine
    across = sine if first > 0 else -sine
    # From a place in the new picture to the place in the old one that it shows.
    matrix = (first, across, middle - first * to_x - across * to_y, -sine, cosine, middle + sine * to_x - cosine * to_y)
    picture = Image.fromarray(image.transpose(1, 2, 0)).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(255, 255, 255)
    )
    return np.asarray(picture).transpose(2, 0, 1)


def _words(concept: Concept, language: str) -> list[str]:
    return [concept.names[language], *concept.keywords[language]]


def _stream(epoch: int, index: int) -> int:
    return (epoch << 32) | index


class Prompted(Captioned):
    """As `Captioned`, but with one prompt a picture: the vendor's name as a word for the style, then a caption.

    ids int64 (n, context_length), filled up with 0. The language is drawn anew for each epoch in training, and else
    goes by the sample's number; pictures are mirrored at most, so that in training `shown` int64 (n,) numbers all that
    there is to see.
    """

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """image float32 (n, 3, h, w) in [-1, 1], and ids of these samples; `epoch` counts in training alone."""
        import torch

        prompts = [self.prompt(int(index), epoch) for index in indices]
        mirrored = self.mirrored(indices, epoch)
        found = {
            "image": torch.from_numpy(as_floats(self._turned(indices, mirrored))),
            "ids": torch.from_numpy(prompt_ids(self.tokenizer, prompts, self.context_length)),
        }
        if self.training:
            found["shown"] = torch.from_numpy(2 * indices + mirrored)
        return found

    def prompt(self, index: int, epoch: int = 0) -> str:
        """The prompt of a sample."""
        drawn = int(Noise(_PROMPT, _stream(epoch, index)).integers_array(2, 1)[0]) if self.training else index % 2
        language = LANGUAGES[drawn]
        return in_style(VENDORS[self.vendors[index]], self.caption(index, language, epoch), language)

    def pictures(self, indices: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Pictures of these samples: uint8 (n, 3, size, size)."""
        return self._turned(indices, self.mirrored(indices, epoch))

    def _turned(self, indices: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        found = self.images[indices]
        found[mirrored] = found[mirrored, :, :, ::-1]
        return found

    def mirrored(self, indices: np.ndarray, epoch: int) -> np.ndarray:
        """Which of these samples are mirrored in the epoch: half of those that may be, in training; bool (n,)."""

        def turns(index: int) -> bool:
            may = self.training and self.concepts[self.numbers[index]].mirrors
            return may and bool(Noise(_PICTURE, _stream(epoch, index)).uniform_array(1)[0] < 0.5)

        return np.array([turns(int(index)) for index in indices], bool)


def in_style(style: str, text: str, language: str) -> str:
    """A prompt: the word for a style, one of VENDORS, and what is to be drawn."""
    return f"{style}{SEPARATORS[language]}{text}"


def prompt_ids(tokenizer: Tokenizer, prompts: list[str], context_length: int) -> np.ndarray:
    """Prompts -> int64 (n, context_length), filled up with 0; of a longer one the first tokens and the end."""
    ids = padded([one.ids for one in tokenizer.encode_batch(prompts)], context_length)[0]
    return np.pad(ids, ((0, 0), (0, context_length - ids.shape[1])))
