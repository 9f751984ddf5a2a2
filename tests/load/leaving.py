"""Row R19: visitors who press Stop or hang up in the middle of long runs; the machine is free at once."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.rows import Found
from tests.load.server import Turns, usage
from tests.load.visitor import App, Visitor, app_at
from tests.serving import served

LONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("write_text", {"_length": 1000}),
    ("speak_digits", {"_digits": "31415926"}),
    ("draw_emoji", {"_steps": 100, "_count": 16}),
    ("draw_images", {"_model": "diffusion.mnist", "_steps": 100, "_side": 10, "_label": "all"}),
    ("compose_chorale", {}),
    ("read_aloud", {"_text": "The quick brown fox jumps over the lazy dog. " * 6}),
    ("from_text", {"type_number": "314159"}),
)
"""Runs of many steps, at sizes that the page offers."""
_SECONDS = 0.5
"""Within which a computation that nobody wants stops."""
_ALONE = """
import threading
from zoo.ui import guard
guard.SLOTS, guard._turn = 1, threading.Semaphore(1)
"""
"""Python for `serving.served`: one is computed for at a time, so that the next one shows when the machine is free."""
_WAYS = ("Stop", "hang up")
_IDLE = 0.35
"""Cores' share that a server takes which computes nothing: it looks for events a thousand times a second."""


@dataclass(frozen=True)
class Left:
    """A run that was left."""

    name: str
    way: str
    seconds: float
    """Until its computation had ended."""
    next: float
    """Until the next visitor's had begun."""


def left(folder: Path, rng: random.Random, *, leaving: int, kinds: int = len(LONG)) -> Found:
    """So many runs are left at random moments, by Stop and by hanging up in turn, while the next visitor waits."""
    turns = Turns(folder / "turns.jsonl")
    with served(folder, first=_ALONE + turns.first) as server:
        return asyncio.run(_left(server.url, server.process.pid, turns, rng, leaving, kinds))


async def _left(url: str, pid: int, turns: Turns, rng: random.Random, leaving: int, kinds: int) -> Found:
    app, failures, found, done_before = app_at(url), [], list[Left](), 0
    lengths = {}
    for name, given in 2 * LONG[:kinds]:  # whole: once so that the models are there, once to know how long they take
        answer = await Visitor(app).call(name, given, 300)
        failures += [f"{name}, left alone: {answer.error}"] if answer.error else []
        lengths[name] = answer.served
    idle = []
    while len(found) < leaving:
        number = len(found)
        name, given = LONG[:kinds][number // 2 % kinds]
        one = await _leave(app, turns, name, given, _WAYS[number % 2], rng.uniform(0.05, 0.8) * lengths[name])
        if one is None:
            done_before += 1
            if done_before > 5 * leaving:
                failures.append(f"{done_before} runs ended before they could be left: {lengths}")
                break
            continue
        found.append(one)
        if one.seconds > _SECONDS:
            failures.append(f"{one.name}, {one.way}: it computed for another {one.seconds:.2f} s")
        if number % 10 == 9:
            idle.append(await _busy(pid))
    most = turns.most()
    if most > 1:
        failures.append(f"{most} computed at once; allowed is 1")
    if turns.computing():
        failures.append(f"{turns.computing()} still compute")
    if idle and max(idle) > _IDLE:
        failures.append(f"with nobody there, the server takes {max(idle):.2f} of a core")
    stopped = [one.seconds for one in found] or [float("nan")]
    figure = f"{len(found)} left: stopped within {max(stopped):.2f} s, {most} at once at most"
    details = {
        "ways": dict(Counter(one.way for one in found)), "median, seconds": round(float(np.median(stopped)), 3),
        "slowest of each, seconds": {
            name: round(max(one.seconds for one in found if one.name == name), 2) for name, _ in LONG[:kinds]
            if any(one.name == name for one in found)
        },
        "the next begins, seconds at most": round(max([one.next for one in found], default=0.0), 2),
        "whole runs, seconds": {name: round(length, 1) for name, length in lengths.items()},
        "ended before they were left": done_before, "idle, of a core": [round(share, 2) for share in idle],
        "load average": os.getloadavg()[0],
    }  # fmt: skip
    return Found(figure, failures, details)


async def _leave(
    app: App, turns: Turns, name: str, given: dict[str, Any], way: str, after: float
) -> Left | None:
    """Begin a run, leave it, and see how it ends; None when it had ended before."""
    visitor, following = Visitor(app), Visitor(app)
    seen = len(turns.changes())
    event = await visitor.join(name, given)
    listening = asyncio.create_task(_drain(visitor))
    while not any(change > 0 for _, change, _ in turns.changes()[seen:]):
        await asyncio.sleep(0.01)
    short = asyncio.create_task(following.call("draw_images", {"_side": 1}, 120))
    await asyncio.sleep(after)
    at = time.monotonic()
    if way == "Stop":
        stopping = asyncio.create_task(visitor.stop(name, event))
    else:
        visitor.vanish()
    await short
    if way == "Stop":
        await stopping
    visitor.vanish()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    changes = turns.changes()[seen:]
    ended = next(when for when, change, _ in changes if change < 0)
    begun = next(when for when, change, _ in changes[1:] if change > 0)
    return None if ended < at else Left(name, way, ended - at, begun - at)


async def _drain(visitor: Visitor) -> None:
    async with aclosing(visitor.listen()) as messages:
        async for _ in messages:
            pass


async def _busy(pid: int) -> float:
    """The share of a core that the server takes now."""
    before, begun = usage(pid).cpu_seconds, time.monotonic()
    await asyncio.sleep(1.0)
    return (usage(pid).cpu_seconds - before) / (time.monotonic() - begun)
