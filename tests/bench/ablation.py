"""What each trick gives: the whole set against the same without one, for DCGAN and GPT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ours
import torch
from timing import Budget, Contender, all_cores, line, rates, stepping
from torch import Tensor, nn
from torch.nn import functional as F

from train.text import gpt as gpt_recipes
from zoo import runtime
from zoo.data.load import load
from zoo.losses import discriminator_loss, non_saturating_loss
from zoo.models.text.gpt import GPTConfig
from zoo.noise import Noise


def dcgan(budget: Budget, batches: Iterator[Tensor]) -> None:
    """PyTorch-GAN's networks with all tricks in fp32, and without one of them at a time; then bf16 and threads."""
    every = dict.fromkeys(("transposed", "bias_apart", "channels_last", "fused", "frozen", "keeps_memory"), True)
    contenders = [_adversarial("all", batches, **every)]
    contenders += [_adversarial(f"without {trick}", batches, **{**every, trick: False}) for trick in every]
    contenders.append(_adversarial("without any", batches, **dict.fromkeys(every, False)))
    contenders.append(_adversarial("one thread", batches, **every, threads=1))
    if runtime.has_amx():
        contenders.append(_adversarial("bf16", batches, **every, low=True))
        contenders.append(_adversarial("bf16, one thread", batches, **every, low=True, threads=1))
    _print("dcgan, same networks", contenders, budget, "images/s")


def _adversarial(
    name: str,
    batches: Iterator[Tensor],
    *,
    transposed: bool,
    bias_apart: bool,
    channels_last: bool,
    fused: bool,
    frozen: bool,
    keeps_memory: bool,
    low: bool = False,
    threads: int = 0,
) -> Contender:
    """The step of `train.algorithms.adversarial` with each trick on or off."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    generator = ours.PeerGenerator(transposed=transposed, bias_apart=bias_apart, layout=layout).to(memory_format=layout)
    discriminator = generator.discriminator().to(memory_format=layout)
    g_optimizer, d_optimizer = (
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=fused)
        for network in (generator, discriminator)
    )

    def step() -> None:
        real = next(batches)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            fake = generator(torch.randn(len(real), generator.latent_dim))
            d_loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
        d_loss.backward()
        d_optimizer.step()
        d_optimizer.zero_grad()
        discriminator.requires_grad_(not frozen)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            g_loss = non_saturating_loss(discriminator(fake))
        g_loss.backward()
        g_optimizer.step()
        g_optimizer.zero_grad()
        discriminator.requires_grad_(True)
        d_optimizer.zero_grad()

    return Contender(name, stepping(step), 64, threads or all_cores(), keeps_memory)


def gpt(budget: Budget, config: GPTConfig, *, sample: bool) -> None:
    """Our GPT with its tricks in fp32, and without one of them at a time; then bf16 and threads."""
    recipe = ours.gpt_recipe(config)
    data = load(recipe.dataset, "train", config, sample=sample)
    every = {"fused": True, "tanh_gelu": True}
    tokens = recipe.batch_size * config.context_length

    def contender(name: str, *, low: bool = False, threads: int = 0, kept: bool = True, **tricks: bool) -> Contender:
        step = _language(gpt_recipes.build(recipe, data), data, recipe.batch_size, low=low, **{**every, **tricks})
        return Contender(name, stepping(step), tokens, threads or all_cores(), kept)

    contenders = [contender("all")]
    contenders += [contender(f"without {trick}", **{trick: False}) for trick in every]
    contenders += [contender("without keeps_memory", kept=False), contender("one thread", threads=1)]
    if runtime.has_amx():
        contenders += [contender("bf16", low=True), contender("bf16, one thread", low=True, threads=1)]
    _print("gpt", contenders, budget, "tokens/s")


class _ExactGELU(torch.overrides.TorchFunctionMode):
    """GELU by the error function wherever the tanh form is asked for."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return function(*args) if function is F.gelu else function(*args, **(kwargs or {}))


def _language(model: nn.Module, data: Any, size: int, *, low: bool, fused: bool, tanh_gelu: bool) -> Callable[[], None]:
    """The step of `train.algorithms.single_loss` with each trick on or off."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.99), fused=fused)

    def loss() -> Tensor:
        batch = data.batch(torch.randperm(len(data))[:size].numpy(), 0)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            return model.loss(batch, Noise(0))["loss"]

    def exact() -> Tensor:
        with _ExactGELU():
            return loss()

    def step() -> None:
        (loss if tanh_gelu else exact)().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _print(job: str, contenders: list[Contender], budget: Budget, unit: str) -> None:
    """One line for each but the first, which is compared with it."""
    found, first = rates(contenders, budget), contenders[0]
    for contender in contenders[1:]:
        line(f"{job}: {first.name} against {contender.name}", found, first, contender, unit)
