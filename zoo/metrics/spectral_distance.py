"""How far two sounds lie apart in their spectrograms, whatever their phases.

Yamamoto, Song and Kim, "Parallel WaveGAN", ICASSP 2020, section 2.2: spectral convergence and the mean absolute
difference of log magnitudes, averaged over several lengths of the window.
"""

from __future__ import annotations

import numpy as np

WINDOWS = (0.016, 0.032, 0.064)
"""Seconds of each analysis window; the next one begins a quarter of it later."""
LEAST = 1e-3
"""Magnitude that counts as silence."""


def magnitudes(waveform: np.ndarray, window_length: int, hop_length: int) -> np.ndarray:
    """waveform (t,) -> magnitudes under periodic Hann windows: float64 (frames, bins), the first at sample 0."""
    missing = max(0, window_length - len(waveform))
    padded = np.pad(waveform.astype(np.float64), (0, missing))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window_length)[::hop_length]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_length) / window_length)
    found: np.ndarray = np.abs(np.fft.rfft(frames * window, axis=1))
    return found


def spectral_distance(made: np.ndarray, truth: np.ndarray, sample_rate: int) -> float:
    """Waveforms (t,) of one length -> their distance, 0 for equal magnitudes; about 1 for bad copies of speech.

    Raises ValueError for other shapes.
    """
    if made.shape != truth.shape or made.ndim != 1:
        raise ValueError(f"the waveforms have the shapes {made.shape} and {truth.shape}; both must be (t,)")
    found = []
    for seconds in WINDOWS:
        window_length = 2 ** round(np.log2(seconds * sample_rate))
        one, other = (magnitudes(w, window_length, window_length // 4) for w in (made, truth))
        convergence = np.linalg.norm(other - one) / max(float(np.linalg.norm(other)), LEAST)
        apart = np.abs(np.log(other.clip(LEAST)) - np.log(one.clip(LEAST))).mean()
        found.append(convergence + apart)
    return float(np.mean(found))
