"""Where a run begins: which data, and whose weights."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from train.recipe import Recipe
from zoo import registry
from zoo.data import tokenizer
from zoo.data.load import load

if TYPE_CHECKING:
    from train.loop import Run
    from zoo.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


class Sources:
    """A recipe's own data and new weights, unless one's own data, or a checkpoint, stands in for them.

    `data` is a folder or file (see `zoo.data.own`), `checkpoint` the weights to begin from; with `adapt` those of its
    tensors that do not fit the run's config are made anew, without it they are an error.
    """

    def __init__(
        self, data: Path | None = None, checkpoint: Checkpoint | None = None, *, adapt: bool = False, licence: str = ""
    ) -> None:
        self.data, self.checkpoint, self.adapt, self.licence = data, checkpoint, adapt, licence
        self.lenders: list[Checkpoint] = []

    def begin_with(self, name: str, base: str) -> None:
        """Begin from the weights `base`, unless a checkpoint is given already. Raises ValueError or OSError.

        Tensors that do not fit are made anew. Model `name` is what `base` must be of; of further checkpoints, after
        commas, networks of the same name are taken, and they must have the same tokens.
        """
        if self.checkpoint is not None:
            return
        from zoo import checkpoint, hub

        first, *lenders = (checkpoint.load(hub.resolve(one.strip())) for one in base.split(","))
        if first.model_name != name:
            raise ValueError(f"{first.name} is a {first.model_name}, not a {name}")
        for lender in lenders:
            ours, theirs = (one.folder / "tokenizer.json" for one in (first, lender))
            if not ours.is_file() or not theirs.is_file() or ours.read_bytes() != theirs.read_bytes():
                raise ValueError(f"{lender.name} has other tokens than {first.name}: nothing of it can be taken over")
        self.checkpoint, self.adapt, self.lenders = first, True, lenders

    def open(self, name: str, recipe: Recipe) -> tuple[Any, Any]:
        """The training and validation data of model `name`. Raises ValueError or OSError in words."""
        known = None
        if self.checkpoint and (self.checkpoint.folder / "tokenizer.json").exists():
            known = tokenizer.load(self.checkpoint.folder)
        skip = recipe.damaged == "skip"
        if self.data is None:
            train = load(recipe.dataset, "train", recipe.config, sample=recipe.sample, tokenizer=known, skip=skip)
            known = getattr(train, "tokenizer", None)
            return train, load(
                recipe.dataset, "validation", recipe.config, sample=recipe.sample, tokenizer=known, skip=skip
            )
        from zoo.data.own import open_own
        from zoo.generate.audio import SPEAKERS

        voices = SPEAKERS.get(self.checkpoint.recipe.get("dataset", ""), ()) if self.checkpoint else ()
        own = open_own(
            self.data, registry.entry(name).tasks, recipe.config, tokenizer=known, speakers=voices,
            batch_size=recipe.batch_size, licence=self.licence, skip_damaged=skip,
        )  # fmt: skip
        for line in own.report.lines():
            logger.info("%s", line)
        return own.split("train"), own.split("validation")

    def start(self, model: nn.Module) -> None:
        """Give `model` the checkpoint's weights. Raises ValueError naming what does not fit."""
        if self.checkpoint is None:
            return
        given, wanted = self.checkpoint.model.state_dict(), model.state_dict()
        for name in getattr(model, "measured", ()) if self.data else ():
            given[name] = wanted[name]  # of one's own data, as the recipe's `build` found it
        misfits = [name for name, tensor in wanted.items() if name not in given or given[name].shape != tensor.shape]
        if misfits and not self.adapt:
            raise ValueError(
                f"{len(misfits)} of {len(wanted)} tensors of {self.checkpoint.name} do not fit this config, "
                f"{misfits[0]} first; --adapt makes those anew and keeps the others"
            )
        model.load_state_dict({name: t for name, t in given.items() if name in wanted and name not in misfits}, False)
        logger.info("%d of %d tensors come from %s", len(wanted) - len(misfits), len(wanted), self.checkpoint.name)
        for lender in self.lenders:
            given = lender.model.state_dict()
            lent = {name: given[name] for name in wanted if name in given and given[name].shape == wanted[name].shape}
            model.load_state_dict(lent, strict=False)
            logger.info("%d of them then come from %s instead", len(lent), lender.name)

    def describe(self, run: Run) -> dict[str, Any]:
        """What run.json says of a run."""
        recipe = run.recipe
        return {
            "zoo": 1,
            "model": run.course.name,
            "preset": run.preset,
            "dataset": run.train_data.info.name,
            "from": self.checkpoint.name if self.checkpoint else "",
            "samples": len(run.train_data),
            "validation_samples": len(run.validation_data),
            "steps": recipe.steps,
            "steps_per_epoch": run.steps_per_epoch,
            "batch_size": recipe.batch_size,
            "metric": recipe.metric,
            "better": recipe.better,
            "settings": asdict(recipe),
        }
