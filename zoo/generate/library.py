"""The checkpoints that can be used here: what there is, read without torch, and each loaded once when first wanted."""

from __future__ import annotations

import ast
import importlib.util
import logging
import math
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from zoo import entry, hub, registry
from zoo.checkpoint import CheckpointError, load, read_json, sha256_of, shapes_of
from zoo.config import suggestion
from zoo.engine import Network
from zoo.engine.graphs import FILE as GRAPHS
from zoo.engine.graphs import Graphs, has_graphs
from zoo.generate.inputs import InputError, quoted, words
from zoo.generate.provenance import Record
from zoo.runtime import in_a_rush

__all__ = [
    "DEFAULTS",
    "InputError",
    "Source",
    "add",
    "choices",
    "choices_by_task",
    "config_of",
    "does",
    "figure_of",
    "figures_of",
    "folder_of",
    "get",
    "image_size_of",
    "labels_of",
    "licence_of",
    "names",
    "recipe_of",
    "source_of",
    "table",
    "tasks_of",
    "whole_of",
]

DEFAULTS = {
    entry.TEXT_GENERATION: "gpt.shakespeare",
    entry.IMAGE_GENERATION: "dcgan.mnist",
    entry.IMAGE_AUTOENCODING: "vae.mnist",
    entry.FILL_MASK: "bert.dialogue",
    entry.TEXT_CLASSIFICATION: "bert.topic",
    entry.RETRIEVAL: "bert.retrieval",
    entry.AUDIO_GENERATION: "wavenet.spoken-digits",
    entry.NOTE_GENERATION: "wavenet.notes",
    entry.SOUND_GENERATION: "wavegan.drums",
    entry.MUSIC_GENERATION: "music_transformer.chorales",
    entry.VOCODING: "waveglow.telephone",
    entry.TEXT_TO_SPEECH: "tts.telephone",
    entry.ANY_TO_ANY: "trimodal_digits.digits",
    entry.IMAGE_TEXT_MATCHING: "contrastive.emoji",
    entry.TEXT_TO_IMAGE: "text_to_image.emoji",
    entry.CAPTIONING: "captioner.emoji-digits",
}
"""What a task uses unless something else is chosen; it stands first among the choices."""
MAX_LOADED = 12
MAX_LOADED_BYTES = 128 << 20
"""Checkpoints, and bytes of their weights as float32, that stay in memory; the least recently used goes first."""
RUSH = 2
"""How many times as much may stay in a rush: what many visitors want would otherwise be opened again and again."""
MAX_ADDED = 32
"""Checkpoints that `add` keeps among the choices; the oldest goes first."""

_log = logging.getLogger("zoo.generate")
_lock = threading.Lock()  # guards the three tables below, and is never held while a checkpoint loads
_loaded: OrderedDict[Path, tuple[Loaded, int]] = OrderedDict()
_loading: dict[Path, threading.Lock] = {}
_added: OrderedDict[str, Path] = OrderedDict()


@dataclass(frozen=True)
class Loaded:
    """A checkpoint ready to run. `sha256` is that of its weights."""

    folder: Path
    name: str
    labels: tuple[str, ...]
    sha256: str
    network: Network
    metrics: dict[str, Any]
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Source:
    """Where a result came from. `figure` is the headline figure in words, `sha256` that of the weights.

    `record` is what a file that holds the result says of itself (`zoo.generate.provenance`).
    """

    name: str
    sha256: str
    seed: int | None
    figure: str
    licence: str
    record: Record

    def line(self) -> str:
        """One quiet line, such as "dcgan.mnist · seed 7 · judge agreement 98.9 % · Apache-2.0 · weights 1a2b3c4d"."""
        parts = (
            self.name,
            "" if self.seed is None else f"seed {self.seed}",
            self.figure,
            "products of 8 bits" if self.record.parameters.get("bits") == 8 else "",
            self.licence,
            f"weights {self.sha256[:8]}",
        )
        return " · ".join(part for part in parts if part)


def source_of(
    found: Loaded,
    name: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    seed: int | None = None,
    parents: tuple[Record, ...] = (),
) -> Source:
    """The source of something that checkpoint `found`, chosen as `name`, made by `operation` of zoo.generate.

    `parameters` are what the operation was given besides its model and the seed: with them it can be made again.
    """
    licence = licence_of(found.recipe)
    repo, revision = _release(found.folder)
    model = "".join(c for c in repo or found.name if c.isprintable())[:200]
    stated = "".join(c for c in licence if c.isprintable())
    record = Record(operation, model, revision, found.sha256, seed, parameters, parents, stated)
    return Source(name, found.sha256, seed, figure_of(found.metrics), licence, record)


def _release(folder: Path) -> tuple[str, str]:
    """Repository and commit of a folder in the Hub client's cache, models--user--repo/snapshots/<commit>; else ""."""
    found = re.search(r"/models--([^/]+)--([^/]+)/snapshots/([0-9a-f]{40})(?:/|$)", folder.as_posix())
    return (f"{found[1]}/{found[2]}", found[3]) if found else ("", "")


def figure_of(metrics: dict[str, Any]) -> str:
    """The headline figure of metrics.json in words: "judge agreement 98.9 %", "loss 1.52 nats a character", or ""."""
    figures = metrics.get("figures")
    first = figures[0] if isinstance(figures, list) and figures else None
    if not isinstance(first, dict) or not isinstance(first.get("name"), str):
        return ""
    value, unit = first.get("value"), first.get("unit", "")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    name = first["name"][:60]
    if unit == "share":
        return f"{name} {100 * value:.1f} %"
    amount = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{name} {amount} {str(unit)[:40]}".rstrip()


def licence_of(recipe: dict[str, Any]) -> str:
    """The licence of the weights as it is commonly written: "Apache-2.0", "CC-BY-SA-4.0"; "" when none is stated."""
    stated = recipe.get("licence_weights")
    if not isinstance(stated, str):
        return ""
    parts = stated[:40].split("-")
    return "-".join(part.upper() if part in ("cc", "by", "sa", "nc", "mit") else part.capitalize() for part in parts)


@cache
def tasks_of(model: str) -> tuple[str, ...]:
    """Tasks of the model's ENTRY, read from its source text: importing the file would import torch.

    An ENTRY that is not written out plainly is imported after all. Raises ValueError for an unknown model.
    """
    path = next(Path(registry.__file__).parent.glob(f"models/{registry.modality(model)}/{model}.py"))
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        if not any(isinstance(target, ast.Name) and target.id == "ENTRY" for target in node.targets):
            continue
        for keyword in node.value.keywords:
            if keyword.arg == "tasks" and isinstance(keyword.value, ast.Tuple):
                given = [e.id for e in keyword.value.elts if isinstance(e, ast.Name)]
                found = tuple(str(getattr(entry, name, "")) for name in given)
                if len(found) == len(keyword.value.elts) and all(task in entry.TASKS for task in found):
                    return found
    return registry.entry(model).tasks


def does(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Tasks of one checkpoint, from its config.json: those of its model that it has the heads for."""
    config = values.get("config")
    return entry.with_heads(tasks_of(values["model"]), config if isinstance(config, dict) else {})


def _folders() -> dict[str, Path]:
    """Every choice and its folder: the bundled checkpoints, then the added ones."""
    root = str(hub.PRETRAINED)  # as text: a page asks a hundred times, and Path.glob takes five times as long
    inside = sorted(os.listdir(root)) if os.path.isdir(root) else []
    bundled = {name: hub.PRETRAINED / name for name in inside if os.path.isfile(f"{root}/{name}/config.json")}
    with _lock:
        return bundled | {name: folder for name, folder in _added.items() if name not in bundled}


def _folder(name: str) -> Path | None:
    """The folder of a choice, or None where there is none of that name."""
    bundled = hub.PRETRAINED / name
    if os.path.basename(name) == name not in ("", ".", "..") and os.path.isfile(f"{bundled}/config.json"):
        return bundled
    with _lock:
        return _added.get(name)


def names() -> list[str]:
    """Every choice, whatever it does. Reads no file."""
    return list(_folders())


def _configs() -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Name, folder and config.json of every choice whose model this zoo has. Imports no model."""
    for name, folder in _folders().items():
        try:
            values = read_json(folder / "config.json")
        except CheckpointError as error:
            _log.warning("%s is left out: %s", name, error)
            continue
        if values.get("model") in registry.names():
            yield name, folder, values


def choices(task: str) -> list[str]:
    """Names of the checkpoints that do `task`, its default first. Reads config.json only; torch is not imported."""
    return choices_by_task().get(task, [])


def choices_by_task() -> dict[str, list[str]]:
    """`choices` of every task that has any, in the order of entry.TASKS."""
    found: dict[str, list[str]] = {task: [] for task in entry.TASKS}
    for name, _, values in _configs():
        for task in does(values):
            found[task].append(name)
    return {task: sorted(of, key=lambda name: name != DEFAULTS.get(task)) for task, of in found.items() if of}


def _chosen(name: str, task: str | None = None) -> tuple[str, Path]:
    """The choice `name` and its folder. Raises InputError naming what exists when there is none, or not for `task`."""
    text = words("the model", name, longest=400).strip()
    if _folder(text) is None and ("/" in text or os.path.isdir(text)):
        text = add(text)
    folder = _folder(text)
    if folder is not None:
        if task is None:
            return text, folder
        values = _read(text, folder / "config.json")
        if values.get("model") in registry.names() and task in does(values):
            return text, folder
    known = choices(task) if task else list(_folders())
    if not known:
        raise InputError(f"no checkpoint{f' for {task}' if task else ''} is installed; load one in the Models tab")
    wanted = f" for {task}" if folder is not None else ""
    raise InputError(f"no checkpoint{wanted} is named {quoted(text)}{suggestion(text[:60], known)}")


def folder_of(name: str) -> Path:
    """The folder of a choice; nothing is loaded. Raises InputError."""
    return _chosen(name)[1]


def config_of(name: str, task: str | None = None) -> dict[str, Any]:
    """config.json of a choice that does `task`, unvalidated; torch is not imported. Raises InputError."""
    text, folder = _chosen(name, task)
    return _read(text, folder / "config.json")


def whole_of(name: str, field: str, task: str, default: int = 0) -> int:
    """A whole number from 0 to 1,000 that a choice's config states, `default` where it states none, 0 where it is not
    such a number. Nothing is loaded. Raises InputError."""
    config = config_of(name, task).get("config")
    value = config.get(field, default) if isinstance(config, dict) else 0
    return value if type(value) is int and 0 <= value <= 1000 else 0


def image_size_of(name: str, task: str) -> int:
    """Pixels a side of what a choice sees, 8 to 512, as its config says. Nothing is loaded. Raises InputError."""
    size = whole_of(name, "image_size", task)
    if not 8 <= size <= 512:
        raise InputError(f"{name} cannot be used: its config.json does not say how large its pictures are")
    return size


def labels_of(name: str, task: str | None = None) -> list[str]:
    """Class names of a choice, in the order of its class numbers. Raises InputError."""
    labels = config_of(name, task).get("labels")
    return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []


def recipe_of(name: str, task: str | None = None) -> dict[str, Any]:
    """recipe.json of a choice, or {} when it has none. Raises InputError."""
    text, folder = _chosen(name, task)
    path = folder / "recipe.json"
    return _read(text, path) if path.is_file() else {}


def figures_of(name: str) -> list[dict[str, Any]]:
    """What metrics.json of a choice states, as it stands there; none when it has none. Raises InputError."""
    text, folder = _chosen(name)
    path = folder / "metrics.json"
    found = _read(text, path).get("figures") if path.is_file() else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _read(name: str, path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except CheckpointError as error:
        raise InputError(f"{name} cannot be used: its {path.name} is damaged") from error


def get(name: str, task: str | None = None) -> Loaded:
    """The checkpoint of a choice, for `task` if given; loaded when first asked for, by one thread, then kept.

    A bundled name is looked for as `zoo.hub.resolve` does. Raises InputError for a name that is no choice, and for
    a checkpoint that cannot be loaded.
    """
    text, folder = _chosen(name, task)
    with _lock:
        added = text in _added
    if not added and os.environ.get("ZOO_NAMESPACE"):
        folder = _resolved(text)
    return _load(folder, text)


@cache
def _resolved(name: str) -> Path:
    """Where a bundled name leads when a namespace on the Hub stands before it; asked once a process."""
    try:
        return hub.resolve(name)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def _load(folder: Path, name: str) -> Loaded:
    with _lock:
        if folder in _loaded:
            _loaded.move_to_end(folder)
            return _loaded[folder][0]
        in_turn = _loading.setdefault(folder, threading.Lock())
    with in_turn:
        with _lock:
            if folder in _loaded:
                return _loaded[folder][0]
        try:
            found = opened(folder)
        except (CheckpointError, OSError) as error:
            raise InputError(f"{name} cannot be used: {error}") from error
        size = 4 * sum(math.prod(shape) for shape in shapes_of(folder / "model.safetensors").values())
        with _lock:
            _loaded[folder] = (found, size)
            _loading.pop(folder, None)
            room = RUSH if in_a_rush() else 1
            while len(_loaded) > 1 and (
                len(_loaded) > room * MAX_LOADED
                or sum(bytes_ for _, bytes_ in _loaded.values()) > room * MAX_LOADED_BYTES
            ):
                _loaded.popitem(last=False)
    return found


def opened(folder: Path) -> Loaded:
    """Open a checkpoint folder: by onnxruntime where it is one of this zoo's own with its graphs, else by torch.

    A graph is a program, if one without loops, files or network; so only those that came with this zoo are run, and a
    stranger's checkpoint passes the strict gate of `zoo.checkpoint.load`. Raises CheckpointError.
    """
    if has_graphs(folder) and _ours(folder):
        sha256 = sha256_of(folder / "model.safetensors")
        values = {
            key: read_json(folder / f"{key}.json") if (folder / f"{key}.json").is_file() else {}
            for key in ("config", "metrics", "recipe")
        }
        config = values["config"]
        name, labels = f"{config.get('model')}.{config.get('preset')}", tuple(config.get("labels", ()))
        return Loaded(folder, name, labels, sha256, Graphs(folder, sha256), values["metrics"], values["recipe"])
    if importlib.util.find_spec("torch") is None:
        raise CheckpointError(f"{folder.name} comes without graphs of this zoo, so it wants PyTorch: pip install torch")
    from zoo.engine.modules import Modules

    found = load(folder)
    return Loaded(
        found.folder, found.name, found.labels, found.sha256, Modules(found.model), found.metrics, found.recipe
    )


def _ours(folder: Path) -> bool:
    """Whether a folder's graphs.json is that of a bundled checkpoint: its hashes then pin graphs and weights."""
    if folder.parent == hub.PRETRAINED:
        return True
    stated = (folder / GRAPHS).read_bytes()
    return any(path.read_bytes() == stated for path in hub.PRETRAINED.glob(f"*/{GRAPHS}"))


def add(name_or_repo_or_folder: str) -> str:
    """Load any zoo checkpoint (a Hub id "user/repo[@revision]", or a local folder) and offer it among the choices.

    Returns its name there. Raises InputError saying what was wrong with the name or with what it led to. On a
    Space, where strangers ask, local folders are not read.
    """
    given = words("the checkpoint", name_or_repo_or_folder, longest=400).strip()
    if not given:
        raise InputError("name a checkpoint: a Hub id such as user/name or user/name@revision, or a local folder")
    if _folder(given) is not None:
        get(given)
        return given
    if os.environ.get("SPACE_ID") and (os.path.exists(os.path.expanduser(given)) or given[:1] in "/.~\\"):
        raise InputError(f"{quoted(given)} is a local path; here only a Hub id such as user/name can be loaded")
    try:
        found = hub.locate(given)
    except (ValueError, OSError) as error:  # HubError is one of them
        raise InputError(str(error)) from error
    folder = found.folder.resolve()
    loaded = _load(folder, given)
    with _lock:
        for name, known in _added.items():
            if known == folder:
                return name
    name = given if found.origin in ("hub", "cache") else loaded.name
    number, free = 2, name
    while _folder(free) is not None:
        free, number = f"{name} ({number})", number + 1
    with _lock:
        _added[free] = folder
        while len(_added) > MAX_ADDED:
            _added.popitem(last=False)
    return free


def table() -> list[dict[str, Any]]:
    """A row a checkpoint: name, task, parameters, megabytes, figure, licence, data, card (Markdown). No torch.

    `parameters` are as recipe.json says (or counted in the weights' header), `megabytes` the size of the weights.
    """
    from zoo.data.source import INFOS

    rows = []
    for name, folder, values in _configs():
        weights = folder / "model.safetensors"
        try:
            recipe, metrics = (
                read_json(path) if path.is_file() else {} for path in (folder / "recipe.json", folder / "metrics.json")
            )
            size = weights.stat().st_size
            parameters = recipe.get("parameters")
            if type(parameters) is not int:
                parameters = sum(map(_count, shapes_of(weights).values()))
        except (CheckpointError, OSError) as error:
            _log.warning("%s is left out: %s", name, error)
            continue
        dataset = recipe.get("dataset")
        rows.append(
            {
                "name": name,
                "task": (does(values) or tasks_of(values["model"]))[-1],  # the more special one
                "parameters": parameters,
                "megabytes": size / 1e6,
                "figure": figure_of(metrics),
                "licence": licence_of(recipe),
                "data": INFOS[dataset].title if dataset in INFOS else str(dataset or "")[:60],
                "card": _card(folder / "README.md"),
            }
        )
    return rows


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _card(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(100_000)
    except OSError:
        return ""
