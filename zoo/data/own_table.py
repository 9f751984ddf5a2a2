"""Data sets in the Hub's layout: Parquet files with a column of pictures, texts or sounds, a row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.own_source import MAX_ITEMS, WORDS, Found, Item, Kind, OwnDataError, Report, features_of, split_named
from zoo.data.source import Info

_FEATURES: dict[str, Kind] = {"Image": "image", "Audio": "audio"}
BATCH = 64
"""Rows in memory at a time."""


@dataclass(frozen=True)
class Columns:
    """The columns that are read."""

    content: str
    label: str
    names: tuple[str, ...]
    """Class names by number of the label column, where the schema states them."""
    speaker: str
    voices: tuple[str, ...]


def find_rows(
    path: Path, kind: Kind, tables: list[Path], info: Info, report: Report, preferred: tuple[str, ...],
    *, skip_damaged: bool,
) -> Found:  # fmt: skip
    """The rows of Parquet files as items. Raises OwnDataError for damaged files and missing columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folders = sorted({table.parent for table in tables})
    if len(folders) > 1:
        names = ", ".join(folder.relative_to(path).as_posix() for folder in folders)
        raise OwnDataError(f"{path} holds Parquet files in {len(folders)} folders ({names}); give one of them")
    schemas, count = {}, 0
    for table in tables:
        try:
            file = pq.ParquetFile(table)
            schemas[table], count = file.schema_arrow, count + file.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            if not skip_damaged:
                raise OwnDataError(f"{table} cannot be read as Parquet: {error}") from error
            report.skip("not readable as Parquet", table.name)
    if not schemas or not count:
        raise OwnDataError(f"{path} has no rows in {len(tables)} Parquet files")
    if count > MAX_ITEMS:
        raise OwnDataError(f"{path} holds {count:,} {WORDS[kind]}; at most {MAX_ITEMS:,} are read")
    columns = {table: _columns(table, schema, kind, preferred) for table, schema in schemas.items()}
    first = next(iter(columns.values()))
    report.found = count
    report.facts.append(f"{WORDS[kind]} of the column {first.content!r} of {len(columns)} Parquet files")
    found = Found(path, info, (), count, report, skip_damaged, names_classes=bool(first.label), classes=first.names)
    found.items = _rows(columns, found)
    return found


def _columns(table: Path, schema: Any, kind: Kind, preferred: tuple[str, ...]) -> Columns:
    import pyarrow as pa

    features = features_of(schema.metadata)

    def kind_of(field: Any) -> str:
        stated = features.get(field.name)
        if isinstance(stated, dict) and stated.get("_type") in _FEATURES:
            return _FEATURES[stated["_type"]]
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            return "text"
        holds_bytes = pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
        if holds_bytes or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            return kind if field.name.lower() in preferred else "bytes"
        return str(field.type)

    kinds = {field.name: kind_of(field) for field in schema}
    fitting = [name for name, found in kinds.items() if found == kind]
    fitting = sorted(fitting, key=lambda n: preferred.index(n.lower()) if n.lower() in preferred else len(preferred))
    if kind == "text" and len(fitting) > 1 and fitting[0].lower() not in preferred:
        fitting = []  # of many columns of words any could be meant
    if not fitting:
        held = ", ".join(f"{name} ({found})" for name, found in kinds.items())
        raise OwnDataError(f"{table} has no column of {WORDS[kind]}, but {held}; name one {preferred[0]!r}")

    def names_of(column: str) -> tuple[str, ...]:
        stated = features.get(column)
        names = stated.get("names") if isinstance(stated, dict) else None
        return tuple(map(str, names)) if isinstance(names, list) else ()

    classes = [name for name in kinds if names_of(name)]
    label = (
        next((name for name in ("label", "labels", "class", *classes) if name in kinds), "") if kind != "text" else ""
    )
    speaker = "speaker" if "speaker" in kinds and kind == "audio" else ""
    return Columns(fitting[0], label, names_of(label), speaker, names_of(speaker))


def _rows(columns: dict[Path, Columns], found: Found) -> Iterator[Item]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for table, chosen in columns.items():
        wanted = [name for name in (chosen.content, chosen.label, chosen.speaker) if name]
        split, number = split_named(table.stem.split("-")[0]), 0
        try:
            for batch in pq.ParquetFile(table).iter_batches(BATCH, columns=wanted):
                for row in batch.to_pylist():
                    yield Item(
                        f"{table.name} row {number}",
                        None,
                        _bytes(row[chosen.content]),
                        _word(row.get(chosen.label), chosen.names),
                        split,
                        _word(row.get(chosen.speaker), chosen.voices),
                    )
                    number += 1
        except (OSError, pa.ArrowException) as error:
            found.damage(f"{table.name} from row {number}", f"not readable as Parquet: {error}")


def _bytes(value: Any) -> bytes:
    """Bytes of a cell: a struct of bytes and path, plain bytes, or a text."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else b""


def _word(value: Any, names: tuple[str, ...]) -> str:
    """The class of a cell by its name."""
    if value is None or not names:
        return "" if value is None else str(value)
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else ""
