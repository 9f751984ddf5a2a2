"""One joint variational autoencoder of three modalities: the word, the handwriting and the sound of a digit.

A mixture of products of experts: Sutter, Daunhawer and Vogt, "Generalized multimodal ELBO", ICLR 2021 (MoPoE-VAE). The
posterior of what the modalities share is a mixture, over the seven sets of modalities, of the product of the experts in
the set (Wu and Goodman, NeurIPS 2018; here without the prior as an expert). Pictures and sounds have a code of their
own for the rest, how a digit is written or said, as in Palumbo, Daunhawer and Vogt, "MMVAE+", ICLR 2023; each code's
posterior is its own modality's alone, so that what is evaluated is a bound on the likelihood of all three.

In training a modality outside of the set is decoded with a style from an auxiliary prior of its own, learnt, as in
MMVAE+: with its own style, the style would say early on which digit it is, and the decoders never learn to ask the
shared space; with one from the prior, which says nothing of the picture at hand, they would learn to draw the mean of
all pictures of a digit. What is made is decoded with styles from the prior, which the auxiliary one shrinks away from.

The experts of pictures and of sounds are drawn to the product of all three, by its divergence from them: JMVAE-kl,
Suzuki, Nakayama and Matsuo, "Joint multimodal learning with deep generative models", ICLR 2017 workshop; a plane has
few ways round, so that what comes to lie beside the wrong word finds none to its own by likelihood alone.

Departures: a step draws one of the seven sets for each sample, an unbiased estimate of the bound's mean over them. The
shared space has two dimensions, so that it can be looked at whole, and layers of its own that all three decoders stand
on; words begin there on Vogel's spiral, each with the same share of the prior. Pixels are Bernoulli, with greys as
probabilities, log-mel magnitudes are Laplace with one learnt scale; both networks' layers are those of the VAE.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import ANY_TO_ANY, Entry, Part
from zoo.losses import gaussian_divergence, gaussian_kl
from zoo.models.image.vae import Decoder, Encoder, VAEConfig
from zoo.nn.log_mel import HopLogMel
from zoo.nn.method import Method
from zoo.nn.product_of_experts import product_of_experts
from zoo.noise import Noise

SHARED_DIM = 2
"""Dimensions of the shared space: a plane, which can be shown and clicked."""
PLACE_DIM = 64
"""Width of the layers on the shared space."""
_BEGIN = 0.2
"""Deviation of a word's posterior at the beginning."""
_STEEP, _REACH = 4.0, 3.0
"""How much steeper the plane's first layer begins than others, and between which biases."""


@dataclass(frozen=True)
class TrimodalDigitsConfig:
    """Sizes of the networks, the spectrogram, and how much each modality counts."""

    num_words: int = bounded(10, 2, 1000)
    """Words, and classes of pictures and of sounds."""
    image_size: int = bounded(28, 4, 128)
    """Height and width of the grey pictures; a multiple of 4."""
    sample_rate: int = bounded(8000, 1000, 48000)
    """Samples a second of the sounds."""
    window_length: int = bounded(384, 16, 4096)
    """Samples under one analysis window."""
    hop_length: int = bounded(128, 8, 4096)
    """Samples between frames."""
    num_mels: int = bounded(48, 8, 256)
    """Mel bands, and as many frames: a sound's picture is a square. A multiple of 8."""
    style_dim: int = bounded(12, 1, 256)
    """Dimensions of a picture's own code, and of a sound's."""
    picture_width: int = bounded(24, 4, 256)
    """Feature maps of the pictures' networks at half size."""
    sound_width: int = bounded(16, 4, 256)
    """Feature maps of the sounds' networks at half size."""
    hidden_dim: int = bounded(192, 4, 4096)
    """Width of the dense layers between feature maps and codes."""
    agreement: float = bounded(5.0, 0.0, 1000.0)
    """Weight in training of the divergence of the product of all three experts from a picture's and a sound's own."""
    word_weight: float = bounded(20.0, 0.0, 1000.0)
    """How much the likelihood of a word counts beside that of a picture, which has many more terms."""
    sound_weight: float = bounded(0.3, 0.0, 1000.0)
    """How much the likelihood of a sound counts beside that of a picture."""

    def __post_init__(self) -> None:
        check(self)
        for name, factor in (("image_size", 4), ("num_mels", 8)):
            if getattr(self, name) % factor:
                raise ValueError(
                    f"TrimodalDigitsConfig.{name} is {getattr(self, name)}; allowed are multiples of {factor}"
                )

    @property
    def picture_networks(self) -> VAEConfig:
        """Sizes of the pictures' encoder."""
        code = SHARED_DIM + self.style_dim
        return VAEConfig(
            image_size=self.image_size, latent_dim=code, width=self.picture_width, hidden_dim=self.hidden_dim
        )

    @property
    def sound_networks(self) -> VAEConfig:
        """Sizes of the sounds' encoder."""
        return replace(self.picture_networks, image_size=self.num_mels, width=self.sound_width, halvings=3)

    @property
    def length(self) -> int:
        """Samples of a sound."""
        return self.num_mels * self.hop_length


class TrimodalDigits(nn.Module):
    """Three encoders into one plane, and three decoders from it."""

    def __init__(self, config: TrimodalDigitsConfig) -> None:
        super().__init__()
        self.config = config
        self.shared_dim, self.style_dim, self.num_words = SHARED_DIM, config.style_dim, config.num_words
        self.spectrogram = HopLogMel(config.sample_rate, config.window_length, config.hop_length, config.num_mels)
        self.word_encoder = nn.Embedding(config.num_words, 2 * SHARED_DIM)
        with torch.no_grad():
            self.word_encoder.weight.copy_(_spiral(config.num_words))
        pictures, sounds = config.picture_networks, config.sound_networks
        self.picture_encoder, self.sound_encoder = Encoder(pictures), Encoder(sounds)
        edges = nn.Linear(SHARED_DIM, PLACE_DIM)
        self.place = nn.Sequential(edges, nn.SiLU(), nn.Linear(PLACE_DIM, PLACE_DIM), nn.LayerNorm(PLACE_DIM))
        with torch.no_grad():  # edges all over the plane, steep from the first: places of two words lie near each other
            edges.weight.mul_(_STEEP)
            edges.bias.uniform_(-_REACH, _REACH)
        self.word_decoder = nn.Linear(PLACE_DIM, config.num_words)
        code = PLACE_DIM + config.style_dim
        self.picture_decoder, self.sound_decoder = (
            Decoder(replace(one, latent_dim=code)) for one in (pictures, sounds)
        )
        self.auxiliary = nn.Parameter(torch.zeros(2, 2, config.style_dim))  # of pictures, of sounds: mean, log-variance
        self.log_scale = nn.Parameter(torch.zeros(1))

    def encode_words(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """words int64 (n,) -> mean and log-variance of q(z|word), each (n, shared_dim)."""
        return _moments(self.word_encoder(words))

    def encode_pictures(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (n, 1, h, w) in [-1, 1] -> mean and log-variance, each (n, shared_dim + style_dim): shared first."""
        return _moments(self.picture_encoder(images))

    def encode_sounds(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """waveforms (n, config.length) in [-1, 1] -> mean and log-variance, as for pictures."""
        return self.encode_mels(self.spectrogram(waveforms))

    def encode_mels(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel magnitudes (n, frames, mels) -> as for waveforms."""
        return _moments(self.sound_encoder(mel[:, None]))

    def decode_words(self, shared: Tensor) -> Tensor:
        """shared (n, shared_dim) -> logits (n, num_words)."""
        logits: Tensor = self.word_decoder(self.place(shared))
        return logits

    def decode_pictures(self, shared: Tensor, style: Tensor) -> Tensor:
        """shared (n, shared_dim), style (n, style_dim) -> the pixels' means, (n, 1, h, w) in [-1, 1]."""
        return self._pixels(self.place(shared), style).sigmoid() * 2 - 1

    def decode_sounds(self, shared: Tensor, style: Tensor) -> Tensor:
        """shared (n, shared_dim), style (n, style_dim) -> medians of log-mel magnitudes (n, frames, mels)."""
        return self._mels(self.place(shared), style)

    def _pixels(self, place: Tensor, style: Tensor) -> Tensor:
        logits: Tensor = self.picture_decoder(torch.cat([place, style], dim=1))
        return logits

    def _mels(self, place: Tensor, style: Tensor) -> Tensor:
        mel: Tensor = self.sound_decoder(torch.cat([place, style], dim=1))[:, 0]
        return mel

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The negative generalized evidence bound in (weighed) nats a triple, of one random set of modalities each.

        Equation 8 of the MoPoE-VAE's paper; the KL of its mixture is bounded by the mean of those of the products.
        """
        words, images = batch["word"], batch["image"]
        n, k = len(words), SHARED_DIM
        mel = self.spectrogram(batch["waveform"])
        experts = [self.encode_words(words), self.encode_pictures(images), self.encode_mels(mel)]
        chosen = noise.integers(2 ** len(experts) - 1, n) + 1  # the binary digits of 1 to 7 say who is in the set
        inside = [(chosen >> i & 1)[:, None] for i in range(len(experts))]
        places = [(mean[:, :k], log_variance[:, :k]) for mean, log_variance in experts]
        precisions = [(-log_variance).exp() for _, log_variance in places]
        mean, precision = product_of_experts(
            [mean for mean, _ in places], [one * within for one, within in zip(precisions, inside, strict=True)]
        )
        place = self.place(mean + precision.rsqrt() * noise.normal(n, k))
        kl = gaussian_kl(mean, -precision.log())
        styles = []
        for (both, log_variances), within, elsewhere in zip(experts[1:], inside[1:], self.auxiliary, strict=True):
            drawn, own_mean, own_log_variance = noise.normal(n, self.style_dim), both[:, k:], log_variances[:, k:]
            style, said = own_mean + (0.5 * own_log_variance).exp() * drawn, gaussian_kl(own_mean, own_log_variance)
            if self.training:
                style = torch.where(within > 0, style, elsewhere[0] + (0.5 * elsewhere[1]).exp() * drawn)
                said = said * within[:, 0]
            styles.append(style)
            kl = kl + said
        word = F.cross_entropy(self.word_decoder(place).float(), words, reduction="none")
        picture = F.binary_cross_entropy_with_logits(
            self._pixels(place, styles[0]).float(), (images + 1) / 2, reduction="none"
        ).sum((1, 2, 3))
        sound = self._laplace(self._mels(place, styles[1]).float(), mel)
        weighed = self.config.word_weight * word + picture + self.config.sound_weight * sound
        found = {"loss": weighed + kl, "word": word, "picture": picture, "sound": sound, "kl": kl}
        if self.training:
            joint_mean, joint_precision = product_of_experts([mean for mean, _ in places], precisions)
            apart = [
                gaussian_divergence(joint_mean.detach(), -joint_precision.log().detach(), *one) for one in places[1:]
            ]
            found["apart"] = torch.stack(apart).sum(0)
            found["loss"] = found["loss"] + self.config.agreement * found["apart"]
        return {name: (value if name == "loss" else value.detach()).mean() for name, value in found.items()}

    def _laplace(self, median: Tensor, mel: Tensor) -> Tensor:
        """-log p(mel | median) in nats, each (n, frames, mels) -> (n,)."""
        nats = (mel - median).abs() * (-self.log_scale).exp() + self.log_scale + math.log(2)
        return nats.sum((1, 2))

    def parts(self) -> tuple[Part, ...]:
        """An encoder and a decoder of each modality."""
        config = self.config
        shared, style = torch.zeros(2, SHARED_DIM), torch.zeros(2, config.style_dim)
        encoded = ("mean", "log_variance")
        parts: tuple[tuple[str, dict[str, Tensor], tuple[str, ...]], ...] = (
            ("encode_words", {"words": torch.zeros(2, dtype=torch.int64)}, encoded),
            ("encode_pictures", {"images": torch.zeros(2, 1, config.image_size, config.image_size)}, encoded),
            ("encode_sounds", {"waveforms": torch.zeros(2, config.length)}, encoded),
            ("decode_words", {"shared": shared}, ("logits",)),
            ("decode_pictures", {"shared": shared, "style": style}, ("images",)),
            ("decode_sounds", {"shared": shared, "style": style}, ("mel",)),
        )
        return tuple(
            Part(name, Method(self, name), inputs, outputs, {key: {0: "batch"} for key in (*inputs, *outputs)})
            for name, inputs, outputs in parts
        )


def _moments(both: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = both.float().chunk(2, dim=1)
    return mean, log_variance.clamp(-8.0, 4.0)


def _spiral(count: int) -> Tensor:
    """Means and log-variances (count, 4) of words on Vogel's spiral: each ring of the plane holds one word's share.

    Vogel, "A better way to construct the sunflower head", 1979; radii are quantiles of a standard normal's in a plane.
    """
    share = (torch.arange(count) + 0.5) / count
    radius, angle = (-2 * (1 - share).log()).sqrt(), torch.arange(count) * (math.pi * (3 - math.sqrt(5)))
    spread = torch.full_like(radius, 2 * math.log(_BEGIN))
    return torch.stack([radius * angle.cos(), radius * angle.sin(), spread, spread], dim=1)


ENTRY = Entry(
    title="Trimodal digits, a mixture-of-products-of-experts VAE",
    paper="https://arxiv.org/abs/2105.02470",
    tasks=(ANY_TO_ANY,),
    config=TrimodalDigitsConfig,
    model=TrimodalDigits,
    tiny=TrimodalDigitsConfig(
        window_length=256, hop_length=256, num_mels=16, style_dim=3, picture_width=4, sound_width=4, hidden_dim=16
    ),
    summary="Holds words, handwriting and speech in one plane: give any of them, and get the others.",
    summary_zh="把词语、手写与语音放进同一个平面：给出其中任意几种，得到其余各种。",
)
