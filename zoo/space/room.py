"""The clean room in which `zoo.space.check` runs a Space: only its folder, and what its requirements.txt brings.

The interpreter runs without site-packages (-S). The distributions that requirements.txt leads to, over their own
requirements, are linked into a folder of their own, so a package that is installed here and is not asked for there is
missing, as it would be at the host's. That takes a second and no network; a `fresh` environment by pip takes minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.space import SpaceError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PYTHON = "3.12"
"""ZeroGPU runs Python 3.10 and 3.12, and the zoo wants 3.11 or later."""
_PASSED_ON = ("PATH", "OMP_NUM_THREADS", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Room:
    """The command that starts the interpreter, the whole environment of the process, and both in words."""

    command: tuple[str, ...]
    environment: dict[str, str]
    words: str


def requirements(folder: Path) -> list[Requirement]:
    """The lines of requirements.txt, as `packaging` reads them. Raises SpaceError."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        return [Requirement(line) for line in (line.partition("#")[0].strip() for line in lines) if line]
    except (OSError, InvalidRequirement) as error:
        raise SpaceError(f"requirements.txt cannot be read: {error}") from error


def prepare(asked: list[Requirement], scratch: Path, *, fresh: bool = False) -> Room:
    """Make a room in `scratch`: an empty HOME, no network for the Hub's client, and the packages that are asked for.

    Raises SpaceError when one of them is not to be had.
    """
    home = scratch / "home"
    home.mkdir()
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "HOME": str(home), "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1", "TMPDIR": str(scratch),
        "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "no_proxy": "127.0.0.1,localhost",
    }  # fmt: skip
    if not fresh:
        packages = scratch / "packages"
        count = _link(asked, packages)
        environment["PYTHONPATH"] = str(packages)
        return Room((sys.executable, "-S"), environment, f"{count} packages, linked")
    begun = time.monotonic()
    python = str(scratch / "venv" / "bin" / "python")
    wanted = scratch / "requirements.txt"
    wanted.write_text("".join(f"{one}\n" for one in asked), encoding="utf-8")
    _run([_interpreter(), "-m", "venv", str(scratch / "venv")], "there is no venv")
    _run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(wanted)], "pip cannot install")
    version = _run([python, "-c", "import platform; print(platform.python_version())"], "it does not run").strip()
    count = len(_run([python, "-m", "pip", "list", "--format=freeze"], "pip does not list").splitlines())
    words = f"{count} packages, Python {version}, installed in {time.monotonic() - begun:.0f} s"
    return Room((python, "-s"), environment, words)


def _interpreter() -> str:
    """The Python of a Space where it is installed and runs (a version manager's may not), else our own."""
    found = shutil.which(f"python{PYTHON}")
    if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
        return found
    return sys.executable


def _run(command: list[str], what: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SpaceError(f"{what}: {' '.join((done.stderr or done.stdout).split())[-400:]}")
    return done.stdout


def _link(asked: list[Requirement], packages: Path) -> int:
    """Link what the requirements lead to, of what is installed here, into `packages` -> how many distributions.

    Raises SpaceError for one that is not installed, or in a version that is not asked for.
    """
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    packages.mkdir()
    seen: set[tuple[str, str]] = set()
    distributions: set[str] = set()
    waiting = [(one, extra) for one in asked for extra in ("", *one.extras)]
    while waiting:
        one, extra = waiting.pop()
        name = canonicalize_name(one.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise SpaceError(f"requirements.txt leads to {one}, which is not installed here; see --fresh") from None
        if not one.specifier.contains(found.version, prereleases=True):
            raise SpaceError(f"requirements.txt leads to {one}, but {found.version} is installed here; see --fresh")
        distributions.add(name)
        for line in found.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed, more) for more in ("", *needed.extras)]
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            place = packages / top
            if not place.exists():
                place.symlink_to(Path(str(found.locate_file(top))).resolve())
    return len(distributions)
