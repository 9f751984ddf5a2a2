"""Runs zoo.hub in a process of its own, for huggingface_hub reads its environment once, when it is imported.

Reads one JSON request a line ({"call", "arguments", "environment", "pretrained"}; "release" calls
`zoo.release.push`, anything else a function of zoo.hub) and answers each with one line of
JSON: "value", or "error" (its class) and "message"; and "log", the lines that a person would see. The client's waits
between its own retries are cut short unless the environment has HUB_CLIENT_WAITS; everything else is the real client
over HTTP.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from zoo import hub, release


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    hub.PRETRAINED = Path(request["pretrained"])
    before = dict(os.environ)
    os.environ.update(request["environment"])
    try:
        call = release.push if request["call"] == "release" else getattr(hub, request["call"])
        value = call(**request["arguments"])
        plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        return {"value": plain, "words": str(value)}
    except (OSError, ValueError) as error:
        return {"error": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
    finally:
        os.environ.clear()
        os.environ.update(before)


def main() -> None:
    """Answer requests until stdin ends."""
    pause = time.sleep
    if "HUB_CLIENT_WAITS" not in os.environ:
        time.sleep = lambda seconds: pause(min(float(seconds), 0.01))
    lines = _Lines()
    logging.getLogger().addHandler(lines)
    logging.getLogger().setLevel(logging.INFO)
    for name in ("zoo", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        lines.lines.clear()
        reply = _answer(json.loads(line)) | {"log": list(lines.lines)}
        print(json.dumps(reply, default=str), file=out, flush=True)


if __name__ == "__main__":
    main()
