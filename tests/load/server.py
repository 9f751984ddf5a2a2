"""The app under load: what its process takes of the machine, and when a computation holds the machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

_WATCH = """
import functools, json, os, time
from zoo.ui import guard
os.set_inheritable(file := os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT), False)
alone = guard.in_turn
def watched(handler):
    @functools.wraps(handler)
    def serve(*arguments, **options):
        def say(what):
            os.write(file, (json.dumps([time.monotonic(), what, handler.__name__]) + "\\n").encode())
        say(1)
        try:
            yield from handler(*arguments, **options)
        finally:
            say(-1)
    return alone(serve)
guard.in_turn = watched
"""
OFFLINE = """
import sys
def alone(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise OSError(f"there is no network: {arguments[1]}")
sys.addaudithook(alone)
"""
"""Python for `serving.served(first=...)`: whoever asks for another machine is refused."""


@dataclass(frozen=True)
class Usage:
    """What a process takes."""

    megabytes: float
    files: int
    threads: int
    cpu_seconds: float


def usage(pid: int) -> Usage:
    """Of a living process: resident memory, open files, threads, and processor time so far."""
    folder = Path(f"/proc/{pid}")
    pages = int((folder / "statm").read_text().split()[1])
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return Usage(
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        len(os.listdir(folder / "fd")),
        int(fields[17]),
        (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
    )


@dataclass(frozen=True)
class Turns:
    """A watch over the handlers that compute, kept by the server in a file: when each takes the machine and leaves it.

    Times are of time.monotonic(), which the processes of a machine share.
    """

    path: Path

    @property
    def first(self) -> str:
        """Python for `serving.served(first=...)`."""
        return _WATCH.format(path=str(self.path))

    def changes(self) -> list[tuple[float, int, str]]:
        """When, +1 or -1, and whose handler."""
        if not self.path.exists():
            return []
        return [(when, change, name) for when, change, name in map(json.loads, self.path.read_text().splitlines())]

    def most(self) -> int:
        """How many held the machine at once, at most."""
        at_once = most = 0
        for _, change, _ in self.changes():
            most = max(most, at_once := at_once + change)
        return most

    def computing(self) -> int:
        """How many hold it now."""
        return sum(change for _, change, _ in self.changes())
