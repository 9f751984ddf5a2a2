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


VENDORS = ("google", "twitter", "openmoji", "fluent")
"""The four styles of the emoji."""


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
        images = sized(images, image_size)
        targets = np.asarray(table.columns["label"], np.int64)[np.setdiff1d(rows, damaged)]
        super().__init__(table.info, table.fingerprint, table.labels["label"], images, targets)


class Emoji(Pictures):
    """Every concept of a split in each vendor's style, on white: labels are the nine groups, or the four vendors. Of
    "emoji_faces" only smileys: no cats, monkeys, ghosts or robots.

    `concepts` int64 (n,) numbers each picture's concept, by the row of its file.
    """

    def __init__(self, name: str, split: str, *, sample: bool = False, image_size: int = 32) -> None:
        table = read(name, "test" if split == "test" else "train", sample=sample)
        count = len(table.columns["name"])
        concepts = np.arange(count) if split == "test" else split_of(count, split, VALIDATION)
        if name == "emoji_faces":
            concepts = concepts[[_is_face(table.columns["subgroup"][concept]) for concept in concepts]]
        drawn = [
            (vendor, concept)
            for vendor in range(len(VENDORS))
            for concept in concepts.tolist()
            if table.columns[VENDORS[vendor]][concept] is not None  # not every vendor draws every one
        ]
        pictures = [on_white(table.columns[VENDORS[vendor]][concept]["bytes"]) for vendor, concept in drawn]
        images = sized(np.stack(pictures).transpose(0, 3, 1, 2), image_size)
        self.vendors, self.concepts = np.array(drawn, np.int64).T
        groups = np.asarray(table.columns["group"], np.int64)[self.concepts]
        by_vendor = name != "emoji"
        super().__init__(
            table.info, table.fingerprint, VENDORS if by_vendor else table.labels["group"], images,
            self.vendors if by_vendor else groups,
        )  # fmt: skip


def _is_face(subgroup: str) -> bool:
    """Whether a concept of Unicode's subgroup is a smiley: "face-smiling" and its like, but not "face-costume"."""
    return subgroup.startswith("face-") and subgroup != "face-costume"


def on_white(encoded: bytes) -> np.ndarray:
    """A picture file with or without transparency -> uint8 (h, w, 3) on white paper."""
    picture = Image.open(io.BytesIO(encoded)).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(paper, picture).convert("RGB"))


def sized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (n, c, h, h) -> (n, c, size, size): a black edge around smaller ones, means of squares for larger ones.

    Raises ValueError where a larger one's side is no multiple of `size`.
    """
    side = images.shape[2]
    if side <= size:
        before, after = (size - side) // 2, size - side - (size - side) // 2
        return np.pad(images, ((0, 0), (0, 0), (before, after), (before, after)))
    if side % size:
        raise ValueError(f"image_size is {size}; pictures of {side} pixels can be made smaller by whole factors only")
    n, channels, factor = len(images), images.shape[1], side // size
    squares = images.reshape(n, channels, size, factor, size, factor)
    return (squares.mean((3, 5), dtype=np.float32) + 0.5).astype(np.uint8)
