"""WaveNet sample by sample in PyTorch, told again in our own words: as r9y9/wavenet_vocoder does, and leaner.

`buffered` keeps its manner: each convolution is a module that keeps a buffer of its whole receptive field, shifts it by
one at each sample, and multiplies the taps it picks with its flattened kernel; filter and gate, condition, residual and
skip are convolutions of their own; the next sample is drawn from the softmax. `queued` is the least that eager PyTorch
needs: one queue a layer, written in turn, filter and gate and residual and skip in one product each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class BufferedConvolution:
    """A causal convolution of `kernel` taps, `dilation` apart, that is given one sample at a time."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dilation: int = 1) -> None:
        outputs, self.inputs, self.kernel = weight.shape
        self.weight = weight.transpose(1, 2).reshape(outputs, -1)  # (out, kernel * in)
        self.bias, self.dilation = bias, dilation
        span = self.kernel + (self.kernel - 1) * (dilation - 1)
        self.buffer = torch.zeros(1, span, self.inputs)

    def __call__(self, x: Tensor) -> Tensor:
        """x (1, in) -> (1, out)."""
        if self.kernel == 1:
            return F.linear(x, self.weight, self.bias)
        self.buffer[:, :-1] = self.buffer[:, 1:].clone()
        self.buffer[:, -1] = x
        return F.linear(self.buffer[:, 0 :: self.dilation].reshape(1, -1), self.weight, self.bias)


def buffered(model: Any, condition: Tensor, uniforms: np.ndarray) -> list[int]:
    """One clip by `BufferedConvolution`s: condition (1, frames, dim), uniforms (1, t) -> t codes."""
    config, channels = model.config, model.config.channels
    layers = []
    for layer in model.layers:
        taps = torch.stack(layer.taps.weight.chunk(2, dim=1), dim=2)  # (2 channels, channels, 2)
        out, bias = layer.out.weight[:, :, None], layer.out.bias
        layers.append(
            (
                BufferedConvolution(taps, layer.taps.bias, layer.dilation),
                BufferedConvolution(layer.condition.weight[:, :, None], None),
                BufferedConvolution(out[:channels], bias[:channels]),
                BufferedConvolution(out[channels:], bias[channels:]),
            )
        )
    previous, written = torch.tensor([config.levels // 2]), []
    for at in range(uniforms.shape[1]):
        x = model.embed(previous)
        row = condition[:, at // config.frame_size]
        skips: Tensor | float = 0.0
        for taps, local, residual, skip in layers:
            filters, gate = taps(x).split(channels, dim=-1)
            local_filters, local_gate = local(row).split(channels, dim=-1)
            filters, gate = filters + local_filters, gate + local_gate
            active = torch.tanh(filters) * torch.sigmoid(gate)
            skips = skips + skip(active)
            x = residual(active) + x
        previous = drawn(model.head(skips / math.sqrt(len(layers))), uniforms[:, at], config.levels)
        written.append(int(previous))
    return written


def queued(model: Any, condition: Tensor, uniforms: np.ndarray) -> list[int]:
    """One clip with one queue a layer: condition (1, frames, dim), uniforms (1, t) -> t codes."""
    config = model.config
    queues = [torch.zeros(d, 1, config.channels) for d in config.dilations]
    previous, written = torch.tensor([config.levels // 2]), []
    for at in range(uniforms.shape[1]):
        x = model.embed(previous)
        row = condition[:, at // config.frame_size]
        total = torch.zeros(1, config.skip_channels)
        for layer, queue in zip(model.layers, queues, strict=True):
            slot = at % layer.dilation
            gates = layer.taps(torch.cat([queue[slot], x], dim=1)) + layer.condition(row)
            queue[slot] = x
            filters, gate = gates.chunk(2, dim=1)
            out = layer.out(filters.tanh() * gate.sigmoid())
            residual, skip = out[:, : config.channels], out[:, config.channels :]
            x, total = x + residual, total + skip
        previous = drawn(model.head(total / math.sqrt(len(queues))), uniforms[:, at], config.levels)
        written.append(int(previous))
    return written


def drawn(logits: Tensor, uniforms: np.ndarray, levels: int) -> Tensor:
    """The level at which the cumulative softmax passes the uniform."""
    cumulative = logits.softmax(1).cumsum(1)
    return torch.searchsorted(cumulative, torch.from_numpy(uniforms)[:, None])[:, 0].clamp_max(levels - 1)
