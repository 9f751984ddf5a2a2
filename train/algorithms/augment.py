"""Differentiable augmentation: a discriminator that sees few pictures sees each in many ways, and so do fakes.

Zhao, Liu, Lin, Zhu and Han, "Differentiable augmentation for data-efficient GAN training", NeurIPS 2020. The same
transformations go over real and generated pictures in both phases, so that they do not leak into what is generated.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from zoo.noise import Noise

Augmentation = Literal["brightness", "contrast", "translation", "cutout", "flip"]


def augment(images: Tensor, kinds: tuple[Augmentation, ...], noise: Noise) -> Tensor:
    """Change each of images (n, c, h, w) in [-1, 1] in every way of `kinds`; gradients flow through."""
    for kind in kinds:
        images = _KINDS[kind](images, noise)
    return images


def _amount(images: Tensor, noise: Noise) -> Tensor:
    """One uniform number in [0, 1) a picture: (n, 1, 1, 1)."""
    return noise.uniform(len(images)).to(images.dtype).view(-1, 1, 1, 1)


def _brightness(images: Tensor, noise: Noise) -> Tensor:
    return images + (_amount(images, noise) - 0.5)


def _contrast(images: Tensor, noise: Noise) -> Tensor:
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (_amount(images, noise) + 0.5) + mean


def _offsets(images: Tensor, noise: Noise, axis: int, share: float) -> Tensor:
    """Whole pixels between plus and minus `share` of the size along `axis`, one a picture: int64 (n, 1)."""
    reach = int(images.shape[axis] * share + 0.5)
    return (noise.uniform(len(images)) * (2 * reach + 1)).long().sub(reach).view(-1, 1)


def _translation(images: Tensor, noise: Noise) -> Tensor:
    """By up to an eighth each way; what comes in at the edge is background, -1."""
    n, _, height, width = images.shape
    rows = torch.arange(height, device=images.device) - _offsets(images, noise, 2, 0.125)  # (n, h)
    columns = torch.arange(width, device=images.device) - _offsets(images, noise, 3, 0.125)  # (n, w)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    number = torch.arange(n, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[
        number, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    ]
    return torch.where(inside[..., None], moved, -1.0).permute(0, 3, 1, 2)


def _cutout(images: Tensor, noise: Noise) -> Tensor:
    """A square of half the size, anywhere, becomes 0, the middle of the range."""
    _, _, height, width = images.shape
    masks = []
    for axis, size in ((2, height), (3, width)):
        centre = size // 2 + _offsets(images, noise, axis, 0.5)  # (n, 1)
        masks.append((torch.arange(size, device=images.device) - centre).abs() < size / 4)
    return images * ~(masks[0][:, None, :, None] & masks[1][:, None, None, :])


def _flip(images: Tensor, noise: Noise) -> Tensor:
    """Every other picture is seen in a mirror; a generator may then draw either."""
    return torch.where(_amount(images, noise) < 0.5, images.flip(3), images)


_KINDS = {
    "brightness": _brightness,
    "contrast": _contrast,
    "translation": _translation,
    "cutout": _cutout,
    "flip": _flip,
}
