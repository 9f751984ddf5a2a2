"""What a person typed -> what a person sees or hears, on a zoo of untrained models."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_zoo
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from zoo import checkpoint, entry, hub
from zoo.data.source import read
from zoo.engine import wavenet_compiled
from zoo.engine.modules import Modules
from zoo.generate import audio, crossmodal, image, library, text
from zoo.generate.drawing import ink_of, like_clothes, like_digits
from zoo.generate.library import InputError, Source
from zoo.generate.numbers import digits_of, in_chinese, in_english
from zoo.generate.provenance import Record
from zoo.metrics import judges
from zoo.noise import MAX_SEED

BUNDLED = hub.PRETRAINED, judges.PINS
"""The real checkpoints and judges; most tests here put a tiny zoo in their place."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder / "pretrained")))
    return folder


@pytest.fixture(autouse=True)
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny zoo in place of the bundled one; nothing is loaded, nothing added."""
    return tiny_zoo.put_in_place(made / "pretrained", monkeypatch, made / "judges.json")


@pytest.fixture
def no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever loads a checkpoint fails the test."""

    def refuse(folder: Path) -> None:
        raise AssertionError(f"{folder} was loaded before the input was checked")

    monkeypatch.setattr(library, "load", refuse)


def last(results: Iterator[Any]) -> Any:
    *_, final = results
    return final


def seven() -> Image.Image:
    """A seven in dark strokes on a white pad."""
    pad = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(pad).line([(90, 60), (190, 60), (130, 220)], fill="black", width=18)
    return pad


# The library


def test_the_app_learns_what_there_is_without_torch(zoo: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from zoo import entry, hub
hub.PRETRAINED = Path({str(zoo)!r})
from zoo.engine.modules import Modules
from zoo.generate import audio, crossmodal, image, library, text
assert [library.choices(task) for task in entry.TASKS][0] == ['dcgan.mnist', 'dcgan.fashion-mnist', \
'vae.fashion-mnist', 'vae.mnist']
assert len(library.table()) == 9 and image.class_names('dcgan.mnist')[3] == '3'
assert audio.speakers('wavenet.spoken-digits')[1] == 'jackson' and text.is_verse('gpt.tang')
assert crossmodal.read_number('forty-two') == '42'
heavy = {{'torch', 'torchaudio', 'gradio', 'transformers', 'tokenizers'}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_tasks_read_from_the_source_are_those_of_the_entries() -> None:
    from zoo import registry

    for name in registry.names():
        assert library.tasks_of(name) == registry.entry(name).tasks


def test_a_default_stands_first_among_its_choices() -> None:
    assert library.choices(entry.IMAGE_AUTOENCODING) == ["vae.mnist", "vae.fashion-mnist"]
    assert library.choices(entry.TEXT_GENERATION)[0] == "gpt.shakespeare"


def test_the_table_tells_each_checkpoint(zoo: Path) -> None:
    row = next(row for row in library.table() if row["name"] == "vae.mnist")
    assert row == {
        "name": "vae.mnist",
        "task": entry.IMAGE_AUTOENCODING,
        "parameters": checkpoint.count_parameters(checkpoint.load(zoo / "vae.mnist").model),
        "megabytes": (zoo / "vae.mnist" / "model.safetensors").stat().st_size / 1e6,
        "figure": "negative log-likelihood 84.6 nats an image",
        "licence": "CC-BY-SA-3.0",
        "data": "MNIST",
        "card": "# vae.mnist\n\nA card.\n",
    }


def test_a_damaged_or_foreign_folder_is_left_out_and_the_rest_stays(
    zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dcgan.mnist", "vae.mnist", "resnet.mnist"):
        target = tmp_path / name
        target.mkdir()
        for file in (zoo / name).iterdir():
            (target / file.name).write_bytes(file.read_bytes())
    (tmp_path / "dcgan.mnist" / "config.json").write_text("{")
    (tmp_path / "vae.mnist" / "config.json").write_text('{"model": "no_such_model"}')
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    assert [row["name"] for row in library.table()] == ["resnet.mnist"]
    with pytest.raises(InputError, match="damaged"):
        image.draw("dcgan.mnist")


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ({"name": "judge agreement", "value": 0.98876, "unit": "share"}, "judge agreement 98.9 %"),
        ({"name": "loss", "value": 1.5234, "unit": "nats a character"}, "loss 1.52 nats a character"),
        ({"name": "perplexity", "value": 85.0, "unit": "a character"}, "perplexity 85 a character"),
        ({"name": "Fréchet distance", "value": 12345.6, "unit": ""}, "Fréchet distance 12,346"),
        ({"name": "loss", "value": True}, ""),
        ({"value": 1}, ""),
        ("loss", ""),
    ],
)
def test_the_headline_figure_in_words(figure: Any, words: str) -> None:
    assert library.figure_of({"figures": [figure]}) == words
    assert library.figure_of({}) == library.figure_of({"figures": []}) == library.figure_of({"figures": 3}) == ""


def test_the_quiet_line() -> None:
    record = Record("image.draw")
    source = Source("dcgan.mnist", "1a2b3c4d" + "0" * 56, 7, "judge agreement 98.9 %", "Apache-2.0", record)
    assert source.line() == "dcgan.mnist · seed 7 · judge agreement 98.9 % · Apache-2.0 · weights 1a2b3c4d"
    assert Source("a.b", "f" * 64, None, "", "", record).line() == "a.b · weights ffffffff"


def test_a_checkpoint_is_loaded_once_however_many_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads, real = [], library.load

    def slow(folder: Path) -> Any:
        loads.append(folder)
        time.sleep(0.2)
        return real(folder)

    monkeypatch.setattr(library, "load", slow)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(library.get("vae.mnist"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1 and len(found) == 8 and all(one is found[0] for one in found)


def test_the_least_recently_used_checkpoint_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MAX_LOADED", 2)
    monkeypatch.setattr(library, "in_a_rush", lambda: False)
    first, second = library.get("vae.mnist"), library.get("dcgan.mnist")
    assert library.get("vae.mnist") is first
    library.get("gpt.tang")
    assert library.get("vae.mnist") is first and library.get("dcgan.mnist") is not second
    monkeypatch.setattr(library, "MAX_LOADED_BYTES", 1)
    library.get("resnet.mnist")
    assert len(library._loaded) == 1


def test_in_a_rush_more_checkpoints_stay_and_after_it_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    rush = True
    monkeypatch.setattr(library, "MAX_LOADED", 1)
    monkeypatch.setattr(library, "in_a_rush", lambda: rush)
    first, _ = library.get("vae.mnist"), library.get("dcgan.mnist")
    assert library.get("vae.mnist") is first and len(library._loaded) == library.RUSH
    rush = False
    library.get("gpt.tang")
    assert len(library._loaded) == 1


def test_a_local_folder_can_be_added_and_used(tmp_path: Path) -> None:
    folder = tiny_zoo.make(tmp_path, "dcgan.mine", "mnist", tiny_zoo.DIGITS)
    name = library.add(str(folder))
    assert name == "dcgan.mine" and library.add(str(folder)) == name
    assert name in library.choices(entry.IMAGE_GENERATION) and name in [row["name"] for row in library.table()]
    assert image.draw(name, count=1).source.name == name
    other = tiny_zoo.make(tmp_path / "other", "dcgan.mine", "mnist", tiny_zoo.DIGITS)
    assert library.add(str(other)) == "dcgan.mine (2)"
    assert library.add("vae.mnist") == "vae.mnist"


def test_only_so_many_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MAX_ADDED", 2)
    for i in range(3):
        library.add(str(tiny_zoo.make(tmp_path, f"dcgan.{i}", "mnist", tiny_zoo.DIGITS)))
    assert [name for name in library.choices(entry.IMAGE_GENERATION) if name[-1].isdigit()] == ["dcgan.1", "dcgan.2"]


def test_what_cannot_be_added_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    damaged = tiny_zoo.make(tmp_path, "dcgan.bad", "mnist", tiny_zoo.DIGITS)
    (damaged / "model.safetensors").write_bytes(b"no weights")
    for name in ("", "  ", "dcgan.mnst", str(tmp_path / "empty"), str(damaged), "x" * 500, "a b c", None, 7):
        with pytest.raises(InputError):
            library.add(name)
    assert not library._added
    good = tiny_zoo.make(tmp_path, "dcgan.good", "mnist", tiny_zoo.DIGITS)
    monkeypatch.setenv("SPACE_ID", "someone/space")
    for name in (str(good), "~/x", "../x", "./x", "/etc"):
        with pytest.raises(InputError, match="local path"):
            library.add(name)


def test_a_wrong_name_says_what_exists() -> None:
    with pytest.raises(InputError, match=r"'dcgan.mnis'; perhaps you meant 'dcgan.mnist'\? There are: dcgan"):
        library.get("dcgan.mnis")
    with pytest.raises(InputError, match=r"no checkpoint for text-to-audio is named 'vae.mnist'.*wavenet"):
        audio.speak("vae.mnist")


# Bad input: refused in words before anything is loaded

_NUMBERS: list[Any] = [float("nan"), float("inf"), -float("inf"), -1, 10**400, "7", None, True, [1], b"7", 1 + 1j]
_WHOLE = [*_NUMBERS, 1.5, 2**53]
_MODELS: list[Any] = [
    "", "nope", "dcgan.mnis", None, 7, b"dcgan.mnist", ["dcgan.mnist"], "x" * 100_000, "\ud800", "../..", "a/b/c",
]  # fmt: skip
_CALLS: dict[str, Callable[..., Any]] = {
    "write": text.write, "compose": text.compose, "draw": image.draw, "interpolate": image.interpolate,
    "latent_grid": image.latent_grid, "reconstruct": lambda **options: image.reconstruct(picture=seven(), **options),
    "speak": audio.speak, "realise": lambda **options: crossmodal.realise("42", **options),
}  # fmt: skip
_BAD: list[tuple[str, str, list[Any]]] = [
    *[(name, "model", _MODELS) for name in _CALLS if name != "realise"],
    *[(name, "seed", _WHOLE) for name in _CALLS if name != "reconstruct"],
    ("write", "model", ["gpt.tang", "dcgan.mnist"]),
    ("write", "prompt", ["x" * 1_000_000, 7, b"x", ["x"]]),
    ("write", "max_new_tokens", [*_WHOLE, 0, 1001]),
    ("write", "repetition_penalty", [*_NUMBERS, 0.99, 2.01]),
    *[(name, "temperature", [*_NUMBERS, 2.01, 1e-9]) for name in ("write", "compose", "speak")],
    *[(name, "top_k", [*_WHOLE, 100_001]) for name in ("write", "compose")],
    *[(name, "top_p", [*_NUMBERS, 0.0, 1.01]) for name in ("write", "compose")],
    ("compose", "model", ["gpt.shakespeare", "vae.mnist"]),
    ("compose", "form", ["", "五言", "haiku", None, 5, "五言绝句" * 1000]),
    ("compose", "title", ["春" * 21, 7]),
    ("compose", "author", ["李" * 6, 7]),
    ("compose", "acrostic", ["春夏秋冬春", "abcd", "春a", "，", "春" * 100_000, 7]),
    ("draw", "label", ["", "10", "Trouser", 3, True, "3" * 5000]),
    ("draw", "count", [*_WHOLE, 0, 101]),
    ("draw", "truncation", [*_NUMBERS, 0.0, 2.1]),
    ("interpolate", "model", ["gpt.shakespeare"]),
    ("interpolate", "label", ["0", 3]),
    ("interpolate", "waypoints", [*_WHOLE, 1, 9]),
    ("interpolate", "frames", [*_WHOLE, 7, 97]),
    ("latent_grid", "size", [*_WHOLE, 1, 21]),
    ("speak", "digits", ["", " ", "seven", "123456789", "-1", "4.2", "1" * 1_000_000, None, 7, "٣"]),
    ("speak", "speaker", ["", "Jackson", "nobody", None, 1]),
    ("realise", "speaker", ["", "nobody", None]),
]
_CASES = [(name, option, value) for name, option, values in _BAD for value in values]


@pytest.mark.parametrize(("name", "option", "value"), _CASES, ids=lambda value: repr(value)[:24])
@pytest.mark.usefixtures("no_loading")
def test_bad_input_is_refused_in_words_before_anything_is_loaded(name: str, option: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        _CALLS[name](**{option: value})
    message = str(caught.value)
    assert 15 < len(message) < 500 and message.encode("utf-8") and message.isprintable()


@pytest.mark.usefixtures("no_loading")
def test_a_class_for_a_model_without_classes_is_refused() -> None:
    with pytest.raises(InputError, match="does not draw by class"):
        image.draw("vae.mnist", "3")


def test_the_largest_seed_is_allowed() -> None:
    assert image.draw(count=1, seed=MAX_SEED).source.seed == MAX_SEED
    assert image.draw(count=np.int64(1), seed=np.uint8(3)).source.seed == 3


# Text


def test_the_same_seed_writes_the_same_text_and_another_seed_another() -> None:
    one, two, three = (last(text.write(prompt="ROMEO:", max_new_tokens=60, seed=seed)).text for seed in (7, 7, 8))
    assert one == two != three and one.startswith("ROMEO:") and len(one) == 66


def test_writing_is_streamed_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PAUSE", 0.0)
    writings = list(text.write(prompt="O", max_new_tokens=20))
    assert [w.tokens for w in writings] == [*range(1, 21), 20]
    assert [w.done for w in writings] == [False] * 20 + [True]
    assert all(b.text.startswith(a.text) and b.seconds >= a.seconds for a, b in pairwise(writings))


def test_pieces_of_a_stream_keep_their_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PAUSE", 1000.0)
    assert [w.tokens for w in text.write(max_new_tokens=200)] == [1, 200]
    assert len(list(text.compose())) == 2


def test_a_text_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "DEADLINE", 0.0)
    writings = list(text.write(prompt="O", max_new_tokens=1000))
    assert len(writings) == 1 and writings[0].done and writings[0].tokens == 1


def test_a_closed_stream_computes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, real = [], Modules.step

    def counted(*arguments: Any) -> Any:
        steps.append(1)
        return real(*arguments)

    monkeypatch.setattr(Modules, "step", counted)
    monkeypatch.setattr(text, "PAUSE", 0.0)
    writings = text.write(max_new_tokens=1000)
    next(writings)
    next(writings)
    writings.close()  # type: ignore[attr-defined]
    assert len(steps) == 2


def test_a_text_goes_on_beyond_the_context() -> None:
    context = library.get("gpt.shakespeare").network.config.context_length
    final = last(text.write(prompt="a" * 2000, max_new_tokens=3 * context))
    assert final.tokens == 3 * context and len(final.text) == 2000 + 3 * context


def test_temperature_zero_is_greedy_whatever_the_seed() -> None:
    assert last(text.write(temperature=0, seed=1)).text == last(text.write(temperature=0, seed=2)).text
    assert last(text.compose(temperature=0, seed=1)).text == last(text.compose(temperature=0, seed=2)).text


def test_an_empty_prompt_begins_a_line() -> None:
    empty, line = (last(text.write(prompt=prompt, max_new_tokens=40)).text for prompt in ("", "\n"))
    assert "\n" + empty == line


def test_typography_becomes_plain_and_control_characters_go() -> None:
    final = last(text.write(prompt="‘Tis caf\u00e9\x00\x1b\ud800—\u00a0O\r\n", max_new_tokens=1))
    assert final.text.startswith("'Tis cafe-- O\n")


def test_characters_that_the_model_never_read_are_named() -> None:
    with pytest.raises(InputError, match="gpt.shakespeare has never read 你 好 and cannot go on .* A-Z, a-z"):
        list(text.write(prompt="ROMEO: 你好你"))


def test_a_poem_keeps_its_form_and_its_acrostic() -> None:
    for form, (count, length) in text.LINES.items():
        writing = last(text.compose(form=form, acrostic="春夏 秋冬", title="月夜", author="李白", seed=5))
        couplets = writing.text.split("\n")
        lines = [line for couplet in couplets for line in couplet.rstrip("。").split("，")]
        assert len(lines) == count and {len(line) for line in lines} == {length} and writing.tokens == count * length
        assert "".join(line[0] for line in lines[:4]) == "春夏秋冬"
        assert all(couplet.count("，") == 1 and couplet.endswith("。") for couplet in couplets) and writing.done


def test_a_poem_is_streamed_by_the_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PAUSE", 0.0)
    texts = [writing.text for writing in text.compose(seed=1)]
    assert len(texts[0]) == 1 and all(b.startswith(a) for a, b in pairwise(texts))
    assert len(set(texts)) == 20 and texts[4].endswith("，") and texts[-1].endswith("。")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"acrostic": "龘"}, "never read 龘"),
        ({"title": "Spring"}, "no character of the title"),
        ({"author": "Bai"}, "no character of the author"),
    ],
)
def test_a_poem_from_characters_that_the_model_never_read_is_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(text.compose(**options))


def test_a_tokenizer_of_another_size_or_none_is_refused(zoo: Path, tmp_path: Path) -> None:
    tokenizer = text.tokenizer_of(library.get("gpt.tang"))
    folder = tiny_zoo.make(tmp_path, "gpt.mixed", "tiny_shakespeare", tokenizer=tokenizer)
    name = library.add(str(folder))
    other = (zoo / "gpt.shakespeare" / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(other)
    with pytest.raises(InputError, match="its tokenizer has 66 tokens, its model 51"):
        list(text.write(name))
    text._tokenizer_of.cache_clear()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="missing"):
        list(text.write(name))


# Images


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


def test_the_same_seed_draws_the_same_pictures_and_more_of_them_begin_alike() -> None:
    few, many, other = image.draw(count=4, seed=3), image.draw(count=9, seed=3), image.draw(count=4, seed=4)
    for a, b in zip(few.images, many.images, strict=False):
        assert np.array_equal(pixels(a), pixels(b))
    assert not np.array_equal(pixels(few.sheet), pixels(other.sheet))
    assert few.source.line().startswith("dcgan.mnist · seed 3 · judge agreement 98.9 % · CC-BY-SA-3.0 · weights ")


def test_classes_come_in_turn_or_as_asked() -> None:
    assert image.draw(count=12).labels == [*tiny_zoo.DIGITS, "0", "1"]
    assert image.draw("dcgan.fashion-mnist", "Ankle boot", count=3).labels == ["Ankle boot"] * 3
    assert image.draw("vae.mnist", count=2).labels == ["", ""]
    assert image.class_names("dcgan.fashion-mnist") == list(tiny_zoo.CLOTHES) and image.class_names("vae.mnist") == []


@pytest.mark.parametrize("count", [1, 2, 16, 25, 100])
def test_a_sheet_is_large_and_crisp(count: int) -> None:
    pictures = image.draw(count=count)
    assert 500 <= pictures.sheet.width <= 800 and len(pictures.images) == count
    scale = round(640 / (33 * int(np.ceil(np.sqrt(count)))))
    cell = pixels(pictures.sheet)[: 32 * scale, : 32 * scale]
    assert np.array_equal(cell, np.kron(cell[::scale, ::scale], np.ones((scale, scale), np.uint8)))
    assert np.array_equal(cell[::scale, ::scale], pixels(pictures.images[0])[::8, ::8])


def test_truncation_scales_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], image.generated

    def noted(network: Any, latents: np.ndarray, *others: Any, **options: Any) -> Any:
        seen.append(latents)
        return real(network, latents, *others, **options)

    monkeypatch.setattr(image, "generated", noted)
    for truncation in (1.0, 0.5):
        image.draw(count=4, truncation=truncation)
    assert np.allclose(seen[1], seen[0] * 0.5) and seen[0].dtype == seen[1].dtype == np.float32


def test_a_walk_is_an_endless_animation_that_passes_its_waypoints(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], image.generate

    def noted(model: Any, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        seen.append(latents)
        return real(model, latents, labels)

    monkeypatch.setattr(image, "generate", noted)
    path, strip, source = image.interpolate(seed=2, waypoints=3, frames=24)
    with Image.open(path) as animation:
        assert animation.format == "WEBP" and animation.n_frames > 1 and animation.info["loop"] == 0
        assert animation.width >= 300
    assert strip.width == 8 * strip.height and source.seed == 2
    latents = seen[0]
    assert len(latents) == 24
    steps = np.linalg.norm(np.roll(latents, -1, axis=0) - latents, axis=1)
    assert steps.max() < 0.35 * np.linalg.norm(latents, axis=1).max()  # the last step, back to the first, included
    again, _, _ = image.interpolate(seed=2, waypoints=3, frames=24)
    assert again == path


def test_a_great_circle_keeps_to_its_ends_and_its_length() -> None:
    start, end = np.eye(4)[:1] * 2, np.eye(4)[1:2] * 2
    shares = np.linspace(0, 1, 9)
    points = image.spherical(start.repeat(9, 0), end.repeat(9, 0), shares)
    assert np.allclose(points[[0, -1]], [start[0], end[0]], atol=1e-6)
    assert np.allclose(np.linalg.norm(points, axis=1), 2, atol=1e-6)
    assert np.allclose(image.spherical(start, start, np.array([0.5])), start, atol=1e-3)
    assert np.isfinite(image.spherical(start, -start, np.array([0.5]))).all()


def test_only_so_many_animations_stay_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_ANIMATIONS", 2)
    paths = [image.interpolate(seed=seed, frames=8)[0] for seed in range(100, 104)]
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_a_walk_of_a_model_with_classes_stays_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], image.generate

    def noted(model: Any, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        seen.append(labels)
        return real(model, latents, labels)

    monkeypatch.setattr(image, "generate", noted)
    for label in (None, "7"):
        *_, source = image.interpolate("dcgan.mnist", seed=2, waypoints=2, frames=8, label=label)
        assert source.record.parameters["label"] == (label or "0")
        assert seen[-1].tolist() == [int(label or 0)] * 8


def test_a_map_is_symmetric_about_its_centre_and_as_wide_as_samples_are(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], image.generate

    def noted(model: Any, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        seen.append(latents)
        return real(model, latents, labels)

    monkeypatch.setattr(image, "generate", noted)
    pictures = image.latent_grid(seed=1, size=7)
    assert len(pictures.images) == 49 and pictures.sheet.width == pictures.sheet.height
    latents = seen[0]
    assert np.allclose(latents, -latents[::-1], atol=1e-5) and np.allclose(latents[24], 0, atol=1e-6)
    assert np.linalg.matrix_rank(latents, tol=1e-4) == 2
    assert 0.7 < np.sqrt((latents**2).sum(1).mean() / latents.shape[1]) < 1.1


def test_a_drawing_is_seen_the_same_dark_on_light_and_light_on_dark() -> None:
    dark = image.reconstruct(picture=seven())
    light = image.reconstruct(picture=Image.eval(seven(), lambda value: 255 - value))
    clear = seven().convert("RGBA")
    clear.putalpha(Image.eval(seven().convert("L"), lambda value: 255 - value))
    assert dark.labels == ["seen", "reconstruction"] and dark.source.seed is None
    for other in (light, image.reconstruct(picture=clear), image.reconstruct(picture=np.asarray(seven()))):
        assert np.array_equal(pixels(dark.sheet), pixels(other.sheet))
    assert image.reconstruct("vae.fashion-mnist", seven()).images[0].size == (224, 224)


@pytest.mark.usefixtures("no_loading")
@pytest.mark.parametrize(
    "picture",
    [
        None, "a.png", 7, Image.new("L", (280, 280), 255), Image.new("L", (1, 1)), Image.new("RGBA", (9, 9)),
        Image.new("L", (9, 9), 250), np.zeros((28, 28)), np.full((28, 28), np.nan), np.zeros(5), np.zeros((0, 5)),
        np.zeros((2, 2, 7)), np.full((4, 4), 300), np.full((4, 4), -0.5), np.array([["a"]]),
        np.zeros((3000, 3000), np.uint8), Image.new("1", (20_000, 20_000)),
    ],
    ids=lambda picture: type(picture).__name__,
)  # fmt: skip
def test_a_drawing_of_nothing_or_no_drawing_is_refused(picture: Any) -> None:
    for function in (lambda: image.reconstruct(picture=picture), lambda: crossmodal.recognise_drawing(picture)):
        with pytest.raises(InputError):
            function()


def test_digits_of_the_data_set_come_through_the_drawing_pad_unchanged() -> None:
    differences = []
    for row in read("mnist", "test", sample=True).columns["image"][:40]:
        original = Image.open(io.BytesIO(row["bytes"]))
        shifted = Image.new("L", (400, 300), 255)
        large = Image.eval(original, lambda value: 255 - value).resize((224, 224), Image.Resampling.BICUBIC)
        shifted.paste(large, (150, 40))
        differences.append(np.abs(like_digits(ink_of(shifted)) - np.asarray(original) / 255).mean())
    assert np.median(differences) < 0.03  # one pixel off makes 0.08


def test_a_drawing_is_sized_and_centred_as_the_training_pictures_were() -> None:
    page = like_digits(ink_of(seven()))
    rows, columns = np.flatnonzero(page.any(1)), np.flatnonzero(page.any(0))
    assert page.shape == (28, 28) and page.max() == 1 and max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    at = np.arange(28)
    assert abs(page.sum(1) @ at / page.sum() - 14) <= 0.5 and abs(page.sum(0) @ at / page.sum() - 14) <= 0.5
    full = like_clothes(ink_of(seven()))
    assert np.flatnonzero(full.any(1)).tolist() == list(range(28))


# Audio


def test_speaking_tells_its_progress_and_ends_with_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "PROGRESS_PAUSE", 0.0)
    *shares, sound = audio.speak(digits="42", seed=1)
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0 and len(shares) > 4
    assert all(isinstance(share, float) for share in shares) and isinstance(sound, audio.Sound)
    assert sound.waveform.dtype == np.float32 and np.abs(sound.waveform).max() <= 1 and sound.sample_rate == 8000
    assert sound.spectrogram.size == (800, 260) and sound.source.seed == 1


def test_the_same_seed_says_the_same_and_the_voice_matters() -> None:
    one, two, other = (last(audio.speak(digits="7", speaker=voice, seed=3)) for voice in ("theo", "theo", "lucas"))
    assert np.array_equal(one.waveform, two.waveform)
    assert len(one.waveform) != len(other.waveform) or not np.array_equal(one.waveform, other.waveform)


def test_digits_are_said_one_after_the_other_with_pauses() -> None:
    clips = [np.ones(400, np.float32), -np.ones(800, np.float32)]
    source: Any = None
    joined = last(audio.joined(np.array([400, 800]), enumerate(clips), 8000, source)).waveform
    pause = round(audio.PAUSE * 8000)
    assert len(joined) == 400 + pause + 800 and not joined[400 : 400 + pause].any()
    assert joined[0] == 0 and joined[200] == 1 and abs(joined[-1]) < 0.1 and (clips[0] == 1).all()
    assert len(last(audio.joined(np.array([1]), [(0, np.ones(1, np.float32))], 8000, source)).waveform) == 1


@pytest.mark.parametrize("compiled", [True, False], ids=["numba", "NumPy"])
def test_the_pieces_of_spoken_digits_are_the_sound_and_the_first_comes_early(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(wavenet_compiled, "available", lambda: False)
    monkeypatch.setattr(audio, "PROGRESS_PAUSE", 0.0)
    *pieces, sound = audio.speaking(digits="420", speaker="theo", seed=1)
    assert isinstance(sound, audio.Sound) and all(isinstance(piece, audio.Piece) for piece in pieces)
    heard = np.concatenate([piece.waveform for piece in pieces])  # type: ignore[union-attr]
    np.testing.assert_array_equal(heard, sound.waveform)
    first = next(piece for piece in pieces if len(piece.waveform))
    assert first.share < 0.15 and len(first.waveform) < len(sound.waveform) / 4  # type: ignore[union-attr]
    np.testing.assert_array_equal(last(audio.speak(digits="420", speaker="theo", seed=1)).waveform, heard)


def test_full_width_digits_and_spaces_are_understood() -> None:
    assert len(last(audio.speak(digits=" ４ 2\n")).waveform) == len(last(audio.speak(digits="42")).waveform)


def test_speakers_have_the_names_and_the_order_of_their_data_set(tmp_path: Path) -> None:
    assert audio.SPEAKERS["spoken_digits"] == read("spoken_digits", "test", sample=True).labels["speaker"]
    assert audio.speakers("wavenet.spoken-digits") == list(audio.SPEAKERS["spoken_digits"])
    name = library.add(str(tiny_zoo.make(tmp_path, "wavenet.other", "other_words", tiny_zoo.DIGITS)))
    assert audio.speakers(name)[:2] == ["speaker 1", "speaker 2"]
    with pytest.raises(InputError, match="text-to-audio"):
        audio.speakers("dcgan.mnist")


def test_a_spectrogram_shows_pitch_upwards_and_time_to_the_right() -> None:
    rate = 8000
    seconds = np.arange(rate) / rate
    rising = np.sin(2 * np.pi * (300 * seconds + 1500 * seconds**2)).astype(np.float32)
    bright = pixels(audio.spectrogram(rising, rate)).astype(int).sum(axis=2)
    heights = bright.argmax(axis=0)[40:760:80]
    assert (np.diff(heights) < 0).all()


def test_a_spectrogram_of_silence_is_dark_and_of_any_length_has_its_size() -> None:
    assert not pixels(audio.spectrogram(np.zeros(8000, np.float32), 8000))[..., 0].any()
    for length, rate in ((1, 8000), (100, 8000), (30 * 48_000, 48_000), (4000, 192_000)):
        assert audio.spectrogram(np.full(length, 0.1, np.float32), rate).size == (800, 260)


@pytest.mark.parametrize(
    ("waveform", "rate"),
    [(np.zeros(0, np.float32), 8000), (np.zeros((2, 9), np.float32), 8000), (np.zeros(9, np.int16), 8000),
     (np.full(9000, np.nan, np.float32), 8000), (np.zeros(9000, np.float32), 0), (np.zeros(9000, np.float32), True),
     (None, 8000), (np.zeros(9000, np.float32), 8000.5)],
)  # fmt: skip
def test_a_sound_that_is_none_is_refused(waveform: Any, rate: Any) -> None:
    for function in (audio.spectrogram, crossmodal.recognise_speech):
        with pytest.raises(InputError):
            function(waveform, rate)


# Cross-modal


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("7", "7"), (" seven ", "7"), ("七", "7"), ("柒", "7"), ("42", "42"), ("forty-two", "42"), ("Forty Two", "42"),
        ("四十二", "42"), ("四二", "42"), ("肆拾贰", "42"), ("４２", "42"), ("1,234", "1234"), ("0", "0"),
        ("zero", "0"), ("零", "0"), ("〇", "0"), ("007", "007"), ("zero zero seven", "007"), ("十", "10"),
        ("十五", "15"), ("二十", "20"), ("一百零五", "105"), ("三百五", "350"), ("两千零二十六", "2026"),
        ("twenty twenty-six", "2026"), ("two thousand and twenty six", "2026"), ("一万二", "12000"),
        ("四萬", "40000"), ("a hundred", "100"), ("twelve hundred", "1200"),
        ("九千九百九十九万九千九百九十九", "99999999"),
    ],
)  # fmt: skip
def test_numbers_are_read_in_digits_english_and_chinese(written: str, digits: str) -> None:
    assert crossmodal.read_number(written) == digits


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "and", "seven and", "hundred", "百", "十十", "四百四百", "-5", "4.2", "1,23", "七 apples", "seventy-",
        "٣", "½", "123456789", "one billion", "\ud800", "7" * 1_000_000, None, 7, "一亿", "万", "seven\x00teen!",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(written: Any) -> None:
    with pytest.raises(InputError):
        crossmodal.read_number(written)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 99_999_999).map(str) | st.text("0123456789", min_size=1, max_size=8))
def test_a_number_in_words_is_read_as_itself(digits: str) -> None:
    assert digits_of(in_english(digits)) == digits == digits_of(in_chinese(digits))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused(written: str) -> None:
    with contextlib.suppress(InputError):
        assert crossmodal.read_number(written).isdecimal()


def test_a_judge_says_what_it_sees_with_its_probabilities() -> None:
    seen = crossmodal.recognise_drawing(seven())
    assert list(seen.probabilities) == list(tiny_zoo.DIGITS) and abs(sum(seen.probabilities.values()) - 1) < 1e-5
    assert seen.digits == max(seen.probabilities, key=lambda label: seen.probabilities[label])
    assert seen.source.name == "resnet.mnist"


def test_a_judge_of_other_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "judges.json"
    monkeypatch.setattr(judges, "PINS", pins)
    pins.write_text('{"mnist": {"name": "resnet.mnist", "sha256": "00"}}')
    with pytest.raises(InputError, match="not those that were pinned"):
        crossmodal.recognise_drawing(seven())
    pins.write_text("{}")
    with pytest.raises(InputError, match="no judge of mnist"):
        crossmodal.recognise_drawing(seven())


@pytest.fixture
def real_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PRETRAINED", BUNDLED[0])
    monkeypatch.setattr(judges, "PINS", BUNDLED[1])


@pytest.mark.usefixtures("real_judges")
def test_the_bundled_judge_reads_digits_from_a_drawing_pad() -> None:
    table = read("mnist", "test", sample=True)
    right, count = 0, 60
    for row, label in zip(table.columns["image"][:count], table.columns["label"], strict=False):
        pad = Image.new("RGB", (280, 280), "white")
        digit = Image.eval(Image.open(io.BytesIO(row["bytes"])), lambda value: 255 - value)
        pad.paste(digit.resize((196, 196), Image.Resampling.BICUBIC), (60, 20))
        right += crossmodal.recognise_drawing(pad).digits == str(label)
    assert right >= 0.95 * count


@pytest.mark.usefixtures("real_judges")
def test_the_bundled_judge_hears_a_digit_in_a_recording_with_silence_and_hum() -> None:
    import soundfile

    table = read("spoken_digits", "test", sample=True)
    right, count = 0, min(20, len(table.columns["label"]))
    for row, label in zip(table.columns["audio"][:count], table.columns["label"], strict=False):
        clip, rate = soundfile.read(io.BytesIO(row["bytes"]), dtype="float32")
        recording = np.concatenate([np.zeros(rate), 0.4 * clip / np.abs(clip).max(), np.zeros(rate // 2)])
        recording += 0.002 * np.sin(np.arange(len(recording)) * (2 * np.pi * 50 / rate))
        right += crossmodal.recognise_speech(recording.astype(np.float32), rate).digits == str(label)
    assert right >= 0.9 * count


def voice(seconds: float, rate: int = 8000) -> np.ndarray:
    """A buzz with a formant, as loud as speech."""
    at = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sign(np.sin(2 * np.pi * 120 * at)) * np.sin(2 * np.pi * 700 * at)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_a_word_is_found_in_its_silence_at_any_rate(rate: int) -> None:
    quiet = np.zeros(2 * rate, np.float32)
    word = crossmodal.spoken_word(np.concatenate([quiet, voice(0.4, rate), quiet]), rate)
    assert 0.35 < len(word) / 8000 < 0.6 and np.abs(word).max() > 0.2


def test_a_click_is_not_the_word_and_a_gap_within_a_word_is_bridged() -> None:
    quiet = np.zeros(8000, np.float32)
    click = quiet.copy()
    click[100:140] = 0.9
    word = np.concatenate([voice(0.25), quiet[:800], voice(0.1)])  # as "eight" has a gap before its t
    found = crossmodal.spoken_word(np.concatenate([click, word, quiet]), 8000)
    assert 0.44 < len(found) / 8000 < 0.6


def test_of_a_long_speech_one_second_is_heard() -> None:
    assert len(crossmodal.spoken_word(voice(5.0), 8000)) <= 1.2 * 8000


@pytest.mark.parametrize(
    ("waveform", "words"),
    [(np.zeros(8000, np.float32), "silent"), (np.full(8000, 0.5, np.float32), "silent"), (voice(0.05), "0.05 seconds"),
     (voice(31), "31.00 seconds"), (np.zeros(10, np.float32), "0.00 seconds")],
)  # fmt: skip
def test_silence_and_impossible_lengths_are_refused(waveform: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        crossmodal.recognise_speech(waveform, 8000)


def test_what_is_heard_does_not_depend_on_loudness() -> None:
    loud, soft = (crossmodal.recognise_speech(voice(0.4) * gain, 8000) for gain in (1.0, 0.1))
    assert loud.digits == soft.digits and loud.source.name == "mel_resnet.spoken-digits"
    assert np.allclose(list(loud.probabilities.values()), list(soft.probabilities.values()), atol=1e-3)


def test_a_number_is_realised_in_every_form() -> None:
    *shares, made = crossmodal.realise("42", seed=2, speaker="theo")
    assert shares[0] == 0.0 and all(isinstance(share, float) for share in shares)
    assert (made.words, made.characters) == ("forty-two", "四十二")
    assert made.picture.labels == ["4", "2"] and len(made.picture.images) == 2
    assert made.picture.sheet.width > 1.9 * made.picture.sheet.height
    assert np.array_equal(made.sound.waveform, last(audio.speak(digits="42", seed=2, speaker="theo")).waveform)


@pytest.mark.usefixtures("no_loading")
@pytest.mark.parametrize("digits", ["", "123456789", "x", None, 42])
def test_what_cannot_be_realised_is_refused(digits: Any) -> None:
    with pytest.raises(InputError):
        crossmodal.realise(digits)


def test_nothing_is_drawn_from_the_global_generators() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    for turn in range(2):  # building a network to load weights into draws its initial weights
        if turn:
            before = torch.get_rng_state(), np.random.get_state()[1].copy()
        last(text.write(max_new_tokens=5))
        image.draw(count=2)
        last(crossmodal.realise("7"))
    assert torch.equal(before[0], torch.get_rng_state()) and np.array_equal(before[1], np.random.get_state()[1])
