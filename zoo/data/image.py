"""Pictures: Parquet -> float32 (n, c, h, w) in [-1, 1]."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from zoo.data.source import read, split_of

VALIDATION = 5000
"""Training pictures kept apart for validation where the set has no such split."""


class Images:
    """One split of a labelled picture set, held as bytes."""

    lengths = None

    def __init__(self, name: str, split: str, *, sample: bool = False, image_size: int = 28) -> None:
        table = read(name, "test" if split == "test" else "train", sample=sample)
        self.info, self.fingerprint, self.labels = table.info, table.fingerprint, table.labels["label"]
        rows = np.arange(len(table.columns["label"]))
        if split != "test":
            rows = split_of(len(rows), split, VALIDATION)
        column = table.columns["image"]
        pictures = []
        for row in rows:
            try:
                pictures.append(np.asarray(Image.open(io.BytesIO(column[row]["bytes"]))))
            except (UnidentifiedImageError, OSError, TypeError) as error:
                raise ValueError(f"picture {row} of {name}/{split} cannot be decoded: {error}") from error
        images = np.stack(pictures)
        images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        missing = image_size - images.shape[2]
        before, after = missing // 2, missing - missing // 2
        self.images = np.pad(images, ((0, 0), (0, 0), (before, after), (before, after)))  # black around
        self.targets = np.asarray(table.columns["label"], np.int64)[rows]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """image float32 (n, c, size, size) in [-1, 1] and label int64 (n,)."""
        import torch

        images = torch.from_numpy(self.images[indices]).float().div_(127.5).sub_(1.0)
        return {"image": images, "label": torch.from_numpy(self.targets[indices])}
