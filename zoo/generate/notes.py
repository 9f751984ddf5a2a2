"""The name of a note and an instrument -> the note, heard while it is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.entry import NOTE_GENERATION
from zoo.generate import library
from zoo.generate.audio import MAX_TEMPERATURE, MIN_TEMPERATURE, Piece, Sound, joined, shares
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, words
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.melody import name_of, pitch_of

SECONDS = 1.0
"""How long a note lasts: as long as those that were learnt, held for four fifths of it."""


def instruments(model: str) -> list[str]:
    """What a checkpoint of notes plays them on. Loads nothing. Raises InputError."""
    count, labels = library.whole_of(model, "num_instruments", NOTE_GENERATION, 16), library.labels_of(model)
    return [labels[i] if i < len(labels) else f"instrument {i + 1}" for i in range(count)]


def notes(model: str) -> list[str]:
    """The notes that a checkpoint plays, from the lowest up: C2, C#2 and so on. Loads nothing. Raises InputError."""
    lowest = library.whole_of(model, "lowest_pitch", NOTE_GENERATION, 36)
    count = library.whole_of(model, "num_pitches", NOTE_GENERATION)
    return [name_of(pitch) for pitch in range(lowest, lowest + count)]


def play_note(
    model: str = "wavenet.notes",
    note: str = "C4",
    instrument: str = "acoustic_grand_piano",
    *,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[float | Sound]:
    """Play one note, such as C4, F#3 or Bb5, for a second.

    Yields the share that is done (0 to 1), at most every 50 ms, and the Sound at the end. `temperature` 0.1 to 2.
    Raises InputError before anything is loaded.
    """
    return shares(playing(model, note, instrument, temperature=temperature, seed=seed))


def playing(
    model: str = "wavenet.notes",
    note: str = "C4",
    instrument: str = "acoustic_grand_piano",
    *,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[Piece | Sound]:
    """As `play_note`, to be heard while it is made: yields Pieces, which one after the other are the Sound at the end.
    """
    known = notes(model)
    pitch = pitch_of(words("the note", note, longest=16).strip())
    if pitch is None:
        raise InputError(f"the note is {quoted(note)}; write a letter, # or b if need be, and an octave: C4 or F#3")
    name = name_of(pitch)
    if name not in known:
        raise InputError(f"{model} does not play {name}; it plays from {known[0]} to {known[-1]}")
    players = instruments(model)
    played = one_of("the instrument", instrument, players)
    temperature = number("the temperature", temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
    seed = seed_of(seed)
    found = library.get(model, NOTE_GENERATION)
    parameters: dict[str, Any] = {"note": name, "instrument": played, "temperature": temperature}
    source = source_of(found, model, "notes.play_note", parameters, seed=seed)
    return _play(found, source, known.index(name), players.index(played), temperature, seed)


def _play(
    found: Loaded, source: Source, pitch: int, instrument: int, temperature: float, seed: int
) -> Iterator[Piece | Sound]:
    from zoo.generate.digits import playing as drawn

    rate = int(found.network.config.sample_rate)
    yield Piece(np.zeros(0, np.float32), rate, 0.0)
    who = np.array([pitch]), np.array([instrument])
    yield from joined(*drawn(found.network, *who, seconds=SECONDS, seed=seed, temperature=temperature), rate, source)
