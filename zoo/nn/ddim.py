"""Schedules of noise and the sampler that undoes it, for NumPy's arrays and torch's tensors alike; torch-free.

A picture x and noise e mix to x_t = signal_t x + noise_t e, with signal_t^2 + noise_t^2 = 1 (Ho, Jain and Abbeel,
"Denoising diffusion probabilistic models", NeurIPS 2020, equation 4). The cosine schedule is that of Nichol and
Dhariwal, "Improved denoising diffusion probabilistic models", ICML 2021, equation 17; the sampler is the deterministic
one of Song, Meng and Ermon, "Denoising diffusion implicit models", ICLR 2021, equation 12 with sigma 0; the prediction
v is that of Salimans and Ho, "Progressive distillation for fast sampling of diffusion models", ICLR 2022. Numbers are
rounded where the diffusers library rounds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from zoo.noise import Noise

MAX_BETA = 0.999
"""The most of a picture's variance that one step of the cosine schedule may replace."""
LATENT_LIMIT = math.inf
"""Bound of what a latent code is taken for: none, since the pipeline of diffusers takes any bound away."""
BETA_START, BETA_END = 1e-4, 0.02
"""First and last of the linear betas (the paper's section 4)."""


@dataclass(frozen=True)
class Schedule:
    """How much of a picture is left at each of `length` times, from almost all to almost nothing."""

    kind: Literal["cosine", "linear"]
    length: int
    prediction: Literal["v", "epsilon"]
    """What the network predicts: v = signal e - noise x, or the noise e itself."""

    def betas(self) -> np.ndarray:
        """The share of variance that each time replaces by noise: float32 (length,)."""
        if self.kind == "linear":
            return np.linspace(BETA_START, BETA_END, self.length).astype(np.float32)
        left = [math.cos((t / self.length + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(self.length + 1)]
        return np.array([min(1 - after / before, MAX_BETA) for before, after in pairwise(left)], np.float32)

    def levels(self) -> tuple[np.ndarray, np.ndarray]:
        """signal and noise, float32 (length,) each."""
        left = np.cumprod((np.float32(1) - self.betas()).astype(np.float64)).astype(np.float32)
        return np.sqrt(left), np.sqrt(np.float32(1) - left)

    def times(self, steps: int) -> list[int]:
        """The times at which a sampler of so many steps asks the network, latest first, evenly spaced from the last.

        "Trailing" in Lin, Liu, Li and Yang, "Common diffusion noise schedules and sample steps are flawed", WACV 2024:
        pure noise is met at the time where it belongs. Raises ValueError for fewer than 1 or more than `length` steps.
        """
        if not 1 <= steps <= self.length:
            raise ValueError(f"the number of steps is {steps}; allowed are 1 to {self.length}")
        return [round(self.length - i * self.length / steps) - 1 for i in range(steps)]


def sample(
    schedule: Schedule, predict: Callable[[Any, int], Any], noise: Any, steps: int, limit: float = 1.0
) -> Iterator[tuple[float, Any]]:
    """noise (n, c, h, w), standard normals -> after each step the share that is done and the pictures as guessed then.

    `predict(noisy, time)` is the network. The pictures lie in [-limit, limit]; the last are the result. Where `steps`
    divides the schedule's length, each step is that of diffusers' DDIMScheduler.
    """
    signals, noises = (level.tolist() for level in schedule.levels())
    times = schedule.times(steps)
    noisy = noise
    for number, (time, then) in enumerate(zip(times, [*times[1:], None], strict=True), 1):
        signal, spread, found = signals[time], noises[time], predict(noisy, time)
        if schedule.prediction == "v":
            picture, epsilon = signal * noisy - spread * found, signal * found + spread * noisy
        else:
            picture, epsilon = (noisy - spread * found) / signal, found
        picture = picture.clip(-limit, limit)
        yield number / steps, picture
        if then is not None:
            noisy = signals[then] * picture + noises[then] * epsilon


def spread_times(noise: Noise, count: int, length: int) -> np.ndarray:
    """Times for `count` pictures, one from each of as many equal parts of the schedule, over all processes: int64 (n,).

    Kingma, Salimans, Poole and Ho, "Variational diffusion models", NeurIPS 2021, appendix I.1: a calmer loss.
    """
    part = np.arange(noise.rank * count, (noise.rank + 1) * count)  # of the batch of all processes
    drawn = (part + noise.uniform_array(count).astype(np.float64)) * (length / (count * noise.world))
    return drawn.astype(np.int64).clip(max=length - 1)


def guided(conditional: Any, unconditional: Any, guidance: float) -> Any:
    """Ho and Salimans, "Classifier-free diffusion guidance", 2022: away from what the network predicts without a class.

    Their equation 6 with w = guidance - 1: 1 is the class alone, 0 no class.
    """
    return unconditional + guidance * (conditional - unconditional)
