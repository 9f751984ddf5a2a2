"""WGAN-GP, class-conditional: a generator against a critic whose slope is held at one by a gradient penalty.

Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville, "Improved training of Wasserstein GANs", NeurIPS 2017. The generator
is DCGAN's, so that what differs is the adversary: a score without bounds instead of a probability, and no batch
normalisation in the critic, because the penalty is on the gradient for each picture alone. Departures: the class
enters as in our DCGAN, beside the noise and by projection (Miyato and Koyama, ICLR 2018); 32 x 32 pixels take three
halvings. With `train.algorithms.wasserstein`'s `clip_weights` the same networks are those of Arjovsky, Chintala and
Bottou, "Wasserstein generative adversarial networks", ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.config import bounded, check
from zoo.entry import IMAGE_GENERATION, Entry, Part
from zoo.models.image.dcgan import DCGAN, DCGANConfig


@dataclass(frozen=True)
class WGANGPConfig:
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
    width: int = bounded(48, 1, 512)
    """Feature maps of both networks at half size; doubled at a quarter and again at an eighth."""
    norm: Literal["none", "layer"] = "none"
    """What normalises the critic's feature maps: nothing, or each picture by itself (Ba et al., 2016)."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 8:
            raise ValueError(f"WGANGPConfig.image_size is {self.image_size}; allowed are multiples of 8")


class WGANGP(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its critic for training."""

    def __init__(self, config: WGANGPConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, config.num_classes
        self.generator = DCGAN(
            DCGANConfig(
                config.channels,
                config.image_size,
                config.latent_dim,
                config.num_classes,
                config.class_dim,
                config.width,
            )
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) and, with classes, labels int64 (n,) -> images (n, c, h, w) in [-1, 1]."""
        images: Tensor = self.generator(latents, labels)
        return images

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `forward`: the task's name for it."""
        return self(latents, labels)

    def discriminator(self) -> Critic:
        """A fresh critic of matching sizes."""
        return Critic(self.config)

    def parts(self) -> tuple[Part, ...]:
        """One graph: noise (and class) to picture."""
        inputs = {"latents": torch.zeros(2, self.latent_dim)}
        if self.num_classes:
            inputs["labels"] = torch.zeros(2, dtype=torch.int64)
        return (Part("generator", self, inputs, ("images",), {name: {0: "batch"} for name in (*inputs, "images")}),)


class Slopes(nn.Module):
    """LeakyReLU(0.2) as a product with its slopes, which are constants to autograd: its second derivative is nothing,
    where torch's carries zeros back through the whole critic."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x * x.detach().sign().mul_(0.4).add_(0.6)


class Critic(nn.Module):
    """How real? Strided convolutions, and the class as an inner product with the features: a score without bounds."""

    def __init__(self, config: WGANGPConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = config.channels
        for width in (config.width, 2 * config.width, 4 * config.width):  # 32 -> 16 -> 8 -> 4
            convolution = nn.Conv2d(before, width, 4, 2, 1)
            nn.init.kaiming_normal_(convolution.weight, 0.2)
            layers.append(convolution)
            if config.norm == "layer" and before > config.channels:
                layers.append(nn.GroupNorm(1, width))
            layers.append(Slopes())
            before = width
        self.layers = nn.Sequential(*layers)
        features = before * (config.image_size // 8) ** 2
        self.score = nn.Linear(features, 1)
        self.embed = nn.Embedding(config.num_classes, features) if config.num_classes else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, 0.0, features**-0.5)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (n, c, h, w) in [-1, 1], labels int64 (n,) -> scores (n,), higher for real."""
        features = self.layers(images).flatten(1)
        scores = self.score(features).squeeze(1)
        if self.embed is not None:
            if labels is None:
                raise ValueError("this critic is conditioned on classes; labels are missing")
            scores = scores + (self.embed(labels) * features).sum(1)
        return scores


ENTRY = Entry(
    title="WGAN-GP",
    paper="https://arxiv.org/abs/1704.00028",
    tasks=(IMAGE_GENERATION,),
    config=WGANGPConfig,
    model=WGANGP,
    tiny=WGANGPConfig(latent_dim=8, class_dim=4, width=4),
    summary="A generator follows a critic that measures how far its pictures are from real ones; hard to collapse.",
    summary_zh="评论家衡量生成图像与真实图像的距离，生成器据此改进，不易模式崩溃。",
)
