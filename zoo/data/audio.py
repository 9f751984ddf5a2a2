"""Spoken words: Parquet of FLAC -> float32 waveforms in [-1, 1], brought to one peak and padded to one length."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.data.source import Info, read

logger = logging.getLogger(__name__)
VALIDATION_TAKES = range(5, 8)
"""Takes of each speaker and digit that serve as validation (0 to 4 are the test split, as the set defines it)."""
PEAK = 0.95
FRAMES_APART = 10
"""Batches are as long as a multiple of so many frames: a few shapes recur, for which kernels are prepared once."""


def fit_length(waveform: np.ndarray, length: int) -> np.ndarray:
    """A waveform float32 (t,) cut in the middle, or silent evenly on both sides, to (length,)."""
    missing = length - len(waveform)
    if missing < 0:
        return waveform[-missing // 2 :][:length]
    return np.pad(waveform, (missing // 2, missing - missing // 2))


class Waveforms:
    """One split of spoken words: waveforms float32 (t,) in [-1, 1], digits (words) and voices int64 (n,)."""

    def __init__(
        self, info: Info, fingerprint: str, labels: tuple[str, ...], speakers: tuple[str, ...],
        waveforms: list[np.ndarray], digits: np.ndarray, voices: np.ndarray, sample_rate: int, frame_size: int,
    ) -> None:  # fmt: skip
        self.info, self.fingerprint, self.labels, self.speakers = info, fingerprint, labels, speakers
        self.waveforms, self.digits, self.voices = waveforms, digits, voices
        self.sample_rate, self.frame_size = sample_rate, frame_size
        self.lengths = np.array([len(w) for w in waveforms])

    def __len__(self) -> int:
        return len(self.waveforms)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """waveform (n, t) padded with silence, length, label = digit, speaker int64 (n,), duration float32 (n,) s."""
        import torch

        longest = int(self.lengths[indices].max())
        step = self.frame_size * FRAMES_APART
        size = -(-longest // step) * step
        waveform = np.zeros((len(indices), size), np.float32)
        for row, index in enumerate(indices):
            waveform[row, : self.lengths[index]] = self.waveforms[index]
        length = torch.from_numpy(self.lengths[indices])
        digit = torch.from_numpy(self.digits[indices])
        return {
            "waveform": torch.from_numpy(waveform),
            "length": length,
            "label": digit,
            "digit": digit,
            "speaker": torch.from_numpy(self.voices[indices]),
            "duration": length.float() / self.sample_rate,
        }

    def duration_statistics(self) -> np.ndarray:
        """Mean and deviation of log seconds by digit and speaker: float32 (digits, speakers, 2)."""
        log_seconds = np.log(self.lengths / self.sample_rate)
        return self._by_word(lambda rows: (log_seconds[rows].mean(), log_seconds[rows].std()))

    def mean_by_word(self, values: np.ndarray) -> np.ndarray:
        """Means by digit and speaker of what is known of each clip: (n, k) -> float32 (digits, speakers, k)."""
        return self._by_word(lambda rows: values[rows].mean(0))

    def _by_word(self, measure: Callable[[np.ndarray], Any]) -> np.ndarray:
        """What `measure` makes of each speaker's clips of each digit, of every clip where there is none."""
        every = np.ones(len(self), bool)
        words, voices = range(len(self.labels)), range(len(self.speakers))
        said = [[(self.digits == word) & (self.voices == voice) for voice in voices] for word in words]
        return np.array([[measure(own if own.any() else every) for own in row] for row in said], np.float32)


class Clips(Waveforms):
    """One split of the spoken digits; with `skip` damaged clips are left out and named in the log."""

    def __init__(
        self, name: str, split: str, *, sample: bool = False, frame_size: int = 80, max_seconds: float = 1.2,
        skip: bool = False,
    ) -> None:  # fmt: skip
        import soundfile

        table = read(name, "test" if split == "test" else "train", sample=sample)
        takes = np.asarray(table.columns["take"])
        held_out = np.isin(takes, VALIDATION_TAKES)
        rows = np.flatnonzero({"test": np.ones_like(held_out), "train": ~held_out, "validation": held_out}[split])
        waveforms: list[np.ndarray] = []
        rate, damaged = 0, []
        for row in rows:
            try:
                samples, rate = soundfile.read(io.BytesIO(table.columns["audio"][row]["bytes"]), dtype="float32")
            except (soundfile.LibsndfileError, TypeError) as error:
                if not skip:
                    raise ValueError(f"clip {row} of {name}/{split} cannot be decoded: {error}") from error
                logger.warning("clip %d of %s/%s cannot be decoded and is left out: %s", row, name, split, error)
                damaged.append(row)
                continue
            samples = samples[: int(max_seconds * rate)]
            waveforms.append(samples * (PEAK / max(float(np.abs(samples).max()), 1e-4)))
        rows = np.setdiff1d(rows, damaged)
        digits, voices = (np.asarray(table.columns[key], np.int64)[rows] for key in ("label", "speaker"))
        super().__init__(
            table.info, table.fingerprint, table.labels["label"], table.labels["speaker"],
            waveforms, digits, voices, rate, frame_size,
        )  # fmt: skip
