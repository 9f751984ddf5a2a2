"""What the app takes from the load that it sees, against the same things held fast: one visitor alone, then many.

    python tests/bench/adaptive.py [--users 64] [--seconds 45] [--repeats 2] [--ways BEGINNING ...]

The ways are taken in turn, again and again, each in a server of its own. A visitor alone asks for each of the mixture
of `tests.load` in turn; then so many visitors ask as row R17's do. Prints one JSON line for each way and repeat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
from pathlib import Path

import replicas
import timing
from serving import served

from tests.load.mix import MIX
from tests.load.visitor import Visitor, app_at

_AS_ALONE = "runtime.in_a_rush = lambda: False; runtime.pressed = lambda: False"
WAYS = {
    "by the load": "",
    "two threads": "runtime.threads_now = lambda: 2",
    "one thread": "runtime.threads_now = lambda: 1",
    "shown every 50 ms": "runtime.pause = lambda alone: alone",
    "shown every 250 ms": "runtime.pause = lambda alone: 5 * alone",
    "12 checkpoints": "from zoo.generate import library; library.RUSH = 1",
    "products of float32": "runtime.pressed = lambda: False",
    "products of 8 bits": "runtime.pressed = lambda: True",
    "all as for one visitor": _AS_ALONE,
    "all as for one visitor, one at a time": f"{_AS_ALONE}; from zoo.ui import guard; guard.SLOTS = 1",
}
"""What is held fast, and the code that does it before the app begins; nothing else has imported what it changes."""


async def alone(url: str, rounds: int = 3) -> float:
    """Mean seconds of a call of the mixture for one visitor; the first round opens the models and does not count."""
    app, seconds = app_at(url), []
    visitor = Visitor(app)
    for number in range(rounds + 1):
        for one in MIX:
            answer = await visitor.call(one.endpoint, one.inputs(app, random.Random(number)))
            if answer.error:
                raise RuntimeError(f"{one.endpoint}: {answer.error}")
            seconds += [answer.seconds] if number else []
    return statistics.fmean(seconds)


def main() -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--ways", nargs="*", help="beginnings of the names of those to take (all)")
    given = parser.parse_args()
    for repeat in range(given.repeats):
        for name, code in WAYS.items():
            if given.ways and not name.startswith(tuple(given.ways)):
                continue
            first = f"from zoo import runtime\n{code}"
            with tempfile.TemporaryDirectory(prefix="adaptive-") as folder, served(Path(folder), first=first) as server:
                single = asyncio.run(alone(server.url))
                found = asyncio.run(replicas.visited(server.url, given.users, given.seconds, random.Random(repeat)))
                after = replicas.memory()
            line = {"name": name, "alone": round(single, 3), "users": given.users, **found, "megabytes": after}
            print(json.dumps({**line, **timing.machine()}), flush=True)


if __name__ == "__main__":
    main()
