"""Spoken digits and notes from a WaveNet: the samples of several clips, as they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from zoo.engine import Network, wavenet_compiled
from zoo.engine.wavenet import WaveNetSampler, mu_law_decode
from zoo.noise import Noise

Pieces = Iterator[tuple[int, np.ndarray]]
"""The number of a clip, and its next samples, float32 (t,) in [-1, 1]."""


def saying(
    network: Network, digits: np.ndarray, speakers: np.ndarray, *, seed: int, temperature: float
) -> tuple[np.ndarray, Pieces]:
    """digits and speakers int64 (n,) -> how many samples each word takes, int64 (n,), and the words piece by piece.

    Words last as in the training clips, within one deviation.
    """
    normals = Noise(seed, stream=1).normal_array(len(digits)).clip(-1, 1)
    (seconds,) = network.run("duration", digit=digits, speaker=speakers, normals=normals)
    lengths = (seconds * network.config.sample_rate).astype(np.int64)
    who = {"digit": digits, "speaker": speakers}
    return lengths, _drawn(network, who, seconds, lengths, seed=seed, temperature=temperature)


def playing(
    network: Network, pitches: np.ndarray, instruments: np.ndarray, *, seconds: float, seed: int, temperature: float
) -> tuple[np.ndarray, Pieces]:
    """pitches, counted from the lowest, and instruments int64 (n,) -> as `saying`, notes of so many seconds."""
    lasting = np.full(len(pitches), seconds, np.float32)
    lengths = np.round(lasting * network.config.sample_rate).astype(np.int64)
    who = {"pitch": pitches, "instrument": instruments}
    return lengths, _drawn(network, who, lasting, lengths, seed=seed, temperature=temperature)


def _drawn(
    network: Network, who: dict[str, np.ndarray], seconds: np.ndarray, lengths: np.ndarray, *, seed: int,
    temperature: float,
) -> Pieces:  # fmt: skip
    """The clips' samples a frame at a time: one clip after the other where they are drawn one by one, else in turn."""
    config = network.config
    size, frames = config.frame_size, -(-int(lengths.max()) // config.frame_size)
    elapsed = np.arange(frames, dtype=np.float32) * np.float32(size / config.sample_rate)
    (condition,) = network.run("condition", **who, seconds=seconds, elapsed=elapsed)
    uniforms = Noise(seed, stream=2).uniform_array(len(lengths), frames * size)
    sampler = WaveNetSampler(network.weights(), config)
    if wavenet_compiled.available():
        for clip, length in enumerate(lengths):
            frame = wavenet_compiled.sample(sampler, condition[[clip]], uniforms[[clip]], temperature)
            for at in range(0, int(length), size):
                yield clip, mu_law_decode(next(frame)[0], config.levels)[: length - at]
        return
    for at, codes in zip(
        range(0, frames * size, size), sampler.sample(condition, uniforms, temperature), strict=True
    ):  # fmt: skip
        samples = mu_law_decode(codes, config.levels)
        for clip, length in enumerate(lengths):
            if at < length:
                yield clip, samples[clip, : length - at]


def say_batch(
    network: Network,
    digits: np.ndarray,
    speakers: np.ndarray,
    *,
    seed: int,
    temperature: float,
    poll: Callable[[], None] = lambda: None,
) -> list[np.ndarray]:
    """The words of `saying`, whole: float32 (t,); `poll` is called once a frame and raises to stop."""
    return _whole(*saying(network, digits, speakers, seed=seed, temperature=temperature), poll)


def play_batch(
    network: Network,
    pitches: np.ndarray,
    instruments: np.ndarray,
    *,
    seconds: float,
    seed: int,
    temperature: float,
    poll: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """The notes of `playing`, whole: float32 (n, t); `poll` is called once a frame and raises to stop."""
    drawn = playing(network, pitches, instruments, seconds=seconds, seed=seed, temperature=temperature)
    return np.stack(_whole(*drawn, poll))


def _whole(lengths: np.ndarray, pieces: Pieces, poll: Callable[[], None]) -> list[np.ndarray]:
    clips: list[list[np.ndarray]] = [[] for _ in lengths]
    for clip, piece in pieces:
        poll()
        clips[clip].append(piece)
    return [np.concatenate(parts) for parts in clips]
