"""The parts of a checkpoint run by onnxruntime, from the graphs beside its weights; torch is not imported."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.checkpoint import FORMAT, CheckpointError, read_json, sha256_of, shapes_of
from zoo.eight_bits import EIGHT_BITS, SCALES, restored
from zoo.runtime import threads_now

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding

FILE = "graphs.json"
MAX_GRAPH_BYTES = 512 << 20
THREADED_BYTES, THREADED_STEP_BYTES = 1 << 20, 16 << 20
"""Weights (as stored) above which a part runs on two threads while nobody else computes: one that is run once, or step
by step. Steps are short: two threads that wait for each other at each are slower than one.
"""
_FAULTS = (
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoSuchFile",
    "NotImplemented",
    "RuntimeException",
)
"""What onnxruntime raises of a file that it cannot run; they have no base of their own."""
_DTYPES = ("float32", "int64")
_SIGNATURE = {"dtype", "shape"}


@dataclass
class Cache:
    """The memory of a decoder in a session, and how many tokens are in it.

    A GPT's graph fills the buffers that it reads, and is told the `position`. A recurrent one gives its state anew:
    what it has `made` is copied to the `tensors` that it reads next.
    """

    session: InferenceSession
    binding: IOBinding
    tensors: list[np.ndarray]
    made: list[np.ndarray]
    ids: np.ndarray
    position: np.ndarray
    logits: np.ndarray
    rows: int
    length: int = 0


class Graphs:
    """A `zoo.engine.Network` over graphs.json. Sessions are opened when a part is first run.

    Raises CheckpointError when graphs.json is damaged, of other weights than those in the folder, or of other graphs.
    """

    def __init__(self, folder: Path, sha256: str) -> None:
        self.folder = folder
        self.config = SimpleNamespace(**_object(read_json(folder / "config.json"), "config", folder / "config.json"))
        self.parts: Mapping[str, Any] = read_parts(folder, sha256)
        self._sessions: dict[str, tuple[int, InferenceSession]] = {}
        self._opening = threading.Lock()
        self._quick: Graphs | None = None
        self._stored = (folder / "model.safetensors").stat().st_size
        self._weights: dict[str, np.ndarray] | None = None

    def session(self, part: str) -> InferenceSession:
        """The open session of a part, of as many threads as are good now; the numbers that come out are the same.

        One of other threads is let go: whoever computes with it keeps it to the end. Raises CheckpointError when there
        is no such part, or it cannot be run.
        """
        if part not in self.parts:
            raise CheckpointError(f"{self.folder.name} has no part {part!r}; it has {', '.join(self.parts)}")
        limit = THREADED_STEP_BYTES if self.parts[part]["state"] else THREADED_BYTES
        threads = threads_now() if self._stored > limit else 1
        with self._opening:
            own, session = self._sessions.get(part, (0, None))
            if session is None or own != threads:
                session = self._open(part, threads)
                self._sessions[part] = threads, session
            return session

    def _open(self, part: str, threads: int) -> InferenceSession:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as faults

        path = self.folder / self.parts[part]["file"]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = False
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except tuple(getattr(faults, name) for name in _FAULTS) as error:
            raise CheckpointError(f"{path} cannot be run: {' '.join(str(error).split())[:300]}") from error

    def run(self, part: str, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `Network.run`."""
        return tuple(self.session(part).run(None, inputs))

    def start(self, rows: int) -> Cache:
        """As `Network.start`."""
        session, part = self.session("decoder"), self.parts["decoder"]
        binding, tensors, anew = session.io_binding(), [], []
        position, logits = np.zeros((), np.int64), np.empty((rows, self.config.vocab_size), np.float32)
        appends = "position" in part["inputs"]
        if appends:
            _bind(binding.bind_input, "position", position)
        _bind(binding.bind_output, "logits", logits)
        for given, made in part["state"].items():
            tensor = np.zeros([rows if n == "batch" else n for n in part["inputs"][given]["shape"]], np.float32)
            _bind(binding.bind_input, given, tensor)
            tensors.append(tensor)
            if not appends:
                anew.append(np.empty_like(tensor))
            _bind(binding.bind_output, made, tensor if appends else anew[-1])
        return Cache(session, binding, tensors, anew, np.empty((rows, 0), np.int64), position, logits, rows)

    def step(self, ids: np.ndarray, state: Cache) -> tuple[np.ndarray, Cache]:
        """As `Network.step`."""
        length = self.config.context_length
        if state.length + ids.shape[1] > length:
            raise ValueError(f"{state.length + ids.shape[1]} tokens do not fit; this model sees at most {length}")
        if state.rows > 1 and state.length and ids.shape[1] > 1 and not state.made:
            # the fused attention takes such rows a token at a time
            for column in ids.T:
                logits, state = self.step(column[:, None], state)
            return logits, state
        if state.ids.shape != ids.shape:
            state.ids = np.empty(ids.shape, np.int64)
            _bind(state.binding.bind_input, "ids", state.ids)
        state.ids[...] = ids
        state.position[...] = state.length
        state.session.run_with_iobinding(state.binding)
        for before, after in zip(state.tensors, state.made, strict=False):
            before[...] = after
        state.length += ids.shape[1]
        return state.logits.copy(), state

    def quick(self) -> Graphs | None:
        """As `Network.quick`."""
        if self._quick is None and any(EIGHT_BITS in part for part in self.parts.values()):
            quick = copy.copy(self)
            quick.parts = {name: part | part.get(EIGHT_BITS, {}) for name, part in self.parts.items()}
            quick._sessions, quick._opening = {}, threading.Lock()
            self._quick = quick
        return self._quick

    def weights(self) -> Mapping[str, np.ndarray]:
        """As `Network.weights`; read when first asked for."""
        if self._weights is None:
            from safetensors.numpy import load_file

            path = self.folder / "model.safetensors"
            names, stored = shapes_of(path), load_file(path)
            self._weights = {
                name: restored(value, stored[name + SCALES]) if value.dtype == np.int8 else value.astype(np.float32)
                for name, value in stored.items()
                if name in names
            }
        return self._weights


def _bind(bind: Any, name: str, array: np.ndarray) -> None:
    bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def has_graphs(folder: Path) -> bool:
    """Whether a checkpoint folder comes with graphs."""
    return (folder / FILE).is_file()


def read_parts(folder: Path, sha256: str) -> dict[str, Any]:
    """The parts that graphs.json states; `sha256` is that of the folder's weights. Raises CheckpointError."""
    path = folder / FILE
    values = read_json(path)
    if values.get("zoo") != FORMAT:
        raise CheckpointError(f"{path} is of format {values.get('zoo')!r}; this zoo reads {FORMAT}")
    if values.get("weights") != sha256:
        stated = str(values.get("weights"))[:12]
        raise CheckpointError(f"{path} is of the weights {stated}, model.safetensors has {sha256[:12]}")
    parts = _object(values, "parts", path)
    for name, part in parts.items():
        if not isinstance(part, dict) or not isinstance(part.get("sha256"), str):
            raise CheckpointError(f"{path}: the part {name!r} is damaged")
        if part.get("file") != f"{name}.onnx" or "/" in name or "\\" in name:
            raise CheckpointError(f"{path}: the part {name!r} must lie in {name}.onnx")
        for side in ("inputs", "outputs"):
            for key, tensor in _object(part, side, path).items():
                if not isinstance(tensor, dict) or set(tensor) != _SIGNATURE or tensor["dtype"] not in _DTYPES:
                    raise CheckpointError(f"{path}: {name} says {json.dumps(tensor)[:100]} of {key!r}")
                shape = tensor["shape"]
                if not isinstance(shape, list) or not all(type(n) in (int, str) for n in shape):
                    raise CheckpointError(f"{path}: {name} says {json.dumps(tensor)[:100]} of {key!r}")
        for given, made in _object(part, "state", path).items():
            if given not in part["inputs"] or made not in part["outputs"]:
                raise CheckpointError(f"{path}: the state {given!r} of {name} is no input, or {made!r} no output")
        _check(folder / part["file"], part["sha256"])
        if EIGHT_BITS in part:
            quick = _object(part, EIGHT_BITS, path)
            if quick.keys() != {"file", "sha256"} or quick["file"] != f"{name}.8bit.onnx":
                raise CheckpointError(f"{path}: the part {name!r} must have its 8 bits in {name}.8bit.onnx")
            _check(folder / quick["file"], str(quick["sha256"]))
    return parts


def _check(path: Path, sha256: str) -> None:
    if not path.is_file() or path.stat().st_size > MAX_GRAPH_BYTES:
        raise CheckpointError(f"{path} is missing, or above {MAX_GRAPH_BYTES >> 20} MB")
    found = sha256_of(path)
    if found != sha256:
        raise CheckpointError(
            f"{path} has the sha256 {found[:12]}, {FILE} states {sha256[:12]}: it was changed; "
            f"`python -m zoo export {path.parent.name} --format onnx` makes it anew"
        )


def _object(values: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = values.get(key)
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} must hold an object under {key!r}")
    return found
