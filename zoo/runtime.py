"""Where things run: what the CPU multiplies natively, the thread count, and the `gpu` mark for ZeroGPU Spaces."""

from __future__ import annotations

import ctypes
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

F = TypeVar("F", bound=Callable[..., Any])

GPU_SECONDS = 20
"""Seconds of a device that one call asks of ZeroGPU; a visitor must have as many left of the day's share."""


def has_amx() -> bool:
    """Whether the CPU multiplies bf16 tiles in hardware; without AMX, bf16 autocast is slower than fp32."""
    try:
        with open("/proc/cpuinfo") as file:
            return any("amx_bf16" in line for line in file if line.startswith("flags"))
    except OSError:
        return False


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


CALM = 10.0
"""Seconds after which it no longer matters that several visitors were computed for side by side."""
PRESSED = 8
"""Visitors who wait, from which on the machine is under pressure."""
_waiting = 0
TIDY = 5.0
"""Seconds at least between two times that memory is handed back in a rush."""
_tidied = -math.inf
_counting = threading.Lock()
_at_work = 0
_crowded = -math.inf
"""When several were last at work, on the clock of time.monotonic()."""


@contextmanager
def at_work() -> Iterator[None]:
    """Count a visitor's computation for as long as the block runs."""
    global _at_work, _crowded
    with _counting:
        _at_work += 1
    try:
        yield
    finally:
        with _counting:
            if _at_work > 1:
                _crowded = time.monotonic()
            _at_work -= 1


def threads_now() -> int:
    """Threads that a large product should take: two while one visitor at most is served, else one.

    Side by side, computations of one thread each give twice the answers a second (tests/bench/slots.py). Who opens
    sessions of so many threads keeps them for the whole rush: it has ended when nobody had company for CALM seconds.
    """
    return 1 if in_a_rush() else min(2, cores())


def pause(alone: float) -> float:
    """Seconds between two looks at what is in the making: `alone`, or five times as many where several are served.

    Each look costs the server milliseconds, and it shows what will be there anyway.
    """
    return 5 * alone if in_a_rush() else alone


def expect(waiting: int) -> None:
    """Say how many visitors wait for the machine."""
    global _waiting
    _waiting = waiting


def pressed() -> bool:
    """Whether so many wait that an answer sooner is worth another one, as good."""
    return _waiting >= PRESSED


def in_a_rush() -> bool:
    """Whether several visitors are computed for side by side, or were less than CALM seconds ago."""
    return _at_work > 1 or time.monotonic() - _crowded <= CALM


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run torch on `count` threads inside the block; models below about a million parameters want one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_memory() -> bool:
    """Let the C library keep freed memory for the next step instead of handing it back; whether it can be told.

    glibc unmaps blocks above 32 MiB, and the end of its heap above 64 MiB, whenever they are freed; a training step
    frees and takes them again, and the system clears every page each time. Numbers do not change.
    """
    mallopt = _of_the_c_library("mallopt")
    if mallopt is None:
        return False
    no_mmap, never_trim = mallopt(-4, 0), mallopt(-1, -1)  # M_MMAP_MAX, M_TRIM_THRESHOLD
    return bool(no_mmap and never_trim)


def share_memory() -> None:
    """Let all threads take their memory from two pools of the C library, not each from one of its own.

    What one of a server's threads has freed then serves the next one. Does nothing where there is no glibc.
    """
    if mallopt := _of_the_c_library("mallopt"):
        mallopt(-8, 2)  # M_ARENA_MAX


def give_memory_back() -> None:
    """Hand what the C library holds and nobody uses back to the system; nothing without glibc.

    It takes milliseconds, and as many again when the memory is wanted anew: in a rush, TIDY seconds pass in between.
    """
    global _tidied
    trim = _of_the_c_library("malloc_trim")
    if trim and (not in_a_rush() or time.monotonic() - _tidied > TIDY):
        _tidied = time.monotonic()
        trim(0)


def _of_the_c_library(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None


def gpu(function: F) -> F:
    """Mark a function that wants the GPU of a ZeroGPU Space; elsewhere the function itself."""
    if not os.environ.get("SPACE_ID"):
        return function
    from spaces import GPU  # Hugging Face's own package

    marked: F = GPU(duration=GPU_SECONDS)(function)
    return marked
