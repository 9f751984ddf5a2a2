"""Pairs of pictures: what stands beside what, in range, from fixed noise, never from another split. On the sample."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from zoo.data import pairs
from zoo.data.image import VENDORS
from zoo.data.load import load
from zoo.data.pairs import (
    DERIVED,
    EDGE,
    Pairs,
    damaged,
    emoji_pairs,
    fitted,
    holes,
    noisy,
    outline,
    small,
    trimmed,
)
from zoo.data.source import INFOS, Info, read
from zoo.noise import Noise

KINDS = (*DERIVED, "openmoji", "fluent")


def config(source: str = "outline", target: str = "google", image_size: int = 32, **more: Any) -> Any:
    return SimpleNamespace(source=source, target=target, image_size=image_size, **more)


def opened(split: str, source: str = "outline", target: str = "google", **more: Any) -> Pairs:
    return emoji_pairs("emoji", split, config(source, target, **more), sample=True)


def everything(data: Pairs, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return data.arrays(np.arange(len(data)), epoch)


# What is in a batch


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("size", [32, 64])
def test_a_batch_is_float32_in_range_and_of_the_size_that_the_config_says(source: str, size: int) -> None:
    for split in ("train", "test"):
        batch = load("emoji", split, config(source, "twitter", size), sample=True).batch(np.array([3, 0, 5]))
        assert batch.keys() == {"source", "target"}
        side = size // 4 if source == "small" else size
        assert batch["source"].shape == (3, 3, side, side) and batch["target"].shape == (3, 3, size, size)
        for images in batch.values():
            assert str(images.dtype) == "torch.float32" and images.abs().max() <= 1 and images.isfinite().all()


def test_the_data_sets_own_pictures_are_opened_where_a_config_has_no_source() -> None:
    assert load("emoji", "test", SimpleNamespace(image_size=32), sample=True).batch(np.arange(2)).keys() == {
        "image", "label"
    }  # fmt: skip


def test_a_vendors_pair_shows_the_picture_files_of_one_concept_on_white() -> None:
    table, data = read("emoji", "test", sample=True), opened("test", "twitter", "fluent", image_size=64)
    sources, targets = everything(data)
    rows = [i for i, cell in enumerate(table.columns["fluent"]) if cell is not None]
    assert data.names == tuple(table.columns["name"][row] for row in rows) and set(data.vendors) == {"fluent"}
    for i in (0, 7, len(rows) - 1):
        for images, vendor in ((sources, "twitter"), (targets, "fluent")):
            picture = Image.open(io.BytesIO(table.columns[vendor][rows[i]]["bytes"])).convert("RGBA")
            paper = Image.new("RGB", picture.size, "white")
            paper.paste(picture, mask=picture.getchannel("A"))
            shown = (images[i].transpose(1, 2, 0) + 1) * 127.5
            assert np.abs(shown - np.asarray(paper, np.float32)).max() <= 1.01, "as near as rounding leaves it"


def test_concepts_that_a_vendor_has_not_drawn_are_left_out() -> None:
    table = read("emoji", "test", sample=True)
    missing = [i for i, cell in enumerate(table.columns["fluent"]) if cell is None]
    assert missing, "the sample holds such a concept"
    names = {table.columns["name"][i] for i in missing}
    for source, target in (("fluent", "google"), ("google", "fluent"), ("outline", "fluent")):
        found = opened("test", source, target)
        assert len(found) == len(table.columns["name"]) - len(missing) and not names & set(found.names)
    everyone = opened("test", "small", "all")
    assert len(everyone) == 4 * len(table.columns["name"]) - len(missing)
    assert set(everyone.vendors) == set(VENDORS)


def test_a_small_source_is_the_mean_of_squares_of_its_target() -> None:
    data = opened("test", "small", "google", image_size=64, scale=8)
    sources, targets = everything(data)
    assert sources.shape[2:] == (8, 8)
    means = targets.reshape(len(data), 3, 8, 8, 8, 8).mean((3, 5))
    np.testing.assert_allclose(sources, means, atol=0.5 / 127.5 + 1e-6)
    assert (small(np.full((1, 3, 8, 8), 200, np.uint8), 4) == 200).all()


def test_a_truth_is_never_changed_by_what_is_done_to_its_source() -> None:
    plain = everything(opened("test", "outline"))[1]
    for kind in DERIVED:
        np.testing.assert_array_equal(everything(opened("test", kind))[1], plain)


@pytest.mark.parametrize(
    ("source", "target", "licence"),
    [
        ("outline", "google", "apache-2.0"),
        ("fluent", "google", "apache-2.0"),
        ("google", "twitter", "cc-by-4.0"),
        ("noisy", "fluent", "mit"),
        ("openmoji", "twitter", "cc-by-sa-4.0"),
        ("small", "all", "cc-by-sa-4.0"),
    ],
)
def test_the_licence_is_that_of_the_pictures_in_use(source: str, target: str, licence: str) -> None:
    data = opened("test", source, target)
    assert data.info.licence == licence and data.info.name == "emoji"
    assert data.info.attribution == INFOS["emoji"].attribution


# Outlines, damage, noise


def test_an_outline_is_black_exactly_where_neighbours_differ_in_some_colour() -> None:
    image = np.full((1, 3, 6, 7), 255, np.uint8)
    image[0, 1, 2:4, 3:6] = 255 - EDGE  # in green alone
    image[0, :, 0, 0] = 255 - EDGE + 1  # not far enough
    lines = outline(image)
    wanted = np.zeros((6, 7), bool)
    for row in range(6):
        for column in range(7):
            inside = image[0, 1, row, column] == 255 - EDGE
            right = column < 6 and (image[0, 1, row, column + 1] == 255 - EDGE) != inside
            below = row < 5 and (image[0, 1, row + 1, column] == 255 - EDGE) != inside
            wanted[row, column] = right or below
    assert ((lines[0] == 0) == wanted).all() and set(np.unique(lines)) == {0, 255}
    assert (lines[0, 0] == lines[0, 1]).all() and (lines[0, 0] == lines[0, 2]).all()


def test_outlines_of_emoji_are_lines_and_not_areas() -> None:
    lines = everything(opened("test", image_size=64))[0]
    share = (lines < 0).mean((1, 2, 3))
    assert 0.03 < share.mean() < 0.3 and share.min() > 0.01 and share.max() < 0.6


def test_damage_is_noise_in_the_holes_and_the_picture_outside_them() -> None:
    image = np.full((3, 64, 64), 0.25, np.float32)
    mask = holes(64, 64, Noise(5))
    found = damaged(image, Noise(7), mask)
    assert (found[:, ~mask] == 0.25).all()
    assert (found[:, mask] != 0.25).mean() > 0.99 and abs(found[:, mask].mean()) < 0.1
    assert found[:, mask].std() == pytest.approx(3**-0.5, rel=0.1), "uniform from -1 to 1"


def test_holes_take_a_part_of_the_picture_and_never_all_of_it() -> None:
    shares = np.array([holes(64, 64, Noise(1, stream)).mean() for stream in range(300)])
    assert shares.max() < 0.5 and 0.04 < shares.mean() < 0.2 and (shares > 0).mean() > 0.97
    parts = [ndimage.label(holes(64, 64, Noise(1, stream)))[1] for stream in range(100)]
    assert set(parts) >= {1, 2, 3} and max(parts) <= 4


def test_noise_has_the_strength_that_is_asked_for_and_keeps_the_range() -> None:
    grey = np.zeros((3, 64, 64), np.float32)
    assert noisy(grey, Noise(1), 0.2).std() == pytest.approx(0.2, rel=0.03)
    drawn = np.array([noisy(grey, Noise(1, stream)).std() for stream in range(60)])
    assert pairs.MIN_NOISE * 0.95 < drawn.min() < 0.2 < 0.35 < drawn.max() < pairs.MAX_NOISE * 1.05
    assert np.abs(noisy(grey + 1, Noise(2), 0.5)).max() <= 1


# Epochs and splits


@pytest.mark.parametrize("source", KINDS)
def test_training_is_a_pure_function_of_index_and_epoch(source: str) -> None:
    data, again = opened("train", source), opened("train", source)
    first = everything(data, epoch=3)
    data.arrays(np.array([4, 2]), 9)  # no position is held
    for one, two in zip(first, everything(data, epoch=3), strict=True):
        np.testing.assert_array_equal(one, two)
    alone = again.arrays(np.array([11]), 3)
    for one, two in zip(first, alone, strict=True):
        np.testing.assert_array_equal(one[11], two[0])
    assert any((one != two).any() for one, two in zip(first, everything(data, epoch=4), strict=True))


@pytest.mark.parametrize("source", DERIVED)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_pairs_are_the_same_in_every_epoch(source: str, split: str) -> None:
    data = opened(split, source)
    for one, two in zip(everything(data, 0), everything(data, 7), strict=True):
        np.testing.assert_array_equal(one, two)


def test_another_index_has_other_damage_in_the_test_split() -> None:
    data = opened("test", "damaged", image_size=64)
    sources, targets = everything(data)
    changed = (sources != targets).any(1)
    assert changed.any((1, 2)).mean() > 0.95
    assert len({mask.tobytes() for mask in changed}) > 0.9 * len(data)


def test_both_of_a_pair_are_mirrored_and_shifted_alike_and_in_many_ways() -> None:
    data = opened("train", "openmoji")
    assert data.sources is not None
    flips, shifts = set(), set()
    for epoch in range(12):
        sources, targets = data.arrays(np.arange(8), epoch)
        for i in range(8):
            common = places(sources[i], data.sources[i]) & places(targets[i], data.targets[i])
            assert common, "one mirror and shift explains both"
            if len(common) == 1:  # where the picture is not its own mirror image
                flip, *shift = common.pop()
                flips.add(flip)
                shifts.add(tuple(shift))
    assert flips == {False, True}
    assert {down for down, _ in shifts} == {right for _, right in shifts} == set(range(-2, 3))


def places(image: np.ndarray, original: np.ndarray) -> set[tuple[bool, int, int]]:
    """Every way in which `original`, uint8, can be mirrored and shifted by up to two pixels to become `image`."""
    values = ((image + 1) * 127.5).round().astype(np.uint8)
    padded = np.pad(original, ((0, 0), (2, 2), (2, 2)), constant_values=255)
    return {
        (flip, down - 2, right - 2)
        for flip in (False, True)
        for down in range(5)
        for right in range(5)
        if ((padded[:, :, ::-1] if flip else padded)[:, down : down + 32, right : right + 32] == values).all()
    }


def test_outlines_in_training_are_those_of_the_picture_beside_them_with_fewer_lines_at_times() -> None:
    data = opened("train", "outline")
    kept = []
    for epoch in range(5):
        sources, targets = data.arrays(np.arange(20), epoch)
        pictures = ((targets + 1) * 127.5).round().astype(np.uint8)
        all_lines, strong = outline(pictures) == 0, outline(pictures, pairs.STRONG_EDGE) == 0
        lines = sources < 0
        assert (lines <= all_lines).all() and (lines >= strong).all()
        kept += list(lines.sum((1, 2, 3)) / all_lines.sum((1, 2, 3)))
    assert min(kept) < 0.7 and max(kept) > 0.95


def test_test_concepts_and_validation_concepts_are_in_no_training_pair() -> None:
    found = {split: opened(split, "small", "all") for split in ("train", "validation", "test")}
    names = {split: set(data.names) for split, data in found.items()}
    assert not names["train"] & names["validation"] and not names["train"] & names["test"]
    table = read("emoji", "train", sample=True)
    assert names["train"] | names["validation"] == set(table.columns["name"])
    assert 0 < len(names["validation"]) < 0.3 * len(names["train"])


def test_variants_of_a_figure_stay_on_one_side_of_validation() -> None:
    codes = [f"{who}-200D-{what}" for what in ("1F373", "1F692", "1F3EB") for who in ("1F468", "1F469", "1F9D1")]
    codes += ["1F3CA", "1F3CA-200D-2640", "1F3CA-200D-2642", *(f"1F4{i:02X}" for i in range(60))]
    kept = pairs.validation_rows(codes)
    share = [set(kept[i : i + 3]) for i in (0, 3, 6, 9)]
    assert all(len(one) == 1 for one in share) and 0.04 < np.mean(kept) < 0.25


# Unpaired


def test_unpaired_training_never_shows_a_concept_beside_itself_and_changes_every_epoch() -> None:
    data = opened("train", "google", "twitter", paired=False)
    assert not data.paired
    partners = [data.partners(epoch) for epoch in range(20)]
    for others in partners:
        assert (others != np.arange(len(data))).all() and sorted(others) == list(range(len(data)))
    assert len({others.tobytes() for others in partners}) == 20
    targets = data.arrays(np.arange(4), 2)[1]
    for i, other in enumerate(partners[2][:4]):
        assert places(targets[i], data.targets[other]) and not places(targets[i], data.targets[i])


@pytest.mark.parametrize("split", ["validation", "test"])
def test_unpaired_models_are_measured_on_pairs(split: str) -> None:
    unpaired, paired = (opened(split, "google", "twitter", paired=choice) for choice in (False, True))
    for one, two in zip(everything(unpaired), everything(paired), strict=True):
        np.testing.assert_array_equal(one, two)


# What is refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "outlines"}, "no source is named 'outlines'; perhaps you meant 'outline'"),
        ({"target": "gogle"}, "no target is named 'gogle'; perhaps you meant 'google'"),
        ({"source": "google"}, "google -> google is no translation"),
        ({"source": "twitter", "target": "all"}, "twitter -> all is no translation"),
        ({"image_size": 48}, "image_size is 48"),
        ({"source": "small", "scale": 5}, "scale is 5; it must divide image_size"),
    ],
)
def test_what_cannot_be_a_pair_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        opened("test", **{"source": "outline", "target": "google", **changes})


def test_a_damaged_picture_ends_the_reading_or_is_left_out_by_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def spoilt(name: str, split: str, *, sample: bool) -> Any:
        table = read(name, split, sample=sample)
        table.columns["google"][2] = {"bytes": b"\x89PNG no more", "path": None}
        return table

    monkeypatch.setattr(pairs, "read", spoilt)
    with pytest.raises(ValueError, match=r"picture 2 of emoji/test \(google\) cannot be decoded"):
        opened("test")
    whole = len(read("emoji", "test", sample=True).columns["name"])
    found = emoji_pairs("emoji", "test", config(), sample=True, skip=True)
    assert len(found) == whole - 1 and "picture 2 of emoji/test (google)" in caplog.text


def test_pairs_of_ones_own_pictures_are_made_of_their_targets() -> None:
    """Any pictures will do where the source is made of the target: what training on one's own needs."""
    targets = np.random.default_rng(0).integers(0, 256, (9, 3, 40, 40), np.uint8)
    info = Info("own", "own", "", "")
    for kind in DERIVED:
        data = Pairs(info, "", ("",) * 9, ("",) * 9, None, targets, config(kind, "all", 40), training=True)
        source, target = data.arrays(np.arange(9), 1)
        assert target.shape == (9, 3, 40, 40) and source.shape[2] == (10 if kind == "small" else 40)
    assert data.labels == () and data.lengths is None


def test_margins_of_both_styles_are_the_same_where_a_config_says_so() -> None:
    data = opened("test", "openmoji", "twitter", image_size=64, margin=4)
    plain = opened("test", "openmoji", "twitter", image_size=64)
    for images in (data.sources, data.targets):
        shown = images.min(1) < 240
        assert not shown[:, :4].any() and not shown[:, -4:].any() and not shown[:, :, :4].any()
        for one in shown:
            rows, columns = np.nonzero(one)
            assert max(np.ptp(rows), np.ptp(columns)) >= 52  # of the 56 inside the margins; edges are soft
    assert (plain.targets[:, :, 0].min((1, 2)) < 200).any(), "as it comes it may touch the edges"


def test_what_is_drawn_is_trimmed_and_fitted_whole() -> None:
    page = np.full((40, 60, 3), 255, np.uint8)
    page[10:20, 5:45] = (200, 0, 0)
    part = trimmed(Image.fromarray(page))
    assert part.size == (40, 10)
    square = fitted(part, 48, 4)
    assert square.shape == (48, 48, 3) and (square[19:29, 4:44] == (200, 0, 0)).all()
    assert (square[:18] == 255).all() and (square[30:] == 255).all() and (square[:, :3] == 255).all()
    white = Image.new("RGB", (9, 9), "white")
    assert trimmed(white) is white
