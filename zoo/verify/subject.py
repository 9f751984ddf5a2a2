"""What is measured, how much of it is looked at, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from zoo import checkpoint, hub
from zoo.engine import Network
from zoo.engine.modules import Modules
from zoo.metrics.judges import Judge

Poll = Callable[[], None]
"""Called between batches: raises to stop a measurement."""
SEED = 2024
"""Seed of every measurement's noise."""


@dataclass(frozen=True)
class Figure:
    """One measured number with its protocol."""

    name: str
    value: float
    unit: str
    better: str
    split: str
    samples: int
    tolerance: float
    judge: str = ""
    judge_sha256: str = ""
    floor: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Budget:
    """How much a measurement looks at; None means the whole split."""

    rows: int | None
    """Samples of a split for losses and accuracies."""
    likelihoods: int
    """Pictures of a split for likelihoods by importance samples, evenly spaced."""
    pictures: int
    """Generated pictures for agreement and Fréchet distance."""
    importance_samples: int
    """Importance samples of a likelihood."""
    clips: int
    """Generated clips for agreement."""
    poems: int
    """Poems written under the constraint of form."""
    passages: int = 0
    """How much prose is written for its variety, in fours of passages, and how many chats for their replies."""
    training: bool = False
    """On the validation split, between two steps: no floors, and all rows of a classifier."""


FULL = Budget(None, 2000, 10_000, 200, 500, 1000, passages=25)
QUICK = Budget(100, 100, 200, 20, 6, 8, passages=4)
"""On the bundled sample, in seconds: what CI repeats."""
TRAINING = Budget(1000, 1000, 2000, 1, 0, 0, training=True)
"""On the validation split, while training."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a model's name, the network in evaluation mode, the data that it learnt, its tokenizer."""

    name: str
    model: Any
    dataset: str
    tokenizer: Any = None
    sample: bool = False
    network: Network | None = None
    """What writes and speaks; the model by torch unless it is given."""

    @property
    def generator(self) -> Network:
        """The network that samples are drawn from."""
        return self.network or Modules(self.model)


@cache
def judge_network(judge: Judge) -> Any:
    """The judge's network. Raises CheckpointError when the bundled weights are not the pinned ones."""
    found = checkpoint.load(hub.resolve(judge.name))
    if found.sha256 != judge.sha256:
        raise checkpoint.CheckpointError(f"the judge {judge.name} has sha256 {found.sha256}; pinned is {judge.sha256}")
    return found.model


def rows_of(data: Any, limit: int | None, size: int, poll: Poll) -> Iterator[np.ndarray]:
    """Indices of the first `limit` samples in batches."""
    count = len(data) if limit is None else min(limit, len(data))
    for start in range(0, count, size):
        poll()
        yield np.arange(start, min(start + size, count))


def device_of(model: Any) -> str:
    return str(next(model.parameters()).device)


def batch_of(data: Any, rows: np.ndarray, device: str) -> dict[str, Any]:
    return {key: value.to(device) for key, value in data.batch(rows).items()}
