"""What the process asks of the C library."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

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
