"""Files that say how they were made: what they hold besides is untouched, they are made again to the byte, and what
they say is believed only as far as it can be checked."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gradio_client
import numpy as np
import pytest
import soundfile
import tiny_zoo
from hub_server import Blob, Repository, TestHub
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo
from serving import Served, served

from zoo import checkpoint, hub
from zoo.__main__ import DONE, DRIFTED, WRONG, main
from zoo.data.chorales import Note
from zoo.generate import (
    assistant,
    audio,
    chat,
    chorale,
    crossmodal,
    describing,
    drums,
    image,
    joint,
    latents,
    library,
    masked,
    matching,
    notes,
    prompting,
    provenance,
    speech,
    styles,
    text,
    translate,
    translation,
)
from zoo.generate.inputs import InputError
from zoo.generate.provenance import ProvenanceError, Record, gif, look, midi, png, read, txt, wav, webp
from zoo.generate.replay import OPERATIONS, Replay, replay
from zoo.metrics import judges
from zoo.noise import MAX_SEED

ROOT = Path(__file__).parent.parent
RECORD = Record("image.draw", "dcgan.mnist", sha256="0" * 64, seed=7, parameters={"count": 4}, licence="Apache-2.0")
TONE = (0.4 * np.sin(np.arange(900) * 0.3)).astype(np.float32)
FRAMES = [Image.fromarray(np.full((20, 24), 40 * i, np.uint8)) for i in range(5)]
NOTES = [Note(0, 0, 4, 67), Note(1, 0, 4, 64), Note(0, 4, 2, 67), Note(3, 4, 8, 48)]
SHEET = Image.fromarray((np.arange(600) % 251).astype(np.uint8).reshape(20, 30))


def file_of(kind: str, record: Record) -> bytes:
    """A small file of the kind that holds a record."""
    if kind == "png":
        return png(SHEET, record)
    if kind == "wav":
        return wav(TONE, 8000, record)
    if kind == "gif":
        return gif(FRAMES, 70, record)
    if kind == "mid":
        return midi(NOTES, 90, record)
    return webp(FRAMES, 70, record) if kind == "webp" else txt("ROMEO:\nNow", record).encode()


KINDS = tuple(provenance.KINDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder / "pretrained")))
    tiny_zoo.more(folder / "pretrained")
    for name in ("dcgan.fashion-mnist", "vae.fashion-mnist"):  # weights of their own
        other_weights(folder / "pretrained" / name / "model.safetensors")
    return folder


def other_weights(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-400:-396] = struct.pack("<f", 0.9)
    path.write_bytes(data)


@pytest.fixture
def tiny(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the tiny zoo in place of the bundled one; nothing is loaded, nothing added; in an empty folder."""
    folder = shutil.copytree(made, tmp_path / "zoo")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(hub, "PRETRAINED", folder / "pretrained")
    monkeypatch.setattr(judges, "PINS", folder / "judges.json")
    monkeypatch.delenv("ZOO_NAMESPACE", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    library._loaded.clear()
    library._added.clear()
    return folder / "pretrained"


def last(results: Iterator[Any]) -> Any:
    *_, final = results
    return final


def again(data: bytes, **options: Any) -> Replay:
    """What came of making a file again."""
    found: Replay = last(replay(look(data), **options))
    return found


def seven() -> Image.Image:
    pad = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(pad).line([(90, 60), (190, 60), (130, 220)], fill="black", width=18)
    return pad


def changed(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A TXT whose line of JSON was changed by another hand."""
    head, brace, tail = data.decode().rpartition("\n{")
    values = json.loads(brace + tail)
    change(values)
    return f"{head}\n{json.dumps(values)}\n".encode()


def drawn(**options: Any) -> bytes:
    pictures = image.draw(**options)
    return png(pictures.sheet, pictures.source.record)


def part_of(pictures: image.Pictures, result: str, picture: Image.Image) -> bytes:
    return png(picture, replace(pictures.source.record, result=result))


def walked(kind: str) -> bytes:
    path, strip, source = image.interpolate(seed=2, waypoints=3, frames=9)
    if kind == "gif":
        return image.as_gif(path, source.record)
    return path.read_bytes() if kind == "webp" else png(strip, replace(source.record, result="strip"))


def spoken(kind: str) -> bytes:
    return sounding(last(audio.speak(digits="40", speaker="theo", temperature=0.7, seed=3)), kind)


def sounding(sound: audio.Sound, kind: str) -> bytes:
    if kind == "wav":
        return wav(sound.waveform, sound.sample_rate, sound.source.record)
    return png(sound.spectrogram, replace(sound.source.record, result="spectrogram"))


def written(**options: Any) -> bytes:
    writing = last(text.write(prompt="ROMEO: “now”", max_new_tokens=40, seed=5, **options))
    return txt(writing.text, writing.source.record).encode()


def sung(kind: str) -> bytes:
    options: dict[str, Any] = {"temperature": 0.8, "tempo": 90, "seed": 3}
    made = last(chorale.harmonise(melody="G4 | C5 D5 E5:1.5 r:0.5", **options) if kind == "mid" else
                chorale.compose(bars=2, **options))  # fmt: skip
    if kind == "mid":
        return midi(made.notes, made.tempo, made.source.record)
    if kind == "wav":
        return wav(made.waveform, made.sample_rate, made.source.record)
    return png(made.roll, replace(made.source.record, result="roll"))


def composed() -> bytes:
    writing = last(text.compose(form="七言绝句", title="夜", acrostic="春月", seed=1))
    return txt(writing.text, writing.source.record).encode()


def sketched() -> image.Pictures:
    return image.reconstruct(picture=seven())


def realised(given: tuple[Record, ...], digits: str) -> crossmodal.Realisation:
    found: crossmodal.Realisation = last(crossmodal.realise(digits, seed=2, speaker="theo", parents=given))
    return found


def sheet(pictures: image.Pictures) -> bytes:
    return png(pictures.sheet, pictures.source.record)


def page_of(made: Any) -> bytes:
    return txt(made.text, made.source.record).encode()


def talked() -> bytes:
    history = [("user", "你好"), ("bot", "hello")]
    return page_of(last(chat.reply("gpt.dialogue", history, "how are you?", max_new_tokens=12, seed=4)))


def answered() -> Any:
    return last(assistant.answer("bert.retrieval", (), "press two", seed=3))


MAKERS: dict[str, Callable[[], bytes]] = {
    "a sheet of a class": lambda: drawn(label="7", count=4, seed=3),
    "a sheet of all classes": lambda: drawn(model="vae.mnist", count=5, truncation=0.7),
    "one picture of a sheet": lambda: part_of(made := image.draw(count=3), "picture 1", made.images[1]),
    "a sheet of many steps": lambda: drawn(model="diffusion.mnist", label="7", count=2, seed=3, steps=3, guidance=2),
    "a number, every pixel once": lambda: part_of(made := image.draw_number(digits="42"), "native", image.native(made)),
    "a map": lambda: (lambda made: png(made.sheet, made.source.record))(image.latent_grid(seed=4, size=3)),
    "an animation": lambda: walked("webp"),
    "an animation for old programs": lambda: walked("gif"),
    "a strip": lambda: walked("png"),
    "a drawing redrawn": lambda: (lambda made: png(made.sheet, made.source.record))(sketched()),
    "a drawing coloured": lambda: sheet(translate.translate("pix2pix.outline", seven(), how="edges")),
    "the way back": lambda: part_of(
        made := translate.translate("cyclegan.openmoji-twitter", seven(), back=True), "picture 1", made.images[1]
    ),
    "a picture enlarged": lambda: sheet(translate.translate("srgan.emoji", seven())),
    "a picture enlarged as it is": lambda: sheet(translate.enlarge("srgan.emoji", seven().resize((60, 45))).pictures),
    "a sum": lambda: sheet(latents.arithmetic("vae.mnist", "9", "4", "picture 7")),
    "a sum with a drawing": lambda: sheet(latents.arithmetic("vae.mnist", "given", "4", "8", picture=seven())),
    "a picture moved": lambda: sheet(latents.slide("vae.mnist", {"7": 1.5, "1": -0.5}, seed=3)),
    "single dimensions": lambda: sheet(latents.traverse("vae.mnist", seed=2, dimensions=3)),
    "styles in every class": lambda: sheet(latents.styles_by_class("vae.conditional", seed=2, styles=2)),
    "a mixture": lambda: sheet(styles.mix("stylegan.fashion-mnist", seed=1, seed_fine=2, crossover=2)),
    "an edit": lambda: sheet(styles.edit("stylegan.fashion-mnist", "Bag", seed=1, amounts=[2.0, -1.5])),
    "a translation": lambda: page_of(translation.translate("seq2seq.en-zh", "I like it.", beams=2)),
    "a pronunciation": lambda: page_of(translation.pronounce("seq2seq.g2p", "zoo", beams=2)),
    "blanks filled": lambda: page_of(masked.fill("bert.dialogue", "i like the ___", top=3)),
    "a reply": talked,
    "a sound": lambda: spoken("wav"),
    "a spectrogram": lambda: spoken("png"),
    "a sentence": lambda: sounding(speech.say(text="press zorbing", speed=1.5, seed=3).sound, "wav"),
    "its spectrogram": lambda: sounding(speech.say(text="press 2", seed=3).sound, "png"),
    "a note": lambda: sounding(last(notes.play_note(note="E4", instrument="marimba", seed=3)), "wav"),
    "a drum": lambda: sounding(drums.hit(instrument="snare", seed=3), "wav"),
    "the look of a drum": lambda: sounding(drums.hit(instrument="snare", seed=3), "png"),
    "a beat": lambda: sounding(drums.beat(pattern="funk", tempo=97.5, bars=1, seed=3, seeds={"snare": 9}), "wav"),
    "a digit from its place": lambda: (lambda made: png(made.picture, made.source.record))(
        joint.give("trimodal_digits.digits", joint.given("7"), seed=2)
    ),
    "a map of places": lambda: sheet(joint.map_picture("trimodal_digits.digits")),
    "emoji found": lambda: page_of(matching.find("contrastive.emoji", "a cat", top=3)),
    "a picture described": lambda: page_of(matching.describe("contrastive.emoji", seven(), language="zh", top=3)),
    "a picture in words": lambda: page_of(describing.describe_digit(picture=seven(), language="zh", beams=2)),
    "a text drawn": lambda: sheet(last(prompting.draw(text="a cat", count=2, seed=3, steps=2))),
    "music": lambda: sung("wav"),
    "its notes": lambda: sung("mid"),
    "its piano roll": lambda: sung("png"),
    "a text": written,
    "a poem": composed,
    "a reply read aloud": lambda: sounding(answered().sound, "wav"),
    "a reply drawn": lambda: png(answered().picture, answered().seen),
    "a number in words": lambda: page_of(
        crossmodal.number_in_words("42", parents=(crossmodal.number_given("forty-two"),))
    ),
}


@pytest.mark.parametrize("what", MAKERS)
def test_a_file_of_each_kind_is_made_again_to_the_byte(tiny: Path, what: str) -> None:
    data = MAKERS[what]()
    found = again(data)
    assert found.data == data and found.identical and found.same and found.holds and not found.differences


def test_a_text_of_8_bits_is_made_again_to_the_byte() -> None:
    made = last(text.write("gpt.stories", "Once", max_new_tokens=30, seed=4, bits=8))
    data = txt(made.text, made.source.record).encode()
    assert again(data).data == data


def test_every_operation_that_can_be_made_again_is_made_again_here(tiny: Path) -> None:
    kept = {name for name, one in OPERATIONS.items() if one.parents != ("given.recording",)}  # a voice is not
    assert {read(maker()).operation for maker in MAKERS.values()} == kept


def test_a_text_that_was_stopped_is_made_again_as_far_as_it_came(tiny: Path) -> None:
    first = next(text.write(prompt="ROMEO:", max_new_tokens=500, seed=5))
    assert not first.done and first.tokens < 500
    data = txt(first.text, first.source.record).encode()
    assert again(data).data == data


# cross-modal: the steps before


def test_a_typed_number_is_the_step_before_its_picture_and_its_sound(tiny: Path) -> None:
    made = realised((crossmodal.number_given("forty-two"),), "42")
    for data in (
        png(made.picture.sheet, made.picture.source.record),
        wav(made.sound.waveform, made.sound.sample_rate, made.sound.source.record),
    ):
        found = again(data)
        assert found.identical and found.holds
        (parent,) = found.marked.record.parents
        assert parent.operation == "crossmodal.read_number" and parent.parameters == {"text": "forty-two"}


def test_a_drawing_travels_with_what_was_made_of_it_and_is_read_again(tiny: Path) -> None:
    seen = crossmodal.recognise_drawing(seven())
    made = realised((seen.source.record,), seen.digits)
    data = wav(made.sound.waveform, made.sound.sample_rate, made.sound.source.record)
    judged = read(data).parents[0]
    assert judged.operation == "crossmodal.recognise_drawing" and judged.model == "resnet.mnist"
    assert judged.sha256 == judges.judge_of("mnist").sha256  # type: ignore[union-attr]
    values = provenance.picture_of(judged.parents[0])
    assert values.shape == (28, 28) and crossmodal.recognise_seen(values).digits == seen.digits
    assert again(data).identical


def test_a_result_that_does_not_follow_from_its_drawing_is_found_out(tiny: Path) -> None:
    seen = crossmodal.recognise_drawing(seven())
    other = str((int(seen.digits) + 1) % 10)
    made = realised((seen.source.record,), other)
    found = again(png(made.picture.sheet, made.picture.source.record))
    assert found.identical and not found.holds
    assert [one.words() for one in found.differences] == [
        f"what was given is read as {seen.digits} here; the file says {other}"
    ]


def test_a_recording_is_named_and_never_kept(tiny: Path) -> None:
    voice = np.random.default_rng(0).normal(0, 0.2, 6000).astype(np.float32).clip(-1, 1)
    heard = crossmodal.recognise_speech(voice, 8000)
    made = realised((heard.source.record,), heard.digits)
    data = wav(made.sound.waveform, made.sound.sample_rate, made.sound.source.record)
    (recording,) = read(data).parents[0].parents
    assert recording.operation == "given.recording" and set(recording.parameters) == {"samples", "sample_rate"}
    found = again(data)
    assert found.identical and found.holds
    assert "a voice is not kept" in found.differences[0].words() and "嗓音" in found.differences[0].words("zh")


# what a file holds besides is untouched


def test_pixels_samples_frames_and_characters_are_what_they_would_be_without_a_record() -> None:
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(SHEET, RECORD)))), np.asarray(SHEET))
    samples, rate = soundfile.read(io.BytesIO(wav(TONE, 8000, RECORD)), dtype="int16")
    assert rate == 8000 and np.array_equal(samples, np.round(TONE * 32767).astype(np.int16))
    for animate in (webp, gif):
        with Image.open(io.BytesIO(animate(FRAMES, 70, RECORD))) as moving:
            assert moving.n_frames == len(FRAMES) and moving.info["loop"] == 0
            for number, frame in enumerate(FRAMES):
                moving.seek(number)
                assert np.array_equal(np.asarray(moving.convert("L")), np.asarray(frame))
                assert moving.info["duration"] == 70
    assert txt("春，\n\n夏", RECORD).startswith("春，\n\n夏\n")
    for kind, expected in (("png", np.asarray(SHEET.convert("RGB"))), ("wav", samples), ("txt", "ROMEO:\nNow")):
        assert np.array_equal(look(file_of(kind, RECORD)).payload(), expected)
    for kind in ("webp", "gif"):
        assert look(file_of(kind, RECORD)).payload().shape == (5, 20, 24, 3)


def test_an_animation_that_stands_still_carries_its_record_too() -> None:
    data = webp([FRAMES[2]] * 4, 70, RECORD)
    assert read(data) == RECORD and Image.open(io.BytesIO(data)).size == (24, 20)


@pytest.mark.parametrize("kind", ["png", "wav", "webp", "gif"])
def test_files_carry_the_standard_mark_of_what_a_machine_made(kind: str) -> None:
    data = file_of(kind, replace(RECORD, model='a <b> & "c"'))
    packet = data[data.index(b"<x:xmpmeta") : data.index(b"</x:xmpmeta>") + 12]
    description = ElementTree.fromstring(packet)[0][0]
    extension = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
    assert description.get(f"{extension}DigitalSourceType") == provenance.SOURCE_TYPE
    assert description.get(f"{extension}AISystemUsed", "").startswith('a <b> & "c"')
    if kind in ("png", "webp"):
        opened = Image.open(io.BytesIO(data))
        opened.load()
        assert b"trainedAlgorithmicMedia" in opened.info["xmp"]


def test_texts_that_other_programs_show_say_what_made_the_file() -> None:
    opened = Image.open(io.BytesIO(png(SHEET, RECORD)))
    opened.load()
    assert opened.info["Software"].startswith("Model Zoo") and "Made by a machine" in opened.info["Comment"]
    assert opened.info["Copyright"] == "Apache-2.0"
    with soundfile.SoundFile(io.BytesIO(wav(TONE, 8000, RECORD))) as sound:
        assert sound.frames == len(TONE) and sound.software.startswith("Model Zoo")
        assert "Made by a machine" in sound.comment and sound.copyright == "Apache-2.0"
    assert "Made by a machine" in txt("a", RECORD) and "由人工智能生成" in txt("a", RECORD)


def test_a_text_may_have_its_line_ends_and_its_byte_order_mark_changed() -> None:
    data = file_of("txt", RECORD)
    for other in (data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data, data + b"\nsent from a telephone\n"):
        assert read(other) == RECORD and look(other).payload() == "ROMEO:\nNow"


def test_a_text_that_quotes_a_footer_is_read_by_its_last_one() -> None:
    inner = txt("inner", replace(RECORD, seed=1))
    assert read(txt(inner, RECORD).encode()) == RECORD
    assert look(txt(inner, RECORD).encode()).payload() == inner


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Co", "Cn", "Zl", "Zp", "Zs"]))
RECORDS = st.builds(
    Record,
    operation=st.sampled_from(sorted(OPERATIONS)),
    model=PLAIN.map(lambda name: name[:50]),
    revision=st.sampled_from(["", "0123456789" * 4]),
    sha256=st.sampled_from(["", "0123456789abcdef" * 4]),
    seed=st.none() | st.integers(0, MAX_SEED),
    parameters=st.dictionaries(
        st.from_regex("[a-z_]{1,12}", fullmatch=True),
        st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e9, 1e9) | st.text(max_size=40),
        max_size=6,
    ),
    licence=PLAIN.map(lambda name: name[:30]),
    result=st.sampled_from(["", "strip", "picture 3"]),
)
RECORDS = st.builds(
    lambda record, parents: replace(record, parents=tuple(parents)), RECORDS, st.lists(RECORDS, max_size=2)
)


@settings(max_examples=40, deadline=None)
@given(record=RECORDS, kind=st.sampled_from(KINDS))
def test_a_record_is_read_as_it_was_written(record: Record, kind: str) -> None:
    assert read(file_of(kind, record)) == record


# what differs


def test_other_weights_are_named_with_both_sums_and_what_they_change(tiny: Path, made: Path) -> None:
    data = drawn(count=2)
    old = read(data).sha256
    weights = tiny / "dcgan.mnist" / "model.safetensors"
    other_weights(weights)
    library._loaded.clear()
    found = again(data)
    new = checkpoint.sha256_of(weights)
    words = [one.words() for one in found.differences]
    assert not found.holds and f"the weights are others: sha256 {old} in the file, {new} here" in words
    assert found.data is not None and not found.identical


def test_an_edited_picture_sound_or_text_is_found_out_to_the_pixel(tiny: Path) -> None:
    pictures = image.draw(count=1)
    pixels = np.asarray(pictures.sheet).copy()
    pixels[3, 4] ^= 0x40
    found = again(png(Image.fromarray(pixels), pictures.source.record))
    assert not found.same and found.differences[0].words().startswith(
        f"1/{pixels.size:,} pixels differ, by at most 64 "
    )
    sound = last(audio.speak(digits="1"))
    louder = sound.waveform.copy()
    louder[5] += 0.25
    found = again(wav(louder, sound.sample_rate, sound.source.record))
    assert f"1/{len(louder):,} samples differ, by at most 8,19" in found.differences[0].words()
    found = again(wav(louder[:-7], sound.sample_rate, sound.source.record))
    assert found.differences[0].what == "size"
    made = last(chorale.compose(bars=2, seed=1))
    for changed in ([*made.notes[:-1], made.notes[-1]._replace(pitch=70)], made.notes[:-1]):
        found = again(midi(changed, made.tempo, made.source.record))
        assert not found.same and not found.holds
    assert found.differences[0].what == "size"
    data = written().replace(b"now'", b"NOW'")
    assert "from character 9 on: \"NOW'" in again(data).differences[0].words()


def test_a_file_that_another_program_saved_still_holds(tiny: Path) -> None:
    data = drawn(count=1)
    opened = Image.open(io.BytesIO(data))
    opened.load()
    info, packed = PngInfo(), io.BytesIO()
    info.add_itxt("zoo", opened.info["zoo"])
    opened.convert("RGB").save(packed, "PNG", pnginfo=info, compress_level=1)
    found = again(packed.getvalue())
    assert found.same and found.holds and not found.identical
    assert [one.what for one in found.differences] == ["packed"]


def test_another_version_of_the_zoo_or_of_a_library_is_named(tiny: Path) -> None:
    def older(values: dict[str, Any]) -> None:
        values["version"], values["libraries"]["numpy"] = "0.0.9", "1.99"

    found = again(changed(written(), older))
    assert found.holds and not found.identical
    words = " ".join(one.words() for one in found.differences)
    assert "the zoo was version 0.0.9; here it is" in words and "a library was numpy 1.99; here it is numpy " in words


def test_a_model_that_is_not_here_is_named_and_nothing_is_fetched(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, commit = written(), "0123456789" * 4
    monkeypatch.setattr(hub, "locate", lambda name: pytest.fail(f"{name} was looked for"))

    def hosted(values: dict[str, Any]) -> None:
        values["record"] |= {"model": "ann/gpt", "revision": commit, "sha256": "ab" * 32}

    found = again(changed(data, hosted))
    assert found.data is None and not found.holds
    assert f"`python -m zoo pull ann/gpt@{commit}`" in found.differences[0].words()
    assert f"`python -m zoo pull ann/gpt@{commit}`" in found.differences[0].words("zh")
    for name in ("nobody.knows", "/etc/passwd", "../../x/y", str(tiny / "gpt.shakespeare"), "https://example.org/a/b"):
        found = again(changed(data, lambda values, name=name: values["record"].update(model=name, sha256="ab" * 32)))
        assert found.data is None and "is not installed here" in found.differences[0].words()


def test_the_same_weights_under_another_name_will_do(tiny: Path) -> None:
    found = again(changed(written(), lambda values: values["record"].update(model="gpt.renamed")))
    assert found.holds and found.differences[0].words() == (
        "the model is named gpt.renamed in the file, gpt.shakespeare here"
    )


# the command


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_replay_on_the_command_line_says_what_came_of_it(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, out in (("dcgan.mnist", "a.png"), ("wavenet.spoken-digits", "a.wav"), ("gpt.tang", "a.txt")):
        assert run("sample", name, "--seed", 3, "--out", out) == DONE
        capsys.readouterr()
        assert run("replay", out, "--out", f"again{Path(out).suffix}") == DONE
        assert "made again: the same, byte for byte" in capsys.readouterr().out
        assert Path(out).read_bytes() == Path(f"again{Path(out).suffix}").read_bytes()
    assert run("replay", "a.png", "--out", "b.wav") == WRONG and run("replay", "a.png", "--out", "no/b.png") == WRONG
    assert run("replay", "missing.png") == WRONG
    Path("a.txt").write_bytes(Path("a.txt").read_bytes().replace("，".encode(), "。".encode(), 1))
    capsys.readouterr()
    assert run("replay", "a.txt") == DRIFTED and "NOT the same" in capsys.readouterr().out
    shutil.rmtree(tiny / "dcgan.mnist")
    assert run("replay", "a.png") == WRONG and "its model dcgan.mnist" in capsys.readouterr().err


def test_a_model_in_a_folder_of_ones_own_is_named_on_the_command_line(tiny: Path, tmp_path: Path) -> None:
    own = shutil.move(tiny / "dcgan.fashion-mnist", tmp_path / "own")
    assert run("sample", own, "--out", "a.png") == DONE
    library._added.clear()
    assert run("replay", "a.png") == WRONG
    assert run("replay", "a.png", "--model", own, "--out", "b.png") == DONE
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_a_model_of_the_hub_is_found_again_by_its_commit_without_asking(made: Path, tmp_path: Path) -> None:
    token = "hf_" + "a" * 34
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ZOO_"))} | {
        "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1", "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip

    def zoo(*arguments: str, url: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "zoo", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment | {"HF_ENDPOINT": url}, capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    folder = made / "pretrained" / "vae.mnist"
    with TestHub({token: "ada"}) as server:
        files = {path.name: Blob(path.read_bytes(), path.suffix == ".safetensors") for path in folder.iterdir()}
        commit = server.repositories.setdefault("ada/vae", Repository()).commit("placed", files)
        assert zoo("sample", "ada/vae", "--count", "2", "--out", "a.png", url=server.url)[0] == DONE
        asked = len(server.requests)
        code, words = zoo("replay", "a.png", url=server.url)
        assert code == DONE and "byte for byte" in words and len(server.requests) == asked
        server.shutdown()
    record = read(tmp_path / "a.png")
    assert record.model == "ada/vae" and record.revision == commit
    shutil.rmtree(tmp_path / "hf")
    code, words = zoo("replay", "a.png", url=server.url)
    assert code == WRONG and f"python -m zoo pull ada/vae@{commit}" in words


# what strangers may write into a file


def nested(depth: int) -> dict[str, Any]:
    return {"operation": "image.draw"} | ({"parents": [nested(depth - 1)]} if depth else {})


FORGED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a format of the future": (lambda v: v.update(zoo=2), "is of format 2; this zoo"),
    "no format": (lambda v: v.pop("zoo"), "is of format None"),
    "true for one": (lambda v: v.update(zoo=True), "is of format True"),
    "an unknown field": (lambda v: v.update(licens="x"), "unknown field 'licens'"),
    "no mark": (lambda v: v.pop("source_type"), "does not say that a machine made it"),
    "another mark": (lambda v: v.update(source_type="http://x/digitalCapture"), "does not say that a machine made it"),
    "a version that is a page": (lambda v: v.update(version="<b>1</b>" * 99), "which is no version"),
    "a library of their own": (lambda v: v["libraries"].update(evil="1"), "must be among numpy"),
    "libraries as a list": (lambda v: v.update(libraries=["numpy"]), "must be among numpy"),
    "a record as a list": (lambda v: v.update(record=[1]), "must be described by a JSON object"),
    "no record": (lambda v: v.pop("record"), "must be described by a JSON object"),
    "an unknown field of a record": (lambda v: v["record"].update(code="x"), "unknown field 'code'"),
    "an operation that is a path": (lambda v: v["record"].update(operation="os.system/x"), "operation that the file"),
    "an operation that does not exist": (lambda v: v["record"].update(operation="image.drawn"), "perhaps you meant"),
    "an operation of no file": (lambda v: v["record"].update(operation="given.drawing"), "cannot be made again"),
    "a function of another module": (lambda v: v["record"].update(operation="hub.push"), "cannot be made again"),
    "another kind's operation": (lambda v: v["record"].update(operation="image.draw"), "cannot hold its main result"),
    "another result": (lambda v: v["record"].update(result="strip"), "cannot hold its strip of text.write"),
    "a negative seed": (lambda v: v["record"].update(seed=-1), "the seed that the file states is -1"),
    "a seed that is a fraction": (lambda v: v["record"].update(seed=1.5), "the seed that the file states is 1.5"),
    "a seed too large": (lambda v: v["record"].update(seed=2**53), "the seed that the file states"),
    "no seed": (lambda v: v["record"].pop("seed"), "takes a seed; the file states None"),
    "a sum that is none": (lambda v: v["record"].update(sha256="xyz"), "the sha256 that the file states"),
    "a revision that is a branch": (lambda v: v["record"].update(revision="main"), "the revision that the file states"),
    "a model that is a number": (lambda v: v["record"].update(model=5), "the model that the file states is 5"),
    "a model of two lines": (lambda v: v["record"].update(model="a\nb"), "a short printable text is allowed"),
    "a licence of a megabyte": (lambda v: v["record"].update(licence="x" * 101), "a short printable text is allowed"),
    "parameters as a list": (lambda v: v["record"].update(parameters=[]), "must be a JSON object of at most 20"),
    "many parameters": (lambda v: v["record"].update(parameters={f"p_{i}": 1 for i in range(21)}), "of at most 20"),
    "an unknown parameter": (lambda v: v["record"]["parameters"].update(device="cuda"), "no parameter 'device'"),
    "a missing parameter": (lambda v: v["record"]["parameters"].pop("top_p"), "does not state the parameter top_p"),
    "a parameter that is a list": (lambda v: v["record"]["parameters"].update(prompt=["x"]), "the parameter prompt is"),
    "a parameter of two words": (lambda v: v["record"]["parameters"].update({"a b": 1}), "cannot be the name"),
    "a temperature too high": (lambda v: v["record"]["parameters"].update(temperature=99), "the temperature is 99"),
    "a temperature in words": (lambda v: v["record"]["parameters"].update(temperature="1"), "the temperature is '1'"),
    "a length too long": (lambda v: v["record"]["parameters"].update(max_new_tokens=10**6), "the length is 1000000"),
    "a prompt too long": (lambda v: v["record"]["parameters"].update(prompt="x" * 3000), "the prompt has 3,000"),
    "a prompt that is a number": (lambda v: v["record"]["parameters"].update(prompt=5), "the prompt is 5"),
    "a step before a text": (lambda v: v["record"].update(parents=[nested(0)]), "has no step before it"),
    "many steps": (lambda v: v["record"].update(parents=[nested(0)] * 5), "a list of at most 4"),
    "deep steps": (lambda v: v["record"].update(parents=[nested(4)]), "more than 4 steps"),
    "steps that are words": (lambda v: v["record"].update(parents="image.draw"), "a list of at most 4"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_forged_fields_are_refused_in_words(tiny: Path, what: str) -> None:
    change, words = FORGED[what]
    data = changed(written(), change)
    with pytest.raises(InputError) as caught:
        again(data)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 800


FORGED_DRAWINGS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no drawing": (lambda d: d["parameters"].pop("values"), "is not in the file"),
    "another drawing": (lambda d: d.update(sha256="ab" * 32), "is not the one that its sha256 names"),
    "a huge one": (lambda d: d["parameters"].update(height=10**6), "it has at most 256 a side"),
    "no numbers": (lambda d: d["parameters"].update(height="28"), "it has at most 256 a side"),
    "damaged": (lambda d: d["parameters"].update(values="AAAA"), "the drawing in the file is damaged"),
    "no base 64": (lambda d: d["parameters"].update(values="é"), "the drawing in the file is damaged"),
    "another size": (lambda d: d["parameters"].update(height=14), "is not the one that its sha256 names"),
    "a parameter more": (lambda d: d["parameters"].update(x=1), "has no parameter 'x'"),
    "a step before it": (lambda d: d.update(parents=[nested(0)]), "has no step before it"),
}


@pytest.mark.parametrize("what", FORGED_DRAWINGS)
def test_forged_drawings_are_refused_in_words(tiny: Path, what: str) -> None:
    change, words = FORGED_DRAWINGS[what]
    pictures = sketched()
    line = json.loads(provenance._dumped(pictures.source.record))
    change(line["record"]["parents"][0])
    with pytest.raises(InputError, match=words):
        again(with_line(json.dumps(line).encode()))


def test_a_drawing_that_would_unfold_into_gigabytes_does_not(tiny: Path) -> None:
    seen = np.zeros((28, 28), "<f4")
    bomb = provenance.drawing(seen)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    bomb = replace(bomb, parameters={**bomb.parameters, "values": base64.b64encode(packed).decode()})
    with pytest.raises(ProvenanceError, match="is not the one"):
        provenance.picture_of(bomb)
    for value in (np.nan, 2.0):
        odd = provenance.drawing(np.full((28, 28), value, "<f4"))
        with pytest.raises(ProvenanceError, match="outside 0 to 1"):
            provenance.picture_of(odd)


def png_chunk(name: bytes, body: bytes, *, checksum: int | None = None) -> bytes:
    found = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", found)


def with_chunk(chunk: bytes) -> bytes:
    """A PNG without a record of its own, with this chunk before its pixels."""
    encoded = io.BytesIO()
    SHEET.save(encoded, "PNG")
    data = encoded.getvalue()
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk + data[at:]


def with_line(line: bytes) -> bytes:
    """A PNG that says this of itself."""
    return with_chunk(png_chunk(b"iTXt", b"zoo\0\0\0\0\0" + line))


LINE = provenance._dumped(RECORD).encode()
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "a picture from elsewhere": (lambda: with_chunk(b""), "does not say how it was made"),
    "a text from elsewhere": (lambda: b"To be, or not to be\n", "does not say how it was made"),
    "a sound from elsewhere": (lambda: wav_of(b""), "does not say how it was made"),
    "nothing": (lambda: b"", "is no PNG, WAV, WEBP, GIF, MIDI or TXT"),
    "something else": (lambda: b"\x00\x01\x02" * 50, "is no PNG, WAV, WEBP, GIF, MIDI or TXT"),
    "a JPEG": (lambda: b"\xff\xd8\xff\xe0" * 20, "is no PNG, WAV, WEBP, GIF, MIDI or TXT"),
    "a whole answer, many files": (lambda: b"PK\x03\x04\x14\0" + LINE, "is no PNG, WAV, WEBP, GIF, MIDI or TXT"),
    "no JSON": (lambda: with_line(b"what?"), "is not JSON"),
    "deep JSON": (lambda: with_line(b"[" * 100_000), "is not JSON"),
    "a field twice": (lambda: with_line(b'{"zoo":1,"zoo":1}'), "names a field twice"),
    "no number": (lambda: with_line(LINE.replace(b'"seed":7', b'"seed":NaN')), "holds NaN, which is no number"),
    "endless digits": (lambda: with_line(LINE.replace(b'"seed":7', b'"seed":' + b"9" * 9000)), "is not JSON"),
    "letters of another script": (lambda: with_line(LINE.replace(b"dcgan", "д".encode())), "is not JSON"),
    "a huge record": (lambda: with_line(b" " * (300 << 10)), "at most 262,144"),
    "two records": (lambda: with_chunk(2 * png_chunk(b"iTXt", b"zoo\0\0\0\0\0" + LINE)), "says 2 times"),
    "a wrong checksum": (
        lambda: with_chunk(png_chunk(b"iTXt", b"zoo\0\0\0\0\0" + LINE, checksum=5)), "its checksum is wrong",
    ),
    "a compressed record": (
        lambda: with_chunk(png_chunk(b"zTXt", b"zoo\0\0" + zlib.compress(bytes(50 << 20)))), "form that is not written",
    ),
    "a compressed iTXt": (
        lambda: with_chunk(png_chunk(b"iTXt", b"zoo\0\1\0\0\0" + zlib.compress(LINE))), "form that is not written",
    ),
    "a chunk longer than the file": (
        lambda: with_chunk(struct.pack(">I", 2**32 - 1) + b"iTXtzoo\0"), "a chunk is longer than the file",
    ),
    "a PNG that ends": (lambda: png(SHEET, RECORD)[:-20], "cut short"),
    "endless chunks": (lambda: with_chunk(png_chunk(b"teXt", b"") * 10_001), "more than 10,000 chunks"),
    "a WAV that ends": (lambda: wav(TONE, 8000, RECORD)[:-20], "cut short"),
    "a chunk longer than the WAV": (lambda: wav_of(b"zoo \xff\xff\xff\x7fabcd"), "a chunk is longer than the file"),
    "endless chunks of a WAV": (lambda: wav_of(b"junk\0\0\0\0" * 10_001), "more than 10,000 chunks"),
    "a text of megabytes": (lambda: b"x" * (2 << 20), "at most 1,048,576"),
}  # fmt: skip


def wav_of(chunks: bytes) -> bytes:
    body = b"WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16) + b"data\4\0\0\0abcd" + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_are_refused_in_words(what: str) -> None:
    make, words = BROKEN[what]
    with pytest.raises(ProvenanceError) as caught:
        look(make())
    assert words in str(caught.value)


def test_a_file_too_large_is_not_read_whole(tmp_path: Path) -> None:
    with open(tmp_path / "large.png", "wb") as file:
        file.write(png(SHEET, RECORD))
        file.truncate(8 << 30)  # sparse: it takes no room, but reading it would
    with pytest.raises(ProvenanceError, match="at most 33,554,432 are read"):
        look(tmp_path / "large.png")
    with pytest.raises(ProvenanceError, match="cannot be read"):
        look(tmp_path)


def test_pictures_and_animations_that_would_unfold_into_gigabytes_do_not() -> None:
    data = bytearray(png(SHEET, RECORD))
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    with pytest.raises(InputError, match="60,000 x 60,000"):
        look(bytes(data)).payload()
    data = bytearray(webp(FRAMES, 70, RECORD))
    data[24:30] = (16_382).to_bytes(3, "little") * 2
    with pytest.raises(InputError, match="larger than 16 million pixels"):
        look(bytes(data)).payload()
    data = bytearray(gif(FRAMES, 70, RECORD))
    data[6:10] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(InputError, match="larger than 16 million pixels"):
        look(bytes(data)).payload()
    many = webp([Image.fromarray(np.full((2000, 2000), i, np.uint8)) for i in range(5)], 70, RECORD)
    with pytest.raises(InputError, match="more than 4 frames of 2,000 x 2,000"):
        look(many).payload()


def taken(act: Callable[[], Any]) -> Any:
    """What `act` gives, or None when it refuses in words."""
    try:
        return act()
    except InputError as error:
        if not str(error):
            raise
        return None


FILES = {kind: file_of(kind, RECORD) for kind in KINDS}


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_damaged_file_is_read_rightly_or_refused_in_words(kind: str, data: st.DataObject) -> None:
    whole = FILES[kind]
    cut = data.draw(st.integers(0, len(whole)))
    at = data.draw(st.integers(0, len(whole) - 1))
    insert = data.draw(st.binary(max_size=12))
    broken = data.draw(
        st.sampled_from([whole[:cut], whole[:at] + insert + whole[at + len(insert) :], whole[at:] + insert])
    )
    found = taken(lambda: look(broken))
    if found is not None:
        taken(found.payload)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_in_words(data: bytes) -> None:
    for whole in (data, with_chunk(data), wav_of(data), with_line(data)):
        with pytest.raises(ProvenanceError):
            look(whole)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
FIELDS = st.sampled_from(["zoo", "version", "source_type", "libraries", "record"])
OWN = st.sampled_from([one.name for one in fields(Record)])


@settings(max_examples=150, deadline=None)
@given(field=FIELDS, own=OWN, value=JSON, deep=st.booleans())
def test_any_json_in_place_of_a_field_is_taken_rightly_or_refused_in_words(
    field: str, own: str, value: Any, deep: bool
) -> None:
    stated = json.loads(LINE)
    if deep:
        stated["record"][own] = value
    else:
        stated[field] = value
    found = taken(lambda: look(with_line(json.dumps(stated).encode())).record)
    if found is not None:
        assert type(found.seed) is int or found.seed is None
        assert all(isinstance(parent, Record) for parent in found.parents)
        assert found.model.isprintable() and isinstance(found.parameters, dict)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(["label", "count", "truncation"]), value=JSON)
def test_any_json_in_place_of_a_parameter_is_refused_in_words_or_made(made: Path, name: str, value: Any) -> None:
    stated = json.loads(LINE)
    stated["record"]["parameters"] = {"label": None, "count": 1, "truncation": 1.0, name: value}
    stated["record"]["sha256"] = checkpoint.sha256_of(made / "pretrained" / "dcgan.mnist" / "model.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "PRETRAINED", made / "pretrained")
        found = taken(lambda: again(with_line(json.dumps(stated).encode())))
        assert found is None or found.data is not None


# the app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="module")
def client(app: Served, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return gradio_client.Client(app.url, verbose=False, download_files=str(tmp_path_factory.mktemp("got")))


def test_files_of_the_app_are_made_again_by_the_app(client: Any, tmp_path: Path) -> None:
    seven().save(tmp_path / "seven.png")
    drawing = gradio_client.handle_file(tmp_path / "seven.png")
    sheet, _ = client.predict("dcgan.mnist", "7", 2, 5, 0.8, api_name="/draw_images")
    animation, strip, _, moving = client.predict("vae.mnist", "all", 1, 2, 8, api_name="/interpolate_images")
    redrawn, _ = client.predict("vae.mnist", drawing, api_name="/redraw_drawing")
    *_, writing = client.predict("gpt.shakespeare", "ROMEO:", 20, 0.8, 0, 0.95, 1.0, 7, api_name="/write_text")
    *_, poem = client.predict("gpt.tang", "五言绝句", "", "春", "", 0.8, 0, 0.9, 3, api_name="/compose_poem")
    *_, picture, sound, _ = client.predict(drawing, "jackson", 4, api_name="/from_drawing")
    recorded = gradio_client.handle_file(sound)
    *_, echo, _ = client.predict(recorded, "jackson", 4, api_name="/from_speech")
    assert Path(sheet).name == "dcgan.mnist-seed5.png" and Path(strip).name == "vae.mnist-seed1-strip.png"
    for path in (sheet, animation, moving, strip, redrawn, writing, poem, picture, sound, echo):
        report, data, *shown = client.predict(gradio_client.handle_file(path), api_name="/replay_file")
        assert data["identical"] and data["same"], (path, data)
        assert "byte for byte" in report and data["record"]["operation"] in report
        assert len([one for one in shown if one]) == 2, path
    assert read(picture).parents[0].operation == "crossmodal.recognise_drawing"
    assert read(echo).parents[0].parents[0].operation == "given.recording"


def test_the_app_says_what_differs_and_refuses_in_words(client: Any, tmp_path: Path) -> None:
    *_, path = client.predict("gpt.shakespeare", "ROMEO:", 20, 0.8, 0, 0.95, 1.0, 7, api_name="/write_text")
    data = Path(path).read_bytes()
    (tmp_path / "other.txt").write_bytes(data.replace(b"ROMEO:", b"JULIA:", 1))
    report, found, *_ = client.predict(gradio_client.handle_file(tmp_path / "other.txt"), api_name="/replay_file")
    assert not found["same"] and "from character 1 on" in report and "&#x27;JULIA:" in report
    (tmp_path / "script.txt").write_bytes(changed(data, lambda v: v["record"].update(model="<script>x</script>")))
    report, *_ = client.predict(gradio_client.handle_file(tmp_path / "script.txt"), api_name="/replay_file")
    assert "<script>" not in report and "&lt;script&gt;" in report
    (tmp_path / "plain.txt").write_text("nothing said")
    with pytest.raises(gradio_client.exceptions.AppError, match="does not say how it was made"):
        client.predict(gradio_client.handle_file(tmp_path / "plain.txt"), api_name="/replay_file")
