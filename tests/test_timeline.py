"""Timelines: what is read of a stranger's folder, what is shown of it, and the drawing of curves."""

from __future__ import annotations

import itertools
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zoo import hub
from zoo.generate import timeline
from zoo.generate.library import InputError

KINDS = {"dcgan.mnist": ".webp", "gpt.shakespeare": ".txt", "wavenet.spoken-digits": ".flac", "resnet.mnist": ".webp"}


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders with a config.json and a timeline, and one without a timeline: nothing else is ever read."""
    for name, suffix in KINDS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model": name.split(".")[0]}))
        tiny_zoo.write_timeline(tmp_path / name, suffix)
    (tmp_path / "vae.mnist").mkdir()
    (tmp_path / "vae.mnist" / "config.json").write_text(json.dumps({"model": "vae"}))
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    return tmp_path


def test_the_choices_are_those_with_a_timeline_and_judges_come_last(zoo: Path) -> None:
    assert set(timeline.choices()) == set(KINDS)
    assert timeline.choices()[-1] == "resnet.mnist"


def test_snapshots_come_in_the_order_of_their_steps(zoo: Path) -> None:
    found = timeline.read("dcgan.mnist")
    assert [step for step, _ in found.snapshots] == [0, 10, 40, 90]
    assert [timeline.moment(found, number).step for number in (1, 2, 3, 4)] == [0, 10, 40, 90]
    assert found.steps == 90 and found.better == "higher" and found.metric == "accuracy"
    assert found.size == sum(path.stat().st_size for path in (zoo / "dcgan.mnist" / "timeline").iterdir())


def test_every_pixel_of_a_picture_becomes_a_square(zoo: Path) -> None:
    shown = timeline.moment(timeline.read("dcgan.mnist"), 2).picture
    original = np.asarray(Image.open(zoo / "dcgan.mnist" / "timeline" / "00000010.webp").convert("L"))
    assert shown is not None
    pixels = np.asarray(Image.open(shown).convert("L"))
    scale = pixels.shape[0] // 30
    assert scale >= 10
    assert np.array_equal(pixels, original.repeat(scale, axis=0).repeat(scale, axis=1))


def test_a_sound_comes_as_a_wav_file_with_its_spectrogram(zoo: Path) -> None:
    shown = timeline.moment(timeline.read("wavenet.spoken-digits"), 3)
    assert shown.sound is not None and shown.spectrogram is not None and shown.picture is None
    given, rate = soundfile.read(zoo / "wavenet.spoken-digits" / "timeline" / "00000040.flac")
    heard, same_rate = soundfile.read(shown.sound)
    assert rate == same_rate == 8000 and np.allclose(heard, given, atol=1e-4)
    assert Image.open(shown.spectrogram).width > 200


def test_a_moment_is_written_once_and_a_changed_snapshot_anew(zoo: Path) -> None:
    first = timeline.moment(timeline.read("dcgan.mnist"), 1).picture
    assert first is not None and first.parent == timeline.folder()
    written = first.stat().st_mtime_ns
    assert timeline.moment(timeline.read("dcgan.mnist"), 1).picture == first
    assert first.stat().st_mtime_ns == written
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(zoo / "dcgan.mnist" / "timeline" / "00000000.webp", lossless=True)
    assert timeline.moment(timeline.read("dcgan.mnist"), 1).picture != first


def test_a_text_is_shown_as_it_is_without_control_characters(zoo: Path) -> None:
    (zoo / "gpt.shakespeare" / "timeline" / "00000090.txt").write_bytes(b"<b>ROMEO:\x00\x1b</b>\n\xff")
    assert timeline.moment(timeline.read("gpt.shakespeare"), 4).text == "<b>ROMEO:</b>\n\ufffd"


@pytest.mark.parametrize("number", [0, 5, -1, 1.5, "2", None, True])
def test_a_moment_that_is_not_there_is_refused(zoo: Path, number: Any) -> None:
    with pytest.raises(InputError, match="moment"):
        timeline.moment(timeline.read("dcgan.mnist"), number)


def test_a_model_without_a_timeline_is_answered_with_those_that_have_one(zoo: Path) -> None:
    with pytest.raises(InputError, match=r"vae\.mnist has no timeline.*wavenet\.spoken-digits"):
        timeline.read("vae.mnist")


def _damage(folder: Path, how: str) -> None:
    if how == "no snapshots":
        for path in folder.glob("0*"):
            path.unlink()
    elif how == "two kinds":
        (folder / "00000091.txt").write_text("x")
    elif how == "too many":
        for step in range(100, 100 + timeline.MAX_SNAPSHOTS):
            (folder / f"{step:08d}.webp").write_bytes(b"x")
    elif how == "no JSON":
        (folder / "curves.json").write_text("[" * 100_000)
    elif how == "a torn picture":
        torn = folder / "00000000.webp"
        torn.write_bytes(torn.read_bytes()[:20])


@pytest.mark.parametrize("how", ["no snapshots", "two kinds", "too many", "no JSON", "a torn picture"])
def test_a_damaged_timeline_is_refused_in_words(zoo: Path, how: str) -> None:
    _damage(zoo / "dcgan.mnist" / "timeline", how)
    with pytest.raises(InputError, match=r"of dcgan\.mnist is damaged"):
        timeline.moment(timeline.read("dcgan.mnist"), 1)


@pytest.mark.parametrize(
    "curves", [None, 5, [], {"loss": 5}, {"loss": [[1]]}, {"loss": [["1", 2], [2, "x"], [3, None]]}]
)
def test_curves_that_are_none_are_left_out(zoo: Path, curves: Any) -> None:
    path = zoo / "dcgan.mnist" / "timeline" / "curves.json"
    path.write_text(json.dumps({"steps": 90, "metric": 7, "better": [], "curves": curves}))
    found = timeline.read("dcgan.mnist")
    assert found.curves == {} and found.steps == 90


def test_points_that_are_not_finite_are_left_out_and_the_rest_is_sorted() -> None:
    points = [[3, 1.0], [1, math.nan], [2, math.inf], [1, 5], [True, 1.0], [4, True], [-1, 0.0], [1.5, 0.0], [9, 1e300]]
    assert timeline.curves_of({"loss": points}) == {"loss": ((1, 5.0), (3, 1.0))}


def test_the_best_is_the_first_of_the_best() -> None:
    curve = ((1, 2.0), (2, 1.0), (3, 3.0), (4, 1.0), (5, 3.0))
    assert timeline.best_of(curve, "lower") == (2, 1.0)
    assert timeline.best_of(curve, "higher") == (3, 3.0)


def test_a_value_is_the_last_one_at_or_before_a_step() -> None:
    curve = ((10, 2.0), (20, 1.0))
    assert [timeline.value_at(curve, step) for step in (0, 9, 10, 19, 20, 99)] == [None, None, 2.0, 2.0, 1.0, 1.0]


def test_a_thinned_curve_keeps_its_ends_and_its_extremes() -> None:
    values = np.sin(np.arange(20_000) / 50)
    values[7777], values[12_345] = 9.0, -9.0
    curve = tuple((step, float(value)) for step, value in enumerate(values))
    thin = timeline.thinned(curve)
    assert len(thin) <= timeline.MAX_DRAWN + 4 and list(thin) == sorted(thin) and set(thin) <= set(curve)
    assert {curve[0], curve[-1], curve[7777], curve[12_345]} <= set(thin)


def _parsed(drawing: str) -> ET.Element:
    return ET.fromstring(f"<div>{drawing}</div>")


def _numbers(path: str) -> list[float]:
    return [float(n) for n in path[1:].replace("L", " ").replace("h", " ").replace("V", " ").split()]


def test_names_from_a_log_are_words_and_no_markup() -> None:
    evil = '<img src=x onerror="alert(1)">'
    panel = timeline.Panel(evil, ((evil, ((1, 1.0), (2, 2.0))), ("b", ((1, 1.0),))))
    drawn = _parsed(
        timeline.framed(timeline.draw_curves([panel], step=1, last=2), evil) + timeline.draw_bars(evil, [1.0])
    )
    assert {element.tag for element in drawn.iter()} <= {
        "div", "figure", "figcaption", "svg", "path", "text", "circle", "rect", "p",
    }  # fmt: skip
    assert evil in "".join(drawn.itertext())


def test_the_mark_moves_to_the_right_with_the_step() -> None:
    panel = timeline.Panel("loss", (("loss", ((1, 1.0), (100, 0.5))),))
    marks = []
    for step in (0, 1, 10, 50, 100):
        drawn = _parsed(timeline.draw_curves([panel], step=step, last=100))
        marks.append(_numbers(next(e.get("d", "") for e in drawn.iter("path") if e.get("class") == "mark"))[0])
    assert all(before < after for before, after in itertools.pairwise(marks))


def test_values_far_apart_are_drawn_on_a_logarithmic_scale() -> None:
    assert timeline.Panel("", (("", ((1, 0.01), (2, 5.0))),)).logarithmic
    assert not timeline.Panel("", (("", ((1, 2.0), (2, 5.0))),)).logarithmic
    assert not timeline.Panel("", (("", ((1, 0.0), (2, 5.0))),)).logarithmic
    assert timeline.Panel("", (("", ((1, 2.0), (2, 5.0))),), limit=500.0).logarithmic


_VALUES = st.floats(-1e29, 1e29, allow_nan=False) | st.floats(-1, 1) | st.sampled_from([0.0, 1e-30, 5e-324, 1.0])
_CURVES = st.dictionaries(st.integers(0, 10**9), _VALUES, min_size=1, max_size=40).map(
    lambda d: tuple(sorted(d.items()))
)


@given(curves=st.lists(_CURVES, min_size=1, max_size=5), last=st.integers(0, 10**10), step=st.integers(0, 10**10))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_whatever_the_curves_are_the_drawing_stays_in_its_frame(curves: list[Any], last: int, step: int) -> None:
    lines = tuple((str(i), curve) for i, curve in enumerate(curves))
    panel = timeline.Panel("caption", lines, best=curves[0][0], limit=curves[0][-1][1])
    drawn = _parsed(timeline.draw_curves([panel], step=step, last=last))
    for path in drawn.iter("path"):
        numbers = _numbers(path.get("d", ""))
        assert all(math.isfinite(n) and -20 <= n <= 400 for n in numbers), path.get("d")
    ticks = [text.text for text in drawn.iter("text") if text.get("class") == "tick"]
    assert 2 <= len(ticks) <= 16


@given(values=st.lists(_VALUES, min_size=1, max_size=64))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_bars_of_any_values_stay_in_their_frame(values: list[float]) -> None:
    for bar in _parsed(timeline.draw_bars("caption", values)).iter("rect"):
        assert 0 <= float(bar.get("y", "")) + float(bar.get("height", "")) <= 160


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (0.0376, "0.0376"),
        (1.5234, "1.52"),
        (84.6, "84.6"),
        (7000, "7,000"),
        (120_000, "120k"),
        (3e-8, "3e-08"),
    ],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert timeline.short(value) == words
