"""The kernel distance of two sets of features: unlike the Fréchet distance, right on average however few they are.

Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018: the squared maximum mean discrepancy
under the cubic polynomial kernel, by its unbiased estimator, averaged over random parts. So that a real set against
another is near zero, a little above or below. Departure: the features are those of the zoo's own pinned judges.
"""

from __future__ import annotations

import numpy as np

from zoo.noise import permutation

PARTS = 50
"""Random parts over which the estimate is averaged."""
PART_SIZE = 1000
"""Pictures of each set in a part, at most."""


def cubic_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a_i . b_j / d + 1)^3 of a (n, d) and b (m, d): (n, m)."""
    found: np.ndarray = (a @ b.T / a.shape[1] + 1.0) ** 3
    return found


def squared_discrepancy(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased estimate of MMD^2 (equation 4 of the paper) of a (n, d) and b (m, d), at least 2 of each."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    within = 0.0
    for points in (a, b):
        kernel = cubic_kernel(points, points)
        within += (kernel.sum() - np.trace(kernel)) / (len(points) * (len(points) - 1))
    return float(within - 2 * cubic_kernel(a, b).mean())


def kernel_distance(a: np.ndarray, b: np.ndarray, *, parts: int = PARTS, size: int = PART_SIZE) -> tuple[float, float]:
    """Mean and standard deviation over `parts` parts of `size` rows of each of a (n, d) and b (m, d).

    Parts are drawn without replacement by the zoo's counter-based noise: the same features, the same number. A set of
    fewer rows comes whole. Raises ValueError for fewer than 2 rows.
    """
    size_a, size_b = min(size, len(a)), min(size, len(b))
    if min(size_a, size_b) < 2:
        raise ValueError(f"the sets have {len(a)} and {len(b)} rows; an unbiased estimate needs at least 2 of each")
    if size_a == len(a) and size_b == len(b):
        return squared_discrepancy(a, b), 0.0
    found = [
        squared_discrepancy(
            a[permutation(0, 2 * part, len(a))[:size_a]], b[permutation(0, 2 * part + 1, len(b))[:size_b]]
        )
        for part in range(parts)
    ]
    return float(np.mean(found)), float(np.std(found))
