"""The folder is the registry: `zoo/models/<modality>/<name>.py` is the model `<name>` of that modality."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from zoo.config import suggestion
from zoo.entry import Entry

_MODELS = Path(__file__).parent / "models"


def names(modality: str | None = None) -> tuple[str, ...]:
    """Names of all models (of one modality), sorted; nothing is imported."""
    found = [
        path.stem
        for path in _MODELS.glob("*/*.py")
        if not path.stem.startswith("_") and modality in (None, path.parent.name)
    ]
    if len(set(found)) != len(found):
        raise ValueError(f"two models share a name: {sorted(n for n in found if found.count(n) > 1)}")
    return tuple(sorted(found))


def modality(name: str) -> str:
    """The folder that holds the model `name`. Raises ValueError naming what exists."""
    if name in names():
        return next(_MODELS.glob(f"*/{name}.py")).parent.name
    raise ValueError(f"no model is named {name!r}{suggestion(name, names())}")


@cache
def entry(name: str) -> Entry:
    """Import the model's file and return its ENTRY. Raises ValueError naming what exists."""
    module = importlib.import_module(f"zoo.models.{modality(name)}.{name}")
    found = module.ENTRY
    assert isinstance(found, Entry), f"zoo/models/{modality(name)}/{name}.py: ENTRY must be a zoo.entry.Entry"
    return found
