"""A translator against a discriminator that sees source and target together: one step of each, and a distance in L1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from train.algorithms.gradients import apply, due, squared_slope, synchronised
from zoo.losses import discriminator_loss, non_saturating_loss
from zoo.noise import Noise


@dataclass(frozen=True)
class PairedAdversarial:
    """Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017, with Adam."""

    generator_learning_rate: float = 2e-4
    """Peak learning rate of the translator."""
    discriminator_learning_rate: float = 2e-4
    """Peak learning rate of the discriminator."""
    beta1: float = 0.5
    """Decay of the gradient's mean."""
    beta2: float = 0.999
    """Decay of the gradient's square."""
    distance_weight: float = 100.0
    """Weight of the mean absolute error beside the adversarial loss (the paper's lambda, equation 4)."""
    slope_penalty: float = 0.03
    """Weight (gamma) of the discriminator's squared slope at real targets; 0 for none, as in the paper. With it the
    discriminator stays one that can still be moved (Mescheder, Geiger and Nowozin, ICML 2018)."""
    slope_every: int = 16
    """Batches from one penalty on the slope to the next."""

    def __post_init__(self) -> None:
        if self.slope_every < 1 or self.slope_penalty < 0:
            raise ValueError(f"slope_every is {self.slope_every} (at least 1), slope_penalty {self.slope_penalty} (0)")

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> PairedAdversarialUpdate:
        """See `train.recipe.Algorithm`; the model gives its own `discriminator()`, called with source and target."""
        return PairedAdversarialUpdate(self, model, accelerator, clip_norm)


class PairedAdversarialUpdate:
    """The step of `PairedAdversarial`."""

    def __init__(self, settings: PairedAdversarial, model: Any, accelerator: Accelerator, clip_norm: float) -> None:
        discriminator = model.discriminator()
        for network in (model, discriminator):
            synchronised(network, accelerator)
        betas = (settings.beta1, settings.beta2)
        self.settings, self.accelerator, self.clip_norm = settings, accelerator, clip_norm
        self.modules: dict[str, nn.Module] = {"model": model, "discriminator": discriminator}
        self.translator, self.discriminator, self.g_optimizer, self.d_optimizer = accelerator.prepare(
            model.to(memory_format=torch.channels_last),
            discriminator.to(memory_format=torch.channels_last),
            torch.optim.Adam(model.parameters(), settings.generator_learning_rate, betas, fused=True),
            torch.optim.Adam(discriminator.parameters(), settings.discriminator_learning_rate, betas, fused=True),
        )
        self.optimizers = {"model": self.g_optimizer.optimizer, "discriminator": self.d_optimizer.optimizer}

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`. One `accumulate` block around both phases, or the counter would advance twice."""
        source, target = (batch[key].contiguous(memory_format=torch.channels_last) for key in ("source", "target"))
        with self.accelerator.accumulate(self.translator, self.discriminator):
            made = self.translator(source)
            settings = self.settings
            paid = due(settings.slope_penalty, settings.slope_every, noise)
            seen = target.detach().requires_grad_(paid)
            real_logits = self.discriminator(source, seen)
            fake_logits = self.discriminator(source, made.detach())
            d_loss = discriminator_loss(real_logits, fake_logits) / 2  # it learns half as fast (section 3.3)
            slope = squared_slope(real_logits, seen) if paid else d_loss.new_zeros(())
            self.accelerator.backward(d_loss + 0.5 * settings.slope_penalty * settings.slope_every * slope)
            d_found = apply(self.accelerator, self.discriminator, self.d_optimizer, self.clip_norm)

            # Frozen, and without the data-parallel wrapper: this phase must leave no gradients on it to average.
            adversary = self.accelerator.unwrap_model(self.discriminator).requires_grad_(False)
            adversarial = non_saturating_loss(adversary(source, made))
            adversary.requires_grad_(True)
            distance = F.l1_loss(made.float(), target)
            g_loss = adversarial + settings.distance_weight * distance  # equation 4
            self.accelerator.backward(g_loss)
            g_found = apply(self.accelerator, self.translator, self.g_optimizer, self.clip_norm)
        return {
            "loss": g_loss.detach(),
            "adversarial_loss": adversarial.detach(),
            "distance": distance.detach(),
            "discriminator_loss": d_loss.detach(),
            "slope_penalty": (slope * settings.slope_every).detach(),
            "real_score": real_logits.detach().float().sigmoid().mean(),
            "fake_score": fake_logits.detach().float().sigmoid().mean(),
            **g_found,
            **{f"discriminator_{name}": value for name, value in d_found.items()},
        }
