"""A training's course in a dozen small snapshots of fixed noise, and its curves."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import nn

from zoo.checkpoint import write_json
from zoo.generate.sheet import write_snapshot

POINTS = 200
"""At most so many points of a curve are kept."""


def moments(steps: int, count: int) -> list[int]:
    """Steps of the snapshots: from 0 to the last, closer together at the start, where most happens."""
    return sorted({round(steps * (k / (count - 1)) ** 2) for k in range(count)}) if count > 1 else []


def snapshot(folder: Path, step: int, name: str, model: nn.Module, tokenizer: Any, data: Any) -> Path:
    """Write the snapshot of `step`, whole or not at all; returns its path."""
    twin = deepcopy(model).cpu().eval()  # sampling is written for the CPU; the run's own network stays where it is
    written = write_snapshot(name, twin, folder / f".partial-{step:08d}", tokenizer, data)
    final = folder / f"{step:08d}{written.suffix}"
    os.replace(written, final)
    return final


def curves(log: Path) -> dict[str, list[list[float]]]:
    """Figure -> [[step, value], ...] from log.jsonl, numbers alone, thinned evenly to at most `POINTS`."""
    found: dict[str, list[list[float]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        for key, value in entry.items():
            if key not in ("step", "samples_per_second") and isinstance(value, int | float) and key != "best":
                found.setdefault(key, []).append([entry["step"], float(f"{value:.4g}")])
    return {name: _thin(points) for name, points in found.items()}


def _thin(points: list[list[float]]) -> list[list[float]]:
    """Every so many-th point, the last among them."""
    apart = -(-len(points) // POINTS)
    return points[::-1][::apart][::-1]


def publish(run_folder: Path, folder: Path, *, steps: int, metric: str, better: str) -> None:
    """Copy a run's snapshots to `folder` and write its curves.json."""
    folder.mkdir(parents=True)
    for path in sorted((run_folder / "timeline").glob("[0-9]*.*")):
        (folder / path.name).write_bytes(path.read_bytes())
    write_json(
        folder / "curves.json",
        {"steps": steps, "metric": metric, "better": better, "curves": curves(run_folder / "log.jsonl")},
    )
