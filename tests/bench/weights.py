"""What rounding the weights of the graphs costs in quality: each figure with weights of 32, 8 and 4 bits.

    ZOO_DATA=path/to/data python tests/bench/weights.py [NAME ...]

The rounded weights are put back into the model and measured as `python -m zoo verify` measures, on as many samples as
take a minute; a text model is also run as the very graph, a character at a time, whose activations are rounded to 8
bits too. One JSON line a figure and checkpoint, with the bytes of its graphs and of the weights they hold or borrow.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo import checkpoint, hub, verify
from zoo.data.load import load as load_data
from zoo.eight_bits import SMALLEST, round_rows
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.export.decoder import quantise
from zoo.export.graphs import FUSED, export

BUDGET = verify.Budget(2000, 200, 2000, 50, 100, 0)
CHARACTERS = 20_000
"""Characters of a text that the very graph is given."""


def rounded(folder: Path, bits: int) -> Any:
    """The model of a folder with its weights as a graph of so many bits holds them."""
    found = checkpoint.load(folder)
    fused = found.model_name in FUSED
    with torch.no_grad():
        for name, weight in found.model.state_dict().items():
            if bits == 32 or weight.dim() < 2 or weight.numel() < SMALLEST or not weight.is_floating_point():
                continue
            value = weight.numpy()
            if fused and not name.startswith(("tokens", "positions")):
                weight.copy_(torch.from_numpy(from_blocks(value, bits)))
            else:
                codes, scales = round_rows(value)
                weight.copy_(torch.from_numpy(codes * scales))
    return found.model


def from_blocks(value: np.ndarray, bits: int) -> np.ndarray:
    """Weights (n, k) after rounding in blocks."""
    codes, scales = quantise(value, bits)
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:2], 32)
    return ((codes.astype(np.float32) - 2 ** (bits - 1)) * scales[..., None]).reshape(value.shape)


def by_the_graph(graphs: Graphs, ids: np.ndarray) -> float:
    """Mean cross-entropy in nats of windows of ids (n, t + 1), each token given those before it in its window."""
    nats, rows = 0.0, len(ids)
    state = graphs.start(rows)
    for at in range(ids.shape[1] - 1):
        logits, state = graphs.step(ids[:, at : at + 1], state)
        logits = logits.astype(np.float64)
        top = logits.max(axis=1)
        total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
        nats += float((total - logits[np.arange(rows), ids[:, at + 1]]).sum())
    return nats / (rows * (ids.shape[1] - 1))


def main(names: list[str]) -> None:
    """Measure each checkpoint with each number of bits it has."""
    for name in names or sorted(path.parent.name for path in hub.PRETRAINED.glob("*/graphs.json")):
        folder = hub.PRETRAINED / name
        subject = verify.subject_of(folder)
        data: Any = load_data(subject.dataset, "test", subject.model.config, tokenizer=subject.tokenizer)
        bits_known = (32, 8, 4) if subject.name in FUSED else (32, 8)
        lines: dict[str, dict[str, float]] = {}
        for bits in bits_known:
            model = rounded(folder, bits)
            measured = verify.Subject(subject.name, model, subject.dataset, subject.tokenizer, network=Modules(model))
            for figure in verify.measure(measured, data, BUDGET):
                lines.setdefault(f"{figure.name} ({figure.unit})", {})[str(bits)] = round(figure.value, 5)
            with tempfile.TemporaryDirectory() as place:
                target = Path(place)
                for kept in ("model.safetensors", "config.json"):
                    (target / kept).write_bytes((folder / kept).read_bytes())
                export(folder, target, bits=bits)
                size = sum(path.stat().st_size for path in target.glob("*.onnx"))
                weights = (folder / "model.safetensors").stat().st_size if bits == 32 else 0
                lines.setdefault("bytes", {})[str(bits)] = size + weights
                if subject.name in FUSED and data.lengths is None:
                    graphs = Graphs(target, checkpoint.sha256_of(target / "model.safetensors"))
                    length = graphs.config.context_length
                    count = CHARACTERS // length
                    windows = np.stack([data.ids[i * length : (i + 1) * length] for i in range(count)])
                    ways = {str(bits): graphs, **({"products of 8": graphs.quick()} if graphs.quick() else {})}
                    for way, network in ways.items():
                        loss = round(by_the_graph(network, windows), 5)
                        lines.setdefault("loss of the very graph (nats)", {})[way] = loss
        for figure_name, values in lines.items():
            print(json.dumps({"name": f"{name}: {figure_name}", "bits": values}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
