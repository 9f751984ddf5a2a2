"""What the process asks of the C library, and how it shares the processors."""

from __future__ import annotations

import math
import platform
import subprocess
import sys

import pytest

from zoo import runtime
from zoo.runtime import at_work, give_memory_back, threads_now

HOLES = """
import numpy as np
from zoo.runtime import give_memory_back, share_memory
def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
share_memory()
blocks = [np.ones(12_500) for _ in range(1_000)]  # 100 kB each
blocks = blocks[-1:]  # at the end of the heap: all below stays with the process
before = megabytes()
give_memory_back()
print(before - megabytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_nobody_uses_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 80


@pytest.mark.skipif(runtime.cores() < 2, reason="there is one processor")
def test_a_visitor_has_two_threads_alone_and_one_in_a_rush_and_for_a_while_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(runtime.time, "monotonic", lambda: now)
    monkeypatch.setattr(runtime, "_crowded", -math.inf)
    with at_work():
        assert threads_now() == 2
        with at_work():
            assert threads_now() == 1
            now += 60
        assert threads_now() == 1
        now += runtime.CALM / 2
        assert threads_now() == 1
        now += runtime.CALM
        assert threads_now() == 2


def test_what_is_in_the_making_is_shown_less_often_in_a_rush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_crowded", -math.inf)
    with at_work():
        assert runtime.pause(0.05) == 0.05
        with at_work():
            assert runtime.pause(0.05) == 0.25


def test_in_a_rush_memory_is_handed_back_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, handed = 1000.0, list[int]()
    monkeypatch.setattr(runtime.time, "monotonic", lambda: now)
    monkeypatch.setattr(runtime, "_crowded", -math.inf)
    monkeypatch.setattr(runtime, "_of_the_c_library", lambda name: handed.append)
    for _ in range(2):  # alone: each time
        give_memory_back()
    with at_work(), at_work():
        for _ in range(8):
            give_memory_back()
            now += runtime.TIDY / 4
    assert len(handed) == 3
