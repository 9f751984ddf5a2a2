"""Music for visitors: melodies as they are written, what is made of them, how it sounds and looks, and its pages."""

from __future__ import annotations

import ast
import base64
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import alone
import gradio as gr
import numpy as np
import pytest
import tiny_zoo
from gradio.context import LocalContext
from PIL import Image
from serving import endpoint_handler

from zoo import card, checkpoint, hub
from zoo.data.chorales import RANGES, Note
from zoo.data.midi import decode_midi, write_midi
from zoo.export import browser
from zoo.export.graphs import export
from zoo.generate import chorale, library
from zoo.generate.inputs import InputError
from zoo.generate.melody import MAX_BEATS, REST, Melody, Tone, fitted, in_flats, name_of, read_melody, written
from zoo.generate.organ import ATTACK, PEAK, RATE, RELEASE, sounded
from zoo.generate.piano_roll import COLOURS, drawn
from zoo.generate.provenance import look, read
from zoo.ui import audio, music, replay

NAME, QUARTERS = "music_transformer.chorales", "music_transformer.quarters"
TUNE = "G4 | C5 C5 E5:0.5 D5:0.5 C5 | G4:2 r"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two untrained checkpoints, of sixteenths and of quarters."""
    folder = tmp_path_factory.mktemp("zoo")
    tiny_zoo.make(folder, NAME, "jsb_chorales", fields={"grid": 1, "context_length": 640})
    tiny_zoo.make(folder, QUARTERS, "jsb_chorales")
    figures = {"figures": [{"name": "nats a quarter", "value": 6.5, "unit": "nats"}]}
    for one in folder.iterdir():
        checkpoint.write_json(one / "metrics.json", figures)
    return folder


@pytest.fixture(autouse=True)
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return tiny_zoo.put_in_place(made, monkeypatch)


@pytest.fixture
def in_chinese() -> Iterator[None]:
    token = LocalContext.request.set(SimpleNamespace(query_params={"lang": "zh-CN"}, headers={}))
    yield
    LocalContext.request.reset(token)


def last(results: Iterator[Any]) -> Any:
    *_, final = results
    return final


def soprano(notes: tuple[Note, ...]) -> list[tuple[int, int, int]]:
    return [(note.start, note.length, note.pitch) for note in notes if note.voice == 0]


# Melodies


def test_a_melody_is_read_as_it_is_written() -> None:
    found = read_melody("G4 | C5, d5:2\nEb5:0.5 F#5:1/4; F♯5:.25 r:1.5 B♭4 | c4：2")
    assert found.tones == (
        Tone(67, 4), Tone(72, 4), Tone(74, 8), Tone(75, 2), Tone(78, 1), Tone(78, 1), Tone(REST, 6), Tone(70, 4),
        Tone(60, 8),
    )  # fmt: skip
    assert found.upbeat == 4 and found.length == 38
    assert read_melody("B4 b4 Bb4 bb4 B##4 Cb4").pitches == [71, 71, 70, 70, 73, 59]
    assert read_melody(written(found)) == found
    assert read_melody("C4 C4 C4 C4 | G4").upbeat == 0, "a whole bar is no upbeat"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no note"),
        ("r r:2", "there is no note"),
        ("|||", "there is no note"),
        ("C4 H4 D4", "'H4' is no note; write such as C4"),
        ("C", "'C' is no note"),
        ("C4:", "'C4:' is no note"),
        ("C4:zwei", "no number of quarters"),
        ("C4:1/0", "no number of quarters"),
        ("C4:0.3", "multiples of 0.25"),
        ("C4:1/3", "multiples of 0.25"),
        ("C4:0", "multiples of 0.25"),
        ("C4:17", f"up to {MAX_BEATS}"),
        ("C9", "'C9' is no note"),
        (None, "there is no note"),
        (7, "must be text"),
        ("C4 " * 3000, "at most 8,000"),
    ],
)
def test_what_is_no_melody_is_refused_in_words(text: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_melody(text)


def test_a_melody_is_moved_by_octaves_where_that_will_do_and_by_as_little_as_possible() -> None:
    assert fitted(read_melody("C4 A5"))[1] == 0
    low, shift = fitted(read_melody("C3 E3 r G3 | C3"))
    assert shift == 12 and low.pitches == [60, 64, 67, 60] and low.tones[2].pitch == REST and low.upbeat == 0
    assert fitted(read_melody("C2 E2"))[1] == 24 and fitted(read_melody("C6"))[1] == -12
    assert fitted(read_melody("B3 G5"))[1] == 1, "an octave up, G5 would be too high"
    assert fitted(read_melody("C5 A#5"))[1] == -12
    with pytest.raises(InputError, match="from C4 to A#5, 22 semitones; a soprano has 21, from C4 to A5"):
        fitted(read_melody("C4 A#5"))


def test_names_of_notes() -> None:
    assert [name_of(pitch) for pitch in (21, 60, 61, 69, 108)] == ["A0", "C4", "C#4", "A4", "C8"]
    assert [name_of(pitch, flats=True) for pitch in (60, 61, 70)] == ["C4", "Db4", "Bb4"]
    assert in_flats([65, 70, 72, 66]) is False and in_flats([65, 70, 72, 75]) is True and in_flats([]) is False


# Music


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_a_harmony_keeps_the_melody_to_the_note_and_a_seed_gives_the_same_one(temperature: float) -> None:
    options: dict[str, Any] = {"temperature": temperature, "seed": 5}
    shares = [step for step in chorale.harmonise(NAME, TUNE, **options) if isinstance(step, float)]
    assert shares and shares[0] == 0 and shares == sorted(shares) and shares[-1] <= 1
    found, again, other = (
        last(chorale.harmonise(NAME, TUNE, **{**options, "seed": seed})) for seed in (5, 5, 6)
    )  # fmt: skip
    assert soprano(found.notes) == [
        (0, 4, 67), (4, 4, 72), (8, 4, 72), (12, 2, 76), (14, 2, 74), (16, 4, 72), (20, 8, 67),
    ]  # fmt: skip
    assert found.length == 32 and found.upbeat == 4 and found.moved == 0
    assert {note.voice for note in found.notes} == {0, 1, 2, 3}
    assert found.notes == again.notes and np.array_equal(found.waveform, again.waveform)
    assert found.notes != other.notes and soprano(found.notes) == soprano(other.notes)


def test_a_melody_that_is_too_low_is_moved_and_that_is_told() -> None:
    found = last(chorale.harmonise(NAME, "C3 D3 E3 F3", seed=1))
    assert found.moved == 12 and [pitch for *_, pitch in soprano(found.notes)] == [60, 62, 64, 65]


@pytest.mark.parametrize("name", [NAME, QUARTERS])
def test_a_chorale_is_as_long_as_was_asked(name: str) -> None:
    found = last(chorale.compose(name, 3, tempo=120, seed=2))
    assert found.length == 48 and max(note.start + note.length for note in found.notes) <= 48
    assert len(found.waveform) == 6 * RATE + round(RELEASE * RATE), "twelve quarters at 120 a minute"
    assert all(note.length % library.get(name).network.config.grid == 0 for note in found.notes)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: chorale.compose(NAME, 1), "number of bars is 1; allowed are whole numbers from 2 to 32"),
        (lambda: chorale.compose(NAME, 8.5), "number of bars is 8.5"),
        (lambda: chorale.compose(NAME, 8, temperature=0), "temperature is 0"),
        (lambda: chorale.compose(NAME, 8, top_p=0), "top-p is 0"),
        (lambda: chorale.compose(NAME, 8, tempo=1e9), "tempo is 1e[+]09"),
        (lambda: chorale.compose(NAME, 8, seed=-1), "seed is -1"),
        (lambda: chorale.compose("music_transformer.chorals", 8), "perhaps you meant 'music_transformer.chorales'"),
        (lambda: chorale.harmonise(NAME, "C4 D4 E4:0.5", temperature=float("nan")), "temperature is nan"),
        (lambda: chorale.harmonise(NAME, ""), "there is no note"),
        (lambda: chorale.harmonise(NAME, "C4 C6"), "24 semitones"),
        (lambda: chorale.harmonise(NAME, "C4:16 " * 11), "176 quarters are too long; .* at most 160"),
        (lambda: chorale.harmonise(QUARTERS, "C4 D4:0.5 E4:1.5"), "goes by whole quarters"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_loaded(act: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        act()
    assert not library._loaded


def test_graphs_write_what_torch_writes(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_torch = last(chorale.harmonise(NAME, TUNE, seed=4))
    folder = tmp_path / NAME
    folder.mkdir()
    for path in (made / NAME).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    export(folder)
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    library._loaded.clear()
    assert type(library.get(NAME).network).__name__ == "Graphs"
    assert last(chorale.harmonise(NAME, TUNE, seed=4)).notes == by_torch.notes


# Sound


def strengths(waveform: np.ndarray, frequencies: list[float]) -> list[float]:
    """Share of a sound's energy within 8 Hz of each frequency."""
    power = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))) ** 2
    bins = np.fft.rfftfreq(len(waveform), 1 / RATE)
    return [float(power[np.abs(bins - f) < 8].sum() / power.sum()) for f in frequencies]


def test_a_note_sounds_at_its_pitch_for_its_time() -> None:
    waveform = sounded([Note(0, 4, 8, 69)], 60)  # a second of silence, two of A4
    assert waveform.dtype == np.float32 and np.abs(waveform).max() == pytest.approx(PEAK, abs=1e-6)
    assert len(waveform) == 3 * RATE + round(RELEASE * RATE)
    assert not waveform[:RATE].any() and abs(waveform[-1]) < 1e-3
    held = waveform[round(1.5 * RATE) : round(2.5 * RATE)]
    first, second, sixth = strengths(held, [440, 880, 466.16])
    assert first > 0.6 > second > 0.05 and sixth < 1e-6
    rising = np.abs(waveform[RATE : RATE + round(ATTACK * RATE / 4)])
    assert rising.max() < PEAK / 2, "it does not click"


def test_no_partial_lies_above_half_the_rate_and_voices_add_up() -> None:
    high = sounded([Note(0, 0, 16, 108)], 60)  # 4,186 Hz: its third multiple cannot be written
    assert sum(strengths(high, [4186, 8372])) > 0.999
    both = sounded([Note(0, 0, 16, 69), Note(3, 0, 16, 57)], 60)
    assert min(strengths(both, [220, 440])) > 0.2


def test_silence_is_silent() -> None:
    assert not sounded([], 60).any()


# Picture


def test_a_piano_roll_shows_each_note_in_its_voices_colour_at_its_place() -> None:
    notes = [Note(0, 0, 16, 72), Note(1, 16, 16, 67), Note(2, 32, 16, 60), Note(3, 70, 8, 48)]
    picture = np.asarray(drawn(notes, 80))
    assert picture.shape[1] == 52 + 64 * 12 + 12, "four bars a line"
    single = np.asarray(drawn(notes[:3], 48))
    assert picture.shape[0] > single.shape[0] and single.shape[1] < picture.shape[1]
    below = picture[40:]
    for voice, colour in enumerate(COLOURS):
        columns = np.nonzero((below == list(bytes.fromhex(colour[1:]))).all(2))[1]
        start = notes[voice].start % 64
        assert columns.min() == 52 + start * 12 + 1, voice
        assert abs(columns.max() - (52 + (start + notes[voice].length) * 12 - 2)) <= 1
    heights = [
        np.nonzero((below[:170] == list(bytes.fromhex(colour[1:]))).all(2))[0].mean() for colour in COLOURS[:3]
    ]  # fmt: skip
    assert heights[0] < heights[1] < heights[2], "higher notes stand higher"


def test_two_voices_on_one_note_are_both_seen() -> None:
    picture = np.asarray(drawn([Note(0, 0, 16, 72), Note(1, 8, 16, 72)], 32))[40:]
    together = picture[:, 52 + 9 * 12 : 52 + 15 * 12]
    red, ochre = (np.argwhere((together == list(bytes.fromhex(colour[1:]))).all(2)) for colour in COLOURS[:2])
    assert len(red) > 200 and len(ochre) > 200 and red[:, 0].max() < ochre[:, 0].min(), "the higher voice above"
    alone = picture[:, 52 + 17 * 12 : 52 + 23 * 12]
    assert np.ptp(np.argwhere((alone == list(bytes.fromhex(COLOURS[1][1:]))).all(2))[:, 0]) > np.ptp(ochre[:, 0])


def test_an_upbeat_stands_before_the_first_bar() -> None:
    notes = [Note(0, 0, 4, 72), Note(0, 4, 16, 74)]
    plain, moved = (np.asarray(drawn(notes, 20, upbeat=upbeat))[40:] for upbeat in (0, 4))
    red = list(bytes.fromhex(COLOURS[0][1:]))
    left, right = (np.nonzero((picture == red).all(2))[1].min() for picture in (plain, moved))
    assert right - left == 12 * 12


# Pages


def given(handler: Callable[..., Iterator[Any]], *arguments: Any) -> Any:
    return last(handler(*arguments))


def endpoints(page: gr.Blocks) -> set[str]:
    return {str(one.api_name) for one in page.fns.values() if one.api_visibility == "public"}


def test_the_pages_are_there_as_soon_as_there_is_a_model(made: Path) -> None:
    assert endpoints(audio.build()) == {"harmonise_melody", "compose_chorale"}


@pytest.mark.parametrize("way", ["harmonise", "compose"])
def test_a_click_gives_a_roll_a_sound_a_line_and_a_midi_file(way: str) -> None:
    if way == "harmonise":
        found = given(music.harmonise_melody, NAME, TUNE, None, 1.0, 7, 90, 0.9)
    else:
        found = given(music.compose_chorale, NAME, 2, 1.0, 7, 90, 0.9)
    roll, sound, line, midi = found
    assert line.startswith(f"{NAME} · seed 7 · nats a quarter 6.5 nats · Apache-2.0 · weights ")
    for path, kind in ((roll, "png"), (sound, "wav"), (midi, "mid")):
        assert Path(path).suffix == f".{kind}" and look(path).kind == kind
        record = read(path)
        assert record.operation == f"chorale.{'harmonise' if way == 'harmonise' else 'compose'}" and record.seed == 7
        assert record.parameters["tempo"] == 90 and record.result == ("roll" if kind == "png" else "")
    assert Image.open(roll).width > 400 and len(decode_midi(Path(midi).read_bytes())[1]) > 4


def test_every_melody_to_begin_with_can_be_sung_as_it_is() -> None:
    lowest, highest = RANGES[0]
    for text in music.MELODIES.values():
        found = read_melody(text)
        assert fitted(found)[1] == 0 and lowest <= min(found.pitches) and max(found.pitches) <= highest
        assert (found.length - found.upbeat) % 16 in (0, 12), "whole bars, but for the last one's upbeat"


def test_an_uploaded_file_is_shown_as_notes_and_wins_over_them(tmp_path: Path) -> None:
    path = tmp_path / "tune.mid"
    path.write_bytes(write_midi([Note(0, 0, 4, 67), Note(0, 4, 8, 72)], 100))
    assert music._read(str(path)) == ("G4 C5:2", None)
    _, _, _, midi = given(music.harmonise_melody, NAME, "A4 A4 A4", str(path), 1.0, 1, 80, 0.95)
    assert read(midi).parameters["melody"] == "G4 C5:2"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no MIDI file"):
        given(music.harmonise_melody, NAME, "A4", str(path), 1.0, 1, 80, 0.95)


def test_a_melody_that_was_moved_says_so(in_chinese: None) -> None:
    assert "旋律上移 1 个八度" in given(music.harmonise_melody, NAME, "C3 D3 E3", None, 1.0, 1, 80, 0.95)[2]
    assert "旋律上移 1 个半音" in given(music.harmonise_melody, NAME, "B3 G5", None, 1.0, 1, 80, 0.95)[2]


@pytest.mark.parametrize(
    ("melody", "words"),
    [("", "there is no note"), ("C4 H4", "'H4' is no note"), ("C4 C6", "24 semitones"), ("C4:0.3", "multiples")],
)
def test_bad_input_is_answered_in_words(melody: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        given(music.harmonise_melody, NAME, melody, None, 1.0, 1, 80, 0.95)


def test_a_melody_of_rests_alone_between_notes_is_kept() -> None:
    found = last(chorale.harmonise(NAME, "C5 r:2 C5", seed=1))
    assert soprano(found.notes) == [(0, 4, 72), (12, 4, 72)]
    assert Melody((Tone(72, 4),)).length == 4


# Elsewhere


def test_the_lines_on_its_card_run_as_they_stand(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made / NAME, tmp_path / NAME)
    export(tmp_path / NAME)
    (tmp_path / NAME / "metrics.json").unlink()
    text = card.text(tmp_path / NAME)
    assert "pipeline_tag: text-to-audio" in text and "parallel fifths" in text
    library_lines, ours = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(ast.parse(ours), "the card", "exec"), {})
    assert read(tmp_path / "chorale.mid").parameters["melody"].startswith("G4 | C5 D5")
    assert "zoo" not in library_lines
    printed = np.array(ast.literal_eval(re.sub(r"(?<=[\d\]])\s+(?=[-\d\[])", ",", alone.run(
        "import sys, numpy; numpy.set_printoptions(threshold=sys.maxsize)\n" + library_lines, tmp_path
    ))))  # fmt: skip
    assert printed.shape == (128, 4) and printed.min() >= -1 and printed.max() <= 108 and len(np.unique(printed)) > 10


def test_an_endpoint_sings(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made / NAME, tmp_path / NAME)
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    answer = endpoint_handler(monkeypatch)
    (set_,), (free,) = (
        answer({"inputs": given, "parameters": {"seed": 2, **more}}) for given, more in ((TUNE, {}), ("", {"bars": 2}))
    )
    assert set_["sampling_rate"] == RATE and base64.b64decode(set_["audio"]).startswith(b"RIFF")
    assert read(base64.b64decode(set_["midi"])).operation == "chorale.harmonise"
    assert read(base64.b64decode(free["midi"])).parameters["bars"] == 2
    with pytest.raises(InputError, match="'H4' is no note"):
        answer({"inputs": "H4"})
    with pytest.raises(InputError, match="perhaps you meant 'tempo'"):
        answer({"inputs": TUNE, "parameters": {"tempi": 90}})


def test_a_checkpoint_that_the_static_page_has_no_panel_for_is_left_out_of_it(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / NAME, tmp_path / NAME)
    export(tmp_path / NAME)
    assert browser._obstacle(tmp_path / NAME) == "kind"


def test_the_replay_page_shows_the_notes_of_a_midi_file(tmp_path: Path) -> None:
    *_, midi = given(music.harmonise_melody, NAME, "C5 D5", None, 1.0, 1, 80, 0.95)
    *_, shown = replay.replay_file(midi)
    _, data, picture, sound, words, new_picture, new_sound, new_words = shown
    assert data["identical"] and picture is sound is new_picture is new_sound is None
    assert words == new_words and words.splitlines()[0] == "C5 D5" and len(words.splitlines()) == 4
