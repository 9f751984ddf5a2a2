"""What a search found: the table of its trials, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.search_space import Dimension, drawn

if TYPE_CHECKING:
    from optuna import Study

    from train.recipe import Recipe

_WORDS = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def table(study: Study, recipe: Recipe, dimensions: list[Dimension]) -> dict[str, Any]:
    """The finished trials, each with its value and options, and the number of the best, or None."""
    rows: list[dict[str, Any]] = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state.is_finished():
            values = drawn(dimensions, trial.number, trial.params)
            rows.append(
                {
                    "number": trial.number,
                    "state": _WORDS[trial.state.name],
                    "value": trial.value,
                    "steps": max(trial.intermediate_values, default=0),
                    "options": {d.option: values[d.field] for d in dimensions},
                }
            )
    complete = [row for row in rows if row["state"] == "complete"]
    best = (min if recipe.better == "lower" else max)(complete, key=lambda row: row["value"], default={"number": None})
    return {"metric": recipe.metric, "better": recipe.better, "trials": rows, "best": best["number"]}


def summary(found: dict[str, Any]) -> str:
    """A line for the newest trial."""
    last = found["trials"][-1]
    numbers = " ".join(f"{option} {value}" for option, value in last["options"].items())
    return f"{last['state']}, {found['metric']} {last['value']} with {numbers}; best so far: trial {found['best']}"


def plot(found: dict[str, Any], dimensions: list[Dimension], path: Path) -> None:
    """Write `path` (PNG) from what search.json says: complete trials filled, pruned ones hollow, the best ringed."""
    from matplotlib.figure import Figure

    rows = [row for row in found["trials"] if row["value"] is not None]
    figure = Figure(figsize=(3.2 * (len(dimensions) + 1), 3.2), layout="constrained")
    panels = figure.subplots(1, len(dimensions) + 1, sharey=True, squeeze=False)[0]
    for panel, d in zip(panels, dimensions, strict=False):
        _points(panel, rows, [row["options"][d.option] for row in rows], found["best"])
        panel.set_xlabel(d.option.removeprefix("--").replace("-", " "))
        panel.axvline(d.value, color="0.8", zorder=0)  # the recipe's own
        if d.log:
            panel.set_xscale("log")
        if d.choices:
            panel.set_xscale("log", base=2)
            panel.set_xticks(d.choices, [str(choice) for choice in d.choices], minor=False)
    _points(panels[-1], rows, [row["number"] for row in rows], found["best"])
    best = min if found["better"] == "lower" else max
    course: list[tuple[int, float]] = []
    for row in (row for row in rows if row["state"] == "complete"):
        course.append((row["number"], best([row["value"], *(value for _, value in course)])))
    panels[-1].step(*zip(*course, strict=True) if course else ([], []), where="post", color="C1", label="best so far")
    panels[-1].set_xlabel("trial")
    panels[-1].legend(frameon=False)
    panels[0].set_ylabel(f"{found['metric']} ({found['better']} is better)")
    figure.savefig(path.with_suffix(".partial"), format="png", dpi=110)
    path.with_suffix(".partial").replace(path)


def _points(panel: Any, rows: list[dict[str, Any]], places: list[float], best: int | None) -> None:
    for row, place in zip(rows, places, strict=True):
        panel.plot(place, row["value"], "o", color="C0", fillstyle="full" if row["state"] == "complete" else "none")
        if row["number"] == best:
            panel.plot(place, row["value"], "o", color="C1", fillstyle="none", markersize=12)
