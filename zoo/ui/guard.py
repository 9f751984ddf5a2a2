"""The single guard around every handler: what comes in is checked, what goes wrong is said in words.

`GuardedBlocks` stands where gradio calls handlers, so a tab cannot forget it. A refused input keeps its words
(`InputError`); anything else that is raised, an interpreter exit or a native panic included, becomes a short message
with an incident number, and what kind of error it was, and where, goes to the server's log: not its words, which may
quote what a visitor typed.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import html
import inspect
import logging
import math
import secrets
import threading
import time
import traceback
import unicodedata
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from gradio.context import LocalContext
from gradio.i18n import I18nData

from zoo.generate.library import InputError
from zoo.runtime import at_work, cores, give_memory_back, gpu
from zoo.secrecy import without_secrets
from zoo.ui.gate import REFUSED
from zoo.ui.strings import english, say

P = ParamSpec("P")
R = TypeVar("R")

MAX_TEXT = 2_000
"""Characters that one text input may have."""
MAX_WAIT = 60.0
"""Seconds a request waits for the machine before it is told to come back."""
MAX_RUN = 120.0
"""Seconds a request may hold the machine."""
MAX_STEP = 300.0
"""Seconds without a sign of life after which a handler counts as stuck: nobody but the watchdog can end it."""
BREATH = 0.2
"""Seconds for which a computation runs on before it looks whether anyone still wants it."""
MAX_QUEUE = 32
"""Requests of programs that may wait at once; the next one is told to come back. Visitors have zoo.ui.line."""

_log = logging.getLogger("zoo.ui")
SLOTS = min(cores(), 4)
"""Computations at once: more would only share the processors, and each wants memory of its own."""
_turn = threading.Semaphore(SLOTS)
_END = object()
_NOTHING = gr.skip()
_working: dict[object, float] = {}
"""When each step began that runs now."""
_last = math.inf
"""When the last computation has to end, on the clock of time.monotonic()."""


def close(seconds: float) -> None:
    """From now on nobody new has a turn, and what computes has so many seconds; everyone else is told to come back."""
    global _last
    _last = time.monotonic() + seconds


class Busy(InputError):
    """The machine was taken for too long, by others or by this request."""


def clean(text: str) -> str:
    """Drop lone surrogates and control characters (but tab and newline): one of them cuts the event stream."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_cleaned, value)) if type(value) in (list, tuple) else value
    return value


def _refuse_excess(value: Any) -> None:
    """Raise InputError for a text that is too long or a number that is not finite, however deep it lies."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise InputError(say("too_long", limit=MAX_TEXT, given=len(value)))
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(say("not_finite", given=value))
    if isinstance(value, dict):
        for item in value.values():
            _refuse_excess(item)
    if isinstance(value, list | tuple):
        for item in value:
            _refuse_excess(item)


def integral(value: Any) -> Any:
    """7.0 as 7: a browser and JSON know one kind of number. Anything else stays, and is judged where it is used."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def compute(function: Callable[..., Any], *arguments: Any, **options: Any) -> Iterator[Any]:
    """Run a function of `zoo.generate` where the compute is; yield what it yields, or its one result."""
    with closing(_computed(function, arguments, options)) as results:
        for result in results:
            if isinstance(result, InputError):
                raise result
            yield result


@gpu
def _computed(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> Generator[Any, None, None]:
    """The same, but a refusal is handed over as a value: what is raised in a process of ZeroGPU loses its words."""
    try:
        result = function(*arguments, **options)
        if isinstance(result, Iterator):
            yield from result
        else:
            yield result
    except InputError as error:
        yield error


def in_turn(handler: Callable[P, Iterator[R]]) -> Callable[P, Iterator[R]]:
    """Let a generator handler compute beside at most SLOTS - 1 others, for at most MAX_RUN seconds.

    gradio's queue alone is not enough: a cancelled event frees its place there while its thread still computes.
    While it waits it yields "no change", so that Stop and a closed page are noticed at once; a handler that does so
    between its steps is heard every BREATH seconds, for the way to the server's loop and back takes milliseconds.
    """

    @functools.wraps(handler)
    def serve(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
        begun = time.monotonic()
        while (closed := _last < math.inf) or not _turn.acquire(timeout=0.2):
            if closed:
                raise Busy(say("closing"))
            if time.monotonic() - begun > MAX_WAIT:
                raise Busy(say("busy"))
            yield gr.skip()
        begun = time.monotonic()
        try:
            with at_work(), closing(handler(*args, **kwargs)) as results:  # type: ignore[type-var]
                shown = -math.inf
                for result in results:
                    if time.monotonic() - shown >= BREATH or not _empty(result):
                        yield result
                        shown = time.monotonic()
                    if time.monotonic() - begun > MAX_RUN:
                        raise Busy(say("too_slow", seconds=round(MAX_RUN)))
                    if time.monotonic() > _last:
                        raise Busy(say("closing"))
        finally:
            give_memory_back()
            _turn.release()

    return serve


def _empty(result: Any) -> bool:
    parts = result if isinstance(result, tuple) else (result,)
    return all(isinstance(one, dict) and one == _NOTHING for one in parts)


@contextmanager
def step() -> Iterator[None]:
    """Let the watchdog know that a handler, or what reads its inputs and writes its outputs, is at work."""
    ticket = object()
    _working[ticket] = time.monotonic()
    try:
        yield
    finally:
        del _working[ticket]


def longest_step() -> float:
    """Seconds since the oldest of the steps began that still run; 0 where nothing runs."""
    return time.monotonic() - min(list(_working.values()), default=time.monotonic())


@functools.lru_cache(maxsize=1024)
def _attended(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, each of its steps with the watchdog's knowledge; it ends by returning and in no other way."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with closing(handler(*args, **kwargs)) as results:
                while True:
                    try:
                        with step():
                            result = next(results, _END)
                    except StopAsyncIteration as error:  # gradio would take it for the end
                        raise RuntimeError("a handler raised StopAsyncIteration") from error
                    if result is _END:
                        return
                    yield result

        return steps
    if inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler):
        return handler

    @functools.wraps(handler)
    def whole(*args: Any, **kwargs: Any) -> Any:
        with step():
            return handler(*args, **kwargs)

    return whole


def _is_given_up() -> bool:
    """Whether the call itself was cancelled: a handler may raise what looks like it, and its caller would wait."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # the loop has ended
        return True
    return task is None or task.cancelling() > 0


def report(error: BaseException) -> str:
    """Write an unforeseen error to the log, without its words, and return those for the visitor, with its number there.
    """
    incident, where = secrets.token_hex(4), "".join(traceback.format_tb(error.__traceback__))
    _log.error("incident %s: %s\n%s", incident, type(error).__name__, where)
    return say("incident", number=incident)


class GuardedBlocks(gr.Blocks):
    """A `gr.Blocks` whose every call passes the guard, from reading the inputs to cleaning the outputs."""

    def get_api_info(self, *args: Any, **kwargs: Any) -> Any:  # the signatures are gradio's own
        """Describe the endpoints, with English words where labels are translated in the browser."""
        info = super().get_api_info(*args, **kwargs)
        for endpoint in info["named_endpoints"].values():
            for value in (*endpoint["parameters"], *endpoint["returns"]):
                if isinstance(value["label"], I18nData):
                    value["label"] = english(value["label"].key.removeprefix("zoo_"))
        return info

    async def preprocess_data(self, *args: Any, **kwargs: Any) -> Any:
        """Read the inputs; what a component cannot read is the caller's mistake and no incident."""
        try:
            with step():
                return await super().preprocess_data(*args, **kwargs)
        except gr.Error:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
            _log.info("refused an input: %s", error)
            raise InputError(say("bad_value")) from error

    async def postprocess_data(self, *args: Any, **kwargs: Any) -> Any:
        """Put the outputs into the form in which they are sent."""
        with step():
            return await super().postprocess_data(*args, **kwargs)

    async def call_function(self, block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a handler, or have it make its next step."""
        attended = copy.copy(self.fns[block_fn] if isinstance(block_fn, int) else block_fn)
        if attended.fn is None:  # it runs in the page alone
            raise InputError(say("bad_value"))
        attended.fn = _attended(attended.fn)
        return await super().call_function(attended, *args, **kwargs)

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Serve one call (or one more step of a generator)."""
        request = kwargs.get("request")
        LocalContext.request.set(request if isinstance(request, gr.Request) else None)
        try:
            if kwargs.get("iterator") is None:
                _refuse_excess(kwargs.get("inputs"))
            output: dict[str, Any] = await super().process_api(*args, **kwargs)
        except (InputError, gr.Error) as error:
            words = str(error.message if isinstance(error, gr.Error) else error)
            getattr(getattr(request, "request", None), "scope", {}).get(REFUSED, []).append(words)
            raise _error(say("error_input"), words) from error
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError | GeneratorExit) and _is_given_up():
                raise
            raise _error(say("error_inside"), report(error)) from None
        output["data"] = _cleaned(output["data"])
        return output


def _error(title: str, message: str) -> gr.Error:
    # gradio renders the message as HTML, and an error may quote what a stranger typed.
    return gr.Error(html.escape(clean(without_secrets(message)), quote=False), title=title, print_exception=False)
