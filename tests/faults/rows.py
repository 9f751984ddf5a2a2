"""The reliability table: what may go wrong, a driver that tries it, how often, and what must come out."""

from __future__ import annotations

import importlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Found:
    """What a driver found: its figure in words, failures in full (none when the target was met), and more to read."""

    figure: str
    failures: list[str]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the table. `driver` is module:function under `tests`: (folder, rng, **sizes) -> Found."""

    name: str
    about: str
    target: str
    driver: str
    full: Mapping[str, int] = field(default_factory=dict)
    """Sizes of the whole trial; `python -m tests.faults NAME`."""
    short: Mapping[str, int] = field(default_factory=dict)
    """Sizes for every day; `--short`."""

    def drive(self, folder: Path, seed: int, sizes: Mapping[str, int]) -> Found:
        """Run the driver in an empty folder; the same seed tries the same things."""
        module, _, function = self.driver.partition(":")
        found: Found = getattr(importlib.import_module(f"tests.{module}"), function)(
            folder, random.Random(f"{self.name} {seed}"), **sizes
        )
        return found


ROWS = (
    Row(
        "R1", "random kill -9 of trainings", "all end bit-identical", "faults.resuming:killed",
        {"kills": 200, "processes": 24}, {"kills": 4, "processes": 0, "runs": 2},
    ),
    Row(
        "R2", "SIGTERM and SIGINT at random moments", "saved, exit 75, at most 10 s", "faults.resuming:signalled",
        {"terms": 60, "ints": 20, "runs": 4}, {"terms": 2, "ints": 1, "runs": 1},
    ),
    Row(
        "R3", "disk full, I/O error, read-only at every write", "nothing lost, said in words",
        "faults.resuming:refused", {"every": 1, "runs": 4}, {"every": 101, "runs": 1},
    ),
    Row(
        "R4", "damaged training states", "all named; the one before used", "faults.resuming:damaged",
        {"damages": 1000}, {"damages": 200},
    ),
    Row(
        "R5", "NaN and infinities in 40 places of trainings", "all caught; none in a state, best or published weights",
        "faults.blowups:drive", {"places": 40}, {"places": 4},
    ),
    Row(
        "R6", "20 planted collapses, 20 healthy runs", "at least 19 found, no false alarm", "faults.collapses:drive",
        {"planted": 20, "trained": 20, "healthy": 20, "trained_healthy": 4},
        {"planted": 20, "trained": 0, "healthy": 20, "trained_healthy": 0},
    ),
    Row(
        "R7", "one process, then two, then one; spoilt data and states",
        "each sample once an epoch; losses within 1e-5 of one process; what is spoilt named",
        "faults.world_sizes:drive", {"trainers": 24, "states": 4, "sets": 14}, {"trainers": 1, "states": 0, "sets": 3},
    ),
    Row(
        "R8", "the same seed in a fresh process", "equal hashes, every trainer; others of another seed",
        "faults.same_seed:drive", {"trainers": 24}, {"trainers": 1},
    ),
    Row(
        "R9", "pickles offered to every load path", "0 opened", "faults.pickles:offered",
        {"disguises": 10}, {"disguises": 3},
    ),
    Row(
        "R10", "25 kinds of malicious config", "refused in 0.1 s, nothing built", "faults.configs:refused",
        {"models": 24}, {"models": 1},
    ),
    Row(
        "R11", "mutated weight files", "0 crashes, hangs or wrong loads", "faults.mutations:mutated",
        {"files": 100_000}, {"files": 1500},
    ),
    Row(
        "R12", "a Hub that lies, in 16 ways and more", "right bytes or a message within 5 s; nothing outside the cache",
        "faults.lying_hub:lied_to", {"tries": 1000}, {"tries": 1},
    ),
    Row(
        "R13", "fuzzed calls", "no server error, leak or dead worker; every refusal says why", "faults.fuzz:fuzzed",
        {"calls": 10_000}, {"calls": 300},
    ),
    Row(
        "R14", "abusive pictures and sounds", "right result or a reason; +64 MB and 0.5 s at most; 0 subprocesses",
        "faults.media:read",
    ),
    Row(
        "R15", "a flood of sessions while ten wait", "the ten finish; a newcomer is served in 2 s",
        "load.crowd:flood", {"sessions": 900, "waiting": 10}, {"sessions": 120, "waiting": 10},
    ),
    Row(
        "R16", "a handler dies in every possible way", "a message in 1 s, or exit in 10 s", "faults.deaths:dead",
        {"kills": 1000}, {"kills": 2, "raised": 12},
    ),
    Row(
        "R17", "64 visitors at once on 2 cores, 10 minutes; then 200 in the same moment",
        "0 errors; p95 at most 1.25 x visitors x service time; all told at once", "load.crowd:users",
        {"users": 64, "seconds": 600, "crowd": 200}, {"users": 16, "seconds": 8, "crowd": 200, "kinds": 4},
    ),
    Row(
        "R18", "2,000 calls of each endpoint", "memory +5 % at most after warm-up; files and threads flat",
        "load.memory:flat", {"calls": 2000, "warm": 100, "endpoints": 12, "every": 50},
        {"calls": 24, "warm": 6, "endpoints": 6, "every": 2},
    ),
    Row(
        "R19", "visitors who press Stop or hang up in long runs", "stops in 0.5 s; never more at once than allowed",
        "load.leaving:left", {"leaving": 200}, {"leaving": 6, "kinds": 2},
    ),
    Row(
        "R20", "every model in one process with room for a few", "least recently used goes first; same answers; 2 GB",
        "faults.cache:held", {"models": 100, "rounds": 4}, {"models": 12, "rounds": 2},
    ),
    Row(
        "R21", "script injection and outside requests, in Chromium", "0 run, 0 made", "faults.injection:attacked",
        {"payloads": 100, "pages": 100, "languages": 2}, {"payloads": 1, "pages": 1, "languages": 1},
    ),
    Row(
        "R22", "canary secrets", "0 found", "faults.canaries:sought",
        {"results": 4, "trainings": 2, "history": 1}, {"results": 2, "trainings": 1, "history": 0},
    ),
    Row(
        "R23", "restarts under load, no network", "exit 0 in 12 s; finished or told; a page in 20 s",
        "load.restarts:restarted", {"times": 10, "visitors": 8}, {"times": 1, "visitors": 6},
    ),
    Row("R24", "dependency floors", "0 below", "faults.floors:checked"),
)  # fmt: skip
"""In order."""
