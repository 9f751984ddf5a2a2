"""The simplest model of a piano roll that learns: every key by itself, as likely as it was after a frame like the last.

A roll is bool (t, keys). What a network must beat that knows of harmony and of time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def roll_of(tokens: np.ndarray, keys: int) -> np.ndarray:
    """Tokens of voices int64 (t, 4), 0 for silence and keys counted from 1 -> bool (t, keys)."""
    found = np.zeros((len(tokens), keys + 1), bool)
    np.put_along_axis(found, tokens, True, axis=1)
    return found[:, 1:]


def key_nats(learnt: Sequence[np.ndarray], rolls: Sequence[np.ndarray]) -> float:
    """Nats a frame of `rolls`, each frame given the one before; the first of each counts for nothing.

    A key sounds with the frequency that it had in `learnt` after sounding, or after not sounding (Laplace's rule).
    """
    before, after = (np.concatenate([roll[part] for roll in learnt]) for part in (slice(None, -1), slice(1, None)))
    chances = np.stack([(1 + (after & (before == was)).sum(0)) / (2 + (before == was).sum(0)) for was in (False, True)])
    nats, frames = 0.0, 0
    for roll in rolls:
        sounds = np.where(roll[:-1], chances[1], chances[0])
        nats -= float(np.log(np.where(roll[1:], sounds, 1 - sounds)).sum())
        frames += len(roll) - 1
    return nats / max(frames, 1)
