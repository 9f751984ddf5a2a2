"""The original generative adversarial network: dense layers on both sides, 28 x 28 pixels, no classes.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville and Bengio, "Generative adversarial nets", NeurIPS
2014: a generator of rectified linear units, a discriminator of maxout units with dropout (section 5). Departures:
standard normals for latents where the paper has uniforms; pixels in [-1, 1] through tanh instead of in [0, 1] through
a sigmoid; Adam instead of momentum (`train.algorithms.adversarial`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.config import bounded, check
from zoo.entry import IMAGE_GENERATION, Entry, Part


@dataclass(frozen=True)
class MLPGANConfig:
    """Sizes of both networks."""

    channels: int = bounded(1, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(28, 4, 64)
    """Height and width in pixels."""
    latent_dim: int = bounded(100, 1, 1024)
    """Standard normals that make one picture."""
    width: int = bounded(512, 4, 4096)
    """Units of each of the generator's two hidden layers."""
    maxout_width: int = bounded(240, 4, 4096)
    """Units of each of the discriminator's two hidden layers."""
    pieces: int = bounded(5, 2, 16)
    """Linear pieces of which a maxout unit takes the largest."""
    dropout: float = bounded(0.5, 0.0, 0.9)
    """Share of the discriminator's hidden units that are left out at each step."""

    def __post_init__(self) -> None:
        check(self)


class MLPGAN(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its adversary for training."""

    num_classes = 0

    def __init__(self, config: MLPGANConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim = config.latent_dim
        self.shape = (config.channels, config.image_size, config.image_size)
        self.layers = nn.Sequential(
            nn.Linear(config.latent_dim, config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.channels * config.image_size**2),
            nn.Tanh(),
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) -> images (n, c, h, w) in [-1, 1]."""
        if labels is not None:
            raise ValueError("this generator knows no classes; give no labels")
        images: Tensor = self.layers(latents).unflatten(1, self.shape)
        return images

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `forward`: the task's name for it."""
        return self(latents, labels)

    def discriminator(self) -> Discriminator:
        """A fresh adversary of matching sizes."""
        return Discriminator(self.config)

    def parts(self) -> tuple[Part, ...]:
        """One graph: noise to picture."""
        inputs = {"latents": torch.zeros(2, self.latent_dim)}
        return (Part("generator", self, inputs, ("images",), {"latents": {0: "batch"}, "images": {0: "batch"}}),)


class Maxout(nn.Module):
    """Each unit is the largest of `pieces` linear functions (Goodfellow et al., "Maxout networks", ICML 2013)."""

    def __init__(self, inputs: int, outputs: int, pieces: int) -> None:
        super().__init__()
        self.outputs, self.pieces = outputs, pieces
        self.linear = nn.Linear(inputs, outputs * pieces)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) -> (n, outputs)."""
        return self.linear(x).unflatten(1, (self.outputs, self.pieces)).amax(2)


class Discriminator(nn.Module):
    """Real or generated? Two layers of maxout units with dropout, and a logit."""

    def __init__(self, config: MLPGANConfig) -> None:
        super().__init__()
        pixels, width = config.channels * config.image_size**2, config.maxout_width
        self.layers = nn.Sequential(
            nn.Flatten(),
            Maxout(pixels, width, config.pieces),
            nn.Dropout(config.dropout),
            Maxout(width, width, config.pieces),
            nn.Dropout(config.dropout),
            nn.Linear(width, 1),
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> logits (n,), positive for real."""
        logits: Tensor = self.layers(images)
        return logits.squeeze(1)


ENTRY = Entry(
    title="GAN",
    paper="https://arxiv.org/abs/1406.2661",
    tasks=(IMAGE_GENERATION,),
    config=MLPGANConfig,
    model=MLPGAN,
    tiny=MLPGANConfig(latent_dim=8, width=16, maxout_width=8, pieces=2),
    summary="The first of its kind: two small dense networks compete, and digits come out of noise.",
    summary_zh="最早的生成对抗网络：两个小型全连接网络相互竞争，由噪声生成数字。",
)
