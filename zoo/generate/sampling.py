"""Choosing the next token: repetition penalty, temperature, top-k, top-p, and one uniform that decides."""

from __future__ import annotations

import numpy as np


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
    order = np.argsort(-logits, axis=1, kind="stable")
    sorted_logits = np.take_along_axis(logits, order, axis=1)
    before = probabilities(sorted_logits).cumsum(axis=1)
    before = np.concatenate([np.zeros((len(logits), 1)), before[:, :-1]], axis=1)
    sorted_logits = np.where(before >= p, -np.inf, sorted_logits)  # the most likely token always stays
    kept = np.empty_like(sorted_logits)
    np.put_along_axis(kept, order, sorted_logits, axis=1)
    return kept


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
    return np.minimum((cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(axis=1), logits.shape[1] - 1)
