"""Measures of a translation of pictures: how near it comes to the truth, beside what costs nothing.

The truth is the target of the test split's pairs: concepts that the model has not seen. Each figure's floor is what
handing back the source as it is would reach over the same pairs, for an enlargement the source enlarged by bicubic
interpolation. A model that goes both ways has the figures of both, those of the way back after " back".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.image import VENDORS
from zoo.generate.grid import to_bytes
from zoo.metrics.judges import judge_of
from zoo.metrics.restoration import absolute_error, psnr, ssim
from zoo.verify.images import fit_to_judge
from zoo.verify.subject import Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of

_BATCH = 50
STYLES = "emoji_vendors"
"""The data set whose judge tells the vendors apart."""
_MEASURES: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray], str, str, float], ...] = (
    ("PSNR", psnr, "dB", "higher", 0.03),
    ("SSIM", ssim, "", "higher", 2e-3),
    ("mean absolute error", lambda images, truth: 127.5 * absolute_error(images, truth), "of 255", "lower", 0.1),
)
"""Name, measure, unit, the better way and tolerance."""


def image_translation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """PSNR, SSIM and mean absolute error against the truth, and whose style a judge sees; also of the way back."""
    config, model = subject.model.config, subject.model
    source, target = str(getattr(config, "source", "source")), str(getattr(config, "target", "target"))
    given, made, truth = _translated(model, model.translate, data, ("source", "target"), budget, poll)
    found = _nearness(given, made, truth, f"{source} to {target}", "", budget)
    found += _style(subject, made, truth, target, "", poll)
    if hasattr(model, "translate_back"):
        given, made, truth = _translated(model, model.translate_back, data, ("target", "source"), budget, poll)
        found += _nearness(given, made, truth, f"{target} to {source}", " back", budget)
        found += _style(subject, made, truth, source, " back", poll)
    return found


def _translated(
    model: Any, translate: Callable[[Any], Any], data: Any, keys: tuple[str, str], budget: Budget, poll: Poll
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is given, what is made of it, and the truth, each float32 (n, c, h, w) in [-1, 1]."""
    found = []
    for rows in rows_of(data, budget.rows, _BATCH, poll):
        batch = batch_of(data, rows, device_of(model))
        given, truth = batch[keys[0]], batch[keys[1]]
        found.append([images.float().cpu().numpy() for images in (given, translate(given), truth)])
    given, made, truth = (np.concatenate(images) for images in zip(*found, strict=True))
    return given, made, truth


def _nearness(
    given: np.ndarray, made: np.ndarray, truth: np.ndarray, way: str, suffix: str, budget: Budget
) -> list[Figure]:
    smaller = given.shape[2] < truth.shape[2]
    free = None if budget.training else (enlarged(given, truth.shape[2]) if smaller else given)
    note = f"{way}; floor: the source {'enlarged by bicubic interpolation' if smaller else 'as it is'}"
    return [
        Figure(
            name + suffix, _mean(measure, made, truth), unit, better, "test", len(made), tolerance,
            floor=None if free is None else _mean(measure, free, truth), note=note,
        )
        for name, measure, unit, better, tolerance in _MEASURES
    ]  # fmt: skip


def _mean(measure: Callable[[np.ndarray, np.ndarray], np.ndarray], images: np.ndarray, truth: np.ndarray) -> float:
    """The mean over pictures; a few at a time, for the windows of SSIM take room."""
    parts = [measure(images[i : i + _BATCH], truth[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    return float(np.concatenate(parts).mean())


def enlarged(images: np.ndarray, size: int) -> np.ndarray:
    """images (n, 3, h, w) in [-1, 1] by bicubic interpolation, of 8 bits, as Pillow has it: (n, 3, size, size)."""
    large = [
        np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in to_bytes(images)
    ]
    return np.stack(large).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def _style(subject: Subject, made: np.ndarray, truth: np.ndarray, vendor: str, suffix: str, poll: Poll) -> list[Figure]:
    """The share that the judge of styles takes for `vendor`'s; nothing without such a judge, or for no vendor."""
    import torch

    judge = judge_of(STYLES) if subject.dataset and vendor in VENDORS else None
    if judge is None:
        return []
    network = judge_network(judge).to(device_of(subject.model))
    shares = []
    for images in (made, truth):
        seen = 0
        for part in torch.from_numpy(images).to(device_of(subject.model)).split(_BATCH):
            poll()
            seen += int((network(fit_to_judge(part, network)).argmax(1) == VENDORS.index(vendor)).sum())
        shares.append(seen / len(images))
    note = f"pictures that the judge takes for {vendor}'s; floor: of {vendor}'s own"
    tolerance = max(0.01, 1.5 / len(made))
    return [
        Figure(
            f"style agreement{suffix}", shares[0], "share", "higher", "test", len(made), tolerance,
            judge.name, judge.sha256, shares[1], note,
        )
    ]  # fmt: skip
