"""What of a sample its past foretells, by a spectrogram: taken away, and put back.

The power spectrum of a frame gives its autocorrelation, and that, by the recursion of Levinson (1946) and Durbin
(1960), the filter that leaves of such a signal nothing but white noise (Makhoul, "Linear prediction: a tutorial
review", Proceedings of the IEEE, 1975). Of mel spectrograms, as in Valin and Skoglund, "LPCNet", ICASSP 2019: whoever
has the spectrogram has the filters too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.log_mel import CENTRE, SPREAD, mel_filters

_WHITE = 1e-9
"""Variance of the white noise that is thought under every frame, about that of 16-bit levels: no filter is extreme."""
_BROAD = 1e-5
"""As much of its own variance, for frames that are nearly one tone."""
_LEAST_MAGNITUDE = 1e-4
"""Least magnitude of a bin: the spectrogram is spread over the bins by least squares, which may give less than none."""


class LinearPrediction(nn.Module):
    """Filters of `order` taps, one for each frame of a `HopLogMel`. Nothing in it is learnt."""

    def __init__(self, sample_rate: int, window_length: int, hop_length: int, num_mels: int, order: int) -> None:
        super().__init__()
        self.hop_length, self.order = hop_length, order
        with torch.device("cpu"):
            spread = torch.linalg.pinv(mel_filters(sample_rate, window_length, num_mels).double())  # (mels, bins)
            bins = torch.arange(window_length // 2 + 1, dtype=torch.float64)
            lags = torch.arange(order + 1, dtype=torch.float64)
            cosines = torch.cos(2 * torch.pi * bins[:, None] * lags / window_length) * 2
            cosines[[0, -1]] /= 2  # once in the whole spectrum, all others twice
            energy = torch.hann_window(window_length, dtype=torch.float64).square().sum() * window_length
        self.register_buffer("spread", spread, persistent=False)
        self.register_buffer("cosines", cosines / energy / _WHITE, persistent=False)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """mel (n, frames, mels) -> taps (n, frames, order), the nearest sample's first, and the deviation of what they
        leave (n, frames): x[t] + sum of taps[k] x[t - 1 - k] is noise of that deviation."""
        magnitudes = (mel.double() * SPREAD + CENTRE).exp() @ self.get_buffer("spread")
        power = magnitudes.clamp_min(_LEAST_MAGNITUDE).square()
        found = power @ self.get_buffer("cosines")  # the autocorrelation (n, frames, order + 1) as multiples of _WHITE
        variance, *lags = found.split(1, dim=-1)
        lags = [variance + _BROAD * variance + 1.0, *lags]
        taps, error = torch.ones_like(lags[0]), lags[0]
        for i in range(1, self.order + 1):
            foretold = (taps * torch.cat(lags[i:0:-1], dim=-1)).sum(-1, keepdim=True)
            reflection = -foretold / error
            longer = F.pad(taps, (0, 1))
            taps = longer + reflection * longer.flip(-1)
            error = error * (1 - reflection.square())
        return taps[..., 1:].float(), (error.squeeze(-1) * _WHITE).sqrt().float()

    def whiten(self, waveforms: Tensor, taps: Tensor) -> Tensor:
        """waveforms (n, t), t = frames * hop, taps (n, frames, order) -> what is not foretold, (n, t)."""
        past = F.pad(waveforms, (self.order, 0)).unfold(1, self.order + 1, 1)  # (n, t, order + 1), now is the last
        past = past.unflatten(1, (-1, self.hop_length))
        own = torch.cat([taps.flip(-1), torch.ones_like(taps[..., :1])], dim=-1)
        return (past @ own[..., None]).flatten(1)

    def colour(self, excitation: Tensor, taps: Tensor) -> Tensor:
        """The inverse of `whiten`: excitation (n, t), taps (n, frames, order) -> waveforms (n, t).

        A frame's samples stand in a triangular system with those before it, solved frame after frame.
        """
        order, hop = self.order, self.hop_length
        device = excitation.device
        apart = torch.arange(hop, device=device)[:, None] - torch.arange(
            -order, hop, device=device
        )  # (hop, order + hop)
        filters = F.pad(torch.cat([torch.ones_like(taps[..., :1]), taps], dim=-1).double(), (0, 1))
        within = (apart >= 0) & (apart <= order)
        systems = filters[..., torch.where(within, apart, order + 1)]  # (n, frames, hop, order + hop)
        before, made = excitation.new_zeros(len(excitation), order, 1, dtype=torch.float64), []
        for frame, own in enumerate(excitation.double().unflatten(1, (-1, hop)).unbind(1)):
            past, now = systems[:, frame].split([order, hop], dim=-1)
            samples = torch.linalg.solve_triangular(
                now, own[..., None] - past @ before, upper=False, unitriangular=True
            )
            before = torch.cat([before, samples], dim=1)[:, -order:]
            made.append(samples.squeeze(-1))
        return torch.cat(made, dim=1).float()
