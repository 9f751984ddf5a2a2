"""What a search tries: dimensions read off a recipe, and the recipe with other values in them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from train.algorithms.adversarial import Adversarial
from train.recipe import Recipe

Part = Literal["recipe", "algorithm", "config"]


@dataclass(frozen=True)
class Dimension:
    """One number of a recipe, and what is tried for it: one of `choices`, or anything from `low` to `high`."""

    part: Part
    field: str
    value: float
    """The recipe's own."""
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[int, ...] = ()

    @property
    def option(self) -> str:
        """How the command line calls it."""
        return "--" + self.field.replace("_", "-")


def space(recipe: Recipe) -> list[Dimension]:
    """What a search tries: every learning rate, the batch size, and whatever regularises this model and algorithm."""
    found = []
    owners: dict[Part, Any] = {"recipe": recipe, "algorithm": recipe.algorithm, "config": recipe.config}
    for part, owner in owners.items():
        for name in (field.name for field in fields(owner)):
            value = getattr(owner, name)
            if name.endswith("learning_rate"):
                found.append(Dimension(part, name, value, value / 10, value * 10, log=True))
            elif name == "batch_size":
                around = sorted({max(1, value // 2), value, value * 2})
                found.append(Dimension(part, name, value, choices=tuple(around)))
            elif name == "weight_decay" and value:
                found.append(Dimension(part, name, value, value / 30, min(1.0, value * 30), log=True))
            elif name == "weight_decay":  # none: a logarithm has no place for it
                found.append(Dimension(part, name, value, 0.0, 0.1))
            elif name == "dropout":
                found.append(Dimension(part, name, value, 0.0, max(0.5, value)))
            elif name == "beta1" and isinstance(owner, Adversarial):
                found.append(Dimension(part, name, value, 0.0, 0.9))
            elif name == "instance_noise":
                found.append(Dimension(part, name, value, 0.0, max(0.2, value)))
    return found


def varied(recipe: Recipe, dimensions: list[Dimension], values: dict[str, float]) -> Recipe:
    """The recipe with `values`, by field. Raises ValueError where the recipe, algorithm or config refuses one."""
    change = {
        part: {d.field: values[d.field] for d in dimensions if d.part == part} for part in ("algorithm", "config")
    }
    algorithm = replace(recipe.algorithm, **change["algorithm"])
    config = replace(recipe.config, **change["config"])
    own: dict[str, Any] = {d.field: values[d.field] for d in dimensions if d.part == "recipe"}
    return replace(recipe, algorithm=algorithm, config=config, **own)


def drawn(dimensions: list[Dimension], number: int, params: dict[str, Any]) -> dict[str, float]:
    """What trial `number` trains with, by field: the recipe's own, or three digits of what was drawn."""
    if number == 0:
        return {d.field: d.value for d in dimensions}
    return {d.field: params[d.field] if d.choices else float(f"{params[d.field]:.3g}") for d in dimensions}
