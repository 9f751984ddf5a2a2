"""An uploaded log.jsonl, and perhaps a run.json -> a run folder, checked value by value before anything believes it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.generate.inputs import InputError, clean, quoted

MAX_LOG_BYTES, MAX_RUN_BYTES = 8 << 20, 256 << 10
MAX_LINES = 20_000
MAX_FIGURES = 100
"""Values that a line may have, and fields that an object may have."""
MAX_WORDS, MAX_LIST = 400, 4096
MAX_DEPTH = 3
"""Objects within objects in run.json: the run, its settings, and a part of those."""


@contextmanager
def uploaded_run(files: Sequence[str] | None) -> Iterator[Path]:
    """A folder with the log.jsonl and run.json that `files` hold, gone when the block ends.

    One file ends in .jsonl, and one may end in .json. Raises InputError saying which line or field is wrong, and how.
    """
    given = [Path(file) for file in files or ()]
    logs = [path for path in given if path.suffix == ".jsonl"]
    runs = [path for path in given if path.suffix == ".json"]
    if len(logs) != 1 or len(runs) > 1 or len(logs) + len(runs) < len(given):
        names = ", ".join(quoted(path.name) for path in given[:8]) or "no file"
        raise InputError(f"a run is one log.jsonl and, if you have it, its run.json; given: {names}")
    log = _log(_text(logs[0], "log.jsonl", MAX_LOG_BYTES))
    run = {}
    if runs:
        run = _fields(_object(_text(runs[0], "run.json", MAX_RUN_BYTES), "run.json"), "run.json", MAX_DEPTH)
    with tempfile.TemporaryDirectory(prefix="zoo-run-") as name:
        folder = Path(name)
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
        (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
        yield folder


def _text(path: Path, name: str, limit: int) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{name} cannot be opened") from error
    if len(data) > limit:
        raise InputError(f"{name} has more than {limit / (1 << 20):g} MiB; at most that is read")
    if not data.strip():
        raise InputError(f"{name} is empty")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text (byte {error.start:,})") from error


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {quoted(text.strip())}") from error
    if not isinstance(found, dict):
        raise InputError(f"{where} is not a JSON object: {quoted(text.strip())}")
    if len(found) > MAX_FIGURES:
        raise InputError(f"{where} has {len(found):,} values; at most {MAX_FIGURES} are allowed")
    return found


def _log(text: str) -> list[dict[str, Any]]:
    """The lines of a log; one cut short at the very end counts as never written, as after a kill."""
    texts = text.split("\n")
    if len(texts) > MAX_LINES:
        raise InputError(f"log.jsonl has {len(texts):,} lines; at most {MAX_LINES:,} are read")
    found: list[dict[str, Any]] = []
    for number, line in enumerate(texts, 1):
        if not line.strip():
            continue
        where = f"line {number:,} of log.jsonl"
        try:
            values = _object(line, where)
        except InputError:
            if number == len(texts) and found:
                break
            raise
        step = values.get("step")
        if type(step) is not int or not 0 <= step < 10**12:
            raise InputError(f"{where}: every line needs a step, a whole number from 0; this has {quoted(step)}")
        found.append({clean(key)[:80]: _figure(value, f"{quoted(key)} in {where}") for key, value in values.items()})
    if not found:
        raise InputError("log.jsonl has no whole line")
    return found


def _figure(value: Any, where: str) -> Any:
    if isinstance(value, list) and len(value) <= MAX_LIST and all(_number(one) for one in value):
        return value
    return _plain(value, where)


def _number(value: Any) -> bool:
    """Whether it is a number, NaN and infinity among them: a broken run has those, and they are evidence."""
    return isinstance(value, float) or (type(value) is int and abs(value) < 10**30)


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool) or _number(value):
        return value
    if isinstance(value, str) and len(value) <= MAX_WORDS:
        return clean(value)
    raise InputError(
        f"{where} is {quoted(value)}; allowed are numbers, lists of numbers and up to {MAX_WORDS} characters"
    )


def _fields(values: dict[str, Any], where: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in list(values.items())[:MAX_FIGURES]:
        inside = f"{quoted(key)} in {where}"
        if isinstance(value, dict):
            if depth <= 1:
                raise InputError(f"{inside} lies too deep; run.json has at most {MAX_DEPTH} levels")
            found[clean(key)[:80]] = _fields(value, inside, depth - 1)
        elif isinstance(value, list):
            found[clean(key)[:80]] = [_plain(one, inside) for one in value[:MAX_LIST]]
        else:
            found[clean(key)[:80]] = _plain(value, inside)
    return found
