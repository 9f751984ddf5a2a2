"""Row R13: calls that make no sense, to every named endpoint, every route of /v1, and the server as such.

Call number N of a seed is always the same one, whatever came before it.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import socket
import sys
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.rows import Found

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from serving import Served, served  # noqa: E402
from test_app import BAD, GAN, GOOD, POET, TEXT, WAVENET, files_that_are_refused  # noqa: E402

CLIENTS = 4
SECONDS = 60.0
"""An answer that has not come by then never comes."""
CANARIES = {"HF_TOKEN": "hf_FuzzFuzzFuzzFuzzFuzzFuzz012345", "ZOO_CANARY": "canary-of-the-environment-4711"}
V1: dict[str, dict[str, Any]] = {
    "/v1/completions": {"model": TEXT, "prompt": "ROMEO:", "max_tokens": 3, "temperature": 0.8, "top_p": 0.9, "n": 1,
                        "seed": 1, "stream": False, "stop": ["x"], "echo": False},
    "/v1/chat/completions": {"model": "bert.retrieval", "messages": [{"role": "user", "content": "Do you like dogs?"}],
                             "temperature": 0.7, "seed": 1, "n": 1, "stream": True,
                             "stream_options": {"include_usage": True}},
    "/v1/images/generations": {"model": GAN, "prompt": "7", "n": 1, "seed": 1, "response_format": "b64_json",
                               "size": "auto"},
    "/v1/audio/speech": {"model": WAVENET, "input": "7", "voice": "jackson", "seed": 1, "response_format": "wav",
                         "speed": 1.0},
}  # fmt: skip
"""Bodies that work; the poems are asked of the first one, too."""
POEM = {"model": POET, "prompt": "春望", "form": "五言绝句", "acrostic": "春夏", "seed": 1}
MARKUP = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)><a href='javascript:alert(1)'/>",
    "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "{{7*7}}${7*7}<%=7*7%>#{7*7}",
    "![x](https://example.org/x.png)[y](javascript:alert(1))", "</textarea><iframe src=//example.org>",
    "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "'; DROP TABLE x; --",
    "$(id)`id`|id;id", "%s%n%x{0.__class__}", "\r\nX-Injected: 1\r\n\r\n<b>", "=cmd|'/c calc'!A0",
)  # fmt: skip
PATHS = (
    "/etc/passwd", "../../../../etc/passwd", "..\\..\\windows\\win.ini", "file:///etc/passwd", "/proc/self/environ",
    "/dev/zero", "/dev/stdin", "//example.org/x", "https://example.org/x.png", "http://127.0.0.1:1/x", "~root/.ssh",
    "zoo/pretrained/../../app.py", "\x00/etc/passwd", "." * 5000, "CON", "/", "", "user/name@../../x", "a/b/c@d",
    "hf://user/name", "user/name", "mnist", "/proc/self/fd/0",
)  # fmt: skip
NUMBERS = (
    0, -0.0, -1, 1, 2, 0.5, 1e-320, 7.000000000000001, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, -(2**63) - 1,
    10**30, 10**400, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), True, False,
)  # fmt: skip
TEXTS = (
    "", " ", "\t\n", "\ud800", "a\udfffb", "\x00", "\x07\x1b[31m\x9b", "\u202e\u2066\u200b\ufeff", "e" + "\u0301" * 500,
    "\U0010ffff", "ﷺ" * 300, "👩‍👩‍👧‍👦" * 40, "x" * 2000, "x" * 2001, "中" * 2001, "NaN", "null", "undefined", "-1",
    "1e999", "٣٤", "四十二亿", "½", "nan", "inf", "0x7f", "1_000", "__proto__", "constructor", "__import__('os')",
    "\\ud800", "{" * 1000, "[" * 500, "a b c", "Zoë", "ROMEO:", "春", "7", "C4 " * 600, "___", "___ " * 50, "all",
    "given",
)  # fmt: skip


@dataclass
class World:
    """What the calls may refer to: files of a session that is not theirs, and what may not be told."""

    app: Served
    folder: Path
    theirs: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request, and a second one where the answer is fetched by its event."""

    kind: str
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes = b""
    """In place of all that: bytes for the socket."""

    def __str__(self) -> str:
        shown = self.raw or self.body
        return f"{self.kind}: {self.method} {self.path[:300]} {dict(self.headers)} {shown[:700]!r} ({len(shown)} bytes)"


def value(rng: random.Random, world: World, depth: int = 0) -> Any:
    """Something that somebody might send."""
    kind = rng.randrange(12 if depth < 4 else 8)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind < 4:
        return rng.choice(TEXTS)
    if kind == 4:
        return rng.choice(MARKUP)
    if kind == 5:
        return rng.choice((*PATHS, *world.theirs))
    if kind == 6:
        return None
    if kind == 7:
        letters = (chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x10FFFF)))) for _ in range(rng.randrange(60)))
        return "".join(letters)
    if kind == 8:
        path = rng.choice((*PATHS, *world.theirs))
        names = ("path", "url", "meta", "orig_name", "size", "mime_type", "is_stream", "stream", "data")
        odd = {name: value(rng, world, depth + 2) for name in rng.sample(names, rng.randrange(4))}
        return {"path": path, "meta": {"_type": rng.choice(("gradio.FileData", "x"))}} | odd
    if kind == 9:
        return [value(rng, world, depth + 1) for _ in range(rng.randrange(5))]
    if kind == 10:
        return {str(value(rng, world, 9)): value(rng, world, depth + 1) for _ in range(rng.randrange(4))}
    deep: Any = value(rng, world, 9)
    for _ in range(rng.choice((5, 50, 900))):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    return deep


_NAMED = [case for case in BAD if case[0] in GOOD]


def named(rng: random.Random, world: World) -> Call:
    """A named endpoint, with one or all of its arguments changed, left out or added; by one of gradio's three doors."""
    endpoint = rng.choice(sorted(GOOD))
    arguments: dict[str, Any] = dict(GOOD[endpoint])
    way = rng.randrange(10)
    if way == 0:
        arguments = {name: value(rng, world) for name in arguments}
    elif way == 1:
        arguments.pop(rng.choice(sorted(arguments)))
    elif way == 2:
        arguments[rng.choice(("extra", "__proto__", "request", "progress", "self", "", "\ud800"))] = value(rng, world)
    elif way == 3:
        endpoint, name, bad = rng.choice(_NAMED)
        arguments = {**GOOD[endpoint], name: bad}
    else:
        arguments[rng.choice(sorted(arguments))] = value(rng, world)
    door = rng.randrange(4)
    if door == 0:
        body: Any = {"data": list(arguments.values())[: rng.choice((99, 99, 99, 1, 0))]}
        if rng.random() < 0.3:
            body |= {rng.choice(("session_hash", "event_id", "fn_index", "trigger_id", "batched", "request",
                                 "simple_format", "event_data")): value(rng, world)}  # fmt: skip
        return _posted("named", f"/gradio_api/call/{endpoint}", body)
    if door == 1 and rng.random() < 0.3:
        body = {"data": list(arguments.values()), "fn_index": rng.choice((0, 5, 60, 400, -1, 1e9, "x", None)),
                "session_hash": value(rng, world)}  # fmt: skip
        return _posted("queue", rng.choice(("/gradio_api/queue/join", "/gradio_api/run/predict")), body)
    return _posted("named", f"/gradio_api/call/v2/{endpoint}", arguments)


def openai(rng: random.Random, world: World) -> Call:
    """A route of /v1."""
    path = rng.choice(sorted(V1))
    body: Any = dict(POEM if rng.random() < 0.2 and "completions" in path else V1[path])
    for _ in range(rng.choice((1, 1, 1, 2, 6))):
        name = rng.choice((*body, "extra", "logprobs", "tools", "size", "quality", "response_format", "metadata"))
        body[name] = value(rng, world)
    if rng.random() < 0.15:
        body.pop(rng.choice(sorted(body)))
    if rng.random() < 0.2:
        role = rng.choice(("user", "assistant", "system", value(rng, world)))
        body["messages"] = [{"role": role, "content": value(rng, world)} for _ in range(rng.randrange(5))]
    if rng.random() < 0.05:
        body = value(rng, world)
    if rng.random() < 0.1:
        name = urllib.parse.quote(str(value(rng, world, 9)).encode("utf-8", "replace")[:300])
        return Call("/v1", rng.choice(("GET", "HEAD", "DELETE")), f"/v1/models/{name}")
    return _posted("/v1", path, body)


def _posted(kind: str, path: str, body: Any) -> Call:
    return Call(kind, "POST", path, json.dumps(body).encode(), (("Content-Type", "application/json"),))


_BODIES = (
    b"", b"{", b"[]", b"5", b"null", b'"x"', b"[" * 100_000, b'{"a":' * 40_000, b"\xff\xfe\x00", b'{"data": 5}',
    b'{"data": [NaN]}', b'{"data": ["\\ud800"]}', b'{"data": [1' + b"0" * 5000 + b"]}", b'{"data": [], "data": {}}',
    b"a=b&c=d", b"\x1f\x8b\x08\x00garbage", b'{"event_id": 5}', b'{"data": [], "fn_index": -1, "session_hash": "x"}',
    b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"../../x.png\"\r\n\r\nabc\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n", b"\x00" * 1000,
)  # fmt: skip
_ROUTES = (
    "/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/docs", "/openapi.json", "/v1", "/v1/",
    "/v1/models", "/v1/completions", "/v1/nothing", "/v1//models", "/gradio_api/upload", "/gradio_api/cancel",
    "/gradio_api/reset", "/gradio_api/queue/status", "/gradio_api/queue/join", "/gradio_api/call/write_text",
    "/gradio_api/call/v2/nothing",
    "/gradio_api/call/write_text/nothing", "/gradio_api/run/write_text", "/gradio_api/api/write_text",
    "/gradio_api/startup-events", "/gradio_api/component_server", "/gradio_api/upload_progress?upload_id=x",
    "/gradio_api/file=", "/theme.css", "/robots.txt", "/favicon.ico", "/manifest.json", "/static/../app.py",
    "/assets/../../app.py", "/%2e%2e/%2e%2e/etc/passwd", "/..%2fapp.py", "/gradio_api/monitoring", "/login", "/.env",
    "/gradio_api/proxy=http://example.org/", "/gradio_api/stream/x/y/z/playlist.m3u8", "/gradio_api/custom_component/x",
    "/gradio_api/deep_link", "/gradio_api/app_id", "/svelte/x.js", "/x" * 3000, "/\u00e9", "/%ff%00", "/?lang=%00",
    "/?__theme=<script>", "/?view=api&x=" + "y" * 20_000, "/gradio_api/mcp/sse", "/mcp", "*", "http://example.org/",
)  # fmt: skip
_HEADERS = (
    ("Range", "bytes=1-2-3;x"), ("Range", "bytes=" + ",".join(f"{n}-{n}" for n in range(2000))), ("Range", "bytes=-0"),
    ("Range", "bytes=9999999999999999-"), ("Range", "lines=1-2"), ("Content-Type", "text/xml"), ("Cookie", "x" * 8000),
    ("Content-Type", "multipart/form-data"), ("Content-Type", "multipart/form-data; boundary=x"), ("Expect", "x"),
    ("Content-Type", "application/json; charset=utf-99"), ("Content-Encoding", "gzip"), ("Host", "example.org"),
    ("Host", ""), ("X-Forwarded-For", "x" * 999), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "x"),
    ("Accept", "text/event-stream"), ("Accept-Language", "zh" * 999), ("Origin", "https://evil.example"),
    ("Referer", "javascript:alert(1)"), ("Authorization", "Bearer " + "x" * 999), ("Authorization", "Basic !!"),
    ("If-None-Match", "*"), ("If-Modified-Since", "yesterday"), ("Upgrade", "websocket"), ("Connection", "upgrade"),
    ("X-Gradio-User", "x"), ("X-Hf-Authorization", "x"), ("Content-Length", "-5"), ("Content-Length", "9" * 30),
    ("Content-Length", "x"), ("Transfer-Encoding", "chunked"), ("X-\u00e9", "x"),
    ("Accept-Encoding", "gzip, br, x;q=9"),
)  # fmt: skip
_METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW", "get")


def nonsense(rng: random.Random, world: World) -> Call:
    """HTTP that no page and no client sends."""
    route = rng.choice((*_ROUTES, *_ROUTES, f"/gradio_api/file={rng.choice((*PATHS, *world.theirs))}"))
    if rng.random() < 0.5 and not re.search(r"[^!-~]", route):
        headers = rng.sample(_HEADERS, rng.randrange(3))
        sent = {n: v for n, v in headers if n not in ("Content-Length", "Transfer-Encoding") and n.isascii()}
        method = rng.choice(_METHODS[:7])
        body = rng.choice(_BODIES) if method not in ("GET", "HEAD", "OPTIONS") else b""
        return Call("HTTP", method, route, body, tuple(sent.items()))
    body = rng.choice(_BODIES)
    lines = [f"{rng.choice(_METHODS)} {route} {rng.choice(('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/9', ''))}"]
    lines += ["Host: x"] if rng.random() < 0.9 else []
    lines += [f"{name}: {text}" for name, text in rng.sample(_HEADERS, rng.randrange(4))]
    lines += [f"Content-Length: {len(body)}"] if rng.random() < 0.7 else []
    raw = "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "replace") + body
    if rng.random() < 0.1:
        raw = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400)))
    return Call("bytes", "", "", raw=raw)


def uploaded(rng: random.Random, world: World) -> Call:
    """A file under an odd name, with odd content."""
    name = str(rng.choice((*PATHS, *MARKUP, *TEXTS)))
    name = name.encode("utf-8", "replace").decode().translate({ord(c): "_" for c in '\r\n"\x00'})[:400]
    content = rng.choice((b"", b"GIF89a", rng.randbytes(300), *(text.encode() for text in MARKUP)))
    field_name = rng.choice(("files", "files", "files", "file", "data"))
    head = f'--fuzz\r\nContent-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + rng.choice((b"\r\n--fuzz--\r\n", b"\r\n--fuzz--\r\n", b""))
    return Call("upload", "POST", "/gradio_api/upload", body, (("Content-Type", "multipart/form-data; boundary=fuzz"),))


KINDS: tuple[Callable[[random.Random, World], Call], ...] = (named,) * 9 + (openai,) * 5 + (nonsense,) * 5 + (uploaded,)


class Caller:
    """A client that keeps its connection open."""

    def __init__(self, url: str) -> None:
        self.host, self.port = url.removeprefix("http://").split(":")
        self.connection: http.client.HTTPConnection | None = None
        self.headers = ""

    def send(self, call: Call) -> tuple[int, str]:
        """Status and text of the answer, which is that of the event where there is one; status 0 when hung up on."""
        if call.raw:
            return self._bytes(call.raw)
        status, text = self._ask(call)
        found = re.fullmatch(r'{"event_id":\s*"(\w+)"}', text) if call.path.startswith("/gradio_api/call/") else None
        if status == 200 and found:
            endpoint = call.path.rpartition("/")[2]
            status, text = self._ask(Call(call.kind, "GET", f"/gradio_api/call/{endpoint}/{found[1]}"))
        return status, text

    def _ask(self, call: Call) -> tuple[int, str]:
        for attempt in range(2):  # a connection that was kept may have been closed meanwhile
            kept = self.connection is not None
            self.connection = self.connection or http.client.HTTPConnection(self.host, int(self.port), timeout=SECONDS)
            try:
                self.connection.putrequest(call.method, call.path, skip_host=any(n == "Host" for n, _ in call.headers))
                for name, text in call.headers:
                    self.connection.putheader(name, text)
                if call.body or call.method == "POST":
                    self.connection.putheader("Content-Length", str(len(call.body)))
                self.connection.endheaders(call.body or None)
                reply = self.connection.getresponse()
                self.headers = str(reply.headers)
                return reply.status, reply.read().decode(errors="replace")
            except TimeoutError:
                self.connection = None
                return -1, ""
            except (OSError, http.client.HTTPException):
                self.connection = None
                if not kept or attempt:
                    return 0, ""
        return 0, ""

    def _bytes(self, raw: bytes) -> tuple[int, str]:
        data = b""
        try:
            with socket.create_connection((self.host, int(self.port)), timeout=10) as connection:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(SECONDS)
                while piece := connection.recv(65536):
                    data += piece
        except TimeoutError:
            return -1, ""
        except OSError:
            pass
        found = re.match(rb"HTTP/1\.[01] (\d{3})", data)
        return int(found[1]) if found else 0, data.decode(errors="replace").partition("\r\n\r\n")[2]


def judge(call: Call, status: int, text: str, world: World) -> list[str]:
    """What is wrong with an answer."""
    wrong = []
    if status >= 500:
        wrong.append("a server error")
    if status == -1:
        wrong.append(f"no answer in {SECONDS:.0f} s")
    if status == 0 and not call.raw and len(call.body) < 200_000:
        wrong.append("hung up without an answer")
    if re.search("give this number: [0-9a-f]{8}", text) or '"code":"incident"' in text.replace(" ", ""):
        wrong.append("an incident")
    if "event: error" in text and len(text.rpartition("data: ")[2].strip()) < 12:
        wrong.append("an error without a reason")
    if 400 <= status < 500 and call.method != "HEAD" and not call.raw.startswith(b"HEAD") and len(text.strip()) < 12:
        wrong.append("a refusal without a reason")
    known = (call.raw or call.body).decode("utf-8", "replace") + call.path
    for what, secret in world.secrets.items():
        if secret in text and secret not in known:
            at = text.index(secret)
            wrong.append(f"{what} is told: {text[max(0, at - 120) : at + 120]!r}")
    return wrong


def _secrets(folder: Path) -> dict[str, str]:
    """What no answer may hold. The folder of gradio's own copies is not among it: its clients name files by it."""
    import gradio

    return {
        "the path of the app": f"{ROOT}/", "the path of the packages": str(Path(gradio.__file__).parents[1]),
        "the path of Python": sys.prefix, "a traceback": "Traceback (most recent", "a frame": 'File "/',
        "a file of the results": "zoo-results-", "a log": str(folder / "app.log"), "the home": f"{Path.home()}/",
        "a line of /etc/passwd": "root:x:0", "the variable PATH": os.environ["PATH"], **CANARIES,
    }  # fmt: skip


def fuzzed(folder: Path, rng: random.Random, *, calls: int) -> Found:
    """So many calls by several clients at once."""
    seed = rng.randrange(1 << 60)
    environment = {**CANARIES, "ZOO_POSTS_PER_SECOND": "1000000"}
    with served(folder, environment=environment) as app:
        world = World(app, folder, secrets=_secrets(folder))
        world.theirs = _theirs(app, folder)
        statuses: Counter[str] = Counter()
        slowest: dict[str, float] = {}
        failures: list[str] = []
        lock, here = threading.Lock(), threading.local()

        def one(number: int) -> None:
            made = random.Random(f"{seed} {number}")
            call = made.choice(KINDS)(made, world)
            caller = here.__dict__.setdefault("caller", Caller(app.url))
            begun = time.monotonic()
            status, text = caller.send(call)
            seconds = time.monotonic() - begun
            wrong = judge(call, status, text, world) + [
                f"{what} is told in a header" for what, secret in world.secrets.items() if secret in caller.headers
            ]
            with lock:
                refused = status >= 400 or "event: error" in text
                statuses["refused" if refused else "hung up" if status <= 0 else "answered"] += 1
                slowest[call.kind] = max(slowest.get(call.kind, 0.0), round(seconds, 2))
                if wrong:
                    failures.append(f"call {number}: {status} {'; '.join(wrong)} | {call} | {text[:300]!r}")

        with ThreadPoolExecutor(CLIENTS) as pool:
            for number in range(calls):
                pool.submit(one, number).add_done_callback(_reraise(failures, number))
        failures += _alive(app)
        log = app.log.read_text(errors="replace")
        if "Traceback" in log:
            failures.append(f"{log.count('Traceback')} tracebacks in the log, the first one:\n{_first(log)}")
    figure = f"{calls:,} calls: {statuses['refused']:,} refused with a reason, {statuses['answered']:,} answered; " + (
        "no server error, leak or dead worker" if not failures else f"{len(failures)} failures"
    )
    return Found(figure, failures[:60], {"statuses": statuses, "slowest, s": slowest, "failures": len(failures)})


def _reraise(failures: list[str], number: int) -> Callable[[Any], None]:
    """A call that could not be made at all is a failure, too."""

    def look(done: Any) -> None:
        if done.exception():
            failures.append(f"call {number}: {done.exception()!r}")

    return look


def _theirs(app: Served, folder: Path) -> list[str]:
    """Files of a visitor who came before: some that were sent, one that was made; and an id of theirs."""
    caller = Caller(app.url)
    sent = folder / "sent"
    sent.mkdir()
    paths = []
    for _, path in files_that_are_refused(sent):
        data = path.read_bytes()
        if not 0 < len(data) < 1_000_000:
            continue
        head = f'--fuzz\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n\r\n'.encode()
        status, text = caller.send(
            Call("upload", "POST", "/gradio_api/upload", head + data + b"\r\n--fuzz--\r\n",
                 (("Content-Type", "multipart/form-data; boundary=fuzz"),))
        )  # fmt: skip
        if status != 200:
            raise RuntimeError(f"{path.name} could not be sent: {status} {text}")
        paths += json.loads(text)
    _, text = caller.send(_posted("named", "/gradio_api/call/v2/draw_images", GOOD["draw_images"]))
    return [*paths, *re.findall(r'"path": ?"([^"]+)"', text)]


def _alive(app: Served) -> list[str]:
    """What is wrong with the same process, asked for good things at the end."""
    wrong = []
    if app.process.poll() is not None:
        return [f"the app ended with {app.process.returncode}"]
    for call in (
        _posted("named", "/gradio_api/call/v2/draw_images", GOOD["draw_images"]),
        _posted("named", "/gradio_api/call/v2/write_text", GOOD["write_text"]),
        _posted("/v1", "/v1/completions", V1["/v1/completions"]),
    ):
        status, text = Caller(app.url).send(call)
        if status != 200 or "event: error" in text:
            wrong.append(f"a good call at the end: {status} {text[:300]!r} | {call}")
    return wrong


def _first(log: str) -> str:
    at = log.index("Traceback")
    return log[max(0, at - 300) : at + 3000]
