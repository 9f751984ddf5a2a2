"""Work that can be left at many places: generators that yield the share that is done and return the result."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

R = TypeVar("R")


def finished(steps: Generator[Any, None, R]) -> R:
    """What a generator returns at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: R = end.value
            return result


def scaled(steps: Generator[float, None, R], low: float, high: float) -> Generator[float, None, R]:
    """The same, its shares from 0 to 1 as those from `low` to `high` of a larger work."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        yield low + (high - low) * share
