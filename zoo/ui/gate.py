"""The gate in front of gradio: an ASGI layer that looks at a request before any body is read.

It closes routes that the app does not use, limits sizes and rates, answers with headers that let only our own origin
through, and tells the page its language before gradio's scripts start (they know no URL parameter for it).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gradio.context import LocalContext
from gradio.route_utils import FnIndexInferError
from starlette.requests import Request

from zoo.ui.api_replies import Code, problem
from zoo.ui.strings import say

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_JSON = 256 * 1024
MAX_UPLOAD = 12 * 1024 * 1024
BURST, PER_SECOND = 60.0, 8.0
"""Posts that a client may make at once, and for ever; ZOO_POSTS_PER_SECOND says otherwise for the latter."""
WAIT = 5
"""Seconds after which a client that made too many may come back."""
MAX_CLIENTS = 10_000
REFUSED = "zoo.refused"
"""Where a request's scope has a list for the guard: what it says there was refused, and is no fault of the server."""
KEEP = 2.0
"""Seconds for which a page serves everyone: to write one takes a fifth of a second of a core."""
MAX_PAGES = 64

_log = logging.getLogger("zoo.ui")
_CLOSED = re.compile(
    r"^(/gradio_api)?/(proxy=|file=https?:|stream/|process_recording|vibe-|undo-vibe|custom_component/|dev/|deep_link"
    r"|run-history|monitoring|profiling|svelte/|login|logout|token|app_id|pwa_icon)"
)
_UPLOADS = ("/gradio_api/upload", "/gradio_api/component_server")
_API = "/v1/"
"""Where refusals have OpenAI's shape."""
_CODES: dict[int, Code] = {413: "request_too_large", 429: "rate_limit_exceeded", 404: "not_found"}
_RANGE = re.compile(rb"^bytes=(\d{1,15}-\d{0,15}|-\d{1,15})$")
_ADDRESS = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")
"""Headers from which gradio concludes under which address its page is seen."""
_HEADERS = {
    "content-security-policy": "; ".join((
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # gradio writes its config and its js= into the page
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    )),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
}  # fmt: skip

_PAGES = ("/", "/gradio_api/runs")
"""The app, and the history of a visitor's runs, which gradio keeps in the browser."""

# Chooses the language (?lang=, else what was chosen before, else the browser's) and the shade, and serves the two
# buttons of the header. gradio reads navigator.language only, and its history shows labels untranslated.
_SCRIPT = """<script>(() => {
const url = new URL(location.href);
const store = (key, value) => { try { return value === undefined ? localStorage.getItem(key)
  : localStorage.setItem(key, value); } catch { return null; } };
const own = (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh-CN" : "en";
const asked = url.searchParams.get("lang") || store("zoo.language");
const language = asked ? (asked.toLowerCase().startsWith("zh") ? "zh-CN" : "en") : own;
for (const [name, value] of [["language", language], ["languages", [language]]])
  Object.defineProperty(navigator, name, { get: () => value, configurable: true });
document.documentElement.lang = language;
if (asked) store("zoo.language", language); // the history of runs is a page of its own
if (language !== own && url.searchParams.get("lang") !== language) {
  url.searchParams.set("lang", language); history.replaceState(history.state, "", url);
}
if (!url.searchParams.has("__theme") && store("zoo.shade")) {
  url.searchParams.set("__theme", store("zoo.shade")); history.replaceState(history.state, "", url);
}
addEventListener("click", (event) => {
  const button = event.target.closest?.("#zoo-language, #zoo-shade");
  if (!button) return;
  const next = new URL(location.href);
  if (button.id === "zoo-language") {
    store("zoo.language", button.dataset.zooLanguage);
    next.searchParams.set("lang", button.dataset.zooLanguage);
    location.assign(next);
  } else {
    const shade = document.body.classList.contains("dark") ? "light" : "dark";
    store("zoo.shade", shade);
    document.body.classList.toggle("dark", shade === "dark");
    next.searchParams.set("__theme", shade); history.replaceState(history.state, "", next);
  }
});
if (!location.pathname.endsWith("/runs")) return;
const translate = (node) => {
  if (node.nodeName === "SCRIPT" || node.parentNode?.nodeName === "SCRIPT") return;
  if (node.nodeType !== Node.TEXT_NODE) return node.childNodes.forEach(translate);
  if (!node.data.includes("__i18n__")) return;
  const words = window.gradio_config.i18n_translations[language];
  node.data = node.data.replace(/__i18n__[{][^}]*"key": ?"([^"]+)"[}]/g, (_, key) => words[key] ?? key);
};
new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes) (type === "childList" ? addedNodes : [target]).forEach(translate);
})
  .observe(document, { childList: true, characterData: true, subtree: true });
})();</script>"""


def posts_per_second() -> float:
    """Posts a second that a client may go on making."""
    return float(os.environ.get("ZOO_POSTS_PER_SECOND") or PER_SECOND)


class TooLarge(Exception):
    """More bytes came than were allowed or announced."""


def addressed(app: App) -> App:
    """Wrap a server's app, outside of gradio's own layers, one of which looks for a Host where there is an Origin: who
    names no host means the address that was called."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and all(name != b"host" for name, _ in scope["headers"]):
            host, port = scope.get("server") or ("", 0)
            scope = {**scope, "headers": [*scope["headers"], (b"host", f"{host}:{port}".encode())]}
        await app(scope, receive, send)

    return serve


class _Page:
    """The page for those who ask under one address."""

    def __init__(self) -> None:
        self.writing = asyncio.Lock()
        self.messages: list[Message] = []
        self.until = 0.0


class Gate:
    """Wrap the app: `launch(app_kwargs={"middleware": [Middleware(Gate)]})`."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.behind_proxy = bool(os.environ.get("ZOO_TRUST_PROXY") or os.environ.get("SPACE_ID"))
        self.per_second = posts_per_second()
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.pages: OrderedDict[object, _Page] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path, headers = scope["path"], dict(scope["headers"])
        if not path.isprintable():
            return await _refuse(send, 400, "An address has no control characters.", path)
        if _CLOSED.match(path):
            return await _refuse(send, 404, "There is nothing here.", path)
        if b"range" in headers and not _RANGE.match(headers[b"range"]):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
        limit = MAX_UPLOAD if path.startswith(_UPLOADS) else MAX_JSON
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            if not self._admits(self._client(scope, headers)):
                LocalContext.request.set(Request({"query_string": b"", **scope}))
                return await _refuse(send, 429, say("too_often", seconds=WAIT), path)
            announced = headers.get(b"content-length", b"0")
            if not announced.isdigit() or int(announced) > limit:
                return await _refuse(send, 413, f"At most {limit // 1024:,} KB can be sent here.", path)
        serve = self._page if scope["method"] == "GET" and path in _PAGES else self.app
        started = False
        refused: list[str] = []
        scope[REFUSED] = refused

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                if message["status"] == 500 and refused:  # gradio says so of whatever a handler raises
                    message = {**message, "status": 400}
                present = {name.lower() for name, _ in message["headers"]}
                extra = [(n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in present]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)
            started = True

        received = 0

        async def take() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLarge
            return message

        try:
            await serve(scope, take, answer)
        except TooLarge:
            status, words = 413, f"At most {limit // 1024:,} KB can be sent here."
        except (LookupError, TypeError, ValueError, RuntimeError, FnIndexInferError) as error:
            # What gradio raises on requests that its own pages and clients never send.
            _log.info("%s %s: %s", scope["method"], path, error)
            status, words = (
                400,
                "This request cannot be understood. See /gradio_api/openapi.json for what can be asked.",
            )
        else:
            return
        if started:
            await send({"type": "http.response.body", "body": b""})
        else:
            await _refuse(answer, status, words, path)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a page, written anew only when the last one is too old; it depends on nothing but its address."""
        headers = dict(scope["headers"])
        key = scope["path"], scope.get("scheme"), scope.get("root_path"), *(headers.get(name) for name in _ADDRESS)
        page = self.pages.setdefault(key, _Page())
        self.pages.move_to_end(key)
        while len(self.pages) > MAX_PAGES:
            self.pages.popitem(last=False)
        async with page.writing:
            if page.until < time.monotonic():
                page.messages = []

                async def keep(message: Message) -> None:
                    page.messages.append(message)

                await self.app({**scope, "query_string": b""}, receive, _with_script(keep))
                whole = page.messages and page.messages[0].get("status") == 200
                page.until = time.monotonic() + KEEP if whole else 0.0
            messages = page.messages
        for message in messages:
            await send(message)

    def _client(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1") if self.behind_proxy else ""
        return forwarded.rpartition(",")[2].strip() or str((scope.get("client") or ("",))[0])

    def _admits(self, client: str) -> bool:
        now = time.monotonic()
        left, seen = self.buckets.pop(client, (BURST, now))
        left = min(BURST, left + (now - seen) * self.per_second)
        self.buckets[client] = (left - 1 if left >= 1 else left, now)
        while len(self.buckets) > MAX_CLIENTS:
            self.buckets.popitem(last=False)
        return left >= 1


async def _refuse(send: Send, status: int, words: str, path: str) -> None:
    kind, body = b"text/plain; charset=utf-8", words.encode()
    if path.startswith(_API):
        kind, body = b"application/json", problem(status, words, _CODES.get(status, "invalid_value"))
    elif path.startswith("/gradio_api/"):  # where the page reads the words to show
        kind, body = b"application/json", json.dumps({"detail": words}).encode()
    headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
    if status == 429:
        headers.append((b"retry-after", str(WAIT).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_script(send: Send) -> Send:
    """Collect an HTML page and write the language script to the top of its head."""
    start: Message = {}
    body = bytearray()

    async def collect(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        page = bytes(body).replace(b"<head>", b"<head>" + _SCRIPT.encode(), 1)
        # under a sub-path, what begins with a slash is somebody else's; a page without an icon asks for /favicon.ico
        page = page.replace(b'href="/manifest.json"', b'href="manifest.json"')
        page = page.replace(b"</head>", b'<link rel="icon" href="favicon.ico"></head>', 1)
        # gradio's page names pictures on other hosts for link previews
        page = re.sub(rb'<meta\s+(?:property|name)="[^"]*"\s+content="https?://[^"]*"\s*/>', b"", page)
        headers = [(n, v) for n, v in start["headers"] if n.lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(page)).encode())]})
        await send({"type": "http.response.body", "body": page})

    return collect
