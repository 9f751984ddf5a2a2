"""Convolutional variational autoencoder with the exact Gaussian KL, for binary pixels or for 8-bit ones in colour.

Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014; Burda, Grosse and Salakhutdinov, "Importance
weighted autoencoders", ICLR 2016, for the likelihood by importance samples; Kingma et al., "Improving variational
inference with inverse autoregressive flow", NeurIPS 2016, for the discretised logistic of 8-bit pixels; Higgins et al.,
"beta-VAE", ICLR 2017, for a weight on the KL; Sohn, Yan and Lee, "Learning structured output representation using deep
conditional generative models", NeurIPS 2015, for classes given to both networks. Departures: residual convolution
blocks (He et al., 2016) instead of the papers' dense layers; one learnt scale a colour channel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IMAGE_AUTOENCODING, IMAGE_GENERATION, Entry, Part
from zoo.losses import gaussian_kl
from zoo.nn.method import Method
from zoo.noise import Noise

PIXEL_LEVELS = 256
"""Values of an 8-bit pixel: 2 k / 255 - 1 for k from 0 to 255."""


@dataclass(frozen=True)
class VAEConfig:
    """Sizes of both networks."""

    channels: int = bounded(1, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(28, 4, 256)
    """Height and width in pixels; a multiple of 2 to the power of `halvings`."""
    latent_dim: int = bounded(32, 1, 1024)
    """Dimensions of the latent code."""
    width: int = bounded(32, 4, 256)
    """Feature maps at half size; twice as many at all lower sizes."""
    blocks: int = bounded(1, 0, 8)
    """Residual blocks at each lower size."""
    hidden_dim: int = bounded(256, 4, 4096)
    """Width of the dense layer between feature maps and code."""
    likelihood: Literal["bernoulli", "logistic"] = "bernoulli"
    """bernoulli: pixels are binarised; logistic: 8-bit pixels, grey or colour, as they are."""
    num_classes: int = bounded(0, 0, 1000)
    """Classes that both networks are told; then the code is left to say the rest, the style. 0 for none."""
    beta: float = bounded(1.0, 0.0, 1000.0)
    """Weight of the KL in training. Above 1 the bound is no longer what is trained: codes grow simpler, and the
    likelihood falls."""
    halvings: int = bounded(2, 1, 6)
    """How often height and width are halved before the dense layers."""
    flip: bool = False
    """Whether training pictures are mirrored at random."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 2**self.halvings:
            allowed = f"allowed are multiples of {2**self.halvings}"
            raise ValueError(f"VAEConfig.image_size is {self.image_size}; {allowed}, for {self.halvings} halvings")

    @property
    def widths(self) -> tuple[int, ...]:
        """Feature maps after each halving."""
        return (self.width, *[2 * self.width] * (self.halvings - 1))

    @property
    def lowest(self) -> tuple[int, int, int]:
        """Feature maps, height and width before the dense layers."""
        side = self.image_size // 2**self.halvings
        return (self.widths[-1], side, side)


class ResidualBlock(nn.Module):
    """x + conv(silu(conv(silu(x)))), channels kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        return x + self.second(F.silu(self.first(F.silu(x))))


class Encoder(nn.Module):
    """Pictures (and classes) -> mean and log-variance of q(z|x)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, width in pairwise((config.channels, *config.widths)):
            layers += [nn.Conv2d(inputs, width, 4, 2, 1), *(ResidualBlock(width) for _ in range(config.blocks))]
            layers.append(nn.SiLU())
        self.layers = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(math.prod(config.lowest), config.hidden_dim),
            nn.SiLU(),
            nn.Linear(config.hidden_dim, 2 * config.latent_dim),
        )
        self.classes = nn.Embedding(config.num_classes, config.hidden_dim) if config.num_classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (n, c, h, w) in [-1, 1], labels int64 (n,) -> (n, 2 * latent_dim)."""
        if self.classes is None:
            return self.layers(images)
        return self.layers[-2:](self.layers[:-2](images) + self.classes(labels))


class Decoder(nn.Module):
    """Code (and class) -> logits of each pixel's mean, as a share of white."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Linear(config.latent_dim, config.hidden_dim),
            nn.SiLU(),
            nn.Linear(config.hidden_dim, math.prod(config.lowest)),
            nn.Unflatten(1, config.lowest),
        ]
        for width, outputs in pairwise((*reversed(config.widths), config.channels)):
            layers += [*(ResidualBlock(width) for _ in range(config.blocks)), nn.SiLU()]
            layers.append(nn.ConvTranspose2d(width, outputs, 4, 2, 1))
        self.layers = nn.Sequential(*layers)
        self.classes = nn.Embedding(config.num_classes, config.hidden_dim) if config.num_classes else None

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim), labels int64 (n,) -> logits (n, c, h, w)."""
        if self.classes is None:
            return self.layers(latents)
        return self.layers[1:](self.layers[0](latents) + self.classes(labels))


class VAE(nn.Module):
    """The pair, its bound and its likelihood."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, config.num_classes
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.pixel_levels = 2 if config.likelihood == "bernoulli" else PIXEL_LEVELS
        if config.likelihood == "logistic":
            self.log_scale = nn.Parameter(torch.full((config.channels,), math.log(0.2)))

    def encode(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """images (n, c, h, w) in [-1, 1] -> mean and log-variance of q(z|x), each (n, latent_dim).

        `labels` int64 (n,) are wanted where there are classes, and nowhere else: ValueError.
        """
        self._check(labels)
        mean, log_variance = self.encoder(images, labels).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12.0, 8.0)

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) -> the pixels' means, (n, c, h, w) in [-1, 1]; `labels` as for `encode`."""
        self._check(labels)
        return self.decoder(latents, labels).sigmoid() * 2 - 1

    def _check(self, labels: Tensor | None) -> None:
        if labels is not None and not self.num_classes:
            raise ValueError("this VAE is not conditioned on a class; give no labels")
        if labels is None and self.num_classes:
            raise ValueError(f"this VAE is conditioned on {self.num_classes} classes; labels are missing")

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The negative evidence lower bound in nats an image (equation 3 of the paper), of `observed` pixels.

        With beta its KL is weighed by that (equation 4 of Higgins et al.).
        """
        labels = batch["label"] if self.num_classes else None
        images = batch["image"]
        if self.training and self.config.flip:
            mirrored = noise.uniform(len(images)) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        images = self.observed(images, noise)
        mean, log_variance = self.encode(images, labels)
        latents = mean + (0.5 * log_variance).exp() * noise.normal(len(mean), self.latent_dim)
        reconstruction = self.negative_log_likelihood(self.decoder(latents, labels), images)
        kl = gaussian_kl(mean, log_variance)
        return {
            "loss": (reconstruction + self.config.beta * kl).mean(),
            "reconstruction": reconstruction.detach().mean(),
            "kl": kl.detach().mean(),
        }

    def observed(self, images: Tensor, noise: Noise) -> Tensor:
        """What the likelihood is of: pixels freshly binarised for the Bernoulli, 8-bit ones as they are."""
        return binarise(images, noise) if self.config.likelihood == "bernoulli" else images

    def negative_log_likelihood(self, logits: Tensor, images: Tensor) -> Tensor:
        """-log p(x|z) in nats of `observed` pixels: both (..., c, h, w) -> (...)."""
        if self.config.likelihood == "bernoulli":
            return bernoulli_nll(logits, images)
        return logistic_nll(logits.float().sigmoid() * 2 - 1, self.log_scale.float()[:, None, None], images)

    def log_weights(
        self, images: Tensor, noise: Noise, samples: int, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """log p(x, z) - log q(z|x) for z ~ q: (samples, n) in nats, and KL(q || p): (n,); `labels` as for `encode`.

        Of `observed` pixels. logsumexp over samples - log(samples) bounds log p(x) (IWAE, equation 8), or, where
        there are classes, log p(x|y).
        """
        images = self.observed(images, noise)
        mean, log_variance = self.encode(images, labels)
        n = len(images)
        epsilon = noise.normal(samples * n, self.latent_dim).view(samples, n, -1)
        latents = mean + (0.5 * log_variance).exp() * epsilon
        logits = self.decoder(latents.flatten(0, 1), None if labels is None else labels.repeat(samples))
        likelihood = -self.negative_log_likelihood(
            logits.unflatten(0, (samples, n)), images.expand(samples, *images.shape)
        )
        log_ratio = 0.5 * (epsilon.square() + log_variance - latents.square()).sum(-1)  # the 2 pi terms cancel
        return likelihood + log_ratio, gaussian_kl(mean, log_variance)

    def parts(self) -> tuple[Part, ...]:
        """Encoder, and the decoder as a generator of pictures."""
        size = self.config.image_size
        image, code = torch.zeros(2, self.config.channels, size, size), torch.zeros(2, self.latent_dim)
        classes = {"labels": torch.zeros(2, dtype=torch.int64)} if self.num_classes else {}
        batch, moments = {0: "batch"}, ("mean", "log_variance")
        return (
            Part(
                "encoder",
                Method(self, "encode"),
                {"images": image} | classes,
                moments,
                dict.fromkeys(("images", *classes, *moments), batch),
            ),
            Part(
                "generator",
                Method(self, "generate"),
                {"latents": code} | classes,
                ("images",),
                dict.fromkeys(("latents", *classes, "images"), batch),
            ),
        )


def binarise(images: Tensor, noise: Noise) -> Tensor:
    """Draw each pixel of images in [-1, 1] from its Bernoulli: values -1 or 1 (dynamic binarisation)."""
    threshold = noise.uniform(*images.shape)
    return (images.add(1).div(2) > threshold).to(images.dtype).mul(2).sub(1)


def bernoulli_nll(logits: Tensor, images: Tensor) -> Tensor:
    """-log p(x|z) of binary pixels -1 or 1, summed over c, h, w: (..., c, h, w) -> (...) in nats."""
    return F.softplus(-logits.float() * images).sum((-3, -2, -1))


def logistic_nll(means: Tensor, log_scale: Tensor, images: Tensor) -> Tensor:
    """-log p(x|z) of 8-bit pixels, summed over c, h, w: (..., c, h, w) in [-1, 1] -> (...) in nats.

    `log_scale` broadcasts with them and counts as at least -7. A pixel's probability is the mass that a logistic of
    its mean and scale gives the interval of its value, the outermost intervals reaching to infinity (Kingma et al.,
    2016; Salimans et al., "PixelCNN++", ICLR 2017, section 2.1). With a, b = (x +- 1/255 - mean) / scale, the mass
    sigmoid(a) - sigmoid(b) is sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which loses no digits far from the mean.
    """
    inverse = torch.exp(-log_scale.clamp_min(-7.0))
    half = 1.0 / (PIXEL_LEVELS - 1)
    centred = images.float() - means
    below_upper = F.logsigmoid((centred + half) * inverse)
    above_lower = F.logsigmoid((half - centred) * inverse)
    width = torch.log(-torch.expm1(-2.0 * half * inverse))
    inner = below_upper + above_lower + width
    log_mass = torch.where(images <= half - 1, below_upper, torch.where(images >= 1 - half, above_lower, inner))
    return -log_mass.sum((-3, -2, -1))


ENTRY = Entry(
    title="Variational autoencoder",
    paper="https://arxiv.org/abs/1312.6114",
    tasks=(IMAGE_GENERATION, IMAGE_AUTOENCODING),
    config=VAEConfig,
    model=VAE,
    tiny=VAEConfig(latent_dim=4, width=4, blocks=1, hidden_dim=16),
    summary="Learns a smooth latent space: sample it, walk through it, or reconstruct your own drawing.",
    summary_zh="学习平滑的潜空间：可采样、漫游，也可重建你亲手画的图。",
)
