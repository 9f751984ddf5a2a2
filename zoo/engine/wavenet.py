"""WaveNet sample by sample in NumPy: one small matrix product a layer, every buffer allocated once.

Le Paine et al., "Fast WaveNet generation algorithm", 2016: each layer keeps the inputs of its last `dilation`
steps, so a new sample costs one column instead of the whole receptive field. What a layer's older tap contributes is
known `dilation` samples ahead and is computed in blocks. The sum of skip connections is one product over all layers'
gates; a sigmoid is half a tanh plus a half, folded into the weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController


def mu_law_decode(codes: np.ndarray, levels: int) -> np.ndarray:
    """Companded codes (ITU-T G.711) int64 in [0, levels) -> float32 in [-1, 1]."""
    mu = np.float32(levels - 1)
    companded = codes.astype(np.float32) / mu * np.float32(2) - np.float32(1)
    found: np.ndarray = np.sign(companded) * np.expm1(np.abs(companded) * np.float32(math.log1p(mu))) / mu
    return found


def mu_law_encode(waveform: np.ndarray, levels: int) -> np.ndarray:
    """Companded quantisation (ITU-T G.711): float in [-1, 1] -> int64 in [0, levels)."""
    mu = np.float32(levels - 1)
    companded = np.sign(waveform) * np.log1p(mu * np.abs(waveform.clip(-1, 1))) / np.float32(math.log1p(mu))
    found: np.ndarray = ((companded + 1) / 2 * mu + np.float32(0.5)).astype(np.int64)
    return found


class WaveNetSampler:
    """The weights of a `zoo.models.audio.wavenet.WaveNet` laid out for sampling: its tensors by name, and its sizes."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: Any) -> None:
        self.controller = ThreadpoolController()
        self.levels, self.frame_size, self.dilations = config.levels, config.frame_size, config.dilations
        channels = self.channels = config.channels
        self.embedding = weights["embed.weight"]
        self.older, self.newer, self.residuals, self.shifts = [], [], [], []
        skips, conditions, biases = [], [], []
        skip_bias = np.zeros(config.skip_channels, np.float32)
        shift = np.zeros(channels, np.float32)  # residual biases so far: the stream runs without them
        for i in range(len(config.dilations)):
            halve = np.r_[np.ones(channels, np.float32), np.full(channels, 0.5, np.float32)]
            taps, out, bias = (weights[f"layers.{i}.{name}"] for name in ("taps.weight", "out.weight", "out.bias"))
            self.shifts.append(shift)
            turned = taps.T * halve
            self.older.append(np.ascontiguousarray(turned[:channels]))
            self.newer.append(np.ascontiguousarray(turned[channels:]))
            biases.append((weights[f"layers.{i}.taps.bias"] + taps @ np.r_[shift, shift]) * halve)
            conditions.append(weights[f"layers.{i}.condition.weight"].T * halve)
            self.residuals.append(np.ascontiguousarray(out[:channels].T) * np.float32(0.5))
            skips.append(out[channels:].T * np.float32(0.5))
            shift = shift + bias[:channels]
            skip_bias = skip_bias + bias[channels:]
        scale = np.float32(1 / math.sqrt(len(config.dilations)))
        self.skip, self.skip_bias = np.ascontiguousarray(np.concatenate(skips)) * scale, skip_bias * scale
        self.conditions, self.biases = np.concatenate(conditions, axis=1), np.concatenate(biases)
        self.hidden, self.hidden_bias = np.ascontiguousarray(weights["head.1.weight"].T), weights["head.1.bias"]
        self.output, self.output_bias = np.ascontiguousarray(weights["head.3.weight"].T), weights["head.3.bias"]

    def sample(self, condition: np.ndarray, uniforms: np.ndarray, temperature: float = 1.0) -> Iterator[np.ndarray]:
        """Draw n clips side by side, a frame at a time.

        condition float32 (n, frames, condition_dim), uniforms float32 (n, frames * frame_size) in [0, 1) -> codes
        int64 (n, frame_size) for each frame in turn. One uniform decides one sample, by the inverse of the
        cumulative distribution, so the same uniforms give the same clip.
        """
        n, frames, _ = condition.shape
        channels, layers, size = self.channels, len(self.dilations), self.frame_size
        rows = (condition @ self.conditions + self.biases).reshape(n, frames, layers, 2 * channels)
        # A layer's memory holds its inputs of the last `dilation` samples, a row each; a row is overwritten by the
        # input `dilation` samples later. What the older tap makes of them is known a block ahead: one product.
        memories = [
            np.tile(-shift, (d, n, 1)).astype(np.float32) for shift, d in zip(self.shifts, self.dilations, strict=True)
        ]
        blocks = [math.gcd(d, size) for d in self.dilations]
        ahead = [np.empty((block, n, 2 * channels), np.float32) for block in blocks]
        inputs, prepared = [list(memory) for memory in memories], [list(block) for block in ahead]
        gates = np.empty((n, 2 * channels), np.float32)
        filters, gate = gates[:, :channels], gates[:, channels:]
        active = np.empty((n, layers * channels), np.float32)
        slots = [active[:, i * channels : (i + 1) * channels] for i in range(layers)]
        step = np.empty((n, channels), np.float32)
        following = [*zip(self.residuals[:-1], inputs[1:], self.dilations[1:], strict=True), (None, [], 1)]
        stack = [
            (*own, *into)
            for own, into in zip(
                zip(inputs, self.dilations, prepared, blocks, self.newer, slots, strict=True), following, strict=True
            )
        ]
        due = [[i for i, block in enumerate(blocks) if offset % block == 0] for offset in range(size)]
        codes = np.empty((n, size), np.int64)
        previous = np.full(n, self.levels // 2)
        output, output_bias = self.output / np.float32(temperature), self.output_bias / np.float32(temperature)
        dot, add, multiply, tanh, maximum = np.dot, np.add, np.multiply, np.tanh, np.maximum
        one, zero, embedding = np.array(1, np.float32), np.array(0, np.float32), self.embedding  # Python's cost more
        for frame in range(frames):
            biases = [np.ascontiguousarray(rows[:, frame, i]) for i in range(layers)]
            with self.controller.limit(limits=1, user_api="blas"):  # products this small lose by a second thread
                for offset in range(size):
                    time = frame * size + offset
                    for i in due[offset]:
                        first = time % self.dilations[i]
                        block = memories[i][first : first + blocks[i]].reshape(-1, channels)
                        dot(block, self.older[i], out=ahead[i].reshape(-1, 2 * channels))
                        add(ahead[i], biases[i], out=ahead[i])
                    embedding.take(previous, 0, inputs[0][time % self.dilations[0]], "clip")
                    for entering, dilation, known, size_ahead, taps, slot, residual, leaving, distance in stack:
                        x = entering[time % dilation]
                        dot(x, taps, out=gates)
                        add(gates, known[offset % size_ahead], out=gates)
                        tanh(gates, out=gates)
                        add(gate, one, out=gate)
                        multiply(filters, gate, out=slot)
                        if residual is None:
                            break
                        dot(slot, residual, out=step)
                        add(x, step, out=leaving[time % distance])
                    skip = dot(active, self.skip)
                    maximum(add(skip, self.skip_bias, out=skip), zero, out=skip)
                    hidden = dot(skip, self.hidden)
                    maximum(add(hidden, self.hidden_bias, out=hidden), zero, out=hidden)
                    logits = dot(hidden, output)
                    previous = _draw(add(logits, output_bias, out=logits), uniforms[:, time])
                    codes[:, offset] = previous
            yield codes.copy()


def _draw(logits: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Row by row, the index at which the cumulative probability passes the uniform: int64 (n,)."""
    if len(logits) == 1:  # the same, at half the cost
        cumulative = np.exp(logits[0] - logits[0].max()).astype(np.float64).cumsum()
        found = cumulative.searchsorted(uniforms * cumulative[-1], "right")
    else:
        cumulative = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1, dtype=np.float64)
        found = (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(axis=1)
    return np.minimum(found, logits.shape[1] - 1)
