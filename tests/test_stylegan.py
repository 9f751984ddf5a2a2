"""StyleGAN2: modulation, the two penalties, mixed and moved styles, and the length of perceptual paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from train.algorithms.augment import augment
from train.algorithms.style_adversarial import (
    StyleAdversarial,
    Styled,
    in_proportion,
    path_lengths,
    squared_slope,
)
from zoo import checkpoint
from zoo.generate import image, library, styles
from zoo.generate.inputs import InputError
from zoo.metrics.path_length import path_length, trimmed_mean
from zoo.models.image import stylegan
from zoo.models.image.stylegan import ModulatedConv, StyleGAN, StyleGANConfig, variety
from zoo.noise import Noise

TINY = stylegan.ENTRY.tiny
SMALL = StyleGANConfig(
    image_size=8, latent_dim=86, num_classes=2, class_dim=4, style_dim=16, mapping_layers=2, width=8, max_width=16
)


pytestmark = pytest.mark.usefixtures("alone")


def lively(model: StyleGAN) -> StyleGAN:
    """With noise that is heard."""
    for layer in model.synthesis.layers:
        nn.init.constant_(layer.strength, 0.3)
    return model


def update_of(model: StyleGAN, **settings: Any) -> Any:
    return StyleAdversarial(**settings).prepare(model, Accelerator(cpu=True), 0.0)


def batch_of(n: int, config: StyleGANConfig = SMALL) -> dict[str, Tensor]:
    images = Noise(1).uniform(n, config.channels, config.image_size, config.image_size) * 2 - 1
    return {"image": images, "label": torch.arange(n) % config.num_classes}


# The network


def per_sample(layer: ModulatedConv, x: Tensor, w: Tensor) -> Tensor:
    """The paper's form: a kernel for each picture, modulated and demodulated (equations 1 and 3), as one grouped
    convolution."""
    n, scales = len(x), layer.style(w)
    grouped = x.reshape(1, -1, *x.shape[2:])
    if layer.up:
        kernels = layer.weight[None] * scales[:, :, None, None, None]  # (n, inputs, outputs, 4, 4)
        sums = kernels.square().sum((1, 3, 4), keepdim=True) / 4  # a quarter of the taps meets each pixel
        kernels = kernels * (sums + 1e-8).rsqrt()
        found = F.conv_transpose2d(grouped, kernels.flatten(0, 1), stride=2, padding=1, groups=n)
    else:
        kernels = layer.weight[None] * scales[:, None, :, None, None]  # (n, outputs, inputs, k, k)
        if layer.demodulated:
            kernels = kernels * (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        found = F.conv2d(grouped, kernels.flatten(0, 1), padding=kernels.shape[-1] // 2, groups=n)
    return found.view(n, -1, *found.shape[2:])


@pytest.mark.parametrize(
    ("kernel", "up", "demodulated"), [(3, False, True), (4, True, True), (1, False, False), (3, False, False)]
)
def test_scaled_activations_around_one_kernel_are_the_papers_kernels_of_each_picture(
    kernel: int, up: bool, demodulated: bool
) -> None:
    layer = ModulatedConv(5, 7, kernel, 6, up=up, demodulated=demodulated).double()
    x, w = torch.randn(4, 5, 8, 8).double(), torch.randn(4, 6).double()
    found, factors = layer(x, w)
    assert (factors is None) != demodulated
    ours, theirs = found if factors is None else found * factors, per_sample(layer, x, w)
    torch.testing.assert_close(ours, theirs)
    parameters = list(layer.parameters())
    gradients = (torch.autograd.grad(found.pow(3).sum(), parameters) for found in (ours, theirs))
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("up", [False, True])
def test_demodulated_features_have_unit_variance_whatever_the_style(up: bool) -> None:
    layer = ModulatedConv(16, 8, 4 if up else 3, 6, up=up)
    for scale in (0.1, 10.0):
        found, factors = layer(torch.randn(64, 16, 16, 16), scale * torch.randn(64, 6))
        inner = (found * factors)[:, :, 2:-2, 2:-2]  # at the edge a part of the taps meets nothing
        assert inner.var().item() == pytest.approx(1.0, abs=0.05)


def test_a_graph_holds_no_kernel_that_depends_on_a_picture_and_takes_any_batch(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    from zoo.export.borrowed import WEIGHTS, Weights, table
    from zoo.export.graphs import traced

    model = lively(StyleGAN(SMALL).eval())
    checkpoint.save(tmp_path, model, "stylegan", "tiny", labels=("a", "b"), dtype="float32")
    tensors = model.state_dict()
    weights = Weights(table(tmp_path / WEIGHTS), {name: tensor.numpy() for name, tensor in tensors.items()}, 32)
    (part,) = (part for part in model.parts() if part.name == "synthesis")
    written = traced(part, {tensor.data_ptr(): name for name, tensor in tensors.items()}, weights)
    onnx.save(written, tmp_path / "synthesis.onnx")
    graph = written.graph
    convolutions = [node for node in graph.node if node.op_type in ("Conv", "ConvTranspose")]
    assert len(convolutions) == 3 + 2
    made = {name: node for node in graph.node for name in node.output}
    stored = {tensor.name for tensor in graph.initializer}
    inputs = {value.name for value in graph.input}
    for node in convolutions:
        assert all(a.i == 1 for a in node.attribute if a.name == "group")
        waiting, origins = [node.input[1]], set()
        while waiting:
            name = waiting.pop()
            origins.add(name)
            waiting += made[name].input if name in made else []
        assert not origins & inputs and origins & stored, "its kernel comes from weights alone"
    session = onnxruntime.InferenceSession(str(tmp_path / "synthesis.onnx"))
    for n in (1, 3):
        given = torch.randn(n, SMALL.num_styles, SMALL.style_dim), torch.randn(n, SMALL.noise_dim)
        (found,) = session.run(None, {"styles": given[0].numpy(), "noise": given[1].numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(found, model.synthesis(*given).numpy(), atol=1e-5)


def test_a_latent_is_z_and_then_a_map_for_each_size() -> None:
    config = replace(TINY, latent_dim=1364)
    assert config.sizes == (4, 8, 16, 32) and config.noise_dim == 16 + 64 + 256 + 1024
    assert (config.z_dim, config.num_styles) == (4, 8)
    model = lively(StyleGAN(config).eval())
    latents, labels = Noise(1).normal(2, config.latent_dim), torch.tensor([3, 3])
    with torch.no_grad():
        before = model(latents, labels)
        z, noise = model.divided(latents)
        styles_ = model.mapping(z, labels)[:, None].repeat(1, config.num_styles, 1)
        assert torch.equal(model.synthesis(styles_, noise), before)
        latents[:, -1] += 5  # the last pixel of the largest map: only pixels about it can change
        changed = (model(latents, labels) - before).abs().amax((0, 1)) > 0
        rows, columns = changed.nonzero(as_tuple=True)
        assert changed.any() and rows.min() >= 29 and columns.min() >= 29
        assert (model.mapping(0 * z, labels)[0] == model.mapping(0 * z, labels)[1]).all(), "scaled z truncates"


@pytest.mark.parametrize("size", [8, 64])
def test_other_sizes_and_colours_are_a_matter_of_the_config(size: int) -> None:
    noise_dim = sum(4**k for k in range(2, size.bit_length()))
    config = replace(TINY, channels=3, image_size=size, latent_dim=noise_dim + 5, num_classes=0)
    model = StyleGAN(config)
    assert (config.noise_dim, config.z_dim, config.num_styles) == (noise_dim, 5, 2 * size.bit_length() - 4)
    images = model(Noise(1).normal(2, config.latent_dim))
    assert images.shape == (2, 3, size, size)
    assert model.discriminator()(images).shape == (2,)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="image_size is 24; allowed are powers of two"):
        StyleGANConfig(image_size=24)
    with pytest.raises(ValueError, match="at 64 pixels the noise maps take 5456, and z at least 1 more"):
        StyleGANConfig(image_size=64)
    with pytest.raises(ValueError, match="labels are missing"):
        StyleGAN(TINY)(torch.zeros(1, TINY.latent_dim))
    with pytest.raises(ValueError, match="labels are missing"):
        StyleGAN(TINY).discriminator()(torch.zeros(1, 1, 32, 32))


def test_variety_is_the_deviation_within_groups_of_four() -> None:
    x = torch.randn(8, 3, 2, 2)
    found = variety(x)
    assert found.shape == (8, 1, 2, 2)
    for i in range(8):
        group = x[i % 2 :: 2]
        torch.testing.assert_close(found[i], group.std(0, correction=0).mean().expand(1, 2, 2), rtol=1e-4, atol=1e-4)
    assert variety(x[:1].expand(8, -1, -1, -1)).max() < 1e-3, "copies have none"
    together = variety(x[:3])  # no multiple of four: one group
    torch.testing.assert_close(together[0, 0, 0, 0], x[:3].std(0, correction=0).mean(), rtol=1e-4, atol=1e-4)


def test_a_discriminator_sees_a_batch_that_is_copies_of_one_picture() -> None:
    """Through its last layers alone: a group of four copies is scored otherwise than each among others."""
    network = StyleGAN(SMALL).discriminator().eval()
    batch = batch_of(8)
    with torch.no_grad():
        among, copies = (
            network(batch["image"], batch["label"]),
            network(batch["image"][:1].expand(8, -1, -1, -1), 0 * batch["label"]),
        )
    assert (among[0] - copies[0]).abs() > 1e-4


# The update


def test_rates_in_proportion_are_the_papers_weights_scaled_at_run_time() -> None:
    """Unit weights times their gain under one rate, and plain weights under that rate times the gain, stay the same."""
    plain = nn.Linear(12, 5, bias=False).double()
    gain = plain.weight.detach().square().mean().sqrt()
    unit = nn.Parameter(plain.weight.detach() / gain)
    ours = torch.optim.Adam(in_proportion(plain, 0.01), betas=(0.0, 0.99))
    theirs = torch.optim.Adam([unit], 0.01, (0.0, 0.99))
    x, y, before = torch.randn(30, 12).double(), torch.randn(30, 5).double(), plain.weight.detach().clone()
    for _ in range(20):
        for optimizer, weight in ((ours, plain.weight), (theirs, unit * gain)):
            optimizer.zero_grad()
            F.mse_loss(x @ weight.T, y).backward()
            optimizer.step()
    assert (plain.weight - unit * gain).abs().max() < 1e-4 < 1e-2 < (plain.weight - before).abs().mean()


def test_the_mapping_network_learns_at_its_own_share_of_the_rate() -> None:
    model = StyleGAN(SMALL)
    update = update_of(model, generator_learning_rate=0.01, mapping_rate=0.1)
    rates = {id(group["params"][0]): group["lr"] for group in update.optimizers["model"].param_groups}
    assert len(rates) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        size = parameter.detach().square().mean().sqrt().item() if parameter.dim() > 1 else 1.0
        expected = 0.01 * size * (0.1 if name.startswith("mapping.") else 1.0)
        assert rates[id(parameter)] == pytest.approx(expected), name


def test_the_slope_is_that_of_each_pictures_logit() -> None:
    network, batch = StyleGAN(SMALL).discriminator().double(), batch_of(4)
    images, labels = batch["image"].double().requires_grad_(True), batch["label"]
    found = squared_slope(network(images, labels), images)
    step, expected = 1e-4, 0.0  # the pictures' variety is float32: a smaller step would be lost in it
    with torch.no_grad():  # a step in all directions, one after another; the pictures' company changes logits as well
        for picture in range(4):
            for pixel in range(64):
                change = torch.zeros(4, 64, dtype=torch.float64)
                change[picture, pixel] = step
                change = change.view_as(images)
                apart = network(images + change, labels).sum() - network(images - change, labels).sum()
                expected += float(apart / (2 * step)) ** 2
    assert found.item() == pytest.approx(expected / 4, rel=1e-3)
    assert torch.autograd.grad(found, network.blocks[0].first.weight)[0].abs().max() > 0


def test_a_path_length_of_a_linear_map_is_that_of_its_transpose() -> None:
    matrix = torch.randn(5, 3 * 4 * 4).double()
    given = torch.randn(6, 2, 5).double().requires_grad_(True)
    images = (given * torch.tensor([1.0, 3.0]).double()[:, None]).sum(1) @ matrix
    directions = torch.randn(6, 3, 4, 4).double()
    found = path_lengths(images.view(6, 3, 4, 4), given, directions)
    once = (directions.flatten(1) / 4) @ matrix.T  # J' y of one layer; the other's is three times as long
    torch.testing.assert_close(found, (once.square().sum(1) * (1 + 9) / 2).sqrt())


def test_penalties_are_paid_when_they_are_due_and_logged_at_their_mean() -> None:
    update = update_of(StyleGAN(SMALL), slope_every=4, path_every=3)
    found = [update(batch_of(8), Noise(3, step)) for step in range(12)]
    for step, figures in enumerate(found):
        assert (figures["slope_penalty"] > 0) == (step % 4 == 0), step
        assert (figures["path_penalty"] > 0) == (step % 3 == 0), step
    lengths = [float(figures["mean_path_length"]) for figures in found]
    assert lengths[0] == lengths[1] == lengths[2] != lengths[3], "the mean moves when it is looked at"
    assert 0.9 < lengths[11] / lengths[0] < 1.1, "from the first length that is seen"
    off = update_of(StyleGAN(SMALL), slope_penalty=0.0, path_penalty=0.0)(batch_of(8), Noise(3, 0))
    assert off["slope_penalty"] == off["path_penalty"] == off["mean_path_length"] == 0


def test_the_path_penaltys_gradient_evens_path_lengths() -> None:
    """Followed alone, on the same styles and directions, it takes half of their variance away."""
    model, noise = StyleGAN(SMALL), Noise(9)
    latents, directions = noise.normal(32, SMALL.latent_dim), noise.normal(32, 1, 8, 8)
    optimizer = torch.optim.Adam(in_proportion(model, 0.01), betas=(0.0, 0.99))
    spreads = []
    for _ in range(30):
        images, chosen = Styled(model)(latents, None, None, torch.arange(32) % 2)
        lengths = path_lengths(images, chosen, directions)
        spreads.append((lengths.detach().std() / lengths.detach().mean()).item())
        optimizer.zero_grad()
        (lengths - lengths.detach().mean()).square().mean().backward()
        optimizer.step()
    assert spreads[-1] < 0.7 * spreads[0]


def test_mixed_pictures_take_the_other_style_from_a_layer_on() -> None:
    model = lively(StyleGAN(SMALL))
    generator, noise = Styled(model), Noise(4)
    latents, others, labels = noise.normal(3, SMALL.latent_dim), noise.normal(3, SMALL.z_dim), torch.tensor([0, 1, 1])
    layers = torch.arange(SMALL.num_styles)
    replaced = layers >= torch.tensor([[1], [3], [SMALL.num_styles]])
    images, found = generator(latents, others, replaced, labels)
    z, _ = model.divided(latents)
    first, second = model.mapping(z, labels), model.mapping(others, labels)
    for row, start in enumerate((1, 3, SMALL.num_styles)):
        expected = [(first if layer < start else second)[row] for layer in range(SMALL.num_styles)]
        assert torch.equal(found[row], torch.stack(expected))
    plain, _ = generator(latents, None, None, labels)
    assert torch.equal(images[2], plain[2]) and not torch.equal(images[:2], plain[:2])


def test_one_of_so_many_pictures_is_mixed() -> None:
    update = update_of(StyleGAN(SMALL), mixing=0.25)
    with torch.no_grad():
        _, found = update._generated(400, torch.zeros(400, dtype=torch.int64), Noise(1))
    mixed = (found[:, 0] != found[:, -1]).any(1)
    assert mixed.float().mean().item() == pytest.approx(0.25, abs=0.06)


def test_the_generators_step_leaves_no_gradients_on_the_discriminator() -> None:
    update = update_of(StyleGAN(SMALL))
    update(batch_of(8), Noise(1))
    for module in update.modules.values():
        assert all(p.requires_grad and (p.grad is None or not p.grad.any()) for p in module.parameters())


def test_a_pair_learns_which_class_is_dark() -> None:
    """Pictures of one grey level a class: the generator comes to draw them, from noise that has nothing to say."""
    torch.manual_seed(0)
    model, levels = StyleGAN(SMALL), torch.tensor([-0.6, 0.5])
    update = update_of(model, slope_penalty=1.0, generator_learning_rate=0.01, discriminator_learning_rate=0.01)
    for step in range(120):
        noise = Noise(3, step)
        labels = noise.integers(2, 16)
        images = levels[labels].view(-1, 1, 1, 1).expand(-1, 1, 8, 8) + 0.1 * noise.normal(16, 1, 8, 8)
        update({"image": images, "label": labels}, noise)
    with torch.no_grad():
        found = [
            model.generate(Noise(8).normal(32, SMALL.latent_dim), torch.full((32,), label)).mean().item()
            for label in (0, 1)
        ]
    assert found == pytest.approx(levels.tolist(), abs=0.3)


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong, words in (
        ({"slope_every": 0}, "slope_every is 0"),
        ({"path_every": 0}, "path_every is 0"),
        ({"mixing": 1.5}, "mixing is 1.5; allowed are 0 to 1"),
        ({"path_penalty": -1.0}, "neither may be negative"),
    ):
        with pytest.raises(ValueError, match=words):
            StyleAdversarial(**wrong)


def test_a_flip_mirrors_half_of_the_pictures() -> None:
    images = Noise(5).uniform(200, 2, 4, 4) * 2 - 1
    found = augment(images, ("flip",), Noise(1))
    mirrored = torch.tensor([torch.equal(one, other.flip(-1)) for one, other in zip(found, images, strict=True)])
    same = torch.tensor([torch.equal(one, other) for one, other in zip(found, images, strict=True)])
    assert (mirrored ^ same).all() and 70 < mirrored.sum() < 130


# Perceptual path length


def linear(matrix: np.ndarray) -> Any:
    """A generator and judge in one, whose features are a matrix times the point."""
    return lambda points, numbers: points.astype(np.float64) @ matrix


def test_the_path_length_of_a_linear_generator_is_known() -> None:
    """|A (end - start)|^2 whatever the step and the place; on lines of one length, rotated, the mean is exact."""
    noise = Noise(1)
    rotation, _ = np.linalg.qr(noise.normal_array(6, 6).astype(np.float64))
    starts, directions = noise.normal_array(400, 6), noise.normal_array(400, 6)
    ends = starts + 2 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    shares = noise.uniform_array(400)
    for step in (1e-1, 1e-2):
        found = path_length(linear(3 * rotation), starts, ends, shares, step=step)
        assert found == pytest.approx((3 * 2) ** 2, rel=1e-3)
    stretched = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    expected = trimmed_mean((((ends - starts).astype(np.float64) @ stretched) ** 2).sum(1))
    assert path_length(linear(stretched), starts, ends, shares, step=1e-2) == pytest.approx(expected, rel=1e-3)


def test_a_crooked_generator_has_a_longer_path_than_a_straight_one_between_the_same_pictures() -> None:
    starts, ends, shares = np.zeros((500, 1)), np.ones((500, 1)), Noise(1).uniform_array(500)

    def bend(points: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return points**4  # from 0 to 1 as well: the mean of (4 t^3)^2 is 16 / 7

    assert path_length(linear(np.eye(1)), starts, ends, shares) == pytest.approx(1.0, rel=1e-2)
    assert path_length(bend, starts, ends, shares) == pytest.approx(16 / 7, rel=0.15)


def test_each_line_keeps_its_number_and_a_batch_changes_nothing() -> None:
    starts, ends, shares = np.zeros((10, 2)), np.ones((10, 2)), np.full(10, 0.5)

    def numbered(points: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return points * (1 + numbers[:, None])

    whole, cut = (path_length(numbered, starts, ends, shares, rows=rows) for rows in (100, 3))
    assert whole == pytest.approx(cut) == pytest.approx(2 * np.mean(np.arange(1, 11) ** 2.0), rel=1e-3)


def test_trimming_leaves_out_a_hundredth_at_either_end() -> None:
    values = np.concatenate([np.arange(1.0, 201.0), [1e9]])
    kept = values[(values >= 3) & (values <= 199)]
    assert trimmed_mean(np.random.default_rng(0).permutation(values)) == pytest.approx(kept.mean())
    assert trimmed_mean(np.array([3.0])) == 3.0


def test_the_measure_sees_styles_alone_and_only_models_that_have_them() -> None:
    from zoo import verify
    from zoo.metrics.judges import judge_of
    from zoo.verify.images import style_path_length

    judge = judge_of("fashion_mnist")
    assert judge is not None
    network, model = verify.judge_network(judge), lively(StyleGAN(TINY).eval())
    assert style_path_length(model, network, 40) > 0.01
    for layer in [*(one.conv for one in model.synthesis.layers), *model.synthesis.colours]:
        nn.init.zeros_(layer.style.weight)
    assert style_path_length(model, network, 40) < 1e-4, "the same picture all along a line, whatever its noise"


def test_lines_that_do_not_fit_are_refused() -> None:
    good = np.zeros((3, 2))
    for starts, ends, shares in (
        (good, good[:2], np.zeros(3)),
        (good, good, np.zeros(2)),
        (good[:0], good[:0], np.zeros(0)),
    ):
        with pytest.raises(ValueError, match="starts have shape"):
            path_length(linear(np.eye(2)), starts, ends, shares)
    with pytest.raises(ValueError, match="step is 0"):
        path_length(linear(np.eye(2)), good, good, np.zeros(3), step=0.0)


# What a visitor may do with styles


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A checkpoint folder with classes "cat" and "dog", as a choice of the library."""
    folder = tmp_path / "stylegan.tiny"
    folder.mkdir()
    monkeypatch.setattr(library, "_added", type(library._added)())
    checkpoint.save(folder, lively(StyleGAN(SMALL)), "stylegan", "tiny", labels=("cat", "dog"), dtype="float32")
    return library.add(str(folder))


def pixels(found: image.Pictures, number: int) -> np.ndarray:
    return np.asarray(found.images[number])


def test_a_picture_that_is_not_moved_is_the_one_that_is_drawn(model: str) -> None:
    assert model in styles.choices() and "dcgan.mnist" not in styles.choices()
    drawn = image.draw(model, "dog", count=1, seed=5)
    for found in (styles.edit(model, "dog", seed=5), styles.edit(model, "dog", seed=5, amounts=[0, 0.0])):
        assert np.array_equal(pixels(found, 0), pixels(drawn, 0)) and np.array_equal(pixels(found, 1), pixels(drawn, 0))
    mixed = styles.mix(model, "dog", seed=5, seed_fine=5, crossover=1)
    assert all(np.array_equal(pixels(mixed, i), pixels(drawn, 0)) for i in range(3))


def test_a_mixture_has_the_first_ones_coarse_layers_and_noise_and_the_other_ones_fine_layers(model: str) -> None:
    found = styles.mix(model, "cat", seed=1, seed_fine=2, label_fine="dog", crossover=2)
    assert found.labels == ["coarse", "fine", "mixed"]
    assert np.array_equal(pixels(found, 1), pixels(image.draw(model, "dog", count=1, seed=2), 0))
    network = library.get(model).network
    latents = [Noise(seed).normal_array(1, SMALL.latent_dim) for seed in (1, 2)]
    first, second = (
        network.run("mapping", z=latent[:, : SMALL.z_dim], labels=np.array([label]))[0]
        for latent, label in zip(latents, (0, 1), strict=True)
    )
    by_hand = np.stack([first[0], first[0], second[0], second[0]])[None]
    (expected,) = network.run("synthesis", styles=by_hand, noise=latents[0][:, SMALL.z_dim :])
    shown = ((expected[0, 0].clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    assert np.array_equal(pixels(found, 2)[:: image.ENLARGED, :: image.ENLARGED], shown)


def test_without_truncation_left_every_seed_has_the_mean_style_of_its_class(model: str) -> None:
    quiet = library.get(model).network.model.synthesis  # type: ignore[attr-defined]
    for layer in quiet.layers:
        nn.init.zeros_(layer.strength)
    found = [
        styles.edit(model, label, seed=seed, truncation=0.0) for label, seed in (("cat", 1), ("cat", 2), ("dog", 1))
    ]
    assert np.array_equal(pixels(found[0], 0), pixels(found[1], 0))
    assert not np.array_equal(pixels(found[0], 0), pixels(found[2], 0))


def test_an_amount_of_one_is_a_standard_deviation_of_the_classs_styles(model: str) -> None:
    network = library.get(model).network
    (axis,) = styles.directions(network.weights(), 1)
    seen: list[np.ndarray] = []
    run = network.run

    def watched(part: str, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        if part == "synthesis":
            seen.append(inputs["styles"])
        return run(part, **inputs)

    network.run = watched  # type: ignore[method-assign]
    styles.edit(model, "dog", seed=1, amounts=[2.0])
    before, after = seen[0]
    z = Noise(77).normal_array(4000, SMALL.z_dim)
    (known,) = run("mapping", z=z, labels=np.ones(4000, np.int64))
    moved = after - before
    assert np.allclose(moved, (moved @ axis)[:, None] * axis, atol=1e-5), "along the direction, all layers alike"
    assert (moved @ axis)[0] == pytest.approx(2 * (known @ axis).std(), rel=0.1)


def test_directions_are_those_that_synthesis_answers_to_most() -> None:
    model = StyleGAN(TINY)
    weights = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    found = styles.directions(weights, TINY.style_dim)
    torch.testing.assert_close(torch.from_numpy(found @ found.T), torch.eye(TINY.style_dim), rtol=0, atol=1e-5)
    affine = torch.cat([m.weight.detach() for name, m in model.synthesis.named_modules() if name.endswith(".style")])
    _, values, axes = torch.linalg.svd(affine, full_matrices=False)
    torch.testing.assert_close(torch.from_numpy(np.linalg.norm(affine.numpy() @ found.T, axis=0)), values)
    torch.testing.assert_close(torch.from_numpy(np.abs(found)), axes.abs(), rtol=1e-3, atol=1e-4)
    assert (np.take_along_axis(found, np.abs(found).argmax(1)[:, None], 1) > 0).all(), "of two opposite ones, one"
    with pytest.raises(InputError, match="9 directions were asked for; a style has 8"):
        styles.directions(weights, 9)
    with pytest.raises(InputError, match="no styles"):
        styles.directions({"project.weight": np.eye(3)}, 1)


def test_a_record_makes_its_pictures_again(model: str) -> None:
    mixed = styles.mix(model, "cat", seed=3, seed_fine=9, label_fine="dog", crossover=1, truncation=0.7)
    moved = styles.edit(model, None, seed=3, amounts=[0.1, -2, 1 / 3], truncation=1.2)
    for found, operation in ((mixed, styles.mix), (moved, styles.edit)):
        record = found.source.record
        again = operation(model, **record.parameters, seed=record.seed)  # type: ignore[operator]
        assert again.source == found.source
        assert np.array_equal(np.asarray(again.sheet), np.asarray(found.sheet))
        assert all(value is None or isinstance(value, str | int | float) for value in record.parameters.values())
    assert (mixed.source.record.operation, moved.source.record.operation) == ("image.mix", "image.edit")
    assert moved.source.record.parameters["amounts"] == "0.1 -2.0 0.3333333333333333"


def test_what_cannot_be_mixed_or_moved_is_refused_in_words(model: str) -> None:
    for wrong, words in (
        ({"crossover": 0}, "the layer to cross over at is 0; allowed are whole numbers from 1 to 3"),
        ({"crossover": 4}, "from 1 to 3"),
        ({"truncation": -0.1}, "the truncation is -0.1"),
        ({"seed_fine": "x"}, "the seed of the fine layers is 'x'"),
        ({"label": "cta"}, "perhaps you meant 'cat'"),
        ({"label_fine": 3}, "must be one of cat, dog"),
    ):
        with pytest.raises(InputError, match=words):
            styles.mix(model, **wrong)  # type: ignore[arg-type]
    for amounts, words in (
        ([7.0], "amount 1 is 7; allowed are numbers from -6 to 6"),
        ([0.0, float("nan")], "amount 2 is nan"),
        ("1 two", "must be numbers with spaces between"),
        ([0.0] * 11, "there are 11 amounts; at most 10"),
        (5, "must be a list of numbers"),
        (["1"], "amount 1 is '1'"),
    ):
        with pytest.raises(InputError, match=words):
            styles.edit(model, amounts=amounts)  # type: ignore[arg-type]
    for operation in (styles.mix, styles.edit):
        with pytest.raises(
            InputError, match=f"dcgan.mnist has no styles to mix or to move; those that have: .*{model}"
        ):
            operation("dcgan.mnist")  # type: ignore[operator]
