"""Row R22: keys and tokens that are nobody's, put where real ones lie, and looked for in all that leaves the house.

They stand in the environment of the app, of the command line and of trainings, and in the texts of errors that are
raised on purpose; then every reply, log, picture, sound, archive, card, checkpoint and run folder is searched for them,
bare, in base64 and in hex. What lies in the repository and in its history is searched for the shapes of real keys.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import random
import re
import string
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.rows import Found
from tests.hub_server import Fault, Repository, TestHub
from tests.serving import Served, served

ROOT = Path(__file__).parents[2]
_LETTERS = string.ascii_letters + string.digits
_SHAPES = re.compile(
    rb"(?<![A-Za-z0-9_-])(?:hf_[A-Za-z0-9]{30,50}|sk-[A-Za-z0-9_-]{20,200}|gh[pousr]_[A-Za-z0-9]{36}"
    rb"|github_pat_[A-Za-z0-9_]{50,100}|glpat-[A-Za-z0-9_-]{20}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}"
    rb"|xox[abprs]-[A-Za-z0-9-]{10,100}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250}"
    rb"|(?:API_KEY|TOKEN|SECRET|PASSWORD)[\"']?\s*[=:]\s*[\"']?[0-9a-f]{40}(?![0-9a-f]))"
    rb"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}"
)
_REPEATED = re.compile(rb"(.{5,}).{0,50}\1")
"""No key says five characters twice; "hf_CanaryCanary0123456789" in a test does."""
_RAISED = {"vae.beta": "RuntimeError", "mlp_gan.mnist": "KeyError", "wgan_gp.mnist": "SystemExit"}
_SAID = {"vae.faces": "OSError", "vae.conditional": "CheckpointError"}
"""Checkpoints whose loading raises errors that hold canaries: incidents, and what a visitor is told in words."""
_FIRST = """
import builtins, os
from zoo import checkpoint
from zoo.generate import library
real, words = library.opened, os.environ.pop("WORDS_OF_ERRORS")
secrets = " ".join(value for name, value in os.environ.items() if name in {names!r})
raised = {raised!r}
def opened(folder):
    if folder.name in raised:
        kind = getattr(builtins, raised[folder.name], checkpoint.CheckpointError)
        raise kind(secrets + (words if folder.name not in {said!r} else ""))
    return real(folder)
library.opened = opened
"""


def made(rng: random.Random) -> dict[str, str]:
    """Variables of the environment and a canary in each, in the shape that real ones have."""

    def drawn(count: int, letters: str = _LETTERS) -> str:
        return "".join(rng.choices(letters, k=count))

    return {
        "HF_TOKEN": f"hf_{drawn(34)}", "HUGGING_FACE_HUB_TOKEN": f"hf_{drawn(34)}", "ZOO_API_KEY": drawn(32),
        "WANDB_API_KEY": drawn(40, "0123456789abcdef"), "OPENAI_API_KEY": f"sk-{drawn(48)}",
        "GITHUB_TOKEN": f"ghp_{drawn(36)}", "AWS_SECRET_ACCESS_KEY": drawn(40), "DATABASE_PASSWORD": drawn(24),
    }  # fmt: skip


class Searcher:
    """Looks for canaries, and counts where it looked."""

    def __init__(self, canaries: dict[str, str]) -> None:
        self.forms: dict[bytes, str] = {}
        for name, value in canaries.items():
            plain = value.encode()
            forms = [plain, plain.hex().encode(), plain[::-1]]
            # base64 of a text that the canary begins at any of three places in: what does not depend on its neighbours
            forms += [base64.b64encode(bytes(shift) + plain)[4 if shift else 0 : -4] for shift in range(3)]
            self.forms |= dict.fromkeys(forms, name)
        self.pattern = re.compile(b"|".join(map(re.escape, self.forms)))
        self.places, self.found = 0, list[str]()

    def look(self, where: str, data: bytes) -> None:
        """Search bytes, and what is packed in them."""
        self.places += 1
        for view in _views(data):
            for match in self.pattern.findall(view):
                at = view.index(match)
                context = view[max(0, at - 60) : at].decode("utf-8", "replace")
                self.found.append(f"{where} holds {self.forms[match]}, after {context!r}")

    def below(self, where: str, folder: Path) -> None:
        """Search every file of a folder, and its name."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.look(f"{where}: {path.relative_to(folder)}", path.name.encode() + b"\n" + path.read_bytes())


def _views(data: bytes) -> Iterator[bytes]:
    """The bytes, the members of an archive, the deflated words of a PNG, and files in base64 within JSON."""
    yield data
    if data[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from _views(archive.read(name))
    streams = re.finditer(rb"x[\x01\x5e\x9c\xda]", data) if data[:4] == b"\x89PNG" else ()
    for start in [found.start() for found in streams]:
        try:
            yield zlib.decompressobj().decompress(data[start:], 1 << 20)
        except zlib.error:
            continue
    for text in re.findall(rb'"(?:b64_json|data)": ?"([A-Za-z0-9+/=]{100,})"', data):
        try:
            yield from _views(base64.b64decode(text))
        except binascii.Error:
            continue


def _asked(app: Served, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    """Status, and the whole reply with its headers."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    given = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(app.url + path, data, given)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, str(reply.headers).encode() + reply.read()
    except urllib.error.HTTPError as error:
        return error.code, str(error.headers).encode() + error.read()


def _called(app: Served, name: str, **given: Any) -> bytes:
    """What an endpoint of gradio's tells, to its end, and the files that it made; the rest is by default."""
    info = json.loads(_asked(app, "/gradio_api/info")[1].partition(b"\n\n")[2])
    takes = info["named_endpoints"][f"/{name}"]["parameters"]
    values = [given.get(one["parameter_name"], one.get("parameter_default")) for one in takes]
    status, begun = _asked(app, f"/gradio_api/call/{name}", {"data": values})
    event = re.search(rb'"event_id": ?"(\w+)"', begun)
    if status != 200 or event is None:
        raise AssertionError(f"/{name} answered {status}: {begun[-300:]!r}")
    _, told = _asked(app, f"/gradio_api/call/{name}/{event[1].decode()}")
    for path in {path.decode() for path in re.findall(rb'"path": ?"([^"]+)"', told)}:
        told += b"\n" + _asked(app, f"/gradio_api/file={path}")[1].partition(b"\n\n")[2]
    return told


_PAGES = (
    "/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/docs", "/openapi.json", "/v1/openapi.json", "/v1",
    "/v1/models", "/nothing", "/v1/nothing", "/gradio_api/nothing", "/theme.css", "/robots.txt", "/manifest.json",
    "/gradio_api/file=/proc/self/environ", "/file=/proc/self/environ", "/gradio_api/file=/proc/1/environ",
    "/gradio_api/file=../../../proc/self/environ", "/gradio_api/file=%2Fproc%2Fself%2Fenviron", "/gradio_api/token",
    "/gradio_api/app_id", "/monitoring", "/gradio_api/startup-events", "/gradio_api/heartbeat/nobody",
    "/gradio_api/proxy=file:///proc/self/environ", "/static/../../../../proc/self/environ", "/env", "/.env", "/debug",
)  # fmt: skip


def _app(folder: Path, canaries: dict[str, str], words: str, searcher: Searcher) -> list[str]:
    """The real app, asked for everything; returns what did not happen as it was meant to."""
    wrong = []
    first = _FIRST.format(names=set(canaries), raised=_RAISED | _SAID, said=set(_SAID))
    key = f"Bearer {canaries['ZOO_API_KEY']}"
    with served(folder, first=first, environment=canaries | {"WORDS_OF_ERRORS": words}) as app:
        for page in _PAGES:
            if "heartbeat" not in page:
                searcher.look(f"GET {page}", _asked(app, page)[1])
        pictures = {"n": 1, "seed": 3, "response_format": "b64_json"}
        asks: list[tuple[str, Any, str, int]] = [
            ("/v1/images/generations", pictures | {"model": "dcgan.mnist"}, key, 200),
            ("/v1/completions", {"prompt": "ROMEO:", "max_tokens": 5, "seed": 1}, key, 200),
            ("/v1/audio/speech", {"model": "wavenet.spoken-digits", "input": "7", "seed": 1}, key, 200),
            ("/v1/completions", {"prompt": "ROMEO:"}, "", 401),
            ("/v1/completions", {"prompt": "ROMEO:"}, key[:-1], 401),
            ("/v1/completions", {"prompt": "ROMEO:"}, f"Basic {key}", 401),
            ("/v1/completions", b"{", key, 400),
            ("/v1/completions", {"prompt": "ROMEO:", "api_key": 1}, key, 400),
            ("/v1/images/generations", pictures | {"model": "no.such"}, key, 404),
            *(("/v1/images/generations", pictures | {"model": name}, key, 500) for name in _RAISED),
            *(("/v1/images/generations", pictures | {"model": name}, key, 400) for name in _SAID),
        ]
        for path, body, authorization, wanted in asks:
            status, reply = _asked(app, path, body, authorization=authorization)
            searcher.look(f"POST {path} {str(body)[:80]}", reply)
            if status != wanted or (isinstance(body, dict) and body.get("model") in _SAID and b"(secret)" not in reply):
                wrong.append(f"{path} {str(body)[:80]} was answered {status}, not {wanted}: {reply[-200:]!r}")
        for name in ("dcgan.mnist", *_RAISED, *_SAID):
            told = _called(app, "draw_images", model=name, side=2, seed=5)
            searcher.look(f"/draw_images of {name}", told)
            wanted = b"give this number" if name in _RAISED else b"(secret)" if name in _SAID else b"event: complete"
            if wanted not in told:
                wrong.append(f"/draw_images of {name} told {told[-300:]!r}")
        searcher.look("/add_model", _called(app, "add_model", source="ada/private"))
    searcher.look("the app's log", app.log.read_bytes())
    searcher.below("the app's files", folder / "gradio")
    if (count := app.log.read_bytes().count(b"incident")) < 2 * len(_RAISED):
        wrong.append(f"the app's log tells of {count} errors that held a secret; {2 * len(_RAISED)} did")
    return wrong


_RESULTS = {
    "drawn.png": ("sample", "dcgan.mnist", "--seed", "3"),
    "answer.zip": ("ask", "hello"),
    "struck.wav": ("sample", "wavegan.drums"),
    "sung.mid": ("sample", "music_transformer.chorales"),
}
"""Files that are made on the command line."""
_COMMANDS = (
    ("show", "dcgan.mnist"), ("list", "--json"), ("show", "no.such"), ("pull", "bob/private"),
    ("pull", "ada/forbidden"), ("push", "dcgan.mnist", "--to", "bob/dcgan"),
)  # fmt: skip
_RUN = "import sys\nfrom zoo.__main__ import main\nfor line in {commands!r}:\n    main(list(line))\n"


def _ran(command: list[str], folder: Path, environment: dict[str, str]) -> bytes:
    """What a program said."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


def _command_line(folder: Path, canaries: dict[str, str], searcher: Searcher, count: int) -> list[str]:
    """Results on the disk, and the Hub's errors: one that quotes the token that it was sent."""
    server = TestHub({canaries["HF_TOKEN"]: "ada"})
    server.repositories["bob/private"] = Repository(private=True)
    quoted = f"the token {canaries['HF_TOKEN']} (Authorization: Bearer {canaries['HF_TOKEN']}) is not for this"
    server.faults.append(Fault("ada/forbidden", "status", 403, message=quoted, headers={"X-Error-Message": quoted}))
    environment = {
        **os.environ, **canaries, "HF_ENDPOINT": server.url, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1,localhost",
    }  # fmt: skip
    asked = dict(list(_RESULTS.items())[:count])
    commands = (*((*command, "--out", name) for name, command in asked.items()), *_COMMANDS)
    said = _ran([sys.executable, "-c", _RUN.format(commands=commands)], folder / "results", environment)
    server.shutdown()
    searcher.look("the command line", said)
    searcher.below("results", folder / "results")
    found = {path.name for path in (folder / "results").iterdir()}
    if found == set(asked):
        return []
    return [f"of {sorted(asked)} there are {sorted(found)}: {said[-1500:].decode(errors='replace')}"]


def _trainings(folder: Path, canaries: dict[str, str], searcher: Searcher, count: int) -> list[str]:
    """Whole trainings: their folders, logs, states, checkpoints and cards."""
    wrong = []
    environment = {
        **os.environ, **canaries, "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "PYTHONPATH": str(ROOT),
        "HF_HOME": str(folder / "hf"),
    }  # fmt: skip
    for name in ("vae", "gpt")[:count]:
        run = folder / f"run-{name}"
        command = [sys.executable, "-m", "tests.faults.trainings", name, "--preset", "tiny", "--cpu", "--out", str(run)]
        said = _ran([*command, "--no-measure"], folder / "training", environment)
        searcher.look(f"what a training of {name} said", said)
        searcher.below(f"a training of {name}", run)
        if not list(run.rglob("model.safetensors")):
            wrong.append(f"{name} was not trained: {said[-1500:].decode(errors='replace')}")
    return wrong


def shapes(data: bytes) -> list[str]:
    """What in these bytes is shaped as a real key is, cut short."""
    found = []
    for match in _SHAPES.findall(data):
        if match.startswith(b"-----BEGIN") or not _REPEATED.search(match):
            found.append(f"{match[:12].decode()}... ({len(match)} characters)")
    return found


def _tracked() -> tuple[int, list[str]]:
    """The files that are tracked, as they stand."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    files = [ROOT / os.fsdecode(name) for name in names if name]
    files = [path for path in files if path.is_file()]
    found = [f"{path.relative_to(ROOT)} holds {one}" for path in files for one in shapes(path.read_bytes())]
    return len(files), found


def _history() -> tuple[int, list[str]]:
    """Every commit and every file that was ever in one, of all branches."""
    listed = subprocess.run(["git", "rev-list", "--objects", "--all"], cwd=ROOT, capture_output=True, check=True).stdout
    names = dict(line.partition(b" ")[::2] for line in listed.splitlines())
    reader = subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    assert reader.stdin and reader.stdout
    found = []
    for name, path in names.items():
        reader.stdin.write(name + b"\n")
        reader.stdin.flush()
        _, kind, size = reader.stdout.readline().split()
        data = reader.stdout.read(int(size) + 1)
        if kind != b"tree":
            found += [f"{kind.decode()} {name[:12].decode()} {path.decode()} holds {one}" for one in shapes(data)]
    reader.stdin.close()
    reader.wait()
    return len(names), found


def sought(folder: Path, rng: random.Random, *, results: int, trainings: int, history: int) -> Found:
    """So many results of the command line and trainings; `history` 0 looks at the files that are tracked now alone."""
    canaries = made(rng)
    words = f"words-of-an-error-{''.join(rng.choices(_LETTERS, k=24))}"
    searcher = Searcher(canaries | {"the words of an incident": words})
    searcher.look("the control", b"x" + canaries["HF_TOKEN"].encode())
    searcher.look("the control", base64.b64encode(b'{"token": "' + canaries["WANDB_API_KEY"].encode() + b'"}'))
    failures = [] if len(searcher.found) == 2 else ["canaries that were laid on purpose were not found"]
    searcher.found.clear()
    for name in ("app", "results"):
        (folder / name).mkdir()
    failures += _app(folder / "app", canaries, words, searcher)
    failures += _command_line(folder, canaries, searcher, results)
    failures += _trainings(folder, canaries, searcher, trainings)
    fake = f"HF_TOKEN={canaries['HF_TOKEN']}".encode()
    failures += [] if shapes(fake) else ["a key that was laid on purpose has no shape of one"]
    count, held = _history() if history else _tracked()
    found = list(dict.fromkeys(searcher.found)) + held
    place = "objects of the history" if history else "tracked files"
    figure = f"{len(found)} found in {searcher.places:,} replies and files and {count:,} {place}"
    return Found(figure, failures + found, {"canaries": sorted(canaries)})
