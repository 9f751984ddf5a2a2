"""How far a sequence is from what it should be: phoneme and word error rates."""

from __future__ import annotations

from collections.abc import Sequence


def edit_distance(given: Sequence[str], wanted: Sequence[str]) -> int:
    """Insertions, deletions and substitutions that turn `given` into `wanted`, at least (Levenshtein, 1966)."""
    row = list(range(len(wanted) + 1))
    for i, one in enumerate(given, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def error_rates(given: Sequence[Sequence[str]], wanted: Sequence[Sequence[Sequence[str]]]) -> tuple[float, float]:
    """Phoneme and word error rates, shares: edits per phoneme of the reference, and words that are not as they should.

    `wanted` holds for each word the pronunciations that are right; the nearest one counts (of equally near ones the
    first). Raises ValueError for words without any, and when the numbers of words differ or are 0.
    """
    if not given or len(given) != len(wanted) or not all(wanted):
        raise ValueError(f"{len(given)} pronunciations of {len(wanted)} words; each word needs one, and a reference")
    edits, length, wrong = 0, 0, 0
    for one, known in zip(given, wanted, strict=True):
        distances = [edit_distance(one, other) for other in known]
        least = min(distances)
        edits, length, wrong = edits + least, length + len(known[distances.index(least)]), wrong + (least > 0)
    return edits / max(1, length), wrong / len(given)
