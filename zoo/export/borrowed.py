"""The weights of an ONNX graph: borrowed from the model.safetensors beside it, or held in the graph, made smaller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoint import read_header

OPSET = 18
WEIGHTS = "model.safetensors"
SMALLEST = 1024
"""Values of a tensor from which on it is worth 8 bits; smaller ones, and vectors, stay in half precision."""


@dataclass(frozen=True)
class Stored:
    """A tensor of model.safetensors: its ONNX type, shape, and where its bytes lie in the file."""

    type: int
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True)
class Weights:
    """A checkpoint's tensors for its graphs. `bits` 32 borrows them; 8 and 4 put them, rounded, into the graphs."""

    stored: dict[str, Stored]
    values: Mapping[str, np.ndarray]
    bits: int = 32


def table(path: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file. Raises CheckpointError as `read_header` does."""
    from onnx import TensorProto

    kinds = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "BF16": TensorProto.BFLOAT16}
    known = read_header(path)
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    found = {}
    for name, (dtype, shape) in known.items():
        start, end = header[name]["data_offsets"]
        if dtype in kinds:
            found[name] = Stored(kinds[dtype], shape, 8 + size + start, end - start)
    return found


def reference(name: str, stored: Stored) -> Any:
    """An initialiser whose bytes stay in model.safetensors."""
    from onnx import TensorProto

    tensor = TensorProto(name=name, dims=stored.shape, data_type=stored.type, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", WEIGHTS), ("offset", stored.offset), ("length", stored.length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def supply(graph: Any, wanted: dict[str, str], weights: Weights) -> None:
    """Let a graph's names (`wanted`: name in the graph -> tensor of the checkpoint) stand for float32 tensors."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = []
    for name, tensor in wanted.items():
        kept = f"{name}.stored"
        if weights.bits == 32:
            stored = weights.stored[tensor]
            whole = stored.type == TensorProto.FLOAT
            graph.initializer.append(reference(name if whole else kept, stored))
            if not whole:
                nodes.append(helper.make_node("Cast", [kept], [name], to=TensorProto.FLOAT))
            continue
        value = weights.values[tensor]
        if value.ndim >= 2 and value.size >= SMALLEST:
            codes, scales = round_rows(value)
            graph.initializer.append(numpy_helper.from_array(codes, kept))
            graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
            # Not DequantizeLinear, which onnxruntime would not fold when it loads the graph, but do again at each run.
            nodes.append(helper.make_node("Cast", [kept], [f"{name}.codes"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [f"{name}.codes", f"{name}.scales"], [name]))
        else:
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float16), kept))
            nodes.append(helper.make_node("Cast", [kept], [name], to=TensorProto.FLOAT))
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def round_rows(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """value float32 (n, ...) -> codes int8 (n, ...) and scales float32 (n, 1, ...): it is about codes * scales."""
    largest = np.abs(value).max(axis=tuple(range(1, value.ndim)), keepdims=True)
    scales = np.where(largest == 0, 1, largest / 127).astype(np.float32)
    return np.round(value / scales).astype(np.int8), scales
