"""How one's own items are divided: into splits by the hash of their content, into classes by their names."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from zoo.data.own_source import Found, OwnDataError, some
from zoo.data.source import SPLITS

AIM = 0.075
"""Share of the items that validation and test are each made of, where there are enough for it to come out so."""
FEWEST, MOST = 20, 10
"""One item in so many at the least and at the most: what small numbers make of the share is kept within."""


def divide(found: Found, hashes: list[str], stated: list[str], names: list[str]) -> dict[str, np.ndarray]:
    """Rows of each split, int64 sorted: stated splits as they are, missing ones out of the training items.

    The place of a hash on the line from 0 to 1 decides: the lowest are validation, the highest test. Copies of one
    content share a split, and training copies of stated validation or test items are left out; both are reported.
    With two contents to divide test is validation. Raises OwnDataError where there are fewer.
    """
    splits = [split or "train" for split in stated]
    first: dict[str, str] = {}
    kept_apart = {h for h, split in zip(hashes, splits, strict=True) if split != "train"}
    for i, (h, name) in enumerate(zip(hashes, names, strict=True)):
        if splits[i] == "train" and h in kept_apart:
            splits[i] = ""
            found.report.skip("copies of validation or test items", name)
        elif h in first:
            found.report.change("are copies of other items, in the same split", f"{name} = {first[h]}")
        first.setdefault(h, name)
    place = {h: int(h[:13], 16) / 16**13 for h in hashes}
    pool = sorted({h for h, split in zip(hashes, splits, strict=True) if split == "train"})
    wanted = [split for split in ("validation", "test") if split not in splits]
    if len(pool) < 1 + bool(wanted):
        copies = f" ({len(hashes):,} with their copies)" if len(hashes) > len(pool) else ""
        raise OwnDataError(
            f"{found.path} has {len(pool)} different training items{copies}; at least {1 + bool(wanted)} are needed, "
            "to train and to validate on"
        )

    def number(near: int) -> int:
        return max(1, min(max(near, math.ceil(len(pool) / FEWEST)), len(pool) // MOST))

    chosen: dict[str, set[str]] = {}
    if "validation" in wanted:
        chosen["validation"] = set(pool[: number(sum(place[h] < AIM for h in pool))])
    if "test" in wanted and len(pool) > len(wanted):
        chosen["test"] = set(pool[-number(sum(place[h] >= 1 - AIM for h in pool)) :])
    for i, h in enumerate(hashes):
        if splits[i] == "train":
            splits[i] = next((name for name, members in chosen.items() if h in members), "train")
    rows: dict[str, np.ndarray] = {split: np.flatnonzero([s == split for s in splits]) for split in SPLITS}
    if not len(rows["test"]):
        rows["test"] = rows["validation"]
        found.report.facts.append("too few to keep a test split apart: test is validation")
    return rows


def numbered(found: Found, labels: list[str], limit: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names and each item's class int64: stated classes by their numbers, else in sorted order.

    Without classes all items are of one, named as the data. Raises OwnDataError above `limit` classes.
    """
    if not found.names_classes:
        found.report.facts.append(f"no classes are named: all count as {found.info.name!r}")
        return (found.info.name[:99],), np.zeros(len(labels), np.int64)
    names = found.classes or tuple(sorted(set(labels), key=_natural))
    if len(names) > limit:
        raise OwnDataError(f"{found.path} has {len(names):,} classes ({some(list(names))}); the model has {limit:,}")
    counts = Counter(labels)
    found.report.facts.append("classes: " + ", ".join(f"{name} {counts[name]:,}" for name in names))
    number = {name: i for i, name in enumerate(names)}
    return tuple(name[:99] for name in names), np.array([number[label] for label in labels], np.int64)


def _natural(name: str) -> tuple[bool, int, str]:
    """Whole numbers in their order, then words in theirs."""
    number = name.isascii() and name.isdigit()
    return not number, int(name) if number else 0, name
