"""The parts of a model run by torch: for checkpoints without graphs, and for networks in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.runtime import cores

if TYPE_CHECKING:
    from torch import Tensor


THREADED_PARAMETERS = 8_000_000
"""Parameters above which a model runs on two threads."""


class Modules:
    """A `zoo.engine.Network` over a model in evaluation mode, on whatever device its weights are.

    A small model runs on one thread: on a busy machine two that wait for each other were thirty times as slow. The
    number does not follow the load, as that of graphs does: torch's sums depend on it, and a seed must give the same.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.config = model, model.config
        self.parts: Mapping[str, Any] = {part.name: part for part in model.parts()}
        self.device = next(model.parameters()).device
        large = sum(p.numel() for p in model.parameters()) > THREADED_PARAMETERS
        self.threads = min(2, cores()) if large else 1

    def run(self, part: str, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `Network.run`. Raises ValueError for a part that the model has not."""
        import torch

        from zoo.runtime import threads

        if part not in self.parts:
            raise ValueError(f"this model has no part {part!r}; it has {', '.join(self.parts)}")
        found = self.parts[part]
        with torch.inference_mode(), threads(self.threads):
            given = [torch.from_numpy(np.ascontiguousarray(inputs[key])).to(self.device) for key in found.inputs]
            made = found.module.eval()(*given)
            return tuple(one.float().cpu().numpy() for one in (made if isinstance(made, tuple) else (made,)))

    def start(self, rows: int) -> list[Tensor]:
        """As `Network.start`."""
        state: list[Tensor] = self.model.start(rows)
        return state

    def step(self, ids: np.ndarray, state: list[Tensor]) -> tuple[np.ndarray, list[Tensor]]:
        """As `Network.step`; the model's own growing cache, which torch runs faster than one of fixed size."""
        import torch

        from zoo.runtime import threads

        with torch.inference_mode(), threads(self.threads):
            logits, state = self.model.step(torch.from_numpy(np.ascontiguousarray(ids)).to(self.device), state)
            return logits[:, -1].float().cpu().numpy(), state

    def quick(self) -> None:
        """As `Network.quick`: there is none."""

    def weights(self) -> Mapping[str, np.ndarray]:
        """As `Network.weights`."""
        return {name: tensor.float().cpu().numpy() for name, tensor in self.model.state_dict().items()}
