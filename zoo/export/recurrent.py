"""The decoder of a recurrent network by ONNX's own LSTM and GRU, which take all tokens of a prompt in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.export.borrowed import OPSET, Weights, supply
from zoo.export.decoder import Writer

if TYPE_CHECKING:
    from onnx import ModelProto


def recurrent_graph(model: Any, weights: Weights) -> ModelProto:
    """The part "decoder" of a `zoo.models.text.rnn.RNN`, whose gates stand in the operators' order."""
    from onnx import TensorProto, helper

    config, write = model.config, Writer()
    h, lstm = config.hidden_dim, config.cell == "lstm"
    first, second = write.constant("first", np.array([0])), write.constant("second", np.array([1]))
    kinds = ("hidden", "cell") if lstm else ("hidden",)
    size = write.constant("none.size", np.array([(4 if lstm else 2) * h]))
    none = write.node("ConstantOfShape", [size], ["none"])  # biases of the state that the model has not
    turned = write.node("Transpose", ["ids"], ["ids.turned"], perm=[1, 0])
    x = write.node("Gather", [write.weight("tokens.weight"), turned], ["embedded"])  # (t, n, d)
    for i in range(config.num_layers):
        layer = f"layers.{i}"
        if lstm:
            biases = [write.weight(f"{layer}.bias"), none]
        else:
            biases = [write.weight(f"{layer}.bias"), none, write.weight(f"{layer}.candidate_bias")]
        bias = write.node("Concat", biases, [f"{layer}.biases"], axis=0)
        given = [write.weight(f"{layer}.weight"), write.weight(f"{layer}.recurrent"), bias]
        given = [write.node("Unsqueeze", [name, first], [f"{name}.one"]) for name in given]  # in one direction
        states = [write.node("Unsqueeze", [f"past_{kind}_{i}", first], [f"{layer}.{kind}"]) for kind in kinds]
        made = [f"{layer}.all", *(f"{layer}.{kind}.last" for kind in kinds)]
        extra: dict[str, Any] = {} if lstm else {"linear_before_reset": 1}
        write.node("LSTM" if lstm else "GRU", [x, *given, "", *states], made, "", hidden_size=h, **extra)
        for kind, name in zip(kinds, made[1:], strict=True):
            write.node("Squeeze", [name, first], [f"{kind}_{i}"])
        x = write.node("Squeeze", [made[0], second], [f"{layer}.outputs"])
    head = write.weight("tokens.weight" if config.tied else "head")
    upright = write.node("Transpose", [head], ["head.turned"], perm=[1, 0])
    product = write.node("MatMul", [f"hidden_{config.num_layers - 1}", upright], ["product"])
    write.node("Add", [product, write.weight("bias")], ["logits"])

    real, whole, state = TensorProto.FLOAT, TensorProto.INT64, ["batch", h]
    names = [f"{kind}_{i}" for i in range(config.num_layers) for kind in kinds]
    inputs = [("ids", whole, ["batch", "time"]), *((f"past_{name}", real, state) for name in names)]
    outputs = [("logits", real, ["batch", config.vocab_size]), *((name, real, state) for name in names)]
    graph = helper.make_graph(
        write.nodes, "part", [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs], write.constants,
    )  # fmt: skip
    supply(graph, write.borrowed, weights)
    return helper.make_model(graph, producer_name="zoo", ir_version=10, opset_imports=[helper.make_opsetid("", OPSET)])
