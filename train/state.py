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
from safetensors.torch import load_file, save_file
from torch import Tensor

logger = logging.getLogger(__name__)
_MANIFEST, _TENSORS = "manifest.json", "state.safetensors"
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
    """Write the state of `step` under `folder` and remove all but the newest two. Raises OSError when it cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".partial-*"):  # of a run that was killed while it saved
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        tensors: dict[str, Tensor] = {}
        rest = flatten(state, "state", tensors)
        save_file(tensors, temporary / _TENSORS)
        with open(temporary / _TENSORS, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        manifest = json.dumps({"step": step, "sha256": digest, "state": rest})
        body = {"manifest": manifest, "sha256": hashlib.sha256(manifest.encode()).hexdigest()}
        with open(temporary / _MANIFEST, "w") as out:
            json.dump(body, out)
            out.flush()
            os.fsync(out.fileno())
        final = folder / f"step-{step:08d}"
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    except SafetensorError as error:
        raise OSError(f"the state of step {step} could not be written to {folder}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """The newest whole state as (step, state), or None. Damaged ones are named in a warning and passed over."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            body = json.loads((path / _MANIFEST).read_text())
            if hashlib.sha256(body["manifest"].encode()).hexdigest() != body["sha256"]:
                raise ValueError("its manifest does not match its sha256")
            manifest = json.loads(body["manifest"])
            with open(path / _TENSORS, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != manifest["sha256"]:
                    raise ValueError("its tensors do not match their sha256")
            return manifest["step"], unflatten(manifest["state"], load_file(path / _TENSORS))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            logger.warning("the saved state %s is damaged and is not used: %s", path, error)
    return None


def size(state: dict[str, Any]) -> int:
    """Bytes that the tensors of a state take on disk."""
    tensors: dict[str, Tensor] = {}
    flatten(state, "state", tensors)
    return sum(t.numel() * t.element_size() for t in tensors.values())
