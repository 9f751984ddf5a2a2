"""What the Hub's client leaves open when it pulls: how long it waits, how much it takes, and what it believes.

The client waits minutes between its own retries, reads to the end whatever comes however slowly, and names a file in
its cache as the server's ETag says. Within `Patience` each of its requests and answers passes here first.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import httpx2
from huggingface_hub import get_session
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

from zoo.hub_faults import Damaged, Unreachable, in_words

SECONDS = 3.0
"""How long the Hub may let us wait without sending anything to speak of; HF_HUB_DOWNLOAD_TIMEOUT says otherwise."""
PACE = 2048
"""Bytes that make up for a second."""
MAX_ASKED = 3
"""Times that the same is asked of a Hub whose answers break off."""
MAX_LISTING = 4 << 20
"""Bytes of an answer that is no file."""
_XET = ("x-xet-hash", "x-xet-refresh-route")
_now: ContextVar[_Asking | None] = ContextVar("_now", default=None)
_streams: WeakSet[Any] = WeakSet()
"""The client's open connections."""


class Patience:
    """The time that is left to a pull: what comes, and each file that proves whole, gives some back."""

    def __init__(self) -> None:
        self.seconds = float(os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT") or SECONDS)
        self.refill()

    def left(self) -> float:
        """Seconds."""
        return self._until - time.monotonic()

    def refill(self) -> None:
        """A file is there."""
        self._until = time.monotonic() + self.seconds

    def feed(self, count: int) -> None:
        """So many bytes came."""
        self._until = min(self._until + count / PACE, time.monotonic() + self.seconds)

    @contextmanager
    def watched(self) -> Iterator[Patience]:
        """When it is at its end, hang up: the client waits for each byte anew, those of a header among them."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(max(0.02, self.left())):
                if self.left() <= 0:
                    for stream in list(_streams):
                        _hang_up(stream)

        thread = threading.Thread(target=watch, name="patience", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()


@dataclass
class _Asking:
    """What is being asked, and what its answers may be."""

    patience: Patience
    repo: str
    revision: str
    token: str
    file: str = ""
    commit: str = ""
    size: int = MAX_LISTING
    etag: str = ""
    """Of the file, as the Hub recorded it."""
    asked: Counter[str] = field(default_factory=Counter)

    def what(self) -> str:
        """Name what is asked for."""
        return f"{self.repo}@{self.revision}" + (f"/{self.file}" if self.file else "")

    def hurry(self) -> float:
        """The seconds that are left. Raises Unreachable when there are none."""
        left = self.patience.left()
        if left <= 0:
            raise Unreachable(f"the Hub did not answer in time about {self.what()}; try again later.")
        return left


@contextmanager
def limited(patience: Patience, repo: str, revision: str, token: str, **expected: Any) -> Iterator[None]:
    """Let the client ask inside the block for a listing, or for one `file`, of which commit, size and etag are known.

    Raises Unreachable for an answer that is too slow, Damaged for one that is not what is expected.
    """
    session = get_session()
    for event, hook in (("request", _before), ("response", _after)):
        if hook not in session.event_hooks[event]:
            session.event_hooks[event].append(hook)
    held = _now.set(_Asking(patience, repo, revision, token, **expected))
    try:
        yield
    finally:
        _now.reset(held)


def _before(request: httpx2.Request) -> None:
    asking = _now.get()
    if asking is None:
        return
    asking.asked[f"{request.method} {request.url}"] += 1
    left = asking.hurry()
    if max(asking.asked.values()) > MAX_ASKED:
        raise Unreachable(f"the connection to the Hub broke off over {asking.what()}; try again.")
    request.headers["accept-encoding"] = "identity"  # what is compressed has no size that could be looked at before
    given = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {
        name: min(given.get(name) or left, left) for name in ("connect", "read", "write", "pool")
    }
    request.extensions["trace"] = _connected


def _connected(event: str, details: dict[str, Any]) -> None:
    if event == "connection.connect_tcp.complete":
        _streams.add(details["return_value"])


def _after(response: httpx2.Response) -> None:
    asking = _now.get()
    if asking is None:
        return
    headers, what = response.headers, asking.what()
    for name in _XET:  # the other protocol, whose own client waits as long as it likes
        headers.pop(name, None)
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise Damaged(f"{what}: the Hub sent it compressed, which was not asked for; nothing was kept")
    if response.request.method != "HEAD":
        most = asking.size if response.is_success else MAX_LISTING
        if (announced := headers.get("content-length", "")).isdigit() and int(announced) > most:
            raise Damaged(f"{what}: the Hub announces {announced[:20]} bytes, where it may send {most:,}")
        response.stream = _Bounded(response.stream, asking, most)
    if response.status_code == 429 or response.status_code >= 500:  # the client would ask again, for minutes
        with in_words(asking.repo, asking.revision, asking.token, asking.file):
            response.read()
            hf_raise_for_status(response)
    if not asking.etag or _is_followed(response):
        return
    commit, etag = headers.get("x-repo-commit"), headers.get("x-linked-etag") or headers.get("etag") or ""
    if response.status_code >= 400:
        same = commit in (None, asking.commit)
    elif response.request.method == "HEAD":
        size = headers.get("x-linked-size") or (None if response.is_redirect else headers.get("content-length"))
        same = (commit, etag.strip('"')) == (asking.commit, asking.etag) and size in (str(asking.size), None)
    else:
        same = True  # a file's own bytes are looked at when they are there
    if not same:
        raise Damaged(f"{asking.repo}: the Hub serves {asking.file} otherwise than it records it; nothing was kept")


def _is_followed(response: httpx2.Response) -> bool:
    """Whether the client asks on where it is sent, as it does on the same host."""
    here = str(response.request.url)
    there = urljoin(here, response.headers.get("location", ""))
    return response.has_redirect_location and urlsplit(there)[:2] == urlsplit(here)[:2]


class _Bounded(httpx2.SyncByteStream):
    """A body of so many bytes at most, each of which counts as a sign of life."""

    def __init__(self, stream: Any, asking: _Asking, most: int) -> None:
        self.stream, self.asking, self.most = stream, asking, most

    def __iter__(self) -> Iterator[bytes]:
        came = 0
        try:
            for piece in self.stream:
                came += len(piece)
                if came > self.most:
                    raise Damaged(f"{self.asking.what()}: the Hub sent more than the {self.most:,} bytes that it may")
                self.asking.patience.feed(len(piece))
                yield piece
        except httpx2.HTTPError:
            self.asking.hurry()
            raise
        self.asking.hurry()  # an end may come of hanging up

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()


def _hang_up(stream: Any) -> None:
    with suppress(OSError, AttributeError):  # it is closed
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
