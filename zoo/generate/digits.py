"""Spoken digits from a WaveNet, several clips side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

import numpy as np

from zoo.engine import Network, wavenet_compiled
from zoo.engine.wavenet import WaveNetSampler, mu_law_decode
from zoo.noise import Noise


def saying(
    network: Network, digits: np.ndarray, speakers: np.ndarray, *, seed: int, temperature: float
) -> Generator[float, None, list[np.ndarray]]:
    """digits and speakers int64 (n,) -> n waveforms float32 (t,) in [-1, 1], each as long as its word takes.

    Words last as in the training clips, within one deviation. Yields after each frame of conditioning the share that
    is done, and returns the waveforms.
    """
    config = network.config
    normals = Noise(seed, stream=1).normal_array(len(digits)).clip(-1, 1)
    (seconds,) = network.run("duration", digit=digits, speaker=speakers, normals=normals)
    lengths = (seconds * config.sample_rate).astype(np.int64)
    frames = -(-int(lengths.max()) // config.frame_size)
    elapsed = np.arange(frames, dtype=np.float32) * np.float32(config.frame_size / config.sample_rate)
    (condition,) = network.run("condition", digit=digits, speaker=speakers, seconds=seconds, elapsed=elapsed)
    uniforms = Noise(seed, stream=2).uniform_array(len(digits), frames * config.frame_size)
    pieces, sampler = [], WaveNetSampler(network.weights(), config)
    sample = partial(wavenet_compiled.sample, sampler) if wavenet_compiled.available() else sampler.sample
    for piece in sample(condition, uniforms, temperature):
        pieces.append(piece)
        yield len(pieces) / frames
    waveforms = mu_law_decode(np.concatenate(pieces, axis=1), config.levels)
    return [waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)]


def say_batch(
    network: Network,
    digits: np.ndarray,
    speakers: np.ndarray,
    *,
    seed: int,
    temperature: float,
    poll: Callable[[], None] = lambda: None,
) -> list[np.ndarray]:
    """As `saying`, to its end; `poll` is called once a frame and raises to stop."""
    steps = saying(network, digits, speakers, seed=seed, temperature=temperature)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            waveforms: list[np.ndarray] = end.value
            return waveforms
        poll()
