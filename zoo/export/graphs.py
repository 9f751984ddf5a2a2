"""A checkpoint's parts as ONNX graphs that borrow their weights from its model.safetensors.

Each part of `parts()` becomes `<part>.onnx`, and `graphs.json` says what they are: for each part its file, its sha256,
its inputs and outputs (dtype, and shape with names for the axes that vary) and its state (which output becomes which
input of the next run; state begins as zeros). A graph holds no weights: they are external data that point into
model.safetensors beside it, in half precision, cast to float32 by the graph. So the graphs of ten checkpoints take 150
kilobytes, they cannot disagree with the weights, and a browser fetches both files as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.checkpoint import FORMAT, CheckpointError, load, sha256_of, write_json
from zoo.eight_bits import EIGHT_BITS, SCALES
from zoo.entry import Part
from zoo.export.borrowed import OPSET, WEIGHTS, Weights, supply, table
from zoo.export.decoder import decoder_graph
from zoo.export.recurrent import recurrent_graph

if TYPE_CHECKING:
    from onnx import ModelProto

NEAR = {32: 1e-4, 8: 0.2, 4: 1.0}
"""Largest difference, relative to the largest value, that a graph of so many bits may show on the example inputs."""
FUSED: dict[str, dict[str, Callable[[Any, Weights], ModelProto]]] = {
    "gpt": {"decoder": decoder_graph},
    "rnn": {"decoder": recurrent_graph},
}
"""Model -> part -> a graph written by hand with the fused operators of onnxruntime, where that pays."""
BY_EIGHT = ("gpt",)
"""Models that get a second graph, with products of 8 bits, where their weights are stored in 8 bits."""
FOUR_BITS = ("gpt",)
"""Models whose graphs can have weights of 4 bits."""


def export(folder: Path, out: Path | None = None, *, bits: int = 32) -> dict[str, Any]:
    """Write the graphs and graphs.json of a checkpoint folder into it, or beside a copy of its weights in `out`.

    Returns what graphs.json says. With `bits` 8 or 4 the graphs hold their weights themselves, rounded, and borrow
    nothing; 4 bits are for the decoder of a GPT. What that costs is in docs/speed.md. Raises CheckpointError when the
    folder cannot be loaded, or a graph does not give what its module gives; ValueError for other `bits`.
    """
    if bits not in (4, 8, 32):
        raise ValueError(f"weights of {bits} bits are not known; allowed are 32, 8 and 4")
    found, out = load(folder), out or folder
    if bits == 4 and found.model_name not in FOUR_BITS:
        raise ValueError(f"{found.name} has no graphs of 4 bits; it has 32 and 8, and {', '.join(FOUR_BITS)} has 4")
    values = {name: tensor.float().numpy() for name, tensor in found.model.state_dict().items()}
    weights = Weights(table(folder / WEIGHTS), values, bits)
    names = {tensor.data_ptr(): name for name, tensor in found.model.state_dict().items() if tensor.numel()}
    parts = {}
    for part in found.model.parts():
        fused = FUSED.get(found.model_name, {}).get(part.name)
        graph = fused(found.model, weights) if fused else traced(part, names, weights)
        target = out / f"{part.name}.onnx"
        target.write_bytes(graph.SerializeToString())
        compare(target, part, NEAR[bits])
        parts[part.name] = {
            "file": target.name,
            "sha256": sha256_of(target),
            "inputs": _signature(graph.graph.input),
            "outputs": _signature(graph.graph.output),
            "state": part.state,
        }
        if fused and found.model_name in BY_EIGHT and bits == 32 and _in_eight_bits(weights):
            quick = out / f"{part.name}.8bit.onnx"
            quick.write_bytes(fused(found.model, replace(weights, by_eight=True)).SerializeToString())
            compare(quick, part, NEAR[8])
            parts[part.name][EIGHT_BITS] = {"file": quick.name, "sha256": sha256_of(quick)}
    made = {"zoo": FORMAT, "weights": found.sha256, **({} if bits == 32 else {"bits": bits}), "parts": parts}
    write_json(out / "graphs.json", made)
    return made


def _in_eight_bits(weights: Weights) -> bool:
    return any(name + SCALES in weights.stored for name in weights.stored)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Only errors of a logger and those under it: exporters tell of every node."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def traced(part: Part, names: dict[int, str], weights: Weights) -> ModelProto:
    """The graph of any part, by the exporter of torch. `names`: address of a weight -> its name in the checkpoint."""
    import onnxscript.optimizer
    import torch
    from onnx import helper

    from zoo.nn.method import Method

    axes = tuple(dict(part.dynamic.get(key, {}).items()) for key in part.inputs)
    with _quiet("torch.onnx"):
        program = torch.onnx.export(
            part.module.eval(), tuple(part.inputs.values()), input_names=list(part.inputs),
            output_names=list(part.outputs), dynamic_shapes=(axes,) if isinstance(part.module, Method) else axes,
            opset_version=OPSET, dynamo=True, optimize=False, verbose=False,
        )  # fmt: skip
    assert program is not None
    model = program.model_proto
    own = {name: names.get(tensor.data_ptr()) for name, tensor in part.module.state_dict().items()}
    wanted = {
        tensor.name: own[tensor.name] for tensor in model.graph.initializer if own.get(tensor.name) in weights.stored
    }
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name in wanted]:
        model.graph.initializer.remove(tensor)  # as an input it is no constant, and the optimiser lets it be
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    with _quiet("onnxscript"), _quiet("onnx_ir"):
        model = onnxscript.optimizer.optimize(model)
    for value in [value for value in model.graph.input if value.name in wanted]:
        model.graph.input.remove(value)
    supply(model.graph, {name: tensor for name, tensor in wanted.items() if tensor is not None}, weights)
    return _plain(model)


def _plain(model: ModelProto) -> ModelProto:
    """Without what only an exporter wants to know: sources of nodes, shapes of values within, names of modules."""
    model.producer_name, model.producer_version = "zoo", ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.name = "part"
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    return model


def _signature(values: Iterable[Any]) -> dict[str, Any]:
    from onnx import helper

    return {
        value.name: {
            "dtype": str(np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))),
            "shape": [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        }
        for value in values
    }


def compare(path: Path, part: Part, near: float) -> float:
    """Largest difference between a graph and its module, of inputs like the examples, relative to the largest value.

    Raises CheckpointError when it is above `near`.
    """
    import onnxruntime
    import torch

    from zoo.noise import Noise

    noise = Noise(0)
    inputs = {
        key: noise.uniform(*tensor.shape) if tensor.is_floating_point() and key not in part.state else tensor
        for key, tensor in part.inputs.items()
    }
    with torch.no_grad():
        wanted = part.module.eval()(*inputs.values())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = session.run(list(part.outputs), {key: tensor.numpy() for key, tensor in inputs.items()})
    apart = 0.0
    for ours, theirs in zip(wanted if isinstance(wanted, tuple) else (wanted,), given, strict=True):
        scale = max(1.0, float(ours.abs().max()))
        apart = max(apart, float(np.abs(ours.numpy() - theirs).max()) / scale)
    if not apart <= near:
        raise CheckpointError(f"{path} differs from its module by {apart:.2g}; at most {near:g} is allowed")
    return apart
