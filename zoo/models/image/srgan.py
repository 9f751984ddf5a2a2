"""SRGAN: a small picture enlarged four times, each side, with what its few pixels leave open filled in.

Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network", CVPR 2017:
residual blocks at the small size, sub-pixel convolutions that enlarge (Shi et al., CVPR 2016), and a discriminator.
Departures: no batch normalisation in the generator (Lim et al., "Enhanced deep residual networks for single image
super-resolution", CVPRW 2017), whose statistics are not those of the one picture that somebody enlarges; kernels of 3
instead of 9, for to larger ones a picture of 16 x 16 pixels is all edge; half the feature maps after each doubling;
and what is learnt is painted on a bicubic enlargement, and then brought to the means that are given, so that an
untrained network is better than that already. The discriminator sees the small picture beside the large one and scores
patches (Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017), and the content
loss is the mean absolute difference of pixels, not of a network's features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IMAGE_TRANSLATION, Entry, Part
from zoo.nn.within import within
from zoo.noise import Noise


@dataclass(frozen=True)
class SRGANConfig:
    """Whose pictures, and the sizes of both networks."""

    source: ClassVar[str] = "small"
    """What the network is given: the mean of every `scale` x `scale` pixels."""
    target: Literal["google", "twitter", "openmoji", "fluent", "all"] = "all"
    """Whose pictures are enlarged: one vendor's, or those of all."""
    channels: int = bounded(3, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(64, 8, 512)
    """Height and width of the enlarged picture in pixels; a multiple of 4 * `scale`."""
    scale: int = bounded(4, 2, 8)
    """How many times the picture is enlarged, each side: 2, 4 or 8."""
    width: int = bounded(64, 4, 256)
    """Feature maps at the small size, a multiple of `scale`; halved with each doubling of the picture."""
    blocks: int = bounded(10, 0, 64)
    """Residual blocks, all at the small size."""
    discriminator_width: int = bounded(32, 1, 512)
    """Feature maps of the discriminator at half of the large size; doubled with each halving."""

    def __post_init__(self) -> None:
        check(self)
        if self.scale not in (2, 4, 8):
            raise ValueError(f"SRGANConfig.scale is {self.scale}; allowed are 2, 4 and 8")
        if self.image_size % (4 * self.scale):
            raise ValueError(
                f"SRGANConfig.image_size is {self.image_size}; at scale {self.scale} allowed are multiples of "
                f"{4 * self.scale}"
            )
        if self.width % self.scale:
            raise ValueError(f"SRGANConfig.width is {self.width}; allowed are multiples of scale, {self.scale}")


class ResidualBlock(nn.Module):
    """x + conv(prelu(conv(x))), channels kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(second.weight)
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        changed: Tensor = self.layers(x)
        return x + changed


class SRGAN(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its adversary for training."""

    def __init__(self, config: SRGANConfig) -> None:
        super().__init__()
        self.config = config
        self.source_channels, self.source_size = config.channels, config.image_size // config.scale
        width = config.width
        self.first = nn.Conv2d(config.channels, width, 3, padding=1)
        self.trunk = nn.Sequential(
            *(ResidualBlock(width) for _ in range(config.blocks)), nn.Conv2d(width, width, 3, padding=1)
        )
        doublings: list[nn.Module] = []
        for _ in range(config.scale.bit_length() - 1):
            doublings += [nn.Conv2d(width, 2 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
            width //= 2
        last = nn.Conv2d(width, config.channels, 3, padding=1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.enlarge = nn.Sequential(*doublings, last)

    def forward(self, images: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> (n, c, scale * h, scale * w) in [-1, 1].

        The nearest picture whose means of `scale` x `scale` pixels are the given one: where those means are how the
        small picture was made, this brings any picture nearer to the truth.
        """
        size = [self.config.scale * side for side in images.shape[2:]]
        enlarged = F.interpolate(images, size, mode="bicubic", align_corners=False)
        features = self.first(images)
        changed: Tensor = self.enlarge(features + self.trunk(features))
        made = enlarged + changed
        made = made + F.interpolate(images - F.avg_pool2d(made, self.config.scale), size, mode="nearest")
        return within(made, self.training)

    def translate(self, images: Tensor) -> Tensor:
        """As `forward`: the task's name for it."""
        made: Tensor = self(images)
        return made

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The mean absolute difference of pixels: "source" (n, c, h, w) and "target" at the large size, in [-1, 1]."""
        return {"loss": F.l1_loss(self(batch["source"]).float(), batch["target"])}

    def discriminator(self) -> Discriminator:
        """A fresh adversary of matching sizes."""
        return Discriminator(self.config)

    def parts(self) -> tuple[Part, ...]:
        """One graph: small picture, of any height and width, to large."""
        images = torch.zeros(2, self.source_channels, self.source_size, self.source_size)
        axes = {
            "images": {0: "batch", 2: "height", 3: "width"},
            "translated": {0: "batch", 2: "large_height", 3: "large_width"},
        }
        return (Part("translator", self, {"images": images}, ("translated",), axes),)


class Discriminator(nn.Module):
    """Which patches of a large picture are real, given the small one?"""

    def __init__(self, config: SRGANConfig) -> None:
        super().__init__()
        width = config.discriminator_width
        self.scale = config.scale
        self.layers = nn.Sequential(
            nn.Conv2d(2 * config.channels, width, 4, 2, 1),  # 64 -> 32
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),  # 32 -> 16
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, 1, 1),
        )

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """sources (n, c, h, w), targets (n, c, scale * h, scale * w) -> logits (n, 1, ...), positive for real."""
        beside = F.interpolate(sources, scale_factor=float(self.scale), mode="nearest")
        logits: Tensor = self.layers(torch.cat([beside, targets], dim=1))
        return logits


ENTRY = Entry(
    title="SRGAN",
    paper="https://arxiv.org/abs/1609.04802",
    tasks=(IMAGE_TRANSLATION,),
    config=SRGANConfig,
    model=SRGAN,
    tiny=SRGANConfig(image_size=32, width=8, blocks=1, discriminator_width=4),
    summary="Enlarges a picture of 16 x 16 pixels four times each way, and fills in sharp detail.",
    summary_zh="把 16 x 16 像素的小图长宽各放大四倍，并补上清晰的细节。",
)
