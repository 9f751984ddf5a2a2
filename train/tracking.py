"""What a run tells: log.jsonl, TensorBoard and the progress bar."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from tqdm import tqdm

from train.recipe import Recipe


class Journal:
    """Writes on the main process alone. A resumed run first drops the lines that it will write again."""

    def __init__(self, folder: Path, accelerator: Accelerator, recipe: Recipe, step: int) -> None:
        self.accelerator, self.main = accelerator, accelerator.is_main_process
        self.sums: dict[str, float] = {}
        self.count, self.seconds = 0, 0.0
        if not self.main:
            return
        path = folder / "log.jsonl"
        kept = []
        if path.exists() and step:
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
        temporary = path.with_suffix(".partial")
        temporary.write_text("".join(line + "\n" for line in kept))
        os.replace(temporary, path)
        self.file = open(path, "a", encoding="utf-8")  # noqa: SIM115  closed by `close`
        accelerator.init_trackers("tensorboard", config={"recipe": json.dumps(asdict(recipe))})

    def step(self, step: int, figures: dict[str, float], samples: int, seconds: float, every: int, bar: Any) -> None:
        """Add one step; every `every` steps write the means."""
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        self.seconds += seconds
        if self.main and isinstance(bar, tqdm):
            bar.update(1)
            bar.set_postfix(
                loss=f"{figures['loss']:.4f}", rate=f"{samples * self.count / self.seconds:.0f}/s", refresh=False
            )
        if step % every == 0:
            means = {name: value / self.count for name, value in self.sums.items()}
            self.write(step, {**means, "samples_per_second": samples * self.count / self.seconds})
            self.sums, self.count, self.seconds = {}, 0, 0.0

    def write(self, step: int, values: dict[str, Any]) -> None:
        """One line of log.jsonl, and the numbers to TensorBoard."""
        if not self.main:
            return
        self.file.write(json.dumps({"step": step, **values}) + "\n")
        self.file.flush()
        self.accelerator.log({k: v for k, v in values.items() if isinstance(v, float | int)}, step=step)

    def close(self) -> None:
        """End the files."""
        if self.main:
            self.file.close()
            self.accelerator.end_training()


def git_commit() -> str:
    """The commit of the code that trained, with a + when files were changed since; empty outside a repository."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changed else "")


def _step_of(line: str) -> int:
    """The step of a line of log.jsonl; a line cut short by a kill counts as never written."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 1 << 62
