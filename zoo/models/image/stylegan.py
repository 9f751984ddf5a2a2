"""StyleGAN2 for small pictures: a mapping network makes styles of noise, and each layer is modulated by its style.

Karras, Laine, Aittala, Hellsten, Lehtinen and Aila, "Analyzing and improving the image quality of StyleGAN", CVPR 2020;
the class enters as in Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020: beside
z in the mapping network, and as a projection in the discriminator.

Modulation scales a layer's input and demodulation its output, around a convolution whose weights are the same for all
pictures: what the paper's per-sample weights give (its section 2.2), in a graph that any runtime runs in batches.

Departures: kernels of 4 x 4 that step by two take the place of fixed blurs around 3 x 3 ones; weights start at the size
at which they work, and the optimiser keeps rates in proportion (`train.algorithms.style_adversarial`), where the paper
scales weights at run time; z is not normalised, so that scaling it truncates; the sum of the skips passes a tanh; the
two layers of a size share one map of noise, each with its own strength. A model draws nothing at random, so a latent
holds z and then the pixels of every map, from the smallest on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IMAGE_GENERATION, Entry, Part
from zoo.nn.variety import variety

START = 4
"""Height and width of the learnt constant that synthesis starts from."""


@dataclass(frozen=True)
class StyleGANConfig:
    """Sizes of both networks."""

    channels: int = bounded(1, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(32, 8, 256)
    """Height and width in pixels; a power of two."""
    latent_dim: int = bounded(1424, 81, 100_000)
    """Standard normals that make one picture: those of z, and one for each pixel of a noise map of 4, 8, ... and
    image_size pixels a side."""
    num_classes: int = bounded(10, 0, 1000)
    """Classes to condition on; 0 for none."""
    class_dim: int = bounded(32, 1, 512)
    """Width of the mapping network's class embedding."""
    style_dim: int = bounded(128, 1, 1024)
    """Width of a style w, and of the mapping network."""
    mapping_layers: int = bounded(4, 1, 16)
    """Dense layers of the mapping network."""
    width: int = bounded(32, 1, 512)
    """Feature maps at full size; doubled with every halving."""
    max_width: int = bounded(128, 1, 1024)
    """Feature maps at most."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size & (self.image_size - 1):
            raise ValueError(f"StyleGANConfig.image_size is {self.image_size}; allowed are powers of two")
        if self.z_dim < 1:
            raise ValueError(
                f"StyleGANConfig.latent_dim is {self.latent_dim}; at {self.image_size} pixels the noise maps take "
                f"{self.noise_dim}, and z at least 1 more"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Heights of the feature maps, from 4 to the picture's."""
        return tuple(START << i for i in range(int(math.log2(self.image_size // START)) + 1))

    @property
    def noise_dim(self) -> int:
        """Pixels of all noise maps."""
        return sum(size * size for size in self.sizes)

    @property
    def z_dim(self) -> int:
        """Dimensions of z."""
        return self.latent_dim - self.noise_dim

    @property
    def num_styles(self) -> int:
        """Styles that a picture takes: one for each convolution, and one for the last layer to colours."""
        return 2 * len(self.sizes)

    def width_at(self, size: int) -> int:
        """Feature maps at a height."""
        return min(self.max_width, self.width * self.image_size // size)


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, *, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps the size, or halves it, and the variance of what `_activated` gave."""
    found = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=bias)
    nn.init.kaiming_normal_(found.weight, 0.2)
    if found.bias is not None:
        nn.init.zeros_(found.bias)
    return found


def _linear(inputs: int, outputs: int, *, slope: float = 0.2, bias: float = 0.0) -> nn.Linear:
    found = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(found.weight, slope)
    nn.init.constant_(found.bias, bias)
    return found


class Mapping(nn.Module):
    """z, and the class where there are classes, to a style w."""

    def __init__(self, config: StyleGANConfig) -> None:
        super().__init__()
        inputs = config.z_dim
        self.embed = nn.Embedding(config.num_classes, config.class_dim) if config.num_classes else None
        if config.num_classes:
            inputs += config.class_dim
        widths = (inputs, *[config.style_dim] * config.mapping_layers)
        self.layers = nn.ModuleList(_linear(*pair) for pair in pairwise(widths))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (n, z_dim) and, with classes, labels int64 (n,) -> w (n, style_dim)."""
        if self.embed is not None:
            if labels is None:
                raise ValueError(f"styles depend on {self.embed.num_embeddings} classes here; labels are missing")
            z = torch.cat([z, self.embed(labels)], dim=1)
        for layer in self.layers:
            z = _activated(layer(z))
        return z


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style; `demodulated`, its outputs have unit variance again.

    With `up` it doubles the size, by a transposed convolution of 4 x 4, of whose taps a quarter meets each pixel.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, style_dim: int, *, up: bool = False, demodulated: bool = True
    ) -> None:
        super().__init__()
        self.up, self.demodulated = up, demodulated
        self.style = _linear(style_dim, inputs, slope=1.0, bias=1.0)
        shape = (inputs, outputs, kernel, kernel) if up else (outputs, inputs, kernel, kernel)
        self.weight = nn.Parameter(torch.randn(shape) * (inputs * kernel**2) ** -0.5)

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """x (n, inputs, h, w) and w (n, style_dim) -> features (n, outputs, h, w) or twice as high and wide, and what
        they are yet to be multiplied by, (n, outputs, 1, 1), where it is demodulated."""
        scales = self.style(w)
        x = x * scales.to(x.dtype)[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, self.weight, stride=2, padding=1)
        else:
            x = F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)
        if not self.demodulated:
            return x, None
        squares = self.weight.square().sum((2, 3))  # over the taps
        if self.up:
            squares = squares.T / 4
        factors = (scales.square() @ squares.T + 1e-8).rsqrt()  # equation 3: (n, outputs)
        return x, factors.to(x.dtype)[:, :, None, None]


class StyledLayer(nn.Module):
    """Modulated convolution, noise, bias, activation."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 4 if up else 3, style_dim, up=up)
        self.strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """x (n, inputs, h, w), w (n, style_dim), noise (n, 1, h, w) of the new size -> (n, outputs, h, w) of it."""
        x, factors = self.conv(x, w)
        speckle = (self.strength * noise).to(x.dtype)
        x = torch.addcmul(speckle, x, factors * math.sqrt(2.0)) + self.bias.to(x.dtype)[:, None, None]
        return _activated(x)


class Synthesis(nn.Module):
    """Styles and noise maps to a picture, from a learnt constant, with a skip to colours at every size."""

    def __init__(self, config: StyleGANConfig) -> None:
        super().__init__()
        self.sizes, dim = config.sizes, config.style_dim
        widths = [config.width_at(size) for size in self.sizes]
        self.constant = nn.Parameter(torch.randn(1, widths[0], START, START))
        self.layers = nn.ModuleList([StyledLayer(widths[0], widths[0], dim)])
        for before, width in pairwise(widths):
            self.layers.append(StyledLayer(before, width, dim, up=True))
            self.layers.append(StyledLayer(width, width, dim))
        self.colours = nn.ModuleList(
            ModulatedConv(width, config.channels, 1, dim, demodulated=False) for width in widths
        )
        for colours in self.colours:
            colours.weight.data *= len(widths) ** -0.5  # their sum has unit variance, where the tanh is steep
        self.bias = nn.Parameter(torch.zeros(config.channels))

    def forward(self, styles: Tensor, noise: Tensor) -> Tensor:
        """styles (n, num_styles, style_dim) and noise (n, noise_dim) -> images (n, c, h, w) in [-1, 1]."""
        maps = noise.split([size * size for size in self.sizes], dim=1)
        x = self.constant.expand(len(styles), -1, -1, -1)
        picture = None
        for i, size in enumerate(self.sizes):
            speckle = maps[i].view(-1, 1, size, size)
            for number in range(max(0, 2 * i - 1), 2 * i + 1):
                x = self.layers[number](x, styles[:, number], speckle)
            colours, _ = self.colours[i](x, styles[:, 2 * i + 1])
            if picture is not None:
                colours = colours + F.interpolate(picture, scale_factor=2.0, mode="bilinear")
            picture = colours
        assert picture is not None
        return (picture.float() + self.bias[:, None, None]).tanh()


class StyleGAN(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its adversary for training."""

    def __init__(self, config: StyleGANConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, config.num_classes
        self.mapping, self.synthesis = Mapping(config), Synthesis(config)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) and, with classes, labels int64 (n,) -> images (n, c, h, w) in [-1, 1]."""
        z, noise = self.divided(latents)
        w: Tensor = self.mapping(z, labels)
        images: Tensor = self.synthesis(w[:, None].expand(-1, self.config.num_styles, -1), noise)
        return images

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `forward`: the task's name for it."""
        return self(latents, labels)

    def divided(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """latents (n, latent_dim) -> z (n, z_dim) and the pixels of the noise maps (n, noise_dim)."""
        return latents[:, : self.config.z_dim], latents[:, self.config.z_dim :]

    def discriminator(self) -> Discriminator:
        """A fresh adversary of matching sizes."""
        return Discriminator(self.config)

    def parts(self) -> tuple[Part, ...]:
        """Noise (and class) to picture in one graph, and its two halves, between which styles can be changed."""
        config, batch = self.config, {0: "batch"}
        labels = {"labels": torch.zeros(2, dtype=torch.int64)} if self.num_classes else {}
        latents, z = {"latents": torch.zeros(2, self.latent_dim)} | labels, {"z": torch.zeros(2, config.z_dim)} | labels
        styles = {
            "styles": torch.zeros(2, config.num_styles, config.style_dim),
            "noise": torch.zeros(2, config.noise_dim),
        }
        return (
            Part("generator", self, latents, ("images",), dict.fromkeys((*latents, "images"), batch)),
            Part("mapping", self.mapping, z, ("w",), dict.fromkeys((*z, "w"), batch)),
            Part("synthesis", self.synthesis, styles, ("images",), dict.fromkeys((*styles, "images"), batch)),
        )


class ResidualDown(nn.Module):
    """Two convolutions, the second halving the size, beside one of 2 x 2 that halves it too."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = _conv(inputs, hidden, 3), _conv(hidden, outputs, 4, 2)
        self.skip = _conv(inputs, outputs, 2, 2, bias=False)
        for convolution in (self.second, self.skip):
            convolution.weight.data *= math.sqrt(0.5)  # so that their sum has unit variance

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / 2, w / 2)."""
        return _activated(self.second(_activated(self.first(x)))) + self.skip(x)


class Discriminator(nn.Module):
    """Real or generated? Residual blocks, the batch's own variety as a feature, and the class as an inner product."""

    def __init__(self, config: StyleGANConfig) -> None:
        super().__init__()
        widths = [config.width_at(size) for size in config.sizes[::-1]]
        inputs = (config.channels, *widths[1:])
        self.blocks = nn.Sequential(*(ResidualDown(*sizes) for sizes in zip(inputs, widths, widths[1:], strict=False)))
        self.last = _conv(widths[-1] + 1, widths[-1], 3)
        self.dense = _linear(widths[-1] * START**2, widths[-1])
        self.score = _linear(widths[-1], 1, slope=1.0)
        self.embed = nn.Embedding(config.num_classes, widths[-1]) if config.num_classes else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, 0.0, widths[-1] ** -0.5)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (n, c, h, w) in [-1, 1], labels int64 (n,) -> logits (n,), positive for real."""
        x = self.blocks(images)
        x = _activated(self.last(torch.cat([x, variety(x)], dim=1)))
        features = _activated(self.dense(x.flatten(1)))
        logits: Tensor = self.score(features).squeeze(1)
        if self.embed is not None:
            if labels is None:
                raise ValueError("this discriminator is conditioned on classes; labels are missing")
            logits = logits + (self.embed(labels) * features).sum(1)
        return logits


ENTRY = Entry(
    title="StyleGAN2",
    paper="https://arxiv.org/abs/1912.04958",
    tasks=(IMAGE_GENERATION,),
    config=StyleGANConfig,
    model=StyleGAN,
    tiny=StyleGANConfig(latent_dim=1368, class_dim=4, style_dim=8, mapping_layers=2, width=4, max_width=8),
    summary="Noise becomes a style that steers every layer of the picture; styles can be mixed and pushed along.",
    summary_zh="噪声先变成风格，再由风格逐层控制画面；风格可以混合，也可以沿方向推移。",
)
