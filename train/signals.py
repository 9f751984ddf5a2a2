"""Stopping: SIGTERM and SIGINT set a flag that every long loop polls, so that a state can be saved first."""

from __future__ import annotations

import signal
from types import FrameType

EXIT_CODE = 75
"""Of a program that a signal stopped and that goes on when it is called again (EX_TEMPFAIL)."""


class Interrupted(BaseException):
    """A signal asked the run to stop; like KeyboardInterrupt it passes through those who catch every Exception."""


class Signals:
    """SIGTERM and SIGINT set a flag, which every long loop polls through `poll`.

    With `at_once` they raise Interrupted wherever the program is: for the time in which there is nothing to save. What
    is raised in a callback of C code ends there; who takes the signals over next has the flag set from the start.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self.raised, self.at_once = False, at_once
        self._before = {s: signal.signal(s, self._handle) for s in (signal.SIGTERM, signal.SIGINT)}
        others = (getattr(handler, "__self__", None) for handler in self._before.values())
        self.raised |= any(isinstance(other, Signals) and other.raised for other in others)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.raised = True
        if self.at_once:
            raise Interrupted

    def poll(self) -> None:
        """Raise Interrupted once a signal has come."""
        if self.raised:
            raise Interrupted

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
