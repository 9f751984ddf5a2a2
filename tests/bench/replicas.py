"""One process or several behind one address: what visitors wait for, and how many calls go wrong.

    python tests/bench/replicas.py [--users 32] [--seconds 60] [--repeats 2] [--ray PYTHON]

The ways are taken in turn, again and again; each is warmed up before it is measured:

- one process;
- two behind nginx as docs/hosting.md has it, on all processors or each on one of its own;
- two workers of uvicorn on one port;
- two replicas of Ray Serve's integration of gradio, where `--ray` names the python of an environment that has ray.

Visitors ask for the mixture of `tests.load` as row R17's do. Prints one JSON line for each way and repeat.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "bench")]  # a worker of uvicorn's has none

import timing  # noqa: E402
from proxy import documented, nginx  # noqa: E402
from serving import served  # noqa: E402

from tests.load.crowd import one_user  # noqa: E402
from tests.load.mix import MIX  # noqa: E402
from tests.load.visitor import Answer, Refused, Visitor, app_at  # noqa: E402

_PATIENCE = 30.0
"""Seconds after which a visitor takes a call for lost."""
_PIN = "import os; os.sched_setaffinity(0, {{{processor}}})"
_UVICORN = """
import sys
import uvicorn
sys.path.insert(0, {root!r})
uvicorn.run("tests.bench.replicas:asgi", factory=True, workers=2, port={port}, log_level="warning")
"""
_RAY = """
import sys
from ray import serve
from ray.serve.gradio_integrations import GradioServer
sys.path.insert(0, {root!r})
def page():
    sys.path.insert(0, {root!r})
    from zoo.ui.shell import build
    return build()
serve.start(http_options={{"host": "127.0.0.1", "port": {port}}})
serve.run(GradioServer.options(num_replicas=2, ray_actor_options={{"num_cpus": 0.5}}).bind(page), blocking=True)
"""


def asgi() -> Any:
    """The app for a server of one's own: what `zoo.ui.shell.serve` gives to gradio's."""
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware import Middleware

    from zoo.ui import api
    from zoo.ui.gate import Gate
    from zoo.ui.shell import build

    outer = FastAPI(middleware=[Middleware(Gate)], routes=api.routes(), openapi_url=None)
    return gr.mount_gradio_app(outer, build(), path="")


@contextmanager
def one(folder: Path) -> Iterator[str]:
    """A process."""
    with served(folder) as server:
        yield server.url


@contextmanager
def behind_nginx(folder: Path, *, pinned: bool) -> Iterator[str]:
    """Two processes and the documented proxy."""
    with ExitStack() as stack:
        example = documented("nginx replicas")
        for number in range(2):
            (folder / str(number)).mkdir()
            first = _PIN.format(processor=number) if pinned else ""
            server = stack.enter_context(served(folder / str(number), first=first))
            example = example.replace(f"127.0.0.1:786{number}", server.url.removeprefix("http://"))
        yield stack.enter_context(nginx(folder, example))


@contextmanager
def by(python: str, code: str, folder: Path) -> Iterator[str]:
    """What a program of its own serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "ZOO_POSTS_PER_SECOND": "1000", "RAY_USAGE_STATS_ENABLED": "0"}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [python, "-c", code.format(root=str(ROOT), port=port)], cwd=ROOT, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 180
        while True:
            try:
                app_at(url)
                break
            except (OSError, ValueError, KeyError) as error:
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"{error!r}\n{(folder / 'log').read_text()[-3000:]}") from error
                time.sleep(0.5)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


async def visited(url: str, users: int, seconds: float, rng: random.Random) -> dict[str, Any]:
    """So many visitors, each with a page of its own, for so many seconds after a warm-up."""
    app = app_at(url)

    async def warm(number: int) -> None:
        visitor = Visitor(app)
        with contextlib.suppress(Refused):
            await visitor.page()
        for one_of in MIX:
            answer = await visitor.call(one_of.endpoint, one_of.inputs(app, random.Random(number)), _PATIENCE)
            if answer.error:
                return

    await asyncio.gather(*(warm(number) for number in range(4)))
    before, begun = memory(), time.monotonic()
    tasks = [
        one_user(app, random.Random(rng.random()), begun + seconds, len(MIX), number, page=True, within=_PATIENCE)
        for number in range(users)
    ]
    answers = [answer for found in await asyncio.gather(*tasks) for answer in found]
    return {**_figures(answers, time.monotonic() - begun), "megabytes": before}


def _figures(answers: list[Answer], lasted: float) -> dict[str, Any]:
    good = [one.seconds for one in answers if not one.error]
    wrong = Counter(one.error[:80] for one in answers if one.error)
    p50, p95 = (round(float(value), 2) for value in np.percentile(good, (50, 95))) if good else (None, None)
    return {
        "calls": len(answers), "went_wrong": wrong.total(), "said": dict(wrong.most_common(3)),
        "answers_per_second": round(len(good) / lasted, 2), "p50": p50, "p95": p95,
    }  # fmt: skip


def memory() -> int:
    """Megabytes of this process' children and theirs, shared pages counted once (proportional set size)."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    ours, found = {os.getpid()}, 0.0
    while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
        ours |= more
    for pid in ours - {os.getpid()}:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return round(found)


def main() -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--ways", nargs="*", help="beginnings of the names of those to take (all)")
    parser.add_argument("--ray", help="python of an environment with ray[serve] and the app's requirements")
    given = parser.parse_args()
    ways: dict[str, Callable[[Path], Any]] = {
        "one process": one,
        "nginx, two processes": lambda folder: behind_nginx(folder, pinned=False),
        "nginx, two processes, a processor each": lambda folder: behind_nginx(folder, pinned=True),
        "uvicorn, two workers": lambda folder: by(sys.executable, _UVICORN, folder),
    }
    if given.ray:
        ways["Ray Serve, two replicas"] = lambda folder: by(given.ray, _RAY, folder)
    rng = random.Random(0)
    for _ in range(given.repeats):
        for name, way in ways.items():
            if given.ways and not name.startswith(tuple(given.ways)):
                continue
            with tempfile.TemporaryDirectory(prefix="replicas-") as folder, way(Path(folder)) as url:
                found = asyncio.run(visited(url, given.users, given.seconds, rng))
            print(json.dumps({"name": name, "users": given.users, **found, **timing.machine()}), flush=True)


if __name__ == "__main__":
    main()
