"""Diffusion: diffusers is the oracle of schedule, sampler and network, and opens the export where this zoo is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import alone
import numpy as np
import pytest
import tiny_zoo
import torch
from diffusers import DDIMScheduler, UNet2DModel
from PIL import Image
from torch.nn import functional as F

from train.recipe import preset
from zoo import card, checkpoint, export, hub, verify
from zoo.data.load import load
from zoo.engine import diffusion as engine
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.evidence import PICTURES_OF_SAMPLE, evidence
from zoo.export.diffusers import scheduler_config, unet_config, unet_tensors
from zoo.generate import image, library
from zoo.generate.inputs import InputError
from zoo.generate.provenance import look, png
from zoo.generate.replay import replay
from zoo.models.image.diffusion import ENTRY, Diffusion, DiffusionConfig, normalised
from zoo.nn.ddim import Schedule, sample
from zoo.noise import Noise

SIZES = {
    "digits": ENTRY.tiny,
    "deep": DiffusionConfig(
        channels=3, image_size=16, num_classes=4, widths=(8, 16, 24), blocks=2, attention=2, head_dim=8, groups=4,
        noise_schedule="linear", prediction="epsilon", sampling_steps=10, guidance=2.0,
    ),
    "free": DiffusionConfig(image_size=8, num_classes=0, widths=(8, 12), attention=0, head_dim=6, groups=2),
}  # fmt: skip
NEAR_UNET, NEAR_LOOP = 1e-5, {"v": 1e-4, "epsilon": 1e-3}
"""Largest differences; an error of the noise is divided by what little signal there is at the late times."""


def random_model(config: DiffusionConfig) -> Diffusion:
    """A model none of whose weights is zero, as they are at the start of a training."""
    torch.manual_seed(0)
    model = Diffusion(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * Noise(5).normal(*parameter.shape)
    return model


def given(config: DiffusionConfig, count: int = 3) -> dict[str, torch.Tensor]:
    """Noise, times and labels, the last of them none."""
    found = {
        "noisy": Noise(1).normal(count, config.channels, config.image_size, config.image_size),
        "time": torch.linspace(0, config.train_steps - 1, count).round(),
    }
    if config.num_classes:
        found["labels"] = torch.tensor([*range(count - 1), config.num_classes])
    return found


def scheduler_of(config: DiffusionConfig) -> DDIMScheduler:
    return DDIMScheduler.from_config(scheduler_config(config))


# The schedule and the sampler


@pytest.mark.parametrize("kind", ["cosine", "linear"])
@pytest.mark.parametrize("length", [10, 1000])
def test_the_schedule_is_that_of_diffusers(kind: Any, length: int) -> None:
    config = replace(ENTRY.tiny, noise_schedule=kind, train_steps=length)
    scheduler = scheduler_of(config)
    signal, noise = Schedule(kind, length, "v").levels()
    assert signal.dtype == noise.dtype == np.float32
    np.testing.assert_allclose(signal, scheduler.alphas_cumprod.sqrt(), rtol=2e-6)
    np.testing.assert_allclose(signal.astype(float) ** 2 + noise.astype(float) ** 2, 1, atol=1e-6)
    assert (np.diff(signal) < 0).all() and (np.diff(noise) >= 0).all()


def test_the_times_are_those_of_diffusers_and_begin_with_the_last() -> None:
    scheduler, schedule = scheduler_of(ENTRY.tiny), Schedule("cosine", 1000, "v")
    for steps in (1, 2, 4, 5, 8, 10, 20, 25, 30, 37, 50, 100, 1000):
        scheduler.set_timesteps(steps)
        times = schedule.times(steps)
        assert times[0] == 999 and len(set(times)) == steps
        if 1000 % steps == 0:
            assert times == scheduler.timesteps.tolist()
    for steps in (0, 1001):
        with pytest.raises(ValueError, match="allowed are 1 to 1000"):
            schedule.times(steps)


@pytest.mark.parametrize("kind", ["cosine", "linear"])
@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_each_step_of_the_sampler_is_that_of_diffusers(kind: Any, prediction: Any) -> None:
    config = replace(ENTRY.tiny, noise_schedule=kind, prediction=prediction)
    scheduler, schedule = scheduler_of(config), Schedule(kind, 1000, prediction)
    scheduler.set_timesteps(8)

    def predict(noisy: Any, time: int) -> Any:
        return 0.7 * noisy.clip(-1.5, 1.5) + 0.0003 * time

    theirs = noise = Noise(3).normal(2, 1, 4, 4)
    ours = sample(schedule, predict, noise, 8)
    in_numpy = sample(schedule, predict, noise.numpy(), 8)
    for number, (time, (share, picture), (_, same)) in enumerate(
        zip(scheduler.timesteps, ours, in_numpy, strict=True), 1
    ):
        made = scheduler.step(predict(theirs, int(time)), time, theirs)
        theirs = made.prev_sample
        assert share == number / 8
        torch.testing.assert_close(picture, made.pred_original_sample, rtol=0, atol=1e-5)
        np.testing.assert_allclose(same, picture, atol=1e-6)
    torch.testing.assert_close(picture, theirs, rtol=0, atol=1e-5)


def test_the_sampler_turns_noise_into_data_that_are_known_exactly() -> None:
    """Of normally distributed pixels the best prediction is known, and its sampler keeps their mean and deviation."""
    mean, deviation = 0.1, 0.2
    schedule = Schedule("cosine", 1000, "v")
    signals, noises = schedule.levels()

    def predict(noisy: np.ndarray, time: int) -> np.ndarray:
        a, s = float(signals[time]), float(noises[time])
        variance = a * a * deviation**2 + s * s
        picture = mean + a * deviation**2 / variance * (noisy - a * mean)
        epsilon = s / variance * (noisy - a * mean)
        found: np.ndarray = a * epsilon - s * picture
        return found

    noise, wrong = Noise(4).normal_array(1, 1, 200, 200), []
    for steps in (5, 25, 500):
        *_, (_, found) = sample(schedule, predict, noise, steps)
        wrong.append(abs(float(found.mean()) - mean) + abs(float(found.std()) - deviation))
    assert wrong[0] > wrong[1] > wrong[2] and wrong[2] < 0.005


# The network


@pytest.mark.parametrize("name", SIZES)
def test_the_network_is_layer_for_layer_the_unet_of_diffusers(name: str) -> None:
    config = SIZES[name]
    model, inputs = random_model(config), given(config)
    theirs = UNet2DModel.from_config(unet_config(config)).eval()
    theirs.load_state_dict(unet_tensors(model.state_dict()))  # strict: no tensor is missing, left over or misshapen
    with torch.no_grad():
        ours = model(*inputs.values())
        apart = ours - theirs(inputs["noisy"], inputs["time"], class_labels=inputs.get("labels")).sample
    assert apart.abs().max() <= NEAR_UNET * ours.abs().max().clamp_min(1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_norm_of_training_is_torchs_with_its_gradients(layout: torch.memory_format) -> None:
    norm = torch.nn.GroupNorm(4, 16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = (Noise(1).normal(3, 16, 5, 7) * 2 + 1).to(memory_format=layout).requires_grad_()
    scale, shift = (Noise(2).normal(3, 16).requires_grad_() for _ in range(2))
    ours = normalised(norm, x, scale, shift)
    theirs = F.group_norm(x, 4, norm.weight, norm.bias) * (1 + scale[..., None, None]) + shift[..., None, None]
    assert ours.is_contiguous(memory_format=layout)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(normalised(norm.eval(), x, scale, shift), theirs)
    by, along = (x, scale, shift, norm.weight, norm.bias), Noise(3).normal(*x.shape)
    for mine, known in zip(torch.autograd.grad(ours, by, along), torch.autograd.grad(theirs, by, along), strict=True):
        torch.testing.assert_close(mine, known, rtol=1e-4, atol=1e-4)


def test_the_network_gives_the_same_in_training_and_in_evaluation() -> None:
    model, inputs = random_model(SIZES["deep"]), given(SIZES["deep"])
    with torch.no_grad():
        torch.testing.assert_close(model.train()(*inputs.values()), model.eval()(*inputs.values()), atol=2e-5, rtol=0)


# The loss


def test_the_loss_of_a_perfect_prediction_is_none_and_of_none_is_the_targets_variance() -> None:
    for prediction, variance in (("v", None), ("epsilon", 1.0)):
        config = replace(ENTRY.tiny, prediction=prediction)
        model = Diffusion(config)  # its last layer is zero at the start: it predicts nothing
        images = torch.full((64, 1, 28, 28), 0.5)
        found = model.errors(images, torch.zeros(64, dtype=torch.int64), Noise(1))
        if variance is None:  # signal^2 + noise^2 / 4, averaged over times that are spread evenly
            signal, noise = (level.astype(float) ** 2 for level in model.schedule.levels())
            variance = float((signal + 0.25 * noise).mean())
        assert float(found.mean()) == pytest.approx(variance, rel=0.02)
        noise_of = Noise(1)
        noise_of.uniform(64)
        epsilon = noise_of.normal(64, 1, 28, 28)

        def perfect(noisy: Any, time: Any, labels: Any, model: Any = model, epsilon: Any = epsilon) -> Any:
            signal, spread = (level[time][:, None, None, None] for level in (model.signals, model.spreads))
            return signal * epsilon - spread * 0.5 if model.config.prediction == "v" else epsilon

        model.forward = perfect
        assert float(model.errors(images, torch.zeros(64, dtype=torch.int64), Noise(1)).max()) < 1e-10


def test_the_times_of_a_batch_come_one_from_each_part_of_the_schedule() -> None:
    model, seen = Diffusion(ENTRY.tiny), []
    model.forward = lambda noisy, time, labels: seen.append(time) or torch.zeros_like(noisy)
    for seed in range(20):
        model.errors(torch.zeros(50, 1, 28, 28), None, Noise(seed))
    for time in seen:
        assert torch.equal(time // 20, torch.arange(50))
    assert len(torch.cat(seen).unique()) > 500


def test_two_processes_see_what_one_would() -> None:
    model = random_model(ENTRY.tiny).train()
    batch = {"image": Noise(1).uniform(6, 1, 28, 28) * 2 - 1, "label": torch.arange(6)}
    halves = [{key: value[3 * rank : 3 * rank + 3] for key, value in batch.items()} for rank in range(2)]
    whole = model.loss(batch, Noise(9))["loss"]
    apart = [model.loss(half, Noise(9, rank=rank, world=2))["loss"] for rank, half in enumerate(halves)]
    torch.testing.assert_close(torch.stack(apart).mean(), whole)


@pytest.mark.parametrize(("share", "heard"), [(0.0, range(10)), (1.0, [10]), (0.3, range(11))])
def test_as_many_labels_are_withheld_as_the_config_says(share: float, heard: Any) -> None:
    model = random_model(replace(ENTRY.tiny, label_dropout=share))
    batch = {"image": torch.zeros(200, 1, 28, 28), "label": torch.arange(200) % 10}
    asked: list[torch.Tensor] = []
    model.forward = lambda noisy, time, labels: asked.append(labels) or noisy
    model.loss(batch, Noise(2))
    assert set(asked[0].tolist()) == set(heard)
    assert float((asked[0] == 10).float().mean()) == pytest.approx(share, abs=0.1)


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    model, data = Diffusion(ENTRY.tiny), load("mnist", "train", ENTRY.tiny, sample=True)
    batch = data.batch(np.arange(8))
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    losses = []
    for step in range(25):
        loss = model.loss(batch, Noise(0, step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


# Drawing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with large random weights, and its graph."""
    made = tiny_zoo.make(tmp_path_factory.mktemp("zoo"), "diffusion.mnist", "mnist", tiny_zoo.DIGITS)
    export.write_graphs(made)
    return made


@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
def test_every_engine_draws_what_the_model_draws(folder: Path, guidance: float) -> None:
    found = checkpoint.load(folder)
    count = engine.ROWS + 3  # more than the network is given at once
    latents, labels = Noise(7).normal_array(count, 784), np.arange(count) % 10
    with torch.no_grad():
        wanted = found.model.generate(torch.from_numpy(latents), torch.from_numpy(labels), guidance=guidance)
    assert float(wanted.std()) > 0.1 and wanted.abs().max() <= 1
    for network in (Modules(found.model), Graphs(folder, found.sha256)):
        assert engine.denoises(network) and engine.latent_dim(network) == found.model.latent_dim
        shares, pictures = zip(*engine.draw(network, latents, labels, guidance=guidance), strict=True)
        assert shares == (0.25, 0.5, 0.75, 1.0)
        np.testing.assert_allclose(pictures[-1], wanted, atol=1e-4)


def test_guidance_goes_from_no_class_through_the_class_beyond_it() -> None:
    model = random_model(ENTRY.tiny)
    inputs = given(ENTRY.tiny)
    noise, labels = inputs["noisy"], torch.tensor([3, 1, 4])
    with torch.no_grad():
        time = torch.full((3,), 999.0)
        known, free = (model(noise, time, of) for of in (labels, torch.full_like(labels, 10)))
        for guidance in (0.0, 1.0, 2.5):
            found = model.generate(noise.flatten(1), labels, steps=1, guidance=guidance)
            signal, spread = model.signals[999], model.spreads[999]
            wanted = signal * noise - spread * (free + guidance * (known - free))
            torch.testing.assert_close(found, wanted.clip(-1, 1), atol=2e-5, rtol=0)


def test_a_class_as_learnt_costs_half_of_a_guided_one() -> None:
    class Counts(Modules):
        rows = 0

        def run(self, part: str, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
            self.rows += len(inputs["noisy"])
            return super().run(part, **inputs)

    for guidance, rows in ((1.0, 5 * 6), (1.5, 2 * 5 * 6)):
        network = Counts(random_model(ENTRY.tiny))
        list(engine.draw(network, Noise(1).normal_array(6, 784), np.arange(6), steps=5, guidance=guidance))
        assert network.rows == rows


@pytest.fixture
def bundled(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The tiny checkpoint, and a DCGAN, in place of the bundled ones."""
    room = tmp_path / "pretrained"
    room.mkdir()
    (room / folder.name).symlink_to(folder)
    tiny_zoo.make(room, "dcgan.mnist", "mnist", tiny_zoo.DIGITS)
    monkeypatch.setattr(hub, "PRETRAINED", room)
    monkeypatch.delenv("ZOO_NAMESPACE", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    library._loaded.clear()
    library._added.clear()
    yield room
    library._loaded.clear()


def test_a_picture_says_its_steps_and_guidance_and_is_made_again_from_that(bundled: Path) -> None:
    plain = image.draw("diffusion.mnist", count=3, seed=5)
    assert plain.source.record.parameters == {
        "label": None, "count": 3, "truncation": 1.0, "steps": ENTRY.tiny.sampling_steps,
        "guidance": ENTRY.tiny.guidance,
    }  # fmt: skip
    other = image.draw("diffusion.mnist", "7", count=3, seed=5, steps=2, guidance=3)
    assert other.labels == ["7"] * 3 and other.source.record.parameters["steps"] == 2
    assert not np.array_equal(np.asarray(plain.sheet), np.asarray(other.sheet))
    number = image.draw_number("diffusion.mnist", "42", seed=5, steps=3, guidance=1)
    for found in (plain, other, number):
        *_, again = replay(look(png(found.sheet, found.source.record)))
        assert again.identical and again.holds
    assert "steps" not in image.draw("dcgan.mnist", count=2).source.record.parameters


def test_the_first_pictures_of_a_seed_are_the_same_whatever_the_count(bundled: Path) -> None:
    few, many = (image.draw("diffusion.mnist", count=count, seed=3) for count in (2, 11))
    for one, same in zip(few.images, many.images, strict=False):
        assert np.abs(np.asarray(one).astype(int) - np.asarray(same)).max() <= 1


def test_drawing_live_tells_the_share_that_is_done_and_at_last_the_pictures(bundled: Path) -> None:
    *shares, last = image.draw_live("diffusion.mnist", count=2, steps=5)
    assert shares == [0.2, 0.4, 0.6, 0.8] and isinstance(last, image.Pictures)
    assert np.array_equal(np.asarray(last.sheet), np.asarray(image.draw("diffusion.mnist", count=2, steps=5).sheet))
    assert [type(one) for one in image.draw_live("dcgan.mnist", count=2)] == [image.Pictures]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("diffusion.mnist", {"steps": 0}, "the number of steps is 0; allowed are whole numbers from 1 to 100"),
        ("diffusion.mnist", {"steps": 101}, "the number of steps is 101"),
        ("diffusion.mnist", {"steps": "many"}, "must be a whole number"),
        ("diffusion.mnist", {"guidance": -1}, "the guidance is -1; allowed are numbers from 0 to 10"),
        ("diffusion.mnist", {"guidance": float("nan")}, "the guidance is nan"),
        ("diffusion.mnist", {"truncation": 0.7}, "has no truncation, but guidance"),
        ("dcgan.mnist", {"steps": 20}, "dcgan.mnist draws in one step; leave steps and guidance out"),
        ("dcgan.mnist", {"guidance": 2}, "dcgan.mnist draws in one step"),
    ],
)
def test_options_that_a_model_has_not_are_refused_before_it_is_loaded(
    bundled: Path, monkeypatch: pytest.MonkeyPatch, model: str, options: dict[str, Any], words: str
) -> None:
    def refuse(folder: Path) -> None:
        raise AssertionError(f"{folder} was loaded before the input was checked")

    monkeypatch.setattr(library, "opened", refuse)
    with pytest.raises(InputError, match=words):
        image.draw(model, **options)
    with pytest.raises(InputError, match="it has no walk"):
        image.interpolate("diffusion.mnist")


def test_a_model_without_classes_has_nothing_to_guide(bundled: Path) -> None:
    made = bundled / "diffusion.free"
    made.mkdir()
    checkpoint.save(made, random_model(SIZES["free"]), "diffusion", "free", labels=(), dtype="float16")
    (made / "recipe.json").write_text("{}")
    assert image.draw("diffusion.free", count=2, steps=3).source.record.parameters == {
        "label": None, "count": 2, "truncation": 1.0, "steps": 3
    }  # fmt: skip
    with pytest.raises(InputError, match="nothing to guide"):
        image.draw("diffusion.free", guidance=2)


# Measuring


def test_a_run_validates_by_the_loss_alone_and_a_card_by_half_as_many_pictures() -> None:
    recipe = preset("diffusion", "tiny")
    data: Any = load(recipe.dataset, "validation", recipe.config, sample=True)
    subject = verify.Subject("diffusion", random_model(recipe.config), recipe.dataset, sample=True)
    (loss,) = verify.measure(subject, data, verify.TRAINING)
    assert loss.name == recipe.metric == "denoising loss" and loss.samples == len(data)
    with torch.no_grad():
        subject.model.last.weight.zero_()
        subject.model.last.bias.zero_()
    (idle,) = verify.measure(subject, data, verify.TRAINING)
    assert 0.5 < idle.value < 1, "predicting nothing costs the variance of v"
    figures = {figure.name: figure for figure in verify.measure(subject, data, replace(verify.QUICK, pictures=40))}
    assert figures["judge agreement"].samples == figures["Fréchet distance"].samples == 20
    assert next(iter(figures)) == "judge agreement" and "denoising loss" in figures


def test_the_health_of_a_run_is_judged_by_few_pictures() -> None:
    drawn = []

    class Counted(Diffusion):
        def generate(self, latents: torch.Tensor, *others: Any) -> torch.Tensor:
            drawn.append(len(latents))
            return latents.unflatten(1, (1, 28, 28)).clip(-1, 1)

    data: Any = load("mnist", "validation", ENTRY.tiny, sample=True)
    found = evidence(verify.Subject("diffusion", Counted(ENTRY.tiny).eval(), "mnist"), data, lambda: None)
    assert sum(drawn) == PICTURES_OF_SAMPLE and "variety" in found


# The export

OPEN = """
import json
import numpy as np, torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
given = {key: torch.from_numpy(value) for key, value in np.load("inputs.npz").items()}
found = {}
for name in ("digits", "deep", "free"):
    unet, loading = UNet2DModel.from_pretrained(name, subfolder="unet", output_loading_info=True)
    scheduler = DDIMScheduler.from_pretrained(name, subfolder="scheduler")
    noisy, time, labels = (given.get(f"{name}_{key}") for key in ("noisy", "time", "labels"))
    guidance = 1.0 if labels is None else 2.0
    scheduler.set_timesteps(10)
    images = noisy
    with torch.no_grad():
        once = unet(noisy, time, class_labels=labels).sample
        for step in scheduler.timesteps:
            if labels is None:
                predicted = unet(images, step).sample
            else:
                none = torch.full_like(labels, unet.config.num_class_embeds - 1)
                known = unet(images, step, class_labels=labels).sample
                free = unet(images, step, class_labels=none).sample
                predicted = free + guidance * (known - free)
            images = scheduler.step(predicted, step, images).prev_sample
    pipeline = DDIMPipeline.from_pretrained(name)
    found[name] = {
        "loading": {key: len(value) for key, value in loading.items()}, "dtype": str(unet.dtype),
        "once": once.tolist(), "images": images.tolist(),
        "pipeline": [type(part).__name__ for part in (pipeline, pipeline.unet, pipeline.scheduler)],
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of SIZES stored in half precision (`made/`), exported (by its name), and the inputs of all."""
    room, arrays = tmp_path_factory.mktemp("native"), {}
    for name, config in SIZES.items():
        labels = tuple(map(str, range(config.num_classes)))
        made = room / "made" / name
        made.mkdir(parents=True)
        checkpoint.save(made, random_model(config), "diffusion", name, labels=labels, dtype="float16")
        card.write(made)
        export.export(made, "diffusers", room / name)
        arrays |= {f"{name}_{key}": value.numpy() for key, value in given(config).items()}
    np.savez(room / "inputs.npz", **arrays)
    return room


def card_lines(exported: Path, name: str) -> str:
    """The card's lines for diffusers, of the folder beside, and with a picture of their own."""
    said = (exported / name / "README.md").read_text(encoding="utf-8")
    assert f"--format diffusers --out diffusion.{name}" in said
    lines = said.split("```python\n")[1].split("```")[0]
    assert "from diffusers" in lines and "zoo" not in lines
    for picture in ("sheet.png", "picture.png"):
        lines = lines.replace(picture, f"{name}.png")
    return lines.replace(f"diffusion.{name}", name)


@pytest.fixture(scope="module")
def opened(exported: Path) -> dict[str, Any]:
    """What diffusers alone makes of them; the lines of their cards run in the same process."""
    code = "\n".join([*(card_lines(exported, name) for name in SIZES), OPEN])
    found: dict[str, Any] = json.loads(alone.run(code, exported).splitlines()[-1])
    return found


@pytest.mark.parametrize("name", SIZES)
def test_diffusers_alone_opens_the_export_and_draws_what_the_model_draws(
    exported: Path, opened: dict[str, Any], name: str
) -> None:
    model, there, inputs = checkpoint.load(exported / "made" / name).model, opened[name], given(SIZES[name])
    assert not any(there["loading"].values()), "no tensor is missing, left over or of another shape"
    assert there["dtype"] == "torch.float32"
    assert there["pipeline"] == ["DDIMPipeline", "UNet2DModel", "DDIMScheduler"]
    with torch.no_grad():
        once = model(*inputs.values())
        images = model.generate(inputs["noisy"].flatten(1), inputs.get("labels"), steps=10, guidance=2.0)
    assert (once - torch.tensor(there["once"])).abs().max() <= NEAR_UNET * once.abs().max().clamp_min(1)
    assert float(images.std()) > 0.1
    assert (images - torch.tensor(there["images"])).abs().max() <= NEAR_LOOP[SIZES[name].prediction]


@pytest.mark.usefixtures("opened")
def test_the_lines_of_the_card_draw_a_picture_of_each_class(exported: Path) -> None:
    for name, mode, size in (("digits", "L", (280, 28)), ("deep", "RGB", (64, 16)), ("free", "L", (8, 8))):
        with Image.open(exported / f"{name}.png") as picture:
            assert (picture.mode, picture.size) == (mode, size)
            assert np.asarray(picture).std() > 10


def test_other_formats_are_offered_and_refused_by_name(folder: Path, tmp_path: Path) -> None:
    assert export.formats_of("diffusion") == ("diffusers", "onnx")
    with pytest.raises(ValueError, match="no class of transformers fits it; it has diffusers and onnx"):
        export.export(folder, "transformers", tmp_path / "out")


# The config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 30, "widths": (8, 16, 24)}, "multiples of 4"),
        ({"widths": (8, 18)}, "multiples of the 4 groups"),
        ({"widths": (8, 20)}, "head_dim, 8"),
        ({"train_steps": 10, "sampling_steps": 11}, "allowed are 1 to 10"),
        ({"widths": ()}, "with 0 widths"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(ENTRY.tiny, **changes)


def test_labels_that_are_missing_are_asked_for() -> None:
    model, inputs = random_model(ENTRY.tiny), given(ENTRY.tiny)
    with pytest.raises(ValueError, match="conditioned on 10 classes; labels are missing"):
        model(inputs["noisy"], inputs["time"])
