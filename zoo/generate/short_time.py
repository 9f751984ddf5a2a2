"""The short-time Fourier transform whose frames are those of `zoo.nn.log_mel.HopLogMel`, and back; without torch."""

from __future__ import annotations

import numpy as np

LEAST, CENTRE, SPREAD, LOWEST = 1e-3, -2.0, 3.0, 40.0
"""As in `zoo.nn.log_mel`, which needs torch."""


def mel_filters(window_length: int, num_mels: int, sample_rate: int) -> np.ndarray:
    """Triangles even on the mel scale (O'Shaughnessy, 1987) from 40 Hz to half the rate: float64 (bins, mels)."""

    def mel(hertz: np.ndarray | float) -> np.ndarray:
        return 2595 * np.log10(1 + np.asarray(hertz, np.float64) / 700)

    hertz = np.linspace(0, sample_rate / 2, window_length // 2 + 1)[:, None]
    edges = 700 * (10 ** (np.linspace(mel(LOWEST), mel(sample_rate / 2), num_mels + 2) / 2595) - 1)
    width = np.diff(edges)
    rising, falling = (hertz - edges[:-2]) / width[:-1], (edges[2:] - hertz) / width[1:]
    found: np.ndarray = np.minimum(rising, falling).clip(0)
    return found


def mel_magnitudes(mel: np.ndarray) -> np.ndarray:
    """Log-mel magnitudes -> magnitudes, float64 of the same shape; what counts as silence is 0."""
    found = np.exp(mel.astype(np.float64) * SPREAD + CENTRE)
    return np.where(found <= LEAST * 1.001, 0, found)


class ShortTime:
    """Frames under periodic Hann windows, one a hop, each in the middle of its window."""

    def __init__(self, frames: int, window_length: int, hop_length: int) -> None:
        self.window_length, self.hop_length, self.samples = window_length, hop_length, frames * hop_length
        self.window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_length) / window_length)
        self.starts = np.arange(frames) * hop_length
        self.lead = (window_length - hop_length) // 2
        self.weight = np.full(self.samples + window_length - hop_length, 1e-8)
        for start in self.starts:
            self.weight[start : start + window_length] += self.window**2

    def spectrum(self, waveform: np.ndarray) -> np.ndarray:
        """(samples,), or with what lies around it as `sound(..., whole=True)` gives it -> complex (frames, bins)."""
        if len(waveform) == self.samples:
            waveform = np.pad(waveform, (self.lead, len(self.weight) - self.samples - self.lead))
        frames = np.lib.stride_tricks.sliding_window_view(waveform, self.window_length)[:: self.hop_length]
        found: np.ndarray = np.fft.rfft(frames * self.window, axis=1)
        return found

    def sound(self, spectrum: np.ndarray, *, whole: bool = False) -> np.ndarray:
        """complex (frames, bins) -> the nearest waveform float64 (samples,); `whole`, with half a window around it."""
        frames = np.fft.irfft(spectrum, self.window_length, axis=1) * self.window
        made = np.zeros(len(self.weight))
        for start, frame in zip(self.starts, frames, strict=True):
            made[start : start + self.window_length] += frame
        made /= self.weight
        return made if whole else made[self.lead : self.lead + self.samples]
