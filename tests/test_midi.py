"""MIDI files, against mido: what is written is read there as it was meant, and what it writes is read here."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.chorales import Note
from zoo.data.media import MediaError
from zoo.data.midi import MAX_BYTES, PROGRAM, TICKS, decode_midi, read_midi, write_midi
from zoo.generate.inputs import InputError
from zoo.generate.melody import melody_of_midi, read_melody
from zoo.generate.provenance import Record, midi

NOTES = [
    Note(0, 0, 4, 67), Note(1, 0, 8, 64), Note(3, 0, 16, 48), Note(0, 4, 4, 67), Note(2, 5, 1, 55), Note(0, 8, 600, 72),
]  # fmt: skip
"""One is struck again at once, one lasts a sixteenth, one longer than two bytes can count in ticks."""


def opened(data: bytes) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(data))


def heard(file: mido.MidiFile) -> list[tuple[int, int, int, int]]:
    """Track, start, end and key of each note as mido tells them."""
    found = []
    for number, track in enumerate(file.tracks):
        now, sounding = 0, {}
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                sounding[message.note] = now
            elif message.type in ("note_on", "note_off"):
                found.append((number, sounding.pop(message.note), now, message.note))
        assert not sounding
    return sorted(found)


def saved(messages: list[Any], *, ticks: int = 96, form: int = 0) -> bytes:
    """A file of mido with these messages in its one track."""
    file = mido.MidiFile(type=form, ticks_per_beat=ticks)
    file.tracks.append(mido.MidiTrack(messages))
    packed = io.BytesIO()
    file.save(file=packed)
    return packed.getvalue()


def tune(keys: list[tuple[int, int]], *, ticks: int = 96, lead: int = 0, channel: int = 0) -> bytes:
    """Keys and their ticks, one after the other, `lead` ticks after the beginning."""
    messages = []
    for i, (key, length) in enumerate(keys):
        at = {"note": key, "channel": channel, "velocity": 70}
        messages += [mido.Message("note_on", time=0 if i else lead, **at), mido.Message("note_off", time=length, **at)]
    return saved(messages, ticks=ticks)


def on(note: int, ticks: int) -> mido.Message:
    return mido.Message("note_on", note=note, time=ticks)


def off(note: int, ticks: int) -> mido.Message:
    return mido.Message("note_off", note=note, time=ticks)


def test_mido_reads_every_note_the_tempo_the_names_and_the_words() -> None:
    file = opened(write_midi(NOTES, 90, words="made by a machine", copyright_words="Apache-2.0"))
    assert file.type == 1 and file.ticks_per_beat == TICKS
    step = TICKS // 4
    assert heard(file) == sorted((n.voice + 1, n.start * step, (n.start + n.length) * step, n.pitch) for n in NOTES)
    first = {message.type: message for message in file.tracks[0]}
    assert mido.tempo2bpm(first["set_tempo"].tempo) == pytest.approx(90, abs=1e-3)
    assert first["text"].text == "made by a machine" and first["copyright"].text == "Apache-2.0"
    assert (first["time_signature"].numerator, first["time_signature"].denominator) == (4, 4)
    assert [track.name for track in file.tracks[1:]] == ["Soprano", "Alto", "Tenor", "Bass"]
    programs = [message for track in file.tracks for message in track if message.type == "program_change"]
    assert [(one.channel, one.program) for one in programs] == [(voice, PROGRAM) for voice in range(4)]
    assert all(track[-1].type == "end_of_track" for track in file.tracks)


def test_what_a_file_says_of_itself_does_not_disturb_a_player() -> None:
    record = Record("chorale.compose", "music_transformer.chorales", seed=7, licence="Apache-2.0")
    file = opened(midi(NOTES, 90, record))
    assert heard(file) == heard(opened(write_midi(NOTES, 90)))
    said = next(message.text for message in file.tracks[0] if message.type == "text")
    assert "Made by a machine" in said and "seed 7" in said


def test_notes_come_back_as_they_were_written() -> None:
    ticks, found = decode_midi(write_midi(NOTES, 90))
    assert ticks == TICKS
    assert [(one.track - 1, one.start // 120, (one.end - one.start) // 120, one.pitch) for one in found] == sorted(
        NOTES, key=lambda note: (note.start, note.pitch)
    )


@settings(max_examples=60, deadline=None)
@given(
    notes=st.lists(
        st.builds(Note, st.integers(0, 3), st.integers(0, 200), st.integers(1, 40), st.integers(21, 108)), max_size=20
    ).filter(
        lambda notes: all(
            a is b or a[::3] != b[::3] or a.start + a.length <= b.start or b.start + b.length <= a.start
            for a in notes for b in notes
        )
    ),
    tempo=st.floats(30, 200),
)  # fmt: skip
def test_any_piece_is_read_by_mido_and_here_alike(notes: list[Note], tempo: float) -> None:
    data = write_midi(notes, tempo)
    _, found = decode_midi(data)
    assert sorted((one.track, one.start, one.end, one.pitch) for one in found) == heard(opened(data))
    assert len(found) == len(notes)


def test_running_status_a_velocity_of_zero_system_messages_and_other_events_are_read() -> None:
    messages = [
        mido.MetaMessage("track_name", name="x"), mido.Message("sysex", data=(1, 2, 3)),
        mido.Message("control_change", control=7, value=90), mido.Message("pitchwheel", pitch=100),
        mido.Message("note_on", note=60, time=10), mido.Message("note_on", note=64, time=5),
        mido.Message("note_on", note=60, velocity=0, time=200), mido.Message("note_off", note=64, time=1),
    ]  # fmt: skip
    data = saved(messages)
    ticks, found = decode_midi(data)
    assert (ticks, [(one.start, one.end, one.pitch) for one in found]) == (96, [(10, 215, 60), (15, 216, 64)])
    shorter = bytes((0x90, 60, 64, 5, 64, 64))  # the second without its status
    body = b"\x0a" + shorter + b"\x60\x3c\x00\x01\x40\x00\x00\xff\x2f\x00"
    running = b"MThd" + bytes.fromhex("00000006000000010060") + b"MTrk" + len(body).to_bytes(4, "big") + body
    assert [one[:3] for one in heard(opened(running))] == [(0, 10, 111), (0, 15, 112)]
    assert [(one.start, one.end, one.pitch) for one in decode_midi(running)[1]] == [(10, 111, 60), (15, 112, 64)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"RIFFxxxx", "no MIDI file"),
        (b"", "no MIDI file"),
        (b"MThd\0\0", "cut short"),
        (saved([], form=2), "format 2; 0 and 1 are read"),
        (b"MThd" + bytes.fromhex("0000000600000001e728"), "frames of film"),
        (write_midi(NOTES, 90)[:-30], "cut short"),
        (b"MThd" + bytes.fromhex("00000006000000010060") + b"MTrk\0\0\0\x04\0\x3c\x40\0", "damaged"),
        (b"MThd" + bytes.fromhex("00000006000000010060") + b"MTrk\0\0\0\x04\xff\xff\xff\xff", "damaged"),
    ],
)
def test_a_file_that_is_none_or_damaged_is_refused_in_words(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(data)
    with pytest.raises(MediaError, match=words):
        read_midi(tmp_path / "a.mid")


def test_a_file_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "large.mid", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(MediaError, match="larger than"):
        read_midi(tmp_path / "large.mid")
    with pytest.raises(MediaError, match="cannot be opened"):
        read_midi(tmp_path / "none.mid")


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 300), insert=st.binary(max_size=6))
def test_a_damaged_file_is_read_or_refused_in_words(at: int, insert: bytes) -> None:
    whole = write_midi(NOTES, 90)
    for broken in (whole[:at], whole[:at] + insert + whole[at + len(insert) :], whole[:14] + insert):
        with contextlib.suppress(MediaError):  # and nothing else
            decode_midi(broken)


# Melodies


def melody_of(data: bytes, folder: Path) -> str:
    (folder / "a.mid").write_bytes(data)
    return melody_of_midi(folder / "a.mid")


def test_a_melody_is_taken_to_the_nearest_sixteenth(tmp_path: Path) -> None:
    assert melody_of(tune([(67, 96), (72, 47), (74, 50), (76, 190)]), tmp_path) == "G4 C5:0.5 D5:0.5 E5:2"
    assert melody_of(tune([(67, 480), (72, 240)], ticks=480), tmp_path) == "G4 C5:0.5"
    assert melody_of(tune([(61, 96 * 20)]), tmp_path) == "C#4:16 C#4:4"


def test_silence_before_a_melody_goes_and_an_upbeat_is_marked(tmp_path: Path) -> None:
    assert melody_of(tune([(67, 96), (72, 96)], lead=96 * 7), tmp_path) == "G4 | C5"
    assert melody_of(tune([(67, 96), (72, 96)], lead=96 * 8), tmp_path) == "G4 C5"
    assert read_melody("G4 | C5").upbeat == 4


def test_rests_stay_and_notes_held_into_the_next_are_cut(tmp_path: Path) -> None:
    rested = saved([on(67, 0), off(67, 96), on(72, 96), off(72, 96)])
    assert melody_of(rested, tmp_path) == "G4 r C5"
    legato = saved([on(67, 0), on(72, 96), off(67, 10), off(72, 86)])
    assert melody_of(legato, tmp_path) == "G4 C5"


def test_drums_are_left_out_and_chords_and_silence_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no notes but drums"):
        melody_of(tune([(36, 96)], channel=9), tmp_path)
    with pytest.raises(InputError, match="holds no notes$"):
        melody_of(saved([]), tmp_path)
    chord = saved([on(67, 0), off(67, 96), on(60, 0), on(64, 0), off(60, 96), off(64, 0)])
    with pytest.raises(InputError, match=r"several notes at once \(C4 and E4, beat 2\)"):
        melody_of(chord, tmp_path)
    with pytest.raises(InputError, match="several notes at once"):
        melody_of(write_midi(NOTES, 90), tmp_path)
