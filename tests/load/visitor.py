"""A visitor as the page is one: gradio's queue over plain HTTP, so that one process holds hundreds of them.

A call is a POST to queue/join and the session's stream, queue/data; Stop is a POST to cancel; who leaves hangs up.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Endpoint:
    """A named endpoint as the page has it: its number, the inputs that stand there at first, and their elements."""

    number: int
    inputs: tuple[Any, ...]
    elements: tuple[str, ...]

    def asked(self, given: Mapping[str, Any]) -> list[Any]:
        """The inputs, with others for the elements whose ids end so. Raises ValueError for one that is not there."""
        values = list(self.inputs)
        for ending, value in given.items():
            places = [number for number, element in enumerate(self.elements) if element.endswith(ending)]
            if len(places) != 1:
                raise ValueError(f"{len(places)} of {', '.join(self.elements)} end with {ending!r}; wanted is one")
            values[places[0]] = value
        return values


@dataclass(frozen=True)
class App:
    """What a page knows of the app that serves it."""

    host: str
    port: int
    endpoints: Mapping[str, Endpoint]

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://{self.host}:{self.port}"


def app_at(url: str) -> App:
    """Read the page's configuration."""
    with urllib.request.urlopen(f"{url}/config", timeout=60) as reply:
        config = json.load(reply)
    properties = {component["id"]: component["props"] for component in config["components"]}
    endpoints = {
        one["api_name"]: Endpoint(
            one["id"],
            tuple(properties[number].get("value") for number in one["inputs"]),
            tuple(str(properties[number].get("elem_id")) for number in one["inputs"]),
        )
        for one in config["dependencies"]
        if one["api_name"] and one.get("api_visibility") == "public"
    }
    at = urlsplit(url)
    return App(str(at.hostname), int(at.port or 80), endpoints)


class Refused(Exception):
    """A join that was answered with another status than 200: with it, and with the words that the page shows."""

    def __init__(self, status: int, words: str, retry_after: str = "") -> None:
        super().__init__(f"{status}: {words}")
        self.status, self.words, self.retry_after = status, words, retry_after


@dataclass
class Answer:
    """What came of a call, in seconds from its beginning."""

    endpoint: str
    seconds: float = 0.0
    begun: float | None = None
    """When its turn came."""
    output: list[Any] | None = None
    error: str = ""
    """Words, where it was refused or cut."""
    refused: bool = False
    told: list[tuple[float, int, int, float | None]] = field(default_factory=list)
    """When, the position counted from 0, of how many, and the expected wait in seconds."""

    @property
    def served(self) -> float:
        """Seconds of its turn."""
        return self.seconds - (self.begun or 0.0)


class Visitor:
    """One session. Only one call at a time."""

    def __init__(self, app: App, language: str = "en") -> None:
        self.app, self.language = app, language
        self.session = secrets.token_hex(6)
        self.cookie = ""
        """What a proxy gave to be known by; the app itself gives none."""
        self._open: set[asyncio.StreamWriter] = set()

    async def page(self) -> float:
        """Ask for the page; how many seconds it took. Raises Refused for another status than 200."""
        begun = time.monotonic()
        await self._fetch("GET", "/")
        return time.monotonic() - begun

    async def join(self, endpoint: str, given: Mapping[str, Any] | None = None) -> str:
        """Stand in line; the event's name. Raises Refused."""
        one = self.app.endpoints[endpoint]
        body = {
            "data": one.asked(given or {}), "fn_index": one.number, "session_hash": self.session,
            "event_data": None, "trigger_id": None,
        }  # fmt: skip
        reply = await self._fetch("POST", f"/gradio_api/queue/join?lang={self.language}", body)
        return str(json.loads(reply)["event_id"])

    async def listen(self) -> AsyncGenerator[dict[str, Any], None]:
        """What the server says to this session, until it ends the stream."""
        path = f"/gradio_api/queue/data?session_hash={self.session}"
        (reader, writer), status, headers = await self._ask("GET", path)
        try:
            if status != 200:
                raise Refused(status, (await _body(reader, headers)).decode(errors="replace"))
            rest = b""
            async for chunk in _chunks(reader):
                *events, rest = (rest + chunk).split(b"\n\n")
                for event in events:
                    yield json.loads(event.removeprefix(b"data: "))
        finally:
            self._hang_up(writer)

    async def call(self, endpoint: str, given: Mapping[str, Any] | None = None, within: float = 600.0) -> Answer:
        """Call an endpoint and wait for its end, at most `within` seconds."""
        begun, answer = time.monotonic(), Answer(endpoint)
        try:
            async with asyncio.timeout(within):
                event = await self.join(endpoint, given)
                await self._wait(event, answer, begun)
        except Refused as refused:
            answer.error, answer.refused = refused.words, True
        except TimeoutError:
            answer.error = f"nothing within {within:g} seconds"
        except (OSError, asyncio.IncompleteReadError) as error:
            answer.error = f"cut: {error!r}"
        answer.seconds = time.monotonic() - begun
        return answer

    async def _wait(self, event: str, answer: Answer, begun: float) -> None:
        async with aclosing(self.listen()) as messages:
            async for message in messages:
                if message.get("event_id") not in (event, None):
                    continue
                now, kind = time.monotonic() - begun, message["msg"]
                if kind == "estimation":
                    answer.told.append((now, message["rank"], message["queue_size"], message["rank_eta"]))
                elif kind == "process_starts":
                    answer.begun = now
                elif kind == "unexpected_error":
                    answer.error = f"unexpected: {message['message']}"
                    return
                elif kind == "process_completed":
                    output = message["output"]
                    if message["success"]:
                        answer.output = output.get("data")
                    else:
                        answer.error = str(output.get("error") or output)
                    return
        answer.error = "the stream ended without an answer"

    async def stop(self, endpoint: str, event: str) -> None:
        """Press Stop, as the page does."""
        body = {"session_hash": self.session, "fn_index": self.app.endpoints[endpoint].number, "event_id": event}
        await self._fetch("POST", "/gradio_api/cancel", body)

    def vanish(self) -> None:
        """Hang up whatever is open, at once."""
        for writer in tuple(self._open):
            self._hang_up(writer)

    def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        with suppress(OSError):
            writer.transport.abort()

    async def _fetch(self, method: str, path: str, body: Any = None) -> bytes:
        (reader, writer), status, headers = await self._ask(method, path, body)
        try:
            reply = await _body(reader, headers)
        finally:
            self._hang_up(writer)
        if status != 200:
            raise Refused(status, _words(reply), headers.get("retry-after", ""))
        return reply

    async def _ask(self, method: str, path: str, body: Any = None) -> tuple[Stream, int, dict[str, str]]:
        """Send a request; the connection, the status and the headers."""
        reader, writer = await asyncio.open_connection(self.app.host, self.app.port, limit=1 << 24)
        self._open.add(writer)
        data = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1", f"Host: {self.app.host}:{self.app.port}", "Connection: close",
            f"Accept-Language: {self.language}", "Content-Type: application/json", f"Content-Length: {len(data)}",
            *([f"Cookie: {self.cookie}"] if self.cookie else []),
        ]  # fmt: skip
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.cookie = headers.get("set-cookie", self.cookie).partition(";")[0]
        return (reader, writer), int(head[0].split()[1]), headers


def _words(reply: bytes) -> str:
    """What the page shows of a refusal: gradio's script reads `detail` out of JSON, and nothing else."""
    try:
        return str(json.loads(reply)["detail"])
    except (ValueError, LookupError, TypeError):
        return f"not for a page: {reply[:200]!r}"


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return b"".join([chunk async for chunk in _chunks(reader)])


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
