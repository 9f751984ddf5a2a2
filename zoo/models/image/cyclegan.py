"""CycleGAN: pictures of one style become pictures of another, learnt from two heaps of pictures without pairs.

Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV
2017: a ResNet generator each way (Johnson et al., 2016) with instance normalisation (Ulyanov et al., 2016), and a
discriminator of patches for each style; what goes there and back must be what it was. Departures, for pictures of
64 x 64 pixels and a CPU: the generators' first layer halves at once, and their last sees the given picture beside what
was made of it, where the paper has kernels of 7 x 7 at full size, so that lines need not pass through the narrow
middle; the discriminators halve twice and see patches of 34 pixels, in proportion the paper's 70 of 256; and they
have no normalisation, which takes from a picture the very colours by which two styles are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo.config import bounded, check
from zoo.entry import IMAGE_TRANSLATION, Entry, Part
from zoo.nn.method import Method


@dataclass(frozen=True)
class CycleGANConfig:
    """The two styles, and the sizes of all four networks."""

    source: Literal["google", "twitter", "openmoji", "fluent"] = "openmoji"
    """Style of the pictures that `translate` is given."""
    target: Literal["google", "twitter", "openmoji", "fluent"] = "twitter"
    """Style of those that it makes."""
    paired: ClassVar[bool] = False
    """Training shows the two styles in no pairs."""
    channels: int = bounded(3, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(64, 16, 512)
    """Height and width in pixels; a multiple of 4."""
    width: int = bounded(40, 1, 512)
    """Feature maps of a generator at half size; doubled at a quarter."""
    blocks: int = bounded(5, 0, 32)
    """Residual blocks of a generator, at a quarter of the size."""
    discriminator_width: int = bounded(32, 1, 512)
    """Feature maps of a discriminator at half size; doubled at a quarter and again in the layer after it."""
    margin: int = bounded(4, 0, 128)
    """White pixels around what is drawn, in place of a picture's own margins: vendors leave different ones, and where
    things are is no style."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 4:
            raise ValueError(f"CycleGANConfig.image_size is {self.image_size}; allowed are multiples of 4")
        if 4 * self.margin > self.image_size:
            raise ValueError(
                f"CycleGANConfig.margin is {self.margin}; allowed is a quarter of {self.image_size} at most"
            )


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), channels kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        changed: Tensor = self.layers(x)
        return x + changed


class Generator(nn.Module):
    """Pictures in one style -> the same things in another."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        width, half = config.width, max(config.width // 2, 1)
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels, width, 4, 2, 1, bias=False),  # 64 -> 32
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),  # 32 -> 16
            nn.InstanceNorm2d(2 * width),
            nn.ReLU(),
            *(ResidualBlock(2 * width) for _ in range(config.blocks)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),  # 16 -> 32
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, half, 4, 2, 1, bias=False),  # 32 -> 64
            nn.InstanceNorm2d(half),
            nn.ReLU(),
        )
        self.last = nn.Conv2d(half + config.channels, config.channels, 3, 1, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)

    def forward(self, images: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> the same shape and range."""
        return torch.tanh(self.last(torch.cat([self.layers(images), images], dim=1)))


class Discriminator(nn.Module):
    """Which patches of a picture look like its style?"""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        width = config.discriminator_width
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels, width, 4, 2, 1),  # 64 -> 32
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),  # 32 -> 16
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 1, 1),  # 16 -> 15
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 4, 1, 1),  # 15 -> 14
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, 0.2)

    def forward(self, images: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> scores (n, 1, h / 4 - 2, w / 4 - 2), 1 for real and 0 for generated."""
        scores: Tensor = self.layers(images)
        return scores


class Discriminators(nn.Module):
    """One for each style."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        self.of_source, self.of_target = Discriminator(config), Discriminator(config)

    def forward(self, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures of either style (n, c, h, w) in [-1, 1] -> the scores of each as theirs."""
        return self.of_source(sources), self.of_target(targets)


class CycleGAN(nn.Module):
    """Both generators, which are what a checkpoint holds; `discriminator()` makes their adversaries for training."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        self.config = config
        self.source_channels, self.source_size = config.channels, config.image_size
        self.translator, self.translator_back = Generator(config), Generator(config)

    def translate(self, images: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] of the source's style -> the same shape and range, in the target's style."""
        made: Tensor = self.translator(images)
        return made

    def translate_back(self, images: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] of the target's style -> the same shape and range, in the source's style."""
        made: Tensor = self.translator_back(images)
        return made

    def forward(self, sources: Tensor, targets: Tensor, *, identity: bool) -> tuple[Tensor, ...]:
        """sources, targets (n, c, h, w) in [-1, 1], no pairs -> what training compares, each of that shape and range.

        That is, made targets, made sources; sources and targets that went there and back; and with `identity` sources
        and targets as the generators that make their style leave them.
        """
        n = len(sources)
        if identity:
            made_targets, same_targets = self.translator(torch.cat([sources, targets])).split(n)
            made_sources, same_sources = self.translator_back(torch.cat([targets, sources])).split(n)
        else:
            made_targets, made_sources = self.translator(sources), self.translator_back(targets)
        again = self.translator_back(made_targets), self.translator(made_sources)
        return (made_targets, made_sources, *again, *((same_sources, same_targets) if identity else ()))

    def discriminator(self) -> Discriminators:
        """A fresh pair of adversaries of matching sizes."""
        return Discriminators(self.config)

    def parts(self) -> tuple[Part, ...]:
        """A graph each way."""
        images = torch.zeros(2, self.source_channels, self.source_size, self.source_size)
        axes = {name: {0: "batch"} for name in ("images", "translated")}
        return tuple(
            Part(name, Method(self, method), {"images": images}, ("translated",), axes)
            for name, method in (("translator", "translate"), ("translator_back", "translate_back"))
        )


ENTRY = Entry(
    title="CycleGAN",
    paper="https://arxiv.org/abs/1703.10593",
    tasks=(IMAGE_TRANSLATION,),
    config=CycleGANConfig,
    model=CycleGAN,
    tiny=CycleGANConfig(image_size=32, width=4, blocks=1, discriminator_width=4),
    summary="Redraws an emoji in another vendor's style, and back; learnt without a single pair.",
    summary_zh="把表情符号改画成另一家厂商的风格，也能改回来；训练时从未见过成对的图。",
)
