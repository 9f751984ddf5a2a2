"""Row R16: handlers that raise whatever can be raised, hang, or take the process with them; `dying` has the ways."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults import dying
from tests.faults.dying import KILLED, PLACES, RAISED, SECRET
from tests.faults.rows import Found

ROOT = Path(__file__).parents[2]
MESSAGE, EXIT = 1.0, 10.0
"""Seconds to a message, and to the end of a process that is deaf."""
SPEECH = "/v1/audio/speech"
BROKEN = (OSError, http.client.HTTPException)
"""What a caller meets when the process ends under it."""


@dataclass
class Server:
    """The dying app in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, place: str, how: str, seconds: float) -> str:
        """Call as any program may: the stream of events, or the body of a refusal. Raises one of BROKEN."""
        if place == SPEECH:
            return self._read(place, {"model": "tts.telephone", "input": how}, seconds)
        event = json.loads(self._read(f"/gradio_api/call/v2/{place}", {"how": how}, seconds))["event_id"]
        return self._read(f"/gradio_api/call/{place}/{event}", None, seconds)

    def _read(self, path: str, body: dict[str, str] | None, seconds: float) -> str:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})
        try:
            ends, found = time.monotonic() + seconds, b""
            with urllib.request.urlopen(request, timeout=seconds) as reply:
                while piece := reply.read1():
                    found += piece
                    if time.monotonic() > ends:  # a stream of events has a beat every 15 seconds
                        raise TimeoutError(f"no end of the answer after {seconds} s")
            return found.decode(errors="replace")
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}: {error.read().decode()}"


@contextmanager
def _serving(folder: Path, name: str) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / f"{name}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.dying", str(port)], cwd=ROOT, stdout=output, stderr=output,
            env={
                **os.environ, "GRADIO_TEMP_DIR": str(folder / "gradio"), "ZOO_POSTS_PER_SECOND": "1000",
                "HF_HUB_OFFLINE": "1", "no_proxy": "127.0.0.1,localhost",
            },
        )  # fmt: skip
    begun = time.monotonic()
    try:
        while b"is open at" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() - begun > 120:
                raise RuntimeError(f"the dying app did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield Server(f"http://127.0.0.1:{port}", process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()


def dead(folder: Path, rng: random.Random, *, kills: int, raised: int = len(RAISED)) -> Found:
    """So many exceptions in every place, and so many ways to hang or to end the process."""
    told: dict[str, float] = {}
    failures = _raise_all(folder, rng.sample(sorted(RAISED), raised), told)
    ended: dict[str, float] = {}
    left: Counter[str] = Counter()
    trials = [(how, place.__name__) for how in KILLED for place in PLACES if _fits(how, place.__name__)]
    for how, place in trials if kills >= len(trials) else rng.sample(trials, kills):
        failures += _kill(folder, how, place, ended, left)
    figure = (
        f"{len(told)} deaths told of in {max(told.values(), default=0.0):.2f} s at most; {len(ended)} exits in "
        f"{max(ended.values(), default=0.0):.1f} s at most"
    )
    settings = {
        "looks every, s": dying.EVERY, "failures": dying.FAILURES, "waits for a page, s": dying.PATIENCE,
        "longest step, s": dying.STUCK,
    }  # fmt: skip
    slowest = dict(sorted(told.items(), key=lambda item: -item[1])[:10])
    return Found(figure, failures, {"watchdog": settings, "exits": ended, "exit codes": left, "slowest": slowest})


def _fits(how: str, place: str) -> bool:
    """Only a coroutine knows the loop; and an answer is put into its form by the loop itself."""
    return (how == "the event loop held") == (place == "in_the_loop")


def _raise_all(folder: Path, ways: list[str], told: dict[str, float]) -> list[str]:
    """Each exception in each place: a message with its number in time, and the place serves the next caller."""
    failures: list[str] = []
    if not ways:
        return failures
    with _serving(folder, "raising") as server:
        places = [*(place.__name__ for place in PLACES), SPEECH]
        for place in places:  # what the first call builds is built
            server.ask(place, "fine", 60)
        for how in ways:
            for place in places:
                begun = time.monotonic()
                try:
                    words = server.ask(place, how, EXIT)
                except BROKEN as error:
                    words = f"no answer: {error!r}"
                seconds = time.monotonic() - begun
                wrong = _misses(place, words)
                if seconds > MESSAGE:
                    wrong.append(f"took {seconds:.2f} s")
                if place != SPEECH:
                    begun = time.monotonic()
                    try:
                        again = server.ask(place, "fine", EXIT)
                    except BROKEN as error:
                        again = f"no answer: {error!r}"
                    after = time.monotonic() - begun
                    if "fine" not in again or after > MESSAGE:
                        wrong.append(f"the next call got {again[-200:]!r} after {after:.2f} s")
                if server.process.poll() is not None:
                    return [*failures, f"{how} in {place}: the process ended with {server.process.returncode}"]
                if wrong:
                    failures.append(f"{how} in {place}: {'; '.join(wrong)}")
                else:
                    told[f"{how} in {place}"] = round(seconds, 3)
    return failures


def _misses(place: str, words: str) -> list[str]:
    """What is wrong with the words that a caller got."""
    if place == SPEECH:
        good = words.startswith("HTTP 500:") and '"code":"incident"' in words.replace(" ", "")
    else:
        good = "event: error" in words and "number:" in words
    wrong = [] if good else [f"no message: {words[-300:]!r}"]
    wrong += [f"{secret!r} is told" for secret in (SECRET, "Traceback", str(ROOT)) if secret in words]
    return wrong + ([f"{len(words):,} characters"] if len(words) > 1000 else [])


def _kill(folder: Path, how: str, place: str, ended: dict[str, float], left: Counter[str]) -> list[str]:
    """One way to end or to hang, in a process of its own: it ends in time, with a code by which it is restarted."""
    with _serving(folder, f"killed-{len(ended)}") as server:
        server.ask(place, "fine", 60)
        begun = time.monotonic()
        words = ""
        with suppress(*BROKEN):
            words = server.ask(place, how, EXIT + 5)
        told = time.monotonic() - begun
        if words and not _misses(place, words) and told <= MESSAGE:
            ended[f"{how} in {place}"] = round(told, 2)
            left["a message"] += 1
            return []
        try:
            code = server.process.wait(max(0.1, EXIT - (time.monotonic() - begun)))
        except subprocess.TimeoutExpired:
            return [f"{how} in {place}: still there after {time.monotonic() - begun:.1f} s; it said {words[-200:]!r}"]
        seconds = time.monotonic() - begun
        if code == 0:
            return [f"{how} in {place}: left with 0, so that nobody restarts it"]
        ended[f"{how} in {place}"] = round(seconds, 2)
        left[str(code)] += 1
        return []
