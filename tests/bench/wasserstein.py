"""A tuned step of WGAN-GP as an update rule of our loop: one iteration is five critic steps and one of the generator.

Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017, on PyTorch-GAN's dense networks. What makes it
quick: the fakes for the critic from one pass of the generator without gradients, but for the last of its steps, which
gets the generator's own batch, as the peer's does; one pass of the critic over real and fake together; fused Adam; a
LeakyReLU written as a product with its slopes, so that the penalty's second backward pass does not carry zeros back
through the whole critic; the critic frozen in the generator's step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from peers import pytorch_gan
from torch import Tensor, nn

from zoo.noise import Noise


class Slopes(nn.Module):
    """LeakyReLU(0.2) whose slopes are constants to autograd: its second derivative is nothing, not zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x * (x.detach() > 0).to(x.dtype).mul_(0.8).add_(0.2)


class PeerGenerator(pytorch_gan.DenseGenerator):
    """PyTorch-GAN's dense generator behind the zoo's interface."""

    num_classes, latent_dim = 0, pytorch_gan.LATENT

    def discriminator(self) -> pytorch_gan.DenseCritic:
        """The peer's critic, with `Slopes` for its LeakyReLUs."""
        critic = pytorch_gan.DenseCritic()
        critic.layers[1], critic.layers[3] = Slopes(), Slopes()
        return critic


@dataclass(frozen=True)
class Wasserstein:
    """The peer's settings."""

    critic_steps: int = 5
    penalty: float = 10.0
    learning_rate: float = 2e-4

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> WassersteinUpdate:
        """See `train.recipe.Algorithm`."""
        return WassersteinUpdate(self, model, accelerator)


class WassersteinUpdate:
    """The step of `Wasserstein`."""

    def __init__(self, settings: Wasserstein, model: Any, accelerator: Accelerator) -> None:
        critic = model.discriminator()
        self.settings, self.accelerator = settings, accelerator
        self.modules: dict[str, nn.Module] = {"model": model, "critic": critic}
        self.generator, self.critic, self.g_optimizer, self.c_optimizer = accelerator.prepare(
            model,
            critic,
            torch.optim.Adam(model.parameters(), settings.learning_rate, (0.5, 0.999), fused=True),
            torch.optim.Adam(critic.parameters(), settings.learning_rate, (0.5, 0.999), fused=True),
        )
        self.optimizers = {"model": self.g_optimizer.optimizer, "critic": self.c_optimizer.optimizer}

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`; the batch is that of all critic steps together."""
        steps, images = self.settings.critic_steps, batch["image"]
        size = len(images) // steps
        latents, weights = noise.normal(len(images), pytorch_gan.LATENT), noise.uniform(len(images), 1, 1, 1)
        own = self.generator(latents[:size])
        with torch.no_grad():
            fakes = torch.cat([self.generator(latents[size:]), own])
        mixtures = torch.lerp(fakes, images, weights)
        for real, fake, mixture in zip(images.split(size), fakes.split(size), mixtures.split(size), strict=True):
            scores = self.critic(torch.cat([real, fake]))
            c_loss = scores[size:].mean() - scores[:size].mean() + self.settings.penalty * self._penalty(mixture)
            self.accelerator.backward(c_loss)
            self.c_optimizer.step()
            self.c_optimizer.zero_grad()
        critic = self.accelerator.unwrap_model(self.critic).requires_grad_(False)
        g_loss = -critic(own).mean()
        self.accelerator.backward(g_loss)
        critic.requires_grad_(True)
        self.g_optimizer.step()
        self.g_optimizer.zero_grad()
        return {"loss": g_loss.detach(), "critic_loss": c_loss.detach()}

    def _penalty(self, mixture: Tensor) -> Tensor:
        """Mean of (|gradient of the critic| - 1) squared."""
        mixture.requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.critic(mixture).sum(), mixture, create_graph=True)
        return (gradient.flatten(1).float().norm(dim=1) - 1).square().mean()
