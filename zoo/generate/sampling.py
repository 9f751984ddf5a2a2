"""Choosing the next token: repetition penalty, temperature, top-k, top-p, and one uniform that decides."""

from __future__ import annotations

import numpy as np

MANY = 2048
"""Values from which on another way to sort them is faster."""


def penalise(logits: np.ndarray, seen: list[np.ndarray], penalty: float) -> np.ndarray:
    """Divide positive and multiply negative logits (n, vocabulary) of tokens already seen, row by row.

    Keskar et al., "CTRL: a conditional transformer language model for controllable generation", 2019, section 4.1.
    """
    if penalty == 1.0:
        return logits
    logits = logits.copy()
    for row, ids in zip(logits, seen, strict=True):
        row[ids] = np.where(row[ids] > 0, row[ids] / penalty, row[ids] * penalty)
    return logits


def keep_top_k(logits: np.ndarray, k: int) -> np.ndarray:
    """Forbid all but the k most likely tokens (n, vocabulary); 0 keeps all. Fan et al., 2018."""
    if k <= 0 or k >= logits.shape[1]:
        return logits
    least = np.partition(logits, -k, axis=1)[:, -k, None]
    return np.where(logits < least, -np.inf, logits)


def keep_top_p(logits: np.ndarray, p: float) -> np.ndarray:
    """Forbid all but the smallest set of tokens whose probability reaches p (nucleus; Holtzman et al., 2020)."""
    if p >= 1.0:
        return logits
    kept = np.full_like(logits, -np.inf)
    for row, shares, out in zip(logits, probabilities(logits), kept, strict=True):
        # Tokens less likely than this have no more than 1 - p between them, so none of them is in the nucleus.
        candidates = np.flatnonzero(shares >= (1 - p) / len(row))
        order = candidates[_descending(row[candidates])]
        reached = shares[order].cumsum()
        nucleus = order[: 1 + reached[:-1].searchsorted(p)]  # the most likely token always stays
        out[nucleus] = row[nucleus]
    return kept


def _descending(values: np.ndarray) -> np.ndarray:
    """Indices of values (n,) from the largest on; equal ones keep their order."""
    if len(values) < MANY or values.dtype != np.float32:
        return (-values).argsort(kind="stable")
    # Whole numbers sort four times as fast: the value's bits, put in order, above the index.
    bits = (values + np.float32(0)).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    keys = (~ascending).astype(np.uint64) << np.uint64(32) | np.arange(len(values), dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis in float64; forbidden tokens (-inf) get 0."""
    weights = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    found: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
    return found


def choose(
    logits: np.ndarray, uniforms: np.ndarray, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> np.ndarray:
    """logits (n, vocabulary), uniforms (n,) in [0, 1) -> tokens int64 (n,), by inverting the cumulative distribution.

    Temperature 0 takes the likeliest token, whatever the uniforms.
    """
    if temperature == 0.0:
        return logits.argmax(axis=1)
    logits = keep_top_p(keep_top_k(logits / temperature, top_k), top_p)
    cumulative = probabilities(logits).cumsum(axis=1)
    found = [row.searchsorted(uniform * row[-1], "right") for row, uniform in zip(cumulative, uniforms, strict=True)]
    return np.minimum(found, logits.shape[1] - 1)
