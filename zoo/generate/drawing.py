"""A person's drawing or photograph -> a picture such as models have learnt from: bright on black, sized and centred."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from zoo.generate.inputs import InputError, quoted

MAX_PIXELS = 4_000_000
LEAST_CONTRAST = 24
"""Grey levels (of 255) by which a stroke must differ from its paper."""
FAINT = 0.2
"""Share of the darkest stroke below which ink counts as paper: shadows and noise of a photograph."""
_LARGEST = 512
"""Pixels of the longer side to which larger drawings are reduced first."""


def as_picture(picture: Any) -> Image.Image:
    """A picture as `on_white` takes it -> mode "L", on white."""
    return on_white(picture).convert("L")


def like_colours(picture: Any, size: int) -> np.ndarray:
    """A picture as `on_white` takes it -> its middle square on white, uint8 (size, size, 3)."""
    found = on_white(picture).convert("RGB")
    how = Image.Resampling.BOX if min(found.size) >= size else Image.Resampling.BICUBIC
    return np.asarray(ImageOps.fit(found, (size, size), how))


def on_white(picture: Any) -> Image.Image:
    """A PIL image or an array, whole numbers to 255 or fractions, (h, w) or (h, w, 1 to 4) -> a picture in 8 bits a
    channel through which nothing shows: white where it was transparent.

    Raises InputError for anything else, and above 4 megapixels.
    """
    if isinstance(picture, np.ndarray):
        picture = _from_array(picture)
    if not isinstance(picture, Image.Image):
        raise InputError(f"the picture is {quoted(picture)}; it must be a picture")
    if picture.width * picture.height > MAX_PIXELS:
        raise InputError(f"the picture has {picture.width:,} x {picture.height:,} pixels; 4 megapixels are allowed")
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _from_array(np.asarray(picture, np.float64).clip(0, 65535) / 65535)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture


def _from_array(values: np.ndarray) -> Image.Image:
    shape = values.shape
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and not 1 <= shape[2] <= 4):
        raise InputError(f"the picture has the shape {shape}; it must be (height, width) or (height, width, 1 to 4)")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise InputError(f"the picture has {shape[1]:,} x {shape[0]:,} pixels; 4 megapixels are allowed")
    if values.dtype == bool or np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise InputError("the picture holds numbers outside 0 to 1, which fractions must keep to")
        values = (values * 255).round()
    elif not np.issubdtype(values.dtype, np.integer) or values.min() < 0 or values.max() > 255:
        raise InputError("the picture must hold whole numbers from 0 to 255 or fractions from 0 to 1")
    if len(shape) == 3 and shape[2] == 1:
        values = values[:, :, 0]
    return Image.fromarray(values.astype(np.uint8))


def ink_of(picture: Any) -> np.ndarray:
    """Strokes as float64 (h, w) from 0 (paper) to 1 (the strongest stroke), cut to their bounding box.

    The paper is what most of the border shows; strokes may be darker or lighter than it. Raises InputError when
    nothing is drawn.
    """
    picture = as_picture(picture)
    if max(picture.size) > _LARGEST:
        picture.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    values = np.asarray(picture, np.float64)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    paper = float(np.median(border))
    dark, light = paper - values, values - paper
    ink = (dark if dark.clip(0).sum() >= light.clip(0).sum() else light).clip(0)
    if ink.max() < LEAST_CONTRAST:
        raise InputError("nothing is drawn there: the picture is of one shade")
    ink /= ink.max()
    ink[ink < FAINT] = 0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(ink: np.ndarray, size: int) -> np.ndarray:
    """Scale ink (h, w) so that its longer side has `size` pixels and its strongest stroke is 1."""
    scale = size / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    fitted = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height), how), np.float64).clip(0, 1)
    return fitted / max(fitted.max(), 1e-6)


def like_digits(ink: np.ndarray, size: int = 28) -> np.ndarray:
    """Ink -> (size, size) as MNIST was made: scaled to 20/28 of the side, its centre of mass at pixel size / 2."""
    fitted = _fit(ink, round(size * 20 / 28))
    height, width = fitted.shape
    total = fitted.sum()
    centre = (fitted.sum(1) @ np.arange(height) / total, fitted.sum(0) @ np.arange(width) / total)
    top, left = (min(max(round(size / 2 - c), 0), size - side) for c, side in zip(centre, (height, width), strict=True))
    page = np.zeros((size, size))
    page[top : top + height, left : left + width] = fitted
    return page


def like_clothes(ink: np.ndarray, size: int = 28) -> np.ndarray:
    """Ink -> (size, size) as Fashion-MNIST was made: its longer side fills the picture, centred."""
    fitted = _fit(ink, size)
    height, width = fitted.shape
    top, left = (size - height) // 2, (size - width) // 2
    page = np.zeros((size, size))
    page[top : top + height, left : left + width] = fitted
    return page
