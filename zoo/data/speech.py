"""Recordings of one voice or several: Parquet of FLAC -> float32 waveforms in [-1, 1], and segments of them.

`read_recordings` reads a split of "spoken_digits", "telephone_prompts" or "ljspeech_mini". Sets without a validation
split keep the last of a fixed permutation of the training file apart; the spoken digits have takes of their own for it.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.audio import Clips
from zoo.data.source import Info, read, split_of
from zoo.data.spoken_text import PAUSES, SYMBOLS, phonemes_of, pronunciations, spoken_items
from zoo.noise import Noise

logger = logging.getLogger(__name__)
HELD_OUT = 24
"""Recordings of a training file that serve as validation, at most a tenth."""
_PLACES = 21
"""Seed of where in a recording a training segment lies; the stream is (epoch, index)."""


@dataclass(frozen=True)
class Recordings:
    """One split: waveforms float32 (t,) in [-1, 1], and what is said in each."""

    info: Info
    fingerprint: str
    waveforms: list[np.ndarray]
    texts: list[str]
    sample_rate: int


def read_recordings(name: str, split: str, *, sample: bool = False, skip: bool = False) -> Recordings:
    """Read a split whole; with `skip` damaged recordings are left out by name.

    Raises ValueError naming a damaged one otherwise, and as `zoo.data.source.read` does.
    """
    import soundfile

    if name == "spoken_digits":
        clips = Clips(name, split, sample=sample, skip=skip)
        said = [clips.labels[digit] for digit in clips.digits]
        return Recordings(clips.info, clips.fingerprint, clips.waveforms, said, clips.sample_rate)
    table = read(name, "test" if split == "test" else "train", sample=sample)
    count = len(table.columns["audio"])
    rows = np.arange(count) if split == "test" else split_of(count, split, HELD_OUT)
    waveforms: list[np.ndarray] = []
    rate, kept = 0, []
    for row in rows:
        try:
            samples, rate = soundfile.read(io.BytesIO(table.columns["audio"][row]["bytes"]), dtype="float32")
        except (soundfile.LibsndfileError, TypeError) as error:
            where = f"recording {row} of {name}/{split}"
            if not skip:
                raise ValueError(f"{where} cannot be decoded: {error}") from error
            logger.warning("%s cannot be decoded and is left out: %s", where, error)
            continue
        waveforms.append(samples)
        kept.append(row)
    column = "normalized_text" if "normalized_text" in table.columns else "text"
    texts = [str(table.columns[column][row]) for row in kept]
    return Recordings(table.info, table.fingerprint, waveforms, texts, rate)


class Segments:
    """Recordings cut to one length, for vocoders. A recording counts as often as its length has segments.

    In training each segment lies anywhere in its recording, a pure function of (index, epoch); else they follow one
    another. Recordings that are shorter stand in silence.
    """

    lengths = None
    labels: tuple[str, ...] = ()

    def __init__(self, recordings: Recordings, segment_length: int, sample_rate: int, *, training: bool) -> None:
        """Raises ValueError where the recordings have another rate than the model's."""
        _check_rate(recordings, sample_rate)
        self.info, self.fingerprint = recordings.info, recordings.fingerprint
        self.recordings, self.segment_length, self.training = recordings, segment_length, training
        self._of = np.concatenate(
            [np.full(max(1, len(one) // segment_length), i) for i, one in enumerate(recordings.waveforms)]
        )
        self._first = np.concatenate([np.arange(count) for count in np.unique(self._of, return_counts=True)[1]])

    def __len__(self) -> int:
        return len(self._of)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """waveform float32 (n, segment_length)."""
        import torch

        found = np.zeros((len(indices), self.segment_length), np.float32)
        for row, index in enumerate(indices):
            waveform = self.recordings.waveforms[self._of[index]]
            room = len(waveform) - self.segment_length
            start = int(self._first[index]) * self.segment_length
            if self.training:
                share = float(Noise(_PLACES, (epoch << 32) | int(index)).uniform_array(1)[0])
                start = int(share * (abs(room) + 1))
            if room >= 0:
                found[row] = waveform[start : start + self.segment_length]
            else:
                found[row, start : start + len(waveform)] = waveform
        return {"waveform": torch.from_numpy(found)}


class Prompts:
    """One split of recordings with what is said in them, for voices: longer than `max_frames` frames are left out."""

    labels: tuple[str, ...] = ()

    def __init__(self, recordings: Recordings, config: Any) -> None:
        """`config` has sample_rate, hop_length and max_frames. Raises ValueError for another rate, and for a word whose
        pronunciation is not in the list."""
        _check_rate(recordings, config.sample_rate)
        self.info, self.fingerprint, self.hop_length = recordings.info, recordings.fingerprint, config.hop_length
        known, numbers = pronunciations(), {symbol: i for i, symbol in enumerate(SYMBOLS)}
        self.waveforms: list[np.ndarray] = []
        self.symbols: list[np.ndarray] = []
        self.texts: list[str] = []
        for waveform, text in zip(recordings.waveforms, recordings.texts, strict=True):
            items = spoken_items(text)
            unknown = [item for item in items if item not in PAUSES and item not in known]
            if unknown:
                raise ValueError(f"{recordings.info.name}: no pronunciation is known of {', '.join(unknown)}")
            said = np.array([numbers[symbol] for symbol in phonemes_of(items, known.__getitem__)], np.int64)
            frames = len(waveform) // config.hop_length
            if len(said) <= frames <= config.max_frames:
                self.waveforms.append(waveform[: frames * config.hop_length])
                self.symbols.append(said)
                self.texts.append(text)
        self.lengths = np.array([len(waveform) for waveform in self.waveforms])

    def __len__(self) -> int:
        return len(self.waveforms)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """symbols int64 (n, p), num_symbols (n,), waveform float32 (n, t), num_frames (n,): zeros after their ends."""
        import torch

        num_symbols = np.array([len(self.symbols[i]) for i in indices], np.int64)
        num_frames = self.lengths[indices] // self.hop_length
        symbols = np.zeros((len(indices), num_symbols.max()), np.int64)
        waveform = np.zeros((len(indices), num_frames.max() * self.hop_length), np.float32)
        for row, index in enumerate(indices):
            symbols[row, : num_symbols[row]] = self.symbols[index]
            waveform[row, : self.lengths[index]] = self.waveforms[index]
        arrays = {"symbols": symbols, "num_symbols": num_symbols, "waveform": waveform, "num_frames": num_frames}
        return {key: torch.from_numpy(array) for key, array in arrays.items()}


def _check_rate(recordings: Recordings, sample_rate: int) -> None:
    if recordings.sample_rate != sample_rate:
        raise ValueError(
            f"{recordings.info.name} has {recordings.sample_rate} samples a second, and the model {sample_rate}"
        )
