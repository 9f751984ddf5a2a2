"""The pitch of a sound, by YIN: how far it lies from itself, a period later.

De Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 2002: the squared
difference of a window and the same one `lag` samples later (equation 6), over its mean at all shorter lags (equation
8); the first dip below a threshold is the period, refined by a parabola through its neighbours.
"""

from __future__ import annotations

import numpy as np

THRESHOLD = 0.1
"""Normalised difference below which a dip is a period (the paper's)."""
WINDOW = 0.064
"""Seconds that are compared with themselves."""
QUIET = 0.03
"""Share of the loudest window's power below which a window is not listened to: what is left of a note that died away
says little of its pitch."""
IN_TUNE = 50.0
"""Cents within which a note is the one that was meant: half a semitone, as in raw pitch accuracy (Poliner et al.,
2007)."""


def frequency(waveform: np.ndarray, sample_rate: int, lowest: float = 50.0, highest: float = 1200.0) -> float:
    """waveform (t,) of one note -> its fundamental in hertz, the median over its windows; nan where none has a period.

    Periods between those of `lowest` and `highest` are looked for. Raises ValueError for a waveform that is no row, and
    for bounds that half the sample rate does not hold.
    """
    if waveform.ndim != 1:
        raise ValueError(f"the waveform has the shape {waveform.shape}; it must be (t,)")
    if not 0 < lowest < highest <= sample_rate / 4:
        raise ValueError(f"asked are pitches from {lowest:g} to {highest:g} Hz; allowed is up to {sample_rate / 4:g}")
    window, longest = round(WINDOW * sample_rate), int(sample_rate / lowest) + 2
    if len(waveform) < window + longest:
        return float("nan")
    frames = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), window + longest)[:: window // 2]
    power = (frames[:, :window] ** 2).sum(1)
    frames = frames[power >= max(QUIET * float(power.max()), 1e-9)]
    found = [_frequency(frame, window, sample_rate, highest) for frame in frames]
    known = [one for one in found if np.isfinite(one)]
    return float(np.exp2(np.median(np.log2(known)))) if known else float("nan")


def _frequency(frame: np.ndarray, window: int, sample_rate: int, highest: float) -> float:
    """One window and what follows it, (window + lags,) -> hertz, or nan."""
    size = 1 << (len(frame) + window - 1).bit_length()
    alike = np.fft.irfft(np.fft.rfft(frame, size) * np.fft.rfft(frame[:window], size).conj(), size)
    lags = len(frame) - window
    energy = np.concatenate([[0.0], np.cumsum(frame**2)])
    energies = energy[window : window + lags] - energy[:lags]
    difference = np.maximum(energies[0] + energies - 2 * alike[:lags], 0.0)
    mean = np.cumsum(difference[1:]) / np.arange(1, lags)
    normalised = np.concatenate([[1.0], difference[1:] / mean.clip(1e-12)])
    first = int(sample_rate / highest)
    below = np.flatnonzero(normalised[first:-1] < THRESHOLD)
    if not len(below):
        return float("nan")
    lag = first + int(below[0])
    while lag + 2 < lags and normalised[lag + 1] < normalised[lag]:
        lag += 1
    before, here, after = difference[lag - 1 : lag + 2]
    curve = before - 2 * here + after
    shift = 0.5 * (before - after) / curve if curve > 0 else 0.0
    return float(sample_rate / (lag + np.clip(shift, -1, 1)))


def cents(frequency: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Hertz and MIDI numbers (n,) -> how far each lies above its note, in hundredths of a semitone (A4 = 440 Hz)."""
    found: np.ndarray = 1200 * np.log2(np.asarray(frequency) / 440.0) - 100.0 * (np.asarray(pitch) - 69)
    return found
