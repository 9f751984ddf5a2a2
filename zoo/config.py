"""Strict dictionaries <-> frozen dataclasses: an unknown, missing or impossible field is an error with words."""

from __future__ import annotations

import dataclasses
import difflib
import math
import reprlib
import sys
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")
MAX_ITEMS = 100
"""Items that a list in a config may have."""
MAX_ATTENTION = 1 << 26
"""Numbers in the table of one attention: heads times places times places."""
_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = 80
_brief.maxlevel = 3


def brief(value: Any) -> str:
    """`repr(value)` cut short, for a message: it may be a stranger's, and as long as their file."""
    return _brief.repr(value)


def bounded(default: Any, low: float, high: float) -> Any:
    """A dataclass field with a default and inclusive bounds, which `check` enforces."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high})


def suggestion(given: str, known: Iterable[str]) -> str:
    """Return ' (perhaps you meant ...?)' or '', then what exists: the tail of an error about a wrong name."""
    names = sorted(known)
    close = difflib.get_close_matches(given[:80], names, n=1, cutoff=0.5)
    perhaps = f"; perhaps you meant {close[0]!r}?" if close else "."
    return f"{perhaps} There are: {', '.join(names)}"


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(kind))
    if origin is Literal:
        return value in get_args(kind)
    if origin is tuple:
        item, *rest = get_args(kind)
        if rest == [Ellipsis]:
            return isinstance(value, list | tuple) and all(_fits(v, item) for v in value)
        kinds = [item, *rest]
        return isinstance(value, list | tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if kind is float:
        # compared, not converted: JSON has whole numbers that no float can hold
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(v) for v in value) if isinstance(value, list) else value


def check(config: Any) -> None:
    """Raise ValueError for a field of the wrong type or outside its bounds; call it in `__post_init__`."""
    kinds = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, tuple) and len(value) > MAX_ITEMS:
            raise ValueError(
                f"{type(config).__name__}.{field.name} has {len(value):,} items; at most {MAX_ITEMS} are allowed"
            )
        if not _fits(value, kinds[field.name]):
            raise ValueError(f"{type(config).__name__}.{field.name} is {brief(value)}; it must be {kinds[field.name]}")
        low, high = field.metadata.get("low", -math.inf), field.metadata.get("high", math.inf)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not low <= number <= high:
                raise ValueError(
                    f"{type(config).__name__}.{field.name} is {brief(number)}; allowed are {low} to {high}"
                )


def check_attention(config: Any, places: int, heads: int) -> None:
    """Raise ValueError where every place attending to every other would take more than MAX_ATTENTION numbers.

    Parameters say nothing of it: a network of a few kilobytes can ask for more memory than any machine has.
    """
    if heads * places**2 > MAX_ATTENTION:
        raise ValueError(
            f"{type(config).__name__} has attention of {heads:,} heads over {places:,} places, a table of "
            f"{heads * places**2:,} numbers; at most {MAX_ATTENTION:,} are allowed"
        )


def from_dict(cls: type[T], values: dict[str, Any]) -> T:
    """Build `cls` from `values`. Raises ValueError, naming the field, for anything unknown, missing or ill-typed."""
    if not isinstance(values, dict):
        raise ValueError(f"{cls.__name__} wants an object with named fields, not {type(values).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise ValueError(f"{cls.__name__} has no field {brief(name)}{suggestion(str(name), fields)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ValueError(f"{cls.__name__} needs the field {name!r}")
    config = cls(**{name: _as_tuple(value) for name, value in values.items()})
    check(config)
    return config


def to_dict(config: Any) -> dict[str, Any]:
    """The dataclass as JSON-ready data (tuples become lists)."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(config).items()
    }
