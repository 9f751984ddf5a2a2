"""The Hub, with the real client over HTTP against a test hub: releases, round trips, and each fault's words."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import Blob, Fault, Repository, TestHub

from zoo import checkpoint, hub, registry

CANARY = "hf_CanaryCanaryCanaryCanary0123456789"
STRANGER = "hf_StrangerStrangerStranger0123456789"


class Client:
    """zoo.hub in a process of its own, with its own home and endpoint."""

    def __init__(self, home: Path, endpoint: str, **environment: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ZOO_", "HUGGING"))}
        self.home, self.pretrained = home, home / "pretrained"
        self.pretrained.mkdir(parents=True, exist_ok=True)
        self.errors = open(home / "stderr.txt", "w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("hub_client.py"))],
            env=clean | {
                "HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "HF_HUB_DISABLE_XET": "1", "DO_NOT_TRACK": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": str(Path(__file__).parent.parent),
                "OMP_NUM_THREADS": "1",
            } | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
        )  # fmt: skip

    def ask(self, call: str, *, environment: dict[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
        request = {
            "call": call,
            "arguments": arguments,
            "environment": environment or {},
            "pretrained": str(self.pretrained),
        }
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the client's process died:\n" + Path(self.errors.name).read_text()[-2000:]
        reply: dict[str, Any] = json.loads(line)
        return reply

    def words(self, call: str, kind: str = "HubError", **arguments: Any) -> str:
        """The message of a call that must fail with an error of `kind`."""
        reply = self.ask(call, **arguments)
        assert reply.get("error") == kind, reply
        message: str = reply["message"]
        return message

    def value(self, call: str, **arguments: Any) -> Any:
        reply = self.ask(call, **arguments)
        assert "value" in reply, reply
        return reply["value"]

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.errors.close()


@pytest.fixture(scope="module")
def server() -> Iterator[TestHub]:
    with TestHub({CANARY: "ada", STRANGER: "eve"}) as running:
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def client(server: TestHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    running = Client(tmp_path_factory.mktemp("client"), server.url)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _no_faults_left(server: TestHub) -> Iterator[None]:
    yield
    server.faults.clear()
    assert server.unknown == [], "requests that the test hub does not know"


def write_checkpoint(folder: Path, seed: int) -> Path:
    entry = registry.entry("dcgan")
    torch.manual_seed(seed)
    (folder / "samples").mkdir(parents=True)
    checkpoint.save(folder, entry.model(entry.tiny), "dcgan", "tiny", labels=tuple("0123456789"), dtype="float32")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ntags: [图像]\n---\n# dcgan.tiny\n", encoding="utf-8")
    (folder / "samples" / "sheet.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("made") / "dcgan.tiny", seed=1)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dcgan.tiny"))


@pytest.fixture
def published(server: TestHub, made: Path, request: pytest.FixtureRequest) -> str:
    """A repository of the checkpoint that no cache has seen, placed on the server without the client."""
    repo = "ada/" + re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:90].strip("-")
    place(server, repo, made)
    return repo


def place(server: TestHub, repo: str, folder: Path, **extra: bytes) -> str:
    names = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    tree = {name: Blob(data, name.endswith((".safetensors", ".png"))) for name, data in (names | extra).items()}
    return server.repositories.setdefault(repo, Repository()).commit("placed", tree)


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): checkpoint.sha256_of(path) for path in folder.rglob("*") if path.is_file()
    }


def assert_nothing_kept(client: Client, repo: str, name: str) -> None:
    assert not list((client.home / "hf" / "hub").glob(f"models--{repo.replace('/', '--')}/snapshots/*/{name}"))


# Releases


def test_a_release_that_is_pushed_comes_back_with_equal_bytes_and_equal_tensors(
    client: Client, server: TestHub, folder: Path
) -> None:
    release = client.value("push", folder_or_name=str(folder), to="ada/round", token=CANARY)
    assert (release["tag"], release["changed"]) == ("v1", 4)
    pulled = Path(client.value("pull", repo="ada/round@v1"))
    assert client.home in pulled.parents and pulled.name == release["commit"]
    assert hashes(pulled) == hashes(folder)
    ours, theirs = checkpoint.load(folder).model.state_dict(), checkpoint.load(pulled).model.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_release_is_one_commit_and_an_unchanged_one_is_none(client: Client, server: TestHub, folder: Path) -> None:
    def push(**more: Any) -> Any:
        return client.value("push", folder_or_name=str(folder), to="ada/releases", token=CANARY, **more)

    first = push()
    repository = server.repositories["ada/releases"]
    assert len(repository.commits) == 2 and repository.tags == {"v1": first["commit"]}
    again = push()
    assert (again["changed"], again["commit"], again["tag"]) == (0, first["commit"], "v1")
    assert len(repository.commits) == 2 and len(repository.tags) == 1
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nbetter\n")
    (folder / "samples" / "sheet.png").unlink()
    (folder / "samples" / "new.png").write_bytes(b"new")
    second = push()
    assert (second["changed"], second["tag"]) == (3, "v2")
    assert len(repository.commits) == 3 and repository.tags["v1"] == first["commit"]
    tree = repository.commits[second["commit"]].tree
    assert {*tree} == {".gitattributes", "README.md", "config.json", "model.safetensors", "samples/new.png"}
    (folder / "README.md").write_text("# named\n")
    assert push(tag="paper")["tag"] == "paper"


def test_a_tag_that_an_interrupted_push_left_out_is_made_good(client: Client, server: TestHub, folder: Path) -> None:
    server.faults.append(Fault("POST .*/tag/", "drop", times=1))
    words = client.words("push", "Unreachable", folder_or_name=str(folder), to="ada/untagged", token=CANARY)
    assert words == "the connection to the Hub broke off over ada/untagged@main; try again."
    release = client.value("push", folder_or_name=str(folder), to="ada/untagged", token=CANARY)
    assert (release["tag"], release["changed"]) == ("v1", 0)
    assert len(server.repositories["ada/untagged"].commits) == 2


def test_a_tag_that_stands_on_another_commit_is_refused_before_anything_is_sent(
    client: Client, server: TestHub, folder: Path
) -> None:
    client.value("push", folder_or_name=str(folder), to="ada/tagged", token=CANARY, tag="v7")
    (folder / "README.md").write_text("# other\n")
    words = client.words("push", folder_or_name=str(folder), to="ada/tagged", token=CANARY, tag="v7")
    assert words.startswith("ada/tagged has a tag v7 already, on commit ") and words.endswith("nothing was sent")
    assert len(server.repositories["ada/tagged"].commits) == 2
    assert client.value("push", folder_or_name=str(folder), to="ada/tagged", token=CANARY)["tag"] == "v8"


def test_a_push_that_another_push_overtook_commits_nothing(client: Client, server: TestHub, folder: Path) -> None:
    server.faults.append(Fault("POST .*/commit/", "status", 412, message="A commit has happened since."))
    words = client.words("push", folder_or_name=str(folder), to="ada/race", token=CANARY)
    assert words == "somebody else pushed to ada/race in the meantime (412): nothing was committed; push again."
    sent = [path for method, path, _ in server.requests if path.endswith("/ada/race/commit/main")]
    assert len(sent) == 1 and len(server.repositories["ada/race"].commits) == 1


def test_only_allowed_kinds_of_files_are_pushed(client: Client, server: TestHub, folder: Path) -> None:
    for name in ("model.pkl", "optimizer.bin", ".env", "notes", ".cache/x.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"no")
    client.value("push", folder_or_name=str(folder), to="ada/kinds", token=CANARY)
    repository = server.repositories["ada/kinds"]
    tree = repository.commits[repository.branches["main"]].tree
    assert {*tree} == {".gitattributes", "README.md", "config.json", "model.safetensors", "samples/sheet.png"}


def test_a_folder_whose_checkpoint_does_not_load_is_not_pushed(client: Client, server: TestHub, folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    words = client.words("push", folder_or_name=str(folder), to="ada/broken", token=CANARY)
    assert "is not pushed, for it does not load" in words and "the tensors do not fill the file" in words
    words = client.words("push", folder_or_name=str(folder.parent / "nowhere"), to="ada/broken", token=CANARY)
    assert "does not load" in words
    assert "ada/broken" not in server.repositories


def test_a_private_release_is_private_and_never_goes_to_a_public_repository(
    client: Client, server: TestHub, folder: Path
) -> None:
    client.value("push", folder_or_name=str(folder), to="ada/secret", token=CANARY, private=True)
    assert server.repositories["ada/secret"].private
    assert "does not exist, or is private" in client.words("pull", repo="ada/secret")
    assert client.value("pull", repo="ada/secret", token=CANARY)
    client.value("push", folder_or_name=str(folder), to="ada/open", token=CANARY)
    (folder / "README.md").write_text("# private\n")
    words = client.words("push", folder_or_name=str(folder), to="ada/open", token=CANARY, private=True)
    assert words == "ada/open exists and is public, and a push does not change that; nothing was sent"
    assert len(server.repositories["ada/open"].commits) == 2


@pytest.mark.parametrize("to", ["", "ada", "ada/x@v1", "../x", "a/b/c", "ada/..\n"])
def test_a_push_to_what_is_no_repository_is_refused(client: Client, folder: Path, to: str) -> None:
    words = client.words("push", folder_or_name=str(folder), to=to, token=CANARY)
    assert words.endswith("cannot be pushed to; name a repository as user/repo, without a revision")


# Pulling


def test_a_commit_that_was_pulled_is_used_again_without_a_request(
    client: Client, server: TestHub, published: str
) -> None:
    folder = client.value("pull", repo=published)
    seen = len(server.requests)
    assert client.value("pull", repo=f"{published}@{Path(folder).name}") == folder
    assert len(server.requests) == seen
    assert client.value("pull", repo=published) == folder
    assert len(server.requests) == seen + 1, "a branch costs the one request that resolves it"


def test_nothing_pickled_is_downloaded(client: Client, server: TestHub, made: Path) -> None:
    place(server, "ada/pickles", made, **{"pytorch_model.bin": b"\x80\x04.", "a.pkl": b"\x80\x04.", "x.py": b"boom"})
    pulled = Path(client.value("pull", repo="ada/pickles"))
    assert {*hashes(pulled)} == {*hashes(made)}
    assert not [path for _, path, _ in server.requests if path.endswith((".bin", ".pkl", ".py"))]


def test_a_damaged_copy_in_the_cache_is_removed_and_fetched_again(
    client: Client, server: TestHub, published: str
) -> None:
    folder = Path(client.value("pull", repo=published))
    good = hashes(folder)
    for name in ("model.safetensors", "config.json"):
        path = (folder / name).resolve()
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        reply = client.ask("pull", repo=published)
        assert reply["value"] == str(folder) and hashes(folder) == good
        assert (
            f"the copy of {published}@{folder.name[:12]}/{name} in the cache is damaged and was removed" in reply["log"]
        )


def test_what_is_no_checkpoint_of_the_zoo_is_refused_before_its_weights_are_asked_for(
    client: Client, server: TestHub, made: Path
) -> None:
    config = json.loads((made / "config.json").read_text())
    wrong = {
        "unknown-field": config | {"pickle": "x"},
        "unknown-model": config | {"model": "no-such"},
        "too-large": config | {"config": config["config"] | {"width": 10**9}},
    }
    for name, values in wrong.items():
        place(server, f"ada/{name}", made, **{"config.json": json.dumps(values).encode()})
        words = client.words("pull", "Damaged", repo=f"ada/{name}")
        assert words.startswith(f"ada/{name}@") and "is refused: " in words
        assert not [path for _, path, _ in server.requests if f"ada/{name}/" in path and "safetensors" in path]
    place(server, "ada/no-config", made)
    tree = server.repositories["ada/no-config"].commits[server.repositories["ada/no-config"].branches["main"]].tree
    del tree["config.json"]
    words = client.words("pull", "Damaged", repo="ada/no-config")
    assert words == "ada/no-config@main is no checkpoint of this zoo: it has no config.json"


def test_wrong_or_missing_tensors_are_an_error(client: Client, server: TestHub, made: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(made / "model.safetensors")
    first = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    for name, changed, said in (
        ("missing", {key: value for key, value in tensors.items() if key != first}, "lacks tensors"),
        ("unknown", tensors | {"extra": torch.zeros(1)}, "has unknown tensors"),
        ("infinite", tensors | {first: torch.full_like(tensors[first], torch.inf)}, "not finite"),
    ):
        save_file(changed, tmp_path / "changed.safetensors")
        place(server, f"ada/{name}", made, **{"model.safetensors": (tmp_path / "changed.safetensors").read_bytes()})
        words = client.words("pull", "Damaged", repo=f"ada/{name}")
        assert said in words and ("extra" if name == "unknown" else first) in words


def test_too_much_is_refused_before_anything_is_downloaded(client: Client, server: TestHub, made: Path) -> None:
    place(server, "ada/many", made, **{f"samples/{number}.txt": b"x" for number in range(hub.MAX_FILES)})
    words = client.words("pull", "Damaged", repo="ada/many")
    assert words.startswith(f"ada/many@main has {hub.MAX_FILES + 4:,} files of ") and "are pulled" in words
    assert not [path for _, path, _ in server.requests if path.startswith("/ada/many/resolve")]


@pytest.mark.parametrize(
    "name",
    ["../escaped.json", "samples/escaped.json/", "/tmp/escaped.json", "a\\..\\..\\escaped.json", "C:escaped.json"],
)
def test_a_file_name_that_leads_out_of_the_cache_is_refused(
    client: Client, server: TestHub, made: Path, name: str
) -> None:
    place(server, "ada/escape", made, **{name: b"{}"})
    words = client.words("pull", "Damaged", repo="ada/escape")
    assert words == f"ada/escape@main names a file {name!r}, which cannot be one of ours"
    assert not list(client.home.rglob("escaped.json"))


def test_an_etag_that_leads_out_of_the_cache_is_refused(client: Client, server: TestHub, published: str) -> None:
    headers = {"X-Repo-Commit": server.repositories[published].branches["main"], "ETag": '"../../../escaped"'}
    server.faults.append(Fault(f"HEAD /{published}/resolve/.*/config.json", "status", 200, headers))
    words = client.words("pull", "Damaged", repo=published)
    assert words == f"{published}: the Hub serves config.json otherwise than it records it; nothing was kept"
    assert not list(client.home.rglob("escaped*"))


def test_no_later_answer_about_a_file_leads_out_of_the_cache_either(
    client: Client, server: TestHub, made: Path, tmp_path: Path
) -> None:
    for after in range(4):
        place(server, f"ada/later-{after}", made)
        headers = {"X-Linked-Etag": f'"{tmp_path}/escaped"'}
        server.faults[:] = [Fault("HEAD /.*/config.json", "altered", headers=headers, after=after)]
        reply = client.ask("pull", repo=f"ada/later-{after}")
        assert reply.get("error") == "Damaged" or hashes(Path(reply["value"])) == hashes(made)
        assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["drip", "silence"])
def test_a_hub_that_says_next_to_nothing_is_given_up_in_words(
    client: Client, server: TestHub, published: str, kind: Any
) -> None:
    for where in (_API, _BYTES):
        server.faults[:] = [Fault(where, kind)]
        begun = time.monotonic()
        words = client.ask("pull", repo=published, environment={"HF_HUB_DOWNLOAD_TIMEOUT": "1"})["message"]
        assert words.startswith(("the Hub did not answer in time about", "the connection to the Hub broke off over"))
        assert time.monotonic() - begun < 4


def test_a_message_can_be_printed_whatever_the_hub_says() -> None:
    for words in ("half a letter \ud800", "\udfff"):
        assert str(hub.HubError(words)).encode().isascii()


# Faults: (where, fault, the error's class, its words)

_API, _HEAD, _BYTES = "GET /api/models/", "HEAD /ada/.*/resolve/", "GET .*/(cdn|resolve-cache)/"
_SOON = format_datetime(datetime.now(UTC) + timedelta(seconds=4000))
_BROKE_OFF = "the connection to the Hub broke off over {repo}@{commit}/config.json; try again."
_FEWER = "the Hub asks for fewer requests (429): try {repo} again "
_LOGIN_PAGE = "what answered about {repo}@main does not speak as a Hub does: is a login page in between?"
_OWN_FAULT = "the Hub has a fault of its own (STATUS) over {repo}: try again later."
_PRIVATE = "{repo} does not exist, or is private and wants a token (401): check the name, or set HF_TOKEN."
_FORBIDDEN = "the token may not do this with {repo} (403): it needs the right to. The Hub says: no rights"
_GATED = "{repo} is gated (403): ask its owner for access on its page, then try again."
_NO_REPO = "the Hub has no model repository {repo} that you may see (404): check the name."
_NO_REVISION = "{repo} has no revision 'main' (404): name a branch, a tag or a commit of it."
_NO_FILE = "{repo}@{commit} lacks the file 'config.json' that it lists (404)."
_SHORT = "{repo}@{commit}/config.json came truncated: fewer bytes than the Hub records. It was not kept; try again."


@pytest.mark.parametrize(
    ("where", "fault", "kind", "said"),
    [
        (_API, Fault("", "status", 401), "HubError", _PRIVATE),
        (_API, Fault("", "status", 403, message="no rights"), "HubError", _FORBIDDEN),
        (_API, Fault("", "status", 403, {"X-Error-Code": "GatedRepo"}), "HubError", _GATED),
        (_API, Fault("", "status", 404, {"X-Error-Code": "RepoNotFound"}), "HubError", _NO_REPO),
        (_API, Fault("", "status", 404, {"X-Error-Code": "RevisionNotFound"}), "HubError", _NO_REVISION),
        (_HEAD, Fault("", "status", 404, {"X-Error-Code": "EntryNotFound"}), "Damaged", _NO_FILE),
        (_API, Fault("", "status", 429, {"Retry-After": "1234"}), "Unreachable", _FEWER + "in 1,234 seconds."),
        (_HEAD, Fault("", "status", 429, {"Retry-After": "77"}), "Unreachable", _FEWER + "in 77 seconds."),
        (_API, Fault("", "status", 429, {"RateLimit": '"api";r=0;t=55'}), "Unreachable", _FEWER + "in 55 seconds."),
        (_API, Fault("", "status", 429, {"Retry-After": _SOON}), "Unreachable", _FEWER + "in 3,"),
        (_API, Fault("", "status", 429), "Unreachable", _FEWER + "later."),
        (_API, Fault("", "status", 500), "Unreachable", _OWN_FAULT.replace("STATUS", "500")),
        (_HEAD, Fault("", "status", 503), "Unreachable", _OWN_FAULT.replace("STATUS", "503")),
        (_BYTES, Fault("", "status", 500), "Unreachable", _OWN_FAULT.replace("STATUS", "500")),
        (_API, Fault("", "drop"), "Unreachable", "the connection to the Hub broke off over {repo}@main; try again."),
        (_HEAD, Fault("", "drop"), "Unreachable", _BROKE_OFF),
        (_BYTES, Fault("", "drop"), "Unreachable", _BROKE_OFF),
        (_BYTES, Fault("", "truncate"), "Unreachable", _BROKE_OFF),
        (_BYTES, Fault("", "short"), "Damaged", _SHORT),
        (_API, Fault("", "stranger"), "Unreachable", _LOGIN_PAGE),
    ],
    ids=lambda value: "" if not isinstance(value, Fault) else f"{value.kind}-{value.status}",
)
def test_each_fault_has_its_own_words(
    client: Client, server: TestHub, published: str, where: str, fault: Fault, kind: str, said: str
) -> None:
    commit = server.repositories[published].branches["main"][:12]
    server.faults.append(Fault(where, fault.kind, fault.status, fault.headers, fault.message))
    words = client.words("pull", kind, repo=published)
    said = said.format(repo=published, commit=commit)
    assert words == said if said.endswith((".", "?", "rights")) else words.startswith(said)
    server.faults.clear()
    assert client.value("pull", repo=published), "once the fault is gone, the same request succeeds"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_corrupted_bytes_of_the_right_length_are_refused(
    client: Client, server: TestHub, published: str, name: str
) -> None:
    server.faults.append(Fault(f"GET .*/(cdn|resolve-cache)/.*/{name}", "corrupt"))
    commit = server.repositories[published].branches["main"]
    oid = server.repositories[published].commits[commit].tree[name].etag
    assert client.words("pull", "Damaged", repo=published) == (
        f"{published}@{commit[:12]}: {name} came damaged, twice: its bytes do not have the hash {oid[:12]}... "
        "that the Hub records. Both copies were removed; try again later."
    )
    assert_nothing_kept(client, published, name)


def test_bytes_that_were_corrupted_once_are_fetched_again(
    client: Client, server: TestHub, published: str, made: Path
) -> None:
    server.faults.append(Fault("GET .*/cdn/.*/model.safetensors", "corrupt", times=1))
    assert hashes(Path(client.value("pull", repo=published))) == hashes(made)


def test_a_download_that_breaks_off_once_is_finished(
    client: Client, server: TestHub, published: str, made: Path
) -> None:
    server.faults.append(Fault("GET .*/cdn/.*/model.safetensors", "truncate", times=2))
    assert hashes(Path(client.value("pull", repo=published))) == hashes(made)


def test_a_push_without_the_right_to_says_so(client: Client, server: TestHub, folder: Path) -> None:
    asked = {"folder_or_name": str(folder), "to": "ada/mine"}
    assert client.words("push", **asked) == (
        "pushing needs a token that may write: set HF_TOKEN, or log in with `hf auth login`"
    )
    assert client.words("push", **asked, token="hf_madeupmadeup").startswith(
        "the Hub does not accept the token for ada/mine (401): make a new one, or log in again."
    )
    assert client.words("push", **asked, token=STRANGER) == (
        "the token may not do this with ada/mine (403): it needs the right to. "
        "The Hub says: You don't have the rights to write to ada/mine"
    )
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n")
    words = client.words("push", **asked, token=CANARY)
    assert "Invalid metadata in README.md" in words and "the front matter does not end" in words


def test_without_a_network_or_an_answer_or_offline_the_words_say_so(server: TestHub, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    unplugged = Client(tmp_path / "a", f"http://127.0.0.1:{port}")
    offline = Client(tmp_path / "b", f"http://127.0.0.1:{port}", HF_HUB_OFFLINE="1")
    assert unplugged.words("pull", "Unreachable", repo="ada/x") == (
        "the Hub cannot be reached for ada/x@main: is there a network?"
    )
    assert offline.words("pull", "Unreachable", repo="ada/x") == (
        "ada/x@main was not asked for: HF_HUB_OFFLINE switches the network off."
    )
    waiting = Client(tmp_path / "d", server.url, HF_HUB_ETAG_TIMEOUT="1")
    server.faults.append(Fault("", "stall"))
    assert waiting.words("pull", "Unreachable", repo="ada/x") == (
        "the Hub did not answer in time about ada/x@main; try again later."
    )
    for running in (unplugged, offline, waiting):
        running.close()


# Tokens and endpoints


def test_an_endpoint_that_nobody_vouches_for_gets_no_request(server: TestHub, published: str, tmp_path: Path) -> None:
    elsewhere = Client(tmp_path / "c", f"http://0.0.0.0:{server.server_port}", HF_TOKEN=CANARY)
    seen = len(server.requests)
    words = elsewhere.words("pull", repo=published)
    assert words.startswith(
        f"HF_ENDPOINT is 'http://0.0.0.0:{server.server_port}', which is not one of https://huggingface.co"
    )
    assert "ZOO_TRUST_ENDPOINT=1" in words and len(server.requests) == seen
    trusted = elsewhere.ask("pull", environment={"ZOO_TRUST_ENDPOINT": "1"}, repo=published)
    assert "value" in trusted and len(server.requests) > seen
    elsewhere.close()


def test_a_token_never_appears_in_words_logs_files_or_at_another_host(
    client: Client, server: TestHub, folder: Path, published: str
) -> None:
    replies = [client.ask("push", folder_or_name=str(folder), to="ada/canary", token=CANARY)]
    replies.append(client.ask("pull", repo="ada/canary", token=CANARY))
    replies.append(client.ask("locate", environment={"HF_TOKEN": CANARY}, name_or_repo_or_folder="ada/canary"))
    for status in (401, 403, 418, 500):
        said = f"refused: Authorization: Bearer {CANARY}"
        server.faults[:] = [Fault("", "status", status, {"X-Error-Message": said}, said)]
        replies.append(client.ask("pull", repo=published, token=CANARY))
        replies.append(client.ask("push", folder_or_name=str(folder), to="ada/canary2", token=CANARY))
        assert "error" in replies[-1] and "error" in replies[-2]
    server.faults.clear()
    (folder / "recipe.json").write_text(json.dumps({"command": f"HF_TOKEN={CANARY} python -m train dcgan"}))
    replies.append(client.ask("push", folder_or_name=str(folder), to="ada/canary", token=CANARY))
    assert "recipe.json holds a token; nothing was sent" in replies[-1]["message"]
    assert CANARY not in json.dumps(replies) and any(reply["log"] for reply in replies)
    for path in client.home.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
    for repository in server.repositories.values():
        for commit in repository.commits.values():
            assert CANARY not in commit.message and not any(
                CANARY.encode() in blob.data for blob in commit.tree.values()
            )
    elsewhere = [(path, token) for _, path, token in server.requests if path.startswith(("/cdn/", "/lfs/"))]
    assert elsewhere and not any(token for _, token in elsewhere)
    assert any(CANARY in token for _, _, token in server.requests), "the token did reach the Hub itself"


# Where a name leads


def test_a_bare_name_leads_to_the_bundled_weights_without_any_request(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    shutil.copytree(made, tmp_path / "dcgan.mnist")
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    monkeypatch.delenv("ZOO_NAMESPACE", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert hub.locate("dcgan.mnist") == hub.Location(tmp_path / "dcgan.mnist", "bundled")
    assert hub.resolve(tmp_path / "dcgan.mnist") == tmp_path / "dcgan.mnist"
    with pytest.raises(hub.HubError, match="perhaps you meant 'dcgan"):
        hub.resolve("dcgan.minst")
    with pytest.raises(hub.HubError, match="bundled weights have no revisions"):
        hub.resolve("dcgan.mnist@v1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(hub.HubError, match="holds no checkpoint: it has no config"):
        hub.resolve(tmp_path / "empty")
    for text in (
        "",
        ".",
        "..",
        "a/b/c",
        "../x",
        "a b",
        "\x00",
        "\ud800",
        "x" * 1_000_000,
        "~nobody/x/y",
        "a/b@",
        "名/字",
    ):
        with pytest.raises(hub.HubError) as caught:
            hub.resolve(text)
        assert len(str(caught.value)) < 1000


def test_a_namespace_sends_a_bare_name_to_the_hub_and_falls_back_with_a_note(
    client: Client, server: TestHub, made: Path
) -> None:
    bundled = Path(shutil.copytree(made, client.pretrained / "dcgan.mnist"))
    place(server, "ada/dcgan.mnist", made, **{"README.md": b"# from the Hub\n"})

    def locate(name: str = "dcgan.mnist", namespace: str = "ada") -> tuple[Path, str, str, list[str]]:
        reply = client.ask("locate", environment={"ZOO_NAMESPACE": namespace}, name_or_repo_or_folder=name)
        assert "value" in reply, reply
        value = reply["value"]
        return (
            Path(value["folder"]),
            value["origin"],
            value["note"],
            [line for line in reply["log"] if "Going on" in line],
        )

    server.faults.append(Fault("", "status", 500))
    folder, origin, note, warned = locate()
    assert (folder, origin, warned) == (bundled, "bundled", [note])
    assert note == (
        "the Hub has a fault of its own (500) over ada/dcgan.mnist: try again later. "
        "Going on with the weights that are bundled with the zoo."
    )
    server.faults[:] = [Fault("GET .*cdn.*safetensors", "corrupt")]
    folder, origin, note, _ = locate()
    assert (folder, origin) == (bundled, "bundled") and "came damaged" in note
    server.faults.clear()
    pulled, origin, note, _ = locate()
    assert (origin, note) == ("hub", "") and (pulled / "README.md").read_bytes() == b"# from the Hub\n"
    server.faults.append(Fault("", "drop"))
    folder, origin, note, _ = locate()
    assert (folder, origin) == (pulled, "cache")
    assert note.endswith("try again. Going on with the last verified copy in the cache.")
    (pulled / "model.safetensors").resolve().write_bytes(b"damaged")
    folder, origin, note, _ = locate()
    assert (folder, origin) == (bundled, "bundled")
    assert_nothing_kept(client, "ada/dcgan.mnist", "model.safetensors")
    server.faults.clear()
    folder, origin, note, _ = locate(namespace="nobody")
    assert (folder, origin) == (bundled, "bundled") and "does not exist, or is private" in note


def test_a_repository_of_its_own_falls_back_to_its_verified_copy_only(
    client: Client, server: TestHub, published: str, made: Path
) -> None:
    server.faults.append(Fault("", "drop"))
    words = client.words("locate", "Unreachable", name_or_repo_or_folder=published)
    assert words == f"the connection to the Hub broke off over {published}@main; try again."
    server.faults.clear()
    old = client.value("locate", name_or_repo_or_folder=published)
    place(server, published, made, **{"model.safetensors": b"not a checkpoint"})
    new = client.value("locate", name_or_repo_or_folder=published)
    assert (new["folder"], new["origin"]) == (old["folder"], "cache")
    assert "is not a whole safetensors file" in new["note"] and "Going on with the last verified copy" in new["note"]
    server.repositories[published].private = True
    assert "does not exist, or is private" in client.words("locate", name_or_repo_or_folder=published)
