"""A method of a network as a network of its own, so that `parts()` can name it and the exporter can trace it."""

from __future__ import annotations

from typing import Any

from torch import nn


class Method(nn.Module):
    """`Method(model, "encode")(images)` is `model.encode(images)`."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network, self.name = network, name

    def forward(self, *inputs: Any) -> Any:
        """As the method: the tensors of the part, in the order of its inputs."""
        return getattr(self.network, self.name)(*inputs)
