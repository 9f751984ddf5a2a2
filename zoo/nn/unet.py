"""What the U-Nets of diffusion are made of: residual blocks that know the time, and levels of one size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.group_norm import normalised


class ResidualBlock(nn.Module):
    """x + f(x), where what is embedded scales and shifts the second norm."""

    def __init__(self, inputs: int, outputs: int, embedding_dim: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(embedding_dim, 2 * outputs)
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)  # at the start a block is its shortcut

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (n, inputs, h, w), embedding (n, embedding_dim) -> (n, outputs, h, w)."""
        hidden = self.conv1(F.silu(normalised(self.norm1, x)))
        hidden = normalised(self.norm2, hidden, *self.embed(embedding).chunk(2, dim=1))
        return self.shortcut(x) + self.conv2(F.silu(hidden))


class Level(nn.Module):
    """The blocks of one size, and the change to the next size; what comes in with `skips` is appended to x.

    `attentions` are networks that follow the blocks, one each, or none.
    """

    def __init__(
        self, inputs: list[int], width: int, embedding_dim: int, groups: int, attentions: list[nn.Module], *, up: bool
    ) -> None:
        super().__init__()
        self.up = up
        self.blocks = nn.ModuleList(ResidualBlock(n, width, embedding_dim, groups) for n in inputs)
        self.attentions = nn.ModuleList(attentions)
        self.resize: nn.Module | None = None

    def resized(self, width: int) -> Level:
        """With the change to half or twice the size."""
        self.resize = nn.Conv2d(width, width, 3, stride=1 if self.up else 2, padding=1)
        return self

    def forward(self, x: Tensor, embedding: Tensor, skips: list[Tensor], *context: Tensor) -> Tensor:
        """x (n, c, h, w) -> (n, width, h', w'). The way down puts what it makes on `skips`, the way up takes it off.

        `context` is what the attentions are given besides.
        """
        for number, block in enumerate(self.blocks):
            x = block(torch.cat([x, skips.pop()], 1) if self.up else x, embedding)
            if len(self.attentions):
                x = self.attentions[number](x, *context)
            if not self.up:
                skips.append(x)
        if self.resize is None:
            return x
        if self.up:
            return self.resize(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.resize(x)
        skips.append(x)
        return x
