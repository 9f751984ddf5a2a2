"""The page around the tabs, and how it is served."""

from __future__ import annotations

import faulthandler
import importlib.util
import logging
import os
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from zoo import runtime
from zoo.config import suggestion
from zoo.ui import api, audio, crossmodal, files, guard, image, line, models, text, training
from zoo.ui.controls import refresh_pickers
from zoo.ui.gate import Gate, addressed
from zoo.ui.guard import MAX_STEP, GuardedBlocks, longest_step
from zoo.ui.look import STYLE, theme
from zoo.ui.strings import TRANSLATIONS
from zoo.ui.strings import text as label

TABS = {
    "text": text, "image": image, "audio": audio, "crossmodal": crossmodal, "training": training, "models": models,
}  # fmt: skip

LAST = 4.0
"""Seconds that a computation has when the app is told to stop. With what follows it stays below the 10 seconds after
which hosts kill."""
MCP_WANTED = "ZOO_MCP wants the package mcp, version 1: pip install 'mcp>=1.21,<2'"

_log = logging.getLogger("zoo.ui")


def build(tabs: Sequence[str] = tuple(TABS)) -> gr.Blocks:
    """The app with the given tabs, in that order. Nothing is loaded but names and cards.

    Raises ValueError for a name that is no tab, for a tab named twice, and for none at all.
    """
    for name in tabs:
        if name not in TABS:
            raise ValueError(f"no tab is named {name!r}{suggestion(str(name), TABS)}")
    if not tabs or len(set(tabs)) != len(tabs):
        raise ValueError(f"tabs is {tuple(tabs)!r}; name one or more of {', '.join(TABS)}, each once")
    kept = files.SWEPT_SECONDS, files.KEPT_SECONDS
    with GuardedBlocks(title="Model Zoo", delete_cache=kept, analytics_enabled=False) as demo:
        gr.HTML(label("header"), elem_id="header", padding=False)
        with gr.Tabs(elem_classes="zoo-tabs"):
            for name in tabs:
                with gr.Tab(label(f"tab_{name}"), elem_id=f"tab_{name}") as tab:
                    TABS[name].fill(demo)
                refresh_pickers(tab)
        gr.HTML(label("privacy"), elem_id="privacy", padding=False)
    demo.queue(api_open=False, default_concurrency_limit=1, status_update_rate=5)
    line.mind(demo)
    return demo


def serve(demo: gr.Blocks, *, host: str | None = None, port: int | None = None, root_path: str | None = None) -> str:
    """Start serving in the background and return the address.

    The port is `port`, else the environment's PORT or GRADIO_SERVER_PORT, else the first free one from 7860; the
    address to listen on is `host`, else GRADIO_SERVER_NAME, else this machine alone. Behind a proxy, `root_path` (else
    GRADIO_ROOT_PATH) is the path, or the whole address, under which visitors see the page. Raises ValueError for a
    port or a root path that cannot be one, OSError when the port is taken.
    """
    given = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT")
    if port is None and given:
        if not given.isascii() or not given.isdigit():
            raise ValueError(f"the environment's PORT or GRADIO_SERVER_PORT is {given[:40]!r}, which is no port")
        port = int(given)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"the port is {port}; allowed are 1 to 65535")
    root = (os.environ.get("GRADIO_ROOT_PATH", "") if root_path is None else root_path).rstrip("/")
    if root and not re.fullmatch(r"(https?://[^/\s]+)?(/[^/\s]+)*", root):
        raise ValueError(f"the root path is {root[:80]!r}; allowed are a path such as /zoo, or https://example.org/zoo")
    _, address, _ = demo.launch(
        server_name=host, server_port=port, root_path=root, prevent_thread_lock=True, quiet=True, show_error=False,
        max_file_size="10mb", state_session_capacity=100, enable_monitoring=False, ssr_mode=False, run_history=True,
        share=False, footer_links=["api"], theme=theme(), css_paths=STYLE, i18n=TRANSLATIONS,
        app_kwargs={"middleware": [Middleware(Gate)], "routes": api.routes(), "openapi_url": None},
        mcp_server=_speaks_mcp(),
    )  # fmt: skip
    if demo.mcp_error:
        _log.error("no MCP server is offered: %s. %s", demo.mcp_error, MCP_WANTED)
    server: Any = demo.server
    server.config.loaded_app = addressed(server.config.loaded_app)
    server.config.ws_protocol_class = None  # no page has one, and uvicorn's never answers an upgrade by PATCH
    files.forget_in_time()
    return str(address)


def _speaks_mcp() -> bool:
    """Whether ZOO_MCP asks for an MCP server and the package for it is there; without it the page is served alone."""
    if os.environ.get("ZOO_MCP", "").lower() not in ("1", "true", "yes", "on"):
        return False
    if importlib.util.find_spec("mcp") is None:
        _log.error("no MCP server is offered. %s", MCP_WANTED)
        return False
    return True


def launch(demo: gr.Blocks, *, host: str | None = None, port: int | None = None, root_path: str | None = None) -> None:
    """Serve (see `serve`) until SIGTERM or Ctrl-C; then let what computes end within a few seconds, tell everyone else
    to come back, and exit with 0."""
    runtime.share_memory()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = serve(demo, host=host, port=port, root_path=root_path)
    print(f"The zoo is open at {address}", flush=True)
    threading.Thread(target=_watch, args=(address, stop), name="watchdog", daemon=True).start()
    stop.wait()
    _farewell(demo)
    demo.close(verbose=False)
    sys.stdout.flush()
    os._exit(0)  # a computation in a worker thread would hold an ordinary exit until it ended


def _farewell(demo: gr.Blocks) -> None:
    """Wait until everyone in flight has a result or the words to come back, for LAST seconds and a few more at most."""
    guard.close(LAST)
    ends = time.monotonic() + LAST + 2
    while (line.occupied(demo) or api.occupied()) and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(0.5)  # the last words are on their way


def _watch(
    address: str, stop: threading.Event, every: float = 30.0, failures: int = 3, patience: float = 20.0,
    longest: float = MAX_STEP, starved: float = 300.0,
) -> None:  # fmt: skip
    """Look every so many seconds whether the server serves: a deaf one exits, so that the host restarts it.

    It exits with 70 when it did not answer with a page and the queue's life so many times in a row, each within
    `patience` seconds, or when a step of a handler takes longer than `longest`. Where not even this thread comes to
    its turn for `starved` seconds, as when native code keeps the interpreter's lock, the process ends with 1.
    """
    failed = 0
    asked = ("", "gradio_api/queue/status")
    while True:
        faulthandler.dump_traceback_later(starved, exit=True)  # unless this is done again
        if stop.wait(every):
            break
        try:
            for path in asked:
                with urllib.request.urlopen(f"{address}{path}", timeout=patience) as reply:
                    reply.read()
            failed = 0
        except (OSError, urllib.error.URLError, ValueError) as error:
            failed += 1
            _log.error("the server does not answer (%d of %d): %s", failed, failures, error)
        if longest_step() > longest:
            _log.error("a handler is stuck: nothing came of it for %.0f seconds", longest)
            failed = failures
        if failed >= failures:
            os._exit(70)
    faulthandler.cancel_dump_traceback_later()
