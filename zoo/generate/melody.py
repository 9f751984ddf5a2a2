"""A melody as people write it, "C4 D4 E4:2 F#4:0.5 r", or as a MIDI file -> notes and rests in sixteenths."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zoo.data.chorales import QUARTER, RANGES
from zoo.data.media import InputError
from zoo.data.midi import DRUMS, Sounding, read_midi
from zoo.generate.inputs import quoted, words

MAX_LETTERS = 8_000
"""Characters of a melody."""
MAX_BEATS = 16
"""Quarters of one note or rest."""
OCTAVE = 12
REST = -1
_SHARP = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_NOTE = re.compile(r"([A-Ga-g])(##|♯♯|bb|♭♭|[#♯b♭])?([0-8])(?::(.+))?")
_REST = re.compile(r"[rR](?::(.+))?")
_FRACTION = re.compile(r"(\d{1,2})/(\d{1,2})|\d{1,2}(?:\.\d{1,4})?|\.\d{1,4}")


class Tone(NamedTuple):
    """A note, a MIDI number, or REST, and how many sixteenths it lasts."""

    pitch: int
    length: int


@dataclass(frozen=True)
class Melody:
    """Tones one after the other; `upbeat` is how many sixteenths stand before the first whole bar."""

    tones: tuple[Tone, ...]
    upbeat: int = 0

    @property
    def length(self) -> int:
        """Sixteenths in all."""
        return sum(tone.length for tone in self.tones)

    @property
    def pitches(self) -> list[int]:
        """The notes, without rests."""
        return [tone.pitch for tone in self.tones if tone.pitch != REST]


def name_of(pitch: int, *, flats: bool = False) -> str:
    """A MIDI number -> its name, with a sharp, or else a flat, where one is needed: 60 is "C4"."""
    return f"{(_FLAT if flats else _SHARP)[pitch % OCTAVE]}{pitch // OCTAVE - 1}"


def pitch_of(name: str) -> int | None:
    """The MIDI number of a note as people write it, such as C4, f#3 or Bb5; None for what is no note."""
    found = _NOTE.fullmatch(name)
    return _pitch(found) if found and found[4] is None else None


def _pitch(note: re.Match[str]) -> int:
    return OCTAVE * (int(note[3]) + 1) + _SEMITONES[note[1].upper()] + sum(_SIGNS[one] for one in note[2] or "")


def in_flats(pitches: Sequence[int]) -> bool:
    """Whether notes are better named with flats: B and E flat are more than F and C sharp."""
    names = [_FLAT[pitch % OCTAVE] for pitch in pitches]
    return names.count("Bb") + names.count("Eb") > names.count("Gb") + names.count("Db")


def read_melody(text: object) -> Melody:
    """A typed melody: notes and rests ("r") apart by spaces, commas or lines, each with its quarters after a colon (1
    where none stand); a bar line "|" only says, as the first one, where the upbeat ends.

    Raises InputError for what is none of them, for a length that is no multiple of a sixteenth, and for no note at all.
    """
    text = words("the melody", text, longest=MAX_LETTERS)
    tones: list[Tone] = []
    upbeat: int | None = None
    for word in re.sub(r"[,;，；]", " ", text.replace("|", " | ")).replace("：", ":").split():
        if word == "|":
            upbeat = sum(tone.length for tone in tones) if upbeat is None else upbeat
        elif found := _NOTE.fullmatch(word):
            tones.append(Tone(_pitch(found), _sixteenths(word, found[4])))
        elif found := _REST.fullmatch(word):
            tones.append(Tone(REST, _sixteenths(word, found[1])))
        else:
            raise InputError(
                f"{quoted(word)} is no note; write such as C4, F#4, Bb4:2 (two quarters) or r (a rest), apart by spaces"
            )
    melody = Melody(tuple(tones), (upbeat or 0) % (4 * QUARTER))
    if not melody.pitches:
        raise InputError("there is no note; write a melody such as C4 D4 E4 F4 G4:2 G4:2")
    return melody


def _sixteenths(word: str, length: str | None) -> int:
    """How long a tone is, by what stands after the colon: "0.5", "1/2", "2"."""
    found = _FRACTION.fullmatch(length or "1")
    if found is None or found[2] == "0":
        raise InputError(f"the length of {quoted(word)} is no number of quarters; write such as :2, :0.5 or :1/4")
    value = QUARTER * (int(found[1]) / int(found[2]) if found[1] else float(found[0]))
    if not value.is_integer() or not 1 <= value <= MAX_BEATS * QUARTER:
        raise InputError(
            f"the length of {quoted(word)} is {length} quarters; allowed are multiples of 0.25 (a sixteenth), up to "
            f"{MAX_BEATS}"
        )
    return int(value)


def written(melody: Melody) -> str:
    """The melody as it can be typed."""
    found, at = [], 0
    for tone in melody.tones:
        name = "r" if tone.pitch == REST else name_of(tone.pitch)
        found.append(name if tone.length == QUARTER else f"{name}:{tone.length / QUARTER:g}")
        at += tone.length
        if at == melody.upbeat:
            found.append("|")
    return " ".join(found)


def melody_of_midi(path: str | os.PathLike[str]) -> str:
    """The one melody of a MIDI file, to the nearest sixteenth, as it can be typed. Silence before it goes; where it
    does not begin with a bar, the first whole bar is marked.

    Drums are left out. Raises InputError for a file that cannot be read, for none and for several notes at once.
    """
    ticks, sounding = read_midi(path)
    keys = [one for one in sounding if one.channel != DRUMS]
    if not keys:
        raise InputError("the MIDI file holds no notes" + (" but drums" if sounding else ""))
    first = round(keys[0].start * QUARTER / ticks)
    tones: list[Tone] = []
    now = 0
    for i, key in enumerate(keys):
        start, end = (round(at * QUARTER / ticks) - first for at in (key.start, key.end))
        following = keys[i + 1] if i + 1 < len(keys) else None
        if following is not None:
            soon = round(following.start * QUARTER / ticks) - first
            if soon <= start or soon < end - 1:
                _refuse_chord(key, following, max(start, soon))
            end = min(end, soon)  # one that is held a little into the next
        if start > now:
            tones.append(Tone(REST, start - now))
        tones.append(Tone(key.pitch, max(1, end - start)))
        now = start + tones[-1].length
    return written(Melody(tuple(_within(tones)), -first % (4 * QUARTER)))


def _within(tones: Sequence[Tone]) -> list[Tone]:
    """Tones longer than may be typed, in pieces."""
    longest = MAX_BEATS * QUARTER
    return [
        Tone(tone.pitch, min(longest, tone.length - start))
        for tone in tones
        for start in range(0, tone.length, longest)
    ]


def _refuse_chord(one: Sounding, other: Sounding, at: int) -> None:
    low, high = sorted((one.pitch, other.pitch))
    raise InputError(
        f"the MIDI file has several notes at once ({name_of(low)} and {name_of(high)}, beat {at // QUARTER + 1}); a "
        "melody is one line: keep the upper voice alone"
    )


def fitted(melody: Melody) -> tuple[Melody, int]:
    """The melody where a soprano sings, and by how many semitones it was moved: by octaves if that will do, else by as
    few semitones as possible.

    Raises InputError when its notes are too far apart for one voice.
    """
    lowest, highest = RANGES[0]
    low, high = min(melody.pitches), max(melody.pitches)
    if high - low > highest - lowest:
        raise InputError(
            f"the melody goes from {name_of(low)} to {name_of(high)}, {high - low} semitones; a soprano has "
            f"{highest - lowest}, from {name_of(lowest)} to {name_of(highest)}"
        )
    moves = range(lowest - low, highest - high + 1)
    shift = min(moves, key=lambda move: (move % OCTAVE != 0, abs(move)))
    tones = tuple(tone if tone.pitch == REST else Tone(tone.pitch + shift, tone.length) for tone in melody.tones)
    return Melody(tones, melody.upbeat), shift
