"""Stopping: SIGTERM and SIGINT set a flag that every long loop polls, so that a state can be saved first."""

from __future__ import annotations

import signal
from types import FrameType


class Interrupted(Exception):
    """A signal asked the run to stop."""


class Signals:
    """SIGTERM and SIGINT set a flag, which every long loop polls through `poll`."""

    def __init__(self) -> None:
        self.raised = False
        self._before = {s: signal.signal(s, self._handle) for s in (signal.SIGTERM, signal.SIGINT)}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.raised = True

    def poll(self) -> None:
        """Raise Interrupted once a signal has come."""
        if self.raised:
            raise Interrupted

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
