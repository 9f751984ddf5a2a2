"""Data: fixed keys and ranges, splits that do not share rows, and errors that say what to do. All on the samples."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from zoo.data.audio import PEAK, Clips
from zoo.data.image import VENDORS, Images, on_white, sized
from zoo.data.load import load
from zoo.data.source import INFOS, find, read, split_of
from zoo.data.text import FORMS, Poems, Prose, poem_text
from zoo.entry import IGNORED

EMOJI_SETS = ("emoji", "emoji_vendors")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_pictures_are_in_range_padded_with_black_and_labelled(name: str) -> None:
    data = Images(name, "test", sample=True, image_size=32)
    batch = data.batch(np.arange(len(data)))
    assert batch["image"].shape == (200, 1, 32, 32)
    assert float(batch["image"].min()) == -1.0
    assert float(batch["image"].max()) == 1.0
    assert bool((batch["image"][:, :, :2] == -1).all())
    assert sorted(set(batch["label"].tolist())) == list(range(10))
    assert len(data.labels) == 10


def test_train_and_validation_share_no_row_and_leave_none_out() -> None:
    train, validation = split_of(1000, "train", 64), split_of(1000, "validation", 64)
    assert len(validation) == 64
    assert sorted(np.r_[train, validation]) == list(range(1000))


def test_takes_of_spoken_digits_stay_in_their_split() -> None:
    parts = {split: Clips("spoken_digits", split, sample=True) for split in ("train", "validation", "test")}
    assert [len(parts[s]) for s in ("train", "validation", "test")] == [60, 60, 60]
    prints = [{clip.tobytes() for clip in part.waveforms} for part in parts.values()]
    assert not prints[0] & prints[1]
    assert not prints[1] & prints[2]


def test_clips_have_one_peak_and_silence_behind_them() -> None:
    data = Clips("spoken_digits", "train", sample=True)
    batch = data.batch(np.array([0, 7, 21]))
    waveform, length = batch["waveform"].numpy(), batch["length"].numpy()
    np.testing.assert_allclose(np.abs(waveform).max(1), PEAK, rtol=1e-5)
    assert waveform.shape[1] % 800 == 0
    for row, size in zip(waveform, length, strict=True):
        assert not row[size:].any()
    np.testing.assert_allclose(batch["duration"], length / 8000)


def test_durations_are_those_of_the_word_and_voice() -> None:
    data = Clips("spoken_digits", "train", sample=True)
    statistics = data.duration_statistics()
    own = data.lengths[(data.digits == 7) & (data.voices == 2)] / data.sample_rate
    np.testing.assert_allclose(statistics[7, 2], [np.log(own).mean(), np.log(own).std()], rtol=1e-5)


def test_prose_windows_predict_the_next_character_and_move_each_epoch() -> None:
    data = Prose("tiny_shakespeare", "train", sample=True, context_length=64)
    first, second = (data.batch(np.arange(4), epoch) for epoch in (0, 1))
    assert first["ids"].shape == first["targets"].shape == (4, 64)
    assert bool((first["ids"][:, 1:] == first["targets"][:, :-1]).all())
    assert not bool((first["ids"] == second["ids"]).all())
    assert bool((data.batch(np.arange(4), 1)["ids"] == second["ids"]).all())


def test_a_tokenizer_writes_back_what_it_read() -> None:
    data = Prose("tiny_shakespeare", "test", sample=True)
    text = "To be, or not to be:\nthat is the question.\n"
    assert data.tokenizer.decode(data.tokenizer.encode(text).ids) == text


def test_only_the_poem_is_a_target() -> None:
    data = Poems("tang_poems", "test", sample=True)
    batch = data.batch(np.arange(20))
    for index, (ids, targets) in enumerate(zip(batch["ids"], batch["targets"], strict=True)):
        form, _, _, lines = data.poems[index]
        kept = [int(t) for t in targets if t != IGNORED]
        assert kept == [*data.bodies[index], data.tokenizer.token_to_id("<eos>")]
        count, length = FORMS[form]
        assert len(poem_text(lines)) == count * (length + 1)
        assert int(ids[1]) == data.tokenizer.token_to_id(form)


def test_author_and_title_are_sometimes_left_out_in_training_and_never_in_tests() -> None:
    train, test = (Poems("tang_poems", split, sample=True) for split in ("train", "test"))
    author = train.tokenizer.token_to_id("<author>")
    share = float((train.batch(np.arange(200))["ids"] == author).any(1).float().mean())
    assert 0.6 < share < 0.9
    author = test.tokenizer.token_to_id("<author>")
    named = [i for i in range(len(test)) if test.poems[i][1]]
    assert bool((test.batch(np.array(named))["ids"] == author).any(1).all())


def test_an_unknown_set_names_its_neighbour() -> None:
    with pytest.raises(ValueError, match="perhaps you meant 'mnist'"):
        find("mnits", "train")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    with pytest.raises(OSError, match=r"mnist/data/train-\*\.parquet is missing"):
        find("mnist", "train")


@pytest.mark.parametrize("names", [("train-00000-of-00002",), ("train-00000-of-00001", "train-1")])
def test_a_split_in_several_files_is_refused_and_not_read_in_part(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mnist" / "data"
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.parquet").write_bytes(find("mnist", "train", sample=True).read_bytes())
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=rf"{names[0]}\.parquet is one of several"):
        read("mnist", "train")


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mnist" / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 this is no table PAR1")
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="train-00000-of-00001.parquet cannot be read as Parquet"):
        read("mnist", "train")


def test_every_set_ships_a_sample() -> None:
    for name in INFOS:
        assert read(name, "test", sample=True).fingerprint


# Colour


def test_emoji_are_every_concept_in_each_style_that_has_it() -> None:
    by_group, by_vendor = (load(name, "test", SimpleNamespace(image_size=32), sample=True) for name in EMOJI_SETS)
    columns = read("emoji", "test", sample=True).columns
    drawn = sum(picture is not None for vendor in VENDORS for picture in columns[vendor])
    assert len(by_group) == len(by_vendor) == drawn
    assert by_vendor.labels == VENDORS and len(by_group.labels) == 9
    np.testing.assert_array_equal(by_group.images, by_vendor.images)
    groups = np.asarray(columns["group"])
    for i in range(0, drawn, 7):
        concept, vendor = by_group.concepts[i], VENDORS[by_vendor.targets[i]]
        assert by_group.targets[i] == groups[concept]
        encoded = columns[vendor][concept]["bytes"]
        whole = on_white(encoded).astype(np.float64)
        halves = whole.reshape(32, 2, 32, 2, 3).mean((1, 3)).transpose(2, 0, 1)
        assert np.abs(by_group.images[i] - halves).max() <= 0.5


def test_faces_are_the_rows_of_all_emoji_that_unicode_says_are_faces() -> None:
    for split in ("train", "test"):
        every, faces = (
            load(name, split, SimpleNamespace(image_size=32), sample=True) for name in ("emoji_vendors", "emoji_faces")
        )
        subgroups = read("emoji", split, sample=True).columns["subgroup"]
        named = [subgroups[concept].split("-") for concept in every.concepts]
        told = np.array([name[0] == "face" and "costume" not in name for name in named])
        assert faces.labels == VENDORS and 0 < told.sum() < len(told)
        np.testing.assert_array_equal(faces.images, every.images[told])
        np.testing.assert_array_equal(faces.targets, every.targets[told])


def test_what_is_transparent_is_white_and_the_rest_is_blended_with_white() -> None:
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (255, 0, 0, 128))
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    np.testing.assert_array_equal(on_white(encoded.getvalue())[0], [[255, 255, 255], [255, 127, 127]])


def test_pictures_are_made_smaller_by_whole_factors_alone() -> None:
    images = np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8)
    assert sized(images, 8) is not None and np.array_equal(sized(images, 8), images)
    assert sized(images, 2)[1, 2, 1, 0] == int(images[1, 2, 4:, :4].mean() + 0.5)
    assert sized(images, 10)[:, :, 1:-1, 1:-1].tolist() == images.tolist() and not sized(images, 10)[:, :, 0].any()
    with pytest.raises(ValueError, match="image_size is 3; pictures of 8 pixels"):
        sized(images, 3)


def test_the_splits_of_the_emoji_share_no_concept() -> None:
    train, held = (
        load("emoji", split, SimpleNamespace(image_size=32), sample=True) for split in ("train", "validation")
    )
    assert not set(train.concepts) & set(held.concepts) and len(held)
