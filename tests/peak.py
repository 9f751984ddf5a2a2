"""How much memory a process held at its peak.

`resource.getrusage().ru_maxrss` will not do: a child begins with the peak of the process that started it, so a large
parent hides all that a child takes, or is taken for it.
"""

from __future__ import annotations

from pathlib import Path


def peak(pid: int | str = "self") -> float:
    """The most megabytes of real memory that a process ever held, or since it was last told to `forget`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def forget() -> None:
    """Let this process' peak begin anew at what it holds now."""
    Path("/proc/self/clear_refs").write_text("5")
