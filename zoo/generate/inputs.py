"""Checks of what a person typed. Each returns the value in its one true form or raises InputError with words."""

from __future__ import annotations

import math
import operator
import unicodedata
from collections.abc import Iterable

from zoo.config import suggestion
from zoo.data.media import InputError
from zoo.noise import MAX_SEED

__all__ = ["InputError", "number", "one_of", "quoted", "seed_of", "whole", "words"]
MAX_SHOWN = 60
"""Characters of a refused value that its message repeats."""


def clean(text: str) -> str:
    """Composed form (NFC), newlines as \\n, without lone surrogates and control characters other than \\n and tab."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", kept)


def quoted(value: object) -> str:
    """The value as a message shows it: quoted, cleaned, cut to 60 characters."""
    text = clean(value[: 4 * MAX_SHOWN]) if isinstance(value, str) else ""
    if not isinstance(value, str):
        known = isinstance(value, bool | float) or value is None or (isinstance(value, int) and abs(value) < 10**30)
        return repr(value) if known else f"a value of the kind {type(value).__name__}"
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def words(name: str, value: object, *, longest: int, default: str = "") -> str:
    """A text of at most `longest` characters, cleaned; None is `default`."""
    if value is None:
        return default
    if not isinstance(value, str):
        raise InputError(f"{name} is {quoted(value)}; it must be text")
    if len(value) > longest:
        raise InputError(f"{name} has {len(value):,} characters; at most {longest:,} are allowed")
    return clean(value)


def whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number from `low` to `high`; True and False are none."""
    try:
        if isinstance(value, bool):
            raise TypeError
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name} is {quoted(value)}; it must be a whole number from {low:,} to {high:,}") from None
    if not low <= found <= high:
        raise InputError(f"{name} is {quoted(found)}; allowed are whole numbers from {low:,} to {high:,}")
    return found


def seed_of(value: object) -> int:
    """A seed: a whole number that a browser's number holds exactly."""
    return whole("the seed", value, 0, MAX_SEED)


def number(name: str, value: object, low: float, high: float) -> float:
    """A finite number from `low` to `high`."""
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} is {quoted(value)}; it must be a number from {low:g} to {high:g}") from None
    if not math.isfinite(found) or not low <= found <= high:
        raise InputError(f"{name} is {found:g}; allowed are numbers from {low:g} to {high:g}")
    return found


def one_of(name: str, value: object, allowed: Iterable[str]) -> str:
    """One of the `allowed` words; a wrong one is answered with what was perhaps meant, and what exists."""
    known = list(allowed)
    if not isinstance(value, str):
        raise InputError(f"{name} is {quoted(value)}; it must be one of {', '.join(known)}")
    found = clean(value[: 4 * MAX_SHOWN]).strip()
    if len(value) <= 4 * MAX_SHOWN and found in known:
        return found
    raise InputError(f"{name} {quoted(value)} does not exist{suggestion(found[:MAX_SHOWN], known)}")
