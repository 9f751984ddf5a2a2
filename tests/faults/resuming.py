"""Rows R1 to R4: trainings that are killed, stopped, refused a write, or find their states damaged."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tests.faults import damage, signals, syscalls, trainings, writes
from tests.faults.kills import drive as drive_kills
from tests.faults.kills import drive_processes
from tests.faults.rows import Found
from tests.faults.trainings import NAMES

_SLOWEST = 10.0
"""Seconds that a training may take to save and leave."""


def _references(folder: Path, count: int) -> dict[str, Any]:
    """What undisturbed runs of the first so many trainings leave. Raises RuntimeError where nothing can be watched."""
    if not syscalls.available():
        raise RuntimeError("this system does not let a process watch another's system calls (Linux 5.5 or later)")
    trainings.prepare(NAMES[:count])
    return {name: trainings.reference(name, folder / f"reference-{name}") for name in NAMES[:count]}


def killed(folder: Path, rng: random.Random, *, kills: int, processes: int, runs: int = len(NAMES)) -> Found:
    """Runs killed at random moments, some of them again and again, and whole processes of `python -m train`."""
    found = drive_kills(folder, rng, _references(folder, runs), kills)
    reports = [found, drive_processes(folder, rng, list(NAMES[:runs]), processes)] if processes else [found]
    identical, landed = (sum(report[key] for report in reports) for key in ("identical", "kills"))
    failures = [failure for report in reports for failure in report["failures"]]
    return Found(f"{identical} of {kills + processes} identical ({landed} kills)", failures, {"reports": reports})


def signalled(folder: Path, rng: random.Random, *, terms: int, ints: int, runs: int = len(NAMES)) -> Found:
    """Runs told to stop: exit code 75, within ten seconds, and the same end after going on."""
    found = signals.drive(folder, rng, _references(folder, runs), terms, ints)
    failures = list(found["failures"])
    if found["slowest, seconds"] > _SLOWEST:
        failures.append(f"the slowest took {found['slowest, seconds']} s to leave")
    figure = f"{found['identical']} of {terms + ints} saved and identical; {found['slowest, seconds']} s at most"
    return Found(figure, failures, found)


def refused(folder: Path, rng: random.Random, *, every: int, runs: int = len(NAMES)) -> Found:
    """Each `every`-th operation on files fails: no space, an I/O error, or read-only."""
    found = writes.drive(folder, _references(folder, runs), rng.randrange(every), every)
    kept = found["said in words, nothing lost, then identical"]
    return Found(f"{kept} of {found['writes refused']} said in words, nothing lost", found["failures"], found)


def damaged(folder: Path, rng: random.Random, *, damages: int) -> Found:
    """States flipped, cut, zeroed, swapped or missing."""
    found = damage.drive(folder, rng, damages)
    figure = f"{found['refused by name, the one before used']} of {damages} named, the one before used"
    return Found(figure, found["failures"], found)
