"""How soon the app answers and what memory it takes, against an app of gradio's that does nothing.

    python tests/bench/startup.py

Both are started in turn as processes of their own; the time runs until the page comes with HTTP 200. Memory is what the
process holds (resident), idle after its first page and once every tab has been used. One JSON line a figure; medians.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EMPTY = (
    "import os, gradio as gr\n"
    "with gr.Blocks(analytics_enabled=False) as demo: gr.Markdown('empty')\n"
    "demo.launch(server_port=int(os.environ['PORT']), quiet=True)\n"
)
REPEATS = 5


@contextmanager
def started(command: list[str]) -> Iterator[tuple[str, float, int]]:
    """Start a server: its address, the seconds until its page came, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                with urllib.request.urlopen(address, timeout=10) as reply:
                    reply.read()
                    break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.perf_counter() - begun > 120:
                    raise RuntimeError(f"{command} did not answer") from None
                time.sleep(0.02)
        yield address, time.perf_counter() - begun, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def megabytes(pid: int) -> float:
    """Resident memory of a process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024


def use_every_tab(address: str) -> None:
    """One result of each kind, through gradio's client."""
    from gradio_client import Client, handle_file
    from PIL import Image, ImageDraw

    client = Client(address, verbose=False)
    described: dict[str, Any] = client.view_api(return_format="dict", print_info=False)  # type: ignore[assignment]
    picture = ROOT / "build" / "seven.png"
    picture.parent.mkdir(exist_ok=True)
    page = Image.new("L", (200, 200), "white")
    ImageDraw.Draw(page).line([(40, 40), (150, 40), (80, 170)], fill=0, width=14)
    page.save(picture)
    for name in described["named_endpoints"]:
        given = described["named_endpoints"][name]["parameters"]
        values: dict[str, Any] = {}
        for parameter in given:
            if parameter["component"] in ("Image", "Sketchpad", "ImageEditor"):
                values[parameter["parameter_name"]] = handle_file(str(picture))
        wanted = [p for p in given if not p["parameter_has_default"] and p["parameter_name"] not in values]
        if any(p["component"] in ("Audio", "File", "UploadButton") for p in wanted):
            continue
        values |= {"number": "42"} if any(p["parameter_name"] == "number" for p in given) else {}
        try:
            client.predict(api_name=name, **values)
        except Exception as error:  # noqa: BLE001, an endpoint that wants more than its defaults is said and left out
            print(f"{name}: {str(error)[:100]}", file=sys.stderr)
    client.close()
    picture.unlink()


def main() -> None:
    """Start both in turn."""
    apps = {"zoo": [sys.executable, "app.py"], "empty": [sys.executable, "-c", EMPTY]}
    seconds: dict[str, list[float]] = {name: [] for name in apps}
    idle: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(REPEATS):
        for name, command in apps.items():
            with started(command) as (_, taken, pid):
                seconds[name].append(taken)
                time.sleep(1.0)
                idle[name].append(megabytes(pid))
    with started(apps["zoo"]) as (address, _, pid):
        use_every_tab(address)
        used = megabytes(pid)
    ratio = statistics.median(a / b for a, b in zip(seconds["zoo"], seconds["empty"], strict=True))
    middle = {name: round(statistics.median(values), 2) for name, values in seconds.items()}
    print(json.dumps({"name": "seconds to the first page (asked: ratio 1.2)", **middle, "ratio": round(ratio, 2)}))
    memory = {name: round(statistics.median(values)) for name, values in idle.items()}
    print(json.dumps({"name": "MB idle (asked: 200)", **memory}))
    print(json.dumps({"name": "MB after every tab was used (asked: 500)", "zoo": round(used)}))


if __name__ == "__main__":
    main()
