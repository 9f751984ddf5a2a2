"""Convolutional variational autoencoder with the exact Gaussian KL, for binary pixels or for 8-bit ones in colour.

Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014; Burda, Grosse and Salakhutdinov, "Importance
weighted autoencoders", ICLR 2016, for the likelihood by importance samples; Kingma et al., "Improving variational
inference with inverse autoregressive flow", NeurIPS 2016, for the discretised logistic of 8-bit pixels. Departures:
residual convolution blocks (He et al., 2016) instead of the papers' dense layers; one learnt scale a colour channel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
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
    """Height and width in pixels; a multiple of 4."""
    latent_dim: int = bounded(32, 1, 1024)
    """Dimensions of the latent code."""
    width: int = bounded(32, 4, 256)
    """Feature maps at full size; doubled at half and at quarter size."""
    blocks: int = bounded(1, 0, 8)
    """Residual blocks at each of the two lower sizes."""
    hidden_dim: int = bounded(256, 4, 4096)
    """Width of the dense layer between feature maps and code."""
    likelihood: Literal["bernoulli", "logistic"] = "bernoulli"
    """bernoulli: pixels are binarised; logistic: 8-bit pixels, grey or colour, as they are."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 4:
            raise ValueError(f"VAEConfig.image_size is {self.image_size}; allowed are multiples of 4")


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
    """Pictures -> mean and log-variance of q(z|x)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        width, quarter = config.width, config.image_size // 4
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels, width, 4, 2, 1),
            *(ResidualBlock(width) for _ in range(config.blocks)),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            *(ResidualBlock(2 * width) for _ in range(config.blocks)),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * quarter * quarter, config.hidden_dim),
            nn.SiLU(),
            nn.Linear(config.hidden_dim, 2 * config.latent_dim),
        )

    def forward(self, images: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> (n, 2 * latent_dim)."""
        return self.layers(images)


class Decoder(nn.Module):
    """Code -> logits of each pixel's mean, as a share of white."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        width, quarter = config.width, config.image_size // 4
        self.layers = nn.Sequential(
            nn.Linear(config.latent_dim, config.hidden_dim),
            nn.SiLU(),
            nn.Linear(config.hidden_dim, 2 * width * quarter * quarter),
            nn.Unflatten(1, (2 * width, quarter, quarter)),
            *(ResidualBlock(2 * width) for _ in range(config.blocks)),
            nn.SiLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            *(ResidualBlock(width) for _ in range(config.blocks)),
            nn.SiLU(),
            nn.ConvTranspose2d(width, config.channels, 4, 2, 1),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """latents (n, latent_dim) -> logits (n, c, h, w)."""
        return self.layers(latents)


class VAE(nn.Module):
    """The pair, its bound and its likelihood."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, 0
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.pixel_levels = 2 if config.likelihood == "bernoulli" else PIXEL_LEVELS
        if config.likelihood == "logistic":
            self.log_scale = nn.Parameter(torch.full((config.channels,), math.log(0.2)))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (n, c, h, w) in [-1, 1] -> mean and log-variance of q(z|x), each (n, latent_dim)."""
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12.0, 8.0)

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) -> the pixels' means, (n, c, h, w) in [-1, 1]. Takes no labels."""
        if labels is not None:
            raise ValueError("this VAE is not conditioned on a class; give no labels")
        return self.decoder(latents).sigmoid() * 2 - 1

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The negative evidence lower bound in nats an image (equation 3 of the paper), of `observed` pixels."""
        images = self.observed(batch["image"], noise)
        mean, log_variance = self.encode(images)
        latents = mean + (0.5 * log_variance).exp() * noise.normal(len(mean), self.latent_dim)
        reconstruction = self.negative_log_likelihood(self.decoder(latents), images)
        kl = gaussian_kl(mean, log_variance)
        return {
            "loss": (reconstruction + kl).mean(),
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

    def log_weights(self, images: Tensor, noise: Noise, samples: int) -> tuple[Tensor, Tensor]:
        """log p(x, z) - log q(z|x) for z ~ q: (samples, n) in nats, and KL(q || p): (n,).

        Of `observed` pixels. logsumexp over samples - log(samples) bounds log p(x) (IWAE, equation 8).
        """
        images = self.observed(images, noise)
        mean, log_variance = self.encode(images)
        n = len(images)
        epsilon = noise.normal(samples * n, self.latent_dim).view(samples, n, -1)
        latents = mean + (0.5 * log_variance).exp() * epsilon
        likelihood = -self.negative_log_likelihood(
            self.decoder(latents.flatten(0, 1)).unflatten(0, (samples, n)), images.expand(samples, *images.shape)
        )
        log_ratio = 0.5 * (epsilon.square() + log_variance - latents.square()).sum(-1)  # the 2 pi terms cancel
        return likelihood + log_ratio, gaussian_kl(mean, log_variance)

    def parts(self) -> tuple[Part, ...]:
        """Encoder, and the decoder as a generator of pictures."""
        size = self.config.image_size
        image, code = torch.zeros(2, self.config.channels, size, size), torch.zeros(2, self.latent_dim)
        batch, moments = {0: "batch"}, ("mean", "log_variance")
        return (
            Part(
                "encoder",
                Method(self, "encode"),
                {"images": image},
                moments,
                dict.fromkeys(("images", *moments), batch),
            ),
            Part(
                "generator",
                Method(self, "generate"),
                {"latents": code},
                ("images",),
                {"latents": batch, "images": batch},
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
