"""A convolutional autoencoder of pictures whose latents are a grid: the halves of diffusers' `AutoencoderKL`.

Rombach, Blattmann, Lorenz, Esser and Ommer, "High-resolution image synthesis with latent diffusion models", CVPR 2022,
section 3.1, without attention in the middle, and without adversary: pictures as small as these want neither.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.group_norm import normalised

_EPS = 1e-6
"""As in the library, with whose layers these are compared."""


class Block(nn.Module):
    """x + f(x)."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=_EPS)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=_EPS)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x (n, inputs, h, w) -> (n, outputs, h, w)."""
        hidden = self.conv1(F.silu(normalised(self.norm1, x)))
        return self.shortcut(x) + self.conv2(F.silu(normalised(self.norm2, hidden)))


class Stage(nn.Module):
    """The blocks of one size, and the change to half or twice that size, if any."""

    def __init__(self, inputs: int, width: int, count: int, groups: int, *, up: bool, resizes: bool) -> None:
        super().__init__()
        self.up = up
        self.blocks = nn.ModuleList(Block(inputs if i == 0 else width, width, groups) for i in range(count))
        self.resize = nn.Conv2d(width, width, 3, stride=1 if up else 2, padding=up * 1) if resizes else None

    def forward(self, x: Tensor) -> Tensor:
        """x (n, inputs, h, w) -> (n, width, h', w')."""
        for block in self.blocks:
            x = block(x)
        if self.resize is None:
            return x
        return self.resize(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else F.pad(x, (0, 1, 0, 1)))


class _Half(nn.Module):
    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], groups: int, *, up: bool) -> None:
        super().__init__()
        order = widths[::-1] if up else widths
        self.first = nn.Conv2d(inputs, order[0], 3, padding=1)
        stages, before = nn.ModuleList(), order[0]
        for number, width in enumerate(order):
            stages.append(Stage(before, width, 1 + up, groups, up=up, resizes=number < len(order) - 1))
            before = width
        middle = order[0] if up else order[-1]
        self.middle = nn.ModuleDict({"first": Block(middle, middle, groups), "second": Block(middle, middle, groups)})
        self.down, self.up = (nn.ModuleList(), stages) if up else (stages, nn.ModuleList())
        self.norm = nn.GroupNorm(groups, order[-1], eps=_EPS)
        self.last = nn.Conv2d(order[-1], outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for stage in self.down:
            x = stage(x)
        x = self.middle["second"](self.middle["first"](x))
        for stage in self.up:
            x = stage(x)
        return self.last(F.silu(normalised(self.norm, x)))


class Autoencoder(nn.Module):
    """Pictures (n, 3, h, w) in [-1, 1] <-> latents (n, latent_channels, h / 2^k, w / 2^k), k + 1 widths."""

    def __init__(self, widths: tuple[int, ...], latent_channels: int, groups: int) -> None:
        super().__init__()
        self.encoder = _Half(3, 2 * latent_channels, widths, groups, up=False)
        self.decoder = _Half(latent_channels, 3, widths, groups, up=True)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images -> mean and log-variance of the latents."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def decode(self, latents: Tensor) -> Tensor:
        """latents -> images in [-1, 1]."""
        return self.decoder(latents).clamp(-1.0, 1.0)
