"""DCGAN, class-conditional: a convolutional generator against a convolutional discriminator.

Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016. Departures: the class enters the generator beside the noise (Mirza and Osindero, 2014) and
the discriminator as a projection (Miyato and Koyama, "cGANs with projection discriminator", ICLR 2018); pictures
have 32 x 32 pixels, so three doublings from 4 x 4 stand where the paper has four.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.config import bounded, check
from zoo.entry import IMAGE_GENERATION, Entry, Part


@dataclass(frozen=True)
class DCGANConfig:
    """Sizes of both networks."""

    channels: int = bounded(1, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(32, 8, 256)
    """Height and width in pixels; a multiple of 8."""
    latent_dim: int = bounded(64, 1, 1024)
    """Standard normals that make one picture."""
    num_classes: int = bounded(10, 0, 1000)
    """Classes to condition on; 0 for none."""
    class_dim: int = bounded(32, 1, 512)
    """Width of the generator's class embedding."""
    width: int = bounded(64, 1, 512)
    """Feature maps at half size; doubled at a quarter and again at an eighth."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 8:
            raise ValueError(f"DCGANConfig.image_size is {self.image_size}; allowed are multiples of 8")


def _initialise(module: nn.Module) -> None:
    """The paper's start: weights from N(0, 0.02), norms' scales from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class DCGAN(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its adversary for training."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, config.num_classes
        width = config.width
        inputs = config.latent_dim
        if config.num_classes:
            self.embed = nn.Embedding(config.num_classes, config.class_dim)
            inputs += config.class_dim
        self.start = config.image_size // 8
        self.project = nn.Linear(inputs, 4 * width * self.start**2, bias=False)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),  # 4 -> 8 at 32 pixels
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),  # 8 -> 16
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, config.channels, 4, 2, 1),  # 16 -> 32
            nn.Tanh(),
        )
        self.apply(_initialise)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) and, with classes, labels int64 (n,) -> images (n, c, h, w) in [-1, 1]."""
        if self.num_classes:
            if labels is None:
                raise ValueError(f"this generator is conditioned on {self.num_classes} classes; labels are missing")
            latents = torch.cat([latents, self.embed(labels)], dim=1)
        return self.layers(self.project(latents).unflatten(1, (-1, self.start, self.start)))

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `forward`: the task's name for it."""
        return self(latents, labels)

    def discriminator(self) -> Discriminator:
        """A fresh adversary of matching sizes."""
        return Discriminator(self.config)

    def parts(self) -> tuple[Part, ...]:
        """One graph: noise (and class) to picture."""
        inputs = {"latents": torch.zeros(2, self.latent_dim)}
        if self.num_classes:
            inputs["labels"] = torch.zeros(2, dtype=torch.int64)
        return (Part("generator", self, inputs, ("images",), {name: {0: "batch"} for name in (*inputs, "images")}),)


class Discriminator(nn.Module):
    """Real or generated? Strided convolutions, and the class as an inner product with the features."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels, width, 4, 2, 1),  # 32 -> 16
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),  # 16 -> 8
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False),  # 8 -> 4
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(0.2),
        )
        features = 4 * width * (config.image_size // 8) ** 2
        self.score = nn.Linear(features, 1)
        self.embed = nn.Embedding(config.num_classes, features) if config.num_classes else None
        self.apply(_initialise)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (n, c, h, w) in [-1, 1], labels int64 (n,) -> logits (n,), positive for real."""
        features = self.layers(images).flatten(1)
        logits = self.score(features).squeeze(1)
        if self.embed is not None:
            if labels is None:
                raise ValueError("this discriminator is conditioned on classes; labels are missing")
            logits = logits + (self.embed(labels) * features).sum(1)
        return logits


ENTRY = Entry(
    title="DCGAN",
    paper="https://arxiv.org/abs/1511.06434",
    tasks=(IMAGE_GENERATION,),
    config=DCGANConfig,
    model=DCGAN,
    tiny=DCGANConfig(latent_dim=8, class_dim=4, width=4),
    summary="A generator and a discriminator compete; sharp pictures of a chosen class from noise.",
    summary_zh="生成器与判别器相互对抗，由噪声生成指定类别的清晰图像。",
)
