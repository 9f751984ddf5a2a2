"""A network in training, looked at: figures and evidence of health on the validation split, and a sheet of samples."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from train.recipe import Recipe
from zoo import entry, registry, verify
from zoo.evidence import evidence
from zoo.generate.sheet import write_sheet


def validate(
    name: str, model: nn.Module, data: Any, recipe: Recipe, tokenizer: Any, poll: Callable[[], None], *, own: bool
) -> dict[str, Any]:
    """Figures by name, on the validation split with a small budget; `poll` is called between batches.

    No judge knows one's `own` data.
    """
    subject = verify.Subject(name, model, "" if own else recipe.dataset, tokenizer, sample=recipe.sample)
    budget = replace(verify.TRAINING, pictures=200) if recipe.sample else verify.TRAINING
    figures = verify.measure(subject, data, budget, poll)
    return {figure.name: figure.value for figure in figures} | evidence(subject, data, poll)


def sheet(name: str, model: nn.Module, stem: Path, tokenizer: Any, data: Any) -> None:
    """Write a sheet of samples from fixed noise as `stem`.png, .txt or .wav."""
    twin = deepcopy(model).cpu().eval()  # sampling is written for the CPU; the run's own network stays where it is
    write_sheet(name, twin, stem, tokenizer, data.labels)


def neighbours(name: str, model: nn.Module, path: Path, data: Any, dataset: str, poll: Callable[[], None]) -> None:
    """Write samples beside their nearest training pictures, where the model `name` makes pictures from noise."""
    if entry.IMAGE_GENERATION in registry.entry(name).tasks and hasattr(data, "images"):
        verify.neighbours(verify.Subject(name, model, dataset), data, poll=poll).save(path)
    if entry.TEXT_TO_IMAGE in registry.entry(name).tasks:
        verify.prompt_neighbours(verify.Subject(name, model, dataset, data.tokenizer), data, poll=poll).save(path)
