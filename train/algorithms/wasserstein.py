"""Generator against critic: several steps of the critic to one of the generator, with the critic's slope bounded.

Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville, "Improved training of Wasserstein GANs", NeurIPS 2017 (algorithm 1);
with `clip_weights`, Arjovsky, Chintala and Bottou, "Wasserstein generative adversarial networks", ICML 2017, whose
RMSprop is Adam with beta1 at 0 but for the correction of the first steps.

What makes it quick: the generator stands still while the critic learns, so one pass without gradients makes the fakes
of all the critic's steps but the last, which is shown the generator's own batch; the critic sees real and generated in
one pass, and is frozen in the generator's step. A critic whose activations have no second derivative should say so to
autograd, as `zoo.models.image.wgan_gp.Slopes` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.algorithms.gradients import apply, real_of, synchronised
from zoo.noise import Noise


@dataclass(frozen=True)
class Wasserstein:
    """The papers' settings. A step's batch is cut into `critic_steps` pieces, one for each step of the critic."""

    critic_steps: int = 5
    """Steps of the critic to one of the generator."""
    penalty: float = 10.0
    """Weight of the gradient penalty; 0 for none."""
    clip_weights: float = 0.0
    """Largest absolute weight of the critic, which clipping keeps in the penalty's place; 0 for no bound."""
    generator_learning_rate: float = 1e-4
    """Peak learning rate of the generator."""
    critic_learning_rate: float = 1e-4
    """Peak learning rate of the critic."""
    beta1: float = 0.0
    """Decay of the gradient's mean."""
    beta2: float = 0.9
    """Decay of the gradient's square."""

    def __post_init__(self) -> None:
        if self.critic_steps < 1:
            raise ValueError(f"critic_steps is {self.critic_steps}; it must be at least 1")
        if min(self.penalty, self.clip_weights) < 0 or max(self.penalty, self.clip_weights) == 0:
            raise ValueError(
                f"penalty is {self.penalty} and clip_weights {self.clip_weights}; neither may be negative, and one "
                "must be positive, or nothing bounds the critic's slope"
            )

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> WassersteinUpdate:
        """See `train.recipe.Algorithm`; the model gives its own `discriminator()`, the critic."""
        return WassersteinUpdate(self, model, accelerator, clip_norm)


class WassersteinUpdate:
    """The step of `Wasserstein`."""

    def __init__(self, settings: Wasserstein, model: Any, accelerator: Accelerator, clip_norm: float) -> None:
        if accelerator.gradient_accumulation_steps > 1:
            raise ValueError(
                f"accumulation is {accelerator.gradient_accumulation_steps}; the critic steps several times within a "
                "batch, so that micro-batches cannot be added up: make batch_size larger instead"
            )
        critic = model.discriminator()
        for network in (model, critic):
            synchronised(network, accelerator)
        betas = (settings.beta1, settings.beta2)
        self.settings, self.accelerator, self.clip_norm = settings, accelerator, clip_norm
        self.modules: dict[str, nn.Module] = {"model": model, "critic": critic}
        self.generator, self.critic, self.g_optimizer, self.c_optimizer = accelerator.prepare(
            model.to(memory_format=torch.channels_last),
            critic.to(memory_format=torch.channels_last),
            torch.optim.Adam(model.parameters(), settings.generator_learning_rate, betas, fused=True),
            torch.optim.Adam(critic.parameters(), settings.critic_learning_rate, betas, fused=True),
        )
        self.optimizers = {"model": self.g_optimizer.optimizer, "critic": self.c_optimizer.optimizer}
        self.latent_dim, self.conditional = model.latent_dim, model.num_classes > 0

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`; each process cuts its own rows. Raises ValueError for fewer rows than steps."""
        real, steps = real_of(batch), self.settings.critic_steps
        if len(real) < steps:
            raise ValueError(f"a process has {len(real)} samples a step; critic_steps is {steps} and needs as many")
        labels = batch["label"].tensor_split(steps) if self.conditional else (None,) * steps
        latents = noise.normal(len(real), self.latent_dim).tensor_split(steps)
        weights = noise.uniform(len(real), *(1,) * (real.dim() - 1))
        with torch.no_grad():
            others = self._standing_still(latents[:-1], labels[:-1])
        own = self.generator(latents[-1], labels[-1])
        fakes: Tensor = torch.cat([*others, own.detach()])
        mixtures = torch.lerp(fakes, real, weights)
        pieces = zip(*(t.tensor_split(steps) for t in (real, fakes, mixtures)), labels, strict=True)
        for one_real, one_fake, mixture, label in pieces:
            found = self._critic_step(one_real, one_fake, mixture, label)

        # Frozen, and without the data-parallel wrapper: this phase must leave no gradients on it to average.
        critic = self.accelerator.unwrap_model(self.critic).requires_grad_(False)
        g_loss = -critic(own, labels[-1]).mean()
        critic.requires_grad_(True)
        self.accelerator.backward(g_loss)
        found |= apply(self.accelerator, self.generator, self.g_optimizer, self.clip_norm)
        return {"loss": g_loss.detach(), **found}

    def _standing_still(self, latents: tuple[Tensor, ...], labels: tuple[Tensor | None, ...]) -> list[Tensor]:
        """Pictures for all steps of the critic but the last, in one pass."""
        if not latents:
            return []
        given = [label for label in labels if label is not None]
        return [self.generator(torch.cat(latents), torch.cat(given) if given else None)]

    def _critic_step(self, real: Tensor, fake: Tensor, mixture: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """One step of the critic towards a greater difference of its mean scores; returns figures of it."""
        both = torch.cat([real, fake]).contiguous(memory_format=_layout(real))
        scores = self.critic(both, None if labels is None else torch.cat([labels, labels]))
        distance = scores[: len(real)].mean() - scores[len(real) :].mean()
        loss, figures = -distance, {"wasserstein_distance": distance.detach()}
        if self.settings.penalty:
            slopes = slopes_at(self.critic, mixture, labels)
            loss = loss + self.settings.penalty * (slopes - 1.0).square().mean()  # equation 3
            figures["critic_slope"] = slopes.detach().mean()
        self.accelerator.backward(loss)
        norms = apply(self.accelerator, self.critic, self.c_optimizer, self.clip_norm)
        if self.settings.clip_weights:
            clip_weights(self.critic, self.settings.clip_weights)
        named = {f"discriminator_{name}": value for name, value in norms.items()}
        return {"discriminator_loss": loss.detach(), **figures, **named}


def _layout(images: Tensor) -> torch.memory_format:
    return torch.channels_last if images.dim() == 4 else torch.contiguous_format


def slopes_at(critic: nn.Module, points: Tensor, labels: Tensor | None = None) -> Tensor:
    """The norm of the critic's gradient at each of points (n, ...), with a graph for a penalty's gradient: (n,)."""
    points = points.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(points, labels).sum(), points, create_graph=True)
    # Its square root has no gradient at nought, where a critic whose weights were clipped to nothing may be.
    return gradient.flatten(1).float().square().sum(1).clamp_min(1e-20).sqrt()


@torch.no_grad()
def clip_weights(critic: nn.Module, bound: float) -> None:
    """Bring every weight of the critic to within plus and minus `bound`."""
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)
