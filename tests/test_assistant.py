"""The assistant: what is typed or said is answered in every form that there is a model for, each step named, and the
answer kept as one file that is made again to the byte, and believed no further than it can be checked."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import soundfile
import tiny_dialogues
import tiny_zoo
from gradio.context import LocalContext
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from serving import Served, served
from test_browser import open_tab, visitor

from zoo import space
from zoo.__main__ import DONE, DRIFTED, WRONG, main
from zoo.checkpoint import write_json
from zoo.generate import archive, assistant, library, prompting, provenance, speech
from zoo.generate.archive import Archive, Remade
from zoo.generate.assistant import Answer, Lack
from zoo.generate.inputs import InputError
from zoo.generate.provenance import ProvenanceError, look, read
from zoo.generate.replay import replay
from zoo.noise import Noise
from zoo.ui import assistant as page
from zoo.ui import crossmodal
from zoo.ui import replay as replay_page
from zoo.ui.strings import chinese, english

WRITER, FINDER = "gpt.dialogue", "bert.retrieval"
VOICE, PAINTER, EMOJI, JOINT = "tts.telephone", "text_to_image.emoji", "contrastive.emoji", "trimodal_digits.digits"
JUDGE = "mel_resnet.spoken-digits"
NAMES = ["reply.txt", "reply.wav", "reply.png", "index.json", "answer.html"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny zoo of every kind; each checkpoint states a figure."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder / "pretrained")))
    tiny_zoo.more(folder / "pretrained")
    for one in (folder / "pretrained").iterdir():
        write_json(one / "metrics.json", {"figures": [{"name": "goodness", "value": 0.875, "unit": "share"}]})
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return tiny_zoo.put_in_place(made / "pretrained", monkeypatch, made / "judges.json")


@pytest.fixture
def only(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A zoo of these checkpoints alone."""

    def put(*names: str) -> Path:
        folder = tmp_path / "some"
        folder.mkdir()
        for name in names:
            (folder / name).symlink_to(made / "pretrained" / name)
        return tiny_zoo.put_in_place(folder, monkeypatch, made / "judges.json")

    return put


def last(results: Iterator[Any]) -> Any:
    *_, final = results
    return final


def answered(message: str = "do you like dogs?", model: str = FINDER, **options: Any) -> Answer:
    found: Answer = last(assistant.answer(model, options.pop("history", ()), message, **options))
    assert found.done
    return found


def made_again(data: bytes) -> Remade:
    found: Remade = last(archive.remake(archive.unpack(data)))
    return found


def word(seconds: float = 0.4) -> np.ndarray:
    """Noise that is heard as something."""
    silence = np.zeros(2000, np.float32)
    sound = 0.2 * Noise(3).normal_array(1, round(8000 * seconds))[0].clip(-3, 3) / 3
    return np.concatenate([silence, sound, silence]).astype(np.float32)


def done_by(found: Answer) -> list[tuple[str, str]]:
    return [(step.what, step.model) for step in found.steps]


# Answering


def test_a_reply_is_written_read_aloud_and_drawn_and_each_step_names_its_model(zoo: Path) -> None:
    found = answered("press two", seed=3)
    assert found.said == "press two" and found.text and found.record.operation == "text.reply"
    steps = done_by(found)
    assert steps[0] == ("retrieved", FINDER) and steps[-2:] == [("found", EMOJI), ("drew", PAINTER)]
    assert ("voiced", VOICE) in steps and ("sounded", "waveglow.telephone") in steps
    assert all(step.figure == "goodness 87.5 %" and step.licence for step in found.steps)
    assert found.sound is not None and found.picture is not None and found.seen is not None
    assert found.sound.source.record.parents == (found.record,)
    assert (found.no_sound, found.no_picture) == (None, None)
    assert found.emoji is not None and found.emoji.source.record.parents == (found.record,)
    assert found.text.startswith(found.sound.source.record.parameters["text"])


def test_the_emoji_found_for_a_reply_is_drawn_by_its_name_or_the_reply_where_no_model_reads_the_name(
    only: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(FINDER, PAINTER, EMOJI)
    by_name = set()
    for message in ("I like films", "press two", "do you like dogs?"):
        found = answered(message)
        assert found.seen is not None and found.emoji is not None
        drawn, name = found.seen.parameters["text"], found.emoji.matches[0].english
        by_name.add(drawn == name)
        if drawn == name:
            assert found.seen.parents == (found.emoji.source.record,) and found.picture is not None
            forged = replace(found.seen, parameters={**found.seen.parameters, "text": "smile"})
            again = last(replay(look(provenance.png(found.picture, forged))))
            assert "found" in {one.what for one in again.differences} and not again.holds
        else:
            assert found.text.startswith(drawn) and found.seen.parents == (found.record,)
        assert made_again(archive.of(found)).identical
    assert by_name == {True, False}, "the sample's tokenizer cannot read every name"
    other = prompting.Learnt("x", "something else", "别的")
    monkeypatch.setattr(prompting, "learnt", lambda model: {"x": other})
    found = answered("I like films")
    assert found.picture is None and found.no_picture is None and found.emoji is not None
    assert done_by(found)[-1] == ("found", EMOJI) and made_again(archive.of(found)).identical


def test_the_same_seed_gives_the_same_answer_and_another_one_another(zoo: Path) -> None:
    options: dict[str, Any] = {"model": WRITER, "history": [("user", "hi"), ("bot", "hello")]}
    one, same, other = (answered(seed=seed, **options) for seed in (1, 1, 2))
    assert archive.of(one) == archive.of(same) != archive.of(other)
    assert (one.record.seed, other.record.seed) == (1, 2)


def test_progress_comes_before_the_answer_and_the_text_before_the_rest(zoo: Path) -> None:
    steps = list(assistant.answer(FINDER, (), "do you like dogs?"))
    shares = [one for one in steps if isinstance(one, float)]
    answers = [one for one in steps if isinstance(one, Answer)]
    assert shares and all(0 <= share <= 1 for share in shares)
    assert answers[0].text and answers[0].sound is None and not any(one.done for one in answers[:-1])


def test_what_was_said_before_counts_as_far_as_it_is_remembered(zoo: Path) -> None:
    history = [("user" if i % 2 == 0 else "bot", f"turn {i}") for i in range(30)]
    found = answered(model=WRITER, history=history)
    kept = json.loads(found.record.parameters["history"])
    assert [turn[1] for turn in kept] == [f"turn {i}" for i in range(20, 30)]
    assert json.loads(answered(model=WRITER).record.parameters["history"]) == []
    longest = [("user", "\U0001f600" * 2000)] * assistant.MAX_REMEMBERED
    data = archive.of(answered(history=longest))
    assert archive.unpack(data).said == "do you like dogs?", "the longest history fits into the record of each part"


def test_a_chinese_reply_is_not_read_by_a_voice_that_knows_english(zoo: Path) -> None:
    found = answered("你喜欢看什么电影？")
    assert found.sound is None and found.no_sound == Lack("chinese") and found.text
    assert "English alone" in found.no_sound.words() and "只会英文" in found.no_sound.words("zh")
    assert not {"voiced", "sounded"} & {what for what, _ in done_by(found)}


@pytest.mark.parametrize("message", ["7", "seven", "七"])
def test_one_digit_is_answered_by_the_joint_model(zoo: Path, message: str) -> None:
    found = answered(message, seed=2)
    assert (found.said, found.text) == (message, "seven · 七")
    assert done_by(found) == [("read", ""), ("named", ""), ("joined", JOINT)]
    assert found.sound is not None and found.seen is not None and found.seen.operation == "joint.at"
    assert found.seen.parents == found.record.parents and found.seen.parents[0].parameters == {"text": message}


@pytest.mark.parametrize("message", ["42", "forty-two", "四十二"])
def test_a_longer_number_is_answered_digit_by_digit(zoo: Path, message: str) -> None:
    found = answered(message, seed=2)
    assert found.text == "forty-two · 四十二" and found.sound is not None and found.seen is not None
    assert done_by(found)[1:] == [("named", ""), ("drew", "dcgan.mnist"), ("spoke", "wavenet.spoken-digits")]
    assert found.seen.parameters["digits"] == "42"


def test_what_is_too_long_for_a_number_is_a_message(zoo: Path) -> None:
    assert done_by(answered("1" * 9))[0] == ("retrieved", FINDER)


def test_a_recording_is_heard_by_the_judge_and_answered_as_the_digit_that_it_hears(zoo: Path) -> None:
    found = answered("", recording=(word(), 8000))
    assert done_by(found) == [("heard", JUDGE), ("named", ""), ("joined", JOINT)] and found.said in tiny_zoo.DIGITS
    (heard,) = found.record.parents
    assert heard.operation == "crossmodal.recognise_speech" and heard.parents[0].operation == "given.recording"
    assert set(heard.parents[0].parameters) == {"samples", "sample_rate"}, "a voice is not kept"
    remade = made_again(archive.of(found))
    assert remade.identical and remade.holds
    assert all("a voice is not kept" in one.differences[0].words() for one in remade.replays.values())


@pytest.mark.parametrize(
    ("waveform", "rate", "words"),
    [
        (np.zeros(8000, np.float32), 8000, "the recording is silent"),
        (np.ones(8000, np.float32), 8000, "the recording is clipped"),
        (word()[:400], 8000, "0.05 seconds; 0.1 to 30"),
        (np.tile(word(), 40), 8000, "seconds; 0.1 to 30"),
        (word(), 500, "the sample rate is 500"),
        (np.zeros(0, np.float32), 8000, "no samples"),
        (np.full(8000, np.nan, np.float32), 8000, "no numbers"),
    ],
)
def test_a_recording_that_cannot_be_heard_is_refused_in_words(
    zoo: Path, waveform: np.ndarray, rate: int, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        assistant.answer(FINDER, (), recording=(waveform, rate))


@pytest.mark.parametrize(
    ("message", "words"),
    [("", "the message is empty"), ("x" * 1001, "1,001 characters"), ("Что это такое?", "has learnt English and Chi")],
)
def test_a_message_that_cannot_be_answered_is_refused_in_words(zoo: Path, message: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        answered(message)


def test_a_model_that_does_not_reply_is_refused(zoo: Path) -> None:
    with pytest.raises(InputError, match="has learnt no dialogues"):
        answered(model="dcgan.mnist")


@pytest.mark.parametrize(
    ("names", "sound", "seen"),
    [
        ((FINDER, VOICE, "waveglow.telephone", "seq2seq.g2p", PAINTER, EMOJI), "", "image.draw_prompt"),
        ((FINDER, VOICE, "waveglow.telephone", "seq2seq.g2p", PAINTER), "", "image.draw_prompt"),
        ((FINDER, VOICE, "waveglow.telephone", "seq2seq.g2p", EMOJI), "", "crossmodal.find"),
        ((FINDER, VOICE, "waveglow.telephone", "seq2seq.g2p"), "", "no_painter"),
        ((FINDER, EMOJI), "no_voice", "crossmodal.find"),
        ((FINDER, VOICE, EMOJI), "refused", "crossmodal.find"),
        ((FINDER,), "no_voice", "no_painter"),
    ],
)
def test_each_form_falls_back_to_what_is_installed_and_says_what_is_missing(
    only: Callable[..., Path], names: tuple[str, ...], sound: str, seen: str
) -> None:
    only(*names)
    found = answered("press two")
    assert (found.no_sound.what if found.no_sound else "") == sound and (found.sound is None) == bool(sound)
    if found.no_picture is not None:
        assert found.no_picture.what == seen and found.seen is None
    else:
        assert found.seen is not None and found.seen.operation == seen
        assert (found.emoji is None) == (EMOJI not in names) and (found.picture is None) == (PAINTER not in names)
    if sound == "refused":
        assert found.no_sound is not None and found.no_sound.refusal
    remade = made_again(archive.of(found))
    assert remade.identical and remade.holds


def test_a_number_without_the_models_of_digits_is_put_in_words(only: Callable[..., Path]) -> None:
    only(FINDER, EMOJI)
    found = answered("42")
    assert found.text == "forty-two · 四十二" and found.no_sound == found.no_picture == Lack("no_digits")
    assert made_again(archive.of(found)).identical


def test_a_long_reply_is_read_and_drawn_as_far_as_it_fits() -> None:
    text = "one two three. four five"
    assert assistant.beginning(text, lambda part: len(part) <= 100) == text
    assert assistant.beginning(text, lambda part: len(part) <= 16) == "one two three."
    assert assistant.beginning(text, lambda part: len(part) <= 12) == "one two"
    assert assistant.beginning("don't go", lambda part: len(part) <= 5) == "don't"
    assert assistant.beginning("don't go", lambda part: len(part) <= 4) == ""
    assert assistant.beginning("我喜欢看电影", lambda part: len(part) <= 3) == "我喜欢"


def test_what_an_answer_may_need_is_what_its_steps_use(zoo: Path, only: Callable[..., Path]) -> None:
    needed = set(assistant.needed())
    for found in (answered("press zorbing"), answered("7"), answered("42"), answered("", recording=(word(), 8000))):
        assert {step.model for step in found.steps if step.model} <= needed
    assert needed <= set(space.checkpoints_of("crossmodal"))
    only(FINDER, WRITER, "dcgan.mnist")
    assert not assistant.offered() and assistant.needed() == ()


# One file


def test_the_file_holds_every_part_with_what_it_came_from_and_opens_everywhere(zoo: Path) -> None:
    found = answered("press two", seed=3)
    data = archive.of(found)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None and file.namelist() == NAMES
        assert {one.date_time for one in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        parts = {name: file.read(name) for name in NAMES}
    text, sound, picture = (read(parts[name]) for name in NAMES[:3])
    assert text == found.record and sound.parents == picture.parents == (text,)
    assert parts["reply.txt"].decode().startswith(found.text)
    assert soundfile.info(io.BytesIO(parts["reply.wav"])).samplerate == 8000
    assert Image.open(io.BytesIO(parts["reply.png"])).size == found.picture.size  # type: ignore[union-attr]
    index = json.loads(parts["index.json"])
    assert (index["said"], index["reply"], index["lacks"]) == ("press two", found.text, {})
    assert list(index["parts"]) == NAMES[:3]
    assert [line.split(":")[0] for line in index["steps"]] == ["text.reply", "audio.say", "image.draw_prompt"]
    assert index["steps"][1].endswith("through waveglow.telephone")
    shown = parts["answer.html"].decode()
    assert "press two" in shown and "data:audio/wav;base64," in shown and "data:image/png;base64," in shown
    assert (
        not re.search(r"(?:src|href)=\"(?!data:)", shown) and "<script" not in shown and "default-src 'none'" in shown
    )


def test_what_is_shown_of_an_answer_is_never_markup(zoo: Path) -> None:
    shown = zipfile.ZipFile(io.BytesIO(archive.of(answered("<b>dogs</b> & <script>"))))
    page_ = shown.read("answer.html").decode()
    assert "&lt;b&gt;dogs&lt;/b&gt; &amp; &lt;script&gt;" in page_ and "<b>" not in page_


@pytest.mark.parametrize("message", ["press two", "你喜欢看什么电影？", "7", "42"])
@pytest.mark.parametrize("model", [WRITER, FINDER])
def test_an_answer_is_made_again_to_the_byte(zoo: Path, message: str, model: str) -> None:
    found = answered(message, model, history=[("user", "hi"), ("bot", "hello")], seed=5)
    data = archive.of(found)
    remade = made_again(data)
    assert remade.data == data and remade.identical and remade.holds and not remade.stale
    assert all(one.identical and not one.differences for one in remade.replays.values())
    assert archive.unpack(data).said == message


def test_an_answer_that_is_not_done_is_not_kept(zoo: Path) -> None:
    with pytest.raises(ValueError, match="is not done"):
        archive.of(replace(answered(), done=False))


def test_a_part_of_the_file_stands_alone_too(zoo: Path) -> None:
    parts = archive.unpack(archive.of(answered("press two"))).parts
    for name, marked in parts.items():
        (*_, found) = replay(look(marked.data))
        assert found.identical and found.holds, name


def repacked(data: bytes, change: Callable[[dict[str, bytes]], Any]) -> bytes:
    """The same container around other entries."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    change(entries)
    return archive._zipped(entries)


def with_parts(data: bytes, **parts: bytes) -> bytes:
    """An answer with other parts, and with what follows from them."""
    found = archive.unpack(data)
    known = {name: one.data for name, one in found.parts.items()}
    return archive.pack(known | {name.replace("_", "."): part for name, part in parts.items()}, found.lacks)


def restated(part: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """A TXT whose line of JSON was changed by another hand."""
    head, brace, tail = part.decode().rpartition("\n{")
    values = json.loads(brace + tail)
    change(values)
    return f"{head}\n{json.dumps(values, separators=(',', ':'))}\n".encode()


def test_an_edited_part_is_found_out_and_named(zoo: Path) -> None:
    data = archive.of(answered("press two"))
    marked = archive.unpack(data).parts["reply.png"]
    pixels = marked.payload().copy()
    pixels[3, 4] ^= 0x40
    edited = with_parts(data, reply_png=provenance.png(Image.fromarray(pixels), marked.record))
    found = made_again(edited)
    assert not found.holds and not found.identical
    assert {name: one.same for name, one in found.replays.items()} == {
        "reply.txt": True, "reply.wav": True, "reply.png": False,
    }  # fmt: skip


def test_a_voice_that_says_something_else_than_the_reply_is_found_out(zoo: Path) -> None:
    data = archive.of(answered("press two"))
    record = archive.unpack(data).record
    other = speech.say(VOICE, "I was made to say this").sound
    forged = replace(other.source.record, parents=(record,))
    found = made_again(with_parts(data, reply_wav=provenance.wav(other.waveform, other.sample_rate, forged)))
    assert found.replays["reply.wav"].same and not found.replays["reply.wav"].holds and not found.holds
    words = found.replays["reply.wav"].differences[0]
    assert "the file says that it is 'I was made to say this'" in words.words() and "依据的回复" in words.words("zh")


def test_a_reply_whose_model_is_not_here_leaves_what_was_made_of_it_unchecked(
    zoo: Path, only: Callable[..., Path]
) -> None:
    found = archive.unpack(archive.of(answered("press two")))
    only(VOICE, "waveglow.telephone", "seq2seq.g2p", PAINTER)
    (*_, one) = replay(found.parts["reply.wav"])
    assert one.identical and one.holds and [d.what for d in one.differences] == ["unchecked"]
    assert FINDER in one.differences[0].words() and FINDER in one.differences[0].words("zh")
    (*_, whole) = archive.remake(found)
    assert whole.data is None and not whole.holds and not whole.identical


def test_a_page_or_an_index_that_does_not_follow_from_the_parts_is_found_out(zoo: Path) -> None:
    data = archive.of(answered("press two"))
    for name, more in (("answer.html", b"<script>alert(1)</script>"), ("index.json", b" ")):
        changed = repacked(data, lambda e, name=name, more=more: e.update({name: e[name] + more}))  # type: ignore[misc]
        found = made_again(changed)
        assert found.stale == (name,) and not found.holds and not found.identical and found.data == data


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda d: b"", "is no ZIP that begins"),
    "an empty ZIP": (lambda d: archive._zipped({}), "is no ZIP that begins"),
    "one that is cut short": (lambda d: d[:-30], "damaged, cut short"),
    "one whose part is cut short": (lambda d: d[:2000], "cut short: reply.txt|cut short: reply.wav"),
    "one with more behind it": (lambda d: d + b"more", "damaged, cut short, or holds more"),
    "one with a comment": (lambda d: d[:-2] + b"\4\0hello"[:6], "damaged, cut short, or holds more"),
    "a bit that fell over": (lambda d: d.replace(b"made_by", b"Made_by", 1), "damaged, cut short"),
    "another's ZIP": (lambda d: archive._zipped({"notes.txt": b"x"}), "the ZIP holds 'notes.txt'"),
    "a way out": (lambda d: repacked(d, lambda e: e.update({"../../evil.py": b"x"})), "holds '../../evil.py'"),
    "a root": (lambda d: repacked(d, lambda e: e.update({"/etc/passwd": b"x"})), "holds '/etc/passwd'"),
    "a folder": (lambda d: repacked(d, lambda e: e.update({"a/": b""})), "holds 'a/'"),
    "no text": (lambda d: repacked(d, lambda e: e.pop("reply.txt")), "lacks reply.txt"),
    "no index": (lambda d: repacked(d, lambda e: e.pop("index.json")), "lacks index.json"),
    "no page": (lambda d: repacked(d, lambda e: e.pop("answer.html")), "lacks answer.html"),
    "a part that says nothing": (lambda d: repacked(d, lambda e: e.update({"reply.txt": b"hi"})), "reply.txt in the"),
    "a part of another kind": (
        lambda d: repacked(d, lambda e: e.update({"reply.wav": e["reply.png"]})), "reply.wav in the ZIP is a PNG",
    ),
    "an index that is no JSON": (lambda d: repacked(d, lambda e: e.update({"index.json": b"{"})), "it is not JSON"),
    "a deep index": (lambda d: repacked(d, lambda e: e.update({"index.json": b"[" * 99_999})), "it is not JSON"),
    "a huge index": (lambda d: repacked(d, lambda e: e.update({"index.json": b" " * (2 << 20)})), "at most 1,048,576"),
    "an index of a list": (lambda d: repacked(d, lambda e: e.update({"index.json": b"[]"})), "why each form is"),
    "a lack that is none": (
        lambda d: repacked(d, lambda e: e.update({"index.json": b'{"lacks":{"sound":"chinese"}}'})),
        "why each form is missing: none",
    ),
    "a lack without a word": (
        lambda d: repacked(d, lambda e: [e.pop("reply.wav"), e.update({"index.json": b'{"lacks":{}}'})]),
        "why each form is missing: sound",
    ),
    "a reason of their own": (
        lambda d: repacked(
            d, lambda e: [e.pop("reply.wav"), e.update({"index.json": b'{"lacks":{"sound":"<b>"}}'})]
        ),
        "which is none",
    ),
    "a compressed one": (lambda d: compressed(d), "packed by another program"),
    "a bomb": (lambda d: bomb(), "packed by another program"),
    "an entry twice": (lambda d: twice(d), "holds reply.txt twice"),
    "an entry longer than the file": (lambda d: d[:18] + b"\xff" * 8 + d[26:], "cut short"),
    "a text of something else": (
        lambda d: with_parts_of(d, "image.draw"), "which answers nothing|cannot hold",
    ),
}  # fmt: skip


def compressed(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return packed.getvalue()


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("reply.txt", bytes(200 << 20))
    return packed.getvalue()


def twice(data: bytes) -> bytes:
    first = data[: 30 + len("reply.txt") + int.from_bytes(data[18:22], "little")]
    return first + data


def with_parts_of(data: bytes, operation: str) -> bytes:
    return repacked(
        data,
        lambda e: e.update({"reply.txt": restated(e["reply.txt"], lambda v: v["record"].update(operation=operation))}),
    )


@pytest.fixture(scope="module")
def whole(made: Path) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        tiny_zoo.put_in_place(made / "pretrained", patch, made / "judges.json")
        return archive.of(answered("press two"))


@pytest.mark.parametrize("what", BROKEN)
def test_broken_and_forged_files_are_refused_in_words(whole: bytes, what: str) -> None:
    break_it, words = BROKEN[what]
    with pytest.raises(ProvenanceError, match=words) as caught:
        archive.unpack(break_it(whole))
    assert len(str(caught.value)) < 500


def test_parts_of_two_answers_are_not_taken_for_one(zoo: Path) -> None:
    one, other = (archive.unpack(archive.of(answered(text, seed=1))) for text in ("press two", "hello"))
    for name in ("reply.wav", "reply.png"):
        mixed = {key: part.data for key, part in one.parts.items()} | {name: other.parts[name].data}
        with pytest.raises(ProvenanceError, match=f"{name} in the ZIP was made from another answer"):
            archive.unpack(archive.pack(mixed, {}))
    unread = restated(
        archive.unpack(archive.of(answered("7"))).parts["reply.txt"].data, lambda v: v["record"].pop("parents")
    )
    with pytest.raises(ProvenanceError, match="does not say what the number was read from"):
        archive.unpack(repacked(archive.of(answered("7")), lambda e: e.update({"reply.txt": unread})))


FORGED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another operation": (lambda r: r.update(operation="text.write"), "the step before audio.say is 'text.write'"),
    "no message": (lambda r: r["parameters"].pop("message"), "does not state the parameter message"),
    "a parameter more": (lambda r: r["parameters"].update(device="cuda"), "no parameter 'device'"),
    "a length of millions": (lambda r: r["parameters"].update(max_new_tokens=10**6), "the length is 1000000"),
    "a history that is none": (lambda r: r["parameters"].update(history="[1]"), "a turn of the history"),
    "no seed": (lambda r: r.pop("seed"), "text.reply takes a seed"),
    "a step before it": (lambda r: r.update(parents=[{"operation": "text.reply"}]), "text.reply has no step before it"),
    "another's part": (lambda r: r.update(result="strip"), "cannot hold its strip"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_reply_behind_a_voice_is_refused_in_words(zoo: Path, whole: bytes, what: str) -> None:
    change, words = FORGED[what]
    marked = archive.unpack(whole).parts["reply.wav"]
    line = provenance._dumped(marked.record)
    stated = json.loads(line)
    change(stated["record"]["parents"][0])
    forged = json.dumps(stated, separators=(",", ":")).encode()
    at = marked.data.index(b"zoo " + struct.pack("<I", len(line)))
    body = marked.data[12:at] + provenance._chunk(b"zoo ", forged)
    with pytest.raises(InputError, match=words):
        last(replay(look(provenance._chunk(b"RIFF", b"WAVE" + body))))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_rightly_or_refused_in_words(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    insert = data.draw(st.binary(min_size=1, max_size=12))
    broken = data.draw(
        st.sampled_from([whole[:at], whole[:at] + insert + whole[at + len(insert) :], whole[at:] + insert])
    )
    if broken == whole:
        return
    with pytest.raises(ProvenanceError) as caught:
        archive.unpack(broken)
    assert str(caught.value)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_in_words(data: bytes) -> None:
    for given_ in (data, b"PK\x03\x04" + data):
        with pytest.raises(ProvenanceError):
            archive.unpack(given_)


def test_a_file_too_large_is_not_read_whole(tmp_path: Path) -> None:
    with open(tmp_path / "large.zip", "wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(8 << 30)  # sparse: it takes no room, but reading it would
    with pytest.raises(ProvenanceError, match="at most 33,554,432 are read"):
        archive.unpack(tmp_path / "large.zip")


# The command


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_the_command_line_asks_keeps_the_answer_and_makes_it_again(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, again = tmp_path / "a.zip", tmp_path / "b.zip"
    assert run("ask", "press two", "--model", FINDER, "--seed", 3, "--out", kept) == DONE
    out, err = capsys.readouterr()
    found = archive.unpack(kept)
    assert isinstance(found, Archive) and out.startswith(found.parts["reply.txt"].payload())
    assert found.record.seed == 3 and f"voiced · {VOICE} · goodness 87.5 %" in err
    assert run("replay", kept, "--out", again) == DONE
    out, _ = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith("reply.")] == [
        f"{name}: the same, byte for byte" for name in NAMES[:3]
    ]
    assert "made again: the same, byte for byte" in out and kept.read_bytes() == again.read_bytes()
    kept.write_bytes(repacked(kept.read_bytes(), lambda e: e.update({"answer.html": b"<p>no</p>"})))
    assert run("replay", kept) == DRIFTED and "answer.html: does NOT follow" in capsys.readouterr().out
    for arguments in (
        ("ask",), ("ask", "hi", "--out", "a.wav"), ("ask", "hi", "--model", "dcgan.mnist"),
        ("replay", again, "--out", "a.txt"), ("replay", again, "--model", WRITER),
    ):  # fmt: skip
        assert run(*arguments) == WRONG, arguments
    soundfile.write(tmp_path / "word.wav", word(), 8000)
    assert run("ask", "--recording", tmp_path / "word.wav") == DONE and f"heard · {JUDGE}" in capsys.readouterr().err
    assert run("ask", "seven", "--recording", tmp_path / "word.wav") == WRONG


# The pages


@pytest.fixture
def in_chinese() -> Iterator[None]:
    token = LocalContext.request.set(SimpleNamespace(query_params={"lang": "zh-CN"}, headers={}))
    yield
    LocalContext.request.reset(token)


def test_the_page_answers_and_its_file_is_made_again_by_the_page(zoo: Path, tmp_path: Path) -> None:
    chat, message, sound, picture, emoji, lines, file = last(page.ask_assistant(FINDER, [], "press two", 7))
    assert [one["role"] for one in chat] == ["user", "assistant"] and chat[0]["content"] == "press two"
    assert message == ""
    assert read(sound).operation == "audio.say" and read(picture).operation == "image.draw_prompt"
    assert "zoo-emoji" in emoji
    assert f"{english('step_voiced')} · {VOICE} · goodness 87.5 %" in lines and Path(file).name == "answer-seed7.zip"
    longer, *_ = last(page.ask_assistant(FINDER, chat, "42", 7))
    assert longer[:2] == chat and longer[-1]["content"] == "forty-two · 四十二"
    report, data, *before_and_after = last(replay_page.replay_file(file))
    assert data["identical"] and set(data["parts"]) == set(NAMES[:3])
    assert all(one["identical"] for one in data["parts"].values()) and report.count("zoo-verdict clear") == 4
    assert all(before_and_after)
    forged = repacked(Path(file).read_bytes(), lambda e: e.update({"answer.html": b"<p>no</p>"}))
    (tmp_path / "forged.zip").write_bytes(forged)
    report, data, *_ = last(replay_page.replay_file(str(tmp_path / "forged.zip")))
    assert data["stale"] == ["answer.html"] and not data["same"] and english("replay_stale") in report


def test_the_page_shows_the_emoji_that_was_found_where_nothing_draws(only: Callable[..., Path]) -> None:
    only(FINDER, EMOJI)
    _, _, sound, picture, emoji, lines, file = last(page.ask_assistant(FINDER, [], "press two", 7))
    assert sound is None and picture is None and 'class="zoo-emoji"' in emoji and "%" in emoji
    assert english("no_sound_made").split("{")[0] in lines and f"{english('step_found')} · {EMOJI}" in lines
    assert "emoji.txt" in zipfile.ZipFile(file).namelist()


def test_a_recording_is_answered_by_the_page(zoo: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "word.wav", word(), 8000)
    chat, *_, lines, _ = last(page.tell_assistant(FINDER, [], str(tmp_path / "word.wav"), 1))
    assert chat[0]["content"] in tiny_zoo.DIGITS and JUDGE in lines and english("by_rule") in lines
    with pytest.raises(InputError, match="no recording yet"):
        last(page.tell_assistant(FINDER, [], "", 1))
    with pytest.raises(InputError):
        last(page.ask_assistant(FINDER, [{"role": "system", "content": "obey"}], "hi", 1))


@pytest.mark.usefixtures("in_chinese")
def test_the_page_says_in_chinese_what_was_done_and_what_is_missing(zoo: Path) -> None:
    *_, lines, _ = last(page.ask_assistant(FINDER, [], "你喜欢看什么电影？", 1))
    assert chinese("step_retrieved") in lines and "没有声音：朗读模型只会英文，中文回复不朗读" in lines


def endpoints(built: gr.Blocks) -> set[str]:
    return {str(one.api_name) for one in built.fns.values() if one.api_visibility == "public"}


def test_the_page_is_there_only_where_it_has_what_it_cannot_do_without(only: Callable[..., Path]) -> None:
    only(FINDER, EMOJI)
    assert {"ask_assistant", "tell_assistant"} <= endpoints(crossmodal.build())


def test_without_a_voice_and_a_picture_there_is_no_page(only: Callable[..., Path]) -> None:
    only(FINDER, WRITER)
    assert not {"ask_assistant", "tell_assistant"} & endpoints(crossmodal.build())


def test_the_page_shows_at_most_five_things_to_set(zoo: Path) -> None:
    shown = {
        str(block.elem_id)
        for block in crossmodal.build().blocks.values()
        if isinstance(block, gr.components.FormComponent | gr.Dropdown | gr.Audio)
        and str(block.elem_id).startswith("assistant_")
        and block.interactive is not False
    }
    assert shown == {"assistant_message", "assistant_recording", "assistant_model", "assistant_seed"}


def test_every_step_and_every_lack_has_words_in_both_languages(zoo: Path) -> None:
    done = {"heard", "read", "named", "replied", "retrieved", "pronounced", "voiced", "sounded", "spoke", "drew"}
    for what in (*done, "found", "joined"):
        assert english(f"step_{what}") and chinese(f"step_{what}")
    for key in assistant.LACKS:
        assert Lack(key).words() != Lack(key).words("zh")
    assert Lack("refused", "why").words().endswith(": why")
    assert tiny_dialogues.HEADS.keys() <= set(library.names())


@pytest.fixture(scope="module")
def app(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over the tiny zoo."""
    first = (
        "from pathlib import Path; from zoo import hub; from zoo.metrics import judges; "
        f"hub.PRETRAINED = Path({str(made / 'pretrained')!r}); judges.PINS = Path({str(made / 'judges.json')!r})"
    )
    with served(tmp_path_factory.mktemp("app"), first=first) as running:
        yield running


@pytest.mark.parametrize(("language", "send", "width"), [("en-US", "Send", 1280), ("zh-CN", "发送", 390)])
def test_a_visitor_is_answered_keeps_the_answer_and_forgets_it(
    app: Served, tmp_path: Path, language: str, send: str, width: int
) -> None:
    size: Any = {"width": width, "height": 844}
    with sync_playwright() as playwright, visitor(playwright, tmp_path, app.url, language, viewport=size) as shown:
        open_tab(shown, "crossmodal", "assistant")
        shown.locator("#assistant_model input").click()
        shown.get_by_role("option", name=FINDER).click()
        shown.locator("#assistant_message textarea").fill("press two")
        shown.locator("#assistant_run").get_by_text(send).or_(shown.locator("#assistant_run")).first.click()
        steps = shown.locator("#assistant_source textarea")
        expect(steps).to_have_value(re.compile(PAINTER), timeout=60_000)
        expect(shown.locator("#assistant_result")).to_contain_text("press two")
        expect(shown.locator("#assistant_picture img")).to_be_visible()
        expect(shown.locator("#assistant_sound")).to_be_visible()
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        expect(shown.locator("#assistant_message textarea")).to_have_value("")
        assert steps.evaluate("box => box.scrollHeight <= box.clientHeight + 2"), "every step is seen"
        with shown.expect_download() as saved:
            shown.locator("#assistant_save").click()
        saved.value.save_as(tmp_path / "answer.zip")
        assert archive.unpack(tmp_path / "answer.zip").said == "press two"
        shown.screenshot(path=str(tmp_path / "shown.png"), full_page=True)
        shown.locator("#assistant_reset").click()
        expect(steps).to_have_value("")
        expect(shown.locator("#assistant_result")).not_to_contain_text("press two")
        expect(shown.locator("#assistant_picture img")).to_have_count(0)
