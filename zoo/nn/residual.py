"""A residual block of convolutions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PreActivationBlock(nn.Module):
    """norm, relu, conv, norm, relu, conv, added to a shortcut.

    He, Zhang, Ren and Sun, "Identity mappings in deep residual networks", ECCV 2016, figure 4e.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        plain = inputs == outputs and stride == 1
        self.shortcut = None if plain else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        active = F.relu(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        return shortcut + self.conv2(F.relu(self.norm2(self.conv1(active))))
