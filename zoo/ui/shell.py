"""The page around the tabs, and how it is served."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from zoo.ui import audio, crossmodal, image, models, text, training
from zoo.ui.controls import refresh_pickers
from zoo.ui.gate import Gate
from zoo.ui.guard import GuardedBlocks
from zoo.ui.look import STYLE, theme
from zoo.ui.strings import TRANSLATIONS
from zoo.ui.strings import text as label

TABS = {
    "text": text, "image": image, "audio": audio, "crossmodal": crossmodal, "training": training, "models": models,
}  # fmt: skip

_log = logging.getLogger("zoo.ui")


def build() -> gr.Blocks:
    """The whole app. Nothing is loaded but names and cards; torch comes with the first generation."""
    with GuardedBlocks(title="Model Zoo", delete_cache=(600, 3600), analytics_enabled=False) as demo:
        gr.HTML(label("header"), elem_id="header", padding=False)
        with gr.Tabs(elem_classes="zoo-tabs"):
            for name, module in TABS.items():
                with gr.Tab(label(f"tab_{name}"), elem_id=f"tab_{name}") as tab:
                    module.build()
                refresh_pickers(tab)
    demo.queue(max_size=32, api_open=False, default_concurrency_limit=1, status_update_rate=5)
    _outlive_lost_sessions(demo)
    return demo


def _outlive_lost_sessions(demo: gr.Blocks) -> None:
    """gradio forgets the oldest sessions under a flood; a message to one of them would end its queue for all."""
    queue = demo._queue
    deliver = queue.send_message

    def send_message(event: Any, message: Any) -> None:
        try:
            deliver(event, message)
        except KeyError:
            event.alive = False

    queue.send_message = send_message


def serve(demo: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the address.

    The port is `port`, else the environment's PORT or GRADIO_SERVER_PORT, else the first free one from 7860.
    """
    given = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT")
    _, address, _ = demo.launch(
        server_port=port or (int(given) if given else None), prevent_thread_lock=True, quiet=True, show_error=False,
        max_file_size="10mb", state_session_capacity=100, enable_monitoring=False, ssr_mode=False, run_history=False,
        share=False, footer_links=["api"], theme=theme(), css_paths=STYLE, i18n=TRANSLATIONS,
        app_kwargs={"middleware": [Middleware(Gate)]},
    )  # fmt: skip
    return str(address)


def launch(demo: gr.Blocks) -> None:
    """Serve until SIGTERM or Ctrl-C; then stop accepting, give those in flight a few seconds, and exit with 0."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = serve(demo)
    print(f"The zoo is open at {address}", flush=True)
    threading.Thread(target=_watch, args=(address, stop), name="watchdog", daemon=True).start()
    stop.wait()
    demo.close(verbose=False)
    sys.stdout.flush()
    os._exit(0)  # a computation in a worker thread would hold an ordinary exit until it ended


def _watch(address: str, stop: threading.Event, every: float = 30.0, failures: int = 3) -> None:
    """Ask the server for a page and the queue for life; a deaf server exits with 70, so that the host restarts it."""
    failed = 0
    while not stop.wait(every):
        try:
            for path in ("", "gradio_api/queue/status"):
                with urllib.request.urlopen(f"{address}{path}", timeout=20) as reply:
                    reply.read()
            failed = 0
        except (OSError, urllib.error.URLError, ValueError) as error:
            failed += 1
            _log.error("the server does not answer (%d of %d): %s", failed, failures, error)
        if failed >= failures:
            os._exit(70)
