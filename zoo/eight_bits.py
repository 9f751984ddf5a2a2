"""Weights of 8 bits: codes from -127 to 127 and a scale for each row, whose products are numbers of half precision.

A scale has four significant bits, and a code seven: their product has at most the eleven of a float16. So what is
stored in 8 bits and the same in half precision are equal, and other libraries read the latter.
"""

from __future__ import annotations

import numpy as np

SCALES = ".scales"
"""What the name of a tensor's scales ends with."""
EIGHT_BITS = "eight_bits"
"""Under which a part of graphs.json names its graph whose products are of 8 bits, where it has one: file and sha256."""
SMALLEST = 1024
"""Values of a tensor from which on it is worth 8 bits; smaller ones, and vectors, stay in half precision."""
_LEAST = 2.0**-21
"""Least scale: of smaller ones float16 has no four significant bits."""


def worth_it(value: np.ndarray) -> bool:
    """Whether a tensor is stored in 8 bits where that is asked for: a matrix or a kernel, and not small."""
    return value.dtype.kind == "f" and value.ndim >= 2 and value.size >= SMALLEST


def round_rows(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """value float32 (n, ...) -> codes int8 (n, ...) and scales float16 (n, 1, ...): it is about codes * scales."""
    largest = np.abs(value).max(axis=tuple(range(1, value.ndim)), keepdims=True).astype(np.float64)
    fraction, exponent = np.frexp(np.maximum(largest / 127, _LEAST))  # fraction in [0.5, 1)
    scales = np.ldexp(np.ceil(fraction * 16) / 16, exponent)
    return np.round(value / scales).astype(np.int8), scales.astype(np.float16)


def restored(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """codes int8 (n, ...), scales float16 (n, 1, ...) -> their products float32 (n, ...), each a float16 number."""
    found: np.ndarray = codes.astype(np.float32) * scales.astype(np.float32)
    return found


def packed(name: str, value: np.ndarray) -> dict[str, np.ndarray]:
    """value float32 (n, ...) -> its codes and scales, by the names under which files hold them."""
    return dict(zip((name, name + SCALES), round_rows(value), strict=True))
