"""Numbers that blow up: found, named with their step, batch and tensor, and never saved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import nn

PATIENCE = 3
"""With `on_nonfinite="retry"`: bad steps in a row before going back, and times of going back before giving up."""


class NonFinite(ArithmeticError):
    """Losses, gradients or weights are NaN or infinite; the message says which."""


class Diverged(Exception):
    """The run cannot go on; the last good state is kept."""


def nonfinite_weight(modules: Mapping[str, nn.Module]) -> str | None:
    """The first weight or buffer that is not finite, as words, or None."""
    for owner, module in modules.items():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                return f"{owner}.{name}"
    return None


def nonfinite_figure(figures: Mapping[str, float]) -> str | None:
    """The first figure of a step that is not finite, as words, or None."""
    return next((f"{name} ({value})" for name, value in figures.items() if not np.isfinite(value)), None)
