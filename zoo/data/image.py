"""Pictures: Parquet -> float32 (n, c, h, w) in [-1, 1]."""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from zoo.data.source import Info, read, split_of

logger = logging.getLogger(__name__)
VALIDATION = 5000
"""Training pictures kept apart for validation where the set has no such split."""


class Pictures:
    """One split of pictures, held as bytes: images uint8 (n, c, size, size), targets int64 (n,)."""

    lengths = None

    def __init__(
        self, info: Info, fingerprint: str, labels: tuple[str, ...], images: np.ndarray, targets: np.ndarray
    ) -> None:
        self.info, self.fingerprint, self.labels = info, fingerprint, labels
        self.images, self.targets = images, targets

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """image float32 (n, c, size, size) in [-1, 1] and label int64 (n,)."""
        import torch

        images = torch.from_numpy(self.images[indices]).float().div_(127.5).sub_(1.0)
        return {"image": images, "label": torch.from_numpy(self.targets[indices])}


class Images(Pictures):
    """One split of a labelled picture set of the zoo; with `skip` damaged pictures are left out, named in the log."""

    def __init__(
        self, name: str, split: str, *, sample: bool = False, image_size: int = 28, skip: bool = False
    ) -> None:
        table = read(name, "test" if split == "test" else "train", sample=sample)
        rows = np.arange(len(table.columns["label"]))
        if split != "test":
            rows = split_of(len(rows), split, VALIDATION)
        column = table.columns["image"]
        pictures, damaged = [], []
        for row in rows:
            try:
                pictures.append(np.asarray(Image.open(io.BytesIO(column[row]["bytes"]))))
            except (UnidentifiedImageError, OSError, TypeError) as error:
                if not skip:
                    raise ValueError(f"picture {row} of {name}/{split} cannot be decoded: {error}") from error
                logger.warning("picture %d of %s/%s cannot be decoded and is left out: %s", row, name, split, error)
                damaged.append(row)
        images = np.stack(pictures)
        images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        missing = image_size - images.shape[2]
        before, after = missing // 2, missing - missing // 2
        images = np.pad(images, ((0, 0), (0, 0), (before, after), (before, after)))  # black around
        targets = np.asarray(table.columns["label"], np.int64)[np.setdiff1d(rows, damaged)]
        super().__init__(table.info, table.fingerprint, table.labels["label"], images, targets)
