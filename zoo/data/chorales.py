"""Four-part chorales: Parquet of pitches by sixteenth -> a token for each voice and frame, moved to other keys.

A frame is one sixteenth, or one quarter: then it is what sounds when the quarter begins. Held and repeated notes are
not told apart in the data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from zoo.data.source import Info, read
from zoo.noise import Noise

VOICES = ("soprano", "alto", "tenor", "bass")
LOWEST, KEYS = 21, 88
"""MIDI number of a piano's lowest key, and how many it has."""
SILENCE = 0
"""The token of a voice that is silent; key k, counted from 1, is MIDI number LOWEST + k - 1."""
TOKENS = KEYS + 1
QUARTER = 4
"""Sixteenths."""
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))
"""MIDI numbers of the lowest and highest note of each voice in the training split."""
MAX_SHIFT = 6
"""Semitones by which a chorale is moved at most, each way: every key is within reach."""
_AUGMENTATION = 17
"""Seed of what is drawn at random; the stream is (epoch, index)."""


class Note(NamedTuple):
    """One note of one voice, soprano 0; `start` and `length` in sixteenths, `pitch` a MIDI number."""

    voice: int
    start: int
    length: int
    pitch: int


def notes_of(pitches: np.ndarray, grid: int) -> list[Note]:
    """MIDI numbers int64 (frames, 4), -1 for silence, of `grid` sixteenths each -> notes in order of time: what stays
    the same is held."""
    found = []
    for voice, line in enumerate(pitches.T):
        edges = np.flatnonzero(np.diff(line, prepend=-2, append=-2))  # -2: no pitch, and no silence
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if line[start] >= 0:
                found.append(Note(voice, start * grid, (end - start) * grid, int(line[start])))
    return sorted(found, key=lambda note: (note.start, note.voice))


def tokens_of(pitches: np.ndarray) -> np.ndarray:
    """MIDI numbers, -1 for silence -> tokens int64 of the same shape."""
    found: np.ndarray = np.where(pitches < 0, SILENCE, pitches.astype(np.int64) - LOWEST + 1)
    return found


def pitches_of(tokens: np.ndarray) -> np.ndarray:
    """The inverse: tokens -> MIDI numbers int64, -1 for silence."""
    found: np.ndarray = np.where(tokens == SILENCE, -1, tokens + LOWEST - 1)
    return found


def shifts_of(chorale: np.ndarray) -> range:
    """Semitones by which tokens (t, 4) can be moved so that every voice stays in its range; 0 is always among them."""
    low, high = -MAX_SHIFT, MAX_SHIFT
    for voice, (lowest, highest) in zip(pitches_of(chorale).T, RANGES, strict=True):
        notes = voice[voice >= 0]
        if len(notes):
            low, high = max(low, lowest - int(notes.min())), min(high, highest - int(notes.max()))
    return range(min(low, 0), max(high, 0) + 1)


class Chorales:
    """One split: `chorales` are tokens int64 (frames, 4), soprano first. If they move, each epoch draws keys."""

    labels: tuple[str, ...] = ()

    def __init__(self, info: Info, fingerprint: str, chorales: list[np.ndarray], grid: int, *, moves: bool) -> None:
        self.info, self.fingerprint, self.chorales, self.grid, self.moves = info, fingerprint, chorales, grid, moves
        self.lengths = np.array([len(chorale) for chorale in chorales])
        self.shifts = [shifts_of(chorale) for chorale in chorales]

    def __len__(self) -> int:
        return len(self.chorales)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """voices int64 (n, t, 4), padded with silence, and length int64 (n,), in frames."""
        import torch

        apart = max(8, 16 // self.grid)  # few shapes: kernels are prepared once for each
        size = -(-int(self.lengths[indices].max()) // apart) * apart
        voices = np.full((len(indices), size, len(VOICES)), SILENCE, np.int64)
        for row, index in zip(voices, indices, strict=True):
            row[: self.lengths[index]] = self.moved(int(index), epoch)
        return {"voices": torch.from_numpy(voices), "length": torch.from_numpy(self.lengths[indices])}

    def moved(self, index: int, epoch: int) -> np.ndarray:
        """A chorale in the key that the epoch draws for it, as tokens int64 (t, 4); in its own where none moves."""
        chorale = self.chorales[index]
        if not self.moves:
            return chorale
        shifts = self.shifts[index]
        shift = shifts[int(Noise(_AUGMENTATION, (epoch << 32) | index).integers_array(len(shifts), 1)[0])]
        found: np.ndarray = np.where(chorale == SILENCE, SILENCE, chorale + shift)
        return found


def open_chorales(name: str, split: str, config: Any, *, sample: bool = False) -> Chorales:
    """One split at `config.grid` sixteenths a frame; chorales of the training split change keys.

    Raises ValueError for a chorale longer than `config.context_length` frames, and as `zoo.data.source.read` does.
    """
    table = read(name, split, sample=sample)
    chorales = [tokens_of(np.array(voices, np.int64))[:: config.grid] for voices in table.columns["voices"]]
    longest = max(map(len, chorales))
    if longest > config.context_length:
        raise ValueError(f"{name} has a chorale of {longest} frames; this model sees at most {config.context_length}")
    return Chorales(table.info, table.fingerprint, chorales, config.grid, moves=split == "train")
