"""SIGTERM and SIGINT at random moments: exit code 75 within ten seconds, a whole state, and the same end later."""

from __future__ import annotations

import random
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults import trainings
from tests.faults.kills import attempt, judge, plan
from tests.faults.trainings import PHASES, Ended

INTERRUPTED = 75
SECONDS = 10.0
_NOTHING_YET = "train: stopped; the same command goes on"
"""What a training says that had not begun, or had ended, when the signal came."""
_IGNORED = re.compile(r"^Exception ignored from cffi .*\nTraceback.*\n( .*\n)*train.signals.Interrupted.*\n", re.M)
"""What cffi says where a signal meets a callback of C code; the run stops all the same."""


def drive(base: Path, rng: random.Random, references: dict[str, Any], terms: int, ints: int) -> dict[str, Any]:
    """Stop runs by so many SIGTERMs and SIGINTs; returns what is to be reported."""
    landed: Counter[str] = Counter()
    waits, failures, first = [], [], 0
    names = list(references)
    plans = {name: plan(name, base) for name in names}
    for number, sent in enumerate([signal.SIGTERM] * terms + [signal.SIGINT] * ints):
        name = names[number % len(names)]
        folder = base / f"signal-{number:04d}"
        ended = attempt(name, folder, sent, rng, *plans[name])
        while not ended.where:  # it was done before
            trainings.discard(folder)
            ended = attempt(name, folder, sent, rng, *plans[name])
        landed[ended.where] += 1
        waits.append(ended.waited)
        title, story = f"{name} {number} {sent.name}", [f"{ended.where} after {ended.seconds:.2f} s"]
        wrong = _stopped(ended, folder)
        if wrong:
            failures.append(f"{title}, in {story[0]}: {wrong}\n{ended.said[-1500:]}")
            continue
        first += ended.code == INTERRUPTED
        failures += judge(title, trainings.undisturbed(name, folder), story, references[name], folder)
    return {
        "SIGTERMs": terms,
        "SIGINTs": ints,
        "landed": {phase: landed[phase] for phase in PHASES if landed[phase]},
        "exit code 75": first,
        "already at the end": terms + ints - first - len(failures),
        "slowest, seconds": round(max(waits), 2),
        "median, seconds": round(sorted(waits)[len(waits) // 2], 2),
        "identical": terms + ints - len(failures),
        "failures": failures,
    }


def _stopped(ended: Ended, folder: Path) -> str:
    """What is wrong with the way in which a run was stopped; empty when nothing is."""
    from train import state as states

    if ended.waited > SECONDS:
        return f"it took {ended.waited:.1f} s to end"
    if "Traceback" in _IGNORED.sub("", ended.said):
        return "a traceback"
    if ended.code == 0 and ended.where == "start" and ended.waited > 1.0:
        return "it went on to its end"
    if ended.code == 0 and "the checkpoint is" in ended.said:  # the signal came after the last thing it had to do
        return ""
    if ended.code != INTERRUPTED:
        return f"exit code {ended.code}"
    if _NOTHING_YET not in ended.said and states.load(folder / "state") is None:
        return "no state was saved"
    return ""
