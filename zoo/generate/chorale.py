"""A melody -> the same in four voices, or no melody -> a chorale: as notes, as a picture and as a sound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.chorales import QUARTER, Note, notes_of, pitches_of, tokens_of
from zoo.entry import MUSIC_GENERATION
from zoo.generate import library
from zoo.generate.inputs import InputError, number, seed_of, whole
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.melody import REST, Melody, fitted, read_melody
from zoo.generate.organ import RATE, sounded
from zoo.generate.piano_roll import drawn
from zoo.runtime import pause

MIN_BARS, MAX_BARS = 2, 32
"""Bars of four quarters that are composed at once."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 2.0
MIN_TEMPO, MAX_TEMPO = 30.0, 200.0
"""Quarters a minute."""
PROGRESS_PAUSE = 0.05
"""Seconds at least between two reports of progress; in a rush `zoo.runtime.pause` makes them more."""
_BAR = 4 * QUARTER


@dataclass(frozen=True)
class Chorale:
    """Notes of four voices, `length` sixteenths in all and `upbeat` of them before the first bar; `tempo` in quarters a
    minute; the notes as a picture and as a waveform float32 (t,) in [-1, 1] at `sample_rate`.

    `moved` is by how many semitones a given melody was moved to where a soprano sings.
    """

    notes: tuple[Note, ...]
    length: int
    upbeat: int
    tempo: float
    roll: Image.Image
    waveform: np.ndarray
    sample_rate: int
    moved: int
    source: Source


def compose(
    model: str = "music_transformer.chorales",
    bars: int = 8,
    *,
    temperature: float = 1.0,
    top_p: float = 0.95,
    tempo: float = 80.0,
    seed: int = 0,
) -> Iterator[float | Chorale]:
    """Compose a chorale of 2 to 32 `bars` of four quarters, ending with the last one.

    Yields the share that is done (0 to 1), at most every 50 ms, and the Chorale at the end. `temperature` 0.1 to 2,
    `top_p` above 0 to 1, `tempo` 30 to 200 quarters a minute. Raises InputError before anything is loaded.
    """
    bars = whole("the number of bars", bars, MIN_BARS, MAX_BARS)
    options, tempo, seed = _drawing(temperature, top_p), number("the tempo", tempo, MIN_TEMPO, MAX_TEMPO), seed_of(seed)
    grid = _grid(model, bars * _BAR)
    found = library.get(model, MUSIC_GENERATION)
    source = source_of(found, model, "chorale.compose", {"bars": bars, **options, "tempo": tempo}, seed=seed)
    return _written(found, source, None, bars * _BAR // grid, 0, 0, tempo, options, seed)


def harmonise(
    model: str = "music_transformer.chorales",
    melody: str = "",
    *,
    temperature: float = 1.0,
    top_p: float = 0.95,
    tempo: float = 80.0,
    seed: int = 0,
) -> Iterator[float | Chorale]:
    """Set alto, tenor and bass under a melody such as "G4 | C5 D5 E5:2", which the soprano sings as it is.

    `zoo.generate.melody.read_melody` says how a melody is written. One that lies too high or too low is moved, by
    octaves if that will do. Otherwise as `compose`. Raises InputError as well for a melody that has no note, spans more
    than a voice can, is too long for the model, or does not keep to its grid of quarters, if it has one.
    """
    read = read_melody(melody)
    options, tempo, seed = _drawing(temperature, top_p), number("the tempo", tempo, MIN_TEMPO, MAX_TEMPO), seed_of(seed)
    sung, moved = fitted(read)
    grid = _grid(model, sung.length)
    if any(tone.length % grid for tone in sung.tones):
        raise InputError(f"{model} goes by whole quarters; this melody has shorter notes: choose another model")
    found = library.get(model, MUSIC_GENERATION)
    parameters = {"melody": " ".join(str(melody).split()), **options, "tempo": tempo}
    source = source_of(found, model, "chorale.harmonise", parameters, seed=seed)
    return _written(found, source, sung, sung.length // grid, sung.upbeat, moved, tempo, options, seed)


def _drawing(temperature: object, top_p: object) -> dict[str, float]:
    found = {
        "temperature": number("the temperature", temperature, MIN_TEMPERATURE, MAX_TEMPERATURE),
        "top_p": number("top-p", top_p, 0.0, 1.0),
    }
    if found["top_p"] == 0.0:
        raise InputError("top-p is 0; allowed are numbers above 0, up to 1")
    return found


def _grid(model: str, length: int) -> int:
    """Sixteenths of a frame of the model, which must have room for `length` of them. Loads nothing."""
    values = library.config_of(model, MUSIC_GENERATION).get("config")
    grid, frames = (values.get(key) if isinstance(values, dict) else None for key in ("grid", "context_length"))
    if grid not in (1, QUARTER) or type(frames) is not int:
        raise InputError(f"{model} cannot be used: its config.json is damaged")
    if length > frames * grid:
        raise InputError(
            f"{length / QUARTER:g} quarters are too long; {model} writes at most {frames * grid // QUARTER}"
        )
    return int(grid)


def _written(
    found: Loaded, source: Source, melody: Melody | None, frames: int, upbeat: int, moved: int, tempo: float,
    options: dict[str, Any], seed: int,
) -> Iterator[float | Chorale]:  # fmt: skip
    from zoo.generate.counterpoint import writing

    grid, shown = int(found.network.config.grid), time.monotonic()
    yield 0.0
    steps = writing(found.network, _line(melody, grid), np.array([frames]), seed=seed, **options)
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            tokens: np.ndarray = end.value[0]
            break
        if time.monotonic() - shown >= pause(PROGRESS_PAUSE):
            shown = time.monotonic()
            yield share
    notes = notes_of(pitches_of(tokens), grid)
    if melody is not None:  # its own notes, of which some may be struck again
        notes = sorted(
            [*_soprano(melody), *(note for note in notes if note.voice)], key=lambda note: (note.start, note)
        )
    length, waveform = frames * grid, sounded(notes, tempo)
    roll = drawn(notes, length, upbeat=upbeat)
    yield Chorale(tuple(notes), length, upbeat, tempo, roll, waveform, RATE, moved, source)


def _line(melody: Melody | None, grid: int) -> np.ndarray | None:
    """A melody as tokens int64 (1, frames)."""
    if melody is None:
        return None
    return np.repeat(
        tokens_of(np.array([tone.pitch for tone in melody.tones])), [t.length // grid for t in melody.tones]
    )[None]


def _soprano(melody: Melody) -> Iterator[Note]:
    at = 0
    for tone in melody.tones:
        if tone.pitch != REST:
            yield Note(0, at, tone.length, tone.pitch)
        at += tone.length
