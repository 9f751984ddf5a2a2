"""Resume states: everything a run needs back, as one safetensors file and a JSON manifest; no pickle.

A state is written to a temporary folder, synced, renamed, and only then are older ones removed; the newest whose
sha256 matches its manifest is used, a damaged one is named and passed over.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zoo.checkpoint import save_tensors

logger = logging.getLogger(__name__)
_MANIFEST, _TENSORS = "manifest.json", "state.safetensors"
_REPLACED = ".replaced"
KEPT = 2
"""States kept: the newest, and the one before it in case the newest is damaged."""


def flatten(value: Any, prefix: str, tensors: dict[str, Tensor]) -> Any:
    """Move every tensor of nested dicts and lists into `tensors`; return the rest as JSON-ready data."""
    if isinstance(value, Tensor):
        tensors[prefix] = value.detach().cpu().contiguous().clone()
        return {"tensor": prefix}
    if isinstance(value, dict):
        return {"items": [[key, flatten(item, f"{prefix}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [flatten(item, f"{prefix}.{i}", tensors) for i, item in enumerate(value)]}
    return {"value": value}


def unflatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `flatten` (tuples come back as lists)."""
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "items" in value:
        return {key: unflatten(item, tensors) for key, item in value["items"]}
    if "list" in value:
        return [unflatten(item, tensors) for item in value["list"]]
    return value["value"]


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state of `step` under `folder` and remove all but the newest two, and what lies ahead of it.

    At every moment the states that were there before, or this one, are whole. Raises OSError when it cannot write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".partial-*"):  # of a run that was killed while it saved
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    final = folder / f"step-{step:08d}"
    replaced = final.with_suffix(_REPLACED)
    try:
        tensors: dict[str, Tensor] = {}
        rest = flatten(state, "state", tensors)
        save_tensors(tensors, temporary / _TENSORS)
        with open(temporary / _TENSORS, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        manifest = json.dumps({"step": step, "sha256": digest, "state": rest})
        body = {"manifest": manifest, "sha256": hashlib.sha256(manifest.encode()).hexdigest()}
        with open(temporary / _MANIFEST, "w") as out:
            out.write(json.dumps(body))
            out.flush()
            os.fsync(out.fileno())
        _sync(temporary)
        if final.exists():  # saved before at this step; it stays readable until the new one stands
            shutil.rmtree(replaced, ignore_errors=True)
            os.replace(final, replaced)
        os.replace(temporary, final)
        _sync(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    newest = _newest_first(folder)
    for old in [*newest[: newest.index(final)], *newest[newest.index(final) + KEPT :], replaced]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _newest_first(folder: Path) -> list[Path]:
    """The states of a folder; of two of a step the one that replaces the other comes first."""
    return sorted(folder.glob("step-*"), key=lambda path: (path.stem, not path.suffix), reverse=True)


def load(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """The newest whole state as (step, state), or None. Damaged ones are named in a warning and passed over."""
    for path in _newest_first(folder):
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
            logger.warning("the saved state %s is damaged and is not used: %s", path, error)
    return None


def _read(path: Path) -> tuple[int, dict[str, Any]]:
    """One state, every byte of it checked. Raises many errors, ValueError among them, for one that is not whole."""
    text = (path / _MANIFEST).read_text(encoding="utf-8")
    body = json.loads(text)
    if json.dumps(body) != text or hashlib.sha256(body["manifest"].encode()).hexdigest() != body["sha256"]:
        raise ValueError("its manifest does not match its sha256")
    manifest = json.loads(body["manifest"])
    if path.stem != f"step-{manifest['step']:08d}":
        raise ValueError(f"it is the state of step {manifest['step']}")
    with open(path / _TENSORS, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != manifest["sha256"]:
            raise ValueError("its tensors do not match their sha256")
    return manifest["step"], unflatten(manifest["state"], load_file(path / _TENSORS))


def mismatch(state: dict[str, Any], own: dict[str, Any]) -> str | None:
    """How a state's networks, average and optimisers differ from those of the run that would go on from it, in words.

    Names and shapes are compared, and the number of each optimiser's parameters; None when all fit.
    """
    found, wanted = _sizes(state), _sizes(own)
    for problem, names in (("lacks", wanted.keys() - found.keys()), ("has unknown", found.keys() - wanted.keys())):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            return f"it {problem} {', '.join(sorted(names)[:3])}{more}"
    for name, size in wanted.items():
        if found[name] != size:
            return f"{name} is {found[name]} in it; this run's is {size}"
    return None


def _sizes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Tensors of the networks and the average by name, and optimisers by the number of parameters of their groups."""
    tensors: dict[str, Tensor] = {}
    for part in ("modules", "average"):
        flatten(state[part], part, tensors)
    sizes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name, optimizer in state["optimizers"].items():
        sizes[f"optimizers.{name}"] = tuple(len(group["params"]) for group in optimizer["param_groups"])
    return sizes


def size(state: dict[str, Any]) -> int:
    """Bytes that the tensors of a state take on disk."""
    tensors: dict[str, Tensor] = {}
    flatten(state, "state", tensors)
    return sum(t.numel() * t.element_size() for t in tensors.values())
