"""WaveGlow: a normalising flow from noise to waveforms, told a mel spectrogram.

Prenger, Valle and Catanzaro, "WaveGlow: a flow-based generative network for speech synthesis", ICASSP 2019; Kingma and
Dhariwal, "Glow", NeurIPS 2018, for the invertible 1x1 convolution. It is a flow and no autoencoder: each waveform has
one code of its own size, and an exact likelihood. Departures: what of a sample those before it foretell, by filters
that follow from the spectrogram, is taken away before the flow and put back after it (Oh et al., "ExcitGlow", APSIPA
ASC 2020; `zoo.nn.linear_prediction`), a first step of the flow with nothing to learn; the 1x1 convolutions' matrices
are kept in the direction of synthesis, so that inference inverts none; a small network reads the spectrogram once for
all flows, at its own rate; channels are few, for one CPU core; the logarithm of a scale is bounded, for low precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import VOCODING, Entry, Part
from zoo.nn.linear_prediction import LinearPrediction
from zoo.nn.log_mel import HopLogMel
from zoo.nn.method import Method
from zoo.noise import Noise

MAX_LOG_SCALE = 4.0
"""Largest logarithm of a coupling's scale, in magnitude."""
_QUANTUM = 2.0 / 65536
"""Width of a 16-bit level: recordings get uniform noise of that width, or the density of their exact values would
grow without end."""


@dataclass(frozen=True)
class WaveGlowConfig:
    """Spectrogram and network sizes."""

    sample_rate: int = bounded(8000, 1000, 48000)
    """Samples a second."""
    window_length: int = bounded(256, 16, 4096)
    """Samples under one analysis window (and the transform's length)."""
    hop_length: int = bounded(80, 8, 4096)
    """Samples between frames: a multiple of `group`."""
    num_mels: int = bounded(40, 8, 256)
    """Mel bands."""
    segment_length: int = bounded(4000, 8, 1_000_000)
    """Samples of each training clip: a multiple of `hop_length`."""
    order: int = bounded(64, 1, 256)
    """Samples by which the next one is foretold before the flow."""
    group: int = bounded(8, 2, 256)
    """Neighbouring samples that become the channels of one position."""
    flows: int = bounded(8, 1, 64)
    """Steps of the flow: a 1x1 convolution and an affine coupling each."""
    early_every: int = bounded(3, 1, 64)
    """Steps after which some channels are taken out of the flow, to be code as they are."""
    early_size: int = bounded(2, 2, 64)
    """Channels that are taken out: an even number."""
    channels: int = bounded(64, 4, 512)
    """Width of the network inside each coupling."""
    layers: int = bounded(6, 1, 12)
    """Its dilated layers; the reach doubles with each."""
    condition_dim: int = bounded(96, 4, 512)
    """Width of what is read from the spectrogram."""
    temperature: float = bounded(0.6, 0.0, 2.0)
    """Standard deviation of the noise that synthesis begins with, unless told otherwise."""

    def __post_init__(self) -> None:
        check(self)
        if self.hop_length % self.group:
            raise ValueError(f"WaveGlowConfig.hop_length is {self.hop_length}; allowed are multiples of {self.group}")
        if self.segment_length % self.hop_length:
            raise ValueError(
                f"WaveGlowConfig.segment_length is {self.segment_length}; allowed are multiples of {self.hop_length}"
            )
        if self.group % 2 or self.early_size % 2 or self.widths[-1] < 2:
            raise ValueError(
                f"WaveGlowConfig.group is {self.group} and early_size {self.early_size}: both must be even, and two "
                f"channels must be left after {self.flows} flows"
            )

    @property
    def positions(self) -> int:
        """Positions of the flow in each frame."""
        return self.hop_length // self.group

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels in each flow, from the waveform on."""
        return tuple(self.group - self.early_size * (flow // self.early_every) for flow in range(self.flows))


class Coupling(nn.Module):
    """Half of the channels and the spectrogram -> log-scale and shift of the other half: gated dilated layers."""

    def __init__(self, half: int, config: WaveGlowConfig) -> None:
        super().__init__()
        width = config.channels
        self.rate = config.positions
        self.first = nn.Linear(half, width)
        self.taps = nn.ModuleList(nn.Linear(3 * width, 2 * width) for _ in range(config.layers))
        self.condition = nn.Linear(config.condition_dim, 2 * width * config.layers)
        self.out = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(config.layers))  # -> [residual, skip]
        self.last = nn.Linear(width, 2 * half)
        nn.init.zeros_(self.last.weight)  # every flow begins as the identity
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, positions, half), condition (n, frames, condition_dim) -> log-scale and shift, each as x, float32."""
        positions = x.shape[1]
        x = self.first(x)
        if torch.is_autocast_enabled(x.device.type):  # the whole stack in low precision, or casts would cost the gain
            x = x.to(torch.get_autocast_dtype(x.device.type))
        told = self.condition(condition).chunk(len(self.taps), dim=2)
        total: Tensor | float = 0.0
        for i, (taps, out) in enumerate(zip(self.taps, self.out, strict=True)):
            reach = 2**i
            around = F.pad(x, (0, 0, reach, reach))
            gates = taps(torch.cat([around[:, :positions], x, around[:, 2 * reach :]], dim=2))
            gates = gates.unflatten(1, (condition.shape[1], self.rate)) + told[i][:, :, None]
            filters, gate = gates.flatten(1, 2).chunk(2, dim=2)
            residual, skip = out(filters.tanh() * gate.sigmoid()).chunk(2, dim=2)
            x, total = x + residual, total + skip
        log_scale, shift = self.last(total).float().chunk(2, dim=2)
        return MAX_LOG_SCALE * (log_scale / MAX_LOG_SCALE).tanh(), shift


class WaveGlow(nn.Module):
    """The flow, both ways."""

    def __init__(self, config: WaveGlowConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate, self.hop_length, self.num_mels = config.sample_rate, config.hop_length, config.num_mels
        self.spectrogram = HopLogMel(config.sample_rate, config.window_length, config.hop_length, config.num_mels)
        self.prediction = LinearPrediction(
            config.sample_rate, config.window_length, config.hop_length, config.num_mels, config.order
        )
        width = config.condition_dim
        self.reader = nn.Sequential(
            nn.Conv1d(config.num_mels, width, 5, padding=2), nn.SiLU(), nn.Conv1d(width, width, 3, padding=1), nn.SiLU()
        )
        self.couplings = nn.ModuleList(Coupling(width // 2, config) for width in config.widths)
        self.mixes = nn.ParameterList(nn.init.orthogonal_(torch.empty(width, width)) for width in config.widths)
        """Of each 1x1 convolution, in the direction of synthesis: (channels, channels)."""

    def condition(self, mel: Tensor) -> Tensor:
        """mel (n, frames, mels) -> (n, frames, condition_dim)."""
        return self.reader(mel.transpose(1, 2)).transpose(1, 2)

    def analyse(self, waveforms: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """waveforms (n, t), t = frames * hop, and mel (n, frames, mels) -> code (n, t) and log |d code / d waveform|.

        The logarithm (n,) is in nats (equation 9 of the paper). The code is a standard normal where the model fits.
        """
        config, condition = self.config, self.condition(mel)
        with torch.autocast(waveforms.device.type, enabled=False):
            taps, gain = self.prediction(mel)
            excitation = self.prediction.whiten(waveforms.float(), taps).unflatten(1, (-1, config.hop_length))
        x = (excitation / gain[..., None]).flatten(1).unflatten(1, (-1, config.group))  # (n, positions, group)
        positions, log_determinant = x.shape[1], -config.hop_length * gain.log().sum(1)
        codes = []
        for flow, (coupling, mix) in enumerate(zip(self.couplings, self.mixes, strict=True)):
            if flow and flow % config.early_every == 0:
                codes.append(x[..., : config.early_size])
                x = x[..., config.early_size :]
            with torch.autocast(x.device.type, enabled=False):
                x = torch.linalg.solve(mix.float(), x.transpose(1, 2)).transpose(1, 2)
            log_determinant = log_determinant - positions * torch.linalg.slogdet(mix.float())[1]
            kept, changed = x.chunk(2, dim=2)
            log_scale, shift = coupling(kept, condition)
            x = torch.cat([kept, changed * log_scale.exp() + shift], dim=2)
            log_determinant = log_determinant + log_scale.sum((1, 2))
        codes.append(x)
        return torch.cat(codes, dim=2).flatten(1), log_determinant

    def synthesise(self, mel: Tensor, code: Tensor) -> Tensor:
        """mel (n, frames, mels) and code (n, frames * hop), normal noise or what `analyse` gave -> waveforms as code.

        Values may lie a little beyond [-1, 1].
        """
        return self.prediction.colour(*self.excite(mel, code))

    def excite(self, mel: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """As `synthesise`, but for the last step: what the samples before do not foretell (n, frames * hop), and the
        taps (n, frames, order) by which they do, the nearest sample's first (`zoo.nn.linear_prediction`)."""
        config, condition = self.config, self.condition(mel)
        positions = mel.shape[1] * config.positions  # not from the code's length, whose quotients an exporter dreads
        parts = code.reshape(len(code), positions, config.group).split(self._sizes(), dim=2)
        x, early = parts[-1], list(parts[:-1])
        for flow in reversed(range(config.flows)):
            kept, changed = x.chunk(2, dim=2)
            log_scale, shift = self.couplings[flow](kept, condition)
            x = torch.cat([kept, (changed - shift) * (-log_scale).exp()], dim=2) @ self.mixes[flow].float().T
            if flow and flow % config.early_every == 0:
                x = torch.cat([early.pop(), x], dim=2)
        taps, gain = self.prediction(mel)
        return (x.reshape(len(x), mel.shape[1], config.hop_length) * gain[..., None]).flatten(1), taps

    def _sizes(self) -> list[int]:
        """Channels of each part of the code: those taken out early, in their order, and the last."""
        taken = (self.config.flows - 1) // self.config.early_every
        return [self.config.early_size] * taken + [self.config.widths[-1]]

    def generate(self, mel: Tensor, latents: Tensor) -> Tensor:
        """mel (n, frames, mels), latents (n, frames * hop) standard normal -> waveforms (n, t) in [-1, 1]."""
        return self.synthesise(mel, self.config.temperature * latents).clamp(-1, 1)

    def negative_log_likelihood(self, waveforms: Tensor, noise: Noise) -> Tensor:
        """waveforms (n, t) as recorded at 16 bits -> -log p(waveform | its spectrogram) in nats, (n,).

        Of the density of samples spread evenly over their level, which bounds the probability of the levels: less
        log(65536 / 2) nats a sample makes it so.
        """
        spread = waveforms + _QUANTUM * (noise.uniform(*waveforms.shape) - 0.5)
        code, log_determinant = self.analyse(spread, self.spectrogram(waveforms))
        normal = 0.5 * (code.square() + math.log(2 * math.pi)).sum(1)
        return normal - log_determinant

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The mean of `negative_log_likelihood` a sample, of "waveform" (n, t)."""
        waveforms = batch["waveform"]
        return {"loss": self.negative_log_likelihood(waveforms, noise).mean() / waveforms.shape[1]}

    def parts(self) -> tuple[Part, ...]:
        """A waveform's spectrogram, and the vocoder that turns one into a waveform."""
        config = self.config
        mel = torch.zeros(2, 6, config.num_mels)
        waveforms = torch.zeros(2, 6 * config.hop_length)
        long, framed = {0: "batch", 1: "samples"}, {0: "batch", 1: "frames"}
        return (
            Part(
                "spectrogram", self.spectrogram, {"waveforms": waveforms}, ("mel",), {"waveforms": long, "mel": framed},
            ),
            Part(
                "vocoder", Method(self, "excite"), {"mel": mel, "code": waveforms}, ("excitation", "taps"),
                {"mel": framed, "code": long, "excitation": long, "taps": framed},
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="WaveGlow",
    paper="https://arxiv.org/abs/1811.00002",
    tasks=(VOCODING,),
    config=WaveGlowConfig,
    model=WaveGlow,
    tiny=WaveGlowConfig(
        num_mels=8, window_length=64, hop_length=16, segment_length=320, order=12, flows=4, early_every=2, channels=8,
        layers=2, condition_dim=8,
    ),
    summary="Turns the picture of a voice, its mel spectrogram, back into sound, by a flow that can be run backwards.",
    summary_zh="用可逆的流把声音的图像（梅尔频谱）变回声音。",
)  # fmt: skip
