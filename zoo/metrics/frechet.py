"""Fréchet distance between two sets of features.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017:
the squared 2-Wasserstein distance of two Gaussians. Here the features are those of the zoo's own pinned judges, so
the numbers compare with each other and with the floor beside them, not with published Inception distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """Mean (d,) and covariance (d, d) of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


def fit(features: np.ndarray) -> Gaussian:
    """features (n, d), n at least 2 -> their mean and unbiased covariance."""
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features have shape {features.shape}; a covariance needs at least 2 rows of numbers")
    features = features.astype(np.float64)
    return Gaussian(features.mean(0), np.atleast_2d(np.cov(features, rowvar=False)))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|mean difference|^2 + trace(A + B - 2 (A^1/2 B A^1/2)^1/2), by symmetric eigendecompositions.

    Features that are not finite are at a distance of nan.
    """
    if not (np.isfinite(a.covariance).all() and np.isfinite(b.covariance).all()):
        return float("nan")
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ b.covariance @ root).clip(0)).sum()
    difference = a.mean - b.mean
    return float(difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross)
