"""metrics.json of a checkpoint folder: stated once by measuring, and compared with when it is measured again.

It holds `figures` (the full test split), `quick` (the same measures on the bundled sample, which CI repeats), the
sha256 of the weights that they are of, and under `data` that of the test split behind each of the two.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import card, checkpoint, verify
from zoo.verify import Poll

logger = logging.getLogger(__name__)
FULL, QUICK = "figures", "quick"
"""Keys of metrics.json: the two tiers of measuring."""
_KINDS = {"name": str, "unit": str, "value": int | float, "tolerance": int | float}


@dataclass(frozen=True)
class Comparison:
    """One figure as its card states it and as it came out; `why` it is not ok."""

    name: str
    unit: str
    stated: float | None
    measured: float | None
    tolerance: float
    ok: bool
    why: str = ""


def state(
    folder: Path, *, quick_only: bool = False, poll: Poll = lambda: None, own: Path | None = None
) -> list[Comparison]:
    """Measure a folder, write what came out into metrics.json, and the card anew: all in the end, or nothing.

    Figures of other weights than those of the folder are thrown away; with `quick_only` the full ones stay. Weights
    that learnt from one's `own` data are measured on its test split, and have no quick figures.
    Raises ValueError or OSError as `zoo.verify.measure_folder` does.
    """
    before, weights = _metrics(folder), _weights(folder)
    kept = before if before.get("weights", weights) == weights else {}
    data = kept["data"] if isinstance(kept.get("data"), dict) else {}
    found: dict[str, Any] = {}
    for tier in (QUICK,) if quick_only else (FULL,) if own else (FULL, QUICK):
        found[tier], split = verify.measure_folder(folder, quick=tier == QUICK, poll=poll, own=own)
        data = {**data, tier: split}
    checkpoint.write_json(folder / "metrics.json", {FULL: [], **kept, **found, "weights": weights, "data": data})
    card.write(folder)
    shown = found[QUICK if quick_only else FULL]
    return compare(shown, shown)


def measure_again(
    folder: Path, *, quick: bool = False, poll: Poll = lambda: None, own: Path | None = None
) -> list[Comparison]:
    """Measure a folder and compare with what it states.

    Raises ValueError when it states nothing of this kind, damaged figures, or figures of other weights.
    """
    metrics, weights, tier = _metrics(folder), _weights(folder), QUICK if quick else FULL
    others = str(metrics.get("weights", weights))
    if others != weights:
        raise ValueError(f"{folder.name} states figures of the weights {others[:12]}; these are {weights[:12]}")
    if tier not in metrics:
        which = "quick figures" if quick else "figures"
        raise ValueError(f"{folder.name} states no {which} yet; --write measures and stores them")
    for figure in metrics[tier] if isinstance(metrics[tier], list) else [None]:
        if not isinstance(figure, dict) or not all(isinstance(figure.get(k), kind) for k, kind in _KINDS.items()):
            raise ValueError(f"metrics.json of {folder.name} holds damaged figures under {tier!r}")
    measured, now = verify.measure_folder(folder, quick=quick, poll=poll, own=own)
    data = metrics["data"] if isinstance(metrics.get("data"), dict) else {}
    if data.get(tier, now) != now:
        logger.warning(
            "%s was measured on a test split with the sha256 %s; this one has %s",
            folder.name, str(data[tier])[:12], now[:12],
        )  # fmt: skip
    return compare(metrics[tier], measured)


def compare(stated: list[dict[str, Any]], measured: list[dict[str, Any]]) -> list[Comparison]:
    """Set the figures side by side; one that only one side has, or that another judge gave, is not ok."""
    known, now = {f["name"]: f for f in stated}, {f["name"]: f for f in measured}

    def compared() -> Iterator[Comparison]:
        for name in dict.fromkeys([*known, *now]):
            before, after = known.get(name), now.get(name)
            why = ""
            if before is None:
                why = "the card does not state it"
            elif after is None:
                why = "stated, but no longer measured"
            elif before.get("judge_sha256", "") != after.get("judge_sha256", ""):
                why = "stated by another judge than the one that is pinned now"
            elif not abs(before["value"] - after["value"]) <= before["tolerance"]:  # so put, nan drifts too
                why = "differs by more than the tolerance"
            shown = before or after or {}
            then, again = (None if figure is None else float(figure["value"]) for figure in (before, after))
            yield Comparison(name, shown["unit"], then, again, shown["tolerance"], not why, why)

    return list(compared())


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    return checkpoint.read_json(path) if path.is_file() else {}


def _weights(folder: Path) -> str:
    return checkpoint.sha256_of(folder / "model.safetensors")
