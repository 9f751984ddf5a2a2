"""Drawing by diffusion on a CPU against diffusers: the same weights, 25 steps of DDIM, interleaved.

    python tests/bench/diffusion.py [mnist emoji]

Of each preset's network, one picture at a time and 16: without classes `DDIMPipeline` as it comes, and with classes and
guidance the lines of the card (UNet2DModel and DDIMScheduler), against the zoo's engine with onnxruntime. The weights
are random: time does not depend on them. Prints one JSON line a comparison, in images a second, and how far apart the
last pictures are.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import timing
import torch
from diffusers import DDIMPipeline

from train.recipe import preset
from zoo import checkpoint
from zoo.engine.diffusion import draw
from zoo.engine.graphs import Graphs
from zoo.export.diffusers import write_pipeline
from zoo.export.graphs import export
from zoo.models.image.diffusion import Diffusion, DiffusionConfig

STEPS, GUIDANCE, COUNTS, SEED = 25, 1.5, (1, 16), 7
BUDGET = timing.Budget()


def networks(config: DiffusionConfig, place: Path) -> tuple[Graphs, Any]:
    """The same random weights by onnxruntime, and as the pipeline of diffusers."""
    torch.manual_seed(0)
    model = Diffusion(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    stored, native = place / "stored", place / "native"
    for folder in (stored, native):
        folder.mkdir(parents=True)
    labels = tuple(map(str, range(config.num_classes)))
    checkpoint.save(stored, model, "diffusion", "bench", labels=labels, dtype="float16")
    export(stored)
    write_pipeline(stored, native)
    pipeline = DDIMPipeline.from_pretrained(native)
    pipeline.set_progress_bar_config(disable=True)
    return Graphs(stored, checkpoint.sha256_of(stored / "model.safetensors")), pipeline


def guided(pipeline: Any, noise: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """As the card says it."""
    unet, scheduler, images = pipeline.unet, pipeline.scheduler, noise
    scheduler.set_timesteps(STEPS)
    none = torch.full_like(labels, unet.config.num_class_embeds - 1)
    for time in scheduler.timesteps:
        with torch.no_grad():
            both = unet(torch.cat([images, images]), time, class_labels=torch.cat([labels, none])).sample
        given, free = both.chunk(2)
        images = scheduler.step(free + GUIDANCE * (given - free), time, images).prev_sample
    return images.numpy()


def compare(name: str, count: int, ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray]) -> None:
    """Print the rates of both, and how far apart their pictures are."""
    own = timing.Contender("zoo", timing.stepping(ours), count, 2)
    peer = timing.Contender("diffusers", timing.stepping(theirs), count, timing.all_cores())
    found = timing.rates([own, peer], BUDGET)
    seconds = {key: round(statistics.median(1 / rate for rate in found.rates[key]), 4) for key in ("zoo", "diffusers")}
    apart = float(np.abs(ours() - theirs()).max())
    timing.line(f"{name}, {count} at a time", found, own, peer, "images/s", seconds_an_image=seconds, apart=apart)


def freely(pipeline: Any, count: int) -> np.ndarray:
    """As the pipeline draws by itself, in [-1, 1]."""
    found = pipeline(count, torch.manual_seed(SEED), num_inference_steps=STEPS, output_type="np").images
    images: np.ndarray = found.transpose(0, 3, 1, 2) * 2 - 1
    return images


def engine(network: Graphs, noise: torch.Tensor, labels: torch.Tensor | None = None) -> np.ndarray:
    """As this zoo draws."""
    classes = None if labels is None else labels.numpy()
    *_, (_, images) = draw(network, noise.flatten(1).numpy(), classes, steps=STEPS, guidance=GUIDANCE)
    return images


def main(names: list[str]) -> None:
    """Every preset, without classes and with."""
    for name in names:
        config: DiffusionConfig = preset("diffusion", name).config
        with tempfile.TemporaryDirectory() as place:
            free, pipeline = networks(replace(config, num_classes=0), Path(place) / "free")
            known, parts = networks(config, Path(place) / "known")
            for count in COUNTS:
                noise = torch.randn(
                    count, config.channels, config.image_size, config.image_size, generator=torch.manual_seed(SEED)
                )  # what the pipeline draws, too
                labels = torch.arange(count) % config.num_classes
                compare(
                    f"diffusion.{name} without classes, against DDIMPipeline",
                    count,
                    partial(engine, free, noise),
                    partial(freely, pipeline, count),
                )
                compare(
                    f"diffusion.{name} with guidance, against the card's lines",
                    count,
                    partial(engine, known, noise, labels),
                    partial(guided, parts, noise, labels),
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=["mnist", "emoji", []], metavar="PRESET", help="mnist, emoji")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="a contender's share of a repeat")
    known = parser.parse_args()
    BUDGET = timing.Budget(known.repeats, known.seconds)
    main(known.names or ["mnist", "emoji"])
