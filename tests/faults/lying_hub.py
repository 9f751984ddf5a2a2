"""Row R12: a Hub that lies, met by the real client over HTTP with its real waits, and what is on the disk after."""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.rows import Found
from tests.peak import peak

sys.path.insert(0, str(Path(__file__).parents[1]))
from hub_server import Blob, Fault, TestHub
from test_hub import CANARY, Client, hashes, place, write_checkpoint

SECONDS = 5.0
"""Longest that anybody may wait for right bytes or a message."""
GIVEN_UP = 15.0
"""Seconds after which a client that says nothing is killed."""
API, HEAD, BYTES = "GET /api/models/", "HEAD /ada/", "GET .*/(cdn|resolve-cache)/"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
CACHE = ("home/hf/hub/models--ada--", "home/hf/hub/.locks/models--ada--", "home/hf/assets/zoo/ada--")
"""Where what is pulled belongs, and the record of it."""
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Scene:
    """What a lie is told with: the Hub, another host, a repository with a checkpoint in it, and a place to write to."""

    hub: TestHub
    stranger: TestHub
    repo: str
    made: Path
    outside: Path

    def commit(self) -> str:
        return self.hub.repositories[self.repo].branches["main"]

    def tree(self) -> dict[str, Blob]:
        return self.hub.repositories[self.repo].commits[self.commit()].tree

    def listing(self) -> dict[str, Any]:
        """What the Hub records of the repository, as the client is told it."""
        files = [
            {"rfilename": name, "size": len(blob.data), "blobId": blob.git_oid}
            | ({"lfs": {"sha256": blob.sha256, "size": len(blob.data), "pointerSize": 130}} if blob.large else {})
            for name, blob in self.tree().items()
        ]
        return {"id": self.repo, "sha": self.commit(), "private": False, "tags": [], "siblings": files}


Lie = Callable[[Scene, random.Random], list[Fault]]


def _one(where: str, kind: Any, **more: Any) -> Lie:
    return lambda scene, rng: [Fault(where, kind, **more)]


def _at(*places: str) -> tuple[str, ...]:
    return tuple(f"{BYTES}.*/{name}" if name in (CONFIG, WEIGHTS) else name for name in places)


def _listed(change: Callable[[Scene, random.Random, dict[str, Any]], Any]) -> Lie:
    """A listing that is changed: in place, or another one that is given back."""

    def lie(scene: Scene, rng: random.Random) -> list[Fault]:
        listing = scene.listing()
        changed = change(scene, rng, listing)
        body = json.dumps(listing if changed is None else changed).encode()
        return [Fault(API, "status", 200, JSON, body=body)]

    return lie


def _said(data: bytes, **headers: str) -> Lie:
    """A listing that is these bytes."""
    return _one(API, "status", status=200, headers=JSON | headers, body=data)


def _head(name: str, after: int, **headers: str) -> Lie:
    """The second, or the first, answer about a file has these headers; "OUTSIDE" in them is a path out of the cache."""

    def lie(scene: Scene, rng: random.Random) -> list[Fault]:
        told = {
            key.replace("_", "-"): value.replace("OUTSIDE", str(scene.outside)).replace("COMMIT", scene.commit())
            for key, value in headers.items()
        }
        where = f"HEAD .*/{name}"
        return [Fault(where, "altered", headers=told, after=after)]

    return lie


def _elsewhere(method: str, name: str) -> Lie:
    """Sent to another host, which has the same names and other bytes."""

    def lie(scene: Scene, rng: random.Random) -> list[Fault]:
        oid = scene.tree()[name].etag
        headers = {
            "Location": f"{scene.stranger.url}/{scene.repo}/resolve/{scene.commit()}/{name}",
            "X-Repo-Commit": scene.commit(), "ETag": f'"{oid}"', "X-Linked-Etag": f'"{oid}"',
        }  # fmt: skip
        return [Fault(f"{method} .*/{name}", "status", 302, headers)]

    return lie


def _moved(scene: Scene, rng: random.Random) -> list[Fault]:
    """The commit's own file is another one by the time it is asked for."""
    tree = scene.tree()
    listing = json.dumps(scene.listing()).encode()
    data = bytearray(tree[WEIGHTS].data)
    data[rng.randrange(len(data))] ^= 0x10
    tree[WEIGHTS] = Blob(bytes(data), True)
    return [Fault(API, "status", 200, JSON, body=listing)]


def _overtaken(scene: Scene, rng: random.Random) -> list[Fault]:
    """Somebody pushes between the listing and the download, which is no lie: the listed commit is what comes."""
    listing = json.dumps(scene.listing()).encode()
    place(scene.hub, scene.repo, scene.made, **{"README.md": b"# pushed in the meantime\n"})
    return [Fault(API, "status", 200, JSON, body=listing)]


def _named(name: str) -> Lie:
    def change(scene: Scene, rng: random.Random, listing: dict[str, Any]) -> None:
        there = name.replace("OUTSIDE", str(scene.outside))
        listing["siblings"].append({"rfilename": there, "size": 2, "blobId": Blob(b"{}", False).git_oid})
        scene.tree()[there] = Blob(b"{}", False)

    return _listed(change)


def _of_config(**record: Any) -> Lie:
    def change(scene: Scene, rng: random.Random, listing: dict[str, Any]) -> None:
        next(file for file in listing["siblings"] if file["rfilename"] == CONFIG).update(record)

    return _listed(change)


def _many(scene: Scene, rng: random.Random, listing: dict[str, Any]) -> None:
    oid = Blob(b"x", False).git_oid
    listing["siblings"] += [{"rfilename": f"samples/{n}.json", "size": 1, "blobId": oid} for n in range(150_000)]


def _huge(size: int) -> Lie:
    def change(scene: Scene, rng: random.Random, listing: dict[str, Any]) -> None:
        file = next(file for file in listing["siblings"] if file["rfilename"] == WEIGHTS)
        file["size"] = file["lfs"]["size"] = size

    return _listed(change)


_DEEP = b"[" * 2_000_000 + b"]" * 2_000_000
_ENCODED = {"Content-Encoding": "gzip"}
_BOMB = gzip.compress(b'{"id": "' + b"a" * 200_000_000 + b'"}', 6)
"""200 MB in 200 KB."""
_REFUSALS = {401: "", 403: "", 404: "RepoNotFound", 418: "", 402: ""}

WAYS: dict[str, list[Lie]] = {
    "wrong bytes of the right length": [_one(where, "corrupt") for where in _at(CONFIG, WEIGHTS)],
    "half a body as if it were all": [_one(where, "short") for where in _at(CONFIG, WEIGHTS, API)],
    "a body that breaks off": [_one(where, "truncate") for where in _at(CONFIG, WEIGHTS, API)],
    "a file that is other than listed": [
        *(_head(name, after, X_Linked_Etag=f'"{"0" * n}"', ETag=f'"{"0" * n}"')
          for name, n in ((CONFIG, 40), (WEIGHTS, 64)) for after in (0, 1)),
        _head(WEIGHTS, 0, X_Linked_Size="7"),
    ],
    "sent to another host": [_elsewhere(method, name) for method in ("HEAD", "GET") for name in (CONFIG, WEIGHTS)],
    "sent round and round": [
        _one(where, "status", status=302, headers={"Location": "/ada/round/resolve/main/config.json"})
        for where in (API, HEAD, "GET /ada/round|" + BYTES)
    ],
    "names that lead out": [
        *map(_named, ("../escaped.json", "OUTSIDE/escaped.json", "samples/../../../../escaped.json", "a\\..\\b.json",
                      "C:escaped.json", "samples/\x00.json", "x" * 5000 + ".json", "zoo/../../escaped.json", "~/e.json",
                      ".../escaped.json", "samples//escaped.json", "./escaped.json", "samples/escaped.json/")),
    ],
    "etags and commits that lead out": [
        *(_head(CONFIG, after, **{key: f'"{value}"'})
          for after in (0, 1, 2, 3) for key in ("ETag", "X_Linked_Etag")
          for value in ("OUTSIDE/escaped", "../../../../../escaped", "..", "a/b")),
        *(_head(name, after, X_Repo_Commit=value) for name in (CONFIG, WEIGHTS)
          for after in (0, 1, 2, 3) for value in ("OUTSIDE/escaped", "../../../escaped", "..")),
        *(_one(f"HEAD .*/{CONFIG}", "status", status=404, after=after,
               headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "../../../../escaped"}) for after in (0, 1)),
        _listed(lambda scene, rng, listing: listing.update(sha="../../../../escaped")),
    ],
    "another commit": [
        *(_head(name, after, X_Repo_Commit="0" * 40) for name in (CONFIG, WEIGHTS) for after in (0, 1)),
        _listed(lambda scene, rng, listing: listing.update(sha="f" * 40)),
        _listed(lambda scene, rng, listing: listing.update(sha=None)),
    ],
    "changed between listing and download": [_moved, _overtaken],
    "a slow drip without an end": [
        _one(where, "drip", headers=headers)
        for where, headers in (
            (API, JSON), (API, JSON | {"Content-Length": "100000"}), *((at, {}) for at in _at(CONFIG, WEIGHTS)),
            (HEAD, {}),
        )
    ],
    "silence": [_one(where, "silence") for where in _at(API, HEAD, CONFIG, WEIGHTS)]
    + [_one(HEAD, "silence", after=after) for after in (1, 2, 3)],
    "faults of its own": [
        _one(where, "status", status=status, after=after)
        for status in (500, 502, 503, 504)
        for where, after in (*((at, 0) for at in _at(API, HEAD, CONFIG, WEIGHTS)), (HEAD, 1), (HEAD, 3))
    ],
    "come back tomorrow": [
        _one(where, "status", status=status, headers={"Retry-After": "86400"}, after=after)
        for status in (429, 503)
        for where, after in (*((at, 0) for at in _at(API, HEAD, CONFIG, WEIGHTS)), (HEAD, 1))
    ],
    "refusals": [
        _one(where, "status", status=status, headers={"X-Error-Code": code} if code else {}, message="no " * 10_000)
        for status, code in _REFUSALS.items() for where in _at(API, HEAD, CONFIG, WEIGHTS)
    ],
    "JSON that is a bomb": [
        _said(_DEEP), _said(b'{"siblings": ' + b"9" * 5_000_000 + b"}"), _said(b'{"id": "' + b"a" * 60_000_000 + b'"}'),
        _said(_BOMB, **_ENCODED), _said(b'{"a":' * 1_000_000), _said(b'{"sha": 1e999999999, "siblings": NaN}'),
    ],
    "JSON of another shape": [
        *map(_said, (b"null", b"[]", b"7", b'"x"', b"{}", b"", b"\xff\xfe", b'{"siblings": null}')),
        *(_listed(lambda scene, rng, listing, field=field, value=value: listing.update({field: value}))  # type: ignore[misc]
          for field in ("siblings", "sha", "private", "id", "tags", "lastModified")
          for value in (None, 7, "x", {}, [1], [None], [{}], [{"rfilename": 5}], [["x"]], "\ud800")),
        *(_of_config(**{field: value}) for field in ("size", "blobId", "rfilename", "lfs")
          for value in (None, -1, True, 1.5, "7", "../x", [], {}, {"sha256": "../x"}, 10**30)),
    ],
    "HTML in place of JSON": [_one(where, "stranger") for where in _at(API, HEAD, CONFIG, WEIGHTS)],
    "a listing without an end": [
        _listed(_many), _one(API, "endless", headers=JSON, body=b'{"siblings": [' + b"[]," * 20_000),
        _one(API, "endless", headers=JSON, body=b" " * 60_000),
    ],
    "a huge file": [
        *map(_huge, (1 << 31, 10**15, 10**30)),
        *(_head(WEIGHTS, after, X_Linked_Size=str(size)) for after in (0, 1) for size in (10**15, -1, 10**30)),
        *(_one(where, "altered", headers={"Content-Length": str(10**15)}) for where in _at(CONFIG, WEIGHTS)),
    ],
    "a file without an end": [
        _one(where, "endless", body=b"\x00" * 60_000, after=after) for where in _at(CONFIG, WEIGHTS, HEAD)
        for after in (0, 1)
    ],
    "connections that are reset": [
        _one(where, kind, after=after) for kind in ("reset", "drop") for where in _at(API, HEAD, CONFIG, WEIGHTS)
        for after in (0, 1)
    ],
    "headers that are a bomb": [
        _one(where, "altered", headers={"X-Padding": "x" * 5_000_000}) for where in _at(API, HEAD, CONFIG)
    ],
    "another status than belongs there": [
        _one(where, "status", status=status, body=b"{}") for status in (201, 206, 304, 300, 416)
        for where in _at(API, HEAD, CONFIG, WEIGHTS)
    ],
    "compressed, or said to be": [
        *(_one(where, "altered", headers={"Content-Encoding": "gzip"}) for where in _at(API, CONFIG, WEIGHTS)),
        *(_one(where, "status", status=200, headers=_ENCODED, body=_BOMB) for where in _at(CONFIG, WEIGHTS)),
    ],
    "another protocol": [
        _head(WEIGHTS, after, X_Xet_Hash="a" * 64, X_Xet_Refresh_Route="/api/models/ada/x/xet-read-token/COMMIT")
        for after in (0, 1)
    ],
}  # fmt: skip
"""What a Hub may do; each in every place that it can be done."""


def tree(folder: Path) -> dict[str, str]:
    """Every path below, and what it is: a folder, a link and where to, or a file's size and time."""
    return {str(path.relative_to(folder)): _what(path) for path in folder.rglob("*")}


def _what(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}"
    status = path.stat()
    return "a folder" if path.is_dir() else f"{status.st_size} bytes of {status.st_mtime_ns}"


class Puller:
    """A client whose home, temporary folder and cache lie below `folder`; another one after it had to be killed."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.home, self.endpoint, self.memory = folder / "home", endpoint, 0
        self.client: Client | None = None
        for name in ("user", "tmp"):
            (self.home / name).mkdir(parents=True)

    def pull(self, repo: str, seconds: float = GIVEN_UP) -> dict[str, Any]:
        """The reply, or an error of the class "nothing" when none came in so many seconds."""
        client = self.client = self.client or Client(
            self.home, self.endpoint, HUB_CLIENT_WAITS="1", HOME=str(self.home / "user"),
            TMPDIR=str(self.home / "tmp"), XDG_CACHE_HOME=str(self.home / "user" / ".cache"), HF_TOKEN=CANARY,
            HF_HUB_DISABLE_XET="0",
        )  # fmt: skip
        limit = threading.Timer(seconds, client.process.kill)
        limit.start()
        try:
            reply = client.ask("pull", repo=repo)
            self.memory = max(self.memory, round(peak(client.process.pid)))
            return reply
        except (AssertionError, OSError, ValueError) as error:
            self.end()
            return {"error": "nothing", "message": str(error)[-500:], "traceback": ""}
        finally:
            limit.cancel()

    def end(self) -> None:
        """Let the process go."""
        if self.client:
            self.client.process.kill()
            self.client.process.wait()
            self.client.errors.close()
        self.client = None


@contextmanager
def _setting(folder: Path) -> Iterator[tuple[Puller, TestHub, TestHub]]:
    """The client, the Hub, and another host."""
    with TestHub({CANARY: "ada"}) as hub, TestHub({}) as stranger:
        client = Puller(folder, hub.url)
        try:
            yield client, hub, stranger
        finally:
            client.end()
            for server in (hub, stranger):
                server.shutdown()


def lied_to(folder: Path, rng: random.Random, *, tries: int) -> Found:
    """Each way of lying in at most `tries` places: the pulled bytes are right, or a message comes in time."""
    made = write_checkpoint(folder / "made" / "dcgan.tiny", seed=1)
    right = hashes(made)
    came: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    words: dict[str, str] = {}
    failures = []
    with _setting(folder) as (client, hub, stranger):
        outside = folder / "outside"
        outside.mkdir()
        place(hub, "ada/first", made)
        _begin(client, right)
        before = _kept(folder)
        for way, lies in WAYS.items():
            chosen = rng.sample(range(len(lies)), min(tries, len(lies)))
            for number in sorted(chosen):
                scene = Scene(hub, stranger, f"ada/lie-{sum(came.values()) + len(failures)}", made, outside)
                place(hub, scene.repo, made)
                place(stranger, scene.repo, made, **{CONFIG: b"{}", WEIGHTS: b"other"})
                if client.client is None:
                    _begin(client, right)
                hub.faults[:] = [replace(fault) for fault in lies[number](scene, rng)]
                begun = time.monotonic()
                reply = client.pull(scene.repo)
                seconds = time.monotonic() - begun
                hub.faults.clear()
                wrong = _judge(scene, reply, right, seconds)
                after = _kept(folder)
                wrong += [f"left outside the cache: {name}, {after[name]}" for name in after.keys() - before.keys()]
                wrong += [f"changed outside the cache: {n}" for n in before if after.get(n) != before[n]]
                wrong += [f"another host got {token}" for _, _, token in stranger.requests if token]
                stranger.requests.clear()
                before = after
                slowest[way] = max(slowest.get(way, 0.0), round(seconds, 2))
                words[f"{way} {number}"] = ascii(reply.get("message", "right bytes"))[:200]
                if wrong:
                    failures.append(ascii(f"{way}, place {number} ({seconds:.1f} s): {'; '.join(wrong)}"))
                else:
                    came["message" if "error" in reply else "right bytes"] += 1
    figure = (
        f"{len(slowest)} ways, {came.total()} of {came.total() + len(failures)} lies met: {came['message']} messages, "
        f"{came['right bytes']} times right bytes; {max(slowest.values()):.1f} s at most"
    )
    return Found(figure, failures, {"slowest": slowest, "words": words, "peak of the client, MB": client.memory})


def _begin(client: Puller, right: dict[str, str]) -> None:
    """Pull from a Hub that does not lie, which also loads the client's modules."""
    reply = client.pull("ada/first", seconds=120)
    if "value" not in reply or hashes(Path(reply["value"])) != right:
        raise RuntimeError(f"a pull from a Hub that does not lie went wrong: {reply}")


def _judge(scene: Scene, reply: dict[str, Any], right: dict[str, str], seconds: float) -> list[str]:
    wrong = []
    if seconds > SECONDS:
        wrong.append(f"took {seconds:.1f} s")
    if "value" in reply:
        commits = scene.hub.repositories[scene.repo].commits.values()  # those of a push in the meantime, too
        listed = {blob.sha256 for commit in commits for blob in commit.tree.values()}
        found = hashes(Path(reply["value"]))
        if not found.items() >= right.items() or not listed.issuperset(found.values()):
            wrong.append("wrong bytes")
    elif reply["error"] not in ("HubError", "Unreachable", "Damaged", "Unpaid"):
        wrong.append(f"{reply['error']}: {reply['message'][:300]} {reply['traceback'][-700:]}")
    elif not 30 < len(reply["message"]) < 700:
        wrong.append(f"no message for people: {reply['message'][:900]!r}")
    if re.search("[\ud800-\udfff]", str(reply.get("message"))):
        wrong.append("the message cannot be printed")
    if CANARY in json.dumps(reply):
        wrong.append("the token is in the reply")
    return wrong


def _kept(folder: Path) -> dict[str, str]:
    """All that lies in the folder but for the client's cache, what the parent put there, and folders as such."""
    found = tree(folder)
    return {
        name: what for name, what in found.items()
        if not name.startswith(CACHE) and name != "home/stderr.txt"
    }  # fmt: skip
