"""What it would gain to compute several visitors' requests in one forward pass, for models that make one.

    python tests/bench/batching.py [--repeats 30]

For each part that is run once a request: milliseconds of one request alone on one thread, of 2, 4 and 8 in one pass,
and how many times the pass is as fast as one after the other. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from functools import partial

import numpy as np
import timing

from zoo import runtime
from zoo.engine import Network
from zoo.generate import library
from zoo.noise import Noise

TOGETHER = (1, 2, 4, 8)
REQUESTS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "dcgan.mnist": ("generator", {"latents": (16, 128), "labels": (16,)}),
    "vae.mnist": ("generator", {"latents": (16, 32)}),
    "wavegan.drums": ("sound_generator", {"latents": (1, 100), "labels": (1,)}),
    "resnet.mnist": ("classifier", {"inputs": (1, 1, 28, 28)}),
    "pix2pix.outline": ("translator", {"images": (1, 1, 64, 64)}),
    "srgan.emoji": ("translator", {"images": (1, 3, 48, 48)}),
    "contrastive.emoji": ("image_embedder", {"images": (1, 3, 48, 48)}),
}
"""What one visitor asks of a part: the shapes of its inputs."""


def milliseconds(network: Network, part: str, shapes: dict[str, tuple[int, ...]], times: int, repeats: int) -> float:
    """The median of a pass over so many requests."""
    stated = network.parts[part]["inputs"]
    inputs = {}
    for name, (rows, *asked) in shapes.items():
        own = [size if isinstance(size, int) else asked[i] for i, size in enumerate(stated[name]["shape"][1:])]
        shape = (rows * times, *own)
        whole = stated[name]["dtype"] == "int64"
        inputs[name] = np.zeros(shape, np.int64) if whole else 0.5 * Noise(1).normal_array(*shape)
    run = partial(network.run, part, **inputs)
    run()
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        found.append(1000 * (time.perf_counter() - begun))
    return statistics.median(found)


def main() -> None:
    """Measure each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    with runtime.at_work(), runtime.at_work():  # as beside another visitor
        for name, (part, shapes) in REQUESTS.items():
            network = library.get(name).network
            found = {times: milliseconds(network, part, shapes, times, repeats) for times in TOGETHER}
            gains = {times: round(times * found[1] / found[times], 2) for times in TOGETHER[1:]}
            shown = {times: round(value, 2) for times, value in found.items()}
            print(json.dumps({"name": f"{name}, {part}", "milliseconds": shown, "gain": gains, **timing.machine()}))


if __name__ == "__main__":
    main()
