"""Drum one-shots: Parquet of FLAC -> waveforms of one length that begin with the hit, at one peak, faded at their ends.

Each sound of the set has its kit's own licence. Read are those under LICENCES, which let what is learnt from them go
on under a Creative Commons licence; the kits under the GPL are neither learnt from nor tested on. That leaves about two
hundred sounds, so training hears each a little otherwise every epoch: faster or slower, darker or brighter, damped,
turned over. Left out are the classes of LEFT_OUT, of which six sounds remain, and rolls, which are no single hits.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.data.audio import PEAK, Waveforms
from zoo.data.source import Info, Table, read
from zoo.noise import Noise, permutation

logger = logging.getLogger(__name__)
LICENCES = {
    "CC0-1.0": "cc0-1.0",
    "CC-BY-3.0": "cc-by-3.0",
    "CC-BY-SA-3.0-US": "cc-by-sa-3.0",
    "CC-BY-SA-3.0": "cc-by-sa-3.0",
}
"""Licences of the rows that are used, in the set's words and in a card's; a later one asks more."""
LEFT_OUT = ("rim", "clap")
HELD_OUT = 10
"""One in so many sounds of a class is for validation, and as many are for the test; at least one each."""
FADED = 8
"""A sound is faded over the last one in so many of its samples."""
MAX_SEMITONES = 4.0
"""How much lower or higher, and so slower or faster, training hears a sound, at most."""
MAX_TILT = 2.5
"""Decibels an octave by which training hears it darker or brighter, at most."""
MAX_DAMPING = 4.0
"""Nepers over the whole length by which every other sound dies away sooner in training, at most."""
_STEP = 64
"""Lengths are changed by so many samples: multiples of it have quick Fourier transforms."""
_AUGMENTATION = 29


class OneShots:
    """One split of short sounds of `length` samples: waveforms float32 (n, length) in [-1, 1], targets int64 (n,)."""

    lengths = None

    def __init__(
        self, info: Info, fingerprint: str, labels: tuple[str, ...], sounds: Sequence[np.ndarray], targets: np.ndarray,
        sample_rate: int, length: int, *, training: bool,
    ) -> None:  # fmt: skip
        self.info, self.fingerprint, self.labels, self.targets = info, fingerprint, labels, targets
        self.sample_rate, self.length, self.training = sample_rate, length, training
        self.waveforms = np.stack([one_shot(sound, length) for sound in sounds])
        self._sizes = [min(len(sound), length) for sound in sounds]
        self._spectra = [np.fft.rfft(sound[:length], length) for sound in sounds] if training else []

    def __len__(self) -> int:
        return len(self.waveforms)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """waveform float32 (n, length), length and label int64 (n,); in training changed, another way each `epoch`."""
        import torch

        waveforms = self.waveforms[indices]
        if self.training:
            waveforms = np.stack([self.changed(int(index), epoch) for index in indices])
        return {
            "waveform": torch.from_numpy(waveforms),
            "length": torch.full((len(indices),), self.length),
            "label": torch.from_numpy(self.targets[indices]),
        }

    def changed(self, index: int, epoch: int) -> np.ndarray:
        """Sound `index` of a training split as `epoch` hears it, float32 (length,): a function of the two alone."""
        speed, tilt, damping, sign = Noise(_AUGMENTATION, (epoch << 32) | index).uniform_array(4).tolist()
        ratio = 2.0 ** ((2 * speed - 1) * MAX_SEMITONES / 12)
        size = max(_STEP, round(self.length * ratio / _STEP) * _STEP)
        octaves = np.log2(np.fft.rfftfreq(self.length, 1 / self.sample_rate).clip(100.0) / 1000.0)
        spectrum = self._spectra[index] * 10.0 ** ((2 * tilt - 1) * MAX_TILT / 20 * octaves)
        slower = np.fft.irfft(spectrum, size) * (size / self.length)  # what lies above the new range is cut off
        slower = slower[: -(-self._sizes[index] * size // self.length)]
        slower *= np.exp(np.arange(len(slower)) * (-MAX_DAMPING * max(0.0, 2 * damping - 1) / self.length))
        return one_shot(slower if sign < 0.5 else -slower, self.length)


def one_shot(sound: np.ndarray, length: int) -> np.ndarray:
    """A sound (t,) cut to `length`, faded at its end, brought to PEAK, and silence behind it: float32 (length,)."""
    sound = sound[:length].astype(np.float32)
    size = len(sound) // FADED
    if size:
        sound[-size:] *= np.cos(np.linspace(0, np.pi / 2, size, dtype=np.float32)) ** 2
    sound *= PEAK / max(float(np.abs(sound).max(initial=0.0)), 1e-4)
    return np.pad(sound, (0, length - len(sound)))


def drum_sounds(
    name: str, split: str, *, sample: bool = False, length: int = 16384, skip: bool = False
) -> OneShots:  # fmt: skip
    """Open one split of the drums, in sounds of `length` samples; with `skip` damaged ones are left out by name.

    `info.licence` is that of the rows in use which asks most. Raises ValueError for a damaged sound, and as
    `zoo.data.source.read` does.
    """
    table = read(name, "train", sample=sample)
    test = read(name, "test", sample=sample)
    labels = tuple(label for label in table.labels["label"] if label not in LEFT_OUT)
    number = {table.labels["label"].index(label): target for target, label in enumerate(labels)}
    rows, tested = _usable(table), _usable(test)
    targets = np.array([number[table.columns["label"][row]] for row in rows])
    drums = [f"{table.columns['kit'][row]} {table.columns['instrument'][row]}" for row in rows]
    known = np.bincount([number[test.columns["label"][row]] for row in tested], minlength=len(labels))
    folds = _folds(drums, targets, known)
    fold = {"train": 0, "validation": 1, "test": 2}[split]
    chosen = [(table, row) for row, own in zip(rows, folds, strict=True) if own == fold]
    chosen += [(test, row) for row in tested] if split == "test" else []
    sounds, used, rate = [], [], 0
    for source, row in chosen:
        found = _decoded(source, row, f"{name}/{split}", skip=skip)
        if found is not None:
            sound, rate = found
            sounds.append(sound)
            used.append((source, row))
    order = list(LICENCES)
    asks_most = max((source.columns["license"][row] for source, row in used), key=order.index)
    return OneShots(
        replace(table.info, licence=LICENCES[asks_most]), (test if split == "test" else table).fingerprint, labels,
        sounds, np.array([number[source.columns["label"][row]] for source, row in used], np.int64), rate, length,
        training=split == "train",
    )  # fmt: skip


def own_sounds(words: Waveforms, config: Any, split: str) -> OneShots:
    """One split of one's own sounds, in the length of a model's config."""
    return OneShots(
        words.info, words.fingerprint, words.labels, words.waveforms, words.digits, words.sample_rate, config.length,
        training=split == "train",
    )  # fmt: skip


def _usable(table: Table) -> list[int]:
    """Rows under LICENCES that are single hits of the classes that are used."""
    names, columns = table.labels["label"], table.columns
    return [
        row
        for row, (licence, label, instrument) in enumerate(
            zip(columns["license"], columns["label"], columns["instrument"], strict=True)
        )
        if licence in LICENCES and names[label] not in LEFT_OUT and "roll" not in instrument.lower()
    ]


def _folds(drums: list[str], targets: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """What each row of the training file is for: 0 to learn from, 1 for validation, 2 for the test; int64 (n,).

    The sounds of a drum, which are its louder and softer hits, stay together. `tested` says how many of each class the
    test file has: only what is missing there is taken from the training file.
    """
    folds = np.zeros(len(drums), np.int64)
    for target in np.unique(targets):
        rows = np.flatnonzero(targets == target)
        wanted = max(1, round(len(rows) / HELD_OUT))
        room = {1: wanted, 2: max(0, wanted - int(tested[target]))}
        names = sorted({drums[row] for row in rows})
        for place in permutation(0, int(target), len(names)):
            own = [row for row in rows if drums[row] == names[place]]
            fold = next((fold for fold, left in room.items() if len(own) <= left), 0)
            if fold:
                folds[own] = fold
                room[fold] -= len(own)
    return folds


def _decoded(table: Table, row: int, where: str, *, skip: bool) -> tuple[np.ndarray, int] | None:
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(table.columns["audio"][row]["bytes"]), dtype="float32")
    except (soundfile.LibsndfileError, TypeError) as error:
        said = f"sound {row} of {where} cannot be decoded"
        if not skip:
            raise ValueError(f"{said}: {error}") from error
        logger.warning("%s and is left out: %s", said, error)
        return None
    return samples, rate
