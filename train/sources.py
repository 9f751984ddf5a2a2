"""Where a run begins: which data, and whose weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from train.recipe import Recipe
from zoo.data.load import load

if TYPE_CHECKING:
    from train.loop import Run
    from zoo.checkpoint import Checkpoint


@dataclass(frozen=True)
class Sources:
    """A recipe's own data and new weights, unless a folder or file, or a checkpoint, stands in for them."""

    data: Path | None = None
    """One's own text, pictures or sounds (see `zoo.data.own`)."""
    checkpoint: Checkpoint | None = None
    """Weights to begin from."""

    def open(self, name: str, recipe: Recipe) -> tuple[Any, Any]:
        """The training and validation data of model `name`. Raises ValueError or OSError in words."""
        train = load(recipe.dataset, "train", recipe.config, sample=recipe.sample)
        tokenizer = getattr(train, "tokenizer", None)
        return train, load(recipe.dataset, "validation", recipe.config, sample=recipe.sample, tokenizer=tokenizer)

    def start(self, model: nn.Module) -> None:
        """Give `model` the checkpoint's weights, where there is one."""

    def describe(self, run: Run) -> dict[str, Any]:
        """What run.json says of a run."""
        recipe = run.recipe
        return {
            "zoo": 1,
            "model": run.course.name,
            "preset": run.preset,
            "dataset": run.train_data.info.name,
            "samples": len(run.train_data),
            "validation_samples": len(run.validation_data),
            "steps": recipe.steps,
            "steps_per_epoch": run.steps_per_epoch,
            "batch_size": recipe.batch_size,
            "metric": recipe.metric,
            "better": recipe.better,
            "settings": asdict(recipe),
        }
