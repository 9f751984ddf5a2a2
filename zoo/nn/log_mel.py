"""Waveforms as pictures: the logarithm of how much there is in bands that are even on the mel scale.

`LogMel` is what networks listen to; `HopLogMel` is what vocoders turn back into waveforms and speech models write.
"""

from __future__ import annotations

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional as F

LEAST = 1e-3
"""Mel magnitude that counts as silence in a `HopLogMel`."""
CENTRE, SPREAD = -2.0, 3.0
"""Its logarithms are brought to about [-1.6, 2.2] by these."""
LOWEST = 40.0
"""Hertz where the lowest band begins."""


def mel_filters(sample_rate: int, window_length: int, num_mels: int) -> Tensor:
    """(bins of the transform, mels), from 40 Hz to half the rate."""
    with torch.device("cpu"):  # it looks at its values, which a skeleton on the meta device has not
        return torchaudio.functional.melscale_fbanks(
            window_length // 2 + 1, LOWEST, sample_rate / 2, num_mels, sample_rate
        )


class LogMel(nn.Module):
    """Short-time Fourier transform under a Hann window, mel bands of its energies, logarithm.

    What has less energy than `floor` looks like silence.
    """

    def __init__(
        self, sample_rate: int, window_length: int, hop_length: int, num_mels: int, floor: float = 1e-4
    ) -> None:
        super().__init__()
        self.window_length, self.hop_length, self.floor = window_length, hop_length, floor
        self.register_buffer("filters", mel_filters(sample_rate, window_length, num_mels), persistent=False)
        self.register_buffer("window", torch.hann_window(window_length), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """waveforms (n, t) in [-1, 1] -> (n, mels, t / hop_length + 1), about in [-1, 1]; silence is -1.84 or, with
        another floor, a fifth of its logarithm."""
        spectrum = torch.stft(
            waveforms, self.window_length, self.hop_length, window=self.get_buffer("window"), return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()  # whose gradient is quicker than the modulus's
        energies = power.transpose(1, 2) @ self.get_buffer("filters")  # (n, frames, mels)
        return energies.transpose(1, 2).add(self.floor).log() * 0.2


class HopLogMel(nn.Module):
    """Waveforms -> log-mel magnitudes, one frame a hop, each in the middle of its window: as many samples as frames
    times the hop, so that a waveform can be made of the frames alone."""

    def __init__(self, sample_rate: int, window_length: int, hop_length: int, num_mels: int) -> None:
        super().__init__()
        self.window_length, self.hop_length = window_length, hop_length
        self.register_buffer("filters", mel_filters(sample_rate, window_length, num_mels), persistent=False)
        self.register_buffer("window", torch.hann_window(window_length), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """waveforms (n, t) in [-1, 1], t a multiple of the hop -> (n, t / hop, mels)."""
        missing = self.window_length - self.hop_length
        padded = F.pad(waveforms.float(), (missing // 2, missing - missing // 2))
        spectrum = torch.stft(
            padded, self.window_length, self.hop_length, window=self.get_buffer("window"), center=False,
            return_complex=True,
        )  # fmt: skip
        magnitudes = spectrum.abs().transpose(1, 2) @ self.get_buffer("filters")
        return (magnitudes.clamp_min(LEAST).log() - CENTRE) / SPREAD
