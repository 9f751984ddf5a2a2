"""Spoken digits from a WaveNet, several clips side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from zoo.noise import Noise


def draw_durations(model: Any, digits: np.ndarray, speakers: np.ndarray, seed: int) -> np.ndarray:
    """Seconds of each clip, float32 (n,): log-normal as training clips of that word and voice, within one deviation."""
    mean, deviation = np.moveaxis(model.durations.numpy()[digits, speakers], 1, 0)
    normals = Noise(seed, stream=1).normal_array(len(digits)).clip(-1, 1)
    return np.exp(mean + 0.5 * deviation * normals).astype(np.float32)


def saying(
    model: Any, digits: np.ndarray, speakers: np.ndarray, *, seed: int, temperature: float
) -> Generator[float, None, list[np.ndarray]]:
    """digits and speakers int64 (n,) -> n waveforms float32 (t,) in [-1, 1], each as long as its word takes.

    Yields after each frame of conditioning the share that is done, and returns the waveforms.
    """
    import torch

    from zoo.engine.wavenet import WaveNetSampler
    from zoo.models.audio.wavenet import mu_law_decode

    config = model.config
    seconds = draw_durations(model, digits, speakers, seed)
    lengths = (seconds * config.sample_rate).astype(np.int64)
    frames = -(-int(lengths.max()) // config.frame_size)
    with torch.no_grad():
        condition = model.condition(
            {
                "digit": torch.from_numpy(digits),
                "speaker": torch.from_numpy(speakers),
                "duration": torch.from_numpy(seconds),
                "frames": torch.tensor(frames),
            }
        ).numpy()
    uniforms = Noise(seed, stream=2).uniform_array(len(digits), frames * config.frame_size)
    pieces = []
    for piece in WaveNetSampler(model).sample(condition, uniforms, temperature):
        pieces.append(piece)
        yield len(pieces) / frames
    waveforms = mu_law_decode(torch.from_numpy(np.concatenate(pieces, axis=1)), config.levels).numpy()
    return [waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)]


def say_batch(
    model: Any,
    digits: np.ndarray,
    speakers: np.ndarray,
    *,
    seed: int,
    temperature: float,
    poll: Callable[[], None] = lambda: None,
) -> list[np.ndarray]:
    """As `saying`, to its end; `poll` is called once a frame and raises to stop."""
    steps = saying(model, digits, speakers, seed=seed, temperature=temperature)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            waveforms: list[np.ndarray] = end.value
            return waveforms
        poll()
