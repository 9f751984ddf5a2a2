"""Row R8: the same command in another process leaves the same bytes; with another seed it leaves others."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faults import trainings
from tests.faults.rows import Found
from tests.faults.trainings import NAMES

_AT_ONCE = 2
_SEEDS = (1000, 1_000_000)


def drive(folder: Path, rng: random.Random, *, trainers: int) -> Found:
    """Train each of so many models three times, each time in a process of its own: a seed twice, and another once."""
    names = NAMES[:trainers]
    jobs = []
    for name in names:
        seed, other = rng.sample(range(*_SEEDS), 2)
        jobs += [(name, seed, "once"), (name, seed, "again"), (name, other, "other")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        left = dict(zip(jobs, pool.map(lambda job: _left_by(folder, *job), jobs), strict=True))
    failures, equal = [], 0
    for number, name in enumerate(names):
        once, again, other = jobs[3 * number : 3 * number + 3]
        wrong = _compared(left[once], left[again], left[other])
        equal += not wrong
        failures += [f"{name}, seeds {once[1]} and {other[1]}: {words}" for words in wrong]
    compared = sum(len(left[job]) for job in jobs if job[2] == "once" and isinstance(left[job], dict))
    figure = f"{equal} of {trainers} trainers leave equal hashes ({compared:,} tensors, files and logs), and others of "
    return Found(f"{figure}another seed", failures)


def _left_by(folder: Path, name: str, seed: int, which: str) -> dict[str, Any] | str:
    """What a training leaves, or how it failed."""
    run = folder / f"{name}-{which}"
    process = trainings.fresh("tests.faults.trainings", name, run, "--seed", str(seed))
    said, _ = process.communicate()
    if process.returncode:
        return f"exit code {process.returncode}\n{said[-1500:]}"
    found = trainings.left_by(run)
    trainings.discard(run)
    return found


def _compared(once: dict[str, Any] | str, again: dict[str, Any] | str, other: dict[str, Any] | str) -> list[str]:
    """What is wrong with three runs, two of them of one seed."""
    for one in (once, again, other):
        if isinstance(one, str):
            return [one]
    assert isinstance(once, dict) and isinstance(again, dict) and isinstance(other, dict)
    wrong = []
    if differing := trainings.differences(once, again):
        wrong.append(f"the same seed leaves other {', '.join(differing[:8])}")
    weights = [name for name in once if name.endswith("model.safetensors")]
    if len(weights) < 2:
        wrong.append(f"only {weights} were left: no best or no published weights")
    same = [name for name in (*weights, "log.jsonl") if name in other and once[name] == other[name]]
    if same:
        wrong.append(f"another seed leaves the same {', '.join(same)}")
    return wrong
