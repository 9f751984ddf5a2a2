"""Which modes of a known distribution a GAN finds: the same networks under the non-saturating loss and under WGAN-GP.

    python tests/bench/modes.py [ring] [stacked] [--steps N] [--seeds 3]

`ring`: eight Gaussians on a circle (Metz et al., "Unrolled generative adversarial networks", ICLR 2017), dense
networks. `stacked`: three MNIST digits as the three channels of a picture, 1,000 modes, read channel by channel by the
pinned judge (ibid.; Srivastava et al., "VEEGAN", NeurIPS 2017), on the zoo's `dcgan` against `wgan_gp`. Prints one JSON
line a run: modes found, the reverse Kullback-Leibler divergence of the generated modes from the uniform ones, and for
the ring the share of samples within three deviations of a mode. Stacked digits need ZOO_DATA for the whole of MNIST;
without it, the small bundled sample.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.algorithms.adversarial import Adversarial
from train.algorithms.wasserstein import Wasserstein
from train.recipe import course
from zoo import runtime
from zoo.data.load import load
from zoo.metrics.judges import judge_of
from zoo.models.image.dcgan import DCGAN, DCGANConfig
from zoo.models.image.wgan_gp import WGANGP, Slopes, WGANGPConfig
from zoo.noise import Noise
from zoo.verify import fit_to_judge, judge_network

MODES, RADIUS, DEVIATION = 8, 1.0, 0.05
"""The ring's Gaussians, their distance from the middle and their standard deviation."""
SIZE = 128
"""Points or pictures in one step of the discriminator or critic."""
SAMPLES = 10_000
RULES = {
    "non-saturating": Adversarial(generator_learning_rate=1e-3, discriminator_learning_rate=3e-4),
    "wgan-gp": Wasserstein(
        generator_learning_rate=1e-3, critic_learning_rate=3e-4, penalty=0.1, beta1=0.5, beta2=0.999
    ),
}
"""On the ring. The adversary is slower than the generator, as in Metz et al.; at equal rates both rules find all modes.
A penalty of 10 is for pictures; Gulrajani et al. (2017) take 0.1 for such toy data."""


def centres() -> np.ndarray:
    """The ring's modes, float32 (8, 2)."""
    angles = 2 * np.pi * np.arange(MODES) / MODES
    return (RADIUS * np.stack([np.cos(angles), np.sin(angles)], 1)).astype(np.float32)


def ring(count: int, noise: Noise) -> Tensor:
    """Points of the ring as pictures of two channels and one pixel, float32 (count, 2, 1, 1)."""
    chosen = noise.integers(MODES, count)
    return (torch.from_numpy(centres())[chosen] + DEVIATION * noise.normal(count, 2))[:, :, None, None]


class RingGenerator(nn.Module):
    """Two standard normals -> a point, through two layers of 128 units; `discriminator()` mirrors it."""

    num_classes, latent_dim = 0, 2

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_hidden(2), nn.Linear(128, 2))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, 2) -> (n, 2, 1, 1)."""
        return self.layers(latents)[:, :, None, None]

    def discriminator(self) -> RingDiscriminator:
        """The adversary of both rules."""
        return RingDiscriminator()


class RingDiscriminator(nn.Module):
    """A point -> a logit, or a score."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), *_hidden(2), nn.Linear(128, 1))

    def forward(self, points: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, 2, 1, 1) -> (n,)."""
        return self.layers(points).squeeze(1)


def _hidden(inputs: int) -> tuple[nn.Module, ...]:
    return (nn.Linear(inputs, 128), Slopes(), nn.Linear(128, 128), Slopes())


def reverse_kl(modes: np.ndarray, count: int) -> float:
    """KL(generated || uniform) in nats over `count` modes, from the mode of each sample, int (n,): log `count` for one
    mode alone, near 0 for all in equal shares."""
    shares = np.bincount(modes, minlength=count) / len(modes)
    kept = shares[shares > 0]
    return float((kept * np.log(kept * count)).sum())


@dataclass(frozen=True)
class Found:
    """What a generator reaches."""

    modes: int
    reverse_kl: float
    near: float | None = None
    """Share of points within three deviations of a mode."""


def of_ring(points: np.ndarray) -> Found:
    """Points (n, 2) -> the modes with at least a tenth of an even share within three deviations, and the divergence of
    all points by their nearest mode."""
    distances = np.linalg.norm(points[:, None] - centres(), axis=2)
    nearest = distances.argmin(1)
    near = distances.min(1) <= 3 * DEVIATION
    counts = np.bincount(nearest[near], minlength=MODES)
    found = int((counts >= len(points) / MODES / 10).sum())
    return Found(found, reverse_kl(nearest, MODES), float(near.mean()))


def of_stacked(pictures: Iterator[Tensor]) -> Found:
    """Pictures (n, 3, h, w) -> which of the 1,000 numbers appear, by the judge of MNIST on each channel."""
    judge = judge_of("mnist")
    if judge is None:
        raise ValueError("MNIST has no pinned judge")
    network, read = judge_network(judge), []
    with torch.no_grad():
        for images in pictures:
            digits = network(fit_to_judge(images.flatten(0, 1)[:, None], network)).argmax(1).view(-1, 3)
            read.append((digits * torch.tensor([100, 10, 1])).sum(1).numpy())
    numbers = np.concatenate(read)
    return Found(len(np.unique(numbers)), reverse_kl(numbers, 1000))


def trained(model: Any, rule: Any, draw: Callable[[int, Noise], Tensor], steps: int, seed: int, precision: str) -> Any:
    """The model after `steps` steps of its generator under a rule; `draw` gives so many real samples."""
    accelerator = Accelerator(cpu=True, mixed_precision=precision)
    update = rule.prepare(model.train(), accelerator, 0.0)
    size = SIZE * getattr(rule, "critic_steps", 1)
    for step in range(steps):
        noise = Noise(seed, step)
        update({"image": draw(size, noise)}, noise)
    return model.eval()


def ring_run(rule: str, steps: int, seed: int) -> Found:
    """Train on the ring under a rule of `RULES`, and look."""
    torch.manual_seed(seed)
    model = trained(RingGenerator(), RULES[rule], ring, steps, seed, "no")
    with torch.no_grad():
        points = model(Noise(seed, steps).normal(SAMPLES, 2)).flatten(1).numpy()
    return of_ring(points)


def stacked_run(rule: str, steps: int, seed: int) -> Found:
    """Train on stacked digits, each rule with its own model of the zoo and that model's settings, and look."""
    sizes: dict[str, Any] = {"channels": 3, "num_classes": 0, "width": 32}
    data: Any = load("mnist", "train", DCGANConfig(), sample=not os.environ.get("ZOO_DATA"))

    def draw(count: int, noise: Noise) -> Tensor:
        rows = noise.integers_array(len(data), 3 * count)
        images: Tensor = data.batch(rows)["image"]
        return images.view(count, 3, *images.shape[2:])

    torch.manual_seed(seed)
    model: Any
    if rule == "wgan-gp":
        model, chosen = WGANGP(WGANGPConfig(**sizes)), course("wgan_gp").presets["mnist"].algorithm
    else:
        model, chosen = DCGAN(DCGANConfig(**sizes)), course("dcgan").presets["mnist"].algorithm
    model = trained(model, chosen, draw, steps, seed, "bf16" if runtime.has_amx() else "no")
    noise = Noise(seed, steps)
    with torch.no_grad():
        pictures = [model.generate(noise.normal(500, model.latent_dim)) for _ in range(SAMPLES // 500)]
    return of_stacked(iter(pictures))


JOBS: dict[str, tuple[Callable[[str, int, int], Found], int]] = {
    "ring": (ring_run, 2000),
    "stacked": (stacked_run, 1500),
}
"""What is trained, and how many steps of the generator without `--steps`."""


def main() -> None:
    """Print the chosen jobs' lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", default=["ring"], help=f"of {', '.join(JOBS)}; the ring without any")
    parser.add_argument("--steps", type=int, help="of the generator")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if unknown := set(arguments.jobs) - set(JOBS):
        parser.error(f"no job is named {', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    torch.set_num_threads(1)
    runtime.keep_memory()
    for job in arguments.jobs:
        run, usual = JOBS[job]
        steps = arguments.steps or usual
        for rule in RULES:
            for seed in range(arguments.seeds):
                begun = time.perf_counter()
                found = run(rule, steps, seed)
                line = {"job": job, "rule": rule, "seed": seed, "steps": steps, **asdict(found)}
                print(json.dumps(line | {"seconds": round(time.perf_counter() - begun, 1)}), flush=True)


if __name__ == "__main__":
    main()
