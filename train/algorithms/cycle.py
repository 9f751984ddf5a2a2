"""Two generators and two discriminators: what was translated there and back must be what it was.

Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV
2017: the least-squares game (Mao et al., 2017), the cycle's and the identity's absolute differences, and discriminators
that see pictures made a while ago among those made now (Shrivastava et al., "Learning from simulated and unsupervised
images through adversarial training", CVPR 2017), from a pool that a run's state holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from train.algorithms.gradients import apply, synchronised
from zoo.losses import least_squares_discriminator_loss, least_squares_generator_loss
from zoo.noise import Noise


@dataclass(frozen=True)
class Cycle:
    """The paper's settings. Batches have "source" and "target", which show nothing in common."""

    cycle_weight: float = 10.0
    """Weight of the difference between a picture and what comes back."""
    identity_weight: float = 5.0
    """Weight of the difference between a picture and what the generator of its own style makes of it; 0 for none."""
    pool_size: int = 50
    """Made pictures kept of each style; half of what a discriminator sees comes from there. 0 for none."""
    generator_learning_rate: float = 2e-4
    """Peak learning rate of both generators."""
    discriminator_learning_rate: float = 2e-4
    """Peak learning rate of both discriminators."""
    beta1: float = 0.5
    """Decay of the gradient's mean."""
    beta2: float = 0.999
    """Decay of the gradient's square."""

    def __post_init__(self) -> None:
        for name in ("cycle_weight", "identity_weight", "pool_size"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0")

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> CycleUpdate:
        """See `train.recipe.Algorithm`; the model gives its own `discriminator()`, one network with both."""
        return CycleUpdate(self, model, accelerator, clip_norm)


class Pool(nn.Module):
    """Pictures made before, as buffers: a resumed run goes on with the same ones."""

    pictures: Tensor
    filled: Tensor

    def __init__(self, size: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, channels, image_size, image_size))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, images: Tensor, draws: Tensor) -> Tensor:
        """Hand in images (n, c, h, w), and get as many: until the pool is full the same, then every other one an old
        one, whose place the new one takes. `draws` are uniform (n, 2): whether, and which."""
        size, found = len(self.pictures), images.detach().clone()
        for i, (whether, which) in enumerate(draws.tolist()):
            place = int(self.filled)
            if place < size:
                self.pictures[place] = images[i]
                self.filled += 1
            elif size and whether < 0.5:
                place = int(which * size)
                found[i] = self.pictures[place]
                self.pictures[place] = images[i]
        return found


class CycleUpdate:
    """The step of `Cycle`."""

    def __init__(self, settings: Cycle, model: Any, accelerator: Accelerator, clip_norm: float) -> None:
        discriminators = model.discriminator()
        for network in (model, discriminators):
            synchronised(network, accelerator)
        betas = (settings.beta1, settings.beta2)
        self.settings, self.accelerator, self.clip_norm = settings, accelerator, clip_norm
        sizes = (settings.pool_size, model.source_channels, model.source_size)
        self.sources, self.targets = (Pool(*sizes).to(accelerator.device) for _ in range(2))
        self.modules: dict[str, nn.Module] = {
            "model": model,
            "discriminator": discriminators,
            "made_sources": self.sources,
            "made_targets": self.targets,
        }
        self.generators, self.discriminators, self.g_optimizer, self.d_optimizer = accelerator.prepare(
            model.to(memory_format=torch.channels_last),
            discriminators.to(memory_format=torch.channels_last),
            torch.optim.Adam(model.parameters(), settings.generator_learning_rate, betas, fused=True),
            torch.optim.Adam(discriminators.parameters(), settings.discriminator_learning_rate, betas, fused=True),
        )
        self.optimizers = {"model": self.g_optimizer.optimizer, "discriminator": self.d_optimizer.optimizer}

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`. The generators step first, so that only finite pictures come into the pool."""
        sources, targets = (batch[key].contiguous(memory_format=torch.channels_last) for key in ("source", "target"))
        with self.accelerator.accumulate(self.generators, self.discriminators):
            made_targets, made_sources, losses = self._made(sources, targets)
            g_loss = torch.stack(list(losses.values())).sum()
            self.accelerator.backward(g_loss)
            g_found = apply(self.accelerator, self.generators, self.g_optimizer, self.clip_norm)

            real = self.discriminators(sources, targets)
            fake = self.discriminators(
                self._exchanged(self.sources, made_sources, noise), self._exchanged(self.targets, made_targets, noise)
            )
            d_loss = torch.stack(
                [least_squares_discriminator_loss(*pair) for pair in zip(real, fake, strict=True)]
            ).sum()
            self.accelerator.backward(d_loss)
            d_found = apply(self.accelerator, self.discriminators, self.d_optimizer, self.clip_norm)
        return {
            "loss": g_loss.detach(),
            **{name: value.detach() for name, value in losses.items()},
            "discriminator_loss": d_loss.detach(),
            "real_score": torch.stack([scores.detach().mean() for scores in real]).mean(),
            "fake_score": torch.stack([scores.detach().mean() for scores in fake]).mean(),
            **g_found,
            **{f"discriminator_{name}": value for name, value in d_found.items()},
        }

    def _made(self, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """What the generators make of each style, and the terms of their loss, weighted (equations 1 to 3, and 5.2)."""
        settings = self.settings
        made_targets, made_sources, sources_again, targets_again, *same = self.generators(
            sources, targets, identity=settings.identity_weight > 0
        )
        # Frozen, and without the data-parallel wrapper: this phase must leave no gradients on them to average.
        adversaries = self.accelerator.unwrap_model(self.discriminators).requires_grad_(False)
        scores = adversaries(made_sources, made_targets)
        adversaries.requires_grad_(True)
        losses = {"adversarial": least_squares_generator_loss(scores[0]) + least_squares_generator_loss(scores[1])}
        returned = F.l1_loss(sources_again, sources) + F.l1_loss(targets_again, targets)
        losses["cycle"] = settings.cycle_weight * returned
        if same:
            kept = F.l1_loss(same[0], sources) + F.l1_loss(same[1], targets)
            losses["identity"] = settings.identity_weight * kept
        return made_targets, made_sources, losses

    def _exchanged(self, pool: Pool, images: Tensor, noise: Noise) -> Tensor:
        """This process's rows of what the pool gives for the images of all: each process has the same pool."""
        rank, n = self.accelerator.process_index, len(images)
        everyone, draws = self.accelerator.gather((images.detach(), noise.uniform(n, 2)))
        given = pool.exchange(everyone, draws)[rank * n : (rank + 1) * n]
        return given.contiguous(memory_format=torch.channels_last)
