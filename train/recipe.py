"""What one training run is: a model's config, its data, its algorithm and its numbers."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from zoo import registry
from zoo.config import suggestion

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from zoo.data.source import Dataset
    from zoo.noise import Noise


class Update(Protocol):
    """One training step, with everything in it that a resumed run needs back."""

    modules: dict[str, nn.Module]
    """The networks, unwrapped."""
    optimizers: dict[str, Optimizer]

    def __call__(self, batch: dict[str, Any], noise: Noise) -> dict[str, Tensor]:
        """Learn from one (micro-)batch; returns scalars to log, "loss" and "gradient_norm" among them."""
        ...


class Algorithm(Protocol):
    """An update rule's settings, a frozen dataclass."""

    def prepare(self, model: nn.Module, accelerator: Accelerator, clip_norm: float) -> Update:
        """Make optimisers (and adversaries), hand all to Accelerate, and return the step."""
        ...


@dataclass(frozen=True)
class Recipe:
    """A run. Every field is an option of the command line."""

    config: Any
    """Sizes of the model."""
    algorithm: Any
    """The update rule and its settings."""
    dataset: str
    """Name of the data set, a folder under ZOO_DATA (see zoo.data.source.INFOS)."""
    metric: str
    """Validation figure that decides which weights are kept."""
    better: Literal["lower", "higher"] = "lower"
    """Which way the metric improves."""
    base: str = ""
    """Checkpoint whose weights the run begins with, where --from names none; what it has not, such as a new head, is
    made anew. After a comma, checkpoints of other models that lend networks of the same name."""
    steps: int = 1000
    """Optimiser steps in all."""
    batch_size: int = 64
    """Samples in a step, over all processes, before accumulation."""
    accumulation: int = 1
    """Micro-batches of batch_size whose gradients are averaged into one step."""
    clip_norm: float = 1.0
    """Largest norm of the gradients; 0 leaves them as they are."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """Course of the learning rate after the warm-up, to zero at the end unless constant."""
    warmup: int = 100
    """Steps over which the learning rate rises from zero."""
    ema_decay: float = 0.999
    """Decay of the averaged weights, which are what is evaluated and published; 0 for none."""
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    """auto: bf16 where the hardware multiplies it natively (CUDA, AMX), else fp32."""
    threads: int = 1
    """CPU threads; results are bit-identical only for the same number."""
    log_every: int = 50
    """Steps between lines of log.jsonl."""
    evaluate_every: int = 500
    """Steps between evaluations on the validation split."""
    keep: Literal["best", "last"] = "best"
    """Which weights are published: of the best evaluation by `metric`, or of the last one, where what is measured in
    training does not tell what counts."""
    snapshots: int = 16
    """Snapshots of fixed noise along the run, closer together at the start; 0 for none."""
    patience: int = 0
    """Evaluations without a better metric after which the run ends; 0 never ends it early."""
    nonfinite: Literal["stop", "retry"] = "stop"
    """What a NaN or infinite step does: stop, or be skipped, and after three go back a state at half the rate."""
    damaged: Literal["refuse", "skip"] = "refuse"
    """What a damaged picture or clip in the data does: end the run before it begins, or be left out by name."""
    save_every: int = 200
    """Steps between saved states."""
    seed: int = 0
    """Seed of data order, noise and initial weights."""
    weights: Literal["float32", "float16", "int8"] = "float16"
    """How the published weights are stored; of 8 bits are matrices and kernels alone (`zoo.eight_bits`)."""
    trackers: str = "tensorboard"
    """Who is told besides log.jsonl: of tensorboard, wandb and trackio, with commas between; or none."""
    sample: bool = False
    """Train on the small sample that ships with the package."""

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch_size",
            "accumulation",
            "threads",
            "log_every",
            "evaluate_every",
            "save_every",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("snapshots", "patience", "warmup", "clip_norm"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay is {self.ema_decay}; allowed are 0 up to (not including) 1")

    def learning_rate_scale(self, step: int) -> float:
        """Factor on the learning rate at `step`, counted from 0: a pure function, so that nothing has to be saved."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, self.steps - self.warmup)
        return {"constant": 1.0, "linear": 1.0 - share, "cosine": 0.5 * (1 + math.cos(math.pi * share))}[self.schedule]


def fine_tuning(recipe: Recipe) -> Recipe:
    """The recipe made gentle, for weights that know something already: a quarter of the rates, a fifth of the steps."""
    slower = {
        field.name: getattr(recipe.algorithm, field.name) / 4
        for field in fields(recipe.algorithm)
        if field.name.endswith("learning_rate")
    }
    steps = max(1, recipe.steps // 5)
    return replace(
        recipe,
        algorithm=replace(recipe.algorithm, **slower),
        steps=steps,
        warmup=min(recipe.warmup, 50),
        evaluate_every=max(1, steps // 12),
        save_every=min(recipe.save_every, max(1, steps // 12)),
        ema_decay=min(recipe.ema_decay, 0.99),
        patience=4,
    )


def tiny(recipe: Recipe, config: Any) -> Recipe:
    """The recipe at a size for tests: a tiny model, twenty steps, the bundled sample."""
    return replace(
        recipe,
        config=config,
        sample=True,
        precision="fp32",
        weights="float16",
        steps=20,
        batch_size=8,
        warmup=2,
        log_every=5,
        evaluate_every=10,
        snapshots=4,
        save_every=5,
    )


@dataclass(frozen=True)
class Course:
    """A model's recipe file: its presets, how its model is built from a recipe and the training data, and what else a
    trained one writes into its checkpoint folder, from that data."""

    name: str
    presets: dict[str, Recipe]
    build: Callable[[Recipe, Dataset], nn.Module]
    finish: Callable[[nn.Module, Dataset, Path], None] = lambda model, data, folder: None


def course(name: str) -> Course:
    """The recipe file of a model. Raises ValueError naming what exists."""
    module = importlib.import_module(f"train.{registry.modality(name)}.{name}")
    more = {"finish": module.finish} if hasattr(module, "finish") else {}
    return Course(name, module.PRESETS, getattr(module, "build", partial(_build, name)), **more)


def _build(name: str, recipe: Recipe, data: Dataset) -> nn.Module:
    """The model of a recipe whose config needs nothing from the data."""
    model: nn.Module = registry.entry(name).model(recipe.config)
    return model


def preset(name: str, preset_name: str) -> Recipe:
    """One preset. Raises ValueError naming what exists."""
    presets = course(name).presets
    if preset_name not in presets:
        raise ValueError(f"{name} has no preset {preset_name!r}{suggestion(preset_name, presets)}")
    return presets[preset_name]
