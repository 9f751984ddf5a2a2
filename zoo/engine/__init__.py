"""Fast inference of a checkpoint's parts: arrays in, arrays out, and no torch unless a checkpoint has no graphs.

`Network` is what `zoo.generate` works with. `Graphs` (onnxruntime) and `Modules` (torch) keep it, and give the same to
within rounding. A WaveNet is sampled in NumPy, where it is fastest (`zoo.engine.wavenet`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

__all__ = ["Network", "State"]

State = Any
"""What a decoder remembers of the tokens so far; only the network that made it can read it."""


class Network(Protocol):
    """The parts of a model at inference."""

    config: Any
    """The model's sizes, by attribute."""
    parts: Mapping[str, Any]
    """What it can run, by name."""

    def run(self, part: str, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run a part (`zoo.entry.PARTS`) on its inputs by name, float32 and int64, and return its outputs in order."""
        ...

    def start(self, rows: int) -> State:
        """An empty memory of the part "decoder", for `rows` texts side by side."""
        ...

    def step(self, ids: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """ids int64 (rows, t) after `state` -> logits of what follows, float32 (rows, vocabulary), and the new state.

        The state given is used up. Raises ValueError when the tokens no longer fit into the context.
        """
        ...

    def quick(self) -> Network | None:
        """The same network with a decoder whose products are of 8 bits; None where there is no such one.

        It takes less than half the time. Weights are the same, stored in 8 bits; what they are multiplied by is rounded
        to 8 bits, so that a seed writes another text, as likely (docs/generation.md has the figures).
        """
        ...

    def weights(self) -> Mapping[str, np.ndarray]:
        """The checkpoint's tensors by name, float32."""
        ...
