"""An app whose handlers die as they are told, served as the real one is: `python -m tests.faults.dying PORT`."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from fastapi import HTTPException

from zoo.generate.inputs import InputError
from zoo.ui import api_results, shell
from zoo.ui.guard import GuardedBlocks, compute, in_turn

SECRET = "secret /etc/zoo-canary"
"""What an exception says and nobody may see."""
EVERY, FAILURES, PATIENCE, STUCK, STARVED = 1.0, 2, 3.0, 5.0, 8.0
"""The watchdog's settings here: seconds between its looks, failures in a row, seconds it waits for a page, seconds that
one step of a handler may take, and that the watchdog itself may go without its turn."""


class Own(BaseException):
    """Derived from no Exception."""


class Mute(Exception):
    """Cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


class Final(SystemExit):
    """Ends the process, and says so with an object."""


def _recursion(depth: int = 0) -> int:
    return _recursion(depth + 1) + 1


def _panic() -> None:
    """A panic in the Rust of the tokenizers, which derives from no Exception in Python."""
    from tokenizers import pre_tokenizers

    pre_tokenizers.FixedLength(0).pre_tokenize_str(SECRET)


def _group() -> None:
    raise BaseExceptionGroup(SECRET, [SystemExit(1), KeyboardInterrupt(), ValueError(SECRET)])


def _chained() -> None:
    try:
        _recursion()
    except RecursionError as error:
        raise Own(SECRET) from error


def _raise(what: Any) -> None:
    raise what


def _thrown(make: Callable[[], BaseException]) -> Callable[[], None]:
    def throw() -> None:
        raise make()

    return throw


RAISED: dict[str, Callable[[], Any]] = {
    "SystemExit": _thrown(lambda: SystemExit(3)),
    "SystemExit, with words": _thrown(lambda: Final([SECRET])),
    "sys.exit": lambda: sys.exit(SECRET),
    "KeyboardInterrupt": _thrown(KeyboardInterrupt),
    "MemoryError": _thrown(MemoryError),
    "no memory": lambda: bytearray(1 << 60),
    "RecursionError": _recursion,
    "GeneratorExit": _thrown(GeneratorExit),
    "StopIteration": _thrown(lambda: StopIteration(SECRET)),
    "StopAsyncIteration": _thrown(lambda: StopAsyncIteration(SECRET)),
    "CancelledError": _thrown(lambda: asyncio.CancelledError(SECRET)),
    "TimeoutError": _thrown(lambda: TimeoutError(SECRET)),
    "BrokenPipeError": _thrown(lambda: BrokenPipeError(32, SECRET)),
    "ConnectionResetError": _thrown(lambda: ConnectionResetError(104, SECRET)),
    "OSError": _thrown(lambda: OSError(5, SECRET, SECRET)),
    "RuntimeError": _thrown(lambda: RuntimeError(SECRET)),
    "AssertionError": _thrown(lambda: AssertionError(SECRET)),
    "ZeroDivisionError": lambda: 1 // 0,
    "UnicodeDecodeError": lambda: b"\xff".decode(),
    "a surrogate in the words": _thrown(lambda: RuntimeError("\ud800\x00")),
    "KeyError": _thrown(lambda: KeyError(SECRET)),
    "ImportError": _thrown(lambda: ImportError(SECRET, name=SECRET, path=SECRET)),
    "BaseException": _thrown(lambda: BaseException(SECRET)),
    "a class of its own": _thrown(lambda: Own(SECRET)),
    "a group": _group,
    "a cause": _chained,
    "no words": _thrown(lambda: Mute(SECRET)),
    "100 MB of words": _thrown(lambda: RuntimeError(SECRET * 5_000_000)),
    "a thread that cannot start": _thrown(lambda: RuntimeError("can't start new thread")),
    "a native panic": _panic,
    "an event loop of its own": lambda: asyncio.run(asyncio.sleep(0, result=_recursion())),
    "HTTPException": _thrown(lambda: HTTPException(500, SECRET)),
    "not an exception": lambda: _raise(5),
}
"""Ways of dying that leave the process alone, by name."""


def _deadlock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _hog() -> None:
    """Sleep with the interpreter's lock held, as native code may."""
    ctypes.PyDLL(None).sleep(600)


def _backtrack() -> None:
    re.match("(a+)+$", "a" * 64 + "b")


def _stop_the_loop() -> None:
    """Hold the thread that serves everybody."""
    for loop in _loops:
        loop.call_soon_threadsafe(time.sleep, 600)
    time.sleep(600)


_loops: list[asyncio.AbstractEventLoop] = []

KILLED: dict[str, Callable[[], Any]] = {
    "os._exit": lambda: os._exit(3),
    "os.abort": os.abort,
    "a segmentation fault": lambda: ctypes.string_at(0),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "a deadlock": _deadlock,
    "sleep for ever": lambda: time.sleep(1e6),
    "a loop without an end": lambda: all(True for _ in iter(int, 1)),
    "the interpreter's lock held": _hog,
    "a search that never ends": _backtrack,
    "the event loop held": _stop_the_loop,
}
"""Ways that end the process or leave it deaf."""


def _die(how: str) -> str:
    if how != "fine":
        (RAISED | KILLED)[how]()
    return how


def at_once(how: str) -> str:
    """Die in a plain function."""
    return _die(how)


async def in_the_loop(how: str) -> str:
    """Die in a coroutine."""
    _loops[:] = [asyncio.get_running_loop()]
    if how in KILLED:
        return await asyncio.to_thread(_die, how)
    return _die(how)


def first(how: str) -> Iterator[str]:
    """Die at the first step."""
    yield _die(how)


def between(how: str) -> Iterator[str]:
    """Die after two steps."""
    yield "one"
    yield "two"
    yield _die(how)


@in_turn
def held(how: str) -> Iterator[str]:
    """Die after two steps of work that holds the machine."""
    yield from compute(_computed, how)


def _computed(how: str) -> Iterator[str]:
    yield "one"
    yield "two"
    yield _die(how)


class _Closing:
    """Dies when it is closed."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __str__(self) -> str:
        return _die(self.how)


def answered(how: str) -> Any:
    """Die while the answer is put into the form that is sent."""
    return "fine" if how == "fine" else _Closing(how)


PLACES = (at_once, in_the_loop, first, between, held, answered)


def build() -> gr.Blocks:
    """The app: an endpoint for each place to die in."""
    with GuardedBlocks(title="Dying") as demo:
        given, shown, button = gr.Textbox(), gr.Textbox(), gr.Button()
        for place in PLACES:
            button.click(place, given, shown, api_name=place.__name__, concurrency_limit=4)
    demo.queue(max_size=32, api_open=False, default_concurrency_limit=4)
    return demo


def main(port: int) -> None:
    """Serve it, with the watchdog, until it dies."""
    logging.basicConfig(level=logging.WARNING)

    def check_speech(asked: Any) -> Any:
        _die(asked.input)
        raise InputError("fine")

    api_results.check_speech = check_speech
    address = shell.serve(build(), port=port)
    print(f"The zoo is open at {address}", flush=True)
    limits = {"every": EVERY, "patience": PATIENCE, "longest": STUCK, "starved": STARVED}
    shell._watch(address, threading.Event(), failures=FAILURES, **limits)


if __name__ == "__main__":
    main(int(sys.argv[1]))
