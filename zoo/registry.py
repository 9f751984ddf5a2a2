"""The folder is the registry: `zoo/models/<modality>/<name>.py` is the model `<name>` of that modality."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from zoo.config import brief, suggestion
from zoo.entry import Entry

_MODELS = Path(__file__).parent / "models"


@cache
def _modalities() -> dict[str, str]:
    """Every model's modality, by its name, sorted; the folder is read once."""
    found = sorted((path.stem, path.parent.name) for path in _MODELS.glob("*/*.py") if not path.stem.startswith("_"))
    if len(dict(found)) != len(found):
        stems = [stem for stem, _ in found]
        raise ValueError(f"two models share a name: {sorted({n for n in stems if stems.count(n) > 1})}")
    return dict(found)


def names(modality: str | None = None) -> tuple[str, ...]:
    """Names of all models (of one modality), sorted; nothing is imported."""
    return tuple(name for name, folder in _modalities().items() if modality in (None, folder))


def modality(name: str) -> str:
    """The folder that holds the model `name`. Raises ValueError naming what exists."""
    known = _modalities()
    if name not in known:
        raise ValueError(f"no model is named {brief(name)}{suggestion(name, known)}")
    return known[name]


@cache
def entry(name: str) -> Entry:
    """Import the model's file and return its ENTRY. Raises ValueError naming what exists."""
    module = importlib.import_module(f"zoo.models.{modality(name)}.{name}")
    found = module.ENTRY
    assert isinstance(found, Entry), f"zoo/models/{modality(name)}/{name}.py: ENTRY must be a zoo.entry.Entry"
    return found
