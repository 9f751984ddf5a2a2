"""Values cut to the range of pixels, which learn from beyond it only what brings them back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Within(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x.clamp(-1.0, 1.0)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        (gradient,) = gradients
        outwards = ((x > 1) & (gradient < 0)) | ((x < -1) & (gradient > 0))
        return gradient.masked_fill(outwards, 0.0)


def within(x: Tensor, training: bool) -> Tensor:
    """x cut to [-1, 1], which unlike a tanh reaches white.

    In `training` a value beyond has its gradient where that leads back: with none it would stay where it is, and with
    one outwards as well an adversary drives it off without end, and nothing that sees the cut value would notice.
    """
    if not training:
        return x.clamp(-1.0, 1.0)
    cut: Tensor = _Within.apply(x)
    return cut
