"""Enlarging emoji four times: how near to the truth, and how sharp, by interpolation and by checkpoints.

    ZOO_DATA=path/to/data python tests/bench/super_resolution.py [CHECKPOINT ...] [--sample]

The test split's pictures of all vendors, made small by the mean of every 4 x 4 pixels, are enlarged by Pillow's bicubic
and Lanczos filters and by each checkpoint (a folder, or a bundled name) whose source is "small". One JSON line each:
PSNR, SSIM and mean absolute error against the truth; `edges`, the energy of the gradients as a share of the truth's
(interpolation blurs: below 1); and `frechet`, the distance of the distribution of 8 x 8 windows from the truth's.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import torch
from PIL import Image

from zoo import checkpoint, hub
from zoo.data.load import load
from zoo.generate.grid import to_bytes
from zoo.metrics.frechet import fit, frechet_distance
from zoo.metrics.restoration import absolute_error, psnr, ssim
from zoo.models.image.srgan import SRGAN, SRGANConfig

WINDOW = 8
"""Pixels a side of the windows whose distributions are compared."""
BATCH = 50


def edges(images: np.ndarray) -> np.ndarray:
    """The energy of the differences of neighbouring pixels of images (n, c, h, w): float64 (n,), summed."""
    values = images.astype(np.float64)
    return np.square(np.diff(values, axis=2)).sum((1, 2, 3)) + np.square(np.diff(values, axis=3)).sum((1, 2, 3))


def windows(images: np.ndarray) -> np.ndarray:
    """Every window of images (n, c, h, w), side by side, less its mean: (n * h * w / 64, c * 64)."""
    n, channels, height, width = images.shape
    cut = images.reshape(n, channels, height // WINDOW, WINDOW, width // WINDOW, WINDOW).transpose(0, 2, 4, 1, 3, 5)
    cut = cut.reshape(-1, channels, WINDOW * WINDOW)
    return (cut - cut.mean(2, keepdims=True)).reshape(len(cut), -1)


def measured(made: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """All figures of made pictures against the truth, both float32 (n, c, h, w) in [-1, 1]."""
    parts = [(made[i : i + BATCH], truth[i : i + BATCH]) for i in range(0, len(made), BATCH)]
    means = {
        name: float(np.concatenate([measure(*part) for part in parts]).mean())
        for name, measure in (("psnr", psnr), ("ssim", ssim), ("mean_absolute_error", absolute_error))
    }
    means["edges"] = float(edges(made).sum() / edges(truth).sum())
    means["frechet"] = frechet_distance(fit(windows(made)), fit(windows(truth)))
    return {name: round(value, 4) for name, value in means.items()}


def resized(images: np.ndarray, size: int, how: Image.Resampling) -> np.ndarray:
    """images float32 (n, 3, h, w) in [-1, 1], of 8 bits, by a filter of Pillow: (n, 3, size, size)."""
    large = [np.asarray(Image.fromarray(image).resize((size, size), how)) for image in to_bytes(images)]
    return np.stack(large).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def enlarged(model: SRGAN, images: np.ndarray) -> np.ndarray:
    """images float32 (n, 3, h, w) in [-1, 1] by a model, of 8 bits as others are: (n, 3, scale * h, scale * w)."""
    with torch.no_grad():
        made = torch.cat([model.translate(part) for part in torch.from_numpy(images).split(BATCH)])
    return to_bytes(made.numpy()).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def opened(name: str) -> SRGAN:
    """The model of a checkpoint's folder or name. Raises ValueError where it is no SRGAN."""
    found = checkpoint.load(hub.resolve(name))
    if not isinstance(found.model, SRGAN):
        raise ValueError(f"{name} holds a {found.model_name}; this bench measures checkpoints of srgan")
    return found.model


def lines(names: list[str], *, sample: bool) -> list[dict[str, Any]]:
    """A row for each way of enlarging; checkpoints of another size or target than the default's have rows of theirs."""
    models = {name: opened(name) for name in names}
    configs = dict.fromkeys((_data(SRGANConfig()), *(_data(model.config) for model in models.values())))
    return [
        line
        for config in configs
        for line in _lines(config, {n: m for n, m in models.items() if _data(m.config) == config}, sample=sample)
    ]


def _lines(config: SRGANConfig, models: dict[str, SRGAN], *, sample: bool) -> list[dict[str, Any]]:
    data = load("emoji", "test", config, sample=sample)
    batch = data.batch(np.arange(len(data)))
    given, truth = batch["source"].numpy(), batch["target"].numpy()
    about = {"target": config.target, "from": given.shape[2], "to": truth.shape[2], "pictures": len(data)}
    made = {
        "bicubic": resized(given, truth.shape[2], Image.Resampling.BICUBIC),
        "lanczos": resized(given, truth.shape[2], Image.Resampling.LANCZOS),
        **{name: enlarged(model.eval(), given) for name, model in models.items()},
    }
    return [{"name": name, **about, **measured(images, truth)} for name, images in made.items()]


def _data(config: SRGANConfig) -> SRGANConfig:
    """What of a config says which pictures are enlarged."""
    return SRGANConfig(target=config.target, image_size=config.image_size, scale=config.scale)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="CHECKPOINT", help="folders, or names of bundled checkpoints")
    parser.add_argument("--sample", action="store_true", help="the bundled sample in the test split's place")
    arguments = parser.parse_args()
    for line in lines(arguments.names, sample=arguments.sample):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
