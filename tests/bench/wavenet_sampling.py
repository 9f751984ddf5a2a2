"""Samples a second of cached WaveNet decoding on one core: the zoo's NumPy loop against an eager PyTorch loop.

    python tests/bench/wavenet_sampling.py [CHECKPOINT]

The peer keeps the same queues (Le Paine et al., 2016) in torch, layer by layer, with the same weights and the same
uniforms. Prints one JSON line a figure; medians of interleaved repeats, one thread each.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import zoo
from zoo.engine.wavenet import WaveNetSampler
from zoo.noise import Noise

SECONDS = 0.5
REPEATS = 5


def peer(model: Any, condition: torch.Tensor, uniforms: np.ndarray) -> list[int]:
    """One clip, a sample at a time, in eager PyTorch with queues."""
    config = model.config
    queues = [torch.zeros(d, 1, config.channels) for d in config.dilations]
    previous, written = torch.tensor([config.levels // 2]), []
    for time_step in range(uniforms.shape[1]):
        x = model.embed(previous)
        row = condition[:, time_step // config.frame_size]
        total = torch.zeros(1, config.skip_channels)
        for layer, queue in zip(model.layers, queues, strict=True):
            slot = time_step % layer.dilation
            gates = layer.taps(torch.cat([queue[slot], x], dim=1)) + layer.condition(row)
            queue[slot] = x
            filters, gate = gates.chunk(2, dim=1)
            out = layer.out(filters.tanh() * gate.sigmoid())
            residual, skip = out[:, : config.channels], out[:, config.channels :]
            x, total = x + residual, total + skip
        probabilities = model.head(total / math.sqrt(len(model.layers))).softmax(1).cumsum(1)
        previous = torch.searchsorted(probabilities, torch.from_numpy(uniforms[:, time_step : time_step + 1]))[:, 0]
        previous = previous.clamp_max(config.levels - 1)
        written.append(int(previous))
    return written


def main() -> None:
    """Time both, interleaved."""
    torch.set_num_threads(1)
    name = sys.argv[1] if len(sys.argv) > 1 else "wavenet.spoken-digits"
    model = zoo.load(name)
    config = model.config
    frames = int(SECONDS * config.sample_rate) // config.frame_size
    given = {key: torch.tensor([0]) for key in ("digit", "speaker")}
    with torch.no_grad():
        condition = model.condition({**given, "duration": torch.tensor([SECONDS]), "frames": torch.tensor(frames)})
        uniforms = Noise(0).uniform_array(1, frames * config.frame_size)
        sampler = WaveNetSampler(model)
        own, other = [], []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            ours = np.concatenate(list(sampler.sample(condition.numpy(), uniforms)), axis=1)[0]
            own.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            theirs = peer(model, condition, uniforms)
            other.append(time.perf_counter() - begun)
    same = float(np.mean(ours == np.array(theirs)))
    rates = [uniforms.shape[1] / statistics.median(times) for times in (own, other)]
    print(json.dumps({"figure": "samples a second", "numpy": round(rates[0]), "eager torch": round(rates[1])}))
    print(json.dumps({"figure": "speed ratio", "value": round(rates[0] / rates[1], 2), "repeats": REPEATS}))
    print(json.dumps({"figure": "real-time factor on one core", "value": round(config.sample_rate / rates[0], 3)}))
    print(json.dumps({"figure": "samples equal to the peer's", "value": same}))


if __name__ == "__main__":
    main()
