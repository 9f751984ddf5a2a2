"""Starting the real app for the tests, `python app.py` in a process of its own on a free port; and the endpoint."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Served:
    """A running app."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    seconds: float
    """From the start of the process to the first HTTP 200."""


def endpoint_handler(patch: pytest.MonkeyPatch) -> Any:
    """The handler of an endpoint over the one checkpoint of zoo.hub.PRETRAINED, in this process."""
    patch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("endpoint_handler", ROOT / "spaces" / "endpoint" / "handler.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EndpointHandler("")


@contextmanager
def served(
    folder: Path, *, first: str = "", arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Run the app, offline, until the block ends; its output goes to `folder`/app.log.

    `first` is Python that runs before it, in the same process; `arguments` are for app.py; `environment` is added.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log, url = folder / "app.log", f"http://127.0.0.1:{port}"
    variables = {
        **os.environ, "PORT": str(port), "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "ZOO_POSTS_PER_SECOND": "1000", "no_proxy": "127.0.0.1,localhost",
        **(environment or {}),
    }  # fmt: skip
    start = ["app.py", *arguments]
    if first:
        start = ["-c", f"{first}\nimport runpy; runpy.run_path('app.py', run_name='__main__')"]
    begun = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen([sys.executable, *start], cwd=ROOT, env=variables, stdout=output, stderr=output)
    try:
        while not _answers(url):
            if process.poll() is not None or time.monotonic() - begun > 120:
                raise AssertionError(f"the app did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield Served(url, process, log, time.monotonic() - begun)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError("the app did not stop within 20 seconds of SIGTERM") from None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
