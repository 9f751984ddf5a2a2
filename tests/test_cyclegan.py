"""CycleGAN by its rules: the least-squares game, the pool of pictures made before, and a step written out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from train.algorithms.cycle import Cycle, CycleUpdate, Pool
from train.guard import NonFinite
from zoo import checkpoint, losses, verify
from zoo.data.load import load
from zoo.export.graphs import export
from zoo.generate import library
from zoo.generate.grid import to_bytes
from zoo.generate.translate import goes_back, translate
from zoo.models.image.cyclegan import ENTRY, CycleGAN, Discriminator
from zoo.noise import Noise

TINY = ENTRY.tiny


pytestmark = pytest.mark.usefixtures("alone")


def batch_of(n: int, seed: int = 1) -> dict[str, Tensor]:
    pictures = Noise(seed).uniform(2, n, 3, TINY.image_size, TINY.image_size) * 2 - 1
    return {"source": pictures[0], "target": pictures[1]}


def update_of(model: CycleGAN, **settings: Any) -> CycleUpdate:
    return Cycle(**settings).prepare(model, Accelerator(cpu=True), 0.0)


def fixed_model() -> CycleGAN:
    torch.manual_seed(3)
    return CycleGAN(TINY)


# The losses


def test_the_least_squares_losses_are_torchs_mean_squared_errors_to_their_marks() -> None:
    real, fake = torch.randn(3, 1, 5, 5), torch.randn(3, 1, 4, 4)
    expected = 0.5 * (F.mse_loss(real, torch.ones_like(real)) + F.mse_loss(fake, torch.zeros_like(fake)))
    torch.testing.assert_close(losses.least_squares_discriminator_loss(real, fake), expected)
    torch.testing.assert_close(losses.least_squares_generator_loss(fake), F.mse_loss(fake, torch.ones_like(fake)))


def test_the_generators_pull_grows_with_the_distance_where_a_logistic_one_fades() -> None:
    """Mao et al., section 3.2.2: a made picture far on the right side is still drawn to the mark."""
    scores = torch.tensor([-3.0, 0.0, 1.0, 5.0], requires_grad=True)
    (pull,) = torch.autograd.grad(4 * losses.least_squares_generator_loss(scores), scores)
    torch.testing.assert_close(pull, torch.tensor([-8.0, -2.0, 0.0, 8.0]))


# The pool


def numbered(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 2, 4, 4).clone()


def numbers_of(images: Tensor) -> list[int]:
    assert torch.equal(images, images[:, :1, :1, :1].expand_as(images)), "pictures are whole"
    return [int(image[0, 0, 0]) for image in images]


def test_until_the_pool_is_full_each_picture_comes_back_and_is_kept() -> None:
    pool = Pool(5, 2, 4)
    always = torch.zeros(3, 2)
    assert numbers_of(pool.exchange(numbered(1, 2, 3), always)) == [1, 2, 3]
    assert int(pool.filled) == 3 and numbers_of(pool.pictures) == [1, 2, 3, 0, 0]


def test_a_full_pool_gives_an_old_picture_for_every_other_new_one_and_loses_none() -> None:
    pool, noise = Pool(7, 2, 4), Noise(1)
    pool.exchange(numbered(*range(1, 8)), noise.uniform(7, 2))
    given, old = list(range(1, 8)), 0
    back: list[int] = []
    for start in range(8, 408, 4):
        new = list(range(start, start + 4))
        returned = numbers_of(pool.exchange(numbered(*new), noise.uniform(4, 2)))
        old += len(set(returned) - set(new))
        given += new
        back += returned
        assert sorted(back + numbers_of(pool.pictures)) == given, "each is in the pool or came back, once"
    assert 0.4 < old / 400 < 0.6


def test_the_draws_decide_whether_and_which() -> None:
    pool = Pool(4, 2, 4)
    pool.exchange(numbered(1, 2, 3, 4), torch.zeros(4, 2))
    draws = torch.tensor([[0.49, 0.0], [0.51, 0.0], [0.0, 0.99], [0.49, 0.26]])
    assert numbers_of(pool.exchange(numbered(5, 6, 7, 8), draws)) == [1, 6, 4, 2]
    assert numbers_of(pool.pictures) == [5, 8, 3, 7]


def test_a_pool_of_none_gives_back_what_it_is_given() -> None:
    images = torch.randn(3, 2, 4, 4)
    assert torch.equal(Pool(0, 2, 4).exchange(images, torch.zeros(3, 2)), images)


def test_the_pool_is_part_of_the_state_that_a_run_goes_on_from() -> None:
    """A state whose pool was emptied goes on to other weights; the same state goes on to the same."""

    def after(spoil: bool) -> list[Tensor]:
        update = update_of(fixed_model(), pool_size=6)
        for step in range(2):
            update(batch_of(4, seed=step), Noise(5, step))
        states = {name: module.state_dict() for name, module in update.modules.items()}
        for name in ("made_sources", "made_targets"):
            assert states[name]["filled"] == 6 and states[name]["pictures"].abs().amax((1, 2, 3)).min() > 0
            if spoil:
                states[name]["pictures"] = torch.zeros_like(states[name]["pictures"])
            update.modules[name].load_state_dict(states[name])
        update(batch_of(4, seed=2), Noise(5, 2))
        return [p.detach().clone() for p in update.modules["discriminator"].parameters()]

    whole, again, emptied = after(False), after(False), after(True)
    assert all(map(torch.equal, whole, again))
    assert not all(map(torch.equal, whole, emptied))


def test_two_processes_draw_for_the_pool_what_one_does() -> None:
    together = Noise(3, 9).uniform(6, 2)
    apart = [Noise(3, 9, rank=rank, world=2).uniform(3, 2) for rank in range(2)]
    assert torch.equal(torch.cat(apart), together)


def test_a_picture_that_is_not_finite_never_comes_into_the_pool() -> None:
    update = update_of(fixed_model())
    batch = batch_of(2)
    before = [p.detach().clone() for module in update.modules.values() for p in module.parameters()]
    with pytest.raises(NonFinite):
        update({**batch, "source": torch.full_like(batch["source"], float("nan"))}, Noise(1))
    assert int(update.modules["made_targets"].filled) == 0
    after = [p for module in update.modules.values() for p in module.parameters()]
    assert all(map(torch.equal, before, after))
    assert np.isfinite(float(update(batch, Noise(1))["loss"])), "and the next step is a good one"


# The update


def plain_step(model: CycleGAN, adversaries: Any, rule: Cycle, batch: dict[str, Tensor]) -> dict[str, float]:
    """The paper's objective without any of the shortcuts; the pool is still being filled."""
    betas = (rule.beta1, rule.beta2)
    g_optimizer = torch.optim.Adam(model.parameters(), rule.generator_learning_rate, betas)
    d_optimizer = torch.optim.Adam(adversaries.parameters(), rule.discriminator_learning_rate, betas)
    forth, back, of_source, of_target = model.translate, model.translate_back, *adversaries.children()
    x, y = batch["source"], batch["target"]
    fake_y, fake_x = forth(x), back(y)
    ones, zeros = torch.ones_like(of_target(y)), torch.zeros_like(of_target(y))
    cycle = F.l1_loss(back(fake_y), x) + F.l1_loss(forth(fake_x), y)
    identity = F.l1_loss(forth(y), y) + F.l1_loss(back(x), x)
    game = F.mse_loss(of_target(fake_y), ones) + F.mse_loss(of_source(fake_x), ones)
    loss = game + rule.cycle_weight * cycle + rule.identity_weight * identity
    g_optimizer.zero_grad()
    loss.backward()
    g_optimizer.step()
    d_loss = torch.zeros(())
    for of_one, real, fake in ((of_source, x, fake_x), (of_target, y, fake_y)):
        d_loss = d_loss + (F.mse_loss(of_one(real), ones) + F.mse_loss(of_one(fake.detach()), zeros)) / 2
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    return {"loss": float(loss), "cycle": rule.cycle_weight * float(cycle), "discriminator_loss": float(d_loss)}


def test_a_step_is_the_papers_objective_written_out() -> None:
    rule = Cycle()
    pairs = []
    for _ in range(2):
        model = fixed_model()
        pairs.append((model, rule.prepare(model, Accelerator(cpu=True), 0.0)))
    (ours, update), (theirs, spare) = pairs
    found = update(batch_of(3), Noise(4))
    expected = plain_step(theirs, spare.modules["discriminator"], rule, batch_of(3))
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-4), name
    for mine, other in ((ours, theirs), (update.modules["discriminator"], spare.modules["discriminator"])):
        for (name, one), two in zip(mine.named_parameters(), other.parameters(), strict=True):
            # Adam's first steps are of the size of the rate whatever the gradient: near nought their sign may differ.
            assert ((one - two).abs() < 1e-5).float().mean() > 0.99, name


def test_no_network_keeps_gradients_of_anothers_phase() -> None:
    update = update_of(fixed_model())
    update(batch_of(2), Noise(1))
    for module in update.modules.values():
        assert all(p.requires_grad and (p.grad is None or not p.grad.any()) for p in module.parameters())


def test_without_a_weight_the_identity_is_not_computed() -> None:
    model, calls = fixed_model(), []
    model.translator.register_forward_hook(lambda module, given, made: calls.append(len(made)))
    update = update_of(model, identity_weight=0.0)
    found = update(batch_of(2), Noise(1))
    assert "identity" not in found and calls == [2, 2]
    with pytest.raises(ValueError, match="identity_weight is -1"):
        Cycle(identity_weight=-1.0)


# The networks


def test_a_discriminator_scores_patches_of_34_pixels() -> None:
    picture = torch.randn(1, 3, 64, 64, requires_grad=True)
    scores = Discriminator(TINY)(picture)
    assert scores.shape == (1, 1, 14, 14)
    (gradient,) = torch.autograd.grad(scores[0, 0, 7, 7], picture)
    seen = gradient[0].abs().sum(0) > 0
    assert (int(seen.any(0).sum()), int(seen.any(1).sum())) == (34, 34)


def test_each_picture_is_translated_by_itself_in_training_too() -> None:
    """Instance normalisation: no statistics of the batch, and none kept."""
    model = fixed_model().double().train()
    images = batch_of(4)["source"].double()
    for way in (model.translate, model.translate_back):
        alone = torch.cat([way(image[None]) for image in images])
        torch.testing.assert_close(way(images), alone)
    assert not torch.equal(model.translate(images), model.translate_back(images))
    assert not list(model.buffers())


def test_two_colours_that_were_never_seen_in_pairs_are_exchanged() -> None:
    """Red shapes on white become blue ones, and back: far nearer to the truth than the copy."""
    config = replace(TINY, image_size=16, width=8, blocks=0, discriminator_width=8)

    def shapes(noise: Noise, n: int) -> Tensor:
        rough = F.interpolate(noise.normal(n, 1, 4, 4), size=config.image_size, mode="bilinear")
        return (rough > 0.4).float()  # less than half is painted: red or blue paper would be no answer

    def painted(mask: Tensor, channel: int) -> Tensor:
        colour = torch.full((1, 3, 1, 1), -0.6)
        colour[0, channel] = 0.8
        return mask * colour + (1 - mask)

    torch.manual_seed(0)
    model = CycleGAN(config)
    rates = {"generator_learning_rate": 5e-3, "discriminator_learning_rate": 5e-3}
    update = update_of(model, cycle_weight=3.0, identity_weight=1.0, pool_size=16, **rates)
    for step in range(80):
        noise = Noise(2, step)
        update({"source": painted(shapes(noise, 4), 0), "target": painted(shapes(noise, 4), 2)}, noise)
    unseen = shapes(Noise(9), 32)
    given, truth = painted(unseen, 0), painted(unseen, 2)
    with torch.no_grad():
        made, back = model.translate(given), model.translate_back(truth)
    copied = F.l1_loss(given, truth)
    assert F.l1_loss(made, truth) < 0.6 * copied and F.l1_loss(back, given) < 0.6 * copied


# In the zoo


def test_one_checkpoint_goes_both_ways_for_a_visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cyclegan.tiny"
    folder.mkdir()
    model = fixed_model().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * Noise(3).normal(*parameter.shape)
    checkpoint.save(folder, model, "cyclegan", "tiny", labels=(), dtype="float32")
    picture = Image.new("RGB", (90, 60), (30, 60, 200))
    picture.paste((220, 30, 20), (20, 10, 70, 40))
    monkeypatch.setattr(library.hub, "PRETRAINED", tmp_path)
    for graphs in (False, True):
        if graphs:
            export(folder)
        assert goes_back("cyclegan.tiny")
        seen = []
        for back, way in ((False, model.translate), (True, model.translate_back)):
            before, after = (np.asarray(one) for one in translate("cyclegan.tiny", picture, back=back).images)
            each = before.shape[0] // TINY.image_size
            given = torch.from_numpy(before[::each, ::each].copy()).permute(2, 0, 1)[None] / 127.5 - 1
            expected = to_bytes(way(given).detach().numpy())[0].astype(int)
            assert np.abs(after[::each, ::each].astype(int) - expected).max() <= 1
            seen.append(after)
        assert not np.array_equal(*seen)


def test_both_ways_are_measured_beside_the_copy_on_pairs_that_training_never_shows() -> None:
    training: Any = load("emoji", "train", TINY, sample=True)
    held_out: Any = load("emoji", "test", TINY, sample=True)
    assert not training.paired and held_out.paired and not set(training.names) & set(held_out.names)
    with torch.no_grad():
        subject = verify.Subject("cyclegan", fixed_model().eval(), "emoji", sample=True)
        found = {figure.name: figure for figure in verify.measure(subject, held_out, verify.QUICK)}
    for name in ("PSNR", "SSIM", "mean absolute error"):
        assert found[name].floor == pytest.approx(found[f"{name} back"].floor), "the copy is as far either way"
        assert found[name].value != found[f"{name} back"].value
