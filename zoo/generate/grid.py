"""Pictures side by side in one, and numbers as pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image


def grid(images: np.ndarray, columns: int, *, scale: int = 1, gap: int = 2, paper: int = 255) -> Image.Image:
    """images uint8 (n, h, w) or (n, h, w, 3) -> one picture, row by row, each pixel `scale` wide, on `paper`."""
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *images.shape[3:])
    sheet = np.full(shape, paper, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    picture = Image.fromarray(sheet)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def to_bytes(images: np.ndarray) -> np.ndarray:
    """images float32 (n, c, h, w) in [-1, 1] -> uint8 (n, h, w) for one channel, else (n, h, w, c)."""
    array = ((images.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    return array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1)
