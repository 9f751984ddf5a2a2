"""Each write of a training refused in turn: said in words, nothing lost that was saved, and the same end later.

A training asks for some 250 changes of files; run number k has its k-th refused with ENOSPC, EIO or EROFS, once, or
from there on until the process ends, as a disk that stays full would.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults import trainings
from tests.faults.kills import judge
from tests.faults.syscalls import Operation
from tests.faults.trainings import NAMES, PHASES, Ended, phase_of

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
_REMOVING = ("unlink", "unlinkat", "rmdir")
_SPOKEN = 74
"""Exit code (EX_IOERR) of a training that could not write."""


def drive(base: Path, references: dict[str, Any], first: int, every: int) -> dict[str, Any]:
    """Refuse each `every`-th operation from `first` on; returns what is to be reported."""
    refused: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    count, failures = 0, []
    for name in references:
        number, shift = first, NAMES.index(name)  # so that the same call meets another error in the next training
        while True:
            error, lasting = ERRORS[(number + shift) % 3], (number // 3) % 2 == 1
            folder = base / f"write-{name}-{number:04d}"
            ended, met, safe = _refused(name, folder, number, error, lasting)
            if met is None:  # the run has no such operation
                trainings.discard(folder)
                break
            count += 1
            refused[f"{phase_of(met)}"] += 1
            codes[str(ended.code)] += 1
            how = f"{errno.errorcode[error]} {'from' if lasting else 'at'} {met.call} {met.path}"
            title = f"{name} write {number}"
            if wrong := _told(ended, met, error, folder, safe):
                failures.append(f"{title}, {how}: {wrong}\n{ended.said[-1500:]}")
            else:
                failures += judge(title, trainings.undisturbed(name, folder), [how], references[name], folder)
            number += every
        print(json.dumps({"driver": "writes", "so far": name, "refused": count, "failures": failures}), flush=True)
    return {
        "writes refused": count,
        "refused in": {phase: refused[phase] for phase in PHASES if refused[phase]},
        "exit codes": dict(sorted(codes.items())),
        "said in words, nothing lost, then identical": count - len(failures),
        "failures": failures,
    }


def _refused(name: str, folder: Path, number: int, error: int, lasting: bool) -> tuple[Ended, Operation | None, int]:
    """Train with a refusal; returns how it ended, what was refused, and the step of the last state before that."""
    met: list[Operation] = []
    asked, safe = 0, -1

    def decide(operation: Operation) -> int:
        nonlocal asked, safe
        asked += 1
        if not met and asked == number + 1:
            met.append(operation)
            return error
        if met and lasting and not (error == errno.ENOSPC and operation.call in _REMOVING):
            return error
        if not met and operation.call.startswith("rename") and operation.path.startswith("state/step-"):
            safe = int(operation.path.removeprefix("state/step-")[:8])
        return 0

    return trainings.watched(name, folder, decide), (met[0] if met else None), safe


def _told(ended: Ended, met: Operation, error: int, folder: Path, safe: int) -> str:
    """What is wrong with the way in which a run met a refusal; empty when nothing is."""
    from train import state as states

    if "Traceback" in ended.said:
        return "a traceback"
    if ended.code not in (0, _SPOKEN):
        return f"exit code {ended.code}"
    if os.strerror(error) not in ended.said and met.call not in _REMOVING:
        return f"exit code {ended.code}, and nothing was said of {os.strerror(error)}"
    found = states.load(folder / "state")
    if safe >= 0 and (found is None or found[0] < safe):
        return f"the state of step {safe} was lost"
    return ""
