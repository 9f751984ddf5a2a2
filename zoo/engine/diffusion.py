"""Pictures from a denoiser, step by step, over whatever engine runs the network; torch is not imported.

The schedule and the sampler are those of `zoo.nn.ddim`, which the model itself draws with: the same noise gives the
same pictures, to within rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo.engine import Network
from zoo.nn.ddim import LATENT_LIMIT, Schedule, guided, sample

ROWS = 16
"""Pictures that the network is given at once: more at a time no longer fit into a processor's cache."""


def denoises(network: Network) -> bool:
    """Whether a network draws by many steps of a denoiser."""
    return "denoiser" in network.parts


def latent_dim(network: Network) -> int:
    """Standard normals that one picture of a denoiser begins as."""
    config = network.config
    return int(config.channels * config.image_size**2)


def draw(
    network: Network,
    latents: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    steps: int | None = None,
    guidance: float | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """latents float32 (n, c * h * w), labels int64 (n,) -> after each step the share done and images (n, c, h, w).

    The images lie in [-1, 1] and are what the network takes the pictures for at that step; the last are the result.
    `steps` and `guidance` are the config's unless given; guidance 1 follows the class as it was learnt, more follows it
    further, at twice the time. Raises ValueError for steps that the schedule has not.
    """
    config = network.config
    weight = config.guidance if guidance is None else guidance
    schedule = Schedule(config.noise_schedule, config.train_steps, config.prediction)

    def run(noisy: np.ndarray, time: int, classes: np.ndarray | None) -> np.ndarray:
        found = []
        for start in range(0, len(noisy), ROWS):
            rows = slice(start, start + ROWS)
            given = {"noisy": noisy[rows], "time": np.full(len(noisy[rows]), time, np.float32)}
            if classes is not None:
                given["labels"] = classes[rows]
            found.append(network.run("denoiser", **given)[0])
        return np.concatenate(found)

    def predict(noisy: np.ndarray, time: int) -> np.ndarray:
        if labels is None or weight == 1:
            return run(noisy, time, labels)
        both = np.concatenate([labels, np.full_like(labels, config.num_classes)])
        conditional, unconditional = np.split(run(np.concatenate([noisy, noisy]), time, both), 2)
        found: np.ndarray = guided(conditional, unconditional, weight)
        return found

    noise = latents.reshape(len(latents), config.channels, config.image_size, config.image_size)
    return sample(schedule, predict, noise, config.sampling_steps if steps is None else steps)


def draw_prompts(
    network: Network, latents: np.ndarray, ids: np.ndarray, *, steps: int | None = None, guidance: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """latents float32 (n, c * h * w), prompts int64 (n, context_length) -> as `draw`, by way of latent codes.

    `guidance` 1 follows the prompt as it was learnt, more follows it further, at twice the time. Before the last step
    the images are empty (0, 3, h, w): only the last code is decoded.
    """
    config = network.config
    weight = config.guidance if guidance is None else guidance
    schedule = Schedule(config.noise_schedule, config.train_steps, config.prediction)
    (context,) = network.run("prompt_encoder", ids=ids)
    empty = np.zeros((1, config.context_length), np.int64)
    empty[0, :2] = config.begin_token, config.end_token
    (nothing,) = network.run("prompt_encoder", ids=empty)

    def run(noisy: np.ndarray, time: int, told: np.ndarray) -> np.ndarray:
        found: np.ndarray
        times = np.full(len(noisy), time, np.float32)
        (found,) = network.run("latent_denoiser", noisy=noisy, time=times, context=told)
        return found

    def predict(noisy: np.ndarray, time: int) -> np.ndarray:
        if weight == 1:
            return run(noisy, time, context)
        both = np.concatenate([context, np.broadcast_to(nothing, context.shape)])
        conditional, unconditional = np.split(run(np.concatenate([noisy, noisy]), time, both), 2)
        found: np.ndarray = guided(conditional, unconditional, weight)
        return found

    side = config.image_size // 2 ** (len(config.autoencoder_widths) - 1)
    noise = latents.reshape(len(latents), config.latent_channels, side, side)
    count = config.sampling_steps if steps is None else steps
    for share, codes in sample(schedule, predict, noise, count, LATENT_LIMIT):
        if share < 1:
            yield share, np.empty((0, 3, config.image_size, config.image_size), np.float32)
        else:
            yield share, network.run("latent_decoder", latents=codes)[0]
