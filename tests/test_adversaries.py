"""GANs by their rules: the game's losses, the bound on a critic's slope, and the modes that are found."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from train.algorithms.adversarial import Adversarial
from train.algorithms.wasserstein import Wasserstein, WassersteinUpdate, clip_weights, slopes_at
from train.guard import NonFinite
from zoo import losses
from zoo.models.image import mlp_gan, wgan_gp
from zoo.noise import Noise

BENCH = Path(__file__).parent / "bench"
TINY = wgan_gp.ENTRY.tiny


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def modes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`tests/bench/modes.py` as a module."""
    monkeypatch.syspath_prepend(str(BENCH))
    import modes

    return modes


def critic_of(config: Any = TINY) -> Any:
    """A critic in double precision."""
    return wgan_gp.WGANGP(config).discriminator().double()


def digits(n: int, size: int = 32) -> tuple[Tensor, Tensor]:
    """Noise for pictures, in double precision, and their classes."""
    return Noise(1).uniform(n, 1, size, size).double() * 2 - 1, torch.arange(n) % 10


def update_of(rule: Wasserstein | Adversarial, model: Any) -> Any:
    return rule.prepare(model, Accelerator(cpu=True), 0.0)


# The losses of the generator


def test_both_losses_of_the_generator_pull_the_same_way_but_only_one_where_the_discriminator_is_certain() -> None:
    """d/ds log(1 - sigmoid(s)) = -sigmoid(s), d/ds (-log sigmoid(s)) = -sigmoid(-s) (Goodfellow et al., section 3)."""
    logits = torch.tensor([-10.0, -1.0, 0.0, 3.0], requires_grad=True)
    (minimax,) = torch.autograd.grad(losses.minimax_loss(logits) * 4, logits)
    (non_saturating,) = torch.autograd.grad(losses.non_saturating_loss(logits) * 4, logits)
    torch.testing.assert_close(minimax, -torch.sigmoid(logits.detach()))
    torch.testing.assert_close(non_saturating, -torch.sigmoid(-logits.detach()))
    assert minimax[0].abs() < 5e-5 and non_saturating[0].abs() > 0.9999, "at D = 0.00005"
    assert minimax[2] == non_saturating[2] == -0.5, "at D = 1/2"


def test_the_minimax_loss_is_the_negative_of_the_discriminators_own_term() -> None:
    fake, zeros = torch.randn(9) * 5, torch.zeros(9)
    torch.testing.assert_close(losses.minimax_loss(fake), -F.binary_cross_entropy_with_logits(fake, zeros))
    torch.testing.assert_close(losses.minimax_loss(fake), (1 - fake.double().sigmoid()).log().mean().float())


def test_the_preset_decides_which_loss_the_generator_gets() -> None:
    """The first step's gradients differ by the factor sigmoid(s) / sigmoid(-s) of one generated picture's logit."""
    norms, images = {}, Noise(1).uniform(1, 1, 28, 28) * 2 - 1
    for name in ("non-saturating", "minimax"):
        torch.manual_seed(0)
        model = mlp_gan.MLPGAN(replace(mlp_gan.ENTRY.tiny, dropout=0.0))
        update = update_of(Adversarial(generator_loss=name), model)
        nn.init.constant_(update.discriminator.layers[-1].bias, -4.0)  # certain that all is generated
        norms[name] = float(update({"image": images}, Noise(2))["gradient_norm"])
    assert norms["minimax"] > 0
    assert norms["non-saturating"] / norms["minimax"] == pytest.approx(math.exp(4.0), rel=0.15)


# The original's networks


def test_a_maxout_unit_is_the_largest_of_its_linear_pieces() -> None:
    unit = mlp_gan.Maxout(3, 4, 5)
    x = torch.randn(6, 3)
    weight, bias = unit.linear.weight.view(4, 5, 3), unit.linear.bias.view(4, 5)
    expected = torch.stack([(x @ w.T + b).max(1)[0] for w, b in zip(weight, bias, strict=True)], dim=1)
    torch.testing.assert_close(unit(x), expected)


def test_the_original_gan_knows_no_classes() -> None:
    model = mlp_gan.MLPGAN(mlp_gan.ENTRY.tiny)
    assert model.num_classes == 0
    with pytest.raises(ValueError, match="give no labels"):
        model.generate(Noise(1).normal(2, model.latent_dim), torch.zeros(2, dtype=torch.int64))


# The critic's slope


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_the_slope_is_that_of_central_differences(norm: str) -> None:
    critic = critic_of(replace(TINY, image_size=8, norm=norm))
    images, labels = digits(3, 8)
    found = slopes_at(critic, images, labels)
    step, gradient = 1e-6, torch.zeros(3, 64, dtype=torch.float64)
    with torch.no_grad():
        for pixel in range(64):
            change = torch.zeros(64, dtype=torch.float64)
            change[pixel] = step
            change = change.view(1, 8, 8)
            gradient[:, pixel] = (critic(images + change, labels) - critic(images - change, labels)) / (2 * step)
    torch.testing.assert_close(found.double(), gradient.norm(dim=1), rtol=1e-4, atol=1e-6)


def published_penalty(critic: Any, mixture: Tensor, labels: Tensor) -> Tensor:
    """The penalty as common implementations write it, with torch's own LeakyReLU."""
    mixture = mixture.clone().requires_grad_(True)
    scores = critic(mixture, labels)
    (gradient,) = torch.autograd.grad(
        scores, mixture, grad_outputs=torch.ones_like(scores), create_graph=True, retain_graph=True
    )
    return ((gradient.view(len(mixture), -1).norm(2, dim=1) - 1) ** 2).mean()


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_the_penalty_and_its_gradients_are_those_of_the_published_form(norm: str) -> None:
    config = replace(TINY, norm=norm)
    ours = critic_of(config)
    theirs = critic_of(config)
    theirs.load_state_dict(ours.state_dict())
    for place, layer in enumerate(theirs.layers):
        if isinstance(layer, wgan_gp.Slopes):
            theirs.layers[place] = nn.LeakyReLU(0.2)
    images, labels = digits(5)
    penalties = (slopes_at(ours, images, labels) - 1).square().mean(), published_penalty(theirs, images, labels)
    torch.testing.assert_close(penalties[0].double(), penalties[1], rtol=1e-5, atol=1e-7)
    mine, published = (
        torch.autograd.grad(penalty, list(critic.parameters()), allow_unused=True, materialize_grads=True)
        for penalty, critic in zip(penalties, (ours, theirs), strict=True)
    )
    assert any(gradient.abs().max() > 1e-3 for gradient in published)
    for one, other in zip(mine, published, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_a_linear_critics_slope_is_its_weight_whatever_the_point() -> None:
    class Linear(nn.Linear):
        def forward(self, points: Tensor, labels: Tensor | None = None) -> Tensor:
            return super().forward(points).squeeze(1)

    critic = Linear(7, 1)
    found = slopes_at(critic, torch.randn(4, 7))
    torch.testing.assert_close(found, critic.weight.norm().expand(4))
    nn.init.zeros_(critic.weight)
    flat = slopes_at(critic, torch.randn(4, 7))
    (flat - 1).square().mean().backward()
    assert flat.max() < 1e-9 and critic.weight.grad is not None and critic.weight.grad.isfinite().all()


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_a_critic_scores_each_picture_by_itself(norm: str) -> None:
    """No statistics of the batch: in training, a picture's score is the same in whatever company."""
    critic = critic_of(replace(TINY, norm=norm)).train()
    images, labels = digits(6)
    together = critic(images, labels)
    alone = torch.cat([critic(images[i : i + 1], labels[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, alone)
    assert not list(critic.buffers())
    assert any(isinstance(layer, nn.GroupNorm) for layer in critic.modules()) == (norm == "layer")


def test_the_class_reaches_generator_and_critic() -> None:
    model, critic = wgan_gp.WGANGP(TINY).eval(), critic_of()
    latents = 9 * Noise(1).normal(1, model.latent_dim)
    zero, one = torch.tensor([0]), torch.tensor([1])
    nn.init.normal_(model.generator.embed.weight)
    assert not torch.equal(model(latents, zero), model(latents, one))
    images, _ = digits(1)
    features, embedding = critic.layers(images).flatten(1), critic.embed.weight
    torch.testing.assert_close(
        critic(images, one) - critic(images, zero), ((embedding[1] - embedding[0]) * features).sum(1)
    )
    with pytest.raises(ValueError, match="labels are missing"):
        critic(images)


# The update


def batch_of(n: int) -> dict[str, Tensor]:
    images, labels = digits(n)
    return {"image": images.float(), "label": labels}


def plain_step(model: Any, critic: Any, rule: Wasserstein, batch: dict[str, Tensor], noise: Noise) -> dict[str, float]:
    """Algorithm 1 without any of the shortcuts, on the same latents and mixing weights."""
    betas = (rule.beta1, rule.beta2)
    g_optimizer = torch.optim.Adam(model.parameters(), rule.generator_learning_rate, betas)
    c_optimizer = torch.optim.Adam(critic.parameters(), rule.critic_learning_rate, betas)
    n, k = len(batch["image"]), rule.critic_steps
    latents, weights = noise.normal(n, model.latent_dim).chunk(k), noise.uniform(n, 1, 1, 1).chunk(k)
    real, labels = batch["image"].chunk(k), batch["label"].chunk(k)
    for i in range(k):
        fake = model(latents[i], labels[i]).detach()
        penalty = published_penalty(critic, weights[i] * real[i] + (1 - weights[i]) * fake, labels[i])
        distance = critic(real[i], labels[i]).mean() - critic(fake, labels[i]).mean()
        c_optimizer.zero_grad()
        (-distance + rule.penalty * penalty).backward()
        c_optimizer.step()
    g_loss = -critic(model(latents[-1], labels[-1]), labels[-1]).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return {"loss": float(g_loss), "wasserstein_distance": float(distance)}


def test_a_step_is_algorithm_1_written_out() -> None:
    rule = Wasserstein(critic_steps=2)
    pairs = []
    for _ in range(2):
        torch.manual_seed(3)
        model = wgan_gp.WGANGP(TINY).eval()  # norms by their running statistics: ours makes several pieces in one pass
        pairs.append((model, update_of(rule, model)))
    (ours, update), (theirs, spare) = pairs
    found = update(batch_of(6), Noise(4))
    expected = plain_step(theirs, spare.modules["critic"], rule, batch_of(6), Noise(4))
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-4, abs=1e-6), name
    for mine, other in ((ours, theirs), (update.modules["critic"], spare.modules["critic"])):
        for (name, one), two in zip(mine.named_parameters(), other.parameters(), strict=True):
            apart = (one - two).abs()
            # Adam's first steps are of the size of the rate whatever the gradient: near nought their sign may differ.
            assert (apart < 1e-5).float().mean() > 0.99, name


def test_clipping_bounds_every_weight_of_the_critic_and_leaves_the_generator_alone() -> None:
    model = wgan_gp.WGANGP(TINY)
    before = max(float(p.detach().abs().max()) for p in model.parameters())
    update = update_of(Wasserstein(critic_steps=2, penalty=0.0, clip_weights=0.01), model)
    assert max(float(p.detach().abs().max()) for p in update.modules["critic"].parameters()) > 0.1
    found = update(batch_of(4), Noise(1))
    assert "critic_slope" not in found, "no penalty is computed"
    for name, parameter in update.modules["critic"].named_parameters():
        assert parameter.detach().abs().max() <= 0.01, name
    assert max(float(p.detach().abs().max()) for p in model.parameters()) > 0.9 * before > 0.01
    weights = nn.Linear(3, 2)
    kept = weights.weight.detach().clone()
    clip_weights(weights, 0.2)
    torch.testing.assert_close(weights.weight.detach(), torch.clamp(kept, -0.2, 0.2))


def test_the_generators_step_leaves_no_gradients_on_the_critic() -> None:
    update = update_of(Wasserstein(critic_steps=2), wgan_gp.WGANGP(TINY))
    update(batch_of(4), Noise(1))
    for module in update.modules.values():
        assert all(p.requires_grad and (p.grad is None or not p.grad.any()) for p in module.parameters())


def test_a_batch_need_not_divide_by_the_critics_steps_but_must_suffice() -> None:
    update: WassersteinUpdate = update_of(Wasserstein(critic_steps=3), wgan_gp.WGANGP(TINY))
    assert math.isfinite(update(batch_of(7), Noise(1))["loss"])
    with pytest.raises(ValueError, match="has 2 samples a step; critic_steps is 3"):
        update(batch_of(2), Noise(1))


def test_settings_that_bound_nothing_or_cannot_be_added_up_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing bounds the critic's slope"):
        Wasserstein(penalty=0.0)
    with pytest.raises(ValueError, match="neither may be negative"):
        Wasserstein(penalty=-1.0, clip_weights=0.1)
    with pytest.raises(ValueError, match="critic_steps is 0"):
        Wasserstein(critic_steps=0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match="accumulation is 2"):
        Wasserstein().prepare(wgan_gp.WGANGP(TINY), accelerator, 0.0)


# Known modes


def test_the_measures_of_modes_tell_a_ring_from_a_heap(modes: ModuleType) -> None:
    real = modes.of_ring(modes.ring(4000, Noise(1)).flatten(1).numpy())
    assert real.modes == 8 and real.reverse_kl < 0.01 and real.near == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    heap = modes.of_ring(np.repeat(modes.centres()[:1], 100, 0))
    assert (heap.modes, heap.near) == (1, 1.0) and heap.reverse_kl == pytest.approx(math.log(8))
    middle = modes.of_ring(np.zeros((100, 2), np.float32))
    assert (middle.modes, middle.near) == (0, 0.0)


def test_stacked_digits_are_read_channel_by_channel(modes: ModuleType) -> None:
    from zoo.data.load import load
    from zoo.models.image.dcgan import DCGANConfig

    data: Any = load("mnist", "test", DCGANConfig(), sample=True)
    batch = data.batch(np.arange(90))
    found = modes.of_stacked([batch["image"].view(30, 3, 32, 32)])
    numbers = batch["label"].view(30, 3) @ torch.tensor([100, 10, 1])
    assert abs(found.modes - len(numbers.unique())) <= 2
    expected = math.log(1000) - math.log(len(numbers.unique()))
    assert found.reverse_kl == pytest.approx(expected, abs=0.3)


def test_wgan_gp_finds_all_eight_modes_of_a_ring(modes: ModuleType) -> None:
    found = modes.ring_run("wgan-gp", 300, 0)
    assert found.modes == 8
    assert found.reverse_kl < 0.2, "a single mode would have log 8 = 2.08"


# What is skipped


@pytest.mark.parametrize("rule", [Adversarial(), Wasserstein(critic_steps=1)], ids=lambda rule: type(rule).__name__)
def test_a_step_of_the_generator_that_is_not_finite_leaves_its_adversary_learning(rule: Any) -> None:
    torch.manual_seed(0)
    model = wgan_gp.WGANGP(TINY)
    update = update_of(rule, model)
    spoil = model.generator.project.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(NonFinite):
        update(batch_of(4), Noise(1))
    spoil.remove()
    found = update(batch_of(4), Noise(2))
    assert float(found["discriminator_gradient_norm"]) > 0 and float(found["gradient_norm"]) > 0
