"""Standard MIDI files: written a track a voice, and read from strangers, with every length looked at before it is used.

"Standard MIDI Files 1.0" (MIDI Manufacturers Association, 1988). Only notes are read: which key sounds, from when on,
to when.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from zoo.data.chorales import QUARTER, VOICES, Note
from zoo.data.media import MediaError

TICKS = 480
"""Of a quarter, in files that are written here."""
MAX_BYTES = 1 << 20
"""Of a file that is read."""
MAX_NOTES = 20_000
PROGRAM = 19
"""General MIDI's church organ, counted from 0."""
VELOCITY = 80
DRUMS = 9
"""The channel, counted from 0, whose keys are drums in General MIDI."""
_TEXT, _COPYRIGHT, _NAME, _END, _TEMPO, _METRE = 0x01, 0x02, 0x03, 0x2F, 0x51, 0x58
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
"""Of a message for a channel, by its upper half."""
_CUT = "the MIDI file is damaged or cut short"


class Sounding(NamedTuple):
    """A key from its tick to another one; `channel` is counted from 0."""

    track: int
    start: int
    end: int
    pitch: int
    channel: int


def write_midi(notes: Sequence[Note], tempo: float, *, words: str = "", copyright_words: str = "") -> bytes:
    """Notes -> a file of format 1: a track with the tempo, in quarters a minute, the words and a metre of four
    quarters, and one for each voice, in the order of VOICES."""
    ahead = [
        _meta(_TEXT, words.encode("ascii", "replace")) if words else b"",
        _meta(_COPYRIGHT, copyright_words.encode("ascii", "replace")) if copyright_words else b"",
        _meta(_METRE, bytes((4, 2, 24, 8))), _meta(_TEMPO, round(60_000_000 / tempo).to_bytes(3, "big")),
    ]  # fmt: skip
    tracks = [_track(b"".join(b"\0" + event for event in ahead if event))]
    for voice, name in enumerate(VOICES):
        events = []
        for note in notes:
            if note.voice == voice:
                start, end = (at * TICKS // QUARTER for at in (note.start, note.start + note.length))
                # what ends comes before what begins: a note that is struck again would else be cut off
                events += [(end, 0, bytes((0x80 | voice, note.pitch, 0)))]
                events += [(start, 1, bytes((0x90 | voice, note.pitch, VELOCITY)))]
        body = b"\0" + _meta(_NAME, name.capitalize().encode()) + bytes((0, 0xC0 | voice, PROGRAM))
        now = 0
        for at, _, event in sorted(events):
            body, now = body + _length(at - now) + event, at
        tracks.append(_track(body))
    return b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS) + b"".join(tracks)


def _meta(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + _length(len(body)) + body


def _track(body: bytes) -> bytes:
    body += b"\0" + _meta(_END, b"")
    return b"MTrk" + struct.pack(">I", len(body)) + body


def _length(value: int) -> bytes:
    """A number in bytes of seven bits, the first ones with the eighth bit set."""
    found = [value & 127]
    while value := value >> 7:
        found.append(value & 127 | 128)
    return bytes(reversed(found))


def read_midi(path: str | os.PathLike[str]) -> tuple[int, list[Sounding]]:
    """Ticks of a quarter, and what sounds, in order of time. Raises MediaError: what was found, and what is allowed."""
    try:
        with open(Path(path), "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise MediaError("the file cannot be opened") from error
    if len(data) > MAX_BYTES:
        raise MediaError(f"the MIDI file is larger than {MAX_BYTES / 1e6:.1f} MB")
    return decode_midi(data)


def decode_midi(data: bytes) -> tuple[int, list[Sounding]]:
    """The same of a file's bytes."""
    if data[:4] != b"MThd":
        raise MediaError("the file is no MIDI file (.mid)")
    try:
        size, form, tracks, ticks = struct.unpack(">IHHH", data[4:14])
    except struct.error as error:
        raise MediaError(_CUT) from error
    if form > 1:
        raise MediaError(f"the MIDI file is of format {form}; 0 and 1 are read")
    if ticks & 0x8000 or not ticks:
        raise MediaError("the MIDI file counts time in frames of film, not in parts of a quarter note")
    found: list[Sounding] = []
    at, track = 8 + size, 0
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if at + 8 + length > len(data):
            raise MediaError(_CUT)
        if name == b"MTrk":  # others are to be passed over
            found += _Track(data[at + 8 : at + 8 + length], track).read()
            track += 1
        if len(found) > MAX_NOTES:
            raise MediaError(f"the MIDI file has more than {MAX_NOTES:,} notes")
        at += 8 + length
    if track < tracks:
        raise MediaError(_CUT)
    return ticks, sorted(found, key=lambda one: (one.start, one.pitch, one.end))


class _Track:
    """One track's bytes, and how far they are read."""

    def __init__(self, data: bytes, number: int) -> None:
        self.data, self.number, self.at = data, number, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise MediaError(_CUT)
        self.at += count
        return self.data[self.at - count : self.at]

    def value(self) -> int:
        """A number in bytes of seven bits, four of them at most."""
        found = 0
        for _ in range(4):
            (byte,) = self.take(1)
            found = found << 7 | byte & 127
            if byte < 128:
                return found
        raise MediaError(_CUT)

    def read(self) -> list[Sounding]:
        """What sounds. A key that is struck while it sounds begins anew; one that never ends, ends with the track."""
        found: list[Sounding] = []
        sounding: dict[tuple[int, int], int] = {}
        now = status = 0

        def end(channel: int, pitch: int) -> None:
            start = sounding.pop((channel, pitch), None)
            if start is not None and now > start:
                found.append(Sounding(self.number, start, now, pitch, channel))

        while self.at < len(self.data):
            now += self.value()
            (byte,) = self.take(1)
            if byte == 0xFF:
                (kind,) = self.take(1)
                self.take(self.value())
                if kind == _END:
                    break
            elif byte in (0xF0, 0xF7):
                self.take(self.value())
            elif byte >= 0xF0:
                raise MediaError(_CUT)
            else:
                if byte < 0x80:  # the status of the message before holds on
                    self.at -= 1
                else:
                    status = byte
                if not status:
                    raise MediaError(_CUT)
                body = self.take(_DATA_BYTES[status >> 4])
                if max(body) > 127:
                    raise MediaError(_CUT)
                if status >> 4 in (0x8, 0x9):
                    end(status & 15, body[0])
                    if status >> 4 == 0x9 and body[1]:
                        sounding[status & 15, body[0]] = now
        for channel, pitch in tuple(sounding):
            end(channel, pitch)
        return found
