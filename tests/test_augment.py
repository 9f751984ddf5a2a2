"""Differentiable augmentation does what it says, and lets gradients through."""

from __future__ import annotations

import pytest
import torch

from train.algorithms.augment import augment
from zoo.noise import Noise


def pictures(n: int = 6, size: int = 32) -> torch.Tensor:
    return Noise(5).uniform(n, 2, size, size) * 2 - 1


def test_a_translation_moves_each_picture_by_whole_pixels_over_a_dark_background() -> None:
    images = pictures(120)
    moved = augment(images, ("translation",), Noise(1))
    found = set()
    for image, result in zip(images, moved, strict=True):
        matches = [
            (dy, dx)
            for dy in range(-4, 5)
            for dx in range(-4, 5)
            if torch.equal(
                result[:, max(0, dy) : 32 + min(0, dy), max(0, dx) : 32 + min(0, dx)],
                image[:, max(0, -dy) : 32 - max(0, dy), max(0, -dx) : 32 - max(0, dx)],
            )
        ]
        assert len(matches) == 1
        (dy, dx) = matches[0]
        outside = torch.ones(32, 32, dtype=torch.bool)
        outside[max(0, dy) : 32 + min(0, dy), max(0, dx) : 32 + min(0, dx)] = False
        assert (result[:, outside] == -1).all()
        found.add((dy, dx))
    assert len(found) > 15 and {dy for dy, _ in found} == set(range(-4, 5))


def test_a_cutout_is_a_square_of_half_the_size_or_its_visible_part() -> None:
    images = torch.ones(30, 1, 32, 32)
    for hole in (augment(images, ("cutout",), Noise(2)) == 0)[:, 0]:
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert hole.sum() == rows * columns and 7 <= rows <= 16 and 7 <= columns <= 16


def test_brightness_moves_and_contrast_stretches_about_the_mean() -> None:
    images = pictures()
    shift = augment(images, ("brightness",), Noise(3)) - images
    assert torch.allclose(shift, shift[:, :1, :1, :1].expand_as(shift), atol=1e-6) and shift.abs().max() <= 0.5
    stretched = augment(images, ("contrast",), Noise(3))
    assert torch.allclose(stretched.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-6)
    factor = stretched.std((1, 2, 3)) / images.std((1, 2, 3))
    assert factor.min() >= 0.5 and factor.max() <= 1.5 and factor.std() > 0.05


@pytest.mark.parametrize("kind", ["brightness", "contrast", "translation", "cutout"])
def test_gradients_flow_through(kind: str) -> None:
    images = pictures().requires_grad_()
    augment(images, (kind,), Noise(4)).square().sum().backward()  # type: ignore[arg-type]
    assert images.grad is not None and (images.grad != 0).float().mean() > 0.3
