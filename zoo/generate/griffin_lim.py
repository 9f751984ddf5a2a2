"""Griffin-Lim: a waveform from a log-mel spectrogram without a network, what vocoders are measured against.

Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984, with the momentum of Perraudin,
Balazs and Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013. Frames are those of
`zoo.nn.log_mel.HopLogMel`. torch is not imported.
"""

from __future__ import annotations

import numpy as np

from zoo.generate.short_time import ShortTime, mel_filters, mel_magnitudes
from zoo.noise import Noise

ITERATIONS = 32
MOMENTUM = 0.99


def griffin_lim(mel: np.ndarray, window_length: int, hop_length: int, sample_rate: int, *, seed: int = 0) -> np.ndarray:
    """Log-mel magnitudes (frames, mels) -> a waveform float32 (frames * hop_length,) with nearly that spectrogram.

    The first phases are drawn from `seed`.
    """
    filters = mel_filters(window_length, mel.shape[1], sample_rate)
    wanted = (mel_magnitudes(mel) @ np.linalg.pinv(filters)).clip(0)  # (frames, bins)
    frames = ShortTime(len(mel), window_length, hop_length)
    phases = np.exp(2j * np.pi * Noise(seed).uniform_array(*wanted.shape))
    before = np.zeros_like(phases)
    for _ in range(ITERATIONS):
        found = frames.spectrum(frames.sound(wanted * phases, whole=True))
        moved = found - before * (MOMENTUM / (1 + MOMENTUM))
        before = found
        phases = moved / np.abs(moved).clip(1e-16)
    return frames.sound(wanted * phases).astype(np.float32)
