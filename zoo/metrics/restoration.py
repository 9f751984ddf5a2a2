"""How near a picture comes to the true one: mean absolute error, PSNR and SSIM, a value a picture."""

from __future__ import annotations

import numpy as np

RANGE = 2.0
"""From black, -1, to white, 1."""
MOST = 100.0
"""Decibels that identical pictures are said to have."""
WINDOW, DEVIATION = 11, 1.5
"""Pixels of SSIM's Gaussian window, and its standard deviation (Wang et al., 2004, section III.B)."""


def absolute_error(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean absolute difference of images and truth, float (n, c, h, w) in [-1, 1]: float64 (n,), in those units."""
    return np.abs(images.astype(np.float64) - truth).mean((1, 2, 3))


def psnr(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Peak signal to noise ratio of images float (n, c, h, w) in [-1, 1]: float64 (n,) in decibels, at most `MOST`."""
    error = np.square(images.astype(np.float64) - truth).mean((1, 2, 3))
    least = RANGE**2 / 10 ** (MOST / 10)
    return 10 * np.log10(RANGE**2 / np.maximum(error, least))


def ssim(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity of images float (n, c, h, w) in [-1, 1]: float64 (n,), 1 where they are the same.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE TIP 2004, equation 13: the mean over all windows that lie within the picture, and over colours. Raises
    ValueError for pictures smaller than a window.
    """
    if min(images.shape[2:]) < WINDOW:
        raise ValueError(f"pictures are {images.shape[3]} x {images.shape[2]}; a window of SSIM has {WINDOW} pixels")
    x, y = images.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    first, second = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    alike = (2 * mean_x * mean_y + first) * (2 * covariance + second)
    return (alike / ((mean_x**2 + mean_y**2 + first) * (var_x + var_y + second))).mean((1, 2, 3))


def _blurred(images: np.ndarray) -> np.ndarray:
    """The Gaussian mean of every whole window: (n, c, h, w) -> (n, c, h - 10, w - 10)."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / DEVIATION) ** 2)
    weights /= weights.sum()
    for axis in (2, 3):
        count = images.shape[axis] - WINDOW + 1
        parts = [w * np.take(images, range(i, i + count), axis) for i, w in enumerate(weights)]
        images = np.sum(parts, axis=0)
    return images
