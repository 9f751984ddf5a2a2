"""Numbers that blow up: found, named with their step, batch and tensor, and never saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

PATIENCE = 3
"""With `on_nonfinite="retry"`: bad steps in a row before going back, and times of going back before giving up."""


class NonFinite(ArithmeticError):
    """Losses, gradients or weights are NaN or infinite; the message says which."""


class Diverged(Exception):
    """The run cannot go on; the last good state is kept."""


def nonfinite_value(value: Any, name: str = "") -> str | None:
    """The first tensor or number in nested dicts and lists that is not finite, by the keys to it, or None."""
    if isinstance(value, Tensor):
        return name if value.is_floating_point() and not value.isfinite().all() else None
    if isinstance(value, float):
        return None if math.isfinite(value) else name
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return None
    found = (nonfinite_value(item, f"{name}.{key}" if name else str(key)) for key, item in items)
    return next((bad for bad in found if bad), None)


def nonfinite_figure(figures: Mapping[str, float]) -> str | None:
    """The first figure of a step that is not finite, as words, or None."""
    return next((f"{name} ({value})" for name, value in figures.items() if not np.isfinite(value)), None)
