"""The one command: `python -m tests.faults` tries every row, prints a JSON line for each and the table at the end.

`python -m tests.faults R14` tries one; its exit code is 0 when the target was met, else 1. Each row has a process of
its own. `--write` keeps the lines in docs/reliability.jsonl and the table in the READMEs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.rows import ROWS, Row
from tests.faults.table import keep, table

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Try the rows that were named, or all."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__, allow_abbrev=False)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"which of {names[0]} to {names[-1]} (all)")
    parser.add_argument("--short", action="store_true", help="in seconds, as in CI")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument("--size", action="append", default=[], metavar="NAME=COUNT", help="another size than the row's")
    parser.add_argument("--keep", type=Path, help="a folder for what the drivers make")
    parser.add_argument("--write", action="store_true", help="renew these rows in the documents")
    given = parser.parse_args()
    if unknown := [name for name in given.rows if name not in names]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [row for row in ROWS if not given.rows or row.name in given.rows]
    if len(chosen) == 1:
        lines = [tried(chosen[0], given)]
        print(json.dumps(lines[0], ensure_ascii=False), flush=True)
    else:
        lines = [_alone(row, given, sys.argv[1:]) for row in chosen]
        print(f"\n{table(lines)}")
    for line in lines:
        print(*line["failures"], sep="\n", end="\n" if line["failures"] else "")
    if given.write:
        keep(lines)
    return int(any(line["failures"] for line in lines))


def tried(row: Row, given: argparse.Namespace) -> dict[str, Any]:
    """Try one row in this process; what is to be kept of it."""
    sizes = _sizes(row, given)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = row.drive(folder, given.seed, sizes)
    minutes = round((time.monotonic() - begun) / 60, 1)
    return _line(row, found.figure, found.failures, sizes, given.seed, minutes) | {"details": found.details}


def _sizes(row: Row, given: argparse.Namespace) -> dict[str, int]:
    """What the row brings, and over it what was given as NAME=COUNT."""
    own = (one.partition("=") for one in given.size)
    return {**(row.short if given.short else row.full), **{name: int(count) for name, _, count in own}}


def _line(
    row: Row, figure: str, failures: list[str], sizes: dict[str, int], seed: int, minutes: float
) -> dict[str, Any]:
    return {
        "row": row.name, "about": row.about, "target": row.target, "figure": figure, "met": not failures,
        "failures": failures, "sizes": sizes, "seed": seed, "minutes": minutes, "machine": machine(),
        "date": datetime.date.today().isoformat(),
    }  # fmt: skip


def machine() -> str:
    """Cores and processor, in words."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), Python {platform.python_version()}"


def _alone(row: Row, given: argparse.Namespace, arguments: Sequence[str]) -> dict[str, Any]:
    """The same in a process of its own; a driver that fails altogether is a failure of its row."""
    options = [argument for argument in arguments if argument not in given.rows and argument != "--write"]
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", row.name, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    for text in done.stdout.splitlines():
        if text.startswith('{"row"'):
            print(text, flush=True)
            line: dict[str, Any] = json.loads(text)
            return line
    failure = f"{row.name}: exit code {done.returncode}\n{done.stdout[-2000:]}"
    return _line(row, "", [failure], _sizes(row, given), given.seed, round((time.monotonic() - begun) / 60, 1))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
