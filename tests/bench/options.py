"""What the options of recipes do, and how far a figure moves with the seed: short runs, really trained and measured.

    ZOO_DATA=... python tests/bench/options.py effects [--folder F]     regularisation, schedule, average, augmentation
    ZOO_DATA=... python tests/bench/options.py seeds [--folder F]       three seeds of one model of each family

One JSON line a row: the figure of each seed, their mean and their spread (largest less smallest). Runs are kept in the
folder, so a killed measurement goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from train.loop import DONE, Run
from train.recipe import Recipe, course
from zoo import verify
from zoo.data.load import load
from zoo.models.image.dcgan import DCGANConfig
from zoo.models.text.gpt import GPTConfig


@dataclass(frozen=True)
class Row:
    """One setting of one model, and the figure that is read."""

    name: str
    model: str
    recipe: Recipe
    figure: str
    seeds: int


def text(**changes: Any) -> Recipe:
    """A small GPT on the 30 kB of the bundled sample, which it can learn by heart: regularisation matters."""
    base = course("gpt").presets["shakespeare"]
    config = GPTConfig(context_length=64, num_layers=2, num_heads=4, embedding_dim=128, dropout=0.0)
    algorithm = replace(base.algorithm, learning_rate=3e-3, weight_decay=0.0)
    recipe = replace(
        base, config=config, algorithm=algorithm, sample=True, steps=400, warmup=40, evaluate_every=50, snapshots=0,
        trackers="none", precision="fp32", ema_decay=0.0, schedule="constant",
    )  # fmt: skip
    for name, value in changes.items():
        if name == "dropout":
            recipe = replace(recipe, config=replace(recipe.config, dropout=value))
        elif name == "weight_decay":
            recipe = replace(recipe, algorithm=replace(recipe.algorithm, weight_decay=value))
        else:
            recipe = replace(recipe, **{name: value})
    return recipe


def few_pictures(augment: tuple[str, ...]) -> Recipe:
    """A small DCGAN on the 288 training digits of the bundled sample."""
    base = course("dcgan").presets["mnist"]
    return replace(
        base, config=DCGANConfig(width=24), algorithm=replace(base.algorithm, augment=augment), sample=True, steps=800,
        evaluate_every=800, snapshots=0, trackers="none", save_every=400, metric="judge agreement", better="higher",
    )  # fmt: skip


EFFECTS = [
    *(
        Row(f"gpt, {name}", "gpt", text(**changes), "loss", 2)
        for name, changes in {
            "plain": {},
            "dropout 0.2": {"dropout": 0.2},
            "weight decay 0.3": {"weight_decay": 0.3},
            "cosine schedule": {"schedule": "cosine"},
            "linear schedule": {"schedule": "linear"},
            "averaged weights, 0.98": {"ema_decay": 0.98},
            "dropout, decay, cosine and average": {
                "dropout": 0.2, "weight_decay": 0.3, "schedule": "cosine", "ema_decay": 0.98,
            },
        }.items()
    ),
    Row("dcgan, 288 pictures, as they are", "dcgan", few_pictures(()), "Fréchet distance", 2),
    Row(
        "dcgan, 288 pictures, augmented", "dcgan", few_pictures(("translation", "cutout", "brightness", "contrast")),
        "Fréchet distance", 2,
    ),
]  # fmt: skip


def short(model: str, preset: str, steps: int, **changes: Any) -> Recipe:
    """A preset, cut to `steps`."""
    base = course(model).presets[preset]
    return replace(base, steps=steps, warmup=min(base.warmup, 100), evaluate_every=steps, snapshots=0, trackers="none",
                   save_every=max(1, steps // 4), **changes)  # fmt: skip


SEEDS = [
    Row(
        "adversarial: dcgan.mnist, 400 steps", "dcgan", short("dcgan", "mnist", 400, ema_decay=0.98),
        "judge agreement", 3,
    ),
    Row("variational: vae.mnist, 400 steps", "vae", short("vae", "mnist", 400, ema_decay=0.98), "negative ELBO", 3),
    Row("Transformer: gpt.shakespeare, 150 steps", "gpt", short("gpt", "shakespeare", 150, ema_decay=0.95), "loss", 3),
    Row(
        "autoregressive: wavenet.spoken-digits, 150 steps", "wavenet",
        short("wavenet", "spoken-digits", 150, ema_decay=0.98), "bits a sample", 3,
    ),
    Row("classifier: resnet.mnist, 200 steps", "resnet", short("resnet", "mnist", 200, ema_decay=0.98), "accuracy", 3),
]  # fmt: skip
BUDGET = replace(verify.FULL, likelihoods=1000, importance_samples=1, clips=0, pictures=5000)
"""Full test splits but for likelihoods; the bound needs no importance samples."""


def figure_of(row: Row, seed: int, folder: Path) -> float:
    """Train one seed and measure its best weights on the full test split."""
    recipe = replace(row.recipe, seed=seed)
    run = Run(course(row.model), "short", recipe, folder, cpu=True)
    code = run.train()
    if code != DONE:
        raise SystemExit(f"{row.name}, seed {seed}: ended with {code}")
    run.published.load_state_dict(load_file(folder / "best" / "model.safetensors"))
    subject = verify.Subject(row.model, run.published.eval(), recipe.dataset, run.tokenizer)
    data = load(recipe.dataset, "test", recipe.config, tokenizer=run.tokenizer)
    return next(f.value for f in verify.measure(subject, data, BUDGET) if f.name == row.figure)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("which", choices=["effects", "seeds"])
    made.add_argument("--folder", type=Path, default=Path("runs/options"))
    made.add_argument("--only", default="", help="rows whose name holds this")
    known = made.parse_args()
    rows = [(n, row) for n, row in enumerate(EFFECTS if known.which == "effects" else SEEDS) if known.only in row.name]
    if len(rows) > 1 and len({row.recipe.precision for _, row in rows}) > 1:  # a process has one precision
        for _, row in rows:
            subprocess.run([sys.executable, *sys.argv, "--only", row.name], check=True)
        return
    for number, row in rows:
        folder = known.folder / known.which / f"{number:02d}"
        values = [figure_of(row, seed, folder / str(seed)) for seed in range(row.seeds)]
        print(json.dumps({
            "name": row.name, "figure": row.figure, "split": "test", "values": [round(v, 4) for v in values],
            "mean": round(sum(values) / len(values), 4), "spread": round(max(values) - min(values), 4),
        }, ensure_ascii=False), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
