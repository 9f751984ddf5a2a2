"""What every update rule does with its gradients: bound, look at, apply, clear."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor, nn

from train.guard import NonFinite
from zoo.noise import Noise


def apply(
    accelerator: Accelerator, module: nn.Module, optimizer: AcceleratedOptimizer, clip_norm: float
) -> dict[str, Tensor]:
    """One optimiser step when the gradients of all micro-batches are in; clears them then.

    Returns "gradient_norm" before clipping at `clip_norm` (0 for none), and "weakest_gradient", the smallest
    |gradient| / |weight| over matrices and kernels: near 0 where nothing comes back. Empty between micro-batches.
    Raises NonFinite, with the weights as they were, when a gradient is NaN or infinite.
    """
    found: dict[str, Tensor] = {}
    if accelerator.sync_gradients:
        named = [(name, p) for name, p in module.named_parameters() if p.grad is not None]
        gradients = torch.stack(torch._foreach_norm([p.grad for _, p in named if p.grad is not None]))
        matrices = [i for i, (_, p) in enumerate(named) if p.dim() > 1]
        weights = torch.stack(torch._foreach_norm([named[i][1].detach() for i in matrices]))
        norm = accelerator.clip_grad_norm_(module.parameters(), clip_norm or float("inf"))
        if not norm.isfinite():
            optimizer.zero_grad()
            bad = (~gradients.isfinite()).nonzero()
            raise NonFinite(f"the gradient of {named[int(bad[0])][0]}" if len(bad) else "the norm of the gradients")
        found["weakest_gradient"] = (gradients[matrices] / weights.clamp_min(1e-8)).min().detach()
        found["gradient_norm"] = norm.detach()
        optimizer.step()
    optimizer.zero_grad()
    return found


def synchronised(model: nn.Module, accelerator: Accelerator) -> None:
    """Let batch norms share statistics over processes, which torch does on GPUs alone; on CPUs each has its own."""
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)


def real_of(batch: dict[str, Any]) -> Tensor:
    """What an adversary is shown of a batch: pictures (n, c, h, w), laid out as convolutions like them, or waveforms
    (n, t)."""
    if "waveform" in batch:
        sounds: Tensor = batch["waveform"]
        return sounds
    pictures: Tensor = batch["image"].contiguous(memory_format=torch.channels_last)
    return pictures


def due(weight: float, every: int, noise: Noise) -> bool:
    """Whether a penalty is paid in this batch: a function of its number, so that nothing has to be remembered.

    What is logged of it is 0 in the others and its value times `every` here: the mean over lines is the penalty's.
    """
    return weight > 0 and noise.stream % every == 0


def squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    """The mean over pictures of the squared norm of each logit's gradient at its picture, with a graph: R1.

    A picture with several logits (n, 1, h, w), one a patch, counts as if their gradients were at right angles: the
    square of their sum's norm over how many they are.

    Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually converge?", ICML 2018, equation 9.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    patches = logits.numel() // len(logits)
    return gradient.flatten(1).float().square().sum(1).mean() / patches
