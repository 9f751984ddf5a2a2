"""Latent diffusion: a sentence guides how noise is taken off a small code, from which a picture is decoded.

Rombach, Blattmann, Lorenz, Esser and Ommer, "High-resolution image synthesis with latent diffusion models", CVPR 2022.
Three networks, layer for layer those of the `StableDiffusionPipeline` of diffusers, to which the weights are exported:
an `AutoencoderKL`, which turns pictures into codes and back; a causal encoder of the prompt, as CLIP's; and a
`UNet2DConditionModel`, which reads the prompt by cross-attention, and as one vector with the time. The style is a word
of the prompt. Two trainings make it, as `stage` says: first the autoencoder, then, with that at rest, the other two.
Drawn as `zoo.models.image.diffusion` draws: by DDIM, with the prediction v, away from what is drawn for the empty
prompt (Ho and Salimans, 2022).

Departures: the autoencoder learns by the absolute difference of pixels and a divergence weighed so that codes are about
standard normal, so that there is no factor between the two trainings; the encoder of the prompt, that of
`zoo.models.crossmodal.contrastive` where it is lent, learns along with the denoiser; a prompt is filled up to its full
length, and what it is filled up with is read too, as the pipeline does.
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
from zoo.entry import TEXT_TO_IMAGE, Entry, Part
from zoo.losses import gaussian_kl
from zoo.nn.autoencoder import Autoencoder
from zoo.nn.caption_encoder import CaptionEncoder
from zoo.nn.ddim import LATENT_LIMIT, Schedule, guided, sample, spread_times
from zoo.nn.group_norm import normalised
from zoo.nn.method import Method
from zoo.nn.unet import Level, ResidualBlock
from zoo.noise import Noise


@dataclass(frozen=True)
class LatentDiffusionConfig:
    """Sizes of the three networks, the schedule, and how it draws unless told otherwise."""

    vocab_size: int = bounded(5000, 8, 200_000)
    """Distinct tokens of prompts."""
    context_length: int = bounded(32, 4, 512)
    """Tokens of a prompt, the two marks at its ends and what it is filled up with among them."""
    begin_token: int = bounded(2, 0, 1000)
    """Number of the token that begins a prompt."""
    end_token: int = bounded(3, 0, 1000)
    """Number of the token that ends a prompt; a prompt is filled up with the token 0."""
    text_dim: int = bounded(128, 4, 2048)
    """Width of the encoder of prompts."""
    text_layers: int = bounded(3, 1, 48)
    """Transformer blocks of the encoder of prompts."""
    num_heads: int = bounded(4, 1, 64)
    """Heads of attention, in all networks; a divisor of text_dim and of the widths."""
    dropout: float = bounded(0.1, 0.0, 0.9)
    """Share of channels dropped in training in the encoder of prompts."""
    image_size: int = bounded(64, 8, 512)
    """Height and width of pictures in pixels."""
    autoencoder_widths: tuple[int, ...] = bounded((32, 64, 96, 96), 4, 1024)
    """Feature maps of the autoencoder at full size, half size and so on; the last is the size of the codes."""
    latent_channels: int = bounded(12, 1, 64)
    """Channels of a code."""
    kl_weight: float = bounded(2e-3, 0.0, 10.0)
    """Weight of the divergence of codes from a standard normal, in nats a number, beside the pixels' difference."""
    widths: tuple[int, ...] = bounded((64, 128), 4, 1024)
    """Feature maps of the denoiser at the codes' size, half of it and so on."""
    blocks: int = bounded(1, 1, 8)
    """Residual blocks of each size on the way down; one more on the way up."""
    attention_from: int = bounded(1, 0, 8)
    """Widths, from the first one on, whose blocks are not followed by attention: those of large maps, where it costs
    most."""
    groups: int = bounded(8, 1, 64)
    """Groups of feature maps that are normalised together; a divisor of all widths."""
    noise_schedule: Literal["cosine", "linear"] = "cosine"
    """Course of the noise."""
    train_steps: int = bounded(1000, 2, 10_000)
    """Times that the schedule has."""
    prediction: Literal["v", "epsilon"] = "v"
    """What the denoiser predicts."""
    prompt_dropout: float = bounded(0.15, 0.0, 1.0)
    """Share of training pictures whose prompt is empty."""
    sampling_steps: int = bounded(20, 1, 10_000)
    """Steps in which a picture is drawn, unless told otherwise."""
    guidance: float = bounded(3.0, 0.0, 20.0)
    """How far the prompt is followed, unless told otherwise: 1 as learnt, 0 not at all."""
    stage: Literal["autoencoder", "denoiser"] = "denoiser"
    """What learns: the autoencoder, or, on its codes, the denoiser and the encoder of prompts."""

    def __post_init__(self) -> None:
        check(self)
        unit = 2 ** (len(self.autoencoder_widths) + len(self.widths) - 2)
        if not self.autoencoder_widths or not self.widths or self.image_size % unit:
            raise ValueError(
                f"LatentDiffusionConfig.image_size is {self.image_size}; with {len(self.autoencoder_widths)} widths of "
                f"the autoencoder and {len(self.widths)} of the denoiser, multiples of {unit} are allowed"
            )
        for name, unit in (("autoencoder_widths", self.groups), ("widths", self.groups), ("widths", self.num_heads)):
            if any(width % unit for width in getattr(self, name)):
                given = getattr(self, name)
                raise ValueError(f"LatentDiffusionConfig.{name} are {given}; multiples of {unit} are allowed")
        if self.text_dim % self.num_heads:
            raise ValueError(
                f"LatentDiffusionConfig.text_dim is {self.text_dim}; it must be a multiple of num_heads "
                f"({self.num_heads})"
            )
        largest = self.latent_size // 2 ** min(self.attention_from, len(self.widths) - 1)
        check_attention(self, largest**2, self.num_heads)
        if self.sampling_steps > self.train_steps:
            raise ValueError(
                f"LatentDiffusionConfig.sampling_steps is {self.sampling_steps}; allowed are 1 to {self.train_steps}, "
                "its train_steps"
            )

    @property
    def latent_size(self) -> int:
        """Height and width of a code."""
        return int(self.image_size // 2 ** (len(self.autoencoder_widths) - 1))


REMEMBERED = 50_000
"""Pictures whose codes are kept while the denoiser learns; each takes twice its code's numbers in float32."""


def mixture(query: Tensor, key: Tensor, value: Tensor, num_heads: int) -> Tensor:
    """Attention: query (n, s, d), key and value (n, t, d) -> (n, s, d)."""
    q, k, v = (one.unflatten(2, (num_heads, -1)).transpose(1, 2) for one in (query, key, value))
    weights = (q @ k.transpose(2, 3) / math.sqrt(q.shape[3])).softmax(3)
    return (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)


class CrossAttention(nn.Module):
    """x + a Transformer block over its places, each of which attends to all places, then to the prompt."""

    def __init__(self, width: int, config: LatentDiffusionConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.norm = nn.GroupNorm(config.groups, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Linear(width, width), nn.Linear(width, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.out1 = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.query, self.out2 = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.key_value = nn.Linear(config.text_dim, 2 * width, bias=False)
        self.fc, self.fc_out = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)
        nn.init.zeros_(self.proj_out.weight)  # at the start the block is nothing
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x (n, width, h, w), context (n, t, text_dim) -> the shape of x."""
        places = self.proj_in(normalised(self.norm, x).flatten(2).transpose(1, 2))  # (n, h * w, width)
        query, key, value = self.qkv(self.norm1(places)).chunk(3, dim=2)
        places = places + self.out1(mixture(query, key, value, self.num_heads))
        key, value = self.key_value(context).chunk(2, dim=2)
        places = places + self.out2(mixture(self.query(self.norm2(places)), key, value, self.num_heads))
        hidden, gate = self.fc(self.norm3(places)).chunk(2, dim=2)  # Shazeer, "GLU variants improve Transformer", 2020
        places = places + self.fc_out(hidden * F.gelu(gate))
        return x + self.proj_out(places).transpose(1, 2).reshape(x.shape)


class Pooled(nn.Module):
    """What a prompt says as one vector: attention of its mean over its tokens (Radford et al., ICML 2021, for images).

    Saharia et al., "Photorealistic text-to-image diffusion models with deep language understanding", NeurIPS 2022,
    found that a denoiser learns sooner with it; theirs is `TextTimeEmbedding` in diffusers.
    """

    def __init__(self, width: int, outputs: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(outputs)
        self.position = nn.Parameter(torch.randn(1, width) / math.sqrt(width))
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, outputs)

    def forward(self, context: Tensor) -> Tensor:
        """context (n, t, width) -> (n, outputs)."""
        context = self.norm1(context)
        mean = context.mean(1, keepdim=True) + self.position
        seen = torch.cat([mean, context], dim=1)
        mixed = mixture(self.query(mean), self.key(seen), self.value(seen), self.num_heads)
        return self.norm2(self.proj(mixed[:, 0]))


class Denoiser(nn.Module):
    """The U-Net over codes."""

    frequencies: Tensor

    def __init__(self, config: LatentDiffusionConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        embedding_dim, n = 4 * widths[0], len(widths)

        def attentions(level: int, inputs: list[int]) -> list[nn.Module]:
            attends = level >= config.attention_from
            return [CrossAttention(widths[level], config) for _ in inputs if attends]

        self.time = nn.Sequential(
            nn.Linear(widths[0], embedding_dim), nn.SiLU(), nn.Linear(embedding_dim, embedding_dim)
        )
        self.pooled = Pooled(config.text_dim, embedding_dim, config.num_heads)
        self.first = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.down, skips = nn.ModuleList(), [widths[0]]
        for level, width in enumerate(widths):
            inputs = [skips[-1], *[width] * (config.blocks - 1)]
            made = Level(inputs, width, embedding_dim, groups, attentions(level, inputs), up=False)
            self.down.append(made.resized(width) if level < n - 1 else made)
            skips += [width] * (config.blocks + (level < n - 1))
        self.middle = nn.ModuleDict(
            {
                "first": ResidualBlock(widths[-1], widths[-1], embedding_dim, groups),
                "attention": CrossAttention(widths[-1], config),
                "second": ResidualBlock(widths[-1], widths[-1], embedding_dim, groups),
            }
        )
        self.up, before = nn.ModuleList(), widths[-1]
        for level, width in reversed(list(enumerate(widths))):
            inputs = [skips.pop() + (before if i == 0 else width) for i in range(config.blocks + 1)]
            made = Level(inputs, width, embedding_dim, groups, attentions(level, inputs), up=True)
            self.up.append(made.resized(width) if level else made)
            before = width
        self.norm = nn.GroupNorm(groups, widths[0])
        self.last = nn.Conv2d(widths[0], config.latent_channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)
        half = widths[0] // 2
        self.register_buffer(
            "frequencies", torch.exp(torch.arange(half) * (-math.log(10_000.0) / half)), persistent=False
        )

    def forward(self, noisy: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """noisy (n, c, h, w), time (n,) from 0, context (n, t, text_dim) -> prediction (n, c, h, w)."""
        angles = time[:, None].float() * self.frequencies
        embedding = F.silu(self.time(torch.cat([angles.cos(), angles.sin()], dim=1)) + self.pooled(context))
        x = self.first(noisy)
        skips = [x]
        for level in self.down:
            x = level(x, embedding, skips, context)
        x = self.middle["attention"](self.middle["first"](x, embedding), context)
        x = self.middle["second"](x, embedding)
        for level in self.up:
            x = level(x, embedding, skips, context)
        return self.last(F.silu(normalised(self.norm, x)))


class LatentDiffusion(nn.Module):
    """The three networks, their losses and the sampler."""

    signals: Tensor
    spreads: Tensor
    empty: Tensor

    def __init__(self, config: LatentDiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context_length = config.vocab_size, config.context_length
        self.latent_dim = config.latent_channels * config.latent_size**2
        self.codes: dict[int, Tensor] = {}
        self.schedule = Schedule(config.noise_schedule, config.train_steps, config.prediction)
        self.autoencoder = Autoencoder(config.autoencoder_widths, config.latent_channels, config.groups)
        self.captions = CaptionEncoder(
            config.vocab_size, config.context_length, config.text_dim, config.text_layers, config.num_heads,
            config.dropout,
        )  # fmt: skip
        self.denoiser = Denoiser(config)
        learns = config.stage == "autoencoder"
        self.autoencoder.requires_grad_(learns)
        self.captions.requires_grad_(not learns)
        self.denoiser.requires_grad_(not learns)
        for name, levels in zip(("signals", "spreads"), self.schedule.levels(), strict=True):
            self.register_buffer(name, torch.from_numpy(levels), persistent=False)
        ends = [config.begin_token, config.end_token]
        self.register_buffer("empty", torch.tensor([ends + [0] * (config.context_length - 2)]), persistent=False)

    def encode_prompts(self, ids: Tensor) -> Tensor:
        """ids int64 (n, context_length) -> context (n, context_length, text_dim)."""
        return self.captions(ids)

    def denoise(self, noisy: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """noisy (n, c, h, w), time (n,) from 0 to train_steps - 1, context as `encode_prompts` -> prediction."""
        return self.denoiser(noisy, time, context)

    def decode(self, latents: Tensor) -> Tensor:
        """latents (n, c, h, w) -> images (n, 3, image_size, image_size) in [-1, 1]."""
        return self.autoencoder.decode(latents)

    def reconstruct(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> the same by way of their codes' means."""
        return self.autoencoder.decode(self.autoencoder.encode(images)[0])

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """What the stage learns by; see `reconstruction` and `errors`."""
        if self.config.stage == "autoencoder":
            return self.reconstruction(batch["image"], noise)
        withheld = noise.uniform(len(batch["ids"])) < self.config.prompt_dropout
        ids = torch.where(withheld[:, None], self.empty, batch["ids"])
        return {"loss": self.errors(batch["image"], ids, noise, batch.get("shown")).mean()}

    def reconstruction(self, images: Tensor, noise: Noise) -> dict[str, Tensor]:
        """The mean absolute difference of pixels, and the divergence of the codes in nats."""
        mean, log_variance = (half.float() for half in self.autoencoder.encode(images))
        latents = mean + (0.5 * log_variance).exp() * noise.normal(*mean.shape)
        difference = (self.autoencoder.decoder(latents).float() - images).abs().mean()
        kl = gaussian_kl(mean.flatten(1), log_variance.flatten(1)).mean()
        loss = difference + self.config.kl_weight * kl / self.latent_dim
        return {"loss": loss, "reconstruction": difference, "kl": kl}

    def encoded(self, images: Tensor, shown: Tensor | None) -> Tensor:
        """images in [-1, 1] -> their codes' means and log variances, (n, 2c, h, w), by the autoencoder at rest.

        Where `shown` int64 (n,) numbers all that there is to see, each is encoded once, by itself, and remembered:
        beside a small denoiser the encoder would take about a third of a step.
        """
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            if shown is None:
                return torch.cat(self.autoencoder.encode(images), dim=1)
            found = []
            for i, number in enumerate(shown.tolist()):
                code = self.codes.get(number)
                if code is None:
                    code = torch.cat(self.autoencoder.encode(images[i : i + 1]), dim=1)
                    if len(self.codes) < REMEMBERED:
                        self.codes[number] = code
                found.append(code)
            return torch.cat(found)

    def errors(self, images: Tensor, ids: Tensor, noise: Noise, shown: Tensor | None = None) -> Tensor:
        """images in [-1, 1], ids int64 (n, context_length) -> the mean square error of each prediction, (n,); `shown`
        as for `encoded`."""
        n = len(images)
        mean, log_variance = self.encoded(images, shown).chunk(2, dim=1)
        latents = mean + (0.5 * log_variance).exp() * noise.normal(*mean.shape)
        time = torch.from_numpy(spread_times(noise, n, self.config.train_steps)).to(images.device)
        epsilon = noise.normal(*latents.shape)
        signal, spread = (level[time][:, None, None, None] for level in (self.signals, self.spreads))
        target = signal * epsilon - spread * latents if self.config.prediction == "v" else epsilon
        found = self.denoise(signal * latents + spread * epsilon, time, self.encode_prompts(ids))
        return (found.float() - target).square().mean((1, 2, 3))

    def generate(
        self, latents: Tensor, ids: Tensor, *, steps: int | None = None, guidance: float | None = None
    ) -> Tensor:
        """latents (n, latent_dim), standard normals, ids int64 (n, context_length) -> images (n, 3, h, w) in [-1, 1].

        `steps` and `guidance` are the config's unless given. Raises ValueError for steps that the schedule has not.
        """
        config = self.config
        weight = config.guidance if guidance is None else guidance
        context = self.encode_prompts(ids)
        if weight != 1:
            context = torch.cat([context, self.encode_prompts(self.empty).expand_as(context)])

        def predict(noisy: Tensor, time: int) -> Tensor:
            times = torch.full((len(context),), float(time), device=noisy.device)
            if weight == 1:
                return self.denoise(noisy, times, context)
            told, untold = self.denoise(torch.cat([noisy, noisy]), times, context).chunk(2)
            return guided(told, untold, weight)

        noise = latents.unflatten(1, (config.latent_channels, config.latent_size, config.latent_size))
        count = config.sampling_steps if steps is None else steps
        *_, (_, found) = sample(self.schedule, predict, noise, count, LATENT_LIMIT)
        return self.decode(found)

    def parts(self) -> tuple[Part, ...]:
        """A graph for each network that runs when something is drawn."""
        config = self.config
        latents = torch.zeros(2, config.latent_channels, config.latent_size, config.latent_size)
        ids, context = self.empty.repeat(2, 1), torch.zeros(2, config.context_length, config.text_dim)
        given = {"noisy": latents, "time": torch.zeros(2), "context": context}

        def named(name: str, module: nn.Module, inputs: dict[str, Tensor], output: str) -> Part:
            return Part(name, module, inputs, (output,), {key: {0: "batch"} for key in (*inputs, output)})

        return (
            named("prompt_encoder", Method(self, "encode_prompts"), {"ids": ids}, "context"),
            named("latent_denoiser", Method(self, "denoise"), given, "prediction"),
            named("latent_decoder", Method(self, "decode"), {"latents": latents}, "images"),
        )


ENTRY = Entry(
    title="Latent diffusion",
    paper="https://arxiv.org/abs/2112.10752",
    tasks=(TEXT_TO_IMAGE,),
    config=LatentDiffusionConfig,
    model=LatentDiffusion,
    tiny=LatentDiffusionConfig(
        vocab_size=64, context_length=16, text_dim=16, text_layers=1, num_heads=2, dropout=0.0, image_size=32,
        autoencoder_widths=(8, 8), latent_channels=4, widths=(8, 16), groups=4, sampling_steps=4,
    ),
    summary="Draws an emoji from a sentence in English or Chinese, in the style that the sentence names.",
    summary_zh="按一句中文或英文画出表情，风格由句中的词指定。",
)  # fmt: skip
