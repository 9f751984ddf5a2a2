"""Perceptual path length: how much a picture changes, to a judge's eye, when its style moves a little.

Karras, Laine and Aila, "A style-based generator architecture for generative adversarial networks", CVPR 2019, section
4.1: along straight lines between styles, the squared distance of two pictures' features over the squared step. Paths
are short where nothing comes and goes between two pictures. Departure: the features are those of the zoo's own pinned
judges, so the numbers compare among models that one judge looks at, not with published ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STEP = 1e-4
"""Share of the line between two styles; float32's rounding changes the result by less than a thousandth."""
TRIMMED = 1.0
"""Per cent of the distances, at either end, that are left out as in the paper's code."""


def path_length(
    features_at: Callable[[np.ndarray, np.ndarray], np.ndarray],
    starts: np.ndarray,
    ends: np.ndarray,
    shares: np.ndarray,
    *,
    step: float = STEP,
    rows: int = 125,
) -> float:
    """The mean of |f(w(t + step)) - f(w(t))|^2 / step^2 over lines w(t) = start + t (end - start), in features squared.

    `features_at(points (m, d) float32, numbers (m,))` gives features (m, f) of the pictures at these points; `numbers`
    say to which of the lines they belong, so that all else of a picture (its class, its noise) stays the same along it.
    starts and ends (n, d); shares (n,) in [0, 1), the places t; `rows` lines are looked at together. Raises ValueError
    for shapes that do not fit and for a step that is not positive.
    """
    if starts.shape != ends.shape or starts.ndim != 2 or shares.shape != starts.shape[:1] or not len(starts):
        raise ValueError(
            f"starts have shape {starts.shape}, ends {ends.shape}, shares {shares.shape}; wanted: (n, d), (n, d), (n,)"
        )
    if not step > 0:
        raise ValueError(f"step is {step}; it must be positive")
    starts, lines = starts.astype(np.float64), ends.astype(np.float64) - starts
    distances = []
    for first in range(0, len(starts), rows):
        numbers = np.arange(first, min(first + rows, len(starts)))
        here = starts[numbers] + shares[numbers, None] * lines[numbers]
        there = here + step * lines[numbers]
        both = np.concatenate([here, there]).astype(np.float32)
        features = features_at(both, np.concatenate([numbers, numbers])).astype(np.float64)
        change = features[len(numbers) :] - features[: len(numbers)]
        distances.append((change * change).sum(1) / step**2)
    return trimmed_mean(np.concatenate(distances))


def trimmed_mean(values: np.ndarray) -> float:
    """The mean of values (n,) that lie between their first and last percentile, these included."""
    low, high = np.percentile(values, TRIMMED, method="lower"), np.percentile(values, 100 - TRIMMED, method="higher")
    return float(values[(values >= low) & (values <= high)].mean())
