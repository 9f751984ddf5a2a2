"""WaveNet sample by sample in NumPy: one small matrix product a layer, every buffer allocated once.

Le Paine et al., "Fast WaveNet generation algorithm", 2016: each layer keeps the inputs of its last `dilation`
steps, so a new sample costs one column instead of the whole receptive field. The sum of skip connections is one
product over all layers' gates; a sigmoid is half a tanh plus a half, folded into the weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController


class WaveNetSampler:
    """The weights of a `zoo.models.audio.wavenet.WaveNet` laid out for sampling."""

    def __init__(self, model: Any) -> None:
        def array(tensor: Any) -> np.ndarray:
            return np.ascontiguousarray(tensor.detach().cpu().float().numpy())

        config = model.config
        self.controller = ThreadpoolController()
        self.levels, self.frame_size, self.dilations = config.levels, config.frame_size, config.dilations
        channels = self.channels = config.channels
        self.embedding = array(model.embed.weight)
        self.taps, self.residuals, skips, conditions, biases, self.shifts = [], [], [], [], [], []
        skip_bias = np.zeros(config.skip_channels, np.float32)
        shift = np.zeros(channels, np.float32)  # residual biases so far: the stream runs without them
        for layer in model.layers:
            halve = np.r_[np.ones(channels, np.float32), np.full(channels, 0.5, np.float32)]
            taps, out, bias = array(layer.taps.weight), array(layer.out.weight), array(layer.out.bias)
            self.shifts.append(shift)
            self.taps.append(np.ascontiguousarray(taps.T) * halve)
            biases.append((array(layer.taps.bias) + taps @ np.r_[shift, shift]) * halve)
            conditions.append(array(layer.condition.weight).T * halve)
            self.residuals.append(np.ascontiguousarray(out[:channels].T) * np.float32(0.5))
            skips.append(out[channels:].T * np.float32(0.5))
            shift = shift + bias[:channels]
            skip_bias = skip_bias + bias[channels:]
        scale = np.float32(1 / math.sqrt(len(model.layers)))
        self.skip, self.skip_bias = np.ascontiguousarray(np.concatenate(skips)) * scale, skip_bias * scale
        self.conditions, self.biases = np.concatenate(conditions, axis=1), np.concatenate(biases)
        self.hidden, self.hidden_bias = np.ascontiguousarray(array(model.head[1].weight).T), array(model.head[1].bias)
        self.output, self.output_bias = np.ascontiguousarray(array(model.head[3].weight).T), array(model.head[3].bias)

    def sample(self, condition: np.ndarray, uniforms: np.ndarray, temperature: float = 1.0) -> Iterator[np.ndarray]:
        """Draw n clips side by side, a frame at a time.

        condition float32 (n, frames, condition_dim), uniforms float32 (n, frames * frame_size) in [0, 1) -> codes
        int64 (n, frame_size) for each frame in turn. One uniform decides one sample, by the inverse of the
        cumulative distribution, so the same uniforms give the same clip.
        """
        n, frames, _ = condition.shape
        channels, layers = self.channels, len(self.dilations)
        rows = (condition @ self.conditions + self.biases).reshape(n, frames, layers, 2 * channels)
        inputs = [np.zeros((n, 2 * channels), np.float32) for _ in self.taps]
        left, right = [x[:, :channels] for x in inputs], [x[:, channels:] for x in inputs]
        past = [
            np.tile(-shift, (d, n, 1)).astype(np.float32) for shift, d in zip(self.shifts, self.dilations, strict=True)
        ]
        gates = np.empty((n, 2 * channels), np.float32)
        filters, gate = gates[:, :channels], gates[:, channels:]
        active = np.empty((n, layers * channels), np.float32)
        slots = [active[:, i * channels : (i + 1) * channels] for i in range(layers)]
        step = np.empty((n, channels), np.float32)
        stack = list(
            zip(range(layers), self.dilations, past, inputs, left, right, self.taps, self.residuals, slots, strict=True)
        )
        codes = np.empty((n, self.frame_size), np.int64)
        previous = np.full(n, self.levels // 2)
        inverse = np.float32(1 / temperature)
        for frame in range(frames):
            biases = [np.ascontiguousarray(rows[:, frame, i]) for i in range(layers)]
            with self.controller.limit(limits=1, user_api="blas"):  # products this small lose by a second thread
                for offset in range(self.frame_size):
                    time = frame * self.frame_size + offset
                    x = self.embedding[previous]
                    for i, dilation, history, pair, old, new, taps, residual, slot in stack:
                        kept = history[time % dilation]
                        old[:] = kept
                        new[:] = x
                        kept[:] = x
                        np.dot(pair, taps, out=gates)
                        np.add(gates, biases[i], out=gates)
                        np.tanh(gates, out=gates)
                        np.add(gate, 1.0, out=gate)
                        np.multiply(filters, gate, out=slot)
                        if i + 1 < layers:
                            np.dot(slot, residual, out=step)
                            x = x + step
                    skip = np.maximum(active @ self.skip + self.skip_bias, 0)
                    logits = (
                        np.maximum(skip @ self.hidden + self.hidden_bias, 0) @ self.output + self.output_bias
                    ) * inverse
                    previous = _draw(logits, uniforms[:, time])
                    codes[:, offset] = previous
            yield codes.copy()


def _draw(logits: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Row by row, the index at which the cumulative probability passes the uniform: int64 (n,)."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    cumulative = weights.cumsum(axis=1, dtype=np.float64)
    passed = cumulative <= uniforms[:, None] * cumulative[:, -1:]
    return np.minimum(passed.sum(axis=1), logits.shape[1] - 1)
