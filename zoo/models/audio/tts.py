"""Text to speech: phonemes -> a mel spectrogram, by a search for the alignment and a flow between noise and frames.

Mehta, Tu, Beskow, Szekely and Henter, "Matcha-TTS: a fast TTS architecture with conditional flow matching", ICASSP
2024; Kim, Kim, Kong and Yoon, "Glow-TTS", NeurIPS 2020, for the monotonic alignment search; Lipman, Chen, Ben-Hamu,
Nickel and Le, "Flow matching for generative modeling", ICLR 2023. Departures: both networks are of depthwise
convolutions (Liu et al., "A ConvNet for the 2020s", CVPR 2022) where the paper has attention and a U-Net, for one
voice, short sentences and one CPU core; frames also know where in their phoneme they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import TEXT_TO_SPEECH, Entry, Part
from zoo.nn.log_mel import HopLogMel
from zoo.nn.method import Method
from zoo.noise import Noise

_TIME_FREQUENCIES = 16
"""Sines and cosines that tell the network the time of the flow."""


@dataclass(frozen=True)
class TTSConfig:
    """Spectrogram and network sizes."""

    sample_rate: int = bounded(8000, 1000, 48000)
    """Samples a second."""
    window_length: int = bounded(256, 16, 4096)
    """Samples under one analysis window (and the transform's length)."""
    hop_length: int = bounded(80, 8, 4096)
    """Samples between frames."""
    num_mels: int = bounded(40, 8, 256)
    """Mel bands."""
    num_symbols: int = bounded(71, 2, 1000)
    """Phonemes and pauses that it reads."""
    channels: int = bounded(192, 8, 1024)
    """Width of both networks."""
    encoder_blocks: int = bounded(5, 1, 32)
    """Blocks over phonemes."""
    decoder_blocks: int = bounded(7, 1, 32)
    """Blocks over frames."""
    kernel_size: int = bounded(7, 3, 31)
    """Neighbours that a block sees: an odd number."""
    dropout: float = bounded(0.1, 0.0, 0.9)
    """Share of a block's hidden values that training leaves out."""
    max_frames: int = bounded(600, 8, 10_000)
    """Frames of a training recording at most; longer ones are left out."""
    sampling_steps: int = bounded(8, 1, 100)
    """Steps along the flow in which a spectrogram is made, unless told otherwise."""
    temperature: float = bounded(0.6, 0.0, 2.0)
    """Standard deviation of the noise that it begins with, unless told otherwise."""

    def __post_init__(self) -> None:
        check(self)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"TTSConfig.kernel_size is {self.kernel_size}; allowed are odd numbers")


class Block(nn.Module):
    """x + MLP(norm(depthwise convolution(x))), over what the mask keeps."""

    def __init__(self, channels: int, kernel_size: int, dropout: float) -> None:
        super().__init__()
        self.near = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.wide = nn.Linear(channels, 3 * channels)
        self.dropout = nn.Dropout(dropout)
        self.back = nn.Linear(3 * channels, channels)
        nn.init.zeros_(self.back.weight)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (n, t, channels), mask (n, t, 1), 0 where there is nothing -> the same shape."""
        near = self.near((x * mask).transpose(1, 2)).transpose(1, 2)
        return x + self.back(self.dropout(F.gelu(self.wide(self.norm(near)))))


def align(scores: np.ndarray, symbols: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The monotonic alignment with the largest sum of scores (algorithm 1 of Glow-TTS): durations int64 (n, p).

    scores (n, p, t) tell how well each frame fits each symbol; `symbols` and `frames` (n,) how many of them count, with
    at least as many frames as symbols. Each symbol gets at least one frame, in order.
    """
    n, p, t = scores.shape
    best = np.full((n, p), -np.inf)
    best[:, 0] = scores[:, 0, 0]
    came = np.zeros((n, p, t), bool)  # whether the best way to (p, t) comes from the symbol before
    for frame in range(1, t):
        before = np.concatenate([np.full((n, 1), -np.inf), best[:, :-1]], axis=1)
        came[:, :, frame] = before > best
        best = np.where(came[:, :, frame], before, best) + scores[:, :, frame]
    durations = np.zeros((n, p), np.int64)
    for row in range(n):
        symbol = int(symbols[row]) - 1
        for frame in range(int(frames[row]) - 1, -1, -1):
            durations[row, symbol] += 1
            if came[row, symbol, frame]:
                symbol -= 1
    return durations


class TTS(nn.Module):
    """Phonemes -> their mean frames and durations; these and noise -> a spectrogram."""

    def __init__(self, config: TTSConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate, self.hop_length, self.num_mels = config.sample_rate, config.hop_length, config.num_mels
        width = config.channels
        self.spectrogram = HopLogMel(config.sample_rate, config.window_length, config.hop_length, config.num_mels)
        self.embed = nn.Embedding(config.num_symbols, width)
        sizes = (width, config.kernel_size, config.dropout)
        self.encoder = nn.ModuleList(Block(*sizes) for _ in range(config.encoder_blocks))
        self.mean = nn.Linear(width, config.num_mels)
        self.duration = nn.ModuleList(Block(*sizes) for _ in range(2))
        self.log_seconds = nn.Linear(width, 1)
        self.first = nn.Linear(2 * config.num_mels + width + 2, width)
        self.time = nn.Sequential(nn.Linear(2 * _TIME_FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.decoder = nn.ModuleList(Block(*sizes) for _ in range(config.decoder_blocks))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, config.num_mels)

    def encode(self, symbols: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """symbols int64 (n, p), mask (n, p), 1 where there is one -> mean frames (n, p, mels), states (n, p, channels)
        and the logarithm of durations in frames (n, p)."""
        kept = mask[..., None].to(self.mean.weight.dtype)
        x = self.embed(symbols)
        for block in self.encoder:
            x = block(x, kept)
        timed = x.detach()  # how long phonemes last is no reason to read them otherwise
        for block in self.duration:
            timed = block(timed, kept)
        return self.mean(x), x, self.log_seconds(timed)[..., 0]

    def velocity(self, frames: Tensor, time: Tensor, condition: Tensor, mask: Tensor) -> Tensor:
        """Where noisy frames go: frames (n, t, mels) at `time` (n,) from 0 (noise) to 1, condition (n, t, mels +
        channels + 2) as `spread` makes it, mask (n, t) -> velocity (n, t, mels)."""
        kept = mask[..., None].to(frames.dtype)
        rates = torch.exp(torch.arange(_TIME_FREQUENCIES, device=time.device) * (math.log(1000.0) / _TIME_FREQUENCIES))
        angles = time[:, None] * rates
        told = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        x = self.first(torch.cat([frames, condition], dim=2)) + told[:, None]
        for block in self.decoder:
            x = block(x, kept)
        return self.last(self.norm(x))

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Frames as normals around their phoneme's mean, the flow's velocity, and log durations, each a mean square.

        The batch has symbols int64 (n, p), num_symbols (n,), waveform (n, samples) and num_frames (n,). The alignment
        is the likeliest one under the means (equations 3 to 5 of Glow-TTS).
        """
        symbols, waveform = batch["symbols"], batch["waveform"]
        n, p = symbols.shape
        there = torch.arange(p, device=symbols.device) < batch["num_symbols"][:, None]
        with torch.no_grad():
            mel = self.spectrogram(waveform)
        t = mel.shape[1]
        heard = torch.arange(t, device=symbols.device) < batch["num_frames"][:, None]
        means, states, log_durations = (found.float() for found in self.encode(symbols, there))
        with torch.no_grad():
            distances = torch.cdist(means.float(), mel.float()).square()
            lengths = align(
                -distances.cpu().numpy(), batch["num_symbols"].cpu().numpy(), batch["num_frames"].cpu().numpy()
            )
            durations = torch.from_numpy(lengths).to(symbols.device)
        condition = spread(means, states, durations, t)
        weight = heard[..., None] / (heard.sum() * self.num_mels)
        prior = ((condition[..., : self.num_mels] - mel).square() * weight).sum()
        wanted = durations.clamp_min(1).float().log()
        timing = ((log_durations - wanted).square() * there).sum() / there.sum()
        start, time = noise.normal(*mel.shape), noise.uniform(n)
        along = time[:, None, None]
        velocity = self.velocity(start + along * (mel - start), time, condition, heard)
        matching = ((velocity.float() - (mel - start)).square() * weight).sum()
        return {
            "loss": matching + prior + 0.3 * timing,
            "flow": matching.detach(),
            "prior": prior.detach(),
            "timing": timing.detach(),
            "items": heard.sum(),
        }

    def parts(self) -> tuple[Part, ...]:
        """What reads the phonemes, and the velocity of frames, which is followed in a few steps."""
        config = self.config
        symbols, frames = torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 6, config.num_mels)
        condition = torch.zeros(2, 6, config.num_mels + config.channels + 2)
        read, framed = {0: "batch", 1: "symbols"}, {0: "batch", 1: "frames"}
        outputs = ("means", "states", "log_durations")
        return (
            Part(
                "phonemes", Method(self, "encode"), {"symbols": symbols, "mask": torch.ones_like(symbols)}, outputs,
                dict.fromkeys(("symbols", "mask", *outputs), read),
            ),
            Part(
                "velocity", Method(self, "velocity"),
                {"frames": frames, "time": torch.zeros(2), "condition": condition, "mask": torch.ones(2, 6)},
                ("velocity",),
                dict.fromkeys(("frames", "condition", "mask", "velocity"), framed) | {"time": {0: "batch"}},
            ),
        )  # fmt: skip


def spread(means: Tensor, states: Tensor, durations: Tensor, frames: int) -> Tensor:
    """What each of `frames` frames is told, (n, frames, mels + channels + 2): its phoneme's mean and state, the share
    of the phoneme that is over, and the logarithm of its length; after the last phoneme, of that one."""
    ends = durations.cumsum(1)  # (n, p)
    at = torch.arange(frames, device=means.device).expand(len(means), -1).contiguous()
    index = torch.searchsorted(ends, at, right=True).clamp_max(means.shape[1] - 1)
    length = durations.gather(1, index)
    share = (at - (ends - durations).gather(1, index) + 0.5) / length.clamp_min(1)
    own = torch.cat([means, states], dim=2)
    told = own.gather(1, index[..., None].expand(-1, -1, own.shape[2]))
    return torch.cat([told, share[..., None], length.clamp_min(1).float().log()[..., None]], dim=2)


ENTRY = Entry(
    title="Text to speech",
    paper="https://arxiv.org/abs/2309.03199",
    tasks=(TEXT_TO_SPEECH,),
    config=TTSConfig,
    model=TTS,
    tiny=TTSConfig(
        num_mels=8, window_length=64, hop_length=16, channels=8, encoder_blocks=1, decoder_blocks=1, sampling_steps=2
    ),
    summary="Reads English aloud in the voice of a telephone system.",
    summary_zh="用电话语音系统的嗓音朗读英文。",
)
