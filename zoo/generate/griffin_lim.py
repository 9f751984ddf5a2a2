"""Griffin-Lim: a waveform from a log-mel spectrogram without a network, what vocoders are measured against.

Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984, with the momentum of Perraudin,
Balazs and Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013. Frames are those of
`zoo.nn.log_mel.HopLogMel`. torch is not imported.
"""

from __future__ import annotations

import numpy as np

from zoo.noise import Noise

ITERATIONS = 32
MOMENTUM = 0.99
LEAST, CENTRE, SPREAD, LOWEST = 1e-3, -2.0, 3.0, 40.0
"""As in `zoo.nn.log_mel.HopLogMel`, which needs torch."""


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


def griffin_lim(mel: np.ndarray, window_length: int, hop_length: int, sample_rate: int, *, seed: int = 0) -> np.ndarray:
    """Log-mel magnitudes (frames, mels) -> a waveform float32 (frames * hop_length,) with nearly that spectrogram.

    The first phases are drawn from `seed`.
    """
    filters = mel_filters(window_length, mel.shape[1], sample_rate)
    energies = np.exp(mel.astype(np.float64) * SPREAD + CENTRE)
    energies = np.where(energies <= LEAST * 1.001, 0, energies)
    wanted = (energies @ np.linalg.pinv(filters)).clip(0)  # (frames, bins)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_length) / window_length)
    length = len(mel) * hop_length + window_length - hop_length
    starts = np.arange(len(mel)) * hop_length
    weight = np.full(length, 1e-8)
    for start in starts:
        weight[start : start + window_length] += window**2

    def sound(spectrum: np.ndarray) -> np.ndarray:
        frames = np.fft.irfft(spectrum, window_length, axis=1) * window
        whole = np.zeros(length)
        for start, frame in zip(starts, frames, strict=True):
            whole[start : start + window_length] += frame
        return whole / weight

    def spectrum(waveform: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(waveform, window_length)[::hop_length]
        found: np.ndarray = np.fft.rfft(frames * window, axis=1)
        return found

    phases = np.exp(2j * np.pi * Noise(seed).uniform_array(*wanted.shape))
    before = np.zeros_like(phases)
    for _ in range(ITERATIONS):
        found = spectrum(sound(wanted * phases))
        moved = found - before * (MOMENTUM / (1 + MOMENTUM))
        before = found
        phases = moved / np.abs(moved).clip(1e-16)
    lead = (window_length - hop_length) // 2
    whole: np.ndarray = sound(wanted * phases)[lead : lead + len(mel) * hop_length]
    return whole.astype(np.float32)
