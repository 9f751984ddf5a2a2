"""pix2pix by its rules: the paper's objective, patches, measures with their floors, and what visitors may hand in."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from train.algorithms.paired_adversarial import PairedAdversarial
from train.image.pix2pix import PRESETS, build
from zoo import checkpoint, verify
from zoo.checkpoint import write_json
from zoo.data.load import load
from zoo.data.pairs import outline
from zoo.export.graphs import export
from zoo.generate import library
from zoo.generate.inputs import InputError
from zoo.generate.provenance import picture_of
from zoo.generate.sheet import write_sheet, write_snapshot
from zoo.generate.translate import examples, goes_back, preparations, sketch, thinned, translate, translate_seen, way_of
from zoo.metrics import restoration
from zoo.metrics.judges import Judge
from zoo.models.image.pix2pix import ENTRY, Pix2Pix, Pix2PixConfig
from zoo.noise import Noise
from zoo.verify import translations
from zoo.verify.subject import FULL, TRAINING, Subject
from zoo.verify.translations import enlarged, image_translation

TINY = ENTRY.tiny


pytestmark = pytest.mark.usefixtures("alone")


def pictures(n: int, size: int = 32, seed: int = 1) -> Tensor:
    """Smooth blobs of colour in [-1, 1], another one each: (n, 3, size, size)."""
    rough = Noise(seed).uniform(n, 3, 4, 4) * 2 - 1
    return F.interpolate(rough, size=(size, size), mode="bilinear")


# The networks


def test_what_a_picture_becomes_does_not_depend_on_the_pictures_beside_it() -> None:
    model = Pix2Pix(TINY)
    with torch.no_grad():
        for _ in range(3):
            model(pictures(8))  # the statistics of training
        model.eval()
        together, others = model.translate(pictures(6)), torch.cat([pictures(1), pictures(5, seed=9)])
        torch.testing.assert_close(model.translate(others)[:1], together[:1], rtol=1e-5, atol=1e-6)
        for i in range(6):
            alone = model.translate(pictures(6)[i : i + 1])
            torch.testing.assert_close(alone, together[i : i + 1], rtol=1e-5, atol=1e-6)


def test_a_patch_of_the_discriminator_is_34_pixels_wide() -> None:
    discriminator = Pix2Pix(Pix2PixConfig(width=2, discriminator_width=2)).discriminator().eval()
    images = torch.randn(1, 3, 64, 64, requires_grad=True)
    logits = discriminator(pictures(1, 64), images)
    assert logits.shape == (1, 14 * 14)
    (gradient,) = torch.autograd.grad(logits[0, 7 * 14 + 7], images)
    seen = gradient.abs().amax((0, 1)) > 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    assert len(rows) == len(columns) == 34 and int(rows[-1] - rows[0]) == 33


def test_the_discriminator_judges_an_image_by_its_source() -> None:
    discriminator = Pix2Pix(TINY).discriminator().eval()
    image = pictures(2)
    one, other = discriminator(pictures(2, seed=2), image), discriminator(pictures(2, seed=3), image)
    assert not torch.allclose(one, other)
    assert not torch.allclose(one, discriminator(pictures(2, seed=2), -image))


def test_detail_of_single_pixels_reaches_the_output_past_the_halved_maps() -> None:
    """With everything below full size shut, a checkerboard of single pixels still shows in the last convolution."""
    model = Pix2Pix(TINY).eval()
    nn.init.zeros_(model.up[-1][1].weight)
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    with torch.no_grad():
        made = model.translate(board.expand(1, 3, 32, 32))
        plain = model.translate(torch.zeros(1, 3, 32, 32))
    assert (made - plain).abs().max() > 1e-3


def test_what_is_mostly_the_target_already_is_copied_to_begin_with_and_nothing_else() -> None:
    for source, copied in (("openmoji", False), ("damaged", True), ("noisy", True), ("outline", False)):
        model = Pix2Pix(Pix2PixConfig(source, "twitter", 32, width=4, widest=8, depth=3)).eval()
        with torch.no_grad():
            apart = (model.translate(pictures(4)) - pictures(4)).abs().mean()
        assert (apart < 0.1) == copied, source


def test_values_are_cut_to_the_range_and_only_led_back_into_it() -> None:
    model = Pix2Pix(TINY)
    nn.init.constant_(model.last.bias, 3.0)
    made = model(pictures(2))
    assert made.max() == 1
    made.sum().backward()
    assert model.last.bias.grad is not None and (model.last.bias.grad == 2 * 32 * 32).all(), "what lessens it passes"
    model.zero_grad()
    (-model(pictures(2)).sum()).backward()
    assert not model.last.bias.grad.any(), "what would drive it further off does not"
    model.eval()
    with torch.no_grad():
        assert (model.translate(pictures(2)) == 1).all()


def test_a_repair_can_keep_every_pixel_of_its_source_or_none() -> None:
    model = Pix2Pix(Pix2PixConfig("damaged", "twitter", 32, width=4, widest=8, depth=3)).eval()
    with torch.no_grad():
        model.last.bias[3:] = -50.0
        assert torch.equal(model.translate(pictures(2)), pictures(2))
        model.last.bias[3:] = 50.0
        nn.init.zeros_(model.last.weight)
        model.last.bias[:3] = 0.25
        torch.testing.assert_close(model.translate(pictures(2)), torch.full((2, 3, 32, 32), 0.25))


def test_the_slope_of_the_discriminator_is_paid_for_every_so_often() -> None:
    settings = PairedAdversarial(slope_penalty=2.0, slope_every=4)
    update = update_of(settings, Pix2Pix(TINY))
    paid = [float(update(batch_of(), Noise(0, stream))["slope_penalty"]) for stream in range(8)]
    assert [value > 0 for value in paid] == [True, False, False, False] * 2
    with pytest.raises(ValueError, match="slope_every is 0"):
        PairedAdversarial(slope_every=0)


def test_a_size_that_cannot_be_halved_as_often_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image_size is 48; allowed are multiples of 64 with a depth of 6"):
        Pix2PixConfig(image_size=48)


@pytest.mark.parametrize(("size", "depth"), [(8, 3), (16, 2), (64, 6)])
def test_a_picture_keeps_its_size_at_every_depth(size: int, depth: int) -> None:
    model = Pix2Pix(Pix2PixConfig(image_size=size, depth=depth, width=2, widest=4)).eval()
    with torch.no_grad():
        assert model.translate(pictures(2, size)).shape == (2, 3, size, size)


# The algorithm


def update_of(rule: PairedAdversarial, model: Any) -> Any:
    return rule.prepare(model, Accelerator(cpu=True), 0.0)


def batch_of(n: int = 8) -> dict[str, Tensor]:
    """Source and target, which is the source's negative."""
    source = pictures(n)
    return {"source": source, "target": -source}


def test_the_objective_is_the_papers() -> None:
    """Equation 4, with the discriminator's part halved (section 3.3) and in logits' terms."""
    model = Pix2Pix(TINY)
    update = update_of(PairedAdversarial(0.0, 0.0, distance_weight=7.0), model)  # nobody moves
    batch = batch_of()
    with torch.no_grad():
        made = model(batch["source"])
        critic = update.modules["discriminator"]
        real, fake = critic(batch["source"], batch["target"]), critic(batch["source"], made)
    found = update(batch, Noise(0))
    cross_entropy = F.binary_cross_entropy_with_logits
    yes, no = torch.ones_like(real), torch.zeros_like(real)
    torch.testing.assert_close(found["discriminator_loss"], (cross_entropy(real, yes) + cross_entropy(fake, no)) / 2)
    torch.testing.assert_close(found["adversarial_loss"], cross_entropy(fake, yes))
    torch.testing.assert_close(found["distance"], (made - batch["target"]).abs().mean())
    torch.testing.assert_close(found["loss"], found["adversarial_loss"] + 7 * found["distance"])
    torch.testing.assert_close(found["real_score"], real.sigmoid().mean())
    torch.testing.assert_close(found["fake_score"], fake.sigmoid().mean())


def test_each_phase_moves_its_own_network_alone() -> None:
    for rates, moved in (((1e-3, 0.0), "model"), ((0.0, 1e-3), "discriminator")):
        update = update_of(PairedAdversarial(*rates), Pix2Pix(TINY))
        before = {name: [p.clone() for p in network.parameters()] for name, network in update.modules.items()}
        update(batch_of(), Noise(0))
        for name, network in update.modules.items():
            same = all(torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True))
            assert same == (name != moved), name
            assert all(p.grad is None or not p.grad.any() for p in network.parameters()), "nothing is left over"
            assert all(p.requires_grad for p in network.parameters())


def test_it_learns_to_invert_pictures_that_it_has_not_seen() -> None:
    model = Pix2Pix(TINY)
    update = update_of(PairedAdversarial(4e-3, 4e-3), model)
    distances = []
    for step in range(300):
        source = pictures(8, seed=100 + step)
        distances.append(float(update({"source": source, "target": -source}, Noise(step))["distance"]))
    assert sum(distances[-40:]) / 40 < 0.55 * distances[0]
    model.eval()
    with torch.no_grad():
        unseen = pictures(8, seed=5)
        assert (model.translate(unseen) + unseen).abs().mean() < 0.5 * 2 * unseen.abs().mean(), "nearer than a copy"


def test_presets_open_their_data_and_are_small() -> None:
    for name, recipe in PRESETS.items():
        data = load(recipe.dataset, "test", recipe.config, sample=True)
        batch = data.batch(np.arange(2))
        with torch.device("meta"):
            model = Pix2Pix(recipe.config)
        assert checkpoint.count_parameters(model) < 3_200_000, name
        assert batch["source"].shape[1:] == (model.source_channels, model.source_size, model.source_size)


# Nearness to the truth


def noisy_pair() -> tuple[np.ndarray, np.ndarray]:
    truth = pictures(5, 40)
    images = (truth + 0.3 * Noise(4).normal(*truth.shape)).clamp(-1, 1)
    return images.numpy(), truth.numpy()


def test_psnr_and_ssim_are_torchmetrics() -> None:
    images, truth = noisy_pair()
    for i in range(len(images)):
        one, two = torch.from_numpy(images[i : i + 1]).double(), torch.from_numpy(truth[i : i + 1]).double()
        theirs = float(peak_signal_noise_ratio(one, two, data_range=2.0))
        assert restoration.psnr(images, truth)[i] == pytest.approx(theirs, abs=1e-5)
        _, everywhere = structural_similarity_index_measure(one, two, data_range=2.0, return_full_image=True)
        inside = float(everywhere[:, :, 5:-5, 5:-5].mean())  # as in the paper: its windows do not overlap the border
        assert restoration.ssim(images, truth)[i] == pytest.approx(inside, abs=1e-5)


def test_measures_of_known_cases() -> None:
    truth = np.zeros((2, 3, 16, 16), np.float32)
    shifted = truth + np.array([0.2, 0.02], np.float32)[:, None, None, None]
    np.testing.assert_allclose(restoration.absolute_error(shifted, truth), [0.2, 0.02], rtol=1e-6)
    np.testing.assert_allclose(restoration.psnr(shifted, truth), [20.0, 40.0], rtol=1e-5)
    # Flat pictures have no structure to differ in: what is left is the luminance, (2ab + c) / (a^2 + b^2 + c).
    c = (0.01 * 2) ** 2
    np.testing.assert_allclose(restoration.ssim(shifted, truth), [c / (0.04 + c), c / (0.0004 + c)], rtol=1e-4)
    images, _ = noisy_pair()
    assert (restoration.psnr(images, images) == restoration.MOST).all()
    np.testing.assert_allclose(restoration.ssim(images, images), 1.0)
    with pytest.raises(ValueError, match="a window of SSIM has 11"):
        restoration.ssim(truth[:, :, :10], truth[:, :, :10])


class Known(nn.Module):
    """A translator whose answers are known: `there` and, where it goes back, `back`."""

    def __init__(self, config: Any, there: Any, back: Any = None) -> None:
        super().__init__()
        self.config, self.there = config, there
        self.weight = nn.Parameter(torch.zeros(1))
        if back is not None:
            self.translate_back = back

    def translate(self, images: Tensor) -> Tensor:
        return self.there(images)


def measured(model: Any, data: Any, budget: Any = FULL, dataset: str = "") -> dict[str, Any]:
    found = image_translation(Subject("pix2pix", model, dataset), data, budget, lambda: None)
    assert len({figure.name for figure in found}) == len(found)
    return {figure.name: figure for figure in found}


def test_handing_back_the_source_reaches_the_floor_exactly_and_the_truth_the_best() -> None:
    config = Pix2PixConfig("openmoji", "twitter", 32, depth=3)
    data = load("emoji", "test", config, sample=True)
    copied = measured(Known(config, lambda images: images), data)
    assert list(copied)[:3] == ["PSNR", "SSIM", "mean absolute error"]
    for figure in list(copied.values())[:3]:
        assert figure.value == pytest.approx(figure.floor) and figure.samples == len(data)
        assert figure.note == "openmoji to twitter; floor: the source as it is"
    levels = np.abs(data.sources.astype(int) - data.targets).mean()
    assert copied["mean absolute error"].value == pytest.approx(levels, rel=1e-4)
    truth = {source.numpy().tobytes(): target for source, target in _rows(data)}
    perfect = measured(Known(config, lambda images: torch.stack([truth[i.numpy().tobytes()] for i in images])), data)
    assert perfect["PSNR"].value == 100 and perfect["mean absolute error"].value == 0
    assert perfect["SSIM"].value == pytest.approx(1) and perfect["SSIM"].floor == copied["SSIM"].floor < 0.9


def _rows(data: Any) -> list[tuple[Tensor, Tensor]]:
    batch = data.batch(np.arange(len(data)))
    return list(zip(batch["source"], batch["target"], strict=True))


def test_while_training_there_are_the_same_figures_without_floors() -> None:
    data = load("emoji", "validation", TINY, sample=True)
    model = Pix2Pix(TINY).eval()
    found = {figure.name: figure for figure in verify.measure(Subject("pix2pix", model, "emoji"), data, TRAINING)}
    assert {recipe.metric for recipe in PRESETS.values()} <= found.keys()
    assert all(figure.floor is None for figure in found.values() if not figure.judge)


def test_a_model_that_goes_both_ways_has_figures_of_both() -> None:
    config = Pix2PixConfig("google", "twitter", 32, depth=3)
    data = load("emoji", "test", config, sample=True)
    found = measured(Known(config, lambda images: images, lambda images: -images), data)
    assert found["PSNR"].value == pytest.approx(found["PSNR back"].floor), "the copy's distance is the same both ways"
    assert found["PSNR back"].value < found["PSNR back"].floor
    assert found["SSIM back"].note.startswith("twitter to google")


class Lightness(nn.Module):
    """A judge that takes light pictures for twitter's and dark ones for google's."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(image_size=32, channels=3)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        light = images.mean((1, 2, 3))
        return torch.stack([-light, light, *[light - 9] * 2], dim=1)


def test_a_judge_says_in_whose_style_the_translations_are(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {translations.STYLES: Judge("resnet.lightness", "0" * 64)}
    monkeypatch.setattr(translations, "judge_of", known.get)
    monkeypatch.setattr(translations, "judge_network", lambda judge: Lightness())
    config = Pix2PixConfig("google", "twitter", 32, depth=3)
    data = load("emoji", "test", config, sample=True)
    model = Known(config, lambda images: images, lambda images: images.abs())
    found = measured(model, data, dataset="emoji")
    given, truth = ((images.mean((1, 2, 3)) > 127.5).mean() for images in (data.sources, data.targets))
    assert found["style agreement"].value == pytest.approx(given)
    assert found["style agreement"].floor == pytest.approx(truth) and 0 < truth < 1
    assert found["style agreement back"].value == 0, "all light, so none is taken for google's"
    assert not any("style" in name for name in measured(model, data)), "nobody judges one's own pictures"
    config = Pix2PixConfig("noisy", "all", 32, depth=3)
    noisy = measured(Known(config, lambda images: images), load("emoji", "test", config, sample=True), dataset="emoji")
    assert not any("style" in name for name in noisy), "all vendors have no one style"


def test_the_floor_of_an_enlargement_is_bicubic() -> None:
    config = SimpleNamespace(source="small", target="all", image_size=32, scale=4)
    data = load("emoji", "test", config, sample=True)
    model = Known(config, lambda images: torch.from_numpy(enlarged(images.numpy(), 32)))
    found = measured(model, data)
    assert found["PSNR"].value == pytest.approx(found["PSNR"].floor) and "bicubic" in found["PSNR"].note
    repeated = measured(Known(config, lambda images: images.repeat_interleave(4, 2).repeat_interleave(4, 3)), data)
    assert repeated["PSNR"].value < found["PSNR"].value - 0.5
    flat = np.full((1, 3, 8, 8), 0.5, np.float32)
    assert np.abs(enlarged(flat, 32) - 0.5).max() < 1 / 127


# Sheets


@pytest.mark.parametrize("source", ["outline", "openmoji"])
def test_a_sheet_shows_before_after_and_the_truth(source: str, tmp_path: Path) -> None:
    config = Pix2PixConfig(source, "google", 32, width=4, widest=8, depth=3)
    model, data = Pix2Pix(config).eval(), load("emoji", "test", config, sample=True)
    write_sheet("pix2pix", model, tmp_path / "sheet", None, ())
    with Image.open(tmp_path / "sheet.png") as sheet:
        shown = np.asarray(sheet.convert("RGB"))
    path = write_snapshot("pix2pix", model, tmp_path / "snapshot", None, data)
    assert path.suffix == ".webp" and path.stat().st_size < 60_000
    batch = data.batch(np.array([0]))
    with torch.no_grad():
        first = [batch["source"], model.translate(batch["source"]), batch["target"]]
    for row, images in enumerate(first):
        cell = shown[row * 34 : row * 34 + 32, :32].astype(int)
        wanted = ((images[0].numpy().transpose(1, 2, 0) + 1) * 127.5).round().astype(int)
        assert np.abs(cell - wanted).max() <= 1


# What a visitor hands in

NAMES = {
    "pix2pix.outline": TINY,
    "pix2pix.style": Pix2PixConfig("openmoji", "twitter", 32, width=4, widest=8, depth=3),
    "pix2pix.inpaint": Pix2PixConfig("damaged", "all", 32, width=4, widest=8, depth=3),
    "pix2pix.denoise": Pix2PixConfig("noisy", "all", 32, width=4, widest=8, depth=3),
}


@pytest.fixture(scope="module")
def zoo_of_translators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translators")
    for name, config in NAMES.items():
        torch.manual_seed(0)
        target = folder / name
        target.mkdir()
        checkpoint.save(target, Pix2Pix(config), "pix2pix", name.split(".")[1], labels=(), dtype="float32")
        write_json(target / "recipe.json", {"dataset": "emoji", "licence_weights": "cc-by-sa-4.0"})
        write_json(target / "metrics.json", {"figures": [{"name": "PSNR", "value": 17.25, "unit": "dB"}]})
    export(folder / "pix2pix.style")
    return folder


@pytest.fixture(autouse=True)
def _these(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "zoo_of_translators" in request.fixturenames:
        folder = request.getfixturevalue("zoo_of_translators")
        monkeypatch.setattr(library.hub, "PRETRAINED", folder)


def photo(width: int = 90, height: int = 60, mode: str = "RGB") -> Image.Image:
    """A red disc on a blue ground."""
    picture = Image.new("RGB", (width, height), (30, 60, 200))
    ImageDraw.Draw(picture).ellipse((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill=(220, 30, 20))
    return picture.convert(mode)


def drawn(size: int = 300, width: int = 9) -> Image.Image:
    """A circle and a line, black on white."""
    picture = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((size * 0.3, size * 0.3, size * 0.7, size * 0.7), outline="black", width=width)
    pen.line((size * 0.5, size * 0.3, size * 0.5, size * 0.7), fill="black", width=width)
    return picture


def brush(width: int = 90, height: int = 60) -> Image.Image:
    """A transparent layer with one opaque stroke."""
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    ImageDraw.Draw(layer).rectangle((width // 3, height // 3, width // 2, height // 2), fill=(255, 0, 0, 255))
    return layer


@pytest.mark.usefixtures("zoo_of_translators")
@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_is_what_went_in_and_what_became_of_it(name: str) -> None:
    for how in preparations(name):
        given = drawn() if how == "drawing" else photo()
        found = translate(name, given, how=how, mask=brush() if how == "mask" else None, seed=3)
        assert found.labels == ["before", "after"] and [image.size for image in found.images] == [(256, 256)] * 2
        record = found.source.record
        assert record.operation == "image.translate" and record.seed is None and record.parameters == {"back": False}
        assert "CC-BY-SA-4.0" in found.source.line() and "PSNR 17.2 dB" in found.source.line()
        seen = picture_of(record.parents[0])
        again = translate_seen(name, seen)
        assert [a.tobytes() for a in again.images] == [b.tobytes() for b in found.images]
        assert again.source.record == record
        before = np.asarray(found.images[0])[::8, ::8]
        np.testing.assert_array_equal(before, (seen.reshape(3, 32, 32) * 255).round().transpose(1, 2, 0))


@pytest.mark.usefixtures("zoo_of_translators")
def test_graphs_and_torch_translate_alike(zoo_of_translators: Path) -> None:
    by_graph = np.asarray(translate("pix2pix.style", photo()).images[1]).astype(int)
    model = checkpoint.load(zoo_of_translators / "pix2pix.style").model
    seen = picture_of(translate("pix2pix.style", photo()).source.record.parents[0]).reshape(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        by_torch = model.translate(torch.from_numpy(seen))[0].numpy()
    wanted = ((by_torch.transpose(1, 2, 0) + 1) * 127.5).round().astype(int)
    assert np.abs(by_graph[::8, ::8] - wanted).max() <= 1


@pytest.mark.usefixtures("zoo_of_translators")
def test_ways_and_preparations_are_read_from_the_config() -> None:
    assert preparations("pix2pix.outline") == ("drawing", "edges", "as it is")
    assert preparations("pix2pix.style") == ("as it is",)
    way = way_of("pix2pix.inpaint")
    assert (way.source, way.target, way.source_size, way.target_size) == ("damaged", "all", 32, 32)
    assert not goes_back("pix2pix.style") and not goes_back("pix2pix.outline"), "with graphs and without"
    assert sorted(library.choices("image-to-image")) == sorted(NAMES)


def test_a_model_that_enlarges_needs_no_source_in_its_config(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"target": "all", "image_size": 64, "scale": 4, "channels": 3}
    monkeypatch.setattr(library, "config_of", lambda name, task=None: {"model": "pix2pix", "config": config})
    way = way_of("any")
    assert (way.source, way.source_size, way.target_size) == ("small", 16, 64) and preparations("any") == ("as it is",)
    for spoilt in ({**config, "image_size": "64"}, {**config, "target": "apple"}, {**config, "scale": 0}, {}):
        monkeypatch.setattr(library, "config_of", lambda name, task=None, spoilt=spoilt: {"config": spoilt})
        with pytest.raises(InputError, match="does not say what it translates"):
            way_of("any")


@pytest.mark.usefixtures("zoo_of_translators")
@pytest.mark.parametrize(
    "picture",
    [
        photo(32, 32),
        photo(400, 120),
        photo(17, 60),
        photo(mode="L"),
        photo(mode="P"),
        photo(mode="CMYK"),
        photo(mode="1"),
        photo(mode="LA"),
        Image.fromarray((np.arange(60 * 90).reshape(60, 90) * 12).astype(np.uint16)),
        np.asarray(photo()),
        np.asarray(photo(mode="L")),
        np.asarray(photo(mode="RGBA")),
    ],
    ids=["own", "wide", "narrow", "L", "P", "CMYK", "1", "LA", "16 bits", "array", "grey array", "RGBA array"],
)
def test_pictures_of_any_size_and_mode_are_translated(picture: Any) -> None:
    before = np.asarray(translate("pix2pix.style", picture).images[0])
    assert before.shape == (256, 256, 3)
    ratio = min(picture.size) / max(picture.size) if isinstance(picture, Image.Image) else 2 / 3
    white = (before == 255).all(2).mean()
    assert white >= 1 - ratio - 0.06, "what is not square stands on white"


@pytest.mark.usefixtures("zoo_of_translators")
def test_transparency_becomes_white_and_a_picture_of_the_models_size_passes_untouched() -> None:
    layer = Image.new("RGBA", (32, 32), (0, 200, 0, 0))
    layer.putpixel((5, 7), (200, 10, 20, 255))
    before = np.asarray(translate("pix2pix.style", layer).images[0])[::8, ::8]
    assert (before.reshape(-1, 3) == 255).all(1).sum() == 32 * 32 - 1 and tuple(before[7, 5]) == (200, 10, 20)


@pytest.mark.usefixtures("zoo_of_translators")
@pytest.mark.parametrize(
    ("name", "picture", "options", "said"),
    [
        ("pix2pix.style", None, {}, "there is no picture"),
        ("pix2pix.outline", None, {}, "there is no drawing"),
        ("pix2pix.style", "a.png", {}, "the picture is 'a.png'; it must be a picture"),
        ("pix2pix.style", Image.new("RGB", (40, 40), "white"), {}, "the picture is of one shade"),
        ("pix2pix.style", Image.new("RGBA", (40, 40), (9, 9, 9, 0)), {}, "the picture is of one shade"),
        ("pix2pix.outline", Image.new("RGB", (40, 40), "white"), {}, "nothing is drawn there"),
        ("pix2pix.outline", Image.new("RGB", (40, 40), "white"), {"how": "edges"}, "of one shade"),
        ("pix2pix.outline", photo().point(lambda value: 0 if value > 100 else 255), {}, "no drawing of lines"),
        ("pix2pix.style", photo(15, 40), {}, "15 x 40 pixels; at least 16 a side"),
        ("pix2pix.style", photo(400, 40), {}, "400 x 40 pixels; one side may be at most 8 times the other"),
        ("pix2pix.style", Image.new("1", (2100, 2000)), {}, "2,100 x 2,000 pixels; 4 megapixels"),
        ("pix2pix.style", np.zeros((20, 20, 5), np.uint8), {}, r"has the shape \(20, 20, 5\)"),
        ("pix2pix.style", np.full((20, 20, 3), np.nan), {}, "numbers outside 0 to 1"),
        ("pix2pix.style", photo(), {"how": "edges"}, "the preparation 'edges' does not exist"),
        ("pix2pix.style", photo(), {"back": True}, "goes one way only: from openmoji to twitter"),
        ("pix2pix.style", photo(), {"seed": -1}, "the seed is -1"),
        ("pix2pix.denoise", photo(), {"how": "noise", "strength": 2}, "the strength of the noise is 2"),
        ("pix2pix.inpaint", photo(), {"how": "mask"}, "nothing is marked"),
        ("pix2pix.inpaint", photo(), {"mask": Image.new("RGBA", (90, 60))}, "nothing is marked"),
        ("pix2pix.inpaint", photo(), {"mask": Image.new("L", (90, 60), 255)}, "% of the picture is marked; at most 50"),
        ("pix2pix.inpaint", photo(), {"mask": brush(60, 90)}, "90 x 60 and 60 x 90 pixels; they must be of one size"),
        ("pix2pix.inpaint", photo(), {"mask": np.zeros((60, 90))}, "the mask is an array float64"),
        ("pix2pix.nothing", photo(), {}, "no checkpoint"),
    ],
)
def test_what_cannot_be_translated_is_refused_in_words(name: str, picture: Any, options: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        translate(name, picture, **options)


@pytest.mark.usefixtures("zoo_of_translators")
def test_a_refusal_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "get", lambda *_: pytest.fail("loaded"))
    for options in ({"how": "edges"}, {"seed": 1.5}, {"back": True}):
        with pytest.raises(InputError):
            translate("pix2pix.style", photo(), **options)
    with pytest.raises(InputError, match="32 x 16 pixels as seen"):
        translate_seen("pix2pix.style", np.zeros((48, 32), np.float32))


@pytest.mark.usefixtures("zoo_of_translators")
def test_damage_stands_where_it_was_painted_and_nowhere_else() -> None:
    plain = np.asarray(translate("pix2pix.inpaint", photo(), how="as it is").images[0])[::8, ::8].astype(int)
    found = np.asarray(translate("pix2pix.inpaint", photo(), mask=brush(), seed=4).images[0])[::8, ::8].astype(int)
    changed = (found != plain).any(2)
    rows, columns = np.nonzero(changed)
    # 90 x 60 pixels become 32 x 21, five below the top: the stroke lies in columns 30 to 45 and rows 20 to 30.
    assert 9 <= columns.min() <= 11 and 15 <= columns.max() <= 17 and 11 <= rows.min() <= 13 and 14 <= rows.max() <= 17
    other = np.asarray(translate("pix2pix.inpaint", photo(), mask=brush(), seed=5).images[0])[::8, ::8]
    assert (found != other).any(2)[changed].mean() > 0.9, "the seed makes the noise"


@pytest.mark.usefixtures("zoo_of_translators")
@pytest.mark.parametrize(("name", "how"), [("pix2pix.inpaint", "holes"), ("pix2pix.denoise", "noise")])
def test_demonstrations_are_a_pure_function_of_the_seed(name: str, how: str) -> None:
    one, two, other = (np.asarray(translate(name, photo(), how=how, seed=s).images[0]) for s in (1, 1, 2))
    assert (one == two).all() and (one != other).any()


def test_a_drawing_of_any_size_and_pen_becomes_thin_lines_that_fill_the_square() -> None:
    for size, width in ((60, 2), (300, 9), (1000, 40)):
        lines = sketch(drawn(size, width), 64)
        ink = lines[:, :, 0] == 0
        rows, columns = np.nonzero(ink)
        assert set(np.unique(lines)) == {0, 255} and (lines == lines[:, :, :1]).all()
        assert rows.min() <= 8 and rows.max() >= 55 and columns.min() <= 8 and columns.max() >= 55
        assert 0.03 < ink.mean() < 0.09, "a circle and a line, a pixel wide"
        wide = ink[:-1, :-1] & ink[1:, :-1] & ink[:-1, 1:] & ink[1:, 1:]
        assert wide.mean() < 0.003
    negative = Image.fromarray(255 - np.asarray(drawn()))
    np.testing.assert_array_equal(sketch(negative, 64), sketch(drawn(), 64))


def test_thinning_keeps_lines_whole_and_ends_where_it_began() -> None:
    from scipy import ndimage

    ink = np.zeros((40, 40), bool)
    ink[5:10, 3:37] = ink[5:35, 18:23] = True  # a thick T
    ink[28:38, 2:12] = True
    ink[31:35, 5:9] = False  # a ring
    thin = thinned(ink)
    everywhere = np.ones((3, 3))
    assert ndimage.label(thin, everywhere)[1] == ndimage.label(ink, everywhere)[1] == 2
    assert ndimage.label(~thin)[1] == ndimage.label(~ink)[1] == 2, "the ring is closed"
    assert (thin & ~ink).sum() == 0 and thin.sum() < 0.25 * ink.sum()
    np.testing.assert_array_equal(thinned(thin), thin)


@pytest.mark.usefixtures("zoo_of_translators")
@pytest.mark.parametrize("name", NAMES)
def test_examples_are_held_out_and_ready_to_be_translated(name: str) -> None:
    found = examples(name, 5)
    assert len(found) == 5 and len({example.name for example in found}) == 5
    training = set(load("emoji", "train", NAMES[name], sample=True).names)
    for example in found:
        assert example.name not in training
        assert example.picture.size == example.truth.size == (32, 32) and example.picture.mode == "RGB"
        result = translate(name, example.picture, how="as it is")
        before = np.asarray(result.images[0])[::8, ::8]
        np.testing.assert_array_equal(before, np.asarray(example.picture))
    for there, back in zip(found, examples(name, 5, back=True), strict=True):
        assert (there.picture, there.truth) == (back.truth, back.picture)
    if NAMES[name].source == "outline":
        wanted = outline(np.asarray(found[0].truth).transpose(2, 0, 1)[None])[0].transpose(1, 2, 0)
        assert (np.asarray(found[0].picture) == wanted).mean() > 0.9


def test_a_checkpoint_with_graphs_translates_without_torch(zoo_of_translators: Path) -> None:
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from zoo import hub
hub.PRETRAINED = Path(sys.argv[1])
from zoo.generate.translate import examples, goes_back, translate
first = examples("pix2pix.style", 1)[0]
print(translate("pix2pix.style", first.picture).images[1].size, goes_back("pix2pix.style"), "torch" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(zoo_of_translators)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "(256, 256) False False"


def test_a_translator_of_ones_own_pictures_claims_no_vendors_style() -> None:
    recipe = PRESETS["tiny"]
    own, emoji = SimpleNamespace(vendors=("", "")), SimpleNamespace(vendors=("google", "google"))
    assert build(recipe, own).config == replace(recipe.config, target="all")
    assert build(recipe, emoji).config == recipe.config
