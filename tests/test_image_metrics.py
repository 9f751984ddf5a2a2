"""The measures of generated pictures against the libraries that have them, and against closed forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import prdc
import pytest
import scipy.stats
import sklearn.neighbors
import torch
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import maximum_mean_discrepancy, poly_mmd

from zoo import checkpoint, hub, verify
from zoo.data.image import Emoji, Images, sized
from zoo.entry import Part
from zoo.metrics import judges
from zoo.metrics.inception_score import inception_score
from zoo.metrics.kernel_distance import cubic_kernel, kernel_distance, squared_discrepancy
from zoo.metrics.neighbours import copying, nearest, nearest_pictures, radii
from zoo.metrics.precision_recall import CLOSE_NEIGHBOURS, NEIGHBOURS, overlap
from zoo.models.image import dcgan, resnet
from zoo.noise import Noise, permutation
from zoo.verify.images import fit_to_judge, generated_images, image_generation


def features(seed: int, n: int, d: int = 8, *, shift: float = 0.0) -> np.ndarray:
    """Correlated features far from zero, as those of a judge are."""
    noise = Noise(seed)
    mixing = Noise(99).normal_array(d, d)
    return noise.normal_array(n, d) @ mixing + np.float32(20.0 + shift)


# Inception score


class _Logits(torch.nn.Module):
    """Stands for torchmetrics' Inception network: its "pictures" are the logits themselves."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def test_the_inception_score_is_torchmetrics_with_one_split() -> None:
    logits = Noise(1).normal(300, 10, 1, 1) * 3
    theirs = InceptionScore(feature=_Logits(), splits=1)
    theirs.update(logits)
    ours = inception_score(logits.flatten(1).log_softmax(1).numpy())
    assert ours == pytest.approx(float(theirs.compute()[0]), rel=1e-5)
    assert 1.5 < ours < 9


def test_the_inception_score_runs_from_one_to_the_number_of_classes() -> None:
    with np.errstate(divide="ignore"):
        sure = np.log(np.eye(7)[np.arange(70) % 7])
    assert inception_score(sure) == pytest.approx(7)
    assert inception_score(sure[::7]) == pytest.approx(1), "one class alone"
    assert inception_score(np.full((50, 7), -np.log(7.0))) == pytest.approx(1), "never sure"
    assert inception_score(sure[[0, 1] * 20]) == pytest.approx(2)


# Kernel distance


@pytest.mark.parametrize(("n", "m"), [(60, 60), (200, 200)])
def test_the_squared_discrepancy_is_torchmetrics(n: int, m: int) -> None:
    a, b = (torch.from_numpy(features(seed, n, shift=0.3 * seed)).double() / 10 for seed in (1, 2))
    k_aa, k_bb, k_ab = ((x @ y.T / a.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    expected = float(maximum_mean_discrepancy(k_aa, k_ab, k_bb))
    assert expected == pytest.approx(float(poly_mmd(a, b)), rel=1e-9)
    assert squared_discrepancy(a.numpy(), b.numpy()) == pytest.approx(expected, rel=1e-9)


def test_the_squared_discrepancy_of_unequal_sets_is_the_papers_double_sum() -> None:
    a, b = features(1, 7) / 20, features(2, 11) / 20
    kernel = cubic_kernel(np.concatenate([a, b]).astype(np.float64), np.concatenate([a, b]).astype(np.float64))
    within_a = sum(kernel[i, j] for i in range(7) for j in range(7) if i != j) / (7 * 6)
    within_b = sum(kernel[i, j] for i in range(7, 18) for j in range(7, 18) if i != j) / (11 * 10)
    across = sum(kernel[i, j] for i in range(7) for j in range(7, 18)) / 77
    assert squared_discrepancy(a, b) == pytest.approx(within_a + within_b - 2 * across, rel=1e-9)


def test_the_kernel_distance_of_few_pictures_is_that_of_many_on_average() -> None:
    """Unbiased: the mean over small parts meets the estimate of all rows, where a biased one would lie above."""
    a, b = features(1, 2000) / 20, features(2, 2000) / 20
    few, deviation = kernel_distance(a, b, parts=100, size=25)
    whole = squared_discrepancy(a, b)
    assert abs(few - whole) < 4 * deviation / 10
    assert deviation > 0.008 > 2 * abs(whole)


def test_the_kernel_distance_sees_what_is_shifted_and_gives_the_same_number_twice() -> None:
    a, b, c = features(1, 1500) / 20, features(2, 1500) / 20, features(2, 1500, shift=4.0) / 20
    assert kernel_distance(a, c, parts=5)[0] > 20 * abs(kernel_distance(a, b, parts=5)[0])
    assert kernel_distance(a, c, parts=5) == kernel_distance(a.copy(), c.copy(), parts=5)
    assert kernel_distance(a[:40], b[:30]) == (squared_discrepancy(a[:40], b[:30]), 0.0), "small sets come whole"
    with pytest.raises(ValueError, match="1 and 30 rows; an unbiased estimate needs at least 2"):
        kernel_distance(a[:1], b[:30])


# Precision and recall, density and coverage


@pytest.mark.parametrize("shift", [0.0, 1.5, 40.0])
@pytest.mark.parametrize(("n", "m"), [(1100, 1100), (130, 40)])  # more than a block, and unequal numbers
def test_overlap_is_that_of_the_papers_authors(n: int, m: int, shift: float) -> None:
    real, made = features(1, n), features(2, m, shift=shift)
    ours = overlap(real, made)
    exact = [x.astype(np.float64) for x in (real, made)]
    theirs = prdc.compute_prdc(*exact, nearest_k=NEIGHBOURS)
    assert (ours.precision, ours.recall) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-12)
    theirs = prdc.compute_prdc(*exact, nearest_k=CLOSE_NEIGHBOURS)
    assert (ours.density, ours.coverage) == pytest.approx((theirs["density"], theirs["coverage"]), abs=1e-12)


def test_a_generator_of_few_modes_has_precision_without_recall_and_a_noisy_one_neither() -> None:
    real = features(1, 600, 4)
    crowded = real[:5].repeat(120, axis=0) + 1e-3 * Noise(3).normal_array(600, 4)
    scattered = real + 30 * Noise(4).normal_array(600, 4)
    same = overlap(real, features(5, 600, 4))
    assert same.precision > 0.9 and same.recall > 0.9 and same.coverage > 0.9 and 0.8 < same.density < 1.2
    modes = overlap(real, crowded)
    assert modes.precision > 0.99 and modes.recall < 0.05 and modes.coverage < 0.15
    assert overlap(real, scattered).precision < 0.3
    assert overlap(real, real).precision == overlap(real, real).recall == 1


def test_the_radius_of_a_point_is_the_distance_to_its_kth_neighbour() -> None:
    points = features(6, 1300, 5)
    theirs = sklearn.neighbors.NearestNeighbors(n_neighbors=4, algorithm="brute").fit(points.astype(np.float64))
    expected = theirs.kneighbors(points.astype(np.float64))[0][:, 3]  # the first is the point itself
    np.testing.assert_allclose(np.sqrt(radii(points.astype(np.float64), 3)), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="the 3. neighbour of each needs at least 4"):
        radii(points[:3], 3)


# Neighbours


def test_the_nearest_row_is_sklearns() -> None:
    a, b = features(1, 1200).astype(np.float64), features(2, 500).astype(np.float64)
    expected, who = sklearn.neighbors.NearestNeighbors(n_neighbors=1).fit(b).kneighbors(a)
    rows, distances = nearest(a, b)
    np.testing.assert_array_equal(rows, who[:, 0])
    np.testing.assert_allclose(distances, expected[:, 0], rtol=1e-9)
    assert nearest(b, b)[0].tolist() == list(range(500)) and nearest(b, b)[1].max() < 1e-5


def test_copying_is_the_mann_whitney_statistic() -> None:
    made, held_out = Noise(1).integers_array(40, 300), Noise(2).integers_array(50, 200)  # with ties
    expected = scipy.stats.mannwhitneyu(held_out, made).statistic / (300 * 200)
    assert copying(made, held_out) == pytest.approx(expected)
    assert copying(np.zeros(5), np.ones(7)) == 1 and copying(np.ones(5), np.zeros(7)) == 0
    assert copying(made, made) == 0.5


def test_copying_is_seen_where_samples_repeat_the_training_data_and_not_where_they_are_new() -> None:
    known, held_out, new = (features(seed, 800) for seed in (1, 2, 3))
    copies = known[:400] + 0.01 * Noise(4).normal_array(400, 8)
    real = nearest(held_out, known)[1]
    assert copying(nearest(copies, known)[1], real) > 0.99
    assert copying(nearest(new, known)[1], real) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_nearest_training_picture_is_found_with_its_exact_difference(channels: int) -> None:
    known = Noise(1).integers_array(256, 2300, channels, 6, 6).astype(np.uint8)
    wanted = np.array([2299, 0, 1003, 17])
    made = (known[wanted] / 127.5 - 1).astype(np.float32)
    made[2] = (made[2] + 0.1).clip(-1, 1)
    rows, apart = nearest_pictures(made, known)
    np.testing.assert_array_equal(rows, wanted)
    expected = np.sqrt(np.square(made[2] - (known[1003] / 127.5 - 1)).mean())
    np.testing.assert_allclose(apart, [0, 0, expected, 0], atol=1e-7)


# What a judge sees


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3)])
def test_pictures_are_brought_to_the_judge_as_its_data_were_to_it(size: int, channels: int) -> None:
    judge = resnet.ResNet(replace(resnet.ENTRY.tiny, image_size=size, channels=channels))
    stored = Noise(1).integers_array(256, 5, channels, 28 if channels == 1 else 64, 28 if channels == 1 else 64)
    expected = sized(stored.astype(np.uint8), size)
    for side in (28, 32, 56) if channels == 1 else (32, 64):
        given = torch.from_numpy(sized(stored.astype(np.uint8), side)).float() / 127.5 - 1
        found = fit_to_judge(given, judge)
        assert found.shape == (5, channels, size, size)
        np.testing.assert_allclose(((found + 1) * 127.5).numpy(), expected, atol=0.51)  # `sized` rounds
    grey = fit_to_judge(torch.full((2, 4 - channels, size, size), 0.5), judge)
    assert grey.shape == (2, channels, size, size) and (grey == 0.5).all()


def test_a_judge_in_colour_sees_smaller_pictures_enlarged_and_refuses_what_has_no_whole_ratio() -> None:
    judge = resnet.ResNet(replace(resnet.ENTRY.tiny, image_size=32, channels=3))
    images = Noise(1).uniform(2, 3, 16, 16)
    assert torch.equal(fit_to_judge(images, judge)[:, :, ::2, 1::2], images)
    with pytest.raises(ValueError, match="48 pixels a side; their judge sees 32"):
        fit_to_judge(torch.zeros(2, 3, 48, 48), judge)


class _Repeats(torch.nn.Module):
    """A generator that knows some pictures by heart, and shows the one that its first latent names."""

    latent_dim, num_classes = 2, 0

    def __init__(self, pictures: torch.Tensor) -> None:
        super().__init__()
        self.pictures = torch.nn.Parameter(pictures, requires_grad=False)
        self.config = resnet.ResNetConfig()

    def parts(self) -> tuple[Part, ...]:
        return ()

    def generate(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Any of the pictures, as likely."""
        return self.pictures[(latents[:, 0].abs() * 1e4).long() % len(self.pictures)]


def figures_of(model: torch.nn.Module, data: Images) -> dict[str, verify.Figure]:
    with torch.no_grad():
        found = image_generation(verify.Subject("dcgan", model, "mnist", sample=True), data, verify.QUICK, lambda: None)
    return {figure.name: figure for figure in found}


@pytest.fixture(scope="module")
def digits() -> dict[str, Images]:
    return {split: Images("mnist", split, sample=True) for split in ("train", "test")}


def test_a_generator_that_learnt_by_heart_is_good_and_found_out(digits: dict[str, Images]) -> None:
    known = digits["train"].batch(np.arange(len(digits["train"])))["image"]
    found = figures_of(_Repeats(known), digits["test"])
    assert found["data copying"].value > 0.95 and found["data copying"].floor == 0.5
    assert found["near-copies"].value == 1 and found["near-copies"].floor == 0
    assert found["precision"].value > 0.7 and found["coverage"].value > 0.8
    assert found["Fréchet distance"].value < 2 * (found["Fréchet distance"].floor or 0)


def test_real_pictures_that_were_not_learnt_are_as_good_and_no_copies(digits: dict[str, Images]) -> None:
    new = digits["test"].batch(np.arange(0, len(digits["test"]), 2))["image"]
    found = figures_of(_Repeats(new), digits["test"])
    assert abs(found["data copying"].value - 0.5) < 0.1 and found["near-copies"].value == 0
    assert found["variety"].value == pytest.approx(1, abs=0.1)
    assert found["inception score"].value == pytest.approx(found["inception score"].floor, rel=0.1)


def test_a_collapsed_generator_is_seen_by_every_measure_of_variety(digits: dict[str, Images]) -> None:
    found = figures_of(_Repeats(digits["test"].batch(np.arange(1))["image"]), digits["test"])
    assert found["inception score"].value == pytest.approx(1, abs=0.01) and found["variety"].value < 0.01
    assert found["recall"].value < 0.02 and found["coverage"].value < 0.1
    assert found["precision"].value == 1, "what it makes is good"
    assert found["kernel distance"].value > 20 * abs(found["kernel distance"].floor or 0)


def test_noise_is_neither_near_real_pictures_nor_a_copy(digits: dict[str, Images]) -> None:
    found = figures_of(_Repeats(Noise(1).uniform(100, 1, 28, 28) * 2 - 1), digits["test"])
    assert found["precision"].value < 0.05 and found["coverage"].value < 0.05
    assert found["data copying"].value < 0.05 and found["near-copies"].value == 0


def test_classes_are_asked_for_as_often_as_the_data_have_them(digits: dict[str, Images]) -> None:
    model = dcgan.DCGAN(replace(dcgan.ENTRY.tiny, num_classes=3)).eval()
    asked = np.array([0, 0, 2, 1, 0])
    with torch.no_grad():
        labels = torch.cat([labels for _, labels in generated_images(model, 260, lambda: None, asked)])
        in_turn = torch.cat([labels for _, labels in generated_images(model, 6, lambda: None)])
    assert labels.bincount().tolist() == [156, 52, 52] and labels[250:255].tolist() == asked.tolist()
    assert in_turn.tolist() == [0, 1, 2, 0, 1, 2]


def test_samples_stand_above_the_training_pictures_that_they_copy(digits: dict[str, Images]) -> None:
    known = digits["train"].batch(np.arange(40))["image"]
    subject = verify.Subject("dcgan", _Repeats(known), "mnist", sample=True)
    sheet = np.asarray(verify.neighbours(subject, digits["train"], count=4))
    rows = sheet[:, : 28 * 2], sheet[30 * 2 :, : 28 * 2], sheet[60 * 2 :, : 28 * 2]
    assert sheet.shape == (2 * (3 * 30 - 2), 2 * (4 * 30 - 2))
    assert np.array_equal(rows[0][:56], rows[1][:56]) and np.array_equal(rows[0][:56], rows[2][:56])
    no_judge = verify.neighbours(replace(subject, dataset=""), digits["train"], count=4)
    assert no_judge.height == 2 * (2 * 30 - 2), "pixel by pixel alone"


def test_pictures_with_another_sets_labels_are_seen_by_that_sets_judge_and_read_by_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    monkeypatch.setattr(judges, "PINS", tmp_path / "judges.json")
    judges.PINS.write_text("{}")
    for dataset, classes in (("emoji", 9), ("emoji_vendors", 4)):
        config = replace(resnet.ENTRY.tiny, channels=3, image_size=32, num_classes=classes)
        folder = tmp_path / f"resnet.{dataset.replace('_', '-')}"
        folder.mkdir()
        network = resnet.ResNet(config).eval()
        labels = tuple(map(str, range(classes)))
        checkpoint.save(folder, network, "resnet", folder.suffix[1:], labels=labels, dtype="float32")
        pinned = judges.Judge(folder.name, checkpoint.sha256_of(folder / "model.safetensors"))
        judges.pin(dataset, pinned)
    data = Emoji("emoji_vendors", "test", sample=True)
    model = dcgan.DCGAN(replace(dcgan.ENTRY.tiny, num_classes=4, channels=3)).eval()
    subject = verify.Subject("dcgan", model, "emoji_vendors", sample=True)
    with torch.no_grad():
        found = {figure.name: figure for figure in image_generation(subject, data, verify.QUICK, lambda: None)}
        reader = verify.judge_network(pinned)
        asked = data.targets[permutation(2024, 0, len(data))]
        made = generated_images(model, 200, lambda: None, asked)
        agreed = sum(int((reader(images).argmax(1) == labels).sum()) for images, labels in made)
    assert found["judge agreement"].judge == "resnet.emoji-vendors"
    assert found["judge agreement"].value == agreed / 200
    assert found["Fréchet distance"].judge == found["precision"].judge == "resnet.emoji"
    assert found["inception score"].unit == "of at most 9"
    assert found["near-copies"].floor == 0
