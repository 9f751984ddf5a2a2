"""Whether a seed gives the same output by torch and by the graphs: each bundled checkpoint that generates, many seeds.

    python tests/bench/seeds.py [--device cuda]

torch runs on the CPU, or on the device that is named; the graphs run by onnxruntime on the CPU. One JSON line a
checkpoint: texts token by token, pictures by their grey levels, sounds sample by sample (the codes that are drawn).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from zoo import checkpoint, entry, hub
from zoo.data import tokenizer
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.generate import image, library
from zoo.generate.digits import say_batch
from zoo.generate.prose import continue_text
from zoo.generate.verse import write_poems
from zoo.noise import Noise

SEEDS = 20
FORMS = ["五言绝句", "七言绝句", "五言律诗", "七言律诗"]


def main() -> None:
    """Compare every checkpoint that generates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    for name in sorted(path.parent.name for path in hub.PRETRAINED.glob("*/graphs.json")):
        found = checkpoint.load(hub.PRETRAINED / name)
        networks = Graphs(found.folder, found.sha256), Modules(found.model.to(device))
        tasks = library.tasks_of(found.model_name)
        if entry.TEXT_GENERATION in tasks:
            report(name, device, "tokens", texts(networks, tokenizer.load(found.folder), bool(found.labels)))
        elif entry.IMAGE_GENERATION in tasks:
            report(name, device, "pixels", pictures(networks))
        elif entry.AUDIO_GENERATION in tasks:
            report(name, device, "samples", sounds(networks))


def report(name: str, device: str, what: str, pairs: list[tuple[Any, Any]]) -> None:
    """Print how much of the pairs is equal."""
    same = sum(int(np.array_equal(ours, theirs)) for ours, theirs in pairs)
    parts = [(np.asarray(ours), np.asarray(theirs)) for ours, theirs in pairs]
    equal = [ours == theirs if ours.shape == theirs.shape else np.zeros(1, bool) for ours, theirs in parts]
    share = float(np.concatenate([one.ravel() for one in equal]).mean())
    largest = max(
        (float(np.abs(a.astype(float) - b.astype(float)).max()) for a, b in parts if a.dtype.kind in "uif"),
        default=None,
    )
    line = {"name": f"{name}: onnxruntime against torch on {device}", "of": what, "outputs": len(pairs), "same": same}
    print(json.dumps({**line, "equal": share, "largest_difference": largest}), flush=True)


def texts(networks: tuple[Any, Any], known: Any, verse: bool) -> list[tuple[Any, Any]]:
    """SEEDS texts of 300 tokens, or poems."""
    if verse:
        return [
            tuple(np.array(write_poems(network, known, [FORMS[seed % 4]], seed=seed)) for network in networks)
            for seed in range(SEEDS)
        ]  # type: ignore[misc]
    return [
        tuple(
            np.array(list(continue_text(network, known, "ROMEO:\n", count=300, temperature=1.0, seed=seed)))
            for network in networks
        )
        for seed in range(SEEDS)
    ]  # type: ignore[misc]


def pictures(networks: tuple[Any, Any]) -> list[tuple[Any, Any]]:
    """100 pictures."""
    config = networks[0].config
    classes = getattr(config, "num_classes", 0)
    latents = Noise(0).normal_array(100, config.latent_dim)
    labels = np.arange(100) % classes if classes else None
    ours, theirs = (image.generate(network, latents, labels) for network in networks)
    return list(zip(ours, theirs, strict=True))


def sounds(networks: tuple[Any, Any]) -> list[tuple[Any, Any]]:
    """Each digit by two voices; both are drawn by NumPy, what differs is what the parts before it gave."""
    digits = np.arange(20) % 10
    ours, theirs = (say_batch(network, digits, digits % 6, seed=1, temperature=1.0) for network in networks)
    return list(zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
