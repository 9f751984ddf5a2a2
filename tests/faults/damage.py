"""Damaged states: flipped, cut, zeroed, swapped, missing, renamed; each refused by name, and the one before it used."""

from __future__ import annotations

import json
import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from train import state as states

FILES = ("manifest.json", "state.safetensors")
Damage = Callable[[Path, random.Random], None]
"""Damage the newest state, given its folder; the folder of another run's state of the same step lies beside."""


def flip(path: Path, rng: random.Random) -> None:
    """One bit of one file."""
    target = path / rng.choice(FILES)
    data = bytearray(target.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    target.write_bytes(data)


def flip_header(path: Path, rng: random.Random) -> None:
    """One bit of the tensors' table, or of its length."""
    target = path / FILES[1]
    data = bytearray(target.read_bytes())
    data[rng.randrange(8 + int.from_bytes(data[:8], "little"))] ^= 1 << rng.randrange(8)
    target.write_bytes(data)


def cut(path: Path, rng: random.Random) -> None:
    """One file cut short, also to nothing."""
    target = path / rng.choice(FILES)
    with open(target, "r+b") as file:
        file.truncate(rng.choice((0, rng.randrange(target.stat().st_size), target.stat().st_size - 1)))


def lengthen(path: Path, rng: random.Random) -> None:
    """Bytes after the end of one file."""
    with open(path / rng.choice(FILES), "ab") as file:
        file.write(rng.randbytes(rng.choice((1, 8, 4096))))


def zero(path: Path, rng: random.Random) -> None:
    """A block of zeros, as a file system leaves that had the length on disk and not the bytes."""
    target = path / rng.choice(FILES)
    data = bytearray(target.read_bytes())
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((64, 512, 4096)))
    if any(data[start:end]):
        data[start:end] = bytes(end - start)
    else:  # zeros already: all of the file
        data[:] = bytes(len(data))
    target.write_bytes(data)


def swap(path: Path, rng: random.Random) -> None:
    """One of the two files from the state before, or from another run's state of the same step."""
    name = rng.choice(FILES)
    source = rng.choice((sorted(path.parent.glob("step-*"))[0], path.parent.parent / "other"))
    shutil.copyfile(source / name, path / name)


def remove(path: Path, rng: random.Random) -> None:
    """One file or both are missing, or a folder stands in a file's place."""
    for name in rng.choice((FILES[:1], FILES[1:], FILES)):
        (path / name).unlink()
        if rng.random() < 0.3:
            (path / name).mkdir()


def empty(path: Path, rng: random.Random) -> None:
    """A manifest of nothing, or of JSON that is none of ours."""
    (path / FILES[0]).write_text(rng.choice(("", "{}", "[]", "null", "0", '{"manifest": 1}', '{"manifest": "{}"}')))


def rewrite(path: Path, rng: random.Random) -> None:
    """A manifest with another step, name, value or place, whose hashes are those of the old one."""
    body = json.loads((path / FILES[0]).read_text())
    text = body["manifest"]
    old, new = rng.choice((('"step": 3', '"step": 4'), ("weights", "weighty"), ("state.", "stale."), ("true", "false")))
    if old not in text:
        raise ValueError(f"the manifest has no {old}")
    body["manifest"] = text.replace(old, new, 1)
    (path / FILES[0]).write_text(json.dumps(body))


def rename(path: Path, rng: random.Random) -> None:
    """All of an older state, whole, under this step's name."""
    shutil.rmtree(path)
    shutil.copytree(sorted(path.parent.glob("step-*"))[0], path)


KINDS: tuple[Damage, ...] = (flip, flip_header, cut, lengthen, zero, swap, remove, empty, rewrite, rename)


def example(step: int, seed: int) -> dict[str, Any]:
    """A state like a run's: networks, an optimiser's moments, an average, and progress in JSON."""
    generator = torch.Generator().manual_seed(seed * 1000 + step)
    weights = {name: torch.randn(24, 24, generator=generator) for name in ("first.weights", "second.weights")}
    return {
        "modules": {"model": weights},
        "optimizers": {
            "model": {"state": {0: {"step": torch.tensor(float(step)), "exp_avg": weights["first.weights"]}}}
        },
        "average": {"n_averaged": torch.tensor(step)},
        "progress": {"step": step, "best": 0.25 * seed, "early": True},
    }


class _Said(logging.Handler):
    """What the log says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def drive(base: Path, rng: random.Random, damages: int) -> dict[str, Any]:
    """Damage `damages` newest states in turn, each time loading what is left; returns what is to be reported."""
    states.save(base / "other-run", 3, example(3, 2))
    shutil.copytree(base / "other-run" / "step-00000003", base / "other")
    states.save(base / "state", 2, example(2, 1))
    newest = states.save(base / "state", 3, example(3, 1))
    whole = {name: (newest / name).read_bytes() for name in FILES}
    expected: dict[str, Any] = {}
    states.flatten(example(2, 1), "", expected)
    said = _Said()
    states.logger.addHandler(said)
    states.logger.propagate = False
    refused: Counter[str] = Counter()
    failures = []
    for number in range(damages):
        kind = KINDS[number % len(KINDS)]
        shutil.rmtree(newest)
        newest.mkdir()
        for name, data in whole.items():
            (newest / name).write_bytes(data)
        said.lines.clear()
        kind(newest, rng)
        found = states.load(base / "state")
        tensors: dict[str, torch.Tensor] = {}
        if found is not None:
            states.flatten(found[1], "", tensors)
        if found is None or found[0] != 2:
            failures.append(
                f"{kind.__name__} {number}: {'nothing' if found is None else f'step {found[0]}'} was loaded"
            )
        elif tensors.keys() != expected.keys() or not all(torch.equal(tensors[k], v) for k, v in expected.items()):
            failures.append(f"{kind.__name__} {number}: the state before was loaded, but changed")
        elif not any(str(newest) in line and "damaged" in line for line in said.lines):
            failures.append(f"{kind.__name__} {number}: nothing was said of {newest}")
        else:
            refused[kind.__name__] += 1
    states.logger.removeHandler(said)
    states.logger.propagate = True
    return {
        "damaged states": damages,
        "refused by name, the one before used": refused.total(),
        "kinds": dict(refused),
        "failures": failures,
    }
