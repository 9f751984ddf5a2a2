"""The weights of an ONNX graph: borrowed from the model.safetensors beside it, or held in the graph, made smaller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoint import shapes_of
from zoo.eight_bits import SCALES, round_rows, worth_it

OPSET = 18
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Stored:
    """A tensor of model.safetensors: its ONNX type, shape, and where its bytes lie in the file."""

    type: int
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True)
class Weights:
    """A checkpoint's tensors for its graphs. `bits` 32 borrows them; 8 and 4 put them, rounded, into the graphs.

    Those that are stored in 8 bits can be borrowed for products of 8 bits (`by_eight`): what they are multiplied by is
    then rounded to 8 bits too, and nothing else.
    """

    stored: dict[str, Stored]
    values: Mapping[str, np.ndarray]
    bits: int = 32
    by_eight: bool = False


def table(path: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file. Raises CheckpointError as `shapes_of` does."""
    from onnx import TensorProto

    kinds = {
        "F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "BF16": TensorProto.BFLOAT16, "I8": TensorProto.INT8,
    }  # fmt: skip
    shapes_of(path)  # checks it
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    found = {}
    for name, record in header.items():
        start, end = record["data_offsets"]
        if record["dtype"] in kinds:
            found[name] = Stored(kinds[record["dtype"]], tuple(record["shape"]), 8 + size + start, end - start)
    return found


def reference(name: str, stored: Stored) -> Any:
    """An initialiser whose bytes stay in model.safetensors."""
    from onnx import TensorProto

    tensor = TensorProto(name=name, dims=stored.shape, data_type=stored.type, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", WEIGHTS), ("offset", stored.offset), ("length", stored.length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def codes_of(name: str, block: int, weights: Weights) -> tuple[list[Any], list[Any], list[str]]:
    """The initialisers and nodes that make of a matrix stored in 8 bits what MatMulNBits takes, and its two names.

    Codes int8 (n, k) become uint8 (n, k / block, block), of which 128 means nought; a row's scale stands before each of
    its blocks, float32 (n, k / block).
    """
    from onnx import TensorProto, helper, numpy_helper

    codes, scales = weights.stored[name], weights.stored[name + SCALES]
    (rows, width), own = codes.shape, f"{name}.eight"
    made = [f"{own}.codes", f"{own}.factors"]
    given = [
        reference(own, Stored(TensorProto.UINT8, codes.shape, codes.offset, codes.length)),
        reference(f"{own}{SCALES}", scales),
        numpy_helper.from_array(np.array(128, np.uint8), f"{own}.sign"),
        numpy_helper.from_array(np.array([rows, width // block, block]), f"{own}.shape"),
        numpy_helper.from_array(np.array([rows, width // block]), f"{own}.factors.shape"),
    ]
    nodes = [
        helper.make_node("BitwiseXor", [own, f"{own}.sign"], [f"{own}.turned"]),  # read as unsigned: 128 more
        helper.make_node("Reshape", [f"{own}.turned", f"{own}.shape"], made[:1]),
        helper.make_node("Cast", [f"{own}{SCALES}"], [f"{own}.rows"], to=TensorProto.FLOAT),
        helper.make_node("Expand", [f"{own}.rows", f"{own}.factors.shape"], made[1:]),
    ]
    return given, nodes, made


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
            if stored.type == TensorProto.INT8:
                scales = f"{name}{SCALES}"
                graph.initializer.append(reference(scales, weights.stored[tensor + SCALES]))
                nodes += _products(kept, scales, name)
            elif not whole:
                nodes.append(helper.make_node("Cast", [kept], [name], to=TensorProto.FLOAT))
            continue
        value = weights.values[tensor]
        if worth_it(value):
            for given, array in zip((kept, f"{name}{SCALES}"), round_rows(value), strict=True):
                graph.initializer.append(numpy_helper.from_array(array, given))
            nodes += _products(kept, f"{name}{SCALES}", name)
        else:
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float16), kept))
            nodes.append(helper.make_node("Cast", [kept], [name], to=TensorProto.FLOAT))
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def _products(codes: str, scales: str, name: str) -> list[Any]:
    """Nodes that make float32 weights of 8 bits.

    Not DequantizeLinear, which onnxruntime would not fold when it loads the graph, but do again at each run.
    """
    from onnx import TensorProto, helper

    whole = [f"{name}.codes", f"{name}.factors"]
    return [
        helper.make_node("Cast", [codes], whole[:1], to=TensorProto.FLOAT),
        helper.make_node("Cast", [scales], whole[1:], to=TensorProto.FLOAT),
        helper.make_node("Mul", whole, [name]),
    ]
