"""Rates of several contenders, interleaved in one process: each repeat runs every contender for a few seconds in turn.

What else the machine does then falls on all alike; a figure is the median over the repeats, and a ratio the median of
the repeats' own ratios. Repeats in which other processes took more than a twentieth of the CPU are taken again, as far
as patience goes; the calmest are kept, and a line says how calm they were.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from zoo import runtime


@dataclass(frozen=True)
class Contender:
    """Something that trains: `run(steps)` takes so many steps and returns the seconds that they took."""

    name: str
    run: Callable[[int], float]
    items: int
    """Pictures or tokens in a step."""
    threads: int
    keeps_memory: bool = True
    """Whether freed memory is kept (`zoo.runtime.keep_memory`); a peer's is not, as nothing tells glibc to."""


@dataclass(frozen=True)
class Budget:
    """How long to measure."""

    repeats: int = 5
    seconds: float = 3.0
    """A contender's share of one repeat; at least one step is taken."""
    patience: int = 2
    """Times `repeats` that may be taken in search of calm ones."""


CALM = 0.05
"""Share of the CPU that others may take in a calm repeat."""


@dataclass(frozen=True)
class Found:
    """Items a second of each contender, repeat by repeat, and the largest share of the CPU that others took."""

    rates: dict[str, list[float]]
    others: float


def all_cores() -> int:
    """The threads that PyTorch takes by itself: the peers' setting."""
    return _DEFAULT_THREADS


_DEFAULT_THREADS = torch.get_num_threads()


def _prepare(contender: Contender) -> None:
    """Its threads, and its way with freed memory."""
    torch.set_num_threads(contender.threads)
    if not runtime.keep_memory() or contender.keeps_memory:
        return
    library = ctypes.CDLL(None)  # glibc's own thresholds, as they are once it has adapted to large blocks
    for option, value in ((-4, 65536), (-3, 32 << 20), (-1, 64 << 20)):  # M_MMAP_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD
        library.mallopt(option, value)
    library.malloc_trim(0)


def stepping(step: Callable[[], object]) -> Callable[[int], float]:
    """`run` of a contender whose step is a plain call."""

    def run(steps: int) -> float:
        begun = time.perf_counter()
        for _ in range(steps):
            step()
        return time.perf_counter() - begun

    return run


Clocks = tuple[float, float, float]
"""Seconds of CPU that this process took, that all took, and that there were."""


def _clocks() -> Clocks:
    """The machine's, or zeros where nothing tells them."""
    try:
        with open("/proc/stat") as file:
            fields = [int(field) / os.sysconf("SC_CLK_TCK") for field in file.readline().split()[1:9]]
    except OSError:
        return 0.0, 0.0, 0.0
    return time.process_time(), sum(fields) - fields[3] - fields[4], sum(fields)


def _share_of_others(before: Clocks, after: Clocks) -> float:
    own, busy, whole = (late - early for early, late in zip(before, after, strict=True))
    return max(0.0, (busy - own) / whole) if whole else 0.0


def rates(contenders: list[Contender], budget: Budget, clocks: Callable[[], Clocks] = _clocks) -> Found:
    """Take turns; two steps of each warm up first, and the order turns round with each repeat."""
    steps: dict[str, int] = {}
    for contender in contenders:
        _prepare(contender)
        contender.run(1)
        steps[contender.name] = max(1, round(budget.seconds / contender.run(1)))
    taken: list[tuple[float, dict[str, float]]] = []
    for repeat in range(budget.repeats * budget.patience):
        if sum(others <= CALM for others, _ in taken) == budget.repeats:
            break
        before, turn = clocks(), {}
        for contender in contenders if repeat % 2 == 0 else reversed(contenders):
            _prepare(contender)
            count = steps[contender.name]
            seconds = contender.run(count)
            turn[contender.name] = contender.items * count / seconds
            steps[contender.name] = max(1, round(count * budget.seconds / seconds))
        taken.append((_share_of_others(before, clocks()), turn))
    torch.set_num_threads(all_cores())
    calmest = sorted(taken, key=lambda one: one[0])[: budget.repeats]
    return Found({c.name: [turn[c.name] for _, turn in calmest] for c in contenders}, calmest[-1][0])


def line(name: str, found: Found, ours: Contender, peer: Contender, unit: str, **more: object) -> None:
    """Print one comparison as a JSON line."""
    own, other = found.rates[ours.name], found.rates[peer.name]
    ratios = [mine / theirs for mine, theirs in zip(own, other, strict=True)]
    print(
        json.dumps(
            {
                "name": name,
                "ours": _rounded(statistics.median(own)),
                "peer": _rounded(statistics.median(other)),
                "ratio": _rounded(statistics.median(ratios)),
                "ratio_range": [_rounded(min(ratios)), _rounded(max(ratios))],
                "unit": unit,
                "repeats": len(own),
                "threads": ours.threads,
                "peer_threads": peer.threads,
                "others": round(found.others, 3),
                **more,
                **machine(),
            },
            ensure_ascii=False,
        ),
        flush=True,
    )


def _rounded(value: float) -> float:
    """Three significant digits, and whole numbers above a thousand."""
    return float(f"{value:.0f}") if value >= 1000 else float(f"{value:.3g}")


@functools.cache
def machine() -> dict[str, object]:
    """What the figures were measured on."""
    cores = f"{os.cpu_count()} cores, {platform.machine()}, {'AMX' if runtime.has_amx() else 'no AMX'}"
    return {"hardware": cores, "torch": torch.__version__}
