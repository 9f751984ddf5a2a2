"""The decoder of a GPT written node by node with onnxruntime's fused operators.

What torch's exporter writes for the same part has five times as many nodes and copies its cache at each step; this
graph fills its cache in place when input and output share it (tests/bench/generation.py times both). Operators of the
domain com.microsoft: GroupQueryAttention (causal attention over a cache), SkipLayerNormalization (add, then normalise),
FastGelu (the tanh form, with a bias), MatMulNBits (weights of 8 or 4 bits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.export.borrowed import OPSET, Weights, codes_of, supply

if TYPE_CHECKING:
    from onnx import ModelProto

BLOCK = 32
"""Weights of a row that share a scale, when quantised."""
_CONTRIB = "com.microsoft"


class Writer:
    """Nodes and constants of a graph in the making; each method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.before: list[Any] = []
        self.borrowed: dict[str, str] = {}

    def node(self, operator: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def weight(self, name: str) -> str:
        """A tensor of the checkpoint, in float32."""
        self.borrowed[name] = name
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, name))
        return name


def decoder_graph(model: Any, weights: Weights) -> ModelProto:
    """The part "decoder" of a `zoo.models.text.gpt.GPT`.

    Weights of 8 or 4 bits come in blocks of 32 with a scale each; embeddings are rounded to 8 bits a row.
    With `weights.by_eight` the products are of the stored codes. Raises ValueError for these where the width is no
    multiple of 32.
    """
    from onnx import TensorProto, helper

    bits = 8 if weights.by_eight else weights.bits
    config = model.config
    if bits != 32 and config.embedding_dim % BLOCK:
        raise ValueError(f"weights of {bits} bits want an embedding_dim that is a multiple of {BLOCK}")
    write = Writer()
    width, heads, last = config.embedding_dim, config.num_heads, config.num_layers - 1

    def product(x: str, name: str, *, bias: bool = False) -> str:
        """x @ weight.T, and the bias where no later operator adds it."""
        if bits == 32:
            turned = write.node("Transpose", [write.weight(f"{name}.weight")], [f"{name}.turned"], perm=[1, 0])
            y = write.node("MatMul", [x, turned], [f"{name}.product"])
            return write.node("Add", [y, write.weight(f"{name}.bias")], [f"{name}.sum"]) if bias else y
        weight = weights.values[f"{name}.weight"]
        if weights.by_eight:
            given, nodes, made = codes_of(f"{name}.weight", BLOCK, weights)
            write.constants += given
            write.before += nodes
            inputs = [x, *made]
        else:
            codes, scales = quantise(weight, bits)
            inputs = [x, write.constant(f"{name}.codes", codes), write.constant(f"{name}.scales", scales)]
        inputs += ["", "", write.weight(f"{name}.bias")] if bias else []
        sizes = {"K": weight.shape[1], "N": weight.shape[0], "bits": bits, "block_size": BLOCK, "accuracy_level": 4}
        return write.node("MatMulNBits", inputs, [f"{name}.product"], _CONTRIB, **sizes)

    def add_and_normalise(x: str, bias: str, stream: str, norm: str) -> tuple[str, str]:
        """stream + x + bias, normalised and as it is."""
        inputs = [x, stream, write.weight(f"{norm}.weight"), write.weight(f"{norm}.bias"), write.weight(bias)]
        outputs = [f"{norm}.normal", "", "", f"{norm}.stream"]
        return write.node("SkipLayerNormalization", inputs, outputs, _CONTRIB, epsilon=1e-5), outputs[3]

    one = write.constant("one", np.array(1))
    shape = write.node("Shape", ["ids"], ["ids.shape"])
    batch = write.node(
        "Slice", [shape, write.constant("first", np.array([0])), write.constant("second", np.array([1]))], ["batch"]
    )
    time = write.node("Gather", [shape, one], ["time"])
    total = write.node("Add", ["position", time], ["total"])
    at = write.node("Range", ["position", total, one], ["at"])
    newest = write.node("Expand", [write.node("Sub", [total, one], ["newest"]), batch], ["newest.rows"])
    lengths = write.node("Cast", [newest], ["lengths"], to=TensorProto.INT32)
    seen = write.node("Cast", [total], ["seen"], to=TensorProto.INT32)
    tokens = write.node("Gather", [write.weight("tokens.weight"), "ids"], ["embedded"])
    positions = write.node("Gather", [write.weight("positions.weight"), at], ["placed"])
    stream = write.node("Add", [tokens, positions], ["stream"])
    first = [stream, write.weight("blocks.0.norm1.weight"), write.weight("blocks.0.norm1.bias")]
    normal = write.node("LayerNormalization", first, ["normal"], epsilon=1e-5)
    for i in range(config.num_layers):
        block = f"blocks.{i}"
        qkv = product(normal, f"{block}.attention.qkv", bias=True)
        mixed = write.node(
            "GroupQueryAttention", [qkv, "", "", f"past_key_{i}", f"past_value_{i}", lengths, seen],
            [f"{block}.mixed", f"key_{i}", f"value_{i}"], _CONTRIB, num_heads=heads, kv_num_heads=heads,
        )  # fmt: skip
        attended = product(mixed, f"{block}.attention.proj")
        normal, stream = add_and_normalise(attended, f"{block}.attention.proj.bias", stream, f"{block}.norm2")
        hidden = product(normal, f"{block}.fc")
        active = write.node("FastGelu", [hidden, write.weight(f"{block}.fc.bias")], [f"{block}.active"], _CONTRIB)
        following = "norm" if i == last else f"blocks.{i + 1}.norm1"
        normal, stream = add_and_normalise(product(active, f"{block}.proj"), f"{block}.proj.bias", stream, following)
    ending = write.node("Gather", [normal, write.constant("minus.one", np.array(-1))], ["ending"], axis=1)
    write.node("Identity", [product(ending, "tokens")], ["logits"])

    cache = ["batch", heads, config.context_length, width // heads]
    real, whole = TensorProto.FLOAT, TensorProto.INT64
    names = [f"{kind}_{i}" for i in range(config.num_layers) for kind in ("key", "value")]
    inputs = [("ids", whole, ["batch", "time"]), ("position", whole, []), *((f"past_{n}", real, cache) for n in names)]
    outputs = [("logits", real, ["batch", config.vocab_size]), *((name, real, cache) for name in names)]
    graph = helper.make_graph(
        [*write.before, *write.nodes], "part", [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs], write.constants,
    )  # fmt: skip
    supply(graph, write.borrowed, weights)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(graph, producer_name="zoo", ir_version=10, opset_imports=versions)


def quantise(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """weight float32 (n, k) -> codes uint8 (n, k / 32, 4 * bits) and scales float32 (n, k / 32), as MatMulNBits wants.

    A block of 32 weights shares a scale, chosen so that its largest one is met exactly; 4-bit codes lie two a byte, the
    first in the lower half. Weights are (code - 2**(bits - 1)) * scale.
    """
    blocks = weight.reshape(len(weight), -1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(2)[..., None], 2)
    middle = 2 ** (bits - 1)
    scales = np.where(largest == 0, np.float32(1), largest / -middle).astype(np.float32)
    codes = np.clip(np.round(blocks / scales) + middle, 0, 2 * middle - 1).astype(np.uint8)
    if bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return codes, scales[..., 0]
