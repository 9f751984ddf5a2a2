"""Single notes of instruments: Parquet of FLAC -> float32 waveforms in [-1, 1] of one length, at one peak.

The set has no validation split: one pair in ten of instrument and pitch is held out of the training file, with both of
its velocities, as the set itself holds out its test pairs.
"""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np

from zoo.data.audio import PEAK
from zoo.data.source import Info, read, split_of

logger = logging.getLogger(__name__)
HELD_OUT = 80
"""Pairs of instrument and pitch for validation, at most a tenth of those of the training file."""


class Notes:
    """One split of notes: waveforms float32 (n, t) in [-1, 1], pitches (counted from `lowest_pitch`) and instruments
    int64 (n,), numbered as `labels` are."""

    lengths = None

    def __init__(
        self, info: Info, fingerprint: str, labels: tuple[str, ...], waveforms: np.ndarray, pitches: np.ndarray,
        instruments: np.ndarray, sample_rate: int, lowest_pitch: int, frame_size: int,
    ) -> None:  # fmt: skip
        self.info, self.fingerprint, self.labels = info, fingerprint, labels
        self.pitches, self.instruments = pitches - lowest_pitch, instruments
        self.sample_rate, self.lowest_pitch, self.frame_size = sample_rate, lowest_pitch, frame_size
        whole = waveforms.shape[1] // frame_size * frame_size
        self.waveforms = waveforms[:, :whole]

    def __len__(self) -> int:
        return len(self.waveforms)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """waveform (n, t), length, label = instrument, pitch int64 (n,), duration float32 (n,) s."""
        import torch

        waveform = torch.from_numpy(self.waveforms[indices])
        instrument = torch.from_numpy(self.instruments[indices])
        length = torch.full((len(indices),), waveform.shape[1])
        return {
            "waveform": waveform,
            "length": length,
            "label": instrument,
            "instrument": instrument,
            "pitch": torch.from_numpy(self.pitches[indices]),
            "duration": length.float() / self.sample_rate,
        }


def instrument_notes(name: str, split: str, config: Any, *, sample: bool = False, skip: bool = False) -> Notes:
    """Open one split of the notes that a model with this config plays; with `skip` damaged ones are left out by name.

    Raises ValueError for a damaged note, for notes of another sample rate than the config's, where none lies between
    its lowest and highest pitch, and as `zoo.data.source.read` does.
    """
    import soundfile

    table = read(name, "test" if split == "test" else "train", sample=sample)
    pitches, instruments = (np.asarray(table.columns[key], np.int64) for key in ("pitch", "instrument"))
    rows = np.arange(len(pitches))
    if split != "test":
        pairs, number = np.unique(np.stack([instruments, pitches], axis=1), axis=0, return_inverse=True)
        rows = np.flatnonzero(np.isin(number.reshape(-1), split_of(len(pairs), split, HELD_OUT)))
    highest = config.lowest_pitch + config.num_pitches - 1
    rows = rows[(pitches[rows] >= config.lowest_pitch) & (pitches[rows] <= highest)]
    rows = rows[instruments[rows] < config.num_instruments]
    if not len(rows):
        raise ValueError(f"{name}/{split} has no note from {config.lowest_pitch} to {highest}; it has others")
    waveforms, kept = [], []
    for row in rows:
        try:
            samples, rate = soundfile.read(io.BytesIO(table.columns["audio"][row]["bytes"]), dtype="float32")
        except (soundfile.LibsndfileError, TypeError) as error:
            said = f"note {row} of {name}/{split} cannot be decoded"
            if not skip:
                raise ValueError(f"{said}: {error}") from error
            logger.warning("%s and is left out: %s", said, error)
            continue
        if rate != config.sample_rate:
            raise ValueError(f"{name} has {rate:,} samples a second; the model's sample_rate is {config.sample_rate:,}")
        waveforms.append(samples * np.float32(PEAK / max(float(np.abs(samples).max()), 1e-4)))
        kept.append(row)
    length = min(map(len, waveforms))
    return Notes(
        table.info, table.fingerprint, table.labels["instrument"][: config.num_instruments],
        np.stack([one[:length] for one in waveforms]), pitches[kept], instruments[kept], config.sample_rate,
        config.lowest_pitch, config.frame_size,
    )  # fmt: skip
