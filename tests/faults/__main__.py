"""The one command: all four drivers, a table, and JSON lines; exit code 0 when nothing was wrong, else 1."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.faults.trainings import NAMES

DRIVERS = ("damage", "kills", "processes", "signals", "writes")


def main() -> int:
    """Run the drivers that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("drivers", nargs="*", metavar="DRIVER", help=f"which of {', '.join(DRIVERS)} (all)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument("--kills", type=int, default=200, help="runs that are killed")
    parser.add_argument("--processes", type=int, default=8, help="processes of python -m train that are killed")
    parser.add_argument("--terms", type=int, default=60, help="SIGTERMs")
    parser.add_argument("--ints", type=int, default=20, help="SIGINTs")
    parser.add_argument("--damages", type=int, default=1000, help="damaged states")
    parser.add_argument("--every", type=int, default=1, help="refuse each so many-th write")
    parser.add_argument("--names", nargs="*", default=NAMES, choices=NAMES, help="trainings (all)")
    parser.add_argument("--keep", type=Path, help="a folder for the runs; those that fail stay in it")
    given = parser.parse_args()
    if unknown := set(given.drivers) - set(DRIVERS):
        parser.error(f"no driver {', '.join(sorted(unknown))}; there are {', '.join(DRIVERS)}")
    from tests.faults import syscalls, trainings

    chosen = given.drivers or DRIVERS
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        base = given.keep or Path(temporary)
        base.mkdir(parents=True, exist_ok=True)
        found: dict[str, dict[str, Any]] = {}
        references: dict[str, Any] = {}
        if set(chosen) - {"damage", "processes"}:
            if not syscalls.available():
                parser.error("this system does not let a process watch another's system calls (Linux 5.5 or later)")
            trainings.prepare()
            references = {name: trainings.reference(name, base / f"reference-{name}") for name in given.names}
        for driver in DRIVERS:
            if driver not in chosen:
                continue
            begun, rng, folder = time.monotonic(), random.Random(f"{driver} {given.seed}"), base / driver
            folder.mkdir(exist_ok=True)
            found[driver] = _drive(driver, folder, rng, references, given)
            found[driver] |= {"seed": given.seed, "minutes": round((time.monotonic() - begun) / 60, 1)}
            print(json.dumps({"driver": driver, "names": given.names, **found[driver]}), flush=True)
        print(_table(found))
    return int(any(report["failures"] for report in found.values()))


def _drive(
    driver: str, folder: Path, rng: random.Random, references: dict[str, Any], given: argparse.Namespace
) -> dict[str, Any]:
    from tests.faults import damage, kills, signals, writes

    if driver == "damage":
        return damage.drive(folder, rng, given.damages)
    if driver == "kills":
        return kills.drive(folder, rng, references, given.kills)
    if driver == "processes":
        return kills.drive_processes(folder, rng, given.names, given.processes)
    if driver == "signals":
        return signals.drive(folder, rng, references, given.terms, given.ints)
    return writes.drive(folder, references, rng.randrange(given.every), given.every)


def _table(found: dict[str, dict[str, Any]]) -> str:
    """A line for each figure; failures in full below."""
    lines = ["", "| driver | figure | value |", "|---|---|---|"]
    for driver, report in found.items():
        for name, value in report.items():
            if name != "failures":
                told = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
                lines.append(f"| {driver} | {name} | {told} |")
        lines.append(f"| {driver} | failures | {len(report['failures'])} |")
    for report in found.values():
        lines += ["", *report["failures"]] if report["failures"] else []
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
