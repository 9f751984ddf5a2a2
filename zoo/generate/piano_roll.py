"""Notes as a picture: time to the right, pitch upwards, a colour a voice, four bars a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from PIL import Image, ImageDraw, ImageFont

from zoo.data.chorales import QUARTER, VOICES, Note
from zoo.generate.melody import OCTAVE, in_flats, name_of

COLOURS = ("#b0402d", "#c28a1c", "#2f7a62", "#33588c")
"""Of the voices, soprano first."""
BARS = 4
"""Of a line."""
_BAR = 4 * QUARTER
_STEP, _ROW = 12, 10
"""Pixels of a sixteenth, and of a semitone."""
_LEFT, _TOP, _FOOT, _HEAD = 52, 8, 26, 34
"""Pixels left of a line for the names of notes, above it, below it for the numbers of bars, and for the legend."""
_PAPER, _BLACK, _BEAT, _LINE, _INK = "#fffefb", "#f3f0e7", "#e7e2d6", "#a9a28f", "#5f5a4c"
_BLACK_KEYS = (1, 3, 6, 8, 10)


def drawn(notes: Sequence[Note], length: int, *, upbeat: int = 0) -> Image.Image:
    """Notes of a piece of `length` sixteenths, `upbeat` of them before the first bar -> a picture, 832 pixels wide or
    less."""
    pitches = [note.pitch for note in notes] or [60]
    low, high = min(pitches) - 1, max(pitches) + 1
    begin = upbeat - _BAR if upbeat else 0  # of the first line
    lines = -(-(length - begin) // (BARS * _BAR))
    steps = min(BARS * _BAR, -(-(length - begin) // _BAR) * _BAR)
    height = (high - low + 1) * _ROW
    each = _TOP + height + _FOOT
    picture = Image.new("RGB", (_LEFT + steps * _STEP + 12, _HEAD + lines * each), _PAPER)
    pen, font, flats = ImageDraw.Draw(picture), ImageFont.load_default(11), in_flats(pitches)
    _legend(pen)
    unisons = list(_unisons(notes))
    for line in range(lines):
        first, top = begin + line * BARS * _BAR, _HEAD + line * each + _TOP
        _paper(pen, font, (low, high), top, steps, 1 + line * BARS - bool(upbeat))
        for note in sorted(notes, key=lambda note: -note.voice):
            start, end = max(note.start, first), min(note.start + note.length, first + steps)
            if start < end:
                name = name_of(note.pitch, flats=flats) if note.start >= first else ""
                _note(pen, font, note.voice, start - first, end - first, top + (high - note.pitch) * _ROW, name)
        for voice, pitch, start, end in unisons:
            start, end = max(start, first) - first, min(end, first + steps) - first
            if start < end:
                _half(pen, voice, start, end, top + (high - pitch) * _ROW)
    return picture


def _legend(pen: ImageDraw.ImageDraw) -> None:
    font, x = ImageFont.load_default(15), _LEFT
    for name, colour in zip(VOICES, COLOURS, strict=True):
        pen.rounded_rectangle((x, 11, x + 22, 23), 4, fill=colour)
        pen.text((x + 30, 17), name, fill=_INK, font=font, anchor="lm")
        x += 30 + round(font.getlength(name)) + 26


def _paper(
    pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, pitches: tuple[int, int], top: int,
    steps: int, number: int,
) -> None:  # fmt: skip
    """Rows of keys with their names, lines of beats and bars, and the number of each bar, from `number` on."""
    low, high = pitches
    right, bottom = _LEFT + steps * _STEP, top + (high - low + 1) * _ROW
    for pitch in range(low, high + 1):
        y = top + (high - pitch) * _ROW
        if pitch % OCTAVE in _BLACK_KEYS:
            pen.rectangle((_LEFT, y, right, y + _ROW - 1), fill=_BLACK)
        if pitch % OCTAVE == 0:
            pen.line((_LEFT, y + _ROW, right, y + _ROW), fill=_BEAT)
        if pitch % OCTAVE in (0, 4, 7):
            pen.text((_LEFT - 8, y + _ROW // 2), name_of(pitch), fill=_INK, font=font, anchor="rm")
    for step in range(0, steps + 1, QUARTER):
        x, bar = _LEFT + step * _STEP, step % _BAR == 0
        pen.line((x, top, x, bottom), fill=_LINE if bar else _BEAT, width=1)
        if bar and step < steps and number + step // _BAR > 0:
            pen.text((x + 3, bottom + 5), str(number + step // _BAR), fill=_INK, font=font)
    pen.line((_LEFT, bottom, right, bottom), fill=_LINE)


def _unisons(notes: Sequence[Note]) -> Iterator[tuple[int, int, int, int]]:
    """Where a voice sings what a higher one sings: the lower of the two, the pitch, and the steps from and to."""
    for pitch in sorted({note.pitch for note in notes}):
        alike = [note for note in notes if note.pitch == pitch]
        for low, high in permutations(alike, 2):
            start, end = max(low.start, high.start), min(low.start + low.length, high.start + high.length)
            if high.voice < low.voice and start < end:
                yield low.voice, pitch, start, end


def _note(
    pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, voice: int, start: int, end: int,
    y: int, name: str,
) -> None:  # fmt: skip
    """One note with its name, where there is room."""
    left, right = _LEFT + start * _STEP, _LEFT + end * _STEP - 2
    pen.rounded_rectangle((left + 1, y, right, y + _ROW - 1), 3, fill=COLOURS[voice])
    if right - left >= font.getlength(name) + 6:
        pen.text((left + 5, y + _ROW // 2), name, fill="#ffffff", font=font, anchor="lm")


def _half(pen: ImageDraw.ImageDraw, voice: int, start: int, end: int, y: int) -> None:
    """The lower half of a row, for the lower of two voices on one note."""
    bounds = (_LEFT + start * _STEP + 1, y + _ROW // 2 + 1, _LEFT + end * _STEP - 2, y + _ROW - 1)
    pen.rounded_rectangle(bounds, 2, fill=COLOURS[voice])
