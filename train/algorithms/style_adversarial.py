"""A style-based generator against a discriminator: style mixing, and two penalties that are paid only now and then.

Karras et al., "Analyzing and improving the image quality of StyleGAN", CVPR 2020. Departures: a penalty is added to the
loss of its phase (its weight times the number of steps between two), where the paper steps once more for it; and where
the paper scales weights at run time, so that Adam moves all in proportion, each tensor has a rate in proportion to its
size at the start: that comes to the same, for Adam's steps do not depend on the gradient's scale, and leaves plain
weights. The mean path length begins as the first that is seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.algorithms.augment import Augmentation, augment
from train.algorithms.gradients import apply, due, squared_slope, synchronised
from zoo.losses import discriminator_loss, non_saturating_loss
from zoo.noise import Noise


@dataclass(frozen=True)
class StyleAdversarial:
    """The paper's settings, but for rates that suit a run of a few thousand steps."""

    generator_learning_rate: float = 5e-3
    """Peak learning rate of the generator, as a share of each tensor's size; 2e-3 in the paper's long runs."""
    discriminator_learning_rate: float = 5e-3
    """Peak learning rate of the discriminator, as a share of each tensor's size."""
    mapping_rate: float = 0.3
    """Share of the generator's rate at which the mapping network learns; the paper's long runs have 0.01."""
    beta1: float = 0.0
    """Decay of the gradient's mean."""
    beta2: float = 0.99
    """Decay of the gradient's square."""
    mixing: float = 0.5
    """Share of the pictures whose later layers take the style of another z."""
    slope_penalty: float = 0.1
    """Weight (gamma) of the discriminator's squared slope at real pictures; 0 for none (Mescheder et al., 2018)."""
    slope_every: int = 16
    """Batches from one penalty on the slope to the next."""
    path_penalty: float = 2.0
    """Weight of the variance of path lengths, by which equal steps of a style change pictures equally; 0 for none."""
    path_every: int = 8
    """Batches from one penalty on path lengths to the next."""
    path_decay: float = 0.99
    """Decay of the mean path length, each time it is looked at."""
    augment: tuple[Augmentation, ...] = ()
    """Ways in which the discriminator's pictures are changed, for small data sets (`train.algorithms.augment`)."""

    def __post_init__(self) -> None:
        for name in ("slope_every", "path_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"mixing is {self.mixing}; allowed are 0 to 1")
        if min(self.slope_penalty, self.path_penalty) < 0:
            raise ValueError(
                f"slope_penalty is {self.slope_penalty} and path_penalty {self.path_penalty}; neither may be negative"
            )

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> StyleAdversarialUpdate:
        """See `train.recipe.Algorithm`; the model has `mapping`, `synthesis`, `divided`, its own `discriminator()`."""
        return StyleAdversarialUpdate(self, model, accelerator, clip_norm)


class Styled(nn.Module):
    """A generator that may take two z for a picture, and shows the styles that it made of them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, latents: Tensor, others: Tensor | None, replaced: Tensor | None, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """latents (n, latent_dim); others (n, z_dim), whose styles stand where replaced, bool (n, num_styles), is true
        -> images (n, c, h, w), styles (n, num_styles, style_dim)."""
        z, noise = self.model.divided(latents)
        styles = self.model.mapping(z, labels)[:, None].expand(-1, self.model.config.num_styles, -1)
        if others is not None and replaced is not None:
            styles = torch.where(replaced[..., None], self.model.mapping(others, labels)[:, None], styles)
        styles = styles.float()
        return self.model.synthesis(styles, noise), styles


class MeanLength(nn.Module):
    """The running mean of path lengths, as a module so that a run's state holds it."""

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(()))


class StyleAdversarialUpdate:
    """The step of `StyleAdversarial`."""

    def __init__(self, settings: StyleAdversarial, model: Any, accelerator: Accelerator, clip_norm: float) -> None:
        discriminator = model.discriminator()
        for network in (model, discriminator):
            synchronised(network, accelerator)
        betas = (settings.beta1, settings.beta2)
        slower = {id(parameter): settings.mapping_rate for parameter in model.mapping.parameters()}
        self.settings, self.accelerator, self.clip_norm = settings, accelerator, clip_norm
        self.mean_length = MeanLength().to(accelerator.device)
        self.modules: dict[str, nn.Module] = {
            "model": model, "discriminator": discriminator, "mean_length": self.mean_length,
        }  # fmt: skip
        g_groups = in_proportion(model, settings.generator_learning_rate, slower)
        d_groups = in_proportion(discriminator, settings.discriminator_learning_rate)
        self.generator, self.discriminator, self.g_optimizer, self.d_optimizer = accelerator.prepare(
            Styled(model.to(memory_format=torch.channels_last)),
            discriminator.to(memory_format=torch.channels_last),
            torch.optim.Adam(g_groups, betas=betas, fused=True),
            torch.optim.Adam(d_groups, betas=betas, fused=True),
        )
        self.optimizers = {"model": self.g_optimizer.optimizer, "discriminator": self.d_optimizer.optimizer}
        self.config, self.conditional = model.config, model.num_classes > 0

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`. One `accumulate` block around both phases, or the counter would advance twice."""
        real = batch["image"].contiguous(memory_format=torch.channels_last)
        labels = batch["label"] if self.conditional else None
        with self.accelerator.accumulate(self.generator, self.discriminator):
            fake, _ = self._generated(len(real), labels, noise)
            found = self._teach_discriminator(real, fake.detach(), labels, noise)
            found |= self._teach_generator(fake, labels, noise)
        return found

    def _generated(self, n: int, labels: Tensor | None, noise: Noise) -> tuple[Tensor, Tensor]:
        """`n` pictures and their styles, some of them mixed."""
        latents = noise.normal(n, self.config.latent_dim)
        others, replaced = None, None
        if self.settings.mixing:
            others, layers = noise.normal(n, self.config.z_dim), self.config.num_styles
            first = 1 + noise.integers(layers - 1, n)  # the layer from which on the other style is taken
            first = torch.where(noise.uniform(n) < self.settings.mixing, first, layers)
            replaced = torch.arange(layers, device=first.device) >= first[:, None]
        images, styles = self.generator(latents, others, replaced, labels)
        return images, styles

    def _teach_discriminator(
        self, real: Tensor, fake: Tensor, labels: Tensor | None, noise: Noise
    ) -> dict[str, Tensor]:
        settings, paid = self.settings, due(self.settings.slope_penalty, self.settings.slope_every, noise)
        seen = augment(real, settings.augment, noise).detach().requires_grad_(paid)
        real_logits = self.discriminator(seen, labels)
        fake_logits = self.discriminator(augment(fake, settings.augment, noise), labels)
        loss = discriminator_loss(real_logits, fake_logits)
        slope = squared_slope(real_logits, seen) if paid else loss.new_zeros(())
        self.accelerator.backward(loss + 0.5 * settings.slope_penalty * settings.slope_every * slope)
        norms = apply(self.accelerator, self.discriminator, self.d_optimizer, self.clip_norm)
        return {
            "discriminator_loss": loss.detach(),
            "real_score": real_logits.detach().sigmoid().mean(),
            "fake_score": fake_logits.detach().sigmoid().mean(),
            "slope_penalty": (slope * settings.slope_every).detach(),
            **{f"discriminator_{name}": value for name, value in norms.items()},
        }

    def _teach_generator(self, fake: Tensor, labels: Tensor | None, noise: Noise) -> dict[str, Tensor]:
        settings = self.settings
        # Frozen, and without the data-parallel wrapper: this phase must leave no gradients on it to average.
        adversary = self.accelerator.unwrap_model(self.discriminator).requires_grad_(False)
        loss = non_saturating_loss(adversary(augment(fake, settings.augment, noise), labels))
        adversary.requires_grad_(True)
        self.accelerator.backward(loss)
        penalty = loss.new_zeros(())
        if due(settings.path_penalty, settings.path_every, noise):
            half = max(1, len(fake) // 2)  # as in the paper: the second derivative of a whole batch is dear
            images, styles = self._generated(half, None if labels is None else labels[:half], noise)
            lengths = path_lengths(images, styles, noise.normal(*images.shape))
            mean = self.mean_length.value
            now = self.accelerator.reduce(lengths.detach().mean(), "mean")
            mean.lerp_(now, 1 - settings.path_decay if mean else 1.0)  # from nought it would first shorten all paths
            penalty = (lengths - mean).square().mean()
            self.accelerator.backward(settings.path_penalty * settings.path_every * penalty)
        norms = apply(self.accelerator, self.generator, self.g_optimizer, self.clip_norm)
        return {
            "loss": loss.detach(),
            "path_penalty": (penalty * settings.path_every).detach(),
            "mean_path_length": self.mean_length.value.clone(),
            **norms,
        }


def in_proportion(network: nn.Module, rate: float, factors: dict[int, float] | None = None) -> list[dict[str, Any]]:
    """Groups for an optimiser: each matrix, kernel and constant at `rate` times the root of its mean square as it is
    now, each vector and scalar at `rate`; times `factors` by the parameter's id."""
    groups = []
    for parameter in network.parameters():
        size = float(parameter.detach().square().mean().sqrt()) if parameter.dim() > 1 else 1.0
        groups.append({"params": [parameter], "lr": rate * (size or 1.0) * (factors or {}).get(id(parameter), 1.0)})
    return groups


def path_lengths(images: Tensor, styles: Tensor, directions: Tensor) -> Tensor:
    """How far a step of a style moves the picture along random `directions`, standard normals like images (n, c, h, w).

    |J' y| with y scaled by the pictures' area, the root of its mean square over the layers of styles (n, layers, d):
    (n,), with a graph. Equation 4 and appendix B of the paper.
    """
    directions = directions / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * directions).sum(), styles, create_graph=True)
    return gradient.square().sum(2).mean(1).clamp_min(1e-20).sqrt()
