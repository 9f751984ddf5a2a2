"""Which checkpoint judges which data, by sha256 of its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).with_name("judges.json")
PART_OF = {"emoji_faces": "emoji_vendors", "emoji_nature": "emoji_names"}
"""Data sets that are parts of another, with its classes: its judge is theirs."""


@dataclass(frozen=True)
class Judge:
    """The name of a bundled classifier and the sha256 of its model.safetensors."""

    name: str
    sha256: str


def judge_of(dataset: str) -> Judge | None:
    """The pinned judge of a data set, or None where it has none."""
    pins: dict[str, dict[str, str]] = json.loads(PINS.read_text())
    whole = PART_OF.get(dataset, dataset)
    return Judge(**pins[whole]) if whole in pins else None


def pin(dataset: str, judge: Judge) -> None:
    """Make `judge` the data set's judge: every figure that it gave is void until it is measured again."""
    pins = json.loads(PINS.read_text())
    pins[dataset] = {"name": judge.name, "sha256": judge.sha256}
    PINS.write_text(json.dumps(dict(sorted(pins.items())), indent=2) + "\n")
