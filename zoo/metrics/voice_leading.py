"""How voices move: what every textbook of harmony forbids, and whether each keeps to its place. Arrays in, numbers out.

Voices are MIDI numbers int64 (t, 4), soprano first, -1 for silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

_PERFECT = (0, 7)
"""Semitones of an octave (or unison) and of a fifth, within an octave."""


def parallels(voices: np.ndarray) -> tuple[int, int]:
    """Steps with parallel octaves or fifths, and steps in which at least two voices move.

    Two voices that both move from one perfect interval to the next of its kind in the same direction are parallel.
    """
    before, after = voices[:-1], voices[1:]
    moves = (before != after) & (before >= 0) & (after >= 0)
    wrong = np.zeros(len(before), bool)
    for high, low in combinations(range(voices.shape[1]), 2):
        first, then = ((frame[:, high] - frame[:, low]) % 12 for frame in (before, after))
        together = np.sign(after[:, high] - before[:, high]) == np.sign(after[:, low] - before[:, low])
        wrong |= moves[:, high] & moves[:, low] & together & (first == then) & np.isin(first, _PERFECT)
    return int(wrong.sum()), int((moves.sum(1) >= 2).sum())


def in_place(voices: np.ndarray, ranges: Sequence[tuple[int, int]]) -> np.ndarray:
    """Whether in each frame no voice leaves its range or crosses the one below it: bool (t,)."""
    sounds = voices >= 0
    low, high = np.array(ranges).T
    within = ~sounds | ((voices >= low) & (voices <= high))
    crossed = sounds[:, :-1] & sounds[:, 1:] & (voices[:, :-1] < voices[:, 1:])
    found: np.ndarray = within.all(1) & ~crossed.any(1)
    return found
