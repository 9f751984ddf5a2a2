"""Text models side by side, from what their checkpoints say of their training; and the recurrent step beside torch's.

    python tests/bench/text_models.py [NAME_OR_FOLDER ...] [--minutes 5 10 20]
    python tests/bench/text_models.py --speed

Without names: all bundled checkpoints that write prose. The first table has a row a model: parameters, minutes of
training, tokens read, and its figures on the test split. The second is its loss on the validation split by minutes of
training, so that models of other kinds compare at equal time: the best so far at the last evaluation before.
`--speed` times a forward and backward pass of the presets' recurrent layers and of `torch.nn.LSTM` and `torch.nn.GRU`
with the same sizes, in seconds of the CPU, for the machine may be busy.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import hub
from zoo.checkpoint import read_json

COLUMNS = ("loss", "perplexity", "bits a character", "bits a byte", "distinct-1", "distinct-2", "distinct-3")
"""Figures of the first table."""
MINUTES = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0)


@dataclass(frozen=True)
class Course:
    """A model's training: minutes and validation loss, in bits a character where it has them, at each evaluation.

    Minutes are the processor's where the recipe's record has them, else the clock's.
    """

    name: str
    parameters: int
    minutes: float
    tokens: int
    figures: dict[str, float]
    curve: tuple[tuple[float, float], ...]

    def best_at(self, minutes: float) -> float:
        """The best so far after so many minutes; nan before the first evaluation, or where training was over."""
        reached = [value for at, value in self.curve if at <= minutes]
        return min(reached) if reached and minutes <= self.minutes else math.nan


def course_of(folder: Path) -> Course:
    """What a checkpoint folder says of its training."""
    recipe, metrics, curves = (
        read_json(folder / name) for name in ("recipe.json", "metrics.json", "timeline/curves.json")
    )
    settings, steps = recipe["settings"], recipe["steps"]
    minutes = (recipe.get("cpu_seconds") or recipe["wall_seconds"]) / 60
    window = settings["config"].get("window", settings["config"]["context_length"])
    size = settings["batch_size"] * settings["accumulation"] * window
    found = curves["curves"]
    points = found.get("validation/bits a character", found.get("validation/loss", []))
    curve = tuple((step / curves["steps"] * minutes, value) for step, value in points)
    figures = {figure["name"]: figure["value"] for figure in metrics["figures"]}
    return Course(folder.name, recipe["parameters"], minutes, steps * size, figures, curve)


def table(courses: list[Course], minutes: tuple[float, ...]) -> str:
    """Both tables, as Markdown."""
    heads = ("model", "parameters", "minutes", "tokens read", *COLUMNS)
    rows = [
        (
            c.name,
            f"{c.parameters:,}",
            f"{c.minutes:.1f}",
            f"{c.tokens / 1e6:.1f} M",
            *(f"{c.figures[name]:.3f}" if name in c.figures else "" for name in COLUMNS),
        )
        for c in courses
    ]
    times = ("model", *(f"{m:g} min" for m in minutes))
    losses = [(c.name, *("" if math.isnan(v) else f"{v:.3f}" for v in map(c.best_at, minutes))) for c in courses]
    title = "Bits a character on the validation split, by minutes of training:"
    return f"{_markdown(heads, rows)}\n\n{title}\n\n{_markdown(times, losses)}"


def _markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ("---",) * len(heads), *rows))


def bundled() -> list[Path]:
    """Checkpoints that write prose and say what their training was like."""
    from zoo.entry import TEXT_GENERATION
    from zoo.generate import library
    from zoo.generate.text import is_verse

    names = [name for name in library.choices(TEXT_GENERATION) if not is_verse(name)]
    return [folder for name in names if (folder := hub.PRETRAINED / name).joinpath("timeline/curves.json").is_file()]


def speed() -> None:
    """Tokens a second of the CPU, forward and backward, of our layers and torch's."""
    import torch
    from torch import Tensor, nn

    from train.recipe import course
    from zoo import runtime
    from zoo.models.text.rnn import RNN

    torch.set_num_threads(1)
    runtime.keep_memory()
    print("| layers | precision | tokens/s of the CPU | torch's | of torch's |\n| --- | --- | --- | --- | --- |")
    for preset in ("shakespeare-lstm", "shakespeare-gru"):
        recipe = course("rnn").presets[preset]
        config, rows = recipe.config, recipe.batch_size
        ours = RNN(config).eval()
        kind = nn.LSTM if config.cell == "lstm" else nn.GRU
        theirs = kind(config.embedding_dim, config.hidden_dim, config.num_layers)
        x = torch.randn(config.window, rows, config.embedding_dim, requires_grad=True)

        def layers(x: Tensor, model: Any = ours) -> Tensor:
            state, after = model.start(x.shape[1]), 0
            for layer in model.layers:
                x, grown = layer(x, state[after : after + layer.state_size])
                after += len(grown)
            return x

        for half in (False, True):
            given = x.to(torch.bfloat16) if half else x

            def oracle(x: Tensor, model: Any = theirs, half: bool = half) -> Tensor:
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    return model(x)[0]

            found = [rows * config.window / _seconds(run, given) for run in (layers, oracle)]
            print(
                f"| {config.num_layers} x {config.cell} of {config.hidden_dim} | {'bf16' if half else 'fp32'} | "
                f"{found[0]:,.0f} | {found[1]:,.0f} | {found[0] / found[1]:.2f} |",
                flush=True,
            )


def _seconds(run: Any, given: Any) -> float:
    """Least time of the CPU for a forward and backward pass."""
    times = []
    for _ in range(4):
        begun = time.process_time()
        run(given).float().square().mean().backward()
        times.append(time.process_time() - begun)
    return min(times)


def main() -> None:
    """Print the tables, or the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="bundled names or checkpoint folders")
    parser.add_argument("--minutes", type=float, nargs="+", default=MINUTES)
    parser.add_argument("--speed", action="store_true", help="time the recurrent layers instead")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    folders = [Path(n) if Path(n).is_dir() else hub.PRETRAINED / n for n in given.names] or bundled()
    print(table([course_of(folder) for folder in folders], tuple(given.minutes)))


if __name__ == "__main__":
    main()
