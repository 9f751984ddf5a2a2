"""Notes -> sound: sines at multiples of each note's frequency, with a soft beginning and end, by NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.data.chorales import QUARTER, Note

RATE = 22_050
"""Samples a second."""
ATTACK, DECAY, RELEASE = 0.03, 0.12, 0.18
"""Seconds in which a note rises to its full strength, falls to what it holds, and dies away after its end."""
HELD = 0.75
"""Share of a note's full strength that it holds."""
PARTIALS = (
    (1.0, 0.42, 0.16, 0.16, 0.05, 0.05, 0.02, 0.04),
    (1.0, 0.36, 0.20, 0.10, 0.07, 0.04, 0.02, 0.02),
    (1.0, 0.50, 0.26, 0.12, 0.09, 0.05, 0.03, 0.02),
    (1.0, 0.62, 0.34, 0.22, 0.12, 0.08, 0.05, 0.04),
)
"""Strength of each multiple of the frequency, a row a voice: a pipe of its own for each."""
LOUDNESS = (1.0, 0.8, 0.8, 1.0)
"""Of the voices: the outer ones lead."""
PEAK = 0.85


def sounded(notes: Sequence[Note], tempo: float) -> np.ndarray:
    """Notes at `tempo` quarters a minute -> float32 (t,) with a peak of PEAK, RATE samples a second."""
    step = 60 / tempo / QUARTER * RATE  # samples of a sixteenth
    tail = round(RELEASE * RATE)
    whole = np.zeros(round(max((note.start + note.length for note in notes), default=0) * step) + tail)
    for note in notes:
        start, end = round(note.start * step), round((note.start + note.length) * step)
        whole[start : end + tail] += LOUDNESS[note.voice] * _tone(note, end - start, tail)
    found: np.ndarray = (whole * (PEAK / max(float(np.abs(whole).max(initial=0)), 1e-9))).astype(np.float32)
    return found


def _tone(note: Note, size: int, tail: int) -> np.ndarray:
    """One note of `size` samples, and its dying away: float64 (size + tail,)."""
    frequency = 440 * 2 ** ((note.pitch - 69) / 12)
    angle = 2 * np.pi * frequency / RATE * np.arange(size + tail)
    twice, last, wave = 2 * np.cos(angle), np.zeros(size + tail), np.sin(angle)
    found = np.zeros(size + tail)
    for number, strength in enumerate(PARTIALS[note.voice], start=1):
        if number * frequency >= RATE / 2:
            break
        found += strength * wave
        last, wave = wave, twice * wave - last  # sin((k + 1) a) = 2 cos(a) sin(k a) - sin((k - 1) a)
    seconds = np.arange(size + tail) / RATE
    rising = np.interp(seconds, (0, ATTACK, ATTACK + DECAY), (0, 1, HELD))
    ending = np.clip(1 - (seconds - size / RATE) / RELEASE, 0, 1)
    found *= rising * ending**2
    return found
