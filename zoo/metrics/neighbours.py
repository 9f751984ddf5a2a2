"""Nearest neighbours: distances to them, whether a generator copies what it learnt from, and which pictures it copied.

Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", AISTATS 2020:
a generator copies where its samples lie nearer to the training data than held-out real pictures do. We state the
share of pairs (their statistic U over the number of pairs) over all of space rather than in cells of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CELLS = 10_000_000
"""Distances that are held at a time."""


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a_i - b_j|^2 of a (n, d) and b (m, d): (n, m) of their type, never below zero."""
    found: np.ndarray = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * (a @ b.T)
    return found.clip(0)


def blocks_of_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row and the squared distances (rows, m), of their type, of each block of a (n, d) to b (m, d).

    Both are moved by the mean of `b` first, so that no digits are lost where features lie far from zero.
    """
    middle, size = b.mean(0, dtype=np.float64).astype(b.dtype), max(1, CELLS // len(b))
    b = b - middle
    for start in range(0, len(a), size):
        yield start, squared_distances(a[start : start + size] - middle, b)


def nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of a (n, d) the row number in b (m, d) of the nearest, int64 (n,), and its distance (n,).

    Ties go to the lower number.
    """
    rows, distances = [], []
    for _, block in blocks_of_distances(a, b):
        rows.append(block.argmin(1))
        distances.append(np.sqrt(block.min(1)))
    return np.concatenate(rows), np.concatenate(distances)


def radii(points: np.ndarray, k: int) -> np.ndarray:
    """The distance of each of points (n, d) to its k-th nearest among the others, squared: (n,).

    Raises ValueError where there are not more than `k` points.
    """
    if len(points) <= k:
        raise ValueError(f"there are {len(points)} points; the {k}. neighbour of each needs at least {k + 1}")
    found = []
    for start, block in blocks_of_distances(points, points):
        rows = np.arange(len(block))
        block[rows, start + rows] = np.inf  # itself
        found.append(np.partition(block, k - 1, axis=1)[:, k - 1])
    return np.concatenate(found)


def copying(made: np.ndarray, held_out: np.ndarray) -> float:
    """Of all pairs of a sample and a held-out picture, the share whose sample lies nearer to the training data.

    Distances to the nearest training picture (n,) and (m,), ties counting half. A half is what new real pictures
    would give; 1 where every sample is nearer than every real picture; 0 where every one is farther.
    """
    order = np.sort(held_out)
    above = len(order) - np.searchsorted(order, made, side="right")
    level = np.searchsorted(order, made, side="right") - np.searchsorted(order, made, side="left")
    return float((above + 0.5 * level).sum() / (len(made) * len(held_out)))


def nearest_pictures(made: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest training picture of each made one, pixel by pixel.

    `made` float32 (n, c, h, w) in [-1, 1], `known` uint8 (m, c, h, w): row numbers int64 (n,) and root mean square
    differences in units of that range, float64 (n,). Held in memory a block at a time.
    """
    flat = made.reshape(len(made), -1).astype(np.float32)
    best, rows = np.full(len(made), np.inf), np.zeros(len(made), np.int64)
    size = max(1, CELLS // max(len(flat), flat.shape[1]))
    for start in range(0, len(known), size):
        block = known[start : start + size].reshape(-1, flat.shape[1]).astype(np.float32) / np.float32(127.5) - 1
        found = squared_distances(flat, block)
        here = found.argmin(1)
        near = found[np.arange(len(flat)), here]
        rows[near < best] = start + here[near < best]
        best = np.minimum(best, near)
    exact = known[rows].reshape(len(made), -1) / 127.5 - 1  # sums of large squares have lost the last digits
    return rows, np.sqrt(np.square(flat - exact).mean(1))
