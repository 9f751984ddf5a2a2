"""Of cases that are all of one kind, the check of every day leaves out those that take longest: they are marked slow.

`pytest -m slow` runs them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pytest


def some(cases: Iterable[str], *, slow: Collection[str]) -> Iterator[Any]:
    """The cases, those of `slow` marked so. Raises ValueError for one of them that is no case."""
    cases = list(cases)
    if unknown := set(slow) - set(cases):
        raise ValueError(f"no case is {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    for case in cases:
        yield pytest.param(case, marks=pytest.mark.slow) if case in slow else case
