"""The order of samples: a pure function of the seed and the epoch."""

from __future__ import annotations

import numpy as np

from zoo.noise import permutation


def batches(seed: int, epoch: int, count: int, size: int, lengths: np.ndarray | None) -> np.ndarray:
    """Sample indices of one epoch, int64 (steps, size); the remainder of the permutation is left out.

    With `lengths`, samples of like length share a batch (sorted within 16 batches, which are then shuffled).
    """
    order = permutation(seed, epoch, count)[: count // size * size]
    if lengths is not None:
        for start in range(0, len(order), 16 * size):
            group = order[start : start + 16 * size]
            group = group[np.argsort(lengths[group], kind="stable")].reshape(-1, size)
            order[start : start + 16 * size] = group[
                permutation(seed, (1 << 32) + epoch * 4096 + start, len(group))
            ].ravel()
    return order.reshape(-1, size)
