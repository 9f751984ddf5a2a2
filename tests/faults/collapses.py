"""Row R6: the doctor finds what is wrong with runs that were broken on purpose, and nothing wrong with healthy ones.

The long form trains the gallery's runs anew, with seeds that no threshold has seen; the short one reads stored logs.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.doctor_alarms import alarms
from tests.faults.rows import Found
from tests.faults.trainings import ROOT
from tests.gallery import BROKEN, HEALTHY, Plan
from zoo import doctor

_MOST_MISSED = 0.05
"""Share of the planted faults that may be missed."""
_AT_ONCE = 2
_UNSEEN = (1000, 1_000_000)
"""Seeds of new runs: the gallery and the healthy runs have 0 to 3."""
_STORED = ROOT / "tests" / "healthy_runs"


def drive(
    folder: Path, rng: random.Random, *, planted: int, trained: int, healthy: int, trained_healthy: int
) -> Found:
    """Diagnose `planted` broken runs and `healthy` ones; so many of each are trained anew, and of others the log read.
    """
    broken = rng.sample(BROKEN, planted)
    well = rng.sample(HEALTHY, healthy)
    fresh = [*broken[:trained], *well[:trained_healthy]]
    seeds = {plan.name: rng.randrange(*_UNSEEN) for plan in fresh}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        failures = [words for words in pool.map(lambda plan: _train(plan, folder, seeds[plan.name]), fresh) if words]
    missed, false, seen = [], [], []
    for plan in (*broken, *well):
        run = folder / plan.name
        if plan not in fresh:
            run = _STORED / plan.name if plan in well else doctor.gallery_run(plan.name)
        if not run.exists():
            continue
        raised = alarms(run)
        title = f"{plan.name} (seed {seeds[plan.name]})" if plan in fresh else f"{plan.name} (stored)"
        seen.append(f"{title}: {', '.join(raised) or 'no alarm'}")
        if plan in well and raised:
            false.append(f"{title} is healthy, and the doctor says {', '.join(raised)}")
        elif plan in broken and plan.fault not in raised:
            missed.append(f"{title} was given {plan.fault}; the doctor says {', '.join(raised) or 'nothing'}")
    found = planted - len(missed) - sum(plan.name in words for plan in broken for words in failures)
    if len(missed) > _MOST_MISSED * planted:
        failures += missed
    failures += false
    figure = f"{found} of {planted} found ({trained} of them trained anew), {len(false)} false alarms on {healthy} "
    figure += f"healthy runs ({trained_healthy} trained anew)"
    return Found(figure, failures, {"runs": seen, "missed": missed})


def _train(plan: Plan, folder: Path, seed: int) -> str:
    """Make a run as `tests/gallery.py` makes it, with another seed; what went wrong, in words."""
    words: Sequence[str] = ("tests/gallery.py", plan.name, "--seed", str(seed), "--out", str(folder))
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return "" if done.returncode == 0 else f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-1500:]}"
