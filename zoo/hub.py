"""The Hub: `push` a checkpoint folder as one release, `pull` one into the client's own cache, `resolve` a name.

The client (huggingface_hub) checks the size of what it downloads and nothing else, so every file is compared here
with the Hub's record: sha256 for large files, git's sha1 for small ones. Only the kinds of files that
`zoo.checkpoint` reads are ever pushed or pulled. Whatever goes wrong becomes a `HubError` whose words say what to do.
"""

from __future__ import annotations

import hashlib
import importlib.util
import ipaddress
import logging
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from zoo import __version__, checkpoint
from zoo.config import suggestion
from zoo.hub_faults import Damaged, HubError, Unpaid, Unreachable, in_words, short, without_tokens

if TYPE_CHECKING:
    from huggingface_hub import HfApi, SpaceHardware

    from zoo.hub_limits import Patience

__all__ = [
    "Damaged",
    "HubError",
    "Location",
    "Release",
    "Unpaid",
    "Unreachable",
    "check_target",
    "held_copy",
    "locate",
    "models_of",
    "publish",
    "pull",
    "push",
    "resolve",
]

PRETRAINED = Path(__file__).parent / "pretrained"
WITHIN = "zoo"
"""Folder of a repository that holds the checkpoint where the files of another library stand at the top."""
TRUSTED_ENDPOINTS = ("https://huggingface.co", "https://hf-mirror.com")
MAX_BYTES = 2 << 30
MAX_FILES = 5000
_REPO = re.compile(r"(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?", re.ASCII)
_NAME = re.compile(r"(\w[\w.-]*)(?:@(\w[\w./-]*))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TEXT_SUFFIXES = frozenset((".json", ".jsonl", ".md", ".txt", ".py", ".js", ".mjs", ".html", ".css", ".yaml", ".toml"))
_WRITING = threading.Lock()
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """What `push` left on the Hub. `changed` counts files added, replaced or deleted: 0 when no commit was made."""

    repo: str
    commit: str
    tag: str
    changed: int
    url: str

    def __str__(self) -> str:
        state = f"{self.changed} files in one commit" if self.changed else "unchanged, no commit made"
        return f"{self.repo}@{self.tag} · {state} · {self.commit[:12]} · {self.url}"


@dataclass(frozen=True)
class Location:
    """Where a name led. `note` is empty, or says in words why it is not the Hub's current release."""

    folder: Path
    origin: Literal["folder", "hub", "cache", "bundled"]
    note: str = ""


@dataclass(frozen=True)
class _Remote:
    """A revision as the Hub records it. `files` holds the allowed kinds only: name -> (bytes, sha256 or git sha1)."""

    repo: str
    commit: str
    files: dict[str, tuple[int, str]]
    private: bool = False


def resolve(name_or_repo_or_folder: str | Path, *, namespace: str = "") -> Path:
    """The local folder of a checkpoint; see `locate`."""
    return locate(name_or_repo_or_folder, namespace=namespace).folder


def locate(name_or_repo_or_folder: str | Path, *, namespace: str = "") -> Location:
    """Find a checkpoint: a local folder, else `user/repo[@revision]` on the Hub, else a zoo name.

    A bare name is looked for as `<namespace>/<name>` on the Hub when `namespace` or ZOO_NAMESPACE is set, else only
    among the bundled folders, without any request. When the Hub cannot serve, or what came is damaged, a warning says
    so and the last verified copy in the cache is used; a bare name goes on with its bundled folder in every case.
    Raises HubError when nothing usable is left, or the argument is none of the three.
    """
    text = os.fspath(name_or_repo_or_folder)
    folder = os.path.expanduser(text)
    if any(os.path.isfile(os.path.join(folder, within, "config.json")) for within in ("", WITHIN)):
        return Location(_checkpoint_in(Path(folder)), "folder")
    if os.path.isdir(folder) and text not in _bundled():
        raise HubError(f"the folder {short(text)} holds no checkpoint: it has no config.json")
    if _REPO.fullmatch(text):
        return _pull_or_fall_back(text, None)
    named = _NAME.fullmatch(text)
    if named is None:
        raise HubError(
            f"{short(text)} is neither a folder with a config.json, nor a Hub id (user/repo or user/repo@revision), "
            f"nor a name of this zoo{suggestion(text[:80], _bundled())}"
        )
    namespace = namespace or os.environ.get("ZOO_NAMESPACE", "")
    bundled = PRETRAINED / named[1] if named[1] in _bundled() else None
    if namespace:
        return _pull_or_fall_back(f"{namespace}/{text}", bundled)
    if bundled is None:
        raise HubError(f"no bundled checkpoint is named {short(named[1])}{suggestion(named[1][:80], _bundled())}")
    if named[2]:
        raise HubError(
            f"{short(text)}: bundled weights have no revisions; name a repository, as in user/repo@{named[2]}"
        )
    return Location(bundled, "bundled")


def pull(repo: str, *, token: str | None = None) -> Path:
    """Bring `user/repo[@revision]` (revision: branch, tag or commit; default main) into the Hub client's cache.

    The revision is resolved to a commit, config.json is checked before the weights are asked for, every file is
    compared with the Hub's record, and the whole is loaded once before it counts as pulled. Of a repository that holds
    the checkpoint in the folder WITHIN, only that folder is fetched. A commit that was pulled before makes no request.
    Returns the folder. Raises HubError, or its kinds Unreachable and Damaged.
    """
    name, revision = _parse(repo)
    if _COMMIT.fullmatch(revision) and (held := held_copy(name, revision)):
        return held
    if importlib.util.find_spec("torch") is None:
        raise HubError(
            f"{name} is not fetched: what comes from the Hub is opened by PyTorch, which is left out here "
            "(`pip install torch` adds it); the bundled checkpoints work without"
        )
    from zoo.hub_limits import Patience

    api = _api(token)
    try:
        with Patience().watched() as patience:
            remote, folder = _fetched(api, name, revision, patience)
        if _recorded(name, revision) != remote:
            checkpoint.load(folder)
    except checkpoint.CheckpointError as error:
        raise Damaged(f"{name}@{revision} is refused: {error}") from error
    _record(remote, revision)
    return folder


def _fetched(api: HfApi, name: str, revision: str, patience: Patience) -> tuple[_Remote, Path]:
    """What the Hub records of a revision, and the folder of its files; those of other libraries are left there."""
    from zoo.hub_limits import limited

    with limited(patience, name, revision, str(api.token or "")):
        remote = _look_up(api, name, revision)
    if f"{WITHIN}/config.json" in remote.files:
        files = {file: record for file, record in remote.files.items() if file.startswith(f"{WITHIN}/")}
        remote = replace(remote, files=files)
    config = _config_of(remote)
    for needed in (config, config.replace("config.json", "model.safetensors")):
        if needed not in remote.files:
            raise Damaged(f"{name}@{revision} is no checkpoint of this zoo: it has no {needed}")
    total = sum(size for size, _ in remote.files.values())
    if total > MAX_BYTES or len(remote.files) > MAX_FILES:
        raise Damaged(
            f"{name}@{revision} has {len(remote.files):,} files of {total:,} bytes in all; "
            f"at most {MAX_FILES:,} files and {MAX_BYTES:,} bytes are pulled"
        )
    folder = _fetch(api, remote, config, patience).parent
    checkpoint.describe(folder)
    patience.refill()  # that was our own time
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda file: _fetch(api, remote, file, patience), sorted(remote.files)))
    return remote, folder


def push(
    folder_or_name: str | Path, to: str, private: bool = False, token: str | None = None, tag: str | None = None
) -> Release:
    """Release a checkpoint folder (or a bundled name) as the repository `to`: one commit, then a tag.

    It is sent as it is; `zoo.release.push` first adds what opens it in other libraries.
    The tag is the next free of v1, v2, ... unless given. The repository's files become those of the folder: files of
    the allowed kinds that the folder no longer holds are deleted. When nothing differs, no commit and no tag is made
    (a tag that an interrupted push left out is made good). Raises HubError; nothing is sent when the checkpoint does
    not load, a text file of it holds a token, or `private` is asked of a repository that is public.
    """
    text, folder = os.fspath(folder_or_name), own_folder(folder_or_name)
    check_target(to, tag)
    try:
        loaded = checkpoint.load(_checkpoint_in(folder))
    except (ValueError, OSError) as error:
        raise HubError(f"{short(text)} is not pushed, for it does not load: {error}") from error
    description = f"sha256 of model.safetensors: {loaded.sha256}"
    return publish(folder, to, loaded.name, description, private=private, token=token, tag=tag)


def own_folder(folder_or_name: str | Path) -> Path:
    """The folder that is meant: a path, or that of a bundled name. It may not exist."""
    text = os.fspath(folder_or_name)
    return PRETRAINED / text if text in _bundled() and not os.path.isdir(text) else Path(os.path.expanduser(text))


def publish(
    folder: Path,
    to: str,
    title: str,
    description: str,
    *,
    kind: Literal["model", "space"] = "model",
    allowed: Callable[[PurePosixPath], bool] | None = None,
    private: bool = False,
    token: str | None = None,
    tag: str | None = None,
    sdk: str | None = None,
    hardware: SpaceHardware | None = None,
) -> Release:
    """Make the files of the repository `to` those of `folder`: one commit, then a tag; see `push`.

    `allowed` says which files count on both sides (those of a checkpoint unless given). `sdk` and `hardware` are a
    Space's: "gradio" or "static", and where it runs. Raises HubError, its kind Unpaid for a 402.
    """
    check_target(to, tag)
    api = _api(token)
    if not api.token:
        raise HubError("pushing needs a token that may write: set HF_TOKEN, or log in with `hf auth login`")
    files = files_of(folder, str(api.token), allowed or _allowed)
    with _asking(api, to):
        api.create_repo(
            to, repo_type=kind, private=private or None, exist_ok=True, space_sdk=sdk, space_hardware=hardware
        )
    remote = _look_up(api, to, kind=kind, allowed=allowed or _allowed)
    if private and not remote.private:
        raise HubError(f"{to} exists and is public, and a push does not change that; nothing was sent")
    release = _release(api, remote, files, title, description, tag, kind)
    if hardware is not None:
        with _asking(api, to):
            runtime = api.get_space_runtime(to)
            if hardware not in (runtime.hardware, runtime.requested_hardware):
                api.request_space_hardware(to, hardware)
    return release


def models_of(namespace: str, token: str | None = None) -> set[str]:
    """Hub ids of the models of a user or organisation, as far as the token may see them. Raises HubError."""
    api = _api(token)
    with _asking(api, namespace):
        return {model.id for model in api.list_models(author=namespace)}


def check_target(to: str, tag: str | None = None) -> None:
    """Raise HubError unless `to` can be pushed to, and `tag`, if given, can be a tag."""
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", to, re.ASCII):
        raise HubError(f"{short(to)} cannot be pushed to; name a repository as user/repo, without a revision")
    if tag is not None and not re.fullmatch(r"\w[\w.-]{0,99}", tag, re.ASCII):
        raise HubError(f"{short(tag)} cannot be a tag; letters, digits, '.', '_' and '-' are allowed")


def _release(
    api: HfApi,
    remote: _Remote,
    files: dict[str, Path],
    title: str,
    description: str,
    tag: str | None,
    kind: Literal["model", "space"],
) -> Release:
    """Commit what differs between `remote` and `files` (name -> file), and tag it."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    to = remote.repo
    added = [name for name, path in files.items() if name not in remote.files or not _is(path, remote.files[name][1])]
    deleted = sorted(remote.files.keys() - files.keys())
    with _asking(api, to):
        tags = {one.name: one.target_commit for one in api.list_repo_refs(to, repo_type=kind).tags}
    if tag in tags and (added or deleted or tags[tag] != remote.commit):
        raise HubError(f"{to} has a tag {tag} already, on commit {tags[tag][:12]}; nothing was sent")
    numbers = [int(name[1:]) for name in tags if re.fullmatch(r"v[0-9]{1,9}", name)]
    commit = remote.commit
    if added or deleted:
        tag = tag or f"v{max(numbers, default=0) + 1}"
        with _asking(api, to):
            commit = api.create_commit(
                to,
                [
                    *(CommitOperationAdd(name, files[name]) for name in added),
                    *(CommitOperationDelete(name, is_folder=False) for name in deleted),
                ],
                commit_message=f"Release {tag} of {title}",
                commit_description=description,
                repo_type=kind,
                parent_commit=remote.commit,
            ).oid
    else:
        tag = tag or next((name for name, target in tags.items() if target == commit), None)
        tag = tag or f"v{max(numbers, default=0) + 1}"
    if tag not in tags:
        with _asking(api, to):
            api.create_tag(to, tag=tag, revision=commit, tag_message=title, repo_type=kind)
    place = "" if kind == "model" else f"{kind}s/"
    return Release(to, commit, tag, len(added) + len(deleted), f"{api.endpoint}/{place}{to}")


def _checkpoint_in(folder: Path) -> Path:
    """Where in a copy of a repository the checkpoint is: at the top, or within."""
    return folder / WITHIN if (folder / WITHIN / "config.json").is_file() else folder


def _config_of(remote: _Remote) -> str:
    """The name of the checkpoint's config.json among the files of a repository."""
    return f"{WITHIN}/config.json" if f"{WITHIN}/config.json" in remote.files else "config.json"


def _bundled() -> list[str]:
    return sorted(path.parent.name for path in PRETRAINED.glob("*/config.json"))


def _parse(repo: str) -> tuple[str, str]:
    match = _REPO.fullmatch(repo)
    if match is None or ".." in repo:
        raise HubError(f"{short(repo)} is not a Hub id; write user/repo or user/repo@revision")
    return match[1], match[2] or "main"


def _pull_or_fall_back(repo: str, bundled: Path | None) -> Location:
    try:
        return Location(pull(repo), "hub")
    except HubError as error:
        # A copy of what the Hub now refuses (401, 403, 404) is not used: its owner may have taken it back.
        held = held_copy(*_parse(repo)) if isinstance(error, Unreachable | Damaged) else None
        folder = held or bundled
        if folder is None:
            raise
        origin: Literal["cache", "bundled"] = "cache" if held else "bundled"
        which = "the last verified copy in the cache" if held else "the weights that are bundled with the zoo"
        note = f"{error} Going on with {which}."
        logger.warning("%s", note)
        return Location(folder, origin, note)


def _api(token: str | None) -> HfApi:
    """A client of the configured endpoint. An endpoint that nobody vouches for gets neither a token nor a request."""
    from huggingface_hub import HfApi, constants, get_token

    endpoint = constants.ENDPOINT
    host = urlsplit(endpoint).hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and endpoint not in TRUSTED_ENDPOINTS and os.environ.get("ZOO_TRUST_ENDPOINT") != "1":
        raise HubError(
            f"HF_ENDPOINT is {short(without_tokens(endpoint))}, which is not one of {', '.join(TRUSTED_ENDPOINTS)}: it "
            "would receive your token and choose the files. Unset it, or set ZOO_TRUST_ENDPOINT=1 if you trust it."
        )
    implicit = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return HfApi(endpoint=endpoint, token=token or implicit, library_name="zoo", library_version=__version__)


def _asking(api: HfApi, repo: str, revision: str = "main", file: str = "") -> AbstractContextManager[None]:
    return in_words(repo, revision, str(api.token or ""), file)


def _look_up(
    api: HfApi,
    repo: str,
    revision: str = "main",
    kind: Literal["model", "space"] = "model",
    allowed: Callable[[PurePosixPath], bool] | None = None,
) -> _Remote:
    """Ask the Hub, in one request that is not retried, for a revision's commit and the record of its files."""
    from huggingface_hub import constants

    with _asking(api, repo, revision):
        ask = api.space_info if kind == "space" else api.model_info
        info = ask(repo, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        files = {}
        for file in info.siblings or []:
            path = PurePosixPath(file.rfilename)
            if not (allowed or _allowed)(path):
                continue
            strange = path.is_absolute() or ".." in path.parts or path.as_posix() != file.rfilename
            if strange or re.search(r"[\\:\x00-\x1f]|.{200}", file.rfilename):
                raise Damaged(f"{repo}@{revision} names a file {short(file.rfilename)}, which cannot be one of ours")
            oid = file.lfs.sha256 if file.lfs else file.blob_id
            if type(file.size) is not int or file.size < 0 or not _OID.fullmatch(str(oid)):
                raise Damaged(f"{repo}@{revision}: the Hub's record of {short(file.rfilename)} has no size or no hash")
            files[file.rfilename] = (file.size, str(oid))
        if not _COMMIT.fullmatch(str(info.sha)):
            raise Damaged(f"{repo}@{revision} leads to {short(str(info.sha))}, which is not a commit")
    return _Remote(repo, str(info.sha), files, private=bool(info.private))


def _fetch(api: HfApi, remote: _Remote, name: str, patience: Patience) -> Path:
    """One file in the cache, with the bytes that the Hub records; a damaged copy is removed and fetched once more."""
    from huggingface_hub import try_to_load_from_cache

    from zoo.hub_limits import limited

    size, oid = remote.files[name]
    about = (remote.repo, remote.commit[:12], str(api.token or ""))
    for _ in range(2):
        with _asking(api, remote.repo, remote.commit[:12], name):
            cached = try_to_load_from_cache(remote.repo, name, revision=remote.commit)
            if not isinstance(cached, str):
                with limited(patience, *about, file=name, commit=remote.commit, size=size, etag=oid):
                    cached = api.hf_hub_download(remote.repo, name, revision=remote.commit)
        path = Path(cached)
        if _is(path, oid):
            patience.refill()
            return path
        _discard(path, f"{remote.repo}@{remote.commit[:12]}/{name}")
    raise Damaged(
        f"{remote.repo}@{remote.commit[:12]}: {name} came damaged, twice: its bytes do not have the hash {oid[:12]}... "
        "that the Hub records. Both copies were removed; try again later."
    )


def _is(path: Path, oid: str) -> bool:
    """Whether the file's sha256 (64 hex digits) or git blob sha1 (40) is `oid`."""
    if len(oid) == 64:
        return checkpoint.sha256_of(path) == oid
    header = b"blob %d\0" % path.stat().st_size
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(header, usedforsecurity=False)).hexdigest() == oid


def _discard(path: Path, name: str) -> None:
    logger.warning("the copy of %s in the cache is damaged and was removed", name)
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _allowed(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") and part != ".." for part in path.parts)
    return path.suffix in checkpoint.ALLOWED_SUFFIXES and not hidden


def files_of(folder: Path, token: str = "", allowed: Callable[[PurePosixPath], bool] = _allowed) -> dict[str, Path]:
    """The files of a release by name. Raises HubError when there is too much, or a text file holds a token."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    found = {name: path for name, path in found.items() if allowed(PurePosixPath(name))}
    total = sum(path.stat().st_size for path in found.values())
    if total > MAX_BYTES or len(found) > MAX_FILES:
        raise HubError(
            f"{folder} has {len(found):,} files of {total:,} bytes; {MAX_FILES:,} and {MAX_BYTES:,} are allowed"
        )
    for path in found.values():
        if path.suffix in _TEXT_SUFFIXES:
            text = path.read_text(encoding="utf-8", errors="replace")
            if without_tokens(text, token) != text:
                name = path.relative_to(folder)
                raise HubError(f"{name} holds a token; nothing was sent. Take it out, and make a new token on the Hub.")
    return found


def _manifest(repo: str, revision: str) -> Path:
    from huggingface_hub import cached_assets_path

    return cached_assets_path("zoo", namespace=repo, subfolder=revision) / "release.json"


def _record(remote: _Remote, revision: str) -> None:
    """Keep what was verified, so that the cached files can be checked when the Hub cannot be asked."""
    try:
        with _WRITING:
            for known_as in {revision, remote.commit}:
                checkpoint.write_json(_manifest(remote.repo, known_as), asdict(remote))
    except OSError as error:
        logger.info("%s is not kept for use without the Hub: %s", remote.repo, error)


def _recorded(repo: str, revision: str) -> _Remote | None:
    try:
        values = checkpoint.read_json(_manifest(repo, revision))
        files = {str(name): (int(size), str(oid)) for name, (size, oid) in values["files"].items()}
        return _Remote(str(values["repo"]), str(values["commit"]), files, bool(values["private"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def held_copy(repo: str, revision: str) -> Path | None:
    """The folder of the release of `revision` that was last verified, if every file of it is still whole."""
    from huggingface_hub import try_to_load_from_cache

    remote = _recorded(repo, revision)
    if remote is None:
        return None
    for name, (_, oid) in remote.files.items():
        cached = try_to_load_from_cache(repo, name, revision=remote.commit)
        if not isinstance(cached, str):
            return None
        if not _is(Path(cached), oid):
            _discard(Path(cached), f"{repo}@{remote.commit[:12]}/{name}")
            return None
    config = try_to_load_from_cache(repo, _config_of(remote), revision=remote.commit)
    return Path(config).parent if isinstance(config, str) else None
