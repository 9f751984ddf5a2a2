"""One network, one loss, AdamW."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.algorithms.gradients import apply, synchronised
from zoo.noise import Noise


class _Loss(nn.Module):
    """A module whose forward is the loss: what data-parallel wrappers can see."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The model's own `loss`."""
        found: dict[str, Tensor] = self.model.loss(batch, noise)
        return found


@dataclass(frozen=True)
class SingleLoss:
    """Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019."""

    learning_rate: float = 1e-3
    """Peak learning rate."""
    beta1: float = 0.9
    """Decay of the gradient's mean."""
    beta2: float = 0.99
    """Decay of the gradient's square."""
    weight_decay: float = 0.01
    """Decoupled decay of matrices and kernels; vectors have none."""

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> SingleLossUpdate:
        """See `train.recipe.Algorithm`."""
        return SingleLossUpdate(self, model, accelerator, clip_norm)


class SingleLossUpdate:
    """The step of `SingleLoss`."""

    def __init__(self, settings: SingleLoss, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> None:
        decayed = [p for p in model.parameters() if p.dim() >= 2]
        plain = [p for p in model.parameters() if p.dim() < 2]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            fused=True,
        )
        self.accelerator, self.clip_norm = accelerator, clip_norm
        self.modules: dict[str, nn.Module] = {"model": model}
        model.to(memory_format=torch.channels_last)  # pictures: 1.3 times as fast on a CPU
        synchronised(model, accelerator)
        self.loss, self.optimizer = accelerator.prepare(_Loss(model), optimizer)
        self.optimizers = {"model": self.optimizer.optimizer}

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """See `train.recipe.Update`."""
        with self.accelerator.accumulate(self.loss):
            found = self.loss(batch, noise)
            if "items" in found:
                share = self._share(found.pop("items"))
                found = {name: value * share for name, value in found.items()}
            self.accelerator.backward(found["loss"])
            found = {name: value.detach() for name, value in found.items()}
            found |= apply(self.accelerator, self.loss, self.optimizer, self.clip_norm)
        return found

    def _share(self, items: Tensor) -> Tensor:
        """The weight of this process's mean in the mean over all, where each process has another number of items."""
        everywhere: Tensor = self.accelerator.reduce(items.float(), "mean")
        return items / everywhere
