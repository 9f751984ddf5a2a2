"""Precision and recall, density and coverage: how good pictures are, and how many of the real ones they reach.

Kynkäänniemi, Karras, Laine, Lehtinen and Aila, "Improved precision and recall metric for assessing generative
models", NeurIPS 2019: a set is the union of balls about its points, each as large as the distance to the point's
k-th neighbour. Naeem, Oh, Uh, Choi and Yoo, "Reliable fidelity and diversity metrics for generative models", ICML
2020, for density and coverage, which an outlier with a large ball does not spoil. Both depend on the number of points,
so a figure stands beside that of real training pictures, as many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.metrics.neighbours import blocks_of_distances, radii

NEIGHBOURS = 3
"""k of precision and recall, as in the paper."""
CLOSE_NEIGHBOURS = 5
"""k of density and coverage, as in the paper."""


@dataclass(frozen=True)
class Overlap:
    """How two sets of features lie in one another."""

    precision: float
    """Share of the made that lie in a ball of a real one."""
    recall: float
    """Share of the real that lie in a ball of a made one."""
    density: float
    """Balls of real ones that a made one lies in, over k; 1 for pictures like the real ones, and more when they crowd
    where real ones do."""
    coverage: float
    """Share of the real in whose ball a made one lies."""


def overlap(real: np.ndarray, made: np.ndarray) -> Overlap:
    """Features real (n, d) and made (m, d), best as many, at least 6 of each. Points on a ball's edge lie in it."""
    real, made = real.astype(np.float64), made.astype(np.float64)
    real_ball, made_ball, close_ball = radii(real, NEIGHBOURS), radii(made, NEIGHBOURS), radii(real, CLOSE_NEIGHBOURS)
    reached, balls = np.zeros(len(made), bool), 0
    recalled, covered = [], []
    for start, distances in blocks_of_distances(real, made):
        own = slice(start, start + len(distances))
        reached |= (distances <= real_ball[own, None]).any(0)
        recalled.append((distances <= made_ball).any(1))
        inside = distances < close_ball[own, None]
        balls += int(inside.sum())
        covered.append(inside.any(1))
    return Overlap(
        float(reached.mean()),
        float(np.concatenate(recalled).mean()),
        balls / (CLOSE_NEIGHBOURS * len(made)),
        float(np.concatenate(covered).mean()),
    )
