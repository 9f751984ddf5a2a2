"""Denoising diffusion: a U-Net learns to take noise off pictures, and draws by doing so step by step from pure noise.

Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020; drawn by the deterministic sampler of
Song, Meng and Ermon, "Denoising diffusion implicit models", ICLR 2021, with the class as in Ho and Salimans,
"Classifier-free diffusion guidance", 2022: in training one label in ten is withheld, so that one network can draw with
and without. Departures: the cosine schedule (Nichol and Dhariwal, 2021); the network predicts v, which stays defined
where a picture is all noise (Salimans and Ho, 2022); the times of a batch are drawn one from each of as many equal
parts, for a calmer loss (Kingma et al., "Variational diffusion models", NeurIPS 2021); the embedding of time and class
scales and shifts the norms (Dhariwal and Nichol, 2021). The network is layer for layer the `UNet2DModel` of diffusers,
to which its weights are exported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check, check_attention
from zoo.entry import IMAGE_GENERATION, Entry, Part
from zoo.nn.ddim import Schedule, guided, sample, spread_times
from zoo.nn.group_norm import normalised
from zoo.nn.unet import Level, ResidualBlock
from zoo.noise import Noise


@dataclass(frozen=True)
class DiffusionConfig:
    """Sizes of the network, the schedule it learns, and how it draws unless told otherwise."""

    channels: int = bounded(1, 1, 4)
    """Colour channels of the pictures."""
    image_size: int = bounded(28, 4, 256)
    """Height and width in pixels; a multiple of 2 for every width after the first."""
    num_classes: int = bounded(10, 0, 1000)
    """Classes to condition on; 0 for none."""
    widths: tuple[int, ...] = bounded((32, 64, 96), 4, 1024)
    """Feature maps at full size, half size and so on: multiples of `groups`, with attention of `head_dim`."""
    blocks: int = bounded(1, 1, 8)
    """Residual blocks of each size on the way down; one more on the way up."""
    attention: int = bounded(1, 0, 8)
    """Smallest sizes whose blocks have self-attention; the middle always has."""
    head_dim: int = bounded(32, 4, 256)
    """Width of a head of attention."""
    groups: int = bounded(8, 1, 64)
    """Groups of feature maps that are normalised together."""
    noise_schedule: Literal["cosine", "linear"] = "cosine"
    """Course of the noise."""
    train_steps: int = bounded(1000, 2, 10_000)
    """Times that the schedule has."""
    prediction: Literal["v", "epsilon"] = "v"
    """What the network predicts."""
    label_dropout: float = bounded(0.1, 0.0, 1.0)
    """Share of training pictures whose class is withheld."""
    sampling_steps: int = bounded(20, 1, 10_000)
    """Steps in which a picture is drawn, unless told otherwise."""
    guidance: float = bounded(1.5, 0.0, 20.0)
    """How far the class is followed, unless told otherwise: 1 as learnt, 0 not at all."""

    def __post_init__(self) -> None:
        check(self)
        unit = 2 ** (len(self.widths) - 1)
        if not self.widths or self.image_size % unit:
            raise ValueError(
                f"DiffusionConfig.image_size is {self.image_size}; with {len(self.widths)} widths, multiples of {unit} "
                "are allowed"
            )
        heads = self.widths[-max(1, self.attention) :]
        if any(width % self.groups for width in self.widths) or any(width % self.head_dim for width in heads):
            raise ValueError(
                f"DiffusionConfig.widths are {self.widths}; allowed are multiples of the {self.groups} groups, and of "
                f"head_dim, {self.head_dim}, where there is attention"
            )
        attended = range(max(0, len(self.widths) - max(1, self.attention)), len(self.widths))
        for level in attended:
            check_attention(self, (self.image_size // 2**level) ** 2, self.widths[level] // self.head_dim)
        if self.sampling_steps > self.train_steps:
            raise ValueError(
                f"DiffusionConfig.sampling_steps is {self.sampling_steps}; allowed are 1 to {self.train_steps}, its "
                "train_steps"
            )


class Attention(nn.Module):
    """x + attention of every place to every place."""

    def __init__(self, width: int, head_dim: int, groups: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.norm = nn.GroupNorm(groups, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        nn.init.zeros_(self.proj.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        places = normalised(self.norm, x).flatten(2).transpose(1, 2)  # (n, h * w, width)
        q, k, v = self.qkv(places).unflatten(2, (3, -1, self.head_dim)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) / math.sqrt(self.head_dim)).softmax(
            3
        )  # so few places: faster than the fused one
        found = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        return x + self.proj(found).transpose(1, 2).reshape(x.shape)


class Diffusion(nn.Module):
    """The denoiser, its loss and its sampler."""

    frequencies: Tensor
    signals: Tensor
    spreads: Tensor

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.latent_dim = config.channels * config.image_size**2
        self.schedule = Schedule(config.noise_schedule, config.train_steps, config.prediction)
        widths, n = config.widths, len(config.widths)
        embedding_dim = 4 * widths[0]
        self.time = nn.Sequential(
            nn.Linear(widths[0], embedding_dim), nn.SiLU(), nn.Linear(embedding_dim, embedding_dim)
        )
        if config.num_classes:
            self.classes = nn.Embedding(config.num_classes + 1, embedding_dim)  # the last: no class
        self.first = nn.Conv2d(config.channels, widths[0], 3, padding=1)

        def attentions(level: int, inputs: list[int]) -> list[nn.Module]:
            if level < n - config.attention:
                return []
            return [Attention(widths[level], config.head_dim, config.groups) for _ in inputs]

        self.down, skips = nn.ModuleList(), [widths[0]]
        for level, width in enumerate(widths):
            inputs = [skips[-1], *[width] * (config.blocks - 1)]
            made = Level(inputs, width, embedding_dim, config.groups, attentions(level, inputs), up=False)
            self.down.append(made.resized(width) if level < n - 1 else made)
            skips += [width] * (config.blocks + (level < n - 1))
        self.middle = nn.ModuleDict(
            {
                "first": ResidualBlock(widths[-1], widths[-1], embedding_dim, config.groups),
                "attention": Attention(widths[-1], config.head_dim, config.groups),
                "second": ResidualBlock(widths[-1], widths[-1], embedding_dim, config.groups),
            }
        )
        self.up, before = nn.ModuleList(), widths[-1]
        for level, width in reversed(list(enumerate(widths))):
            inputs = [skips.pop() + (before if i == 0 else width) for i in range(config.blocks + 1)]
            made = Level(inputs, width, embedding_dim, config.groups, attentions(level, inputs), up=True)
            self.up.append(made.resized(width) if level else made)
            before = width
        self.norm = nn.GroupNorm(config.groups, widths[0])
        self.last = nn.Conv2d(widths[0], config.channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)
        half = widths[0] // 2
        self.register_buffer(
            "frequencies", torch.exp(torch.arange(half) * (-math.log(10_000.0) / half)), persistent=False
        )
        for name, levels in zip(("signals", "spreads"), self.schedule.levels(), strict=True):
            self.register_buffer(name, torch.from_numpy(levels), persistent=False)

    def forward(self, noisy: Tensor, time: Tensor, labels: Tensor | None = None) -> Tensor:
        """noisy (n, c, h, w), time (n,) from 0 to train_steps - 1, labels int64 (n,) -> prediction (n, c, h, w).

        The label `num_classes` stands for no class. Raises ValueError where labels are missing.
        """
        angles = time[:, None].float() * self.frequencies
        embedding = self.time(torch.cat([angles.cos(), angles.sin()], dim=1))
        if self.num_classes:
            if labels is None:
                raise ValueError(f"this denoiser is conditioned on {self.num_classes} classes; labels are missing")
            embedding = embedding + self.classes(labels)
        embedding = F.silu(embedding)
        x = self.first(noisy)
        skips = [x]
        for level in self.down:
            x = level(x, embedding, skips)
        x = self.middle["attention"](self.middle["first"](x, embedding))
        x = self.middle["second"](x, embedding)
        for level in self.up:
            x = level(x, embedding, skips)
        return self.last(F.silu(normalised(self.norm, x)))

    def errors(self, images: Tensor, labels: Tensor | None, noise: Noise) -> Tensor:
        """images (n, c, h, w) in [-1, 1], labels as for `forward` -> the mean square error of each prediction, (n,)."""
        n, device = len(images), images.device
        time = torch.from_numpy(spread_times(noise, n, self.config.train_steps)).to(device)
        epsilon = noise.normal(*images.shape)
        signal, spread = (level[time][:, None, None, None] for level in (self.signals, self.spreads))
        target = signal * epsilon - spread * images if self.config.prediction == "v" else epsilon
        found = self(signal * images + spread * epsilon, time, labels)
        return (found.float() - target).square().mean((1, 2, 3))

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The mean of `errors`, with a share of the labels withheld."""
        labels = None
        if self.num_classes:
            withheld = noise.uniform(len(batch["image"])) < self.config.label_dropout
            labels = batch["label"].masked_fill(withheld, self.num_classes)
        return {"loss": self.errors(batch["image"], labels, noise).mean()}

    def generate(
        self, latents: Tensor, labels: Tensor | None = None, *, steps: int | None = None, guidance: float | None = None
    ) -> Tensor:
        """latents (n, c * h * w), labels int64 (n,) -> images (n, c, h, w) in [-1, 1].

        `steps` and `guidance` are the config's unless given. Raises ValueError for steps that the schedule has not.
        """
        config = self.config
        weight = config.guidance if guidance is None else guidance
        both = bool(self.num_classes) and weight != 1

        def predict(noisy: Tensor, time: int) -> Tensor:
            times = torch.full((len(noisy) * (1 + both),), float(time), device=noisy.device)
            if labels is None or not both:
                return self(noisy, times, labels)
            none = torch.full_like(labels, self.num_classes)
            found = self(torch.cat([noisy, noisy]), times, torch.cat([labels, none]))
            told, untold = found.chunk(2)
            return guided(told, untold, weight)

        noise = latents.unflatten(1, (config.channels, config.image_size, config.image_size))
        *_, (_, images) = sample(self.schedule, predict, noise, config.sampling_steps if steps is None else steps)
        return images

    def parts(self) -> tuple[Part, ...]:
        """One graph: the network that is asked at every step."""
        size = self.config.image_size
        inputs = {"noisy": torch.zeros(2, self.config.channels, size, size), "time": torch.zeros(2)}
        if self.num_classes:
            inputs["labels"] = torch.zeros(2, dtype=torch.int64)
        dynamic = {name: {0: "batch"} for name in (*inputs, "prediction")}
        return (Part("denoiser", self, inputs, ("prediction",), dynamic),)


ENTRY = Entry(
    title="Denoising diffusion",
    paper="https://arxiv.org/abs/2006.11239",
    tasks=(IMAGE_GENERATION,),
    config=DiffusionConfig,
    model=Diffusion,
    tiny=DiffusionConfig(widths=(8, 16), head_dim=8, groups=4, sampling_steps=4),
    summary="Takes noise off a picture step by step until a new picture of the chosen class is left.",
    summary_zh="从纯噪声开始一步步去噪，直到出现一张所选类别的新图像。",
)
