"""Measures of pictures: what a judge says of them, how far they lie from real ones, and their likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.load import load as load_data
from zoo.metrics.frechet import fit, frechet_distance
from zoo.metrics.judges import judge_of
from zoo.noise import Noise
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of


def generated_images(model: Any, count: int, poll: Poll) -> Iterator[tuple[Any, Any]]:
    """Pictures and the classes asked for, all classes in turn, from the measurement's noise."""
    import torch

    device = device_of(model)
    noise = Noise(SEED, device=device)
    for start in range(0, count, 250):
        poll()
        n = min(250, count - start)
        labels = (torch.arange(start, start + n, device=device) % model.num_classes) if model.num_classes else None
        yield model.generate(noise.normal(n, model.latent_dim), labels), labels


def fit_to_judge(images: Any, size: int = 28) -> Any:
    """Cut or pad the edges of images (n, c, h, w) to size x size: the judges see 28 x 28 pixels."""
    from torch.nn import functional as F

    missing = size - images.shape[2]
    before = missing // 2
    return F.pad(images, (before, missing - before, before, missing - before), value=-1.0)


def image_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """The judge's agreement with the class asked for, and the Fréchet distance in its features, with its floor."""
    judge = judge_of(subject.dataset)
    if judge is None:
        return [_pixel_distance(subject, data, budget, poll)]
    network = judge_network(judge).to(device_of(subject.model))
    agreed, features = 0, []
    for images, labels in generated_images(subject.model, budget.pictures, poll):
        images = fit_to_judge(images)
        seen = network.features(images)
        features.append(seen.cpu().numpy())
        if labels is not None:
            agreed += int((network.head(seen).argmax(1) == labels).sum())
    real = _real_features(network, data, budget.pictures, poll)
    distance = frechet_distance(fit(np.concatenate(features)), fit(real))
    floor = None
    if not budget.training:
        other = load_data(subject.dataset, "train", subject.model.config, sample=subject.sample)
        floor = frechet_distance(fit(_real_features(network, other, budget.pictures, poll)), fit(real))
    share = agreed / budget.pictures
    found = [
        Figure(
            "Fréchet distance", distance, "judge features", "lower", "test", budget.pictures, 0.02 * distance + 0.002,
            judge.name, judge.sha256, floor, "floor: as many real training pictures against the same test pictures",
        ),
    ]  # fmt: skip
    if subject.model.num_classes:
        agreement = Figure(
            "judge agreement",
            share,
            "share",
            "higher",
            "generated",
            budget.pictures,
            max(0.002, 1.5 / budget.pictures),
            judge.name,
            judge.sha256,
        )
        found.insert(0, agreement)
    return found


def _pixel_distance(subject: Subject, data: Any, budget: Budget, poll: Poll) -> Figure:
    """The Fréchet distance of pictures brought to 8 x 8 pixels: coarse, but of any pictures, where no judge exists."""
    from torch.nn import functional as F

    def small(images: Any) -> np.ndarray:
        return F.adaptive_avg_pool2d(images.float(), 8).flatten(1).cpu().numpy()

    made = [small(images) for images, _ in generated_images(subject.model, budget.pictures, poll)]
    real = [small(data.batch(rows)["image"]) for rows in rows_of(data, budget.pictures, 250, poll)]
    distance = frechet_distance(fit(np.concatenate(made)), fit(np.concatenate(real)))
    return Figure(
        "Fréchet distance", distance, "8 x 8 pixels", "lower", "test", budget.pictures, 0.02 * distance + 0.002,
        note=f"no judge knows these pictures: of their 8 x 8 averages, against {len(data):,} real ones",
    )  # fmt: skip


def _real_features(network: Any, data: Any, limit: int, poll: Poll) -> np.ndarray:
    found = []
    for rows in rows_of(data, limit, 250, poll):
        found.append(network.features(fit_to_judge(batch_of(data, rows, device_of(network))["image"])).cpu().numpy())
    return np.concatenate(found)


def image_autoencoding(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Negative log-likelihood by importance samples and the evidence bound: of binarised pixels, or of 8-bit ones."""
    device = device_of(subject.model)
    nll, elbo, count, k = 0.0, 0.0, 0, budget.importance_samples
    apart = max(1, len(data) // budget.likelihoods)  # evenly over the split, for its halves differ
    for number in rows_of(range(0, len(data), apart), None, 20 if k > 1 else 250, poll):
        rows = number * apart
        noise = Noise(SEED, stream=1 + int(rows[0]), device=device)
        weights, _ = subject.model.log_weights(batch_of(data, rows, device)["image"], noise, k)
        nll -= float((weights.logsumexp(0) - math.log(k)).sum())
        elbo -= float(weights.mean(0).sum())
        count += len(rows)
    binary = subject.model.pixel_levels == 2
    note = f"{'pixels binarised dynamically' if binary else 'pixels of 8 bits'}; {k} importance samples"
    near = max(0.05, 1e-4 * nll / count)
    found = [
        Figure("negative log-likelihood", nll / count, "nats an image", "lower", "test", count, near, note=note),
        Figure("negative ELBO", elbo / count, "nats an image", "lower", "test", count, near, note=note),
    ]
    if not binary:
        bits = nll / count / math.log(2) / data.batch(np.arange(1))["image"].numel()
        found.append(Figure("bits a dimension", bits, "bits", "lower", "test", count, 1e-3, note=note))
    return found
