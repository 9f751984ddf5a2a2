"""Row R7: a run on one process, then two, then one; and data and states that are damaged, changed or missing.

    torchrun --nproc_per_node 2 -m tests.faults.world_sizes ARGUMENTS

is `python -m train ARGUMENTS` on few samples, with short looks, and writes down what each process was shown. Runs that
go on from a damaged state are started so; elsewhere the two processes are forks, given what torchrun gives its own.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.world_sizes import difference, losses
from tests.faults import damage, shards, trainings
from tests.faults.rows import Found

SAMPLES, BATCH, STEPS = 59, 8, 20
"""Seven batches an epoch, three samples left over; so the changes of processes lie within epochs 0 and 1."""
SITTINGS = ((1, 5), (2, 6), (1, STEPS))
"""Processes, and steps at most."""
NEAR = 1e-5
ORDER = ("vae", *(name for name in trainings.NAMES if name != "vae"))
"""A model in which nothing of a batch depends on its other samples comes first."""
ACROSS_SAMPLES = {
    "bert": "each reply is told from the others of its batch",
    "contrastive": "each sample is told from the others of its batch",
    "stylegan": "its discriminator sees how far the pictures of a batch differ",
    "wavegan": "its discriminator sees how far the sounds of a batch differ",
    "tts": "its noise is as long as the longest clip of a batch, and its timing a mean over phonemes, not frames",
}
"""Models whose loss depends on what else is in a process's batch, besides those with batch norm."""


def drive(folder: Path, rng: random.Random, *, trainers: int, states: int, sets: int) -> Found:
    """Train `trainers` models so, `states` times from a damaged state; spoil `sets` data sets."""
    trainings.prepare([*ORDER[:trainers], shards.LEARNERS["mnist"]])
    failures: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    for name in ORDER[:trainers]:
        found[name], wrong = _in_turns(name, folder / name)
        failures += [f"{name}: {one}" for one in wrong]
    lost = [problem for number in range(states) for problem in _from_a_damaged_state(ORDER[0], folder, number, rng)]
    failures += lost
    tried, wrong = shards.drive(folder / "shards", rng, sets)
    failures += wrong
    near = [name for name, one in found.items() if one["difference"] <= NEAR]
    apart = {name: one["difference"] for name, one in found.items() if name not in near}
    figure = f"each sample once in {sum(one['once'] for one in found.values())} of {trainers} models; "
    figure += f"losses of {len(near)} within {NEAR:g}"
    if apart:
        figure += f", of {len(apart)} whose samples meet in a batch within {max(apart.values()):.2g}"
    figure += f"; {tried - len(wrong)} of {tried} spoilt data named, and "
    figure += f"{states - len(lost)} of {states} spoilt states"
    return Found(figure, failures, {"models": found})


def _in_turns(name: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Train whole, and in turns; what was found, and what is wrong with it."""
    whole, turns = folder / "whole", folder / "turns"
    sittings = [(whole, 1, STEPS), *((turns, processes, steps) for processes, steps in SITTINGS)]
    for place, processes, steps in sittings:
        code, said = _sitting(name, place, processes, "--stop-after", str(steps))
        if code != 0 if steps == STEPS else "; the same command goes on from here" not in said:
            return {"difference": math.inf, "once": False}, [f"{processes} processes: exit code {code}\n{said[-2000:]}"]
    problems = [problem for place in (whole, turns) if (problem := _seen_wrongly(place))]
    far = difference(losses(turns), losses(whole))
    why = _why_apart(name, whole)
    wrong = list(problems)
    if not far <= NEAR and not why:
        wrong.append(f"a loss is {far:.2g} from that of one process")
    if not math.isfinite(far):
        wrong.append("a loss is not finite")
    return {"difference": far, "once": not problems, "why": why}, wrong


def _options(name: str, *more: str) -> list[str]:
    """Of the command line."""
    from train.recipe import preset

    fields = {field.name for field in dataclasses.fields(preset(name, "tiny").config)}
    options = ["--batch-size", str(BATCH), "--steps", str(STEPS), "--log-every", "1", "--snapshots", "0"]
    options += ["--trackers", "none", "--save-every", "4", "--evaluate-every", str(STEPS), *more]
    for field in ("dropout", "state_dropout", "word_dropout"):
        options += [f"--{field.replace('_', '-')}", "0"] if field in fields else []
    return options


def _port() -> int:
    """A free one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _sitting(name: str, folder: Path, processes: int, *more: str) -> tuple[int, str]:
    """Train for some steps, on so many processes; the exit code, and what was said."""
    options, port = _options(name, *more), _port()

    def begin(rank: int) -> None:
        if processes > 1:
            ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
            os.environ |= {key: str(value) for key, value in ranks.items()}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        watch()

    begun = [
        trainings.Training(name, folder, *options, said=f".said-{rank}", spoil=partial(begin, rank))
        for rank in range(processes)
    ]
    ended = [one.finish([]) for one in begun]
    return max(one.code for one in ended), "\n".join(one.said for one in ended)


def _by_torchrun(name: str, folder: Path, *more: str) -> tuple[int, str]:
    """The same in two processes that torchrun starts."""
    words = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(_port())]
    words += ["-m", "tests.faults.world_sizes", *trainings.arguments(name, folder, *_options(name, *more))]
    done = subprocess.run(
        [sys.executable, *words], cwd=trainings.ROOT, env={**os.environ, **trainings.ENVIRONMENT},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    return done.returncode, done.stdout


def _why_apart(name: str, folder: Path) -> str:
    """Why a model's loss on two CPU processes is another than on one; empty where it is not."""
    norms = json.loads((folder / "seen-0.jsonl").read_text().splitlines()[0])["batch norms"]
    return ACROSS_SAMPLES.get(name, "") or ("batch norms, which CPU processes do not share" if norms else "")


def _seen_wrongly(folder: Path) -> str:
    """How what the processes were shown differs from each sample once an epoch, each step once; empty when not."""
    shown: dict[int, list[int]] = {}
    steps: Counter[tuple[int, int]] = Counter()
    for path in sorted(folder.glob("seen-*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            steps[line["step"], line["rank"]] += 1
            shown.setdefault(line["step"], []).extend(line["samples"])
    if sorted(shown) != list(range(STEPS)) or set(steps.values()) != {1}:
        return f"steps were made twice or never: {sorted(steps.items())}"
    epoch = SAMPLES // BATCH
    for number in range(STEPS // epoch):
        seen = Counter(sample for step in range(number * epoch, (number + 1) * epoch) for sample in shown[step])
        if len(seen) != epoch * BATCH or set(seen.values()) != {1}:
            return f"epoch {number}: {len(seen)} of {epoch * BATCH} samples, up to {max(seen.values())} times"
    return ""


def _from_a_damaged_state(name: str, folder: Path, number: int, rng: random.Random) -> list[str]:
    """Two processes that find the newest state damaged go on from the one before, to the same losses."""
    whole, run = folder / name / "whole", folder / f"damaged-{number}"
    _sitting(name, run, 1, "--stop-after", "9")
    newest = sorted((run / "state").glob("step-*"))[-1]
    spoil = rng.choice((damage.flip, damage.cut, damage.zero, damage.empty, damage.remove))
    spoil(newest, rng)
    title = f"{name}, {newest.name} spoilt by {spoil.__name__}"
    code, said = _by_torchrun(name, run)
    if code:
        return [f"{title}: exit code {code}\n{said[-2000:]}"]
    if f"{newest.name} is damaged and is not used" not in said or "resumed at step 8" not in said:
        return [f"{title}: it was not named, or the run did not go on from step 8\n{said[-2000:]}"]
    if not (far := difference(losses(run), losses(whole))) <= NEAR:
        return [f"{title}: a loss is {far:.2g} from that of one process"]
    shutil.rmtree(run)
    return []


class Few:
    """The first samples of a data set."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self.lengths = None if whole.lengths is None else whole.lengths[:SAMPLES]

    def __len__(self) -> int:
        return min(SAMPLES, len(self.whole))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.whole.batch(indices, epoch)
        return found


class Repeated(Few):
    """Of a set with fewer samples, some of them under two numbers."""

    def __init__(self, whole: Any) -> None:
        super().__init__(whole)
        self.lengths = None if whole.lengths is None else np.resize(whole.lengths, SAMPLES)

    def __len__(self) -> int:
        return SAMPLES

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        return super().batch(indices % len(self.whole), epoch)


def watch() -> None:
    """Have this process train on few samples; what it is shown is written beside the run's state."""
    from torch import nn

    from train.loop import Run

    begin, plain = Run.__init__, Run.step

    def begin_with_few(self: Any, *given: Any, **settings: Any) -> None:
        begin(self, *given, **settings)  # the model is built from all
        self.train_data = (Few if len(self.train_data) >= SAMPLES else Repeated)(self.train_data)
        self.steps_per_epoch = SAMPLES // BATCH

    def step(self: Any) -> Any:
        rank, shown, batch = self.accelerator.process_index, [], self.train_data.batch

        def watched(indices: np.ndarray, epoch: int = 0) -> Any:
            shown.extend(int(index) for index in indices)
            return batch(indices, epoch)

        self.train_data.batch = watched
        try:
            figures = plain(self)
        finally:
            del self.train_data.batch
        parts = [part for network in self.update.modules.values() for part in network.modules()]
        norms = sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in parts)
        line = {"step": self.progress["step"], "rank": rank, "samples": shown, "batch norms": norms}
        with open(self.folder / f"seen-{rank}.jsonl", "a") as out:
            out.write(json.dumps(line) + "\n")
        return figures

    Run.__init__, Run.step = begin_with_few, step  # type: ignore[method-assign]


if __name__ == "__main__":
    from train.__main__ import main

    trainings.look_briefly()
    watch()
    sys.exit(main())
