"""Row R23: SIGTERM while visitors are served, again and again, without a network."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.rows import Found
from tests.load.server import OFFLINE
from tests.load.visitor import Answer, Visitor, app_at
from tests.serving import Served, served

_GONE = 12.0
"""Seconds within which a server that was told to stop has left."""
_BACK = 20.0
"""Seconds within which a new one shows its page."""
_LANGUAGES = ("en", "zh-CN")


def restarted(folder: Path, rng: random.Random, *, times: int, visitors: int) -> Found:
    """So many servers, one after the other, each stopped while `visitors` are served or wait."""
    failures: list[str] = []
    gone, back, ends = [], [], Counter[str]()
    for number in range(times):
        base = folder / f"restart-{number:02d}"
        base.mkdir()
        with served(base, first=OFFLINE) as server:
            back.append(server.seconds)
            if server.seconds > _BACK:
                failures.append(f"{number}: the page came after {server.seconds:.1f} s")
            answers, seconds = asyncio.run(_stopped(server, rng, visitors))
            gone.append(seconds)
            code = server.process.poll()
            if code != 0 or seconds > _GONE:
                failures.append(f"{number}: exit code {code} after {seconds:.1f} s")
            for answer in answers:
                kind = "finished" if not answer.error else "told" if _said(answer) else "cut off"
                ends[kind] += 1
                if kind == "cut off":
                    failures.append(f"{number}: {answer.endpoint} after {answer.seconds:.1f} s: {answer.error}")
            log = server.log.read_text(errors="replace")
        if "Traceback" in log or "there is no network" in log:
            failures.append(f"{number}: the log says\n{log[-1500:]}")
    figure = (
        f"{times} times exit 0 within {max(gone):.1f} s and a page within {max(back):.1f} s;"
        f" of {ends.total()} visitors {ends['finished']} finished, {ends['told']} were told, {ends['cut off']} cut off"
    )
    details: dict[str, Any] = {
        "gone, seconds": [round(one, 1) for one in gone], "back, seconds": [round(one, 1) for one in back],
        "visitors": dict(ends),
    }  # fmt: skip
    return Found(figure, failures[:40], details)


async def _stopped(server: Served, rng: random.Random, visitors: int) -> tuple[list[Answer], float]:
    """Have visitors ask, stop the server while they are served, and see what becomes of them."""
    app = app_at(server.url)
    tasks = [
        asyncio.create_task(
            Visitor(app, _LANGUAGES[number % 2]).call("write_text", {"_length": 300, "_seed": rng.randrange(1000)}, 60)
        )
        for number in range(visitors)
    ]
    done, _ = await asyncio.wait(tasks, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(rng.uniform(0, 1))
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(server.process.wait, 30)
    seconds = time.monotonic() - begun
    answers = await asyncio.gather(*tasks)
    return [answer for task, answer in zip(tasks, answers, strict=True) if task not in done], seconds


def _said(answer: Answer) -> bool:
    """Whether the server told the visitor in words, in full sentences, and not only hung up."""
    return not answer.error.startswith(("cut:", "unexpected:", "nothing", "the stream", "not for a page"))
