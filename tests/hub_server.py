"""A small Hub on the loopback interface: repositories, commits, tags, LFS and downloads, and faults on demand.

It answers the requests that huggingface_hub sends with HF_HUB_DISABLE_XET=1, from memory, and writes down every
request it saw. Large files are served from another host name ("localhost" instead of "127.0.0.1"), as the Hub serves
them from its CDN, so a token that leaks across hosts is seen.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".safetensors", ".onnx", ".png", ".webp", ".gif", ".wav", ".bin", ".pkl")


@dataclass
class Fault:
    """What goes wrong with requests whose "METHOD /path" matches `where`: after `after` of them, `times` times.

    status: answer with it, and with `body` if there is one. drop: close without a word. reset: the same, by a RST.
    stall: the same, after 2 seconds. silence: keep the connection and say nothing. truncate: break off half-way.
    short: send half as if it were all. corrupt: flip one byte, size unchanged. stranger: a login page. altered: other
    `headers` than those that belong there. drip: a byte now and then, for ever. endless: bytes without an end.
    """

    where: str
    kind: Literal[
        "status", "drop", "reset", "stall", "silence", "truncate", "short", "corrupt", "stranger", "altered", "drip",
        "endless",
    ]  # fmt: skip
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""
    times: int = 1_000_000
    body: bytes = b""
    after: int = 0


@dataclass(frozen=True)
class Blob:
    data: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def git_oid(self) -> str:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        data = pointer.encode() if self.large else self.data
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git_oid


@dataclass
class Commit:
    message: str
    tree: dict[str, Blob]


@dataclass
class Repository:
    private: bool = False
    sdk: str = ""
    hardware: str = ""
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, message: str, tree: dict[str, Blob], branch: str = "main") -> str:
        state = [message, self.branches.get(branch), sorted((name, blob.etag) for name, blob in tree.items())]
        oid = hashlib.sha1(json.dumps([len(self.commits), state]).encode()).hexdigest()
        self.commits[oid] = Commit(message, tree)
        self.branches[branch] = oid
        return oid

    def find(self, revision: str) -> str | None:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        return oid if oid in self.commits else None


class Refusal(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class TestHub(ThreadingHTTPServer):
    """The server and what it holds. `tokens` maps each valid token to its user, who may write to `user/...` only.

    A Space is held under "spaces/user/name". `free` names users without a subscription: they host static Spaces, and
    others on ZeroGPU only.
    """

    __test__ = False
    daemon_threads = True

    def __init__(self, tokens: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens = tokens
        self.free: set[str] = set()
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str]] = []
        """(method, path, Authorization header) of each request."""
        self.unknown: list[str] = []
        self.lock = threading.RLock()
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.cdn = f"http://localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def shutdown(self) -> None:
        """Stop, and let go of those who are kept waiting."""
        self.ended.set()
        super().shutdown()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""

    def fault_at(self, request: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.where, request):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TestHub

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = self.headers.get("Authorization", "")
        body = self._body()
        self.server.requests.append((self.command, path, token))
        self.fault = self.server.fault_at(f"{self.command} {path}")
        if self.fault and self.fault.kind in ("drop", "stall", "reset", "silence"):
            if self.fault.kind == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())  # at once, while others may still hold the object
            if self.fault.kind == "silence":
                self._until_hung_up(b"")
            time.sleep(2 if self.fault.kind == "stall" else 0)
            self.close_connection = True
            return
        if self.fault and self.fault.kind in ("drip", "endless"):
            return self._without_end(self.fault)
        if self.fault and self.fault.kind == "stranger":
            return self._send(200, b"<html>Please log in to this network</html>", {"Content-Type": "text/html"})
        if self.fault and self.fault.kind == "status":
            error = self.fault.body or json.dumps({"error": self.fault.message}).encode()
            return self._send(self.fault.status, error, {"Content-Type": "application/json", **self.fault.headers})
        try:
            with self.server.lock:
                for method, pattern, answer in _ROUTES:
                    match = re.fullmatch(pattern, path)
                    if match and self.command in method:
                        return answer(self, body, **match.groupdict())
            self.server.unknown.append(f"{self.command} {path}")
            raise Refusal(404, "", "no such route")
        except Refusal as refusal:
            headers = {"Content-Type": "application/json"} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            headers |= {"X-Error-Message": refusal.message} if refusal.message else {}
            self._send(refusal.status, json.dumps({"error": refusal.message}).encode(), headers)

    def _without_end(self, fault: Fault) -> None:
        """An answer that begins well: a byte every fifth of a second, or as many as the client takes."""
        self.send_response(200)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.end_headers()  # without a length, it ends when the connection does
        self._until_hung_up(fault.body or b" ", 0.2 if fault.kind == "drip" else 0.0)

    def _until_hung_up(self, data: bytes, every: float = 0.2) -> None:
        self.close_connection = True
        while not self.server.ended.is_set():
            readable, _, _ = select.select([self.connection], [], [], every)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return
            if data:
                self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        kind = self.fault.kind if self.fault else ""
        length = len(data)
        if kind == "corrupt" and data:
            data = data[: length // 2] + bytes([data[length // 2] ^ 0xFF]) + data[length // 2 + 1 :]
        if kind in ("truncate", "short"):
            data = data[: length // 2]
            length = len(data) if kind == "short" else length
        if kind == "altered" and self.fault:
            headers = headers | self.fault.headers
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
            self.close_connection = self.close_connection or kind == "truncate"

    def _json(self, values: Any) -> None:
        self._send(200, json.dumps(values).encode(), {"Content-Type": "application/json"})

    def _user(self) -> str:
        """The user of the request's token, or "" without one."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.server.tokens:
            raise Refusal(401, "", "Invalid credentials in Authorization header")
        return self.server.tokens.get(token, "")

    def _writer(self, repo: str) -> None:
        user = self._user()
        if not user:
            raise Refusal(401, "", "Invalid username or password.")
        if repo.removeprefix("spaces/").split("/")[0] != user:
            raise Refusal(403, "", f"You don't have the rights to write to {repo}")

    def _repository(self, repo: str) -> Repository:
        user = self._user()
        found = self.server.repositories.get(repo)
        if found is None or (found.private and repo.removeprefix("spaces/").split("/")[0] != user):
            raise Refusal(404 if user else 401, "RepoNotFound", "Repository not found")
        return found

    def _commit(self, repo: str, revision: str) -> tuple[str, Commit]:
        repository = self._repository(repo)
        oid = repository.find(revision)
        if oid is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return oid, repository.commits[oid]

    def whoami(self, body: bytes) -> None:
        user = self._user()
        if not user:
            raise Refusal(401, "", "Invalid username or password.")
        self._json({"type": "user", "name": user, "orgs": [], "auth": {"type": "access_token"}})

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        repo = f"{asked['organization'] or self._user()}/{asked['name']}"
        self._writer(repo)
        sdk, hardware = "", ""
        if asked.get("type") == "space":
            repo, sdk, hardware = f"spaces/{repo}", asked["sdk"], asked.get("hardware", "cpu-basic")
            if self._user() in self.server.free and sdk != "static" and not hardware.startswith("zero"):
                raise Refusal(402, "", f"Subscribe to PRO to host {sdk} Spaces on {hardware}.")
        if repo in self.server.repositories:
            return self._send(409, json.dumps({"url": f"{self.server.url}/{repo}"}).encode(), {})
        private = asked.get("visibility") == "private"
        repository = self.server.repositories[repo] = Repository(private, sdk, hardware)
        repository.commit("initial commit", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", False)})
        self._json({"url": f"{self.server.url}/{repo}", "name": repo, "id": repo})

    def validate_yaml(self, body: bytes) -> None:
        content = json.loads(body)["content"]
        if content.startswith("---\n") and "\n---" not in content[4:]:
            error = json.dumps({"errors": [{"message": "the front matter does not end"}], "warnings": []})
            return self._send(400, error.encode(), {"Content-Type": "application/json"})
        self._json({"errors": [], "warnings": []})

    def preupload(self, body: bytes, repo: str, revision: str) -> None:
        self._writer(repo)
        tree = self._commit(repo, revision)[1].tree
        answers = []
        for file in json.loads(body)["files"]:
            path = file["path"]
            mode = "lfs" if path.endswith(LARGE) else "regular"
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False} | (
                {"oid": tree[path].etag} if path in tree else {}
            ))  # fmt: skip
        self._json({"files": answers})

    def lfs_batch(self, body: bytes, repo: str) -> None:
        self._writer(repo)
        objects = []
        for asked in json.loads(body)["objects"]:
            actions = {
                "upload": {"href": f"{self.server.cdn}/lfs/{asked['oid']}"},
                "verify": {"href": f"{self.server.url}/verify/{repo}"},
            }
            known = asked["oid"] in self.server.objects
            objects.append({"oid": asked["oid"], "size": asked["size"]} | ({} if known else {"actions": actions}))
        self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refusal(400, "", "sha256 mismatch")
        self.server.objects[oid] = body
        self._send(200, b"", {})

    def lfs_verify(self, body: bytes, repo: str) -> None:
        self._writer(repo)
        asked = json.loads(body)
        if len(self.server.objects.get(asked["oid"], b"")) != asked["size"]:
            raise Refusal(404, "", "object was not uploaded")
        self._json({})

    def commit(self, body: bytes, repo: str, revision: str) -> None:
        self._writer(repo)
        parent, commit = self._commit(repo, revision)
        header, *operations = [json.loads(line) for line in body.splitlines()]
        if header["value"].get("parentCommit", parent) != parent:
            raise Refusal(412, "", "A commit has happened since. Please refresh and try again.")
        tree = dict(commit.tree)
        for operation in operations:
            key, value = operation["key"], operation["value"]
            if key == "file":
                tree[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                tree[value["path"]] = Blob(self.server.objects[value["oid"]], True)
            elif key == "deletedFile":
                del tree[value["path"]]
            else:
                raise Refusal(400, "", f"unknown operation {key}")
        oid = self.server.repositories[repo].commit(header["value"]["summary"], tree, revision)
        self._json({"commitOid": oid, "commitUrl": f"{self.server.url}/{repo}/commit/{oid}", "success": True})

    def tag(self, body: bytes, repo: str, revision: str) -> None:
        self._writer(repo)
        name = json.loads(body)["tag"]
        repository = self.server.repositories[repo]
        if name in repository.tags:
            raise Refusal(409, "", "Tag reference exists already")
        repository.tags[name] = self._commit(repo, revision)[0]
        self._json({})

    def refs(self, body: bytes, repo: str) -> None:
        repository = self._repository(repo)
        listed = {
            f"{kind}s" if kind == "tag" else "branches": [
                {"name": name, "ref": f"refs/{'tags' if kind == 'tag' else 'heads'}/{name}", "targetCommit": oid}
                for name, oid in references.items()
            ]
            for kind, references in (("branch", repository.branches), ("tag", repository.tags))
        }
        self._json(listed | {"converts": []})

    def info(self, body: bytes, repo: str, revision: str = "main") -> None:
        oid, commit = self._commit(repo, revision)
        blobs = "blobs" in parse_qs(urlsplit(self.path).query)
        siblings = [
            {"rfilename": name}
            | ({"size": len(blob.data), "blobId": blob.git_oid} if blobs else {})
            | (
                {"lfs": {"sha256": blob.sha256, "size": len(blob.data), "pointerSize": 130}}
                if blobs and blob.large
                else {}
            )
            for name, blob in commit.tree.items()
        ]
        private, repo = self.server.repositories[repo].private, repo.removeprefix("spaces/")
        self._json({"id": repo, "modelId": repo, "sha": oid, "private": private, "tags": [], "siblings": siblings})

    def models(self, body: bytes) -> None:
        author = parse_qs(urlsplit(self.path).query).get("author", [""])[0]
        names = [name for name in self.server.repositories if name.startswith(f"{author}/")]
        self._json([{"id": name, "modelId": name, "private": False, "tags": []} for name in names])

    def runtime(self, body: bytes, repo: str) -> None:
        repo = f"spaces/{repo.removeprefix('spaces/')}"
        if body:
            self._writer(repo)
            self.server.repositories[repo].hardware = json.loads(body)["flavor"]
        hardware = self._repository(repo).hardware
        self._json({"stage": "RUNNING", "hardware": {"current": hardware, "requested": hardware}, "storage": None})

    def tree(self, body: bytes, repo: str, revision: str, folder: str | None = None) -> None:
        within = (folder or "").lstrip("/")
        tree = self._commit(repo, revision)[1].tree
        found = {name: blob for name, blob in tree.items() if name.startswith(within)}
        if not found:
            raise Refusal(404, "EntryNotFound", f"{within} does not exist")
        self._json(list(_entries(found)))

    def paths_info(self, body: bytes, repo: str, revision: str) -> None:
        tree = self._commit(repo, revision)[1].tree
        asked = parse_qs(body.decode()).get("paths", [])
        self._json(list(_entries({name: tree[name] for name in asked if name in tree})))

    def resolve(self, body: bytes, repo: str, revision: str, path: str) -> None:
        oid, commit = self._commit(repo, revision)
        if path not in commit.tree:
            raise Refusal(404, "EntryNotFound", "Entry not found")
        blob = commit.tree[path]
        headers = {"X-Repo-Commit": oid, "ETag": f'"{blob.etag}"'}
        if blob.large:
            headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.data))}
            self._send(302, b"", headers | {"Location": f"{self.server.cdn}/cdn/{repo}/{oid}/{path}"})
        else:
            self._send(307, b"", headers | {"Location": f"/api/resolve-cache/models/{repo}/{oid}/{path}"})

    def download(self, body: bytes, repo: str, revision: str, path: str) -> None:
        oid, blob = revision, self.server.repositories[repo].commits[revision].tree[path]
        headers = {"X-Repo-Commit": oid, "ETag": f'"{blob.etag}"'}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self._send(200, blob.data, headers)
        start, end = int(asked[1]), int(asked[2] or len(blob.data) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(blob.data)}"
        self._send(206, blob.data[start : end + 1], headers)


def _entries(tree: dict[str, Blob]) -> Iterator[dict[str, Any]]:
    for name, blob in tree.items():
        entry: dict[str, Any] = {"type": "file", "path": name, "size": len(blob.data), "oid": blob.git_oid}
        if blob.large:
            entry["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 130}
        yield entry


_ID, _REVISION = r"(?P<repo>(?:spaces/)?[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
_ROUTES: list[tuple[tuple[str, ...], str, Callable[..., None]]] = [
    (("GET",), "/api/whoami-v2", _Handler.whoami),
    (("POST",), "/api/repos/create", _Handler.create),
    (("POST",), "/api/validate-yaml", _Handler.validate_yaml),
    (("GET",), "/api/models", _Handler.models),
    (("GET",), f"/api/{_ID}/runtime", _Handler.runtime),
    (("POST",), f"/api/{_ID}/hardware", _Handler.runtime),
    (("POST",), f"/api/(?:models/)?{_ID}/preupload/{_REVISION}", _Handler.preupload),
    (("POST",), rf"/{_ID}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    (("PUT",), "/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_put),
    (("POST",), f"/verify/{_ID}", _Handler.lfs_verify),
    (("POST",), f"/api/(?:models/)?{_ID}/commit/{_REVISION}", _Handler.commit),
    (("POST",), f"/api/(?:models/)?{_ID}/tag/{_REVISION}", _Handler.tag),
    (("GET",), f"/api/(?:models/)?{_ID}/refs", _Handler.refs),
    (("GET",), f"/api/(?:models/)?{_ID}/tree/{_REVISION}(?P<folder>/.*)?", _Handler.tree),
    (("POST",), f"/api/(?:models/)?{_ID}/paths-info/{_REVISION}", _Handler.paths_info),
    (("GET",), f"/api/(?:models/)?{_ID}/revision/{_REVISION}", _Handler.info),
    (("GET",), f"/api/(?:models/)?{_ID}", _Handler.info),
    (("GET", "HEAD"), f"/{_ID}/resolve/{_REVISION}/(?P<path>.+)", _Handler.resolve),
    (("GET", "HEAD"), f"/api/resolve-cache/models/{_ID}/{_REVISION}/(?P<path>.+)", _Handler.download),
    (("GET",), f"/cdn/{_ID}/{_REVISION}/(?P<path>.+)", _Handler.download),
]
