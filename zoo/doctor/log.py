"""A run folder as evidence: run.json, and log.jsonl as curves."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINES = 8
"""Points that a curve of training needs before its course is judged: fewer make medians of a quarter meaningless."""


class Unmeasured(Exception):
    """A check lacks its evidence; the message names the figure, or says how much of it there is."""


@dataclass(frozen=True)
class Curve:
    """One figure over a run: steps, ascending, and finite values."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]

    def since(self, step: float) -> Curve:
        """The part from `step` on; never empty, the last point always belongs to it."""
        first = next(i for i, s in enumerate(self.steps) if s >= step or s == self.steps[-1])
        return Curve(self.name, self.steps[first:], self.values[first:])

    def last(self, share: float) -> Curve:
        """The part over the last `share` (0 to 1) of the steps."""
        return self.since(self.steps[-1] - share * (self.steps[-1] - self.steps[0]))

    @property
    def median(self) -> float:
        """Of the values: one outlier moves it little."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Log:
    """What a run folder says. `run` is run.json; absent fields are None by `number` and `option`."""

    run: dict[str, Any]
    curves: dict[str, Curve]
    lists: dict[str, tuple[int, list[float]]]
    """Figures that are lists, as (step, values) of their last line."""
    events: list[dict[str, Any]]
    broken: list[tuple[int, str]]
    """(step, name) of the figures that were NaN or infinite."""

    @property
    def step(self) -> int:
        """The last step that any line speaks of."""
        steps = [c.steps[-1] for c in self.curves.values()] + [e["step"] for e in self.events]
        return max(steps + [step for step, _ in self.broken], default=0)

    @property
    def adversarial(self) -> bool:
        """Whether a discriminator was trained."""
        return "discriminator_loss" in self.curves

    def curve(self, name: str, lines: int = LINES) -> Curve:
        """The curve of `name`. Raises Unmeasured when it is missing or has fewer points than `lines`."""
        found = self.curves.get(name)
        if found is None:
            raise Unmeasured(name)
        if len(found.steps) < lines:
            raise Unmeasured(f"{name} ({len(found.steps)} < {lines})")
        return found

    def number(self, name: str) -> float:
        """A positive number of run.json. Raises Unmeasured without it."""
        value = self.run.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
            raise Unmeasured(name)
        return value

    def option(self, name: str) -> Any:
        """A setting of the recipe, wherever it stands in it: its own, its config's or its algorithm's; None without."""
        settings = self.run.get("settings")
        for place in (settings, *(settings.get(k) for k in ("config", "algorithm"))) if settings else ():
            if isinstance(place, dict) and name in place:
                return place[name]
        return None


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} holds a {type(found).__name__}; it must be an object")
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one cut short at its end, by a kill in the middle of a write, counts as never written."""
    found = []
    texts = path.read_text(encoding="utf-8").split("\n")
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = _object(text, f"line {number} of {path}")
        except ValueError:
            if number == len(texts):
                break
            raise
        if not isinstance(line.get("step"), int) or isinstance(line["step"], bool):
            raise ValueError(f"line {number} of {path} has no whole number as its step: {text[:60]}")
        found.append(line)
    return found


def read(folder: Path) -> Log:
    """Read a run folder. Raises ValueError or OSError saying what is wrong with it."""
    for name in ("run.json", "log.jsonl"):
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder} has no {name}; a run is a folder that `python -m train NAME --out FOLDER` wrote"
            )
    try:
        run = _object((folder / "run.json").read_text(encoding="utf-8"), str(folder / "run.json"))
        if not isinstance(run.get("settings", {}), dict):
            raise ValueError(f"settings in {folder / 'run.json'} must be an object of options")
        lines = _lines(folder / "log.jsonl")
    except UnicodeDecodeError as error:
        raise ValueError(f"the files of {folder} are not UTF-8: {error}") from error
    if not lines:
        raise ValueError(f"{folder / 'log.jsonl'} has no line yet: let the run write one")
    points: dict[str, dict[int, float]] = {}
    lists: dict[str, tuple[int, list[float]]] = {}
    events, broken = [], []
    for line in lines:
        step = line["step"]
        if "event" in line:
            events.append(line)
            continue
        for name, value in line.items():
            if name in ("step", "best"):
                continue
            if isinstance(value, list) and all(isinstance(v, int | float) and math.isfinite(v) for v in value):
                lists[name] = (step, [float(v) for v in value])
            elif isinstance(value, int | float) and math.isfinite(value):
                points.setdefault(name, {})[step] = float(value)  # a step written again after a return: the last counts
            elif value is None or isinstance(value, int | float | list):
                broken.append((step, name))
    curves = {}
    for name, found in points.items():
        steps = tuple(sorted(found))
        curves[name] = Curve(name, steps, tuple(found[step] for step in steps))
    return Log(run, curves, lists, events, broken)
