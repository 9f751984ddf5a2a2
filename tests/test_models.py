"""The mathematics of each model, against the library or the formula that it imitates."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch
import torchaudio
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Independent,
    Normal,
    SigmoidTransform,
    TransformedDistribution,
    Uniform,
    kl_divergence,
)
from torch.nn import functional as F

from zoo import checkpoint, entry, hub, losses
from zoo.config import from_dict, to_dict
from zoo.engine import wavenet_compiled
from zoo.engine.modules import Modules
from zoo.engine.wavenet import WaveNetSampler
from zoo.models.audio import mel_resnet, wavenet
from zoo.models.image import dcgan, resnet, vae
from zoo.models.text import gpt
from zoo.noise import Noise

TINY_GPT = gpt.GPTConfig(vocab_size=32, context_length=24, num_layers=3, num_heads=4, embedding_dim=32)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def shaken(model: Any) -> Any:
    """The model in evaluation mode with every parameter and statistic random, so that no term hides behind a zero."""
    noise = Noise(11)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                drawn = noise.normal(*tensor.shape)
                tensor.add_(0.3 * drawn.abs() if "var" in name else 0.1 * drawn)
    return model.eval().requires_grad_(False)


# Losses


def test_the_gaussian_kl_is_torch_distributions() -> None:
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(losses.gaussian_kl(mean, log_variance), expected)


def test_the_adversarial_losses_are_binary_cross_entropies() -> None:
    real, fake = torch.randn(9) * 5, torch.randn(9) * 5
    ones, zeros = torch.ones(9), torch.zeros(9)
    expected = F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(fake, zeros)
    torch.testing.assert_close(losses.discriminator_loss(real, fake), expected)
    torch.testing.assert_close(losses.non_saturating_loss(fake), F.binary_cross_entropy_with_logits(fake, ones))


# VAE


def test_the_vae_bound_is_the_one_of_torch_distributions() -> None:
    model = shaken(vae.VAE(vae.ENTRY.tiny))
    images = vae.binarise(Noise(1).uniform(6, 1, 28, 28) * 2 - 1, Noise(2))
    weights, kl = model.log_weights(images, Noise(3), samples=4)
    mean, log_variance = model.encode(images)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    torch.testing.assert_close(kl, kl_divergence(posterior, Independent(Normal(torch.zeros(6, 4), 1.0), 1)))
    noise = Noise(3)
    noise.uniform(*images.shape)  # what binarising takes, although these pixels are binary already
    epsilon = noise.normal(24, 4).view(4, 6, 4)
    latents = mean + (0.5 * log_variance).exp() * epsilon
    pixels = (images + 1) / 2
    for sample, z in zip(weights, latents, strict=True):
        likelihood = Independent(Bernoulli(logits=model.decoder(z)), 3).log_prob(pixels)
        prior = Independent(Normal(torch.zeros_like(z), 1.0), 1).log_prob(z)
        torch.testing.assert_close(sample, likelihood + prior - posterior.log_prob(z), rtol=1e-5, atol=1e-3)


def test_the_vae_loss_is_the_negative_bound_on_freshly_binarised_pixels() -> None:
    model = shaken(vae.VAE(vae.ENTRY.tiny))
    images = Noise(1).uniform(5, 1, 28, 28) * 2 - 1
    found = model.loss({"image": images}, Noise(7))
    noise = Noise(7)
    mean, log_variance = model.encode(vae.binarise(images, noise))
    epsilon = noise.normal(5, 4)
    latents = mean + (0.5 * log_variance).exp() * epsilon
    sampled_kl = 0.5 * (latents.square() - epsilon.square() - log_variance).sum(-1)  # log q(z|x) - log p(z)
    weights, kl = model.log_weights(images, Noise(7), samples=1)
    torch.testing.assert_close(found["loss"], (kl - (weights[0] + sampled_kl)).mean())  # the exact KL in its place
    torch.testing.assert_close(found["loss"], found["reconstruction"] + found["kl"])


def log_likelihood(log_weights: Tensor) -> Tensor:
    """Log importance weights (samples, n) -> the bound on log p(x), (n,): IWAE, equation 8."""
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def test_importance_weights_give_the_likelihood_that_quadrature_gives() -> None:
    """With one latent dimension, p(x) is an integral over a line, which a fine grid gives exactly."""
    model = shaken(vae.VAE(replace(vae.ENTRY.tiny, latent_dim=1, image_size=8)))
    images = vae.binarise(Noise(1).uniform(4, 1, 8, 8) * 2 - 1, Noise(2))
    z = torch.linspace(-8, 8, 4001)[:, None]
    likelihood = Independent(Bernoulli(logits=model.decoder(z)[:, None].expand(-1, 4, -1, -1, -1)), 3)
    joint = likelihood.log_prob((images + 1) / 2) + Normal(0.0, 1.0).log_prob(z)
    truth = (joint.double() + math.log(16 / 4000)).logsumexp(0).float()
    weights, _ = model.log_weights(images, Noise(3), samples=5000)
    torch.testing.assert_close(log_likelihood(weights), truth, atol=0.03, rtol=0)
    assert (weights.mean(0) < truth).all(), "the evidence bound lies below"
    assert joint.std(0).min() > 0.1, "a code that says nothing would prove nothing"


def test_the_vae_likelihood_bound_meets_the_truth_when_the_code_says_nothing() -> None:
    """With a decoder that ignores z, p(x) is a product of Bernoullis whatever the encoder does."""
    model = shaken(vae.VAE(vae.ENTRY.tiny))
    model.decoder.layers[0].weight.zero_()
    images = vae.binarise(Noise(1).uniform(4, 1, 28, 28) * 2 - 1, Noise(2))
    logits = model.decoder(torch.zeros(1, 4))
    truth = Independent(Bernoulli(logits=logits.expand(4, -1, -1, -1)), 3).log_prob((images + 1) / 2)
    mean, log_variance = torch.zeros(4, 4), torch.full((4, 4), 0.4)
    model.encode = lambda images, labels: (mean, log_variance)
    weights, _ = model.log_weights(images, Noise(3), samples=4000)
    torch.testing.assert_close(log_likelihood(weights), truth, atol=0.08, rtol=0)


def test_binarised_pixels_have_the_pictures_means() -> None:
    image = torch.linspace(-1, 1, 28 * 28).view(1, 1, 28, 28)
    drawn = vae.binarise(image.expand(3000, -1, -1, -1), Noise(5))
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert (drawn.mean(0) - image[0]).abs().max() < 5 / math.sqrt(3000)
    assert (drawn[:, 0, 0, 0] == -1).all() and (drawn[:, 0, -1, -1] == 1).all()


def test_the_vae_generates_expectations_and_takes_no_labels() -> None:
    model = shaken(vae.VAE(vae.ENTRY.tiny))
    latents = Noise(1).normal(3, 4)
    torch.testing.assert_close((model.generate(latents) + 1) / 2, Bernoulli(logits=model.decoder(latents)).mean)
    with pytest.raises(ValueError, match="give no labels"):
        model.generate(latents, torch.zeros(3, dtype=torch.int64))


PIXELS = torch.arange(256) / 127.5 - 1
COLOUR = replace(vae.ENTRY.tiny, channels=3, image_size=8, likelihood="logistic")


def colours(n: int, size: int = 8) -> Tensor:
    """Random 8-bit pictures in colour, black and white among their values."""
    drawn = Noise(4).integers(256, n, 3, size, size)
    drawn[:, :, 0, 0], drawn[:, :, 0, 1] = 0, 255
    return PIXELS[drawn]


@pytest.mark.parametrize("scale", [1e-4, 0.004, 0.2, 5.0])
def test_the_masses_of_the_256_values_of_a_pixel_add_up_to_one(scale: float) -> None:
    means = torch.tensor([-1.0, -0.999, -0.5, 0.0, 0.1234, 1.0, 1.7])[:, None, None, None, None]
    nll = vae.logistic_nll(means, torch.tensor(scale).log(), PIXELS[:, None, None, None])
    assert nll.shape == (7, 256) and nll.isfinite().all() and (nll >= 0).all()
    torch.testing.assert_close((-nll.double()).exp().sum(1), torch.ones(7, dtype=torch.float64), atol=5e-5, rtol=0)


def test_the_mass_of_a_value_is_the_logistics_over_its_interval() -> None:
    """Against the distribution function of torch.distributions, in double precision."""
    noise = Noise(1)
    means, log_scale = noise.normal(5, 3, 4, 4) * 0.7, noise.normal(3, 1, 1) * 0.5 - 1.5
    images = colours(5, 4)
    logistic = TransformedDistribution(
        Uniform(torch.tensor(0.0, dtype=torch.float64), 1.0, validate_args=False),
        [SigmoidTransform().inv, AffineTransform(means.double(), log_scale.double().exp())],
        validate_args=False,
    )
    upper = torch.where(images == 1, 1.0, logistic.cdf(images.double() + 1 / 255))
    lower = torch.where(images == -1, 0.0, logistic.cdf(images.double() - 1 / 255))
    truth = -(upper - lower).log().sum((1, 2, 3))
    torch.testing.assert_close(vae.logistic_nll(means, log_scale, images).double(), truth, rtol=1e-4, atol=1e-4)


def test_a_pixel_far_from_its_mean_still_pulls() -> None:
    mean, log_scale = torch.full((1, 1, 1), -1.0, requires_grad=True), torch.tensor(-6.0, requires_grad=True)
    nll = vae.logistic_nll(mean, log_scale, torch.full((1, 1, 1), PIXELS[200].item()))
    nll.backward()
    assert nll.isfinite() and mean.grad is not None and log_scale.grad is not None
    torch.testing.assert_close(-mean.grad.squeeze(), torch.tensor(6.0).exp(), rtol=1e-3, atol=0)  # 1 / scale
    assert -log_scale.grad > 100


def test_the_colour_vae_bound_is_the_one_of_torch_distributions() -> None:
    model = shaken(vae.VAE(COLOUR))
    images = colours(5)
    weights, kl = model.log_weights(images, Noise(3), samples=3)
    mean, log_variance = model.encode(images)  # as they are: nothing is binarised
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    torch.testing.assert_close(kl, kl_divergence(posterior, Independent(Normal(torch.zeros(5, 4), 1.0), 1)))
    latents = mean + (0.5 * log_variance).exp() * Noise(3).normal(15, 4).view(3, 5, 4)
    for sample, z in zip(weights, latents, strict=True):
        likelihood = -vae.logistic_nll(model.generate(z), model.log_scale[:, None, None], images)
        prior = Independent(Normal(torch.zeros_like(z), 1.0), 1).log_prob(z)
        torch.testing.assert_close(sample, likelihood + prior - posterior.log_prob(z), rtol=1e-5, atol=1e-3)
    one, _ = model.log_weights(images, Noise(7), samples=1)
    found = model.loss({"image": images}, Noise(7))
    epsilon = Noise(7).normal(5, 4)
    latents = mean + (0.5 * log_variance).exp() * epsilon
    sampled_kl = 0.5 * (latents.square() - epsilon.square() - log_variance).sum(-1)
    torch.testing.assert_close(found["loss"], (kl - (one[0] + sampled_kl)).mean())


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 64)])
def test_the_logistic_vae_learns_its_scale_and_its_pictures_are_in_range(channels: int, size: int) -> None:
    model = vae.VAE(replace(vae.ENTRY.tiny, channels=channels, image_size=size, likelihood="logistic"))
    images = (Noise(1).uniform(6, channels, size, size) * 0.1).mul(127.5).round().div(127.5)  # narrow: scale shrinks
    assert model.pixel_levels == 256
    before = model.log_scale.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for step in range(8):
        loss = model.loss({"image": images}, Noise(2, step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0] and (model.log_scale < before).all()
    made = model.generate(Noise(3).normal(2, 4))
    assert made.shape == (2, channels, size, size) and made.abs().max() <= 1


def test_a_config_of_before_there_was_a_choice_is_a_bernoulli_without_classes() -> None:
    new = ("likelihood", "num_classes", "beta", "halvings", "flip")
    old = {name: value for name, value in to_dict(vae.ENTRY.tiny).items() if name not in new}
    config = from_dict(vae.VAEConfig, old)
    model = vae.VAE(config)
    assert config.likelihood == "bernoulli" and model.pixel_levels == 2
    assert model.num_classes == 0 and config.beta == 1 and config.halvings == 2 and not config.flip
    assert {".".join(name.split(".")[:2]) for name in model.state_dict()} == {"encoder.layers", "decoder.layers"}


def test_the_layers_of_a_vae_are_where_its_first_checkpoints_have_them() -> None:
    stored = checkpoint.load(hub.PRETRAINED / "vae.mnist").model.state_dict()
    ours = vae.VAE(vae.VAEConfig()).state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {name: t.shape for name, t in stored.items()}
    assert ours["encoder.layers.7.weight"].shape == (256, 64 * 7 * 7)


@pytest.mark.parametrize(("halvings", "size"), [(1, 6), (3, 64), (4, 32)])
def test_a_vae_halves_as_often_as_it_says_and_refuses_a_size_that_it_cannot(halvings: int, size: int) -> None:
    model = vae.VAE(replace(vae.ENTRY.tiny, halvings=halvings, image_size=size))
    images = Noise(1).uniform(2, 1, size, size) * 2 - 1
    assert model.generate(model.encode(images)[0]).shape == images.shape
    assert model.config.lowest[1] * 2**halvings == size
    with pytest.raises(ValueError, match=rf"allowed are multiples of {2**halvings}, for {halvings} halvings"):
        replace(model.config, image_size=size + 1)


def test_a_vae_mirrors_half_of_its_pictures_in_training_and_none_else() -> None:
    model = vae.VAE(replace(COLOUR, flip=True))
    plain = vae.VAE(COLOUR)
    plain.load_state_dict(model.state_dict())
    images = colours(2)[:1].expand(40, -1, -1, -1)
    mean = torch.zeros(40, 4), torch.full((40, 4), -12.0)  # a code that says nothing: each loss is its picture's own
    seen = []
    for each in (model, plain):
        each.encode = lambda images, labels: (seen.append(images), mean)[1]
    model.loss({"image": images}, Noise(1))
    mirrored = (seen[0] == images.flip(3)).all((1, 2, 3))
    assert 8 < int(mirrored.sum()) < 32 and ((seen[0] == images).all((1, 2, 3)) ^ mirrored).all()
    model.eval()
    for each in (model, plain):
        each.loss({"image": images}, Noise(1))
    assert torch.equal(seen[1], images) and torch.equal(seen[2], images)


TOLD = replace(vae.ENTRY.tiny, num_classes=3)
LABELS = torch.tensor([0, 2, 1, 1, 0, 2])


def test_the_bound_of_a_vae_that_is_told_the_class_is_the_one_of_torch_distributions() -> None:
    model = shaken(vae.VAE(TOLD))
    images = vae.binarise(Noise(1).uniform(6, 1, 28, 28) * 2 - 1, Noise(2))
    weights, kl = model.log_weights(images, Noise(3), 4, LABELS)
    mean, log_variance = model.encode(images, LABELS)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    torch.testing.assert_close(kl, kl_divergence(posterior, Independent(Normal(torch.zeros(6, 4), 1.0), 1)))
    noise = Noise(3)
    noise.uniform(*images.shape)
    latents = mean + (0.5 * log_variance).exp() * noise.normal(24, 4).view(4, 6, 4)
    for sample, z in zip(weights, latents, strict=True):
        pixels = (model.generate(z, LABELS) + 1) / 2
        likelihood = Independent(Bernoulli(pixels), 3).log_prob((images + 1) / 2)
        prior = Independent(Normal(torch.zeros_like(z), 1.0), 1).log_prob(z)
        torch.testing.assert_close(sample, likelihood + prior - posterior.log_prob(z), rtol=1e-5, atol=1e-3)
    found = model.loss({"image": images, "label": LABELS}, Noise(3))
    torch.testing.assert_close(found["kl"], kl.mean())


def test_the_class_reaches_both_networks_of_a_vae_and_must_be_told() -> None:
    model = shaken(vae.VAE(TOLD))
    images, latents = Noise(1).uniform(6, 1, 28, 28) * 2 - 1, Noise(2).normal(6, 4)
    other = (LABELS + 1) % 3
    assert (model.encode(images, LABELS)[0] - model.encode(images, other)[0]).abs().amax(1).min() > 1e-3
    assert (model.generate(latents, LABELS) - model.generate(latents, other)).abs().amax((1, 2, 3)).min() > 1e-3
    alone = model.generate(latents[3:4], LABELS[3:4])
    torch.testing.assert_close(model.generate(latents, LABELS)[3:4], alone, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="conditioned on 3 classes; labels are missing"):
        model.generate(latents)
    with pytest.raises(ValueError, match="conditioned on 3 classes; labels are missing"):
        model.encode(images)
    with pytest.raises(ValueError, match="give no labels"):
        vae.VAE(vae.ENTRY.tiny).encode(images, LABELS)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_weighs_the_kl_in_training_and_leaves_the_bound_as_it_is(beta: float) -> None:
    plain, weighed = (shaken(vae.VAE(replace(vae.ENTRY.tiny, beta=value))) for value in (1.0, beta))
    weighed.load_state_dict(plain.state_dict())
    images = Noise(1).uniform(5, 1, 28, 28) * 2 - 1
    ours, bound = weighed.loss({"image": images}, Noise(7)), plain.loss({"image": images}, Noise(7))
    assert bound["kl"] > 0.01
    torch.testing.assert_close(ours["loss"], bound["loss"] + (beta - 1) * bound["kl"])
    for mine, theirs in zip(*(m.log_weights(images, Noise(3), 2) for m in (weighed, plain)), strict=True):
        torch.testing.assert_close(mine, theirs)


# DCGAN


@pytest.mark.parametrize(
    "config", [dcgan.ENTRY.tiny, replace(dcgan.ENTRY.tiny, num_classes=0, channels=3, image_size=64)]
)
def test_dcgan_makes_pictures_of_its_size_and_range_and_scores_them(config: dcgan.DCGANConfig) -> None:
    model = dcgan.DCGAN(config)
    labels = torch.arange(5) if config.num_classes else None
    images = model.generate(10 * Noise(1).normal(5, config.latent_dim), labels)
    assert images.shape == (5, config.channels, config.image_size, config.image_size)
    assert images.abs().max() <= 1
    assert model.discriminator()(images, labels).shape == (5,)


def test_dcgan_starts_from_the_papers_weights() -> None:
    model = dcgan.DCGAN(dcgan.DCGANConfig())
    for module in (*model.modules(), *model.discriminator().modules()):
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d) and module.weight.numel() > 5000:
            assert abs(float(module.weight.std()) - 0.02) < 0.002


def test_the_class_reaches_both_of_dcgans_networks() -> None:
    model = shaken(dcgan.DCGAN(dcgan.ENTRY.tiny))
    adversary = shaken(model.discriminator())
    latents = Noise(1).normal(1, model.latent_dim)
    zero, one = torch.tensor([0]), torch.tensor([1])
    picture = model.generate(latents, zero)
    assert not torch.allclose(picture, model.generate(latents, one))
    embedding, features = adversary.embed.weight, adversary.layers(picture).flatten(1)
    difference = adversary(picture, one) - adversary(picture, zero)
    torch.testing.assert_close(difference, ((embedding[1] - embedding[0]) * features).sum(1))  # the projection's term
    for network, argument in ((model, latents), (adversary, picture)):
        with pytest.raises(ValueError, match="labels are missing"):
            network(argument)


def test_dcgan_refuses_a_size_that_it_cannot_double_up_to() -> None:
    with pytest.raises(ValueError, match="image_size is 28; allowed are multiples of 8"):
        dcgan.DCGANConfig(image_size=28)


# The picture judge


def test_resnet_logits_are_its_head_on_its_features_at_any_size() -> None:
    model = shaken(resnet.ResNet(resnet.ENTRY.tiny))
    for size in (28, 32):
        images = torch.randn(3, 1, size, size)
        assert model.features(images).shape == (3, model.feature_dim)
        torch.testing.assert_close(model(images), model.head(model.features(images)))


def test_resnet_judges_each_picture_by_itself() -> None:
    model, images = shaken(resnet.ResNet(resnet.ENTRY.tiny)), torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(model(images)[2:3], model(images[2:3]), rtol=1e-5, atol=1e-5)


def test_shifts_move_pictures_whole_within_their_bound() -> None:
    images = torch.full((200, 1, 9, 9), -1.0)
    images[:, 0, 4, 4] = 1.0
    moved = resnet.shift(images, 2, Noise(1))
    rows, columns = (moved[:, 0] == 1).nonzero()[:, 1], (moved[:, 0] == 1).nonzero()[:, 2]
    assert len(rows) == 200 and set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4, 5, 6}
    assert (moved.flatten(1).sum(1) == images.flatten(1).sum(1)).all()
    assert torch.equal(resnet.shift(images, 0, Noise(1)), images)


@pytest.mark.parametrize(("background", "edge"), [("black", -1.0), ("white", 1.0), ("nearest", 0.25)])
def test_what_comes_in_at_the_edge_is_the_background(background: resnet.Background, edge: float) -> None:
    images = torch.full((60, 3, 8, 8), 0.25)
    moved = resnet.shift(images, 3, Noise(1), background)
    turned = resnet.warp(images, 0.0, 180.0, Noise(2), background)
    assert {round(value, 5) for value in moved.unique().tolist()} == {0.25, edge}
    assert (turned[:, :, 3:5, 3:5] - 0.25).abs().max() < 1e-5, "the middle stays"
    if edge != 0.25:
        assert (turned[:, :, 0, 0] - 0.25).abs().max() > 0.3 and (turned - 0.25).mul(edge - 0.25).min() > -1e-5
    else:
        assert (turned - 0.25).abs().max() < 1e-5


def test_a_warp_turns_about_the_centre_and_scales_as_scipy_does() -> None:
    image = Noise(3).uniform(1, 1, 17, 17) * 2 - 1
    found = resnet.warp(image, 0.5, 90.0, Noise(4), "black")[0, 0].numpy()
    drawn = Noise(4)
    angle = float((2 * drawn.uniform(1) - 1) * math.pi / 2)
    across, down = (1.5 ** (2 * drawn.uniform(1, 2)[0] - 1)).tolist()
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    matrix = turn / np.array([[down], [across]])  # from a pixel of the result to one of the picture: (row, column)
    middle = np.full(2, 8.0)
    expected = scipy.ndimage.affine_transform(
        image[0, 0].numpy(), matrix, middle - matrix @ middle, order=1, mode="grid-constant", cval=-1.0
    )
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_scales_of_a_warp_are_within_their_bound_and_as_often_larger_as_smaller() -> None:
    bar = torch.full((400, 1, 33, 33), -1.0)
    bar[:, :, :, 10:23] = 1.0
    widths = (resnet.warp(bar, 0.5, 0.0, Noise(1))[:, 0, 16] + 1).sum(1) / 2  # 13 pixels before
    assert 13 / 1.5 - 0.5 < widths.min() < 10 and 18 < widths.max() < 13 * 1.5 + 0.5  # to half a pixel
    assert abs(int((widths > 13).sum()) - 200) < 40


def test_recolouring_keeps_the_range_and_leaves_grey_grey_and_nothing_at_no_strength() -> None:
    images = Noise(1).uniform(50, 3, 6, 6) * 2 - 1
    found = resnet.recolour(images, 0.5, Noise(2))
    assert found.abs().max() <= 1 and (found - images).abs().mean((1, 2, 3)).min() > 1e-3
    torch.testing.assert_close(resnet.recolour(images, 0.0, Noise(2)), images)
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1) * 0.3
    again = resnet.recolour(grey, 0.5, Noise(2))
    torch.testing.assert_close(again[:, :1].expand(-1, 3, -1, -1), again)


def test_training_changes_pictures_each_by_itself_and_judging_changes_none() -> None:
    config = replace(
        resnet.ENTRY.tiny, channels=3, image_size=16, flip=True, zoom=0.2, turn=20.0, recolour=0.3, background="white"
    )
    model = resnet.ResNet(config)
    images = Noise(1).uniform(4, 3, 16, 16) * 2 - 1
    same = images[:1].expand(4, -1, -1, -1)
    changed = model.changed(same, Noise(2))
    assert changed.shape == same.shape and changed.abs().max() <= 1
    assert all(not torch.allclose(changed[i], changed[j]) for i in range(4) for j in range(i))
    first, second = (model.changed(images, noise) for noise in (Noise(2, rank=0, world=1), Noise(2, rank=0, world=1)))
    assert torch.equal(first, second)
    ranks = [model.changed(part, Noise(2, rank=rank, world=2)) for rank, part in enumerate(images.split(2))]
    torch.testing.assert_close(torch.cat(ranks), model.changed(images, Noise(2)))
    model.eval()
    label = torch.tensor([0, 1, 2, 3])
    losses = {float(model.loss({"image": images, "label": label}, Noise(seed))["loss"]) for seed in (1, 2)}
    assert len(losses) == 1


# The judge of speech


def test_the_mel_spectrogram_is_torchaudios() -> None:
    config = mel_resnet.MelResNetConfig()
    model = mel_resnet.MelResNet(config)
    length = config.frames * config.hop_length
    waveforms = torch.randn(2, length)
    waveforms = waveforms / waveforms.abs().amax(1, keepdim=True)
    rate, window = config.sample_rate, config.window_length
    oracle = torchaudio.transforms.MelSpectrogram(
        rate, window, window, config.hop_length, f_min=40.0, n_mels=config.num_mels
    )
    energies = torch.exp(model.spectrogram(waveforms)[:, 0] * 5) - 1e-4
    torch.testing.assert_close(energies, oracle(waveforms)[:, :, : config.frames], rtol=1e-3, atol=1e-4)


def test_loudness_and_silence_around_a_clip_do_not_count() -> None:
    model = shaken(mel_resnet.MelResNet(mel_resnet.ENTRY.tiny))
    clip = torch.randn(1, 1000)
    torch.testing.assert_close(model(clip), model(0.01 * clip), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model(clip), model(F.pad(clip, (300, 300))))
    assert model(torch.zeros(1, 10)).isfinite().all()
    assert model(torch.randn(1, 90_000)).shape == (1, 10)


def test_training_masks_at_most_the_stated_width() -> None:
    model = mel_resnet.MelResNet(mel_resnet.MelResNetConfig(max_mask=4))
    pictures = torch.randn(300, 1, 40, 100)
    for axis, other in ((2, 3), (3, 2)):
        changed = (model._mask(pictures, Noise(1), axis=axis) != pictures).all(dim=other)[:, 0]
        assert changed.sum(1).max() == 4 and changed.sum(1).min() == 0


# GPT


def gpt2_of(model: gpt.GPT) -> Any:
    """transformers' GPT-2 with the same weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    c = model.config
    oracle = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=c.vocab_size, n_positions=c.context_length, n_embd=c.embedding_dim, n_layer=c.num_layers,
            n_head=c.num_heads, activation_function="gelu_new", layer_norm_epsilon=1e-5, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    names = {"wte": model.tokens, "wpe": model.positions, "ln_f": model.norm}
    state = {f"transformer.{a}.{k}": v for a, b in names.items() for k, v in b.state_dict().items()}
    for i, block in enumerate(model.blocks):
        for norm, ours in (("ln_1", block.norm1), ("ln_2", block.norm2)):
            state |= {f"transformer.h.{i}.{norm}.{k}": v for k, v in ours.state_dict().items()}
        linear = {
            "attn.c_attn": block.attention.qkv, "attn.c_proj": block.attention.proj,
            "mlp.c_fc": block.fc, "mlp.c_proj": block.proj,
        }  # fmt: skip
        for name, ours in linear.items():  # its Conv1D keeps the transpose
            state[f"transformer.h.{i}.{name}.weight"] = ours.weight.T
            state[f"transformer.h.{i}.{name}.bias"] = ours.bias
    state["lm_head.weight"] = model.tokens.weight
    oracle.load_state_dict({name: tensor.contiguous() for name, tensor in state.items()}, strict=True)
    return oracle.eval()


def test_gpt_equals_transformers_gpt2_with_the_same_weights() -> None:
    model = shaken(gpt.GPT(TINY_GPT))
    ids = torch.from_numpy(Noise(1).integers_array(32, 3, 24))
    with torch.no_grad():
        expected = gpt2_of(model)(ids).logits
    torch.testing.assert_close(model(ids), expected, rtol=0, atol=1e-5)


def test_gpts_cached_steps_equal_the_full_forward() -> None:
    model = shaken(gpt.GPT(TINY_GPT))
    ids = torch.from_numpy(Noise(2).integers_array(32, 2, 24))
    full, state, pieces = model(ids), model.start(2), []
    for chunk in ids.split((1, 5, 1, 9, 8), dim=1):
        logits, state = model.step(chunk, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), full, rtol=0, atol=1e-5)
    assert all(kept.shape == (2, 4, 24, 8) for kept in state)


def test_gpt_ignores_the_future() -> None:
    model = shaken(gpt.GPT(TINY_GPT))
    ids = torch.from_numpy(Noise(3).integers_array(32, 1, 20))
    changed = ids.clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % 32
    before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12], rtol=0, atol=1e-6)
    assert not torch.allclose(before[:, 12], after[:, 12])


def test_gpt_refuses_more_tokens_than_it_sees() -> None:
    model = gpt.GPT(TINY_GPT)
    with pytest.raises(ValueError, match="25 tokens do not fit; this model sees at most 24"):
        model(torch.zeros(1, 25, dtype=torch.int64))
    _, state = model.step(torch.zeros(1, 24, dtype=torch.int64), model.start(1))
    with pytest.raises(ValueError, match="25 tokens do not fit"):
        model.step(torch.zeros(1, 1, dtype=torch.int64), state)


def test_gpts_loss_leaves_ignored_targets_out_and_starts_near_the_uniform_guess() -> None:
    model = gpt.GPT(TINY_GPT)
    ids = torch.from_numpy(Noise(4).integers_array(32, 4, 24))
    targets = ids.roll(-1, 1)
    assert abs(float(model.loss({"ids": ids, "targets": targets}, Noise(0))["loss"]) - math.log(32)) < 0.1
    half = targets.clone()
    half[:, :12] = entry.IGNORED
    expected = F.cross_entropy(model(ids)[:, 12:].flatten(0, 1), targets[:, 12:].flatten())
    torch.testing.assert_close(model.loss({"ids": ids, "targets": half}, Noise(0))["loss"], expected)


# WaveNet


@pytest.mark.parametrize("levels", [16, 256])
def test_mu_law_is_torchaudios(levels: int) -> None:
    waveform = torch.cat([torch.linspace(-1, 1, 4001), torch.zeros(1)])
    codes = wavenet.mu_law_encode(waveform, levels)
    assert torch.equal(codes, torchaudio.transforms.MuLawEncoding(levels)(waveform))
    every = torch.arange(levels)
    torch.testing.assert_close(
        wavenet.mu_law_decode(every, levels), torchaudio.transforms.MuLawDecoding(levels)(every), rtol=1e-5, atol=1e-7
    )
    assert torch.equal(wavenet.mu_law_encode(wavenet.mu_law_decode(every, levels), levels), every)


def speaker(frames: int, points: int = 0) -> tuple[wavenet.WaveNet, Tensor]:
    """A tiny WaveNet, told the loudness at so many points, and the conditioning of two clips."""
    sizes = replace(wavenet.ENTRY.tiny, dilations=(1, 2, 4, 8), frame_size=10, contour_points=points)
    model = shaken(wavenet.WaveNet(sizes))
    with torch.no_grad():
        model.embed.weight.mul_(3)
        model.head[3].weight.mul_(20)
    batch = {"digit": torch.tensor([3, 7]), "speaker": torch.tensor([0, 5]), "duration": torch.tensor([0.02, 0.03])}
    return model, model.condition({**batch, "frames": torch.tensor(frames)})


def test_wavenet_output_ignores_the_present_and_the_future() -> None:
    model, condition = speaker(6)
    codes = torch.from_numpy(Noise(1).integers_array(32, 2, 60))
    changed = codes.clone()
    changed[:, 30:] = (changed[:, 30:] + 7) % 32
    before, after = model(codes, condition), model(changed, condition)
    torch.testing.assert_close(before[:, :31], after[:, :31], rtol=0, atol=1e-6)  # logits at 30 tell the sample at 30
    assert not torch.allclose(before[:, 31], after[:, 31])


def test_wavenet_sees_exactly_its_receptive_field() -> None:
    model, condition = speaker(6)
    codes = torch.from_numpy(Noise(2).integers_array(32, 2, 60))
    at, before = 50, model(codes, condition)
    for distance, seen in ((model.receptive_field, True), (model.receptive_field + 1, False)):
        changed = codes.clone()
        changed[:, at - distance] = (changed[:, at - distance] + 9) % 32
        same = torch.allclose(before[:, at], model(changed, condition)[:, at], rtol=0, atol=1e-6)
        assert same != seen, f"a sample {distance} before"


def test_who_speaks_what_and_when_reaches_the_conditioning() -> None:
    model, condition = speaker(4)
    base = {"digit": torch.tensor([3]), "speaker": torch.tensor([0]), "duration": torch.tensor([0.02])}
    for key, other in (("digit", 4), ("speaker", 1), ("duration", 0.2)):
        changed = {**base, key: torch.tensor([other], dtype=base[key].dtype), "frames": torch.tensor(4)}
        assert not torch.allclose(model.condition(changed), condition[:1], atol=1e-4), key
    assert not torch.allclose(condition[:, 0], condition[:, 1], atol=1e-4), "frames must differ in time"


def test_loudness_is_told_as_it_was_measured_or_as_the_word_has_it_on_average() -> None:
    points, length = 4, torch.tensor([400, 300])
    ramp = torch.linspace(0.1, 0.9, 400).expand(2, -1) * (1.0 - 2.0 * (torch.arange(400) % 2))
    found = wavenet.loudness(ramp, length, points)
    decibels = (found - 1) * 30  # -60 dB, the quietest, is -1
    torch.testing.assert_close(decibels[0, [0, -1]], 20 * torch.tensor([0.1, 0.9]).log10(), rtol=0, atol=6.0)
    assert (found.diff() > 0).all(), "the ramp rises"
    torch.testing.assert_close(wavenet.loudness(torch.full((1, 90), 1.0), torch.tensor([90]), 5), torch.ones(1, 5))
    torch.testing.assert_close(wavenet.loudness(torch.zeros(1, 90), torch.tensor([80]), 5), -torch.ones(1, 5))
    torch.testing.assert_close(found[1], wavenet.loudness(ramp[1:, :300], length[1:], points)[0])

    model, _ = speaker(4, points)
    model.contours.copy_(Noise(5).uniform(*model.contours.shape))
    who = {"digit": torch.tensor([3]), "speaker": torch.tensor([2]), "frames": torch.tensor(9)}
    told = {**who, "duration": torch.tensor([0.1])}
    with torch.no_grad():
        mean = model.condition({**told, "loudness": model.contours[3, 2][None]})
        torch.testing.assert_close(model.condition(told), mean)
        assert not torch.allclose(model.condition({**told, "loudness": found[:1]}), mean, atol=1e-4)


def test_wavenets_likelihood_counts_only_samples_before_each_clips_end() -> None:
    model, _ = speaker(6, 4)
    batch = {
        "waveform": Noise(3).uniform(2, 60) * 2 - 1, "length": torch.tensor([25, 60]), "digit": torch.tensor([1, 2]),
        "speaker": torch.tensor([1, 2]), "duration": torch.tensor([0.003, 0.0075]),
    }  # fmt: skip
    nats, counted = model.negative_log_likelihood(batch)
    assert counted.sum(1).tolist() == [25, 60] and not nats[0, 25:].any()
    codes = wavenet.mu_law_encode(batch["waveform"], 32)
    loudness = wavenet.loudness(batch["waveform"], batch["length"], 4)
    logits = model(codes, model.condition({**batch, "loudness": loudness, "frames": torch.tensor(6)}))
    expected = -logits.log_softmax(2).gather(2, codes[..., None])[..., 0]
    torch.testing.assert_close(nats[1], expected[1])
    torch.testing.assert_close(model.loss(batch, Noise(0))["loss"], nats.sum() / 85)


@pytest.mark.parametrize("temperature", [0.02, 1.0])
def test_the_numpy_sampler_draws_what_the_torch_module_would(temperature: float) -> None:
    """Each code is where the module's own cumulative distribution, given the codes before it, passes the uniform."""
    model, condition = speaker(6)
    uniforms = Noise(4).uniform_array(2, 60)
    sampler = WaveNetSampler(Modules(model).weights(), model.config)
    frames = list(sampler.sample(condition.numpy(), uniforms, temperature))
    compiled = np.concatenate(list(wavenet_compiled.sample(sampler, condition.numpy(), uniforms, temperature)), axis=1)
    assert [frame.shape for frame in frames] == [(2, 10)] * 6
    codes = torch.from_numpy(np.concatenate(frames, axis=1))
    logits = model(codes, condition).double() / temperature
    cumulative = logits.softmax(2).cumsum(2)
    drawn = (cumulative <= torch.from_numpy(uniforms).double()[..., None]).sum(2).clamp(max=31)
    near = (cumulative - torch.from_numpy(uniforms).double()[..., None]).abs().amin(2) < 1e-4  # a tie within rounding
    assert (drawn == codes)[~near].all() and near.float().mean() < 0.1
    parted = (compiled != codes.numpy()).cumsum(axis=1) > 0  # from the first code within rounding on, texts may differ
    assert not parted[:, 0].any() and parted.mean() < 0.5
    assert len(codes.unique()) > 3, "a sampler stuck on one code would prove nothing"
    if temperature < 0.1:
        decided = logits.softmax(2).amax(2) > 0.999
        assert decided.float().mean() > 0.5
        assert torch.equal(codes[decided], logits.argmax(2)[decided])


def test_the_sampler_follows_the_distribution_it_is_given() -> None:
    """The first sample of many clips has the frequencies of the module's first logits."""
    model, condition = speaker(1)
    clips = 4000
    many = condition[:1].expand(clips, -1, -1).numpy()
    sampler = WaveNetSampler(Modules(model).weights(), model.config)
    first = next(sampler.sample(many, Noise(5).uniform_array(clips, 10)))[:, 0]
    expected = model(torch.zeros(1, 10, dtype=torch.int64), condition[:1])[0, 0].softmax(0).numpy()
    found = np.bincount(first, minlength=32) / clips
    assert np.abs(found - expected).max() < 4 * np.sqrt(0.25 / clips)
