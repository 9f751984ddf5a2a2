"""A process in which this zoo does not exist: other libraries must open what it wrote by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

_BEGIN = """\
import importlib.util, sys
sys.path.append({packages!r})
assert importlib.util.find_spec("zoo") is None and importlib.util.find_spec("train") is None, "the zoo is in reach"
"""


def run(code: str, folder: Path, *arguments: str, **environment: str) -> str:
    """Run Python in `folder` with the installed packages but none of their .pth files, and return what it printed.

    Nothing of this repository can be imported there, and the Hub cannot be asked unless `environment` says so.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ZOO_", "PYTHON"))}
    begin = _BEGIN.format(packages=sysconfig.get_path("purelib"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", begin + code, *arguments], cwd=folder, capture_output=True, text=True,
        env={**clean, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
