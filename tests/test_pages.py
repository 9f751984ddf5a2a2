"""The Image, Text and Audio pages over untrained models of every kind: what a click gives, and what its line says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import soundfile
import tiny_zoo
from gradio.context import LocalContext
from PIL import Image, ImageDraw

from zoo.checkpoint import write_json
from zoo.data.tokenizer import train_characters
from zoo.generate import chat as talk
from zoo.generate import image as pictures
from zoo.generate import library, translate
from zoo.generate.inputs import InputError
from zoo.generate.provenance import ProvenanceError, look, read
from zoo.generate.replay import replay
from zoo.noise import Noise
from zoo.ui import (
    audio,
    changes,
    conversation,
    drums,
    edits,
    image,
    language,
    likelihood,
    music,
    notes,
    reading,
    resynthesis,
    text,
)
from zoo.ui.strings import chinese, english

GAN, STEPS, VAE, TOLD, STYLES = (
    "dcgan.mnist", "diffusion.mnist", "vae.mnist", "vae.conditional", "stylegan.fashion-mnist",
)  # fmt: skip
WRITER, OTHER, TALES, POET = "gpt.shakespeare", "rnn.shakespeare-gru", "gpt.tales", "gpt.tang"
SMALL = "srgan.emoji"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny zoo of every kind; each checkpoint states a figure and a licence."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder / "pretrained")))
    tiny_zoo.more(folder / "pretrained")
    tiny_zoo.make(folder / "pretrained", TALES, "fairy_tales", tokenizer=train_characters([tiny_zoo.PROSE]))
    for one in (folder / "pretrained").iterdir():
        write_json(one / "metrics.json", {"figures": [{"name": "goodness", "value": 0.875, "unit": "share"}]})
    return folder


@pytest.fixture(autouse=True)
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return tiny_zoo.put_in_place(made / "pretrained", monkeypatch, made / "judges.json")


@pytest.fixture
def in_chinese() -> Iterator[None]:
    token = LocalContext.request.set(SimpleNamespace(query_params={"lang": "zh-CN"}, headers={}))
    yield
    LocalContext.request.reset(token)


def photo(folder: Path, width: int = 90, height: int = 60) -> str:
    """The path of a red disc on a blue ground."""
    picture = Image.new("RGB", (width, height), (30, 60, 200))
    ImageDraw.Draw(picture).ellipse((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill=(220, 30, 20))
    path = folder / f"photo-{width}x{height}.png"
    picture.save(path)
    return str(path)


def speech(folder: Path) -> str:
    """The path of a second of noise."""
    path = folder / "speech.wav"
    soundfile.write(path, 0.1 * Noise(1).normal_array(8000), 8000)
    return str(path)


def sketch(folder: Path) -> str:
    """The path of a seven in dark strokes."""
    picture = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(picture).line([(90, 60), (190, 60), (130, 220)], fill="black", width=12)
    picture.save(folder / "sketch.png")
    return str(folder / "sketch.png")


def given(handler: Callable[..., Iterator[Any]], *arguments: Any, **options: Any) -> Any:
    """The last thing that a handler gives."""
    *_, last = handler(*arguments, **options)
    return last


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def endpoints(page: gr.Blocks) -> set[str]:
    return {str(one.api_name) for one in page.fns.values() if one.api_visibility == "public"}


# Every page


CLICKS: dict[str, Callable[[Path], tuple[Any, ...]]] = {
    "draw_images": lambda room: (image.draw_images, GAN, "7", 2, 5, 0.8, 20, 1.5),
    "interpolate_images": lambda room: (image.interpolate_images, VAE, "all", 1, 2, 8),
    "latent_map": lambda room: (image.latent_map, VAE, 0, 3),
    "redraw_drawing": lambda room: (image.redraw_drawing, VAE, sketch(room)),
    "add_codes": lambda room: (edits.add_codes, VAE, "9", "4", "8", None),
    "slide_code": lambda room: (edits.slide_code, VAE, 3, "9", 1.5, "1", 0.0),
    "traverse_dimensions": lambda room: (edits.traverse_dimensions, VAE, 1, 2),
    "styles_by_class": lambda room: (edits.styles_by_class, TOLD, 1, 2),
    "mix_styles": lambda room: (edits.mix_styles, STYLES, "all", 1, 2, 2, 0.8),
    "edit_style": lambda room: (edits.edit_style, STYLES, "all", 1, 2.0, 0, 0, 0, 0, 0, 0.8),
    "colour_drawing": lambda room: (changes.colour_drawing, "pix2pix.outline", sketch(room)),
    "change_style": lambda room: (changes.change_style, "cyclegan.openmoji-twitter", photo(room), True),
    "restore_picture": lambda room: (
        changes.restore_picture, "pix2pix.inpaint", photo(room), None, "holes", 1, 0.3
    ),
    "enlarge_picture": lambda room: (changes.enlarge_picture, SMALL, photo(room), "as it is"),
    "speak_digits": lambda room: (audio.speak_digits, "wavenet.spoken-digits", "7", "theo", 0.9, 1),
    "read_aloud": lambda room: (reading.read_aloud, "tts.telephone", "press zorbing", 1.5, 1, 0.6),
    "play_drums": lambda room: (
        drums.play_drums, "wavegan.drums", '{"kick": "x...x...x...x...", "tom": "................"}', 97, 1, 0.2, 1, ""
    ),
    "play_note": lambda room: (notes.play_note, "wavenet.notes", "A4", "marimba", 0.9, 1),
    "hit_drum": lambda room: (drums.hit_drum, "wavegan.drums", "snare", 1),
    "harmonise_melody": lambda room: (
        music.harmonise_melody, "music_transformer.chorales", "G4 C5:2", None, 1.0, 1, 80, 0.95
    ),
    "compose_chorale": lambda room: (music.compose_chorale, "music_transformer.chorales", 2, 1.0, 1, 80, 0.95),
    "write_text": lambda room: (text.write_text, WRITER, "ROMEO:", 9, 0.8, 0, 0.95, 1.0, 1),
    "compose_poem": lambda room: (text.compose_poem, POET, "五言绝句", "", "", "", 0.8, 0, 0.9, 1),
    "compare_texts": lambda room: (likelihood.compare_texts, WRITER, OTHER, "ROMEO:", 9, 0.8, 1),
    "weigh_text": lambda room: (likelihood.weigh_text, "To be"),
    "chat_reply": lambda room: (conversation.chat_reply, "bert.retrieval", [], "how are you?", 0.7, 1),
    "fill_blanks": lambda room: (conversation.fill_blanks, "bert.dialogue", "i like the ___", 3),
    "tell_topic": lambda room: (conversation.tell_topic, "bert.topic", "his new album is great"),
    "translate_text": lambda room: (language.translate_text, "seq2seq.en-zh", "I like it.", "auto", 2),
    "resynthesise_speech": lambda room: (resynthesis.resynthesise_speech, "waveglow.telephone", speech(room), 0.6, 1),
    "pronounce_words": lambda room: (language.pronounce_words, "seq2seq.g2p", "zoo", 2),
}  # fmt: skip
"""A click on each page: the handler and what it is given."""


def test_every_page_is_there_as_soon_as_there_is_a_model_for_it() -> None:
    assert endpoints(image.build()) | endpoints(text.build()) | endpoints(audio.build()) == set(CLICKS)


def test_every_audio_page_shows_at_most_five_things_to_set() -> None:
    config = json.loads(json.dumps(audio.build().get_config_file(), default=str))
    components = {one["id"]: one for one in config["components"]}
    kinds = ("dropdown", "textbox", "slider", "number", "radio", "checkbox", "file")
    by_page: dict[str, list[str]] = {}

    def walk(node: dict[str, Any], page: str) -> None:
        one = components[node["id"]]
        name = str(one["props"].get("elem_id") or "")
        if one["type"] == "accordion" or one["props"].get("visible") == "hidden":
            return
        if one["type"] == "tabitem":
            page = name
        if one["type"] in kinds and not name.endswith("_source"):
            by_page.setdefault(page, []).append(name)
        for child in node.get("children", []):
            walk(child, page)

    for child in config["layout"]["children"]:
        walk(child, "")
    expected = {f"tab_{name}" for name in ("digits", "read_aloud", "notes", "drums", "harmonise", "compose_music")}
    assert expected <= set(by_page) and all(len(names) <= 5 for names in by_page.values()), by_page


@pytest.mark.parametrize("name", CLICKS)
def test_the_line_under_a_result_names_its_model_its_figure_and_its_licence(name: str, tmp_path: Path) -> None:
    handler, *arguments = CLICKS[name](tmp_path)
    shown = [one for one in given(handler, *arguments) if isinstance(one, str)]
    lines = [line for one in shown if "<" not in one for line in one.splitlines() if "goodness 87.5 %" in line]
    asked = [one for one in arguments if isinstance(one, str) and one in library.names()]
    asked = asked or likelihood.writers()  # all of them are weighed
    for model in asked:
        (line,) = {line for line in lines if line.startswith(f"{model} · ")}
        assert re.search(r"Apache-2\.0|CC-BY-SA-[34]\.0|MIT", line), line


# Drawing in many steps


def test_a_model_of_many_steps_has_steps_and_guidance_where_others_have_truncation() -> None:
    own = pictures.own_sampler(STEPS)
    assert own == pictures.Sampler(4, 100, 1.5) and pictures.own_sampler(GAN) is None
    truncation, steps, guidance = image._samplers(STEPS)
    assert (truncation["visible"], steps["visible"], guidance["visible"]) == (False, True, True)
    assert (steps["value"], steps["maximum"], guidance["value"]) == (4, 100, 1.5)
    assert [one["visible"] for one in image._samplers(GAN)] == [True, False, False]
    page = image.build()
    sliders = {block.elem_id: block for block in page.blocks.values() if isinstance(block, gr.Slider)}
    shown = [sliders[f"draw_{name}"] for name in ("truncation", "steps", "guidance")]
    assert [one.visible for one in shown] == [True, False, False]
    for one in shown:
        inside: Any = one.parent
        while not isinstance(inside, gr.Accordion | gr.Column):
            inside = inside.parent
        assert isinstance(inside, gr.Accordion)
    assert (shown[1].minimum, shown[1].maximum, shown[1].value) == (1, 100, 4)


def test_a_schedule_of_few_times_has_no_more_steps(zoo: Path) -> None:
    config = json.loads((zoo / STEPS / "config.json").read_text())
    config["config"] |= {"train_steps": 30, "num_classes": 0}
    (zoo / STEPS / "config.json").rename(zoo / "kept")
    try:
        write_json(zoo / STEPS / "config.json", config)
        assert pictures.own_sampler(STEPS) == pictures.Sampler(4, 30, None)
        assert [one["visible"] for one in image._samplers(STEPS)] == [False, True, False]
    finally:
        (zoo / "kept").replace(zoo / STEPS / "config.json")


def test_the_page_draws_with_what_the_model_has_and_tells_each_step() -> None:
    told: list[float] = []

    def progress(share: float, desc: str) -> None:
        told.append(share)
        assert desc

    path, line = given(image.draw_images, STEPS, "3", 2, 5, 0.5, 5.0, 2.0, progress=progress)
    assert told == [0.2, 0.4, 0.6, 0.8] and line.startswith(f"{STEPS} · seed 5 · ")
    record = read(path)
    assert record.parameters == {"label": "3", "count": 4, "truncation": 1.0, "steps": 5, "guidance": 2.0}
    *_, again = replay(look(path))
    assert again.identical
    path, _ = given(image.draw_images, GAN, "3", 2, 5, 0.5, 5, 2.0)
    assert read(path).parameters == {"label": "3", "count": 4, "truncation": 0.5}
    for steps, guidance in ((0, 1.0), (101, 1.0), (2.5, 1.0), (5, 11.0), (5, "much")):
        with pytest.raises(InputError, match="steps|guidance"):
            given(image.draw_images, STEPS, "3", 2, 5, 1.0, steps, guidance)


# Enlarging


def test_a_picture_is_enlarged_in_its_own_size(tmp_path: Path) -> None:
    (before, after), line, saved = given(changes.enlarge_picture, SMALL, photo(tmp_path, 40, 28), "as it is")
    assert saved == after and line.endswith(" · 40 × 28 → 160 × 112 pixels")
    assert pixels(before).shape == pixels(after).shape == (112, 160, 3)
    np.testing.assert_array_equal(pixels(before)[::4, ::4], pixels(photo(tmp_path, 40, 28)))
    for path, result in ((before, "picture 0"), (after, "picture 1")):
        assert read(path).operation == "image.enlarge" and read(path).result == result
        *_, again = replay(look(path))
        assert again.identical


def test_what_is_far_away_in_a_picture_changes_nothing_here(tmp_path: Path) -> None:
    """The network takes the picture whole: a part of it is enlarged as it is alone, but for its edges."""
    wide = Image.open(photo(tmp_path, 120, 80))
    whole, part = (
        np.asarray(translate.enlarge(SMALL, one).pictures.images[1]).astype(int)
        for one in (wide, wide.crop((0, 0, 80, 80)))
    )
    assert np.abs(whole[:, :200] - part[:, :200]).max() <= 1


def test_a_picture_that_is_too_large_is_reduced_and_the_line_says_so(tmp_path: Path) -> None:
    (_, after), line, _ = given(changes.enlarge_picture, SMALL, photo(tmp_path, 400, 90), "as it is")
    assert pixels(after).shape == (232, 1024, 3)
    assert line.endswith("400 × 90 pixels are too many: first made smaller, to 256 × 58; a best effort")


def test_a_picture_too_large_for_a_record_is_named_by_its_sum_and_not_made_again(tmp_path: Path) -> None:
    (_, after), *_ = given(changes.enlarge_picture, SMALL, photo(tmp_path, 100, 100), "as it is")
    parent = read(after).parents[0]
    assert len(parent.sha256) == 64 and "values" not in parent.parameters
    with pytest.raises(ProvenanceError, match="only its sha256 is"):
        list(replay(look(after)))


def test_a_picture_that_was_made_small_first_stands_beside_its_original(tmp_path: Path) -> None:
    config = translate.way_of(SMALL)
    size, small = config.target_size, config.source_size
    (left, right), line, _ = given(changes.enlarge_picture, SMALL, photo(tmp_path, size, size), "shrunk")
    assert f"on the left the original, on the right what was made of {small} × {small} pixels of it" in line
    assert pixels(left).shape == pixels(right).shape == (8 * size, 8 * size, 3)
    original = pixels(photo(tmp_path, size, size))
    np.testing.assert_array_equal(pixels(left)[::8, ::8], original)
    with pytest.raises(ProvenanceError, match="does not say how it was made"):
        look(left)  # no machine made it
    found = translate.enlarge(SMALL, Image.fromarray(original), shrink=True)
    means = original.reshape(small, size // small, small, size // small, 3).mean((1, 3))
    given_ = np.asarray(found.pictures.images[0])[:: 8 * size // small, :: 8 * size // small]
    assert np.abs(given_ - means).max() <= 0.5 + 1e-6
    assert read(right).operation == "image.translate"


@pytest.mark.parametrize(
    ("name", "size", "shrink", "words"),
    [
        (SMALL, (7, 40), False, "7 x 40 pixels; at least 8 a side"),
        (SMALL, (400, 40), False, "at most 8 times the other"),
        (SMALL, (20, 31), True, "at least 32 on its longer side are needed to make it small first"),
        ("pix2pix.outline", (40, 40), False, "pix2pix.outline enlarges nothing; it goes from outline to google"),
    ],
)
def test_what_cannot_be_enlarged_is_refused_before_anything_is_loaded(
    name: str, size: tuple[int, int], shrink: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match=words):
        translate.enlarge(name, Image.open(photo(tmp_path, *size)), shrink=shrink)
    with pytest.raises(InputError, match="of one shade"):
        translate.enlarge(SMALL, Image.new("RGB", (40, 40)))
    for seen in (np.zeros((31, 10), np.float32), np.zeros((3 * 257, 10), np.float32)):
        with pytest.raises(InputError, match="1 to 256 a side"):
            translate.enlarge_seen(SMALL, seen)


def test_the_pictures_to_begin_with_can_be_compared_with_their_originals() -> None:
    found = translate.examples(SMALL, changes.EXAMPLES)
    size = translate.way_of(SMALL).target_size
    for (path, name), example in zip(changes._offered(SMALL, truths=True), found, strict=True):
        assert name == example.name and Image.open(path).size == (4 * size, 4 * size)
    taken = changes._taken(False, truths=True)(SMALL, SimpleNamespace(index=1))
    np.testing.assert_array_equal(pixels(taken), np.asarray(found[1].truth.convert("RGB")))
    given(changes.enlarge_picture, SMALL, taken, "shrunk")


# Reading aloud


def test_words_that_the_voice_does_not_know_are_marked_and_their_model_is_named() -> None:
    sound, picture, said, line = given(reading.read_aloud, "tts.telephone", "Press zorbing, <b>!", 1, 3, 0.6)
    assert "<ruby>press<rt>pɹˈɛs</rt></ruby>" in said and '<ruby class="zoo-guessed">zorbing<rt>' in said
    assert "<b>" not in said and line.splitlines()[-1] == english("spelt_out").format(model="seq2seq.g2p")
    assert [one.partition(" · ")[0] for one in line.splitlines()[:3]] == [
        "seq2seq.g2p", "tts.telephone", "waveglow.telephone",
    ]  # fmt: skip
    assert read(sound).parameters["vocoder"] == "waveglow.telephone" and read(picture).result == "spectrogram"
    *_, again = replay(look(picture))
    assert again.identical
    *_, said, line = given(reading.read_aloud, "tts.telephone", "press 2", 1, 3, 0.6)
    assert "zoo-guessed" not in said and len(line.splitlines()) == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [(("", 1), "there is nothing to say"), (("你好", 1), "cannot be read aloud"), (("press", 9), "the speed is 9")],
)
def test_what_cannot_be_read_aloud_is_answered_in_words(asked: tuple[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        given(reading.read_aloud, "tts.telephone", *asked, 1, 0.6)


# Between languages


def test_a_language_that_the_model_does_not_know_is_said_to_be_unknown() -> None:
    *_, line, _ = given(language.translate_text, "seq2seq.en-zh", "I want to go. Wo ist der Bahnhof?", "auto", 1)
    assert "hardly knows the words of “Wo ist der Bahnhof?”" in line and "I want to go" not in line
    assert english("best_effort") not in line
    *_, line, _ = given(language.translate_text, "seq2seq.en-zh", "I want to go there.", "auto", 1)
    assert "relied on" not in line and "best effort" not in line
    long = "I go to the house and " * 6 + "I go."
    *_, line, _ = given(language.translate_text, "seq2seq.en-zh", long, "auto", 1)
    assert line.endswith(english("best_effort"))
    strange = "asdf qwer zxcv " * 4
    *_, line, _ = given(language.translate_text, "seq2seq.en-zh", strange, "auto", 1)
    assert f"“{strange[: language.SHOWN - 1]}…”" in line and line.endswith(english("best_effort"))


@pytest.mark.usefixtures("in_chinese")
def test_the_same_is_said_in_chinese(tmp_path: Path) -> None:
    *_, line, _ = given(language.translate_text, "seq2seq.en-zh", "Wo ist der Bahnhof?", "auto", 1)
    assert "“Wo ist der Bahnhof?”里的词它几乎没学过，或不是它学的语言，译文不可靠" in line
    _, line, _ = given(changes.enlarge_picture, SMALL, photo(tmp_path, 400, 90), "as it is")
    assert line.endswith("400 × 90 像素太大，先缩到 256 × 58 再放大，效果仅供参考")


def test_tokens_of_a_translation_show_what_else_was_thought_of_and_stand_as_they_were_written() -> None:
    for name, said in (("seq2seq.en-zh", "我昨天买了一本书。"), ("seq2seq.en-zh", "I like it.")):
        shown, tokens, *_ = given(language.translate_text, name, said, "auto", 1)
        assert tokens.count('class="zoo-token"') > 1 and tokens.count('role="tooltip"') == tokens.count("zoo-token")
        plain = re.sub(r'<span class="zoo-tip".*?</span></span></span>', "", tokens)
        plain = re.sub(r"<[^>]*>|∎", "", plain)
        assert plain.strip() == re.sub("[&<>\"']", "", shown) or plain.strip().split() == shown.split(), (plain, shown)
        tip = re.search(r'role="tooltip">(.*?)</span></span></span>', tokens)
        assert tip and tip[1].count("%") == 5  # its own, and four others
    shown, tokens, *_ = given(language.pronounce_words, "seq2seq.g2p", "zoo", 1)
    assert tokens.count("zoo-token") > 1 and "%" in tokens


# Writing


def test_the_introduction_says_what_the_chosen_model_has_read() -> None:
    for model, key, first in (
        (WRITER, "write_intro_tiny_shakespeare", "ROMEO:"),
        (OTHER, "write_intro_tiny_shakespeare", "ROMEO:"),
        (TALES, "write_intro_fairy_tales", "The Fox and the "),
    ):
        introduction, prompt, *rows = text._introduced(model, "import os\n")
        assert introduction.key == f"zoo_{key}" and prompt == first
        assert [row["visible"] for row in rows].count(True) == 1
        assert english(key) != chinese(key) != english("write_intro")
        _, kept, *_ = text._introduced(model, "my own beginning")
        assert kept == gr.skip()
        _, kept, *_ = text._introduced(model, first)
        assert kept == gr.skip()
    assert "Shakespeare" in english("write_intro_tiny_shakespeare") and "Python" in english("write_intro_python_stdlib")


def test_a_model_of_ones_own_is_introduced_in_general(zoo: Path, tmp_path: Path) -> None:
    folder = tiny_zoo.make(tmp_path, "gpt.mine", "letters", tokenizer=train_characters([tiny_zoo.PROSE]))
    introduction, prompt, *rows = text._introduced(library.add(str(folder)), "ROMEO:")
    assert introduction.key == "zoo_write_intro" and prompt == "" and not any(row["visible"] for row in rows)


def test_a_zoo_whose_first_model_tells_tales_opens_with_them(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "writers", lambda: [TALES, WRITER])
    blocks = {block.elem_id: block for block in text.build().blocks.values() if block.elem_id}
    assert blocks["write_prompt"].value == text.PROMPTS["fairy_tales"][0]
    rows = {name: blocks[f"write_{name}_example_0"].parent for name in text.PROMPTS}
    assert {name: row.visible for name, row in rows.items()} == {
        "tiny_shakespeare": False, "fairy_tales": True, "python_stdlib": False
    }  # fmt: skip


def test_two_models_of_different_kinds_go_on_from_one_beginning() -> None:
    """A recurrent network and a Transformer, each with its own figure and its own text."""
    assert {WRITER, OTHER} <= set(likelihood.writers()) and POET not in likelihood.writers()
    assert not any(map(talk.is_chat, likelihood.writers()))
    seen = list(likelihood.compare_texts(WRITER, OTHER, "ROMEO:", 40, 0.8, 3))
    one, about_one, two, about_two = seen[-1]
    assert one.startswith("ROMEO:") and two.startswith("ROMEO:") and len(one) == len(two) == 46 and one != two
    for line, model in ((about_one, WRITER), (about_two, OTHER)):
        assert line.startswith(f"{model} · seed 3 · goodness 87.5 %") and "40 tokens" in line
    assert seen[0][2:] == ("", ""), "the second one has not begun"
    alone = given(text.write_text, OTHER, "ROMEO:", 40, 0.8, 0, 0.95, 1.0, 3)
    assert alone[0] == two


def test_drawings_and_photographs_are_laid_on_white_in_one_way() -> None:
    from zoo.generate.drawing import on_white

    layer = Image.new("RGBA", (20, 20), (0, 200, 0, 0))
    layer.putpixel((5, 7), (200, 10, 20, 255))
    for made in (on_white(layer), on_white(np.asarray(layer)), translate.photograph(layer, 8)):
        values = np.asarray(made.convert("RGB"))
        assert tuple(values[7, 5]) == (200, 10, 20) and (values.reshape(-1, 3) == 255).all(1).sum() == 399
    deep = Image.fromarray((np.arange(400).reshape(20, 20) * 160).astype(np.uint16))
    assert np.array_equal(
        np.asarray(on_white(deep).convert("L")), (np.asarray(deep).astype(float) / 257).round().astype(np.uint8)
    )
    record = replace(pictures.reconstruct(VAE, seven()).source.record, parents=())
    assert record.operation == "image.reconstruct"


def seven() -> Image.Image:
    pad = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(pad).line([(90, 60), (190, 60), (130, 220)], fill="black", width=18)
    return pad
