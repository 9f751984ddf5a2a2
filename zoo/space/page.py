"""Examine a static page: every file that it names is there, and it can ask no host but its own.

The folder is served as files are, the page is fetched, and what HTML, CSS and JavaScript name is followed. What a
script puts together at run time cannot be read off: manifest.json, where there is one, lists those files with size and
sha256, and each is compared; and that the page asks nobody else follows from its Content-Security-Policy, which every
browser enforces.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

OWN = re.compile(
    r"'self'|'none'|'unsafe-inline'|'unsafe-eval'|'wasm-unsafe-eval'|'strict-dynamic'|'(nonce|sha\d+)-[^']+'|data:|blob:"
)
"""Sources of a Content-Security-Policy that are no other host."""
MANIFEST = "manifest.json"
_FOLLOWED = {"text/html", "text/css", "text/javascript", "application/javascript"}
_SCRIPT = re.compile(
    r"""(?:\bfrom|\bimport|\bimport\s*\(|\bfetch\s*\(|\bnew\s+(?:Shared)?Worker\s*\(|\bnew\s+URL\s*\()"""
    r"""\s*(["'])((?:\.{0,2}/|https?://)[^"'\s]*)\1"""
)
_STYLE = re.compile(r"""(?:url\(\s*|@import\s+)(["']?)([^"')\s]+)\1""")


class _Page(HTMLParser):
    """What an HTML page names and what its policy says."""

    def __init__(self) -> None:
        super().__init__()
        self.named: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag asks for; a link that a person may follow is no request."""
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = given.get("content", "")
        wanted = ("src", "poster", "data") if tag == "a" else ("src", "poster", "data", "href")
        self.named += [given[name] for name in wanted if given.get(name)]


class _Files(SimpleHTTPRequestHandler):
    """Files as a host serves them."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".js": "text/javascript"}

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface -> its address."""

    def handler(*arguments: Any) -> _Files:
        return _Files(*arguments, directory=str(folder))

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def examine(folder: Path, page: str) -> tuple[list[str], int]:
    """Follow everything that `page` of a folder names -> (what is wrong, in words; how many files were fetched)."""
    faults: list[str] = []
    with served(folder) as url:
        listed = _listed(folder / MANIFEST, faults)
        waiting, seen = [f"{url}/{page}", *(f"{url}/{quote(name)}" for name in listed)], set()
        while waiting:
            address = waiting.pop()
            if address in seen:
                continue
            seen.add(address)
            name = unquote(urlsplit(address).path).lstrip("/")
            try:
                with urllib.request.urlopen(address, timeout=20) as reply:
                    kind, data = reply.headers.get_content_type(), reply.read()
            except (OSError, http.client.HTTPException) as error:
                faults.append(f"{name} is named but cannot be fetched: {error}")
                continue
            if name in listed and listed[name] != (len(data), hashlib.sha256(data).hexdigest()):
                faults.append(f"{name} is not the file that {MANIFEST} lists")
            if kind not in _FOLLOWED:
                continue
            named = _named(kind, data.decode("utf-8", errors="replace"), faults if name == page else None)
            for one in named:
                target = urljoin(address, one).partition("#")[0].partition("?")[0]
                if urlsplit(target).scheme in ("data", "blob", "about", "javascript", "mailto"):
                    continue
                if not target.startswith(f"{url}/"):
                    faults.append(f"{name} asks another host for {one[:120]}")
                elif not target.endswith("/"):
                    waiting.append(target)
    return faults, len(seen)


def _listed(path: Path, faults: list[str]) -> dict[str, tuple[int, str]]:
    """What a manifest lists: name -> (bytes, sha256); {} where there is none."""
    if not path.is_file():
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(name): (int(one["bytes"]), str(one["sha256"])) for name, one in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        faults.append(f"{path.name} cannot be read: {error!r}")
        return {}


def _named(kind: str, text: str, policy_faults: list[str] | None) -> list[str]:
    """What a file names. For the page itself, faults of its policy are added to `policy_faults`."""
    if kind == "text/html":
        page = _Page()
        page.feed(text)
        if policy_faults is not None:
            policy_faults += _policy_faults(page.policy)
        return page.named + [match[2] for match in _SCRIPT.finditer(text)]
    if kind == "text/css":
        return [match[2] for match in _STYLE.finditer(text)]
    return [match[2] for match in _SCRIPT.finditer(text)]


def _policy_faults(policy: str) -> list[str]:
    rules = {words[0]: words[1:] for words in (rule.split() for rule in policy.split(";")) if words}
    if "default-src" not in rules:
        return ["the page has no Content-Security-Policy with a default-src, so it may ask any host"]
    found = []
    for name, sources in rules.items():
        strangers = [source for source in sources if name.endswith("-src") and not OWN.fullmatch(source)]
        found += [f"the page's Content-Security-Policy lets {name} ask {source}" for source in strangers]
    return found
