"""What our loop costs over the bare one: Accelerate, log and trackers, averaged weights, figures, measuring, saving.

The bare loop is the dozen lines that one would write for one model: same batches, same noise, same autocast, same
fused optimiser, gradients clipped where the recipe clips them, nothing read, logged, averaged, measured or saved.
"""

from __future__ import annotations

import contextlib
import io
import logging
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from timing import Budget, Contender, line, rates, stepping
from torch import nn

from train.loop import Run
from train.order import batches
from train.recipe import Course, Recipe, course
from train.recipe import preset as recipe_of
from zoo import runtime
from zoo.losses import discriminator_loss, non_saturating_loss
from zoo.noise import Noise

NEVER = 10**9


def _draws(recipe: Recipe, data: Any) -> Iterator[tuple[dict[str, Any], Noise]]:
    """The batches and the noise of our loop."""
    number, epoch = 0, 0
    while True:
        for rows in batches(recipe.seed, epoch, len(data), recipe.batch_size, data.lengths):
            yield data.batch(rows, epoch), Noise(recipe.seed, number)
            number += 1
        epoch += 1


def _low(recipe: Recipe) -> bool:
    return recipe.precision == "bf16" or (recipe.precision == "auto" and runtime.has_amx())


def _autocast(recipe: Recipe) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=_low(recipe))


def bare_loss(model: Any, recipe: Recipe, data: Any) -> Iterator[None]:
    """One network and its loss."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    rule = recipe.algorithm
    groups = [{"params": matrices, "weight_decay": rule.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, rule.learning_rate, (rule.beta1, rule.beta2), fused=True)
    model.to(memory_format=torch.channels_last)
    for batch, noise in _draws(recipe, data):
        with _autocast(recipe):
            loss = model.loss(batch, noise)["loss"]
        loss.backward()
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        yield


def bare_adversaries(generator: Any, recipe: Recipe, data: Any) -> Iterator[None]:
    """Generator and discriminator."""
    discriminator, rule = generator.discriminator(), recipe.algorithm
    generator.to(memory_format=torch.channels_last)
    discriminator.to(memory_format=torch.channels_last)
    betas = (rule.beta1, rule.beta2)
    g_optimizer = torch.optim.Adam(generator.parameters(), rule.generator_learning_rate, betas, fused=True)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), rule.discriminator_learning_rate, betas, fused=True)
    for batch, noise in _draws(recipe, data):
        real, labels = batch["image"], batch["label"] if generator.num_classes else None
        with _autocast(recipe):
            fake = generator(noise.normal(len(real), generator.latent_dim), labels)
            real_logits, fake_logits = discriminator(real, labels), discriminator(fake.detach(), labels)
            d_loss = discriminator_loss(real_logits.float(), fake_logits.float())
        d_loss.backward()
        d_optimizer.step()
        d_optimizer.zero_grad()
        discriminator.requires_grad_(False)
        with _autocast(recipe):
            g_loss = non_saturating_loss(discriminator(fake, labels).float())
        g_loss.backward()
        g_optimizer.step()
        g_optimizer.zero_grad()
        discriminator.requires_grad_(True)
        yield


class Sitting:
    """Our loop, run whole by `Run.train`, with the moment at which each step begins."""

    def __init__(self, chosen: Course, preset: str, recipe: Recipe, folder: Path) -> None:
        AcceleratorState._reset_state(reset_partial_state=True)  # it keeps the precision of the run before
        self.run = Run(chosen, preset, recipe, folder, cpu=True)
        self.begins: list[float] = []
        step = self.run.step

        def stamped() -> dict[str, float]:
            self.begins.append(time.perf_counter())
            return step()

        self.run.step = stamped  # type: ignore[method-assign]

    def gaps(self, steps: int) -> list[float]:
        """Seconds from each step's begin to the next one's, over `steps` steps of one sitting."""
        self.begins.clear()
        logging.disable(logging.WARNING)  # that it was stopped
        with contextlib.redirect_stderr(io.StringIO()):  # the progress bar
            self.run.train(stop_after=steps + 1)
        logging.disable(logging.NOTSET)
        return [after - before for before, after in zip(self.begins, self.begins[1:], strict=False)]


def events(chosen: Course, preset: str, recipe: Recipe, folder: Path) -> dict[str, float]:
    """Seconds of one evaluation, one saved state and one snapshot, each beyond a step's own."""
    sitting = Sitting(chosen, preset, replace(recipe, evaluate_every=5, save_every=7, steps=NEVER), folder)
    sitting.run.moments = {3, 8}
    gaps = sitting.gaps(11)  # the gap that ends with the begin of step k is gaps[k - 1]
    plain = statistics.median(gaps)
    found = {"evaluation": gaps[9] - plain, "saving": gaps[6] - plain, "snapshots": gaps[7] - plain}
    return {name: max(0.0, seconds) for name, seconds in found.items()}


def measure(name: str, preset: str, budget: Budget, folder: Path, *, sample: bool) -> None:
    """Print the line of one preset."""
    chosen, recipe = course(name), recipe_of(name, preset)
    recipe = replace(recipe, sample=sample or recipe.sample)
    quiet = replace(recipe, evaluate_every=NEVER, save_every=NEVER, snapshots=0, steps=NEVER)
    sitting = Sitting(chosen, preset, quiet, folder / f"{name}.{preset}")
    data = sitting.run.train_data
    bare = bare_adversaries if hasattr(sitting.run.model, "discriminator") else bare_loss
    bare_steps = bare(chosen.build(recipe, data), recipe, data)
    contenders = [
        Contender("loop", lambda steps: sum(sitting.gaps(steps)), recipe.batch_size, recipe.threads),
        Contender("bare", stepping(bare_steps.__next__), recipe.batch_size, recipe.threads),
    ]
    found = rates(contenders, budget)
    loop_rates, bare_rates = found.rates["loop"], found.rates["bare"]
    step = recipe.batch_size / statistics.median(bare_rates)
    seconds = events(chosen, preset, recipe, folder / f"{name}.{preset}.events")
    apart = {"evaluation": recipe.evaluate_every, "saving": recipe.save_every}
    apart["snapshots"] = recipe.steps / max(1, recipe.snapshots)
    shares = {"steps": statistics.median(b / a for a, b in zip(loop_rates, bare_rates, strict=True)) - 1}
    shares |= {kind: seconds[kind] / apart[kind] / step for kind in seconds}
    line(
        f"loop against bare loop, {name}.{preset}",
        found,
        *contenders,
        "samples/s",
        overhead=round(sum(shares.values()), 4),
        overhead_of={kind: round(share, 4) for kind, share in shares.items()},
        seconds_of={kind: round(value, 3) for kind, value in seconds.items()},
        precision="bf16" if _low(recipe) else "fp32",
    )
