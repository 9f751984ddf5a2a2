"""Row R24: no dependency below its floor, neither what is installed nor what a file of ours would let in."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from tests.faults.rows import Found

ROOT = Path(__file__).parents[2]
FLOORS = {
    "torch": "2.10", "transformers": "5.5", "diffusers": "0.38", "pillow": "12.2", "gradio": "6.31",
    "safetensors": "0.8", "brotli": "1.2.1",
}  # fmt: skip
"""The least version of each that has no known hole which a stranger's file or request reaches."""
_PLAIN = re.compile(r"[-_.]+")


def _name(text: str) -> str:
    return _PLAIN.sub("-", text).lower()


def _stated() -> Iterator[tuple[str, Requirement]]:
    """Every requirement that a file of ours states, and the file."""
    for path in [ROOT / "requirements.txt", *sorted((ROOT / "spaces").rglob("*requirements*.txt"))]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if text := line.partition("#")[0].strip():
                yield path.relative_to(ROOT).as_posix(), Requirement(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, lines in project["optional-dependencies"].items():
        for text in lines:
            yield f"pyproject.toml [{extra}]", Requirement(text)


def _least(requirement: Requirement) -> Version | None:
    """The least version that a requirement lets in; None where it lets in any."""
    bounds = [Version(one.version.removesuffix(".*")) for one in requirement.specifier if one.operator in _BOUNDS]
    return max(bounds, default=None)


_BOUNDS = frozenset((">=", ">", "==", "~=", "==="))


def _brought(name: str, seen: set[str]) -> Iterator[tuple[str, Requirement]]:
    """What an installed distribution asks for in turn, however far, with the distribution that asks."""
    if name in seen:
        return
    seen.add(name)
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for text in lines:
        asked = Requirement(text)
        if asked.marker is None or asked.marker.evaluate({"extra": ""}):
            yield name, asked
            yield from _brought(_name(asked.name), seen)


def _sdk() -> Iterator[tuple[str, str]]:
    """The gradio that each Space's front matter has its host install."""
    for path in sorted((ROOT / "spaces").glob("*/README.md")):
        if found := re.search(r"^sdk_version: *\"?([0-9.]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield path.relative_to(ROOT).as_posix(), found[1]


def checked(folder: Path, rng: random.Random) -> Found:
    """Installed versions, stated bounds, Spaces' sdk_version, and what comes along with something else."""
    failures, looked = [], 0
    for name, floor in FLOORS.items():
        looked += 1
        installed = metadata.version(name)
        if Version(installed) < Version(floor):
            failures.append(f"{name} {installed} is installed; the floor is {floor}")
    by_file: dict[str, dict[str, Requirement]] = {}
    for file, asked in _stated():
        by_file.setdefault(file, {})[_name(asked.name)] = asked
    for file in [file for file in by_file if file.startswith("pyproject.toml")]:  # an extra comes with the rest
        by_file[file] = by_file["requirements.txt"] | by_file[file]
    for file, stated in by_file.items():
        bounds: dict[str, list[tuple[str, Version | None]]] = {}
        for name, asked in stated.items():
            if name in FLOORS:
                bounds.setdefault(name, []).append((file, _least(asked)))
            if name != "model-zoo-demos":
                for by, brought in _brought(name, set()):
                    if _name(brought.name) in FLOORS:
                        bounds.setdefault(_name(brought.name), []).append((f"{file}, by {by}", _least(brought)))
        for name, found in bounds.items():
            looked += 1
            # pip takes what fits all of them: the highest of the least versions counts
            if not any(least is not None and least >= Version(FLOORS[name]) for _, least in found):
                said = "; ".join(f"{where}: {least or 'any'}" for where, least in found)
                failures.append(f"{name} may be below its floor {FLOORS[name]} ({said})")
    for file, version in _sdk():
        looked += 1
        if Version(version) < Version(FLOORS["gradio"]):
            failures.append(f"{file}: sdk_version {version}; the floor of gradio is {FLOORS['gradio']}")
    return Found(f"{len(failures)} below in {looked} places ({len(by_file)} files)", failures, {"floors": FLOORS})
