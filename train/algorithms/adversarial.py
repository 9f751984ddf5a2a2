"""Generator against discriminator: one step of each an iteration, by the paper's two losses of the generator, Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.algorithms.augment import Augmentation, augment
from train.algorithms.gradients import apply, due, real_of, squared_slope, synchronised
from zoo.losses import discriminator_loss, minimax_loss, non_saturating_loss
from zoo.noise import Noise


@dataclass(frozen=True)
class Adversarial:
    """Goodfellow et al., "Generative adversarial nets", 2014, with DCGAN's optimiser settings."""

    generator_learning_rate: float = 2e-4
    """Peak learning rate of the generator."""
    discriminator_learning_rate: float = 2e-4
    """Peak learning rate of the discriminator."""
    beta1: float = 0.5
    """Decay of the gradient's mean."""
    beta2: float = 0.999
    """Decay of the gradient's square."""
    instance_noise: float = 0.0
    """Deviation of the Gaussian noise on the discriminator's pictures (Arjovsky and Bottou, 2017)."""

    augment: tuple[Augmentation, ...] = ()
    """Ways in which the discriminator's pictures are changed, for small data sets (`train.algorithms.augment`)."""

    generator_loss: Literal["non-saturating", "minimax"] = "non-saturating"
    """What the generator minimises: -log D(G(z)), or the game's own log(1 - D(G(z)))."""

    slope_penalty: float = 0.0
    """Weight (gamma) of the discriminator's squared slope at real samples; 0 for none (Mescheder et al., 2018)."""

    slope_every: int = 16
    """Batches from one penalty on the slope to the next."""

    def __post_init__(self) -> None:
        if self.slope_every < 1 or self.slope_penalty < 0:
            raise ValueError(
                f"slope_every is {self.slope_every} and slope_penalty {self.slope_penalty}; the first must be at least "
                "1, the second at least 0"
            )

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> AdversarialUpdate:
        """See `train.recipe.Algorithm`; the model gives its own `discriminator()`."""
        return AdversarialUpdate(self, model, accelerator, clip_norm)


class AdversarialUpdate:
    """The step of `Adversarial`."""

    def __init__(self, settings: Adversarial, model: Any, accelerator: Accelerator, clip_norm: float) -> None:
        discriminator = model.discriminator()
        for network in (model, discriminator):
            synchronised(network, accelerator)
        betas = (settings.beta1, settings.beta2)
        self.settings, self.accelerator, self.clip_norm = settings, accelerator, clip_norm
        self.modules: dict[str, nn.Module] = {"model": model, "discriminator": discriminator}
        self.generator, self.discriminator, self.g_optimizer, self.d_optimizer = accelerator.prepare(
            model.to(memory_format=torch.channels_last),
            discriminator.to(memory_format=torch.channels_last),
            torch.optim.Adam(model.parameters(), settings.generator_learning_rate, betas, fused=True),
            torch.optim.Adam(discriminator.parameters(), settings.discriminator_learning_rate, betas, fused=True),
        )
        self.optimizers = {"model": self.g_optimizer.optimizer, "discriminator": self.d_optimizer.optimizer}
        self.latent_dim, self.conditional = model.latent_dim, model.num_classes > 0

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`. One `accumulate` block around both phases, or the counter would advance twice."""
        real, settings = real_of(batch), self.settings
        labels = batch["label"] if self.conditional else None
        paid = due(settings.slope_penalty, settings.slope_every, noise)
        with self.accelerator.accumulate(self.generator, self.discriminator):
            fake = self.generator(noise.normal(len(real), self.latent_dim), labels)
            seen = self._seen(real, noise).detach().requires_grad_(paid)
            real_logits = self.discriminator(seen, labels)
            fake_logits = self.discriminator(self._seen(fake.detach(), noise), labels)
            d_loss = discriminator_loss(real_logits, fake_logits)
            slope = squared_slope(real_logits, seen) if paid else d_loss.new_zeros(())
            self.accelerator.backward(d_loss + 0.5 * settings.slope_penalty * settings.slope_every * slope)
            d_found = apply(self.accelerator, self.discriminator, self.d_optimizer, self.clip_norm)

            # Frozen, and without the data-parallel wrapper: this phase must leave no gradients on it to average.
            adversary = self.accelerator.unwrap_model(self.discriminator).requires_grad_(False)
            objective = minimax_loss if settings.generator_loss == "minimax" else non_saturating_loss
            g_loss = objective(adversary(self._seen(fake, noise), labels))
            adversary.requires_grad_(True)
            self.accelerator.backward(g_loss)
            g_found = apply(self.accelerator, self.generator, self.g_optimizer, self.clip_norm)
        return {
            "loss": g_loss.detach(),
            "discriminator_loss": d_loss.detach(),
            "real_score": real_logits.detach().sigmoid().mean(),
            "fake_score": fake_logits.detach().sigmoid().mean(),
            **({"slope_penalty": (slope * settings.slope_every).detach()} if settings.slope_penalty else {}),
            **g_found,
            **{f"discriminator_{name}": value for name, value in d_found.items()},
        }

    def _seen(self, images: Tensor, noise: Noise) -> Tensor:
        """What the discriminator is shown of `images`."""
        images = augment(images, self.settings.augment, noise)
        deviation = self.settings.instance_noise
        return images + deviation * noise.normal(*images.shape) if deviation else images
