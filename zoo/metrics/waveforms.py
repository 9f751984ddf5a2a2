"""Sounds compared as waveforms: how like one another two are at their best alignment, and a hum that all share."""

from __future__ import annotations

import numpy as np

COPY = 0.9
"""Correlation with another sound, at the best shift, from which a sound is a copy of it."""
_APART = 0.1
"""How far around a frequency, as a share of it, lies what its line is compared with."""
_OWN = 3
"""Bins on each side of a frequency that a window's main lobe may fill."""


def best_correlations(made: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of made (n, t) the row of known (m, t) that it is most like, int64 (n,), and how much, (n,) in [0, 1].

    The largest absolute value of the normalised cross-correlation over all shifts: neither loudness, nor sign, nor when
    it begins count. Silence is like nothing.
    """
    size = 1 << (made.shape[1] + known.shape[1] - 1).bit_length()
    spectra = np.fft.rfft(_normalised(known), size).conj()
    rows, values = np.zeros(len(made), np.int64), np.zeros(len(made))
    for i, sound in enumerate(_normalised(made)):
        spectrum = np.fft.rfft(sound, size)
        for j, other in enumerate(spectra):
            found = float(np.abs(np.fft.irfft(spectrum * other, size)).max())
            if found > values[i]:
                rows[i], values[i] = j, found
    return rows, values.clip(0.0, 1.0)


def _normalised(waveforms: np.ndarray) -> np.ndarray:
    values = waveforms.astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True).clip(1e-6)


def hum(waveforms: np.ndarray, sample_rate: int, frequencies: tuple[float, ...]) -> float:
    """How far the strongest of the lines at these frequencies stands out of what is around it, in decibels.

    waveforms (n, t), each counting alike; a line is the mean power at a frequency over that of the median bin within a
    tenth of it. About 0 where there is none; drums sound at every frequency, a fault at its own alone.
    """
    size = waveforms.shape[1]
    power = np.abs(np.fft.rfft(waveforms.astype(np.float64) * np.hanning(size), axis=1)) ** 2
    spectrum = (power / power.sum(1, keepdims=True).clip(1e-12)).mean(0)
    found = []
    for frequency in frequencies:
        at, reach = frequency * size / sample_rate, max(4 * _OWN, round(frequency * _APART * size / sample_rate))
        bins = np.arange(max(1, round(at) - reach), min(len(spectrum), round(at) + reach + 1))
        near = np.abs(bins - at) <= _OWN
        found.append(10 * np.log10(spectrum[bins[near]].max() / max(np.median(spectrum[bins[~near]]), 1e-20)))
    return float(max(found))
