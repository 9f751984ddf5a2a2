"""SRGAN: what it makes keeps the small picture's means, an untrained one is an interpolation, and training beats it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from train.algorithms.paired_adversarial import PairedAdversarial
from train.algorithms.single_loss import SingleLoss
from train.image.srgan import PRESETS
from zoo import checkpoint, verify
from zoo.data.load import load
from zoo.export.graphs import export
from zoo.generate import library
from zoo.generate.grid import to_bytes
from zoo.generate.translate import goes_back, preparations, translate
from zoo.models.image.srgan import ENTRY, SRGAN, SRGANConfig
from zoo.noise import Noise

TINY = ENTRY.tiny
BENCH = Path(__file__).parent / "bench"


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`tests/bench/super_resolution.py` as a module."""
    monkeypatch.syspath_prepend(str(BENCH))
    import super_resolution

    return super_resolution


def pictures(n: int, size: int, reach: float = 1.0) -> Tensor:
    """Noise, in [-reach, reach]."""
    return (Noise(1).uniform(n, 3, size, size) * 2 - 1) * reach


def disturbed(config: SRGANConfig, amount: float) -> SRGAN:
    """A model whose every weight was moved, so that it paints something."""
    model = SRGAN(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += amount * Noise(3).normal(*parameter.shape)
    return model.eval()


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_an_untrained_network_is_bicubic_interpolation_whose_means_are_the_given_pixels(scale: int) -> None:
    model = SRGAN(replace(TINY, image_size=8 * scale, scale=scale)).eval()
    small = pictures(3, 8, 0.5)
    large = F.interpolate(small, scale_factor=scale, mode="bicubic")
    error = small - F.avg_pool2d(large, scale)
    expected = large + error.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    torch.testing.assert_close(model.translate(small), expected.clamp(-1, 1))


def test_what_is_painted_keeps_the_mean_of_every_square() -> None:
    model = disturbed(TINY, 0.05)
    small = pictures(3, model.source_size, 0.3)
    made = model.translate(small)
    assert made.shape == (3, 3, 32, 32)
    bicubic = F.interpolate(small, scale_factor=4, mode="bicubic")
    inside = made.abs().amax((1, 2, 3)) < 1  # nothing had to be cut to the range
    assert inside.any() and (made - bicubic).abs().mean() > 0.02
    torch.testing.assert_close(F.avg_pool2d(made[inside], 4), small[inside], rtol=0, atol=1e-6)


def test_keeping_the_means_brings_any_picture_nearer_to_the_truth() -> None:
    """A projection on the pictures that the small one may come from, of which the truth is one."""
    truth, painted = pictures(8, 32), pictures(8, 32).flip(0) * 1.2
    small = F.avg_pool2d(truth, 4)
    nearer = painted + F.interpolate(small - F.avg_pool2d(painted, 4), scale_factor=4.0)
    before, after = ((one - truth).square().mean((1, 2, 3)) for one in (painted, nearer))
    assert (after < before).all()
    assert ((nearer.clamp(-1, 1) - truth).square().mean((1, 2, 3)) <= after).all(), "and so does cutting to the range"


def test_a_picture_of_any_size_is_enlarged_and_each_part_of_it_as_if_alone() -> None:
    """What lies beyond the reach of the kernels changes nothing: a large picture is many small ones."""
    model = disturbed(TINY, 0.05).double()
    wide = pictures(1, 40, 0.5).double()[:, :, :12]
    made = model.translate(wide)
    assert made.shape == (1, 3, 48, 160)
    part = model.translate(wide[..., :28])
    torch.testing.assert_close(made[..., :72], part[..., :72])
    assert not torch.equal(made[..., 108:112], part[..., 108:112]), "at its edge it sees that it ends"


def test_in_training_a_pixel_beyond_the_range_learns_what_brings_it_back() -> None:
    model = SRGAN(TINY)
    nn.init.constant_(model.enlarge[-1].bias, 3.0)
    small = torch.full((1, 3, 8, 8), 0.9)
    small[..., ::2, ::2] = -0.9
    torch.testing.assert_close(model.train()(small), model.eval()(small), rtol=0, atol=0)

    def slope(sign: float, training: bool) -> torch.Tensor:
        beyond = model.train(training)(small * 2)[0, 0, 0, 0]
        assert abs(float(beyond.detach())) == 1, "it is cut"
        (gradient,) = torch.autograd.grad(sign * beyond * beyond.detach(), model.enlarge[-1].weight)
        return gradient

    assert slope(1.0, True).any(), "a loss that is less within the range leads back"
    assert not slope(-1.0, True).any(), "one that is less beyond leads nowhere"
    assert not slope(1.0, False).any(), "where it only translates, neither does"


def test_the_loss_is_torchs_mean_absolute_error() -> None:
    model = SRGAN(TINY)
    batch = {"source": pictures(2, 8), "target": pictures(2, 32)}
    torch.testing.assert_close(model.loss(batch, Noise(1))["loss"], F.l1_loss(model(batch["source"]), batch["target"]))


def test_the_discriminator_sees_the_small_picture_beside_the_large_one() -> None:
    discriminator = SRGAN(TINY).discriminator().eval()
    small, large = pictures(2, 8), pictures(2, 32)
    logits = discriminator(small, large)
    assert logits.shape[0] == 2
    assert not torch.equal(logits, discriminator(small.flip(0), large))
    assert not torch.equal(logits, discriminator(small, large.flip(0)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": 3}, "SRGANConfig.scale is 3; allowed are 2, 4 and 8"),
        ({"image_size": 24}, "at scale 4 allowed are multiples of 16"),
        ({"width": 10}, "allowed are multiples of scale, 4"),
        ({"target": "apple"}, "SRGANConfig.target"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(TINY, **options)


def trained(rule: Any, steps: int) -> tuple[SRGAN, dict[str, float]]:
    """A small model after so many steps on the bundled sample, and its last figures."""
    torch.manual_seed(0)
    model = SRGAN(replace(TINY, width=16, discriminator_width=8))
    update = rule.prepare(model.train(), Accelerator(cpu=True), 0.0)
    data: Any = load("emoji", "train", model.config, sample=True)
    found: dict[str, Tensor] = {}
    for step in range(steps):
        noise = Noise(0, step)
        found = update(data.batch(noise.integers_array(len(data), 8), step), noise)
    return model.eval(), {name: float(value) for name, value in found.items()}


def test_a_few_steps_on_pixels_beat_bicubic_interpolation_on_unseen_emoji(bench: ModuleType) -> None:
    model, _ = trained(SingleLoss(learning_rate=3e-3, weight_decay=0.0), 80)
    data: Any = load("emoji", "test", model.config, sample=True)
    batch = {name: value.numpy() for name, value in data.batch(np.arange(len(data))).items()}
    plain = bench.resized(batch["source"], 32, Image.Resampling.BICUBIC)
    ours, theirs = (bench.measured(made, batch["target"]) for made in (bench.enlarged(model, batch["source"]), plain))
    assert ours["psnr"] > theirs["psnr"] + 0.5 and ours["ssim"] > theirs["ssim"]
    assert theirs["edges"] < ours["edges"] < 1, "less of the edges is lost"
    assert ours["frechet"] < theirs["frechet"]


def test_the_adversarial_preset_trains_both_networks() -> None:
    assert isinstance(PRESETS["emoji"].algorithm, PairedAdversarial)
    assert isinstance(PRESETS["emoji-pixels"].algorithm, SingleLoss)
    _, found = trained(PRESETS["emoji"].algorithm, 3)
    assert found["discriminator_gradient_norm"] > 0 and found["gradient_norm"] > 0
    assert all(np.isfinite(value) for value in found.values())


# In the zoo


def test_a_visitors_picture_is_shown_small_and_enlarged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "srgan.tiny"
    folder.mkdir()
    model = disturbed(TINY, 0.05)
    checkpoint.save(folder, model, "srgan", "tiny", labels=(), dtype="float32")
    export(folder)
    monkeypatch.setattr(library.hub, "PRETRAINED", tmp_path)
    assert not goes_back("srgan.tiny") and preparations("srgan.tiny") == ("as it is",)
    picture = Image.new("RGB", (90, 60), (30, 60, 200))
    picture.paste((220, 30, 20), (20, 10, 70, 40))
    before, after = translate("srgan.tiny", picture).images
    assert before.size == after.size
    each = before.width // 32
    small = torch.from_numpy(np.asarray(before)[:: 4 * each, :: 4 * each].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    expected = to_bytes(model.translate(small).detach().numpy())[0].astype(int)
    assert np.abs(np.asarray(after)[::each, ::each].astype(int) - expected).max() <= 1


def test_the_measure_compares_with_bicubic_interpolation(bench: ModuleType) -> None:
    model = SRGAN(TINY).eval()
    data: Any = load("emoji", "test", TINY, sample=True)
    with torch.no_grad():
        subject = verify.Subject("srgan", model, "emoji", sample=True)
        found = {figure.name: figure for figure in verify.measure(subject, data, verify.QUICK)}
    batch = data.batch(np.arange(min(len(data), 100)))
    plain = bench.resized(batch["source"].numpy(), 32, Image.Resampling.BICUBIC)
    assert found["PSNR"].floor == pytest.approx(bench.measured(plain, batch["target"].numpy())["psnr"], abs=1e-3)
    assert found["PSNR"].value > found["PSNR"].floor and "bicubic" in found["PSNR"].note
    assert not any(name.endswith(" back") for name in found)


# The bench


def test_the_benchs_figures_know_blur_and_noise(bench: ModuleType) -> None:
    truth = pictures(40, 32).numpy()
    same = bench.measured(truth, truth)
    assert same["psnr"] == 100 and same["ssim"] == 1 and same["edges"] == 1 and same["frechet"] < 1e-6
    blurred = F.avg_pool2d(torch.from_numpy(truth), 3, 1, 1, count_include_pad=False).numpy()
    assert bench.measured(blurred, truth)["edges"] < 0.5 and bench.measured(blurred, truth)["frechet"] > 1
    assert bench.measured(1.5 * truth, truth)["edges"] == pytest.approx(2.25)
    ramp = np.tile(np.linspace(-1, 1, 16, dtype=np.float32), (1, 1, 16, 1))
    assert bench.edges(ramp)[0] == pytest.approx(16 * 15 * (2 / 15) ** 2)


def test_the_bench_prints_a_line_for_each_way_and_checkpoint(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint.save(tmp_path, SRGAN(replace(TINY, image_size=64)), "srgan", "tiny", labels=(), dtype="float16")
    monkeypatch.setattr("sys.argv", ["super_resolution.py", str(tmp_path), "--sample"])
    bench.main()
    found = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(found) == ["bicubic", "lanczos", str(tmp_path)]
    assert all(row["from"] == 16 and row["to"] == 64 and row["pictures"] > 20 for row in found.values())
    untrained = found[str(tmp_path)]
    assert untrained["psnr"] >= found["bicubic"]["psnr"], "an interpolation that keeps the means"
    with pytest.raises(ValueError, match="this bench measures checkpoints of srgan"):
        bench.opened("resnet.mnist")
