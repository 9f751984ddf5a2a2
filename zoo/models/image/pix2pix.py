"""pix2pix: a U-Net that translates a picture into another, against a discriminator that sees both, patch by patch.

Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017. Departures:
the paper's noise, dropout at test time, is left out, since it changed little there either (section 3.1): a picture has
one translation. Batch normalisation works with the statistics of training at inference, not with those of the batch
(section 3.3), so that no picture's translation depends on its neighbours. Two last convolutions see the source at its
full size beside the U-Net's output, so that lines and plain areas pass without being coded at half size. What a
damaged or noisy source keeps is decided pixel by pixel: they give a share beside the colours, by which the picture is
mixed from both. Values are cut to the range where the paper has tanh, which never reaches white. Pixels are repeated
and then convolved where the paper has transposed convolutions, which left a chequered pattern (Odena, Dumoulin and
Olah, "Deconvolution and checkerboard artifacts", Distill, 2016). Pictures have 64 x 64 pixels, so the U-Net halves
six times where the paper's halves eight times, and the discriminator judges patches of 34 x 34 pixels, by one halving
fewer than for the paper's 70 x 70.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.config import bounded, check
from zoo.entry import IMAGE_TRANSLATION, Entry, Part
from zoo.nn.within import within


@dataclass(frozen=True)
class Pix2PixConfig:
    """What is translated into what, and sizes of both networks."""

    source: Literal["google", "twitter", "openmoji", "fluent", "outline", "damaged", "noisy"] = "outline"
    """What the model is given: a vendor's style, or what is made of the target (`zoo.data.pairs`)."""
    target: Literal["google", "twitter", "openmoji", "fluent", "all"] = "google"
    """What it makes: a vendor's style, or that of whichever vendor drew the source."""
    image_size: int = bounded(64, 8, 256)
    """Height and width in pixels; a multiple of 2 to the power of `depth`."""
    width: int = bounded(48, 1, 256)
    """Feature maps of the generator at half size; doubled with each halving."""
    widest: int = bounded(128, 1, 1024)
    """Feature maps of the generator at most."""
    depth: int = bounded(6, 2, 8)
    """How often the generator halves the picture."""
    discriminator_width: int = bounded(32, 1, 256)
    """Feature maps of the discriminator at half size; doubled at a quarter and again in the layer after it."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 2**self.depth:
            raise ValueError(
                f"Pix2PixConfig.image_size is {self.image_size}; allowed are multiples of {2**self.depth} "
                f"with a depth of {self.depth}"
            )


def _initialise(module: nn.Module) -> None:
    """The paper's start: weights from N(0, 0.02), norms' scales from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class Pix2Pix(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its adversary for training."""

    source_channels = 3

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        self.source_size = config.image_size
        widths = [min(config.width * 2**i, config.widest) for i in range(config.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = self.source_channels
        for i, width in enumerate(widths):
            # A map of one pixel has no spread of its own to be normalised by, and the first layer sees pixels.
            plain = i == 0 or config.image_size >> (i + 1) == 1
            self.down.append(_halving(before, width, plain=plain))
            before = width
        for width in (*reversed(widths[:-1]), max(config.width // 2, 1)):
            self.up.append(_doubling(before, width))
            before = 2 * width  # beside as many from the way down
        width = max(config.width // 2, 1)
        self.fine = nn.Sequential(nn.Conv2d(width + self.source_channels, width, 3, 1, 1), nn.LeakyReLU(0.2))
        self.repairs = config.source in ("damaged", "noisy")  # mostly the target already
        self.last = nn.Conv2d(width, 3 + self.repairs, 3, 1, 1)
        self.apply(_initialise)
        if self.repairs and self.last.bias is not None:
            nn.init.constant_(self.last.bias[3:], -3.0)  # to begin with, nearly all of the source is kept

    def forward(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> images (n, 3, h, w) in [-1, 1]."""
        passed = [images]
        for layer in self.down:
            passed.append(layer(passed[-1]))
        x = passed.pop()
        for layer in self.up:
            x = torch.cat([layer(x), passed.pop()], dim=1)
        x = self.last(self.fine(x))
        if self.repairs:
            x = images + x[:, 3:].sigmoid() * (x[:, :3] - images)
        return within(x, self.training)

    def translate(self, images: Tensor) -> Tensor:
        """As `forward`: the task's name for it."""
        return self(images)

    def discriminator(self) -> Discriminator:
        """A fresh adversary of matching sizes."""
        return Discriminator(self.config)

    def parts(self) -> tuple[Part, ...]:
        """One graph: source to target."""
        example = torch.zeros(2, self.source_channels, self.source_size, self.source_size)
        dynamic = {"images": {0: "batch"}, "translated": {0: "batch"}}
        return (Part("translator", self, {"images": example}, ("translated",), dynamic),)


def _halving(before: int, after: int, *, plain: bool) -> nn.Sequential:
    """(n, before, h, w) -> (n, after, h / 2, w / 2); `plain` without a norm."""
    norm: list[nn.Module] = [] if plain else [nn.BatchNorm2d(after)]
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, 1, bias=plain), *norm, nn.LeakyReLU(0.2))


def _doubling(before: int, after: int) -> nn.Sequential:
    """(n, before, h, w) -> (n, after, 2h, 2w)."""
    convolution = nn.Conv2d(before, after, 3, 1, 1, bias=False)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution, nn.BatchNorm2d(after), nn.ReLU())


class Discriminator(nn.Module):
    """Does this belong to that? Each patch of 34 x 34 pixels is judged by itself (section 3.2.2, "PatchGAN")."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        width = config.discriminator_width
        self.layers = nn.Sequential(
            nn.Conv2d(Pix2Pix.source_channels + 3, width, 4, 2, 1),  # 64 -> 32
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),  # 32 -> 16
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 1, 1, bias=False),  # 16 -> 15
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 4, 1, 1),  # 15 -> 14
        )
        self.apply(_initialise)

    def forward(self, sources: Tensor, images: Tensor) -> Tensor:
        """sources and images, each (n, 3, h, w) in [-1, 1] -> logits (n, patches), positive for a true translation."""
        logits: Tensor = self.layers(torch.cat([sources, images], dim=1)).flatten(1)
        return logits


ENTRY = Entry(
    title="pix2pix",
    paper="https://arxiv.org/abs/1611.07004",
    tasks=(IMAGE_TRANSLATION,),
    config=Pix2PixConfig,
    model=Pix2Pix,
    tiny=Pix2PixConfig(image_size=32, width=4, widest=16, depth=3, discriminator_width=4),
    summary="Learns from pairs of pictures to turn one into the other: outlines into emoji, damaged ones into whole.",
    summary_zh="从成对的图像中学习把一张变成另一张：线稿变成表情，残缺变得完整。",
)
