"""Averaged weights, which are what is evaluated and published."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of weights and buffers, warming up as min(decay, (1 + n) / (10 + n))."""

    def average(kept: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        if not kept[0].is_floating_point():
            torch._foreach_copy_(kept, current)
            return
        n = float(count)
        torch._foreach_lerp_(kept, current, 1.0 - min(decay, (1.0 + n) / (10.0 + n)))

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)  # type: ignore[arg-type]
