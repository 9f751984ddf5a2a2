"""How varied a set of generated pictures is: classes reached, spread within a class, near-copies."""

from __future__ import annotations

import numpy as np

NEAR_COPY = 0.05
"""Root mean square difference of two pictures in [-1, 1] under which one is a near-copy of the other."""


def classes_seen(classes: np.ndarray, num_classes: int) -> int:
    """Of `num_classes`, how many get at least a fifth of an even share of `classes`, int (n,)."""
    counts = np.bincount(classes, minlength=num_classes)
    return int((counts >= len(classes) / num_classes / 5).sum())


def spread(features: np.ndarray, classes: np.ndarray) -> float:
    """Mean distance from a class's centre, over all rows: features (n, d), classes (n,)."""
    found = 0.0
    for one in np.unique(classes):
        own = features[classes == one].astype(np.float64)
        found += float(np.linalg.norm(own - own.mean(0), axis=1).sum())
    return found / len(features)


def duplicates(images: np.ndarray) -> float:
    """Share of pictures with a near-copy among the others: images float32 (n, ...) in [-1, 1], n at least 2."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    squares = (flat * flat).sum(1)
    distances = squares[:, None] + squares - 2 * (flat @ flat.T)
    np.fill_diagonal(distances, np.inf)
    return float((distances.min(1) < NEAR_COPY**2 * flat.shape[1]).mean())
