"""Four voices from a network, frame by frame, several pieces side by side: freely, or under melodies that are given."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from zoo.data.chorales import SILENCE, VOICES
from zoo.engine import Network
from zoo.generate.sampling import choose
from zoo.noise import Noise

ROOM = 64
"""Frames by which caches grow."""


def writing(
    network: Network,
    melody: np.ndarray | None,
    lengths: np.ndarray,
    *,
    seed: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Generator[float, None, np.ndarray]:
    """Pieces of `lengths` frames int64 (n,), each above 0, under `melody`, tokens int64 (n, t), or without one.

    Yields after each frame the share that is done, and returns tokens int64 (n, t, 4), soprano first, silent after a
    piece's end. Raises ValueError for more frames than the model sees.
    """
    config = network.config
    n, t = len(lengths), int(lengths.max())
    if t > config.context_length:
        raise ValueError(f"{t} frames do not fit; this model sees at most {config.context_length}")
    given = np.full((n, t), config.tokens) if melody is None else melody[:, :t]
    (condition,) = network.run("melody", melody=given, length=lengths)
    uniforms = Noise(seed).uniform_array(n, t, len(VOICES))
    written, before = np.full((n, t, len(VOICES)), SILENCE), np.full((n, len(VOICES)), config.tokens)
    names = [f"past_{kind}_{i}" for i in range(config.num_layers) for kind in ("key", "value")]
    caches: dict[str, np.ndarray] = {}
    for frame in range(t):
        if frame % ROOM == 0:
            more = np.zeros((n, config.num_heads, ROOM, config.embedding_dim // config.num_heads), np.float32)
            caches = {name: np.concatenate([caches[name], more], axis=2) if frame else more for name in names}
        hidden, *filled = network.run(
            "frame", voices=before, condition=condition[:, frame], position=np.array(frame), **caches
        )
        caches = dict(zip(names, filled, strict=True))
        now = np.full((n, len(VOICES)), SILENCE)
        for voice in config.order:
            if voice == 0 and melody is not None:
                now[:, 0] = given[:, frame]
                continue
            (logits,) = network.run("voice", hidden=hidden, before=before, voices=now)
            drawn = uniforms[:, frame, voice]
            now[:, voice] = choose(logits[:, voice], drawn, temperature=temperature, top_p=top_p)
        written[:, frame] = np.where((frame < lengths)[:, None], now, SILENCE)
        before = now
        yield (frame + 1) / t
    return written


def write_batch(
    network: Network,
    melody: np.ndarray | None,
    lengths: np.ndarray,
    *,
    seed: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    poll: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """As `writing`, to its end; `poll` is called once a frame and raises to stop."""
    steps = writing(network, melody, lengths, seed=seed, temperature=temperature, top_p=top_p)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            written: np.ndarray = end.value
            return written
        poll()
