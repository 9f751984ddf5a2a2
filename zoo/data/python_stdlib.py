"""The source code of Python's standard library, as this interpreter has it: a text that every user has already.

    python -m zoo.data.python_stdlib FOLDER     writes the three splits in the Hub's layout, with a card

A row is a module: its `path` under the library's folder and its `text`, in the order of the paths. What is left out are
tests, programs that are no library, and tables of data (`LEFT_OUT`). Validation and test are the same modules in each
version (`HELD_OUT`), and the test split ships with the zoo, so that a figure can be measured again under any other
interpreter. Which version the training text is of is said by its fingerprint.

Licensed under the PSF license agreement 2.0, whose text lies beside the samples.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import sysconfig
import tokenize
from pathlib import Path

NAME = "python_stdlib"
LEFT_OUT = frozenset(
    (
        "test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo", "encodings", "pydoc_data", "ensurepip",
        "site-packages", "dist-packages", "__phello__", "__pycache__",
    )
)  # fmt: skip
"""Folders, anywhere in the library, that are not read."""
TABLES = frozenset(("html/entities.py", "stringprep.py"))
"""Modules that hold next to nothing but data."""
_OF_THE_MACHINE = ("_sysconfigdata", "config-")
"""How the names of files begin that were made when the interpreter was built."""
HELD_OUT: dict[str, tuple[str, ...]] = {
    "validation": (
        "bisect.py", "copy.py", "getopt.py", "glob.py", "gzip.py", "hmac.py", "linecache.py", "pprint.py", "string.py",
    ),
    "test": (
        "csv.py", "fnmatch.py", "graphlib.py", "heapq.py", "queue.py", "sched.py", "secrets.py", "shlex.py",
        "textwrap.py",
    ),
}  # fmt: skip
"""Modules of two splits, each about 100,000 characters; all others are for training."""
_CARD = """\
---
license: other
license_name: psf-2.0
language:
- code
pretty_name: Python's standard library
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
  - split: validation
    path: data/validation-*
  - split: test
    path: data/test-*
---

# Python's standard library

Modules of the standard library of {version}, without tests, programs and tables: `path` and `text`.

Copyright (c) 2001 Python Software Foundation; All Rights Reserved. PSF License Agreement, version 2.
Source: https://github.com/python/cpython
"""


def split_of(path: str) -> str:
    """The split of a module by its path under the library's folder, with "/" in it."""
    return next((split for split, paths in HELD_OUT.items() if path in paths), "train")


def modules(split: str, library: Path | None = None) -> tuple[dict[str, list[str]], str]:
    """The columns `path` and `text` of one split, and a fingerprint that says the version and the sha256 of the texts.

    `library` is the folder to read; None is this interpreter's own. Raises OSError where it holds no such modules,
    as in an installation without sources.
    """
    library = library or Path(sysconfig.get_path("stdlib"))
    rows: list[tuple[str, str]] = []
    for folder, folders, files in os.walk(library):
        folders[:] = [name for name in folders if name not in LEFT_OUT]  # the others are not looked into
        for file in files:
            path = Path(folder, file).relative_to(library).as_posix()
            if not file.endswith(".py") or path in TABLES or path.startswith(_OF_THE_MACHINE):
                continue
            if split_of(path) == split:
                with tokenize.open(library / path) as source:  # in the encoding that the module declares
                    rows.append((path, source.read()))
    if not rows:
        raise OSError(f"{library} holds no modules of Python's standard library for the split {split!r}")
    rows.sort()
    digest = hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()
    fingerprint = f"{platform.python_implementation()}-{platform.python_version()}-{digest}"
    return {"path": [path for path, _ in rows], "text": [text for _, text in rows]}, fingerprint


def write(folder: Path, library: Path | None = None) -> None:
    """Write the splits and a card as a data set in the Hub's layout into a new or empty folder. Raises OSError.

    `library` as for `modules`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if folder.exists() and any(folder.iterdir()):
        raise OSError(f"{folder} holds something already; name a folder that is new or empty")
    (folder / "data").mkdir(parents=True)
    for split in ("train", *HELD_OUT):
        columns, _ = modules(split, library)
        pq.write_table(pa.table(columns), folder / "data" / f"{split}-00000-of-00001.parquet", compression="zstd")
    version = f"{platform.python_implementation()} {platform.python_version()}"
    (folder / "README.md").write_text(_CARD.format(version=version), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m zoo.data.python_stdlib FOLDER")
    write(Path(sys.argv[1]))
