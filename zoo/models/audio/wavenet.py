"""WaveNet: gated, dilated, causal convolutions over mu-law samples, conditioned on who says what, and when.

van den Oord et al., "WaveNet: a generative model for raw audio", 2016. Departures: besides the global conditions
(digit and speaker, section 2.5) each frame knows the time since the word began and until it ends, and the share that
is said, which is what linguistic features tell the paper's text-to-speech model, and how loud the word is then, as its
fundamental frequency does there: without, words that begin quietly may stay so; a 2-tap convolution is written as one
matrix product. In place of words by speakers it may learn notes by instruments, as in Engel et al., "Neural audio
synthesis of musical notes with WaveNet autoencoders", ICML 2017, without their encoder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import AUDIO_GENERATION, NOTE_GENERATION, Entry, Part
from zoo.nn.method import Method
from zoo.noise import Noise

MAX_HISTORY = 1 << 24
"""Numbers that all layers together may remember of the samples before."""


@dataclass(frozen=True)
class WaveNetConfig:
    """Sizes, sample rate and conditions."""

    sample_rate: int = bounded(8000, 1000, 48000)
    """Samples a second."""
    levels: int = bounded(256, 4, 1024)
    """Quantisation levels of the mu-law companding."""
    channels: int = bounded(48, 4, 512)
    """Width of the residual stream and of each gate."""
    skip_channels: int = bounded(96, 4, 1024)
    """Width of the sum of skip connections."""
    dilations: tuple[int, ...] = bounded((1, 2, 4, 8, 16, 32, 64, 128, 256, 512), 1, 4096)
    """Distance in samples between the two taps of each layer."""
    num_digits: int = bounded(10, 0, 1000)
    """Words it can say; 0 for a model of notes."""
    num_speakers: int = bounded(6, 1, 1000)
    """Voices it has; a model of notes has no use for them."""
    condition_dim: int = bounded(64, 4, 512)
    """Width of the conditioning."""
    frame_size: int = bounded(80, 1, 1024)
    """Samples that share one conditioning vector."""
    contour_points: int = bounded(0, 0, 128)
    """Points, evenly over a word, at which it is told how loud it is; 0 for a model that is not told."""
    num_pitches: int = bounded(0, 0, 128)
    """Notes it can play, a semitone apart; 0 for a model of words."""
    lowest_pitch: int = bounded(36, 0, 127)
    """MIDI number of the lowest of them."""
    num_instruments: int = bounded(16, 1, 1000)
    """Instruments that play them; a model of words has no use for them."""

    def __post_init__(self) -> None:
        check(self)
        if bool(self.num_digits) == bool(self.num_pitches):
            raise ValueError(
                f"WaveNetConfig.num_digits is {self.num_digits} and num_pitches is {self.num_pitches}; a model says "
                "words or plays notes: one of them must be 0, and the other not"
            )
        if self.contour_points and (self.num_pitches or self.contour_points < 2):
            raise ValueError(
                f"WaveNetConfig.contour_points is {self.contour_points} and num_pitches is {self.num_pitches}; a model "
                "of notes takes 0 points, one of words 0 or at least 2"
            )
        if self.channels * sum(self.dilations) > MAX_HISTORY:
            raise ValueError(
                f"WaveNetConfig.dilations sum to {sum(self.dilations):,}; with {self.channels} channels at most "
                f"{MAX_HISTORY // self.channels:,} samples can be remembered"
            )
        if self.lowest_pitch + self.num_pitches > 128:
            raise ValueError(
                f"WaveNetConfig.lowest_pitch is {self.lowest_pitch} and num_pitches is {self.num_pitches}; MIDI "
                "numbers end at 127"
            )


TIME_FREQUENCIES = 8
"""Octaves of sines and cosines that tell a frame its time, in seconds and as a share of the word."""

QUIETEST = 1e-3
"""Root mean square, where 1 is full scale, that is told from silence no more."""


def loudness(waveform: Tensor, length: Tensor, points: int) -> Tensor:
    """How loud clips are at points evenly over each: waveform (n, t) in [-1, 1], samples (n,) -> (n, points).

    A point is the root mean square around it, weighted by a triangle that ends at the next points, as a logarithm:
    -1 at `QUIETEST`, 1 at full scale.
    """
    time = torch.arange(waveform.shape[1], device=waveform.device)
    at = (time + 0.5) / length[:, None] * (points - 1)  # (n, t)
    weight = triangles(at, points) * (time < length[:, None])[..., None]  # (n, t, points)
    power = torch.einsum("nt,ntp->np", waveform.square(), weight) / weight.sum(1).clamp_min(1e-6)
    return 1 - power.sqrt().clamp_min(QUIETEST).log() * (2 / math.log(QUIETEST))


def triangles(at: Tensor, points: int) -> Tensor:
    """The share that each of `points` has in a value between two of them: at (...) in [0, points - 1] -> (..., points).
    """
    return (1 - (at[..., None] - torch.arange(points, device=at.device)).abs()).clamp_min(0.0)


def mu_law_encode(waveform: Tensor, levels: int) -> Tensor:
    """Companded quantisation (ITU-T G.711): float in [-1, 1] -> int64 in [0, levels)."""
    mu = levels - 1.0
    companded = waveform.clamp(-1, 1)
    companded = companded.sign() * torch.log1p(mu * companded.abs()) / math.log1p(mu)
    return ((companded + 1) / 2 * mu + 0.5).long()


def mu_law_decode(codes: Tensor, levels: int) -> Tensor:
    """The inverse: int64 in [0, levels) -> float32 in [-1, 1]."""
    mu = levels - 1.0
    companded = codes.float() / mu * 2 - 1
    return companded.sign() * torch.expm1(companded.abs() * math.log1p(mu)) / mu


class Layer(nn.Module):
    """One dilated layer: z = tanh(W_f * x + V_f h) * sigmoid(W_g * x + V_g h) (equation 2 of the paper)."""

    def __init__(self, config: WaveNetConfig, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.taps = nn.Linear(2 * config.channels, 2 * config.channels)  # [x[t - dilation], x[t]] -> [filter, gate]
        self.condition = nn.Linear(config.condition_dim, 2 * config.channels, bias=False)
        self.out = nn.Linear(config.channels, config.channels + config.skip_channels)  # -> [residual, skip]
        self.channels = config.channels

    def forward(self, x: Tensor, condition: Tensor, frame_size: int) -> tuple[Tensor, Tensor]:
        """x (n, t, channels), condition (n, t / frame_size, condition_dim) -> residual (as x) and skip (n, t, skip)."""
        n, t, _ = x.shape
        delayed = F.pad(x, (0, 0, self.dilation, 0))[:, :t]
        gates = self.taps(torch.cat([delayed, x], dim=2))
        gates = (gates.view(n, -1, frame_size, gates.shape[2]) + self.condition(condition)[:, :, None]).view(n, t, -1)
        filters, gate = gates.chunk(2, dim=2)
        residual, skip = self.out(filters.tanh() * gate.sigmoid()).split(
            (self.channels, self.out.out_features - self.channels), 2
        )
        return x + residual, skip


class WaveNet(nn.Module):
    """Past samples and conditions -> logits of the next sample."""

    durations: Tensor
    contours: Tensor

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = config.sample_rate
        self.embed = nn.Embedding(config.levels, config.channels)
        self.layers = nn.ModuleList(Layer(config, dilation) for dilation in config.dilations)
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Linear(config.skip_channels, config.skip_channels),
            nn.ReLU(),
            nn.Linear(config.skip_channels, config.levels),
        )
        if config.num_pitches:
            self.conditions = ("pitch", "instrument")
            self.pitch = nn.Embedding(config.num_pitches, config.condition_dim)
            self.instrument = nn.Embedding(config.num_instruments, config.condition_dim)
        else:
            self.conditions = ("digit", "speaker")
            self.digit = nn.Embedding(config.num_digits, config.condition_dim)
            self.speaker = nn.Embedding(config.num_speakers, config.condition_dim)
        self.frame = nn.Sequential(
            nn.Linear(
                2 * config.condition_dim + 6 * TIME_FREQUENCIES + bool(config.contour_points), 2 * config.condition_dim
            ),
            nn.SiLU(),
            nn.Linear(2 * config.condition_dim, config.condition_dim),
            nn.SiLU(),
        )
        if not config.num_pitches:
            # Mean and deviation of log seconds of each word by each voice, measured on the training clips.
            self.register_buffer("durations", torch.zeros(config.num_digits, config.num_speakers, 2))
        if config.contour_points:  # mean `loudness` of each word by each voice, on the same clips
            self.register_buffer(
                "contours", torch.zeros(config.num_digits, config.num_speakers, config.contour_points)
            )

    @property
    def measured(self) -> tuple[str, ...]:
        """Buffers that are measured on the training data rather than learnt."""
        if self.config.num_pitches:
            return ()
        return ("durations", "contours") if self.config.contour_points else ("durations",)

    @property
    def receptive_field(self) -> int:
        """Samples that can change one prediction."""
        return sum(self.config.dilations) + 1

    def condition(self, batch: Mapping[str, Tensor]) -> Tensor:
        """digit, speaker int64 (n,), or pitch, counted from the lowest, and instrument; duration float32 seconds (n,),
        frames int (0-d) -> (n, frames, condition_dim). `loudness` (n, contour_points) may be told, too: the word's mean
        otherwise."""
        elapsed = torch.arange(int(batch["frames"]), device=batch["duration"].device)
        elapsed = elapsed * (self.config.frame_size / self.sample_rate)
        what, who = self.conditions
        return self.frames(batch[what], batch[who], batch["duration"], elapsed, batch.get("loudness"))

    def frames(
        self, what: Tensor, who: Tensor, duration: Tensor, elapsed: Tensor, contour: Tensor | None = None
    ) -> Tensor:
        """As `condition`, of `what` (digit or pitch) by `who` (speaker or instrument), for frames that begin at
        `elapsed` seconds, float32 (frames,)."""
        n, frames, duration = len(what), len(elapsed), duration[:, None]
        elapsed = elapsed.expand(n, frames)
        remaining = (duration - elapsed).clamp_min(0.0)
        octave = 2.0 ** torch.arange(TIME_FREQUENCIES, device=duration.device)
        seconds = torch.stack([elapsed, remaining], dim=2)[..., None] * (2 * math.pi / 0.04 / octave)
        share = (elapsed / duration).clamp_max(1.0)
        shares = share[:, :, None, None] * (math.pi * octave)
        angles = torch.cat([seconds, shares], dim=2)  # (n, frames, 3, frequencies)
        times = torch.cat([angles.sin().flatten(2), angles.cos().flatten(2)], dim=2)
        if self.config.num_pitches:
            known = torch.cat([self.pitch(what), self.instrument(who)], dim=1)
        else:
            known = torch.cat([self.digit(what), self.speaker(who)], dim=1)
        told = [known[:, None].expand(-1, frames, -1), times]
        if points := self.config.contour_points:
            contour = self.contours[what, who] if contour is None else contour
            told.append(triangles(share * (points - 1), points) @ contour[:, :, None])
        return self.frame(torch.cat(told, dim=2))

    def duration(self, digit: Tensor, speaker: Tensor, normals: Tensor) -> Tensor:
        """Seconds that words take, log-normal as in the training clips: digit, speaker, normals (n,) -> (n,)."""
        mean, deviation = self.durations[digit, speaker].unbind(1)
        return (mean + 0.5 * deviation * normals).exp()

    def step(self, code: Tensor, condition: Tensor, *histories: Tensor) -> tuple[Tensor, ...]:
        """One sample: the one before (n,), its frame's condition (n, condition_dim) and what each layer remembers,
        (n, dilation, channels) -> logits (n, levels) and the new memories (Le Paine et al., 2016).
        """
        x = self.embed(code)
        total, kept = torch.zeros((), device=x.device), []
        for layer, history in zip(self.layers, histories, strict=True):
            assert isinstance(layer, Layer)
            gates = layer.taps(torch.cat([history[:, 0], x], dim=1)) + layer.condition(condition)
            filters, gate = gates.chunk(2, dim=1)
            residual, skip = layer.out(filters.tanh() * gate.sigmoid()).split(
                (self.config.channels, self.config.skip_channels), 1
            )
            kept.append(torch.cat([history[:, 1:], x[:, None]], dim=1))
            x, total = x + residual, total + skip
        return self.head(total / math.sqrt(len(self.layers))), *kept

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        """codes int64 (n, t) and condition (n, t / frame_size, condition_dim) -> logits (n, t, levels).

        Logits at t tell the sample at t from the samples before it: a silent sample stands before the first.
        """
        before = F.pad(codes, (1, 0), value=self.config.levels // 2)[:, :-1]
        x = self.embed(before)
        if torch.is_autocast_enabled(x.device.type):  # the whole stack in low precision, or casts would cost the gain
            x = x.to(torch.get_autocast_dtype(x.device.type))
        total: Tensor | float = 0.0
        for layer in self.layers:
            x, skip = layer(x, condition, self.config.frame_size)
            total = total + skip
        assert isinstance(total, Tensor)
        return self.head(total / math.sqrt(len(self.layers)))

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean cross-entropy in nats a sample, over samples before each clip's length."""
        nats, counted = self.negative_log_likelihood(batch)
        loss = nats.sum() / counted.sum()
        return {"loss": loss, "bits_per_sample": loss.detach() / math.log(2), "items": counted.sum()}

    def negative_log_likelihood(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """waveform (n, t), length (n,), and what `condition` takes -> nats (n, t) and which samples count (n, t)."""
        waveform = batch["waveform"]
        n, t = waveform.shape
        codes = mu_law_encode(waveform, self.config.levels)
        told = {**batch, "frames": torch.tensor(t // self.config.frame_size)}
        if self.config.contour_points:
            told["loudness"] = loudness(waveform, batch["length"], self.config.contour_points)
        logits = self(codes, self.condition(told))
        counted = torch.arange(t, device=waveform.device) < batch["length"][:, None]
        nats = F.cross_entropy(logits.float().flatten(0, 1), codes.flatten(), reduction="none").view(n, t)
        return nats * counted, counted

    def parts(self) -> tuple[Part, ...]:
        """How long words last (of notes it is given), what each frame is conditioned on, and one step of the stack with
        its memory."""
        config = self.config
        who = {name: torch.zeros(2, dtype=torch.int64) for name in self.conditions}
        elapsed = torch.arange(3) * (config.frame_size / config.sample_rate)
        history = [torch.zeros(2, dilation, config.channels) for dilation in config.dilations]
        before = {f"history_{i}": memory for i, memory in enumerate(history)}
        after = tuple(f"new_{name}" for name in before)
        batch = {0: "batch"}
        framed = dict.fromkeys((*who, "seconds"), batch) | {"elapsed": {0: "frames"}}
        lasting = Part(
            "duration", Method(self, "duration"), {**who, "normals": torch.zeros(2)}, ("seconds",),
            dict.fromkeys((*who, "normals", "seconds"), batch),
        )  # fmt: skip
        return (
            *(() if config.num_pitches else (lasting,)),
            Part(
                "condition", Method(self, "frames"), {**who, "seconds": torch.ones(2), "elapsed": elapsed},
                ("condition",), {**framed, "condition": {0: "batch", 1: "frames"}},
            ),
            Part(
                "step", Method(self, "step"),
                {"code": who[self.conditions[0]], "condition": torch.zeros(2, config.condition_dim), **before},
                ("logits", *after),
                dict.fromkeys(("code", "condition", "logits", *before, *after), batch),
                dict(zip(before, after, strict=True)),
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="WaveNet",
    paper="https://arxiv.org/abs/1609.03499",
    tasks=(AUDIO_GENERATION, NOTE_GENERATION),
    config=WaveNetConfig,
    model=WaveNet,
    tiny=WaveNetConfig(levels=32, channels=8, skip_channels=8, dilations=(1, 2, 4), condition_dim=8, contour_points=4),
    summary="Speaks digits in six voices, or plays notes on sixteen instruments, one audio sample after the other.",
    summary_zh="逐个采样点生成声音：以六种嗓音朗读数字，或以十六种乐器演奏音符。",
)
