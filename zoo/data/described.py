"""Pictures with what they show in words, English and Chinese: emoji with their names, and handwritten digits.

A sample is a picture, image float32 (n, 3, size, size) in [-1, 1] on white, and its name in each of LANGUAGES: ids
int64 (n, 2, t), what a decoder is given, <en> or <zh> first, and targets int64 (n, 2, t), what it should say next,
IGNORED where there is nothing. Digits are dark on white, as large as emoji show things.

What is not learnt from is of two kinds, for validation and test each: concepts that are held out whole, as
`zoo.data.captions` does, and of some concepts that are learnt the picture of one vendor, whose style is learnt from
others. In training, pictures are turned, moved, scaled and mirrored as there, and one in eight samples is a digit,
others in each epoch; all is a pure function of (index, epoch). The tokenizer is learnt from the training names alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from zoo.data.captions import LANGUAGES, Concept, concepts_of, moved_by
from zoo.data.image import VENDORS, Images, drawings, sized
from zoo.data.pairs import as_floats, fitted, trimmed, validation_rows
from zoo.data.sequences import filled, number_of, train_bilingual
from zoo.data.source import read
from zoo.data.text import PAD
from zoo.entry import IGNORED
from zoo.noise import Noise, permutation

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DIGITS = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "zh": tuple("零一二三四五六七八九"),
}
KINDS = SEEN, NEW, DIGIT = ("pictures of seen concepts", "new concepts", "digits")
"""What a sample of validation or test is: another vendor's picture of a concept that is learnt, a concept that is not,
or a digit. In training every emoji is SEEN."""
MARGIN = 2
"""White pixels around a digit, and around what a visitor's picture shows: about as emoji have."""
PIECES = 3000
"""Tokens of the tokenizer at most."""
EMOJI_A_DIGIT = 7
"""Emoji for each digit in training."""
_APART = 8
"""Of every so many learnt concepts the test split has two with a picture of theirs, the validation split one."""
_PICTURE, _DIGIT, _HELD_OUT = 25, 26, 27
"""Seeds of what is drawn at random."""


class Described:
    """One split: emoji concept by concept, then digits.

    `kinds` int64 (n,) says what each sample is, a place in KINDS; `numbers` int64 (n,) what it shows: a place in
    `concepts`, or the digit.
    """

    lengths = None
    labels: tuple[str, ...] = ()

    def __init__(
        self, name: str, split: str, config: Any, *, sample: bool = False, tokenizer: Tokenizer | None = None,
        skip: bool = False,
    ) -> None:  # fmt: skip
        self.training, self.image_size, self.context_length = (
            split == "train", config.image_size, config.context_length
        )  # fmt: skip
        self.digits = Images("mnist", split, sample=sample, skip=skip)
        self.concepts: list[Concept] = []
        pictures, drawn = list[np.ndarray](), list[tuple[int, int, int]]()
        fingerprints = []
        for file in ("train",) if split != "test" else ("train", "test"):
            table = read(name, file, sample=sample)
            fingerprints.append(table.fingerprint)
            places = [(row, kind, vendor) for row, kind, own in _rows_of(table.columns, file, split) for vendor in own]
            numbers, found = drawings(
                table.columns, [(row, vendor) for row, _, vendor in places], f"{name}/{file}", skip=skip
            )
            pictures += found
            for row, kind, vendor in (places[number] for number in numbers):
                drawn.append((kind, len(self.concepts) + row, vendor))
            self.concepts += concepts_of(table)
        self.images = sized(np.stack(pictures).transpose(0, 3, 1, 2), config.image_size)
        slots = len(drawn) // EMOJI_A_DIGIT if self.training else len(self.digits)
        self.kinds, self.numbers, self.vendors = np.array(
            [*drawn, *((KINDS.index(DIGIT), int(digit), -1) for digit in self.digits.targets[:slots])], np.int64
        ).T  # in training a slot holds another digit each time
        self.info = table.info
        self.fingerprint = hashlib.sha256("\n".join([*fingerprints, self.digits.fingerprint]).encode()).hexdigest()
        self.tokenizer = tokenizer or train_bilingual(
            [written(text, language) for language in LANGUAGES for text in self._texts(language)], PIECES
        )
        self._round, self._order = -1, np.empty(0, np.int64)
        self._epoch, self._drawn = -1, np.empty((0, 5), np.float32)
        self._known: dict[tuple[str, str], list[int]] = {}

    def _texts(self, language: str) -> list[str]:
        """What this split's pictures are called, each once."""
        emoji = dict.fromkeys(self.numbers[self.kinds != KINDS.index(DIGIT)].tolist())
        return [*(self.concepts[number].names[language] for number in emoji), *DIGITS[language]]

    def __len__(self) -> int:
        return len(self.kinds)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """image, ids and targets of these samples; `epoch` counts in training alone."""
        import torch

        pad, rows = number_of(self.tokenizer, PAD), list[list[int]]()
        starts = [number_of(self.tokenizer, f"<{language}>") for language in LANGUAGES]
        for index in indices:
            rows += [self.tokens(self.name(int(index), language, epoch), language) for language in LANGUAGES]
        ids = filled([[starts[i % len(starts)], *row[:-1]] for i, row in enumerate(rows)], pad)
        found = {
            "image": as_floats(self.pictures(indices, epoch)),
            "ids": ids.reshape(len(indices), len(LANGUAGES), -1),
            "targets": filled(rows, IGNORED).reshape(len(indices), len(LANGUAGES), -1),
        }
        return {key: torch.from_numpy(array) for key, array in found.items()}

    def tokens(self, name: str, language: str) -> list[int]:
        """A name as ids with the end; of a longer one than the model sees the first and the end."""
        if (name, language) not in self._known:
            ids = self.tokenizer.encode(written(name, language)).ids
            fits = len(ids) <= self.context_length
            self._known[name, language] = ids if fits else [*ids[: self.context_length - 1], ids[-1]]
        return self._known[name, language]

    def name(self, index: int, language: str, epoch: int = 0) -> str:
        """What a sample shows, in words."""
        if self.kinds[index] != KINDS.index(DIGIT):
            return self.concepts[self.numbers[index]].names[language]
        return self.digit_name(int(self.digits.targets[self._digit(index, epoch)]), language)

    def digit_name(self, digit: int, language: str) -> str:
        """A digit in words."""
        return DIGITS[language][digit]

    def pictures(self, indices: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Pictures of these samples, in training as the epoch shows them: uint8 (n, 3, size, size)."""
        found = np.empty((len(indices), *self.images.shape[1:]), np.uint8)
        for i, index in enumerate(map(int, indices)):
            emoji = index < len(self.images)
            if emoji:
                found[i] = self.images[index]
            else:
                found[i] = digit_picture(self.digits.images[self._digit(index, epoch), 0], self.image_size)
            if self.training:
                mirror = emoji and self.concepts[self.numbers[index]].mirrors
                found[i] = moved_by(found[i], self._moves(epoch)[index], mirror=mirror)
        return found

    def _moves(self, epoch: int) -> np.ndarray:
        """Five uniforms for each sample of an epoch, float32 (n, 5); the last epoch's are kept."""
        if self._epoch != epoch:
            self._epoch, self._drawn = epoch, Noise(_PICTURE, epoch).uniform_array(len(self), 5)
        return self._drawn

    def _digit(self, index: int, epoch: int) -> int:
        """Which of the digits stands in a slot: in training they take turns, in another order each round."""
        slot = index - len(self.images)
        if not self.training:
            return slot
        round_, place = divmod(epoch * (len(self) - len(self.images)) + slot, len(self.digits))
        if round_ != self._round:
            self._round, self._order = round_, permutation(_DIGIT, round_, len(self.digits))
        return int(self._order[place])


def _rows_of(columns: dict[str, list[Any]], file: str, split: str) -> list[tuple[int, int, list[int]]]:
    """Rows of a file that a split shows: row, kind as a place in KINDS, and whose pictures of it."""
    seen, new = KINDS.index(SEEN), KINDS.index(NEW)
    count = len(columns["codepoint"])
    who = [[vendor for vendor in range(len(VENDORS)) if columns[VENDORS[vendor]][row] is not None]
           for row in range(count)]  # fmt: skip
    if file == "test":
        return [(row, new, who[row]) for row in range(count)]
    learnt = np.flatnonzero(~validation_rows(columns["codepoint"])).tolist()
    held_out: dict[int, tuple[str, int]] = {}
    for rank, place in enumerate(permutation(_HELD_OUT, 0, len(learnt)).tolist()):
        row, turn = learnt[place], rank % _APART
        if turn < 3 and len(who[row]) > 1:
            held_out[row] = ("validation" if turn == 2 else "test", who[row][rank // _APART % len(who[row])])
    if split == "train":
        return [(row, seen, [v for v in who[row] if row not in held_out or v != held_out[row][1]]) for row in learnt]
    found = [(row, seen, [vendor]) for row, (where, vendor) in sorted(held_out.items()) if where == split]
    if split == "validation":
        found += [(row, new, who[row]) for row in range(count) if row not in set(learnt)]
    return found


def digit_picture(digit: np.ndarray, size: int) -> np.ndarray:
    """A digit uint8 (h, w), bright on black -> dark on white and as large as fits: uint8 (3, size, size)."""
    picture = Image.fromarray(255 - digit).convert("RGB")
    return fitted(trimmed(picture), size, MARGIN).transpose(2, 0, 1)


def written(name: str, language: str) -> str:
    """A name as the tokenizer takes it: an English word carries the space before it, the first one too."""
    return f" {name}" if language == "en" else name
