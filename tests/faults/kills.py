"""kill -9 at random moments: every run, killed one to three times and started again, ends as one never killed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults import trainings
from tests.faults.trainings import PHASES, Ended, phase_of


def drive(base: Path, rng: random.Random, references: dict[str, Any], runs: int) -> dict[str, Any]:
    """Kill `runs` runs of forked trainings; returns what is to be reported."""
    landed: Counter[str] = Counter()
    torn, failures = 0, []
    names = list(references)
    plans = {name: plan(name, base) for name in names}
    for number in range(runs):
        name = names[number % len(names)]
        folder = base / f"kill-{number:04d}"
        wanted, story = rng.choice((1, 1, 2, 3)), []
        while len(story) < wanted:
            ended = attempt(name, folder, signal.SIGKILL, rng, *plans[name])
            if ended.code != -signal.SIGKILL and story:
                break
            if ended.code != -signal.SIGKILL:  # it was done before; a run that was never killed shows nothing
                trainings.discard(folder)
                continue
            landed[ended.where] += 1
            torn += any(folder.rglob(".*/*"))  # something of a folder that was being written
            story.append(f"{ended.where} after {len(ended.operations) or 'some'} operations and {ended.seconds:.2f} s")
        else:
            ended = trainings.undisturbed(name, folder)
        failures += judge(f"{name} {number}", ended, story, references[name], folder)
    return _report(runs, landed, torn, failures)


def drive_processes(base: Path, rng: random.Random, names: list[str], runs: int) -> dict[str, Any]:
    """Kill `runs` processes of `python -m train` once each, as it is; returns what is to be reported."""
    landed: Counter[str] = Counter()
    torn, failures = 0, []
    whole: dict[str, tuple[float, dict[str, Any]]] = {}
    for number in range(runs):
        name = names[number % len(names)]
        if name not in whole:
            begun = time.monotonic()
            left = trainings.reference(name, base / f"whole-{name}", "train")
            whole[name] = time.monotonic() - begun, left
        folder = base / f"process-{number:04d}"
        process = trainings.fresh("train", name, folder)
        moment = rng.uniform(0.3, 0.95) * whole[name][0]
        try:
            said, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            landed["a process of its own"] += 1
            torn += any(folder.rglob(".*/*"))
            process = trainings.fresh("train", name, folder)
            said, _ = process.communicate()
        story = [f"a process after {moment:.2f} s"]
        failures += judge(f"{name} {number}", Ended(process.returncode, said, 0.0), story, whole[name][1], folder)
    return _report(runs, landed, torn, failures)


def _report(runs: int, landed: Counter[str], torn: int, failures: list[str]) -> dict[str, Any]:
    return {
        "runs": runs,
        "kills": landed.total(),
        "landed": {phase: landed[phase] for phase in (*PHASES, *sorted(landed.keys() - set(PHASES))) if landed[phase]},
        "left a half-written folder": torn,
        "identical": runs - len(failures),
        "failures": failures,
    }


def plan(name: str, base: Path) -> tuple[float, dict[str, list[int]]]:
    """The seconds that a training takes, and its operations' numbers by phase."""
    ended = trainings.watched(name, base / f"plan-{name}", lambda operation: 0)
    numbers: dict[str, list[int]] = {}
    for number, operation in enumerate(ended.operations):
        numbers.setdefault(phase_of(operation), []).append(number)
    trainings.discard(base / f"plan-{name}")
    return ended.seconds, numbers


def attempt(
    name: str, folder: Path, sent: signal.Signals, rng: random.Random, seconds: float, numbers: dict[str, list[int]]
) -> Ended:
    """Train, and be sent a signal at a random moment (as like as not), or at or soon after an operation of a phase."""
    if rng.random() < 0.5:
        return trainings.signalled_at(name, folder, sent, rng.uniform(0.0, seconds))
    operation = rng.choice(numbers[rng.choice(sorted(numbers))])
    delay = rng.choice((0.0, rng.uniform(1e-5, 3e-3)))
    return trainings.signalled_before(name, folder, sent, operation, delay)


def judge(title: str, ended: Ended, story: list[str], expected: dict[str, Any], folder: Path) -> list[str]:
    """What is wrong with a run that should have ended well, in words; when all is equal nothing, and it is removed."""
    if ended.code != 0:
        return [f"{title}, killed in {', '.join(story)}: exit code {ended.code}\n{ended.said[-2000:]}"]
    differing = trainings.differences(expected, trainings.left_by(folder))
    if differing:
        return [f"{title}, killed in {', '.join(story)}: {', '.join(differing[:8])} differ ({folder})"]
    trainings.discard(folder)
    return []
