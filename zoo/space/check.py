"""Examine a Space before it is uploaded: its front matter, its requirements, and a start as its host would start it.

`check` builds the folder in a temporary place and runs its app in a clean room (`zoo.space.room`) with SYSTEM and
SPACE_ID set; with `zero_gpu` also with what ZeroGPU sets, and a small service in the place of the one that lends its
devices there. It waits for the first page and calls an endpoint of each modality. A static Space is served as files.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from zoo.config import suggestion
from zoo.entry import (
    AUDIO_CLASSIFICATION,
    AUDIO_GENERATION,
    IMAGE_CLASSIFICATION,
    NOTE_GENERATION,
    SOUND_GENERATION,
    TEXT_TO_SPEECH,
    VOCODING,
)
from zoo.generate import library
from zoo.space import ENDPOINT, STATIC, Built, SpaceError, build
from zoo.space import page as static_page
from zoo.space.room import PYTHON, Room, prepare, requirements

FIELDS = (
    "title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "app_port",
    "base_path", "fullWidth", "header", "license", "short_description", "models", "datasets", "tags", "thumbnail",
    "pinned", "suggested_hardware", "suggested_storage", "hf_oauth", "hf_oauth_scopes", "hf_oauth_expiration_minutes",
    "disable_embedding", "startup_duration_timeout", "custom_headers", "preload_from_hub",
)  # fmt: skip
"""What the front matter of a Space may say."""
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LONGEST_DESCRIPTION = 60
NEEDED = ("gradio", "spaces")
"""Without `spaces`, ZeroGPU has no decorator, and `import spaces` finds any folder of that name."""
PATIENCE = 180.0
"""Seconds that an app may take to its first page, and a sample to come."""
PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("write_text", {"model": "gpt.shakespeare", "prompt": "ROMEO:", "length": 40, "seed": 1}),
    "image": ("draw_images", {"model": "dcgan.mnist", "side": 2, "seed": 1}),
    "audio": ("speak_digits", {"digits": "7", "seed": 1}),
    "crossmodal": ("from_text", {"number": "7", "seed": 1}),
}
"""One endpoint of each modality and its values; `all` has the four."""
NO_SEED = 1.5
"""Refused where the computing is done, be that another process; its words must reach the caller all the same."""


class _Unanswered(SpaceError):
    """A sample did not come; the app's log may say why."""


@dataclass
class Report:
    """What was found.

    `seconds` run to the first HTTP 200, or to the handler of an endpoint; `idle` and `used` are resident megabytes
    before and after the samples; `samples` says what each endpoint answered and how long it took.
    """

    name: str
    megabytes: float
    files: int
    environment: str
    seconds: float | None = None
    idle: float | None = None
    used: float | None = None
    samples: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def __str__(self) -> str:
        measured = [f"{self.megabytes:.1f} MB in {self.files} files", self.environment]
        if self.seconds is not None:
            measured.append(f"ready after {self.seconds:.1f} s")
        if self.idle is not None:
            measured.append(f"{self.idle:.0f} MB idle")
        if self.used is not None:
            measured.append(f"{self.used:.0f} MB after the samples")
        lines = [f"{self.name}: {'ok' if self.ok else 'FAILED'} · {' · '.join(measured)}"]
        lines += [f"  {endpoint}: {what}" for endpoint, what in self.samples.items()]
        return "\n".join([*lines, *(f"  fault: {fault}" for fault in self.faults)])


def check(name: str, *, fresh: bool = False, zero_gpu: bool = False, model: str = "") -> Report:
    """Build one Space (see `zoo.space.build`) in a temporary folder and examine it. Raises SpaceError."""
    with tempfile.TemporaryDirectory(prefix="zoo-space-") as scratch:
        return examine(build(name, Path(scratch) / name, model=model), fresh=fresh, zero_gpu=zero_gpu)


def examine(built: Built, *, fresh: bool = False, zero_gpu: bool = False) -> Report:
    """Examine a built folder; nothing is written into it but what its app writes."""
    report = Report(built.name, built.bytes / 1e6, built.files, "static")
    if built.name != ENDPOINT:
        report.faults += front_matter_faults(built.folder)
    if (built.folder / "spaces").exists():
        report.faults.append("the folder holds `spaces/`, which hides Hugging Face's own package `spaces`")
    if built.name in STATIC:
        faults, fetched = static_page.examine(built.folder, "index.html")
        report.faults += faults
        report.samples["index.html"] = f"it and what it names: {fetched} files, all from here"
        return report
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as scratch, ExitStack() as stack:
        try:
            asked = requirements(built.folder)
            if built.name != ENDPOINT:
                lacking = [name for name in NEEDED if name not in {one.name for one in asked}]
                report.faults += [f"requirements.txt lacks {name}" for name in lacking]
            room = prepare(asked, Path(scratch), fresh=fresh)
        except SpaceError as error:
            report.faults.append(str(error))
            return report
        report.environment = room.words
        if built.name == ENDPOINT:
            _examine_endpoint(built, room, report)
            return report
        if zero_gpu and "torch" in {one.name for one in asked} and not Path("/proc/driver/nvidia").exists():
            report.faults.append("torch on ZeroGPU looks for a GPU; --zero-gpu wants one here for this Space")
            return report
        devices = stack.enter_context(_devices()) if zero_gpu else None
        _examine_app(built, room, report, devices)
    return report


def front_matter_faults(folder: Path) -> list[str]:
    """What is wrong with the README's front matter, in words; [] when nothing is."""
    from huggingface_hub import SpaceCard
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        card = SpaceCard(text).data.to_dict()
    except (OSError, ValueError, YAMLError) as error:
        return [f"README.md has no front matter that can be read: {' '.join(str(error).split())}"]
    sdk = card.get("sdk")
    needed = ["title", "emoji", "colorFrom", "colorTo", "sdk", "license", "short_description", "tags"]
    needed += ["app_file"] + (["sdk_version", "python_version"] if sdk == "gradio" else [])
    found = [f"the front matter lacks {key}" for key in needed if card.get(key) in (None, "", [])]
    found += [
        f"the front matter has an unknown field {key!r}{suggestion(key, FIELDS)}" for key in card.keys() - {*FIELDS}
    ]
    found += [
        f"{key} is {card[key]!r}; allowed are {', '.join(COLOURS)}"
        for key in ("colorFrom", "colorTo")
        if key in card and card[key] not in COLOURS
    ]
    if sdk not in ("gradio", "static"):
        found.append(f"sdk is {sdk!r}; the Spaces here are gradio or static")
    if len(str(card.get("short_description", ""))) > LONGEST_DESCRIPTION:
        given = len(card["short_description"])
        found.append(f"short_description has {given} characters; at most {LONGEST_DESCRIPTION} are allowed")
    emoji = str(card.get("emoji", ""))
    if emoji.isascii() or len(emoji) > 8:
        found.append(f"emoji is {emoji!r}, which is no emoji")
    for key in ("tags", "models"):
        if not all(isinstance(one, str) for one in card.get(key) or []):
            found.append(f"{key} is {card[key]!r}; a list of words is wanted")
    for one in card.get("models") or []:
        if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", str(one), re.ASCII):
            found.append(f"models names {one!r}, which is no Hub id such as user/name")
    if sdk == "gradio" and str(card.get("python_version")) != PYTHON:
        found.append(f"python_version is {card.get('python_version')!r}; ZeroGPU and the zoo both run {PYTHON!r}")
    if sdk == "gradio" and not re.fullmatch(r"\d+\.\d+\.\d+", str(card.get("sdk_version"))):
        found.append(f"sdk_version is {card.get('sdk_version')!r}; a whole version such as 6.31.0 is wanted")
    elif sdk == "gradio":
        found += _sdk_faults(folder, str(card["sdk_version"]))
    if card.get("app_file") and not (folder / str(card["app_file"])).is_file():
        found.append(f"app_file is {card['app_file']!r}, which is not there")
    return found


def _sdk_faults(folder: Path, version: str) -> list[str]:
    try:
        asked = [one for one in requirements(folder) if one.name == "gradio"]
    except SpaceError:
        return []  # said where the packages are looked for
    return [
        f"sdk_version is {version}, but requirements.txt wants {one}" for one in asked if version not in one.specifier
    ]


def _examine_app(built: Built, room: Room, report: Report, devices: Devices | None) -> None:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = room.environment | {
        "SYSTEM": "spaces", "SPACE_ID": f"somebody/{built.name}", "SPACE_AUTHOR_NAME": "somebody",
        "SPACE_REPO_NAME": built.name, "SPACE_HOST": f"somebody-{built.name}.hf.space", "PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_TEMP_DIR": f"{room.environment['TMPDIR']}/gradio",
    }  # fmt: skip
    if devices is not None:
        environment |= {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": devices.url}
    with tempfile.TemporaryFile() as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            [*room.command, "app.py"],
            cwd=built.folder,
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not _answers(url):
                if process.poll() is not None:
                    raise SpaceError(f"the app died with exit code {process.returncode}: {_last_words(log)}")
                if time.monotonic() - begun > PATIENCE:
                    raise SpaceError(f"there is no page after {PATIENCE:.0f} seconds: {_last_words(log)}")
                time.sleep(0.05)
            report.seconds = time.monotonic() - begun
            report.idle = _megabytes(process.pid)
            for kind in PROBES if built.name == "all" else (built.name,):
                _probe(url, *PROBES[kind], report)
                _probe_refusal(url, *PROBES[kind])
            report.used = _megabytes(process.pid)
            if devices is not None:
                report.samples["ZeroGPU"] = f"{devices.lent} calls got a device"
                if not devices.reported or not devices.lent:
                    report.faults.append("no function asked ZeroGPU for a device; a Space without one is stopped there")
        except _Unanswered as error:
            report.faults += [str(error), f"its log ends so: {_last_words(log)}"]
        except SpaceError as error:
            report.faults.append(str(error))
        finally:
            _stop(process, report)
            with suppress(ProcessLookupError):  # the workers that ZeroGPU forked outlive the app
                os.killpg(process.pid, signal.SIGKILL)


_TOOLKIT = """
import importlib.util, json, sys, time
sys.path.insert(0, sys.argv[1])
begun = time.monotonic()
spec = importlib.util.spec_from_file_location("handler.EndpointHandler", sys.argv[1] + "/handler.py")
module = importlib.util.module_from_spec(spec)
sys.modules["handler.EndpointHandler"] = module
spec.loader.exec_module(module)
handler = module.EndpointHandler(sys.argv[1])
loaded = time.monotonic() - begun
answer = handler(json.loads(sys.argv[2]))
rss = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))) / 1000
print(json.dumps({"seconds": loaded, "megabytes": rss, "answer": json.dumps(answer)[:200]}))
"""
"""A program: load handler.py as the Inference Toolkit does, and ask it once."""


def _examine_endpoint(built: Built, room: Room, report: Report) -> None:
    model = built.checkpoints[0]
    inputs = {"inputs": _inputs_for(library.does(library.config_of(model)))}
    done = subprocess.run(
        [*room.command, "-c", _TOOLKIT, str(built.folder), json.dumps(inputs)],
        cwd=room.environment["HOME"], env=room.environment, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    if done.returncode:
        report.faults.append(f"the handler failed: {' '.join(done.stderr.split())[-400:]}")
        return
    found = json.loads(done.stdout.splitlines()[-1])
    report.seconds, report.used = found["seconds"], found["megabytes"]
    report.samples[model] = found["answer"]


def _inputs_for(tasks: Sequence[str]) -> str:
    """Something that a checkpoint of these tasks can answer to: a picture or a sound in base64, or words."""
    data = io.BytesIO()
    if IMAGE_CLASSIFICATION in tasks:
        picture = Image.new("L", (64, 64), 255)
        picture.paste(0, (28, 8, 36, 56))
        picture.save(data, "PNG")
    elif {AUDIO_CLASSIFICATION, VOCODING} & set(tasks):
        times = np.arange(4000) / 8000
        with wave.open(data, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes((12000 * np.sin(2 * np.pi * 300 * times)).astype("<i2").tobytes())
    words = {AUDIO_GENERATION: "7", NOTE_GENERATION: "C4", SOUND_GENERATION: "rock", TEXT_TO_SPEECH: "Hello."}
    said = next((word for task, word in words.items() if task in tasks), "")
    return base64.b64encode(data.getvalue()).decode() if data.tell() else said


def _ask(url: str, endpoint: str, values: dict[str, Any]) -> tuple[str, str]:
    """Call an endpoint as any program may, over plain HTTP -> how it ended ("complete", "error") and what it said."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/gradio_api/call/v2/{endpoint}", json.dumps(values).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            event = json.load(reply)["event_id"]
        with urllib.request.urlopen(f"{url}/gradio_api/call/{endpoint}/{event}", timeout=PATIENCE) as reply:
            last = reply.read().decode().strip().rpartition("event: ")[2]
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise _Unanswered(f"{endpoint} did not answer as it should: {error}") from error
    kind, _, data = last.partition("\ndata: ")
    return kind, data


def _probe(url: str, endpoint: str, values: dict[str, Any], report: Report) -> None:
    """Generate one sample and look at what comes. Raises _Unanswered."""
    begun = time.monotonic()
    kind, data = _ask(url, endpoint, values)
    if kind != "complete":
        raise _Unanswered(f"{endpoint} says {kind}: {data[:300]}")
    seen = [_seen(value) for value in json.loads(data)]
    if not any(seen):
        raise _Unanswered(f"{endpoint} answered with nothing: {data[:300]}")
    report.samples[endpoint] = f"{', '.join(filter(None, seen))}; {time.monotonic() - begun:.2f} s"


def _probe_refusal(url: str, endpoint: str, values: dict[str, Any]) -> None:
    """A wrong value must be refused with words that repeat it. Raises _Unanswered."""
    kind, data = _ask(url, endpoint, values | {"seed": NO_SEED})
    if kind != "error" or str(NO_SEED) not in data:
        raise _Unanswered(f"{endpoint}, given the seed {NO_SEED}, does not refuse it in words: {kind}, {data[:300]}")


def _seen(value: Any) -> str:
    """A value of an answer in short: the kind and size of the file that it names, or its first words."""
    if isinstance(value, dict) and isinstance(value.get("url"), str):
        with urllib.request.urlopen(value["url"], timeout=PATIENCE) as reply:
            data = reply.read()
        kinds = {b"\x89PNG": "PNG", b"RIFF": "WAV", b"GIF8": "GIF"}
        kind = next((kind for magic, kind in kinds.items() if data.startswith(magic)), "text")
        return f"{kind} of {len(data):,} bytes" if data else ""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    return ""


def _stop(process: subprocess.Popen[bytes], report: Report) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        report.faults.append("the app did not stop within 20 seconds of SIGTERM")
        return
    if code:
        report.faults.append(f"the app ended with exit code {code} on SIGTERM")


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    return " ".join(log.read().decode(errors="replace").split())[-600:] or "it said nothing"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _megabytes(pid: int) -> float | None:
    """Resident memory of a process and its children, in MB; None where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    own = int(found[1]) / 1000 if found else 0.0
    return own + sum(_megabytes(int(child)) or 0.0 for child in children)


class Devices(ThreadingHTTPServer):
    """The service of a ZeroGPU host that lends devices, as far as the package `spaces` asks it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Lender)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.reported = False
        self.lent = 0


class _Lender(BaseHTTPRequestHandler):
    server: Devices

    def do_POST(self) -> None:
        """Answer a request: a report at the start, then for each call schedule, allow and release."""
        path = urlsplit(self.path).path
        answer: dict[str, Any] = {}
        if path == "/startup-report":
            self.server.reported = True
        elif path == "/schedule":
            self.server.lent += 1
            answer = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": str(self.server.lent)}
        elif path not in ("/allow", "/release"):
            self.send_error(404)
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def _devices() -> Iterator[Devices]:
    with Devices() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
