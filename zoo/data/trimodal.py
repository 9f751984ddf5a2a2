"""A digit's word, its picture and its sound side by side: handwriting and speech paired by what they show and say."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from zoo.data.audio import Clips, Waveforms, fit_length
from zoo.data.image import Images, Pictures
from zoo.data.source import INFOS
from zoo.noise import Noise

NAME = "trimodal_digits"
_PAIRING = 21
"""Seed of what is drawn at random; the stream is the epoch."""
MAX_STRETCH = 0.12
"""By how much training recordings are said slower or faster at most."""
MAX_SHIFT = 0.05
"""Seconds by which training recordings are moved from the middle at most."""


class Trimodal:
    """One split: every picture, and beside it a recording of the same digit.

    In training each epoch pairs anew, and stretches and moves the recording, as a pure function of (index, epoch); in
    validation and test the recordings of a digit take turns.
    """

    lengths = None

    def __init__(self, pictures: Pictures, clips: Waveforms, length: int, *, training: bool) -> None:
        """`length`: samples of every recording. Raises ValueError for a digit that nobody says."""
        self.info, self.labels = INFOS[NAME], pictures.labels
        self.fingerprint = hashlib.sha256(f"{pictures.fingerprint}\n{clips.fingerprint}".encode()).hexdigest()
        self.pictures, self.clips, self.length, self.training = pictures, clips, length, training
        self.targets = pictures.targets
        self._said = [np.flatnonzero(clips.digits == digit) for digit in range(len(self.labels))]
        for digit in np.unique(self.targets):
            if not len(self._said[digit]):
                raise ValueError(f"no recording says {self.labels[digit]!r}, which {self.info.name} has pictures of")
        self._turn = np.zeros(len(self.targets), np.int64)
        for digit in range(len(self.labels)):
            own = self.targets == digit
            self._turn[own] = np.arange(own.sum())
        self._epoch, self._drawn = -1, np.empty((0, 3), np.float32)

    def __len__(self) -> int:
        return len(self.pictures)

    def recordings(self, indices: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Which clip stands beside each picture in an epoch: int64 (n,)."""
        turns = self._turn[indices]
        if self.training:
            turns = (self._numbers(epoch)[indices, 0] * 2**24).astype(np.int64)
        said = [self._said[digit] for digit in self.targets[indices]]
        return np.array([own[turn % len(own)] for own, turn in zip(said, turns, strict=True)], np.int64)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """word and label int64 (n,), image float32 (n, 1, h, w) and waveform float32 (n, length), both in [-1, 1]."""
        import torch

        found = self.pictures.batch(indices)
        waveforms = np.zeros((len(indices), self.length), np.float32)
        for row, (index, clip) in enumerate(zip(indices, self.recordings(indices, epoch), strict=True)):
            waveform = self.clips.waveforms[clip]
            waveforms[row] = self._moved(waveform, index, epoch) if self.training else fit_length(waveform, self.length)
        return {**found, "word": found["label"], "waveform": torch.from_numpy(waveforms)}

    def _moved(self, waveform: np.ndarray, index: int, epoch: int) -> np.ndarray:
        """The recording stretched and off the middle by what the epoch drew for this sample: float32 (length,)."""
        _, stretch, shift = self._numbers(epoch)[index]
        factor = 1 + MAX_STRETCH * (2 * float(stretch) - 1)
        places = np.arange(int(len(waveform) * factor)) / factor
        said = np.interp(places, np.arange(len(waveform)), waveform).astype(np.float32)
        reach = int(MAX_SHIFT * self.clips.sample_rate)
        wide = fit_length(said, self.length + 2 * reach)
        start = int(float(shift) * (2 * reach + 1))
        return wide[start : start + self.length]

    def _numbers(self, epoch: int) -> np.ndarray:
        """Three uniforms for each sample of an epoch, float32 (n, 3); the last epoch's are kept."""
        if self._epoch != epoch:
            self._drawn = Noise(_PAIRING, epoch).uniform_array(len(self), 3)
            self._epoch = epoch
        return self._drawn


def open_trimodal(split: str, config: Any, *, sample: bool = False, skip: bool = False) -> Trimodal:
    """Open one split for a model whose config says `image_size`, `sample_rate` and `length`.

    Raises ValueError or OSError as `zoo.data.source.read` does, and ValueError for another rate than the recordings'.
    """
    pictures = Images("mnist", split, sample=sample, image_size=config.image_size, skip=skip)
    clips = Clips("spoken_digits", split, sample=sample, skip=skip)
    if clips.sample_rate != config.sample_rate:
        raise ValueError(
            f"sample_rate is {config.sample_rate}; the recordings have {clips.sample_rate} samples a second"
        )
    return Trimodal(pictures, clips, config.length, training=split == "train")
