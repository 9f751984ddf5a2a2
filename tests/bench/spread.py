"""How far the figures of a recipe lie apart by seed, and how recipes compare at equal steps.

    python tests/bench/spread.py FAMILY [PRESET ...] [--steps N] [--seeds 3]

Trains each preset with as many seeds, by default for all its steps, and prints a JSON line a run: the recipe's metric
on the validation split at the end, and the processor's time. Nothing is kept. ZOO_DATA names the data; without it the
bundled sample serves, to try the script.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from train.loop import Run  # noqa: E402
from train.recipe import Recipe, course  # noqa: E402


def short(family: str, preset: str, steps: int | None, seed: int, **changes: Any) -> Recipe:
    """A preset's recipe for so many steps, or all of its own, evaluated once at the end; nobody is told of it."""
    recipe: Recipe = course(family).presets[preset]
    count = steps or recipe.steps
    return replace(
        recipe,
        steps=count,
        evaluate_every=count,
        save_every=count,
        snapshots=0,
        trackers="none",
        seed=seed,
        sample=not os.environ.get("ZOO_DATA"),
        **changes,
    )


@contextmanager
def trained(family: str, preset: str, recipe: Recipe) -> Iterator[tuple[Run, list[dict[str, float]]]]:
    """A finished run on the CPU with the lines of its log, in a folder that lasts as long as the context."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(course(family), preset, recipe, Path(folder), cpu=True)
        if code := run.train(resume=False):
            raise SystemExit(code)
        yield run, [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def last(lines: list[dict[str, float]], key: str) -> float | None:
    """The last logged value of a figure, None where none was."""
    return next((line[key] for line in reversed(lines) if key in line), None)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family")
    parser.add_argument("presets", nargs="*", metavar="preset", help="the family's first without any")
    parser.add_argument("--steps", type=int, help="the preset's own without it")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    known = course(arguments.family).presets
    if unknown := set(arguments.presets) - set(known):
        parser.error(f"{arguments.family} has no preset {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    for preset in arguments.presets or [next(iter(known))]:
        for seed in range(arguments.seeds):
            recipe = short(arguments.family, preset, arguments.steps, seed)
            begun = time.process_time()
            with trained(arguments.family, preset, recipe) as (_, lines):
                found = {"metric": recipe.metric, "validation": last(lines, f"validation/{recipe.metric}")}
            spent = round(time.process_time() - begun, 1)
            line = {"family": arguments.family, "preset": preset, "seed": seed, "steps": recipe.steps}
            print(json.dumps(line | found | {"cpu_seconds": spent}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
