"""Data sets whose files are damaged, changed or missing: each refused by name, or with "skip" its row left out by name.

ZOO_DATA is a copy of the bundled samples, whose rows are real; one file of it is spoilt at a time, and the data of the
tiny preset of a model that learns from it are opened as a training opens them.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults import trainings

SAMPLES = trainings.ROOT / "zoo" / "data" / "samples"
LEARNERS = {
    "mnist": "vae", "spoken_digits": "wavenet", "emoji": "pix2pix", "emoji_names": "contrastive",
    "telephone_prompts": "tts", "drums": "wavegan", "fashion_mnist": "stylegan", "emoji_digits": "captioner",
    "tiny_shakespeare": "gpt", "dialogue": "bert", "cmudict": "seq2seq", "jsb_chorales": "music_transformer",
    "trimodal_digits": "trimodal_digits", "emoji_nature": "text_to_image",
}  # fmt: skip
"""Data sets, and a model whose tiny preset learns from each."""
_ATTEMPTS = 12
"""Cells that are spoilt one after the other until one is met that the model reads."""


@dataclass(frozen=True)
class Opened:
    """What opening a data set came to: the samples of both splits, or the error's words; and what was logged."""

    count: int
    refusal: str
    said: str


class _Heard(logging.Handler):
    """The lines of a log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _zoo_data(folder: Path) -> Any:
    before = os.environ.get("ZOO_DATA")
    os.environ["ZOO_DATA"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["ZOO_DATA"]
        else:
            os.environ["ZOO_DATA"] = before


def opened(name: str, root: Path, *, skip: bool = False) -> Opened:
    """Open both splits as a training does; errors that a training does not put into words pass through."""
    from train.recipe import preset
    from train.sources import Sources

    model = LEARNERS[name]
    recipe = replace(preset(model, "tiny"), dataset=name, sample=False, damaged="skip" if skip else "refuse")
    heard = _Heard()
    logging.getLogger("zoo").addHandler(heard)
    try:
        with _zoo_data(root):
            training, validation = Sources().open(model, recipe)
    except (ValueError, OSError) as error:
        return Opened(0, str(error) or type(error).__name__, "\n".join(heard.lines))
    finally:
        logging.getLogger("zoo").removeHandler(heard)
    return Opened(len(training) + len(validation), "", "\n".join(heard.lines))


def drive(folder: Path, rng: random.Random, sets: int) -> tuple[int, list[str]]:
    """Spoil the files of so many data sets in every way; how often, and what went wrong. Forks before it reads."""
    tried, failures = 1, changed_between(folder, rng)
    for name in list(LEARNERS)[:sets]:
        place = _file_of(name)
        for spoil in (_missing, _cut, _emptied, _zeroed, _no_table, _one_of_two):
            root = _copied(name, folder / f"{name}-{spoil.__name__.strip('_')}")
            shown = spoil(root / place, rng)
            found = opened(name, root)
            tried += 1
            if not found.refusal or shown not in found.refusal:
                failures.append(f"{name}, {spoil.__name__}: {found.refusal or f'{found.count} samples were read'}")
            shutil.rmtree(root)
        if media := _media(SAMPLES / place):
            tried += 2
            failures += _spoilt_cell(name, media, folder, rng)
    return tried, failures


def _file_of(name: str) -> Path:
    """The file of a set's training split, below ZOO_DATA."""
    from zoo.data.source import INFOS

    return Path(INFOS[name].folder or name) / "data" / "train-00000-of-00001.parquet"


def _copied(name: str, root: Path) -> Path:
    """A ZOO_DATA whose file of this set may be changed; the others are the samples'."""
    own = _file_of(name).parts[0]
    root.mkdir(parents=True)
    for path in SAMPLES.iterdir():
        if path.is_dir() and path.name != own:
            (root / path.name).symlink_to(path)
    shutil.copytree(SAMPLES / own, root / own)
    return root


def _missing(path: Path, rng: random.Random) -> str:
    path.unlink()
    return f"{path.parent.parent.name}/data/train-*.parquet is missing"


def _cut(path: Path, rng: random.Random) -> str:
    with open(path, "r+b") as file:
        file.truncate(rng.randrange(1, path.stat().st_size))
    return f"{path} cannot be read"


def _emptied(path: Path, rng: random.Random) -> str:
    path.write_bytes(b"")
    return f"{path} cannot be read"


def _zeroed(path: Path, rng: random.Random) -> str:
    """The last blocks are zeros, as after a power cut."""
    data = bytearray(path.read_bytes())
    cut = min(len(data), rng.choice((512, 4096)))
    data[-cut:] = bytes(cut)
    path.write_bytes(data)
    return f"{path} cannot be read"


def _no_table(path: Path, rng: random.Random) -> str:
    path.write_bytes(b"PAR1" + rng.randbytes(500) + b"PAR1")
    return f"{path} cannot be read"


def _one_of_two(path: Path, rng: random.Random) -> str:
    """The first of two shards, whose other is missing."""
    shard = path.with_name("train-00000-of-00002.parquet")
    path.rename(shard)
    return str(shard)


def _media(path: Path) -> list[str]:
    """Columns of pictures or sounds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return [field.name for field in pq.read_schema(path) if pa.types.is_struct(field.type)]


def _rewritten(path: Path, column: str, change: Callable[[list[Any]], None]) -> None:
    """Change the cells of a column, and keep all else of the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    cells = table.column(column).to_pylist()
    change(cells)
    place = table.schema.get_field_index(column)
    field = table.schema.field(place)
    pq.write_table(table.set_column(place, field, pa.array(cells, field.type)), path)


def _spoilt_cell(name: str, media: list[str], folder: Path, rng: random.Random) -> list[str]:
    """A picture or sound that cannot be decoded: its row is named; with "skip" it is left out, and the rest kept."""
    place = _file_of(name)
    for number in range(_ATTEMPTS):
        root = _copied(name, folder / f"{name}-cell-{number}")
        column, rows = rng.choice(media), []

        def spoil(cells: list[Any], rows: list[int] = rows) -> None:
            rows.append(rng.choice([row for row, cell in enumerate(cells) if cell is not None]))
            data = cells[rows[0]]["bytes"]
            spoilt = rng.choice((b"", b"no media at all", bytes(len(data)), data[: rng.randrange(4, len(data) // 2)]))
            cells[rows[0]] = {**cells[rows[0]], "bytes": spoilt}

        _rewritten(root / place, column, spoil)
        whole, found = opened(name, SAMPLES), opened(name, root)
        if not found.refusal and found.count == whole.count and number + 1 < _ATTEMPTS:
            shutil.rmtree(root)  # a row that this model does not read
            continue
        title, failures = f"{name}, {column} of row {rows[0]} cannot be decoded", []
        if f" {rows[0]} of " not in found.refusal or place.parts[0].split("_")[0] not in found.refusal:
            failures.append(f"{title}: {found.refusal or f'{found.count} samples were read'}")
        skipped = opened(name, root, skip=True)
        fewer = whole.count - skipped.count
        if skipped.refusal or f" {rows[0]} of " not in skipped.said or not 0 <= fewer <= len(media):
            said = skipped.refusal or f"{skipped.count} of {whole.count} samples, and said was {skipped.said!r}"
            failures.append(f"{title}, --damaged skip: {said}")
        shutil.rmtree(root)
        return failures
    return [f"{name}: no model reads any of {_ATTEMPTS} cells"]


def changed_between(folder: Path, rng: random.Random) -> list[str]:
    """A run whose data were changed since it was stopped does not go on as if they were the same."""
    name, model = "mnist", LEARNERS["mnist"]
    root, run = _copied(name, folder / "changed"), folder / "changed-run"

    def other_labels(cells: list[Any]) -> None:
        for row in rng.sample(range(len(cells)), 5):
            cells[row] = (cells[row] + 1) % 10

    def found_there() -> None:
        os.environ["ZOO_DATA"] = str(root)

    def found_changed() -> None:  # in the fork, for Parquet starts threads
        _rewritten(root / _file_of(name), "label", other_labels)
        found_there()

    ended = trainings.undisturbed(model, run, "--no-sample", "--stop-after", "8", spoil=found_there)
    if ended.code != 75:
        return [f"a sitting of 8 steps: exit code {ended.code}\n{ended.said[-1500:]}"]
    ended = trainings.undisturbed(model, run, "--no-sample", spoil=found_changed)
    if ended.code != 2 or "began with other data" not in ended.said or "Traceback" in ended.said:
        return [f"labels were changed between two sittings: exit code {ended.code}\n{ended.said[-1500:]}"]
    return []
