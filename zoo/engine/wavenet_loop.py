"""The inner loop of `zoo.engine.wavenet_compiled`; importing it wants numba, which keeps what it compiled."""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, misc"
from __future__ import annotations

from typing import Any

import numba
import numpy as np

_real: Any = np.float32


@numba.njit(fastmath=True, inline="always", cache=True)
def tanh(x):
    """float32 -> float32 within 4e-7: a ratio of polynomials, as in Eigen, that fits into vector registers."""
    x = min(max(x, _real(-7.9)), _real(7.9))
    y = x * x
    p = _real(-2.76076847742355e-16) * y + _real(2.00018790482477e-13)
    p = (p * y + _real(-8.60467152213735e-11)) * y + _real(5.12229709037114e-08)
    p = (p * y + _real(1.48572235717979e-05)) * y + _real(6.37261928875436e-04)
    p = p * y + _real(4.89352455891786e-03)
    q = (_real(1.19825839466702e-06) * y + _real(1.18534705686654e-04)) * y + _real(2.26843463243900e-03)
    return x * p / (q * y + _real(4.89352518554385e-03))


@numba.njit(fastmath=True, cache=True)
def add_product(x, weight, out):
    """out (m,) += x (n,) @ weight (n, m)."""
    for i in range(weight.shape[0]):
        value = x[i]
        for j in range(weight.shape[1]):
            out[j] += value * weight[i, j]


@numba.njit(fastmath=True, cache=True)
def draw_frame(
    codes, begin, previous, uniforms, embedding, biases, memory, dilations, first, older, newer, residuals, skip,
    skip_bias, hidden, hidden_bias, output, output_bias,
):  # fmt: skip
    """Fill `codes` int64 (frame_size,) with the samples from number `begin` on, and move the memory on.

    `memory` (rows, channels) holds the last inputs of all layers one after the other, that of layer i from row
    `first[i]` on; the rest is as in `zoo.engine.wavenet.WaveNetSampler`.
    """
    layers, channels = residuals.shape[0], residuals.shape[1]
    x, gates = np.empty(channels, np.float32), np.empty(2 * channels, np.float32)
    active = np.empty(layers * channels, np.float32)
    for offset in range(len(codes)):
        x[:] = embedding[previous]
        for layer in range(layers):
            row = memory[first[layer] + (begin + offset) % dilations[layer]]
            gates[:] = biases[layer]
            add_product(row, older[layer], gates)
            add_product(x, newer[layer], gates)
            row[:] = x
            at = layer * channels
            for j in range(channels):
                active[at + j] = tanh(gates[j]) * (_real(1) + tanh(gates[channels + j]))
            if layer + 1 < layers:
                add_product(active[at : at + channels], residuals[layer], x)
        total = skip_bias.copy()
        add_product(active, skip, total)
        inner = hidden_bias.copy()
        add_product(np.maximum(total, _real(0)), hidden, inner)
        logits = output_bias.copy()
        add_product(np.maximum(inner, _real(0)), output, logits)
        weights = np.exp(logits - logits.max())
        mass = 0.0
        for weight in weights:
            mass += weight
        passed, previous = 0.0, 0
        for level in range(len(weights) - 1):
            passed += weights[level]
            if passed > uniforms[offset] * mass:
                break
            previous += 1
        codes[offset] = previous
