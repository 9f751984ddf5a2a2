"""What the path-length penalty does: the same short training of a StyleGAN with it and without, seed by seed.

    python tests/bench/path_length.py [--steps 2000] [--seeds 3] [--penalties 0 2 ...]

A JSON line for each run: the perceptual path length in the features of the data set's pinned judge (lower is smoother),
and the Fréchet distance on the validation split, which says what that costs. The networks are smaller than the
preset's, so that a run takes minutes. ZOO_DATA names the data; without it the bundled sample serves, to try the script.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace

import torch
from spread import last, short, trained

from train.recipe import Recipe, course
from zoo import verify
from zoo.metrics.judges import judge_of
from zoo.verify.images import style_path_length

PRESET = "fashion-mnist"
LINES = 2000
"""Lines between styles, over which a path length is the mean."""


@dataclass(frozen=True)
class Found:
    """What one training comes to."""

    path_length: float
    frechet_distance: float
    penalty_logged: float
    """The variance of the generator's path lengths at the end."""


def narrow(steps: int, seed: int, penalty: float) -> Recipe:
    """The preset's recipe at half the width, for so many steps."""
    full: Recipe = course("stylegan").presets[PRESET]
    return short(
        "stylegan",
        PRESET,
        steps,
        seed,
        config=replace(full.config, width=16, max_width=64, style_dim=64),
        algorithm=replace(full.algorithm, path_penalty=penalty),
    )


def measured(recipe: Recipe) -> Found:
    """Train and measure; nothing is kept."""
    judge = judge_of(recipe.dataset)
    if judge is None:
        raise ValueError(f"{recipe.dataset} has no pinned judge, and a perceptual distance is a judge's")
    with trained("stylegan", PRESET, recipe) as (run, lines), torch.no_grad():
        length = style_path_length(run.published.eval(), verify.judge_network(judge), LINES)
    distance = last(lines, f"validation/{recipe.metric}")
    assert distance is not None
    return Found(length, distance, last(lines, "path_penalty") or 0.0)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--penalties", type=float, nargs="+", help="weights; 0 and the preset's without any")
    arguments = parser.parse_args()
    usual = course("stylegan").presets[PRESET].algorithm.path_penalty
    for penalty in arguments.penalties or (0.0, usual):
        for seed in range(arguments.seeds):
            begun = time.process_time()
            found = measured(narrow(arguments.steps, seed, penalty))
            line = {"penalty": penalty, "seed": seed, "steps": arguments.steps, **asdict(found)}
            print(json.dumps(line | {"cpu_seconds": round(time.process_time() - begun, 1)}), flush=True)


if __name__ == "__main__":
    main()
