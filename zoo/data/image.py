"""Pictures: Parquet -> float32 (n, c, h, w) in [-1, 1]."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.media import DAMAGED
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
        found = [decoded(column[row], f"picture {row} of {name}/{split}", as_it_is, skip=skip) for row in rows]
        rows = rows[[picture is not None for picture in found]]
        images = np.stack([picture for picture in found if picture is not None])
        images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        images = sized(images, image_size)
        targets = np.asarray(table.columns["label"], np.int64)[rows]
        super().__init__(table.info, table.fingerprint, table.labels["label"], images, targets)


class Emoji(Pictures):
    """Every concept of a split in each vendor's style, on white: labels are the nine groups, or the four vendors. Of
    "emoji_faces" only smileys: no cats, monkeys, ghosts or robots. With `skip` damaged pictures are left out by name.

    `concepts` int64 (n,) numbers each picture's concept, by the row of its file.
    """

    def __init__(
        self, name: str, split: str, *, sample: bool = False, image_size: int = 32, skip: bool = False
    ) -> None:
        table = read(name, "test" if split == "test" else "train", sample=sample)
        count = len(table.columns["name"])
        concepts = np.arange(count) if split == "test" else split_of(count, split, VALIDATION)
        if name == "emoji_faces":
            concepts = concepts[[_is_face(table.columns["subgroup"][concept]) for concept in concepts]]
        places = [(vendor, concept) for vendor in range(len(VENDORS)) for concept in concepts.tolist()]
        drawn, pictures = drawings(
            table.columns, [(concept, vendor) for vendor, concept in places], f"{name}/{split}", skip=skip
        )
        images = sized(np.stack(pictures).transpose(0, 3, 1, 2), image_size)
        self.vendors, self.concepts = np.array([places[number] for number in drawn], np.int64).T
        groups = np.asarray(table.columns["group"], np.int64)[self.concepts]
        by_vendor = name != "emoji"
        super().__init__(
            table.info, table.fingerprint, VENDORS if by_vendor else table.labels["group"], images,
            self.vendors if by_vendor else groups,
        )  # fmt: skip


def _is_face(subgroup: str) -> bool:
    """Whether a concept of Unicode's subgroup is a smiley: "face-smiling" and its like, but not "face-costume"."""
    return subgroup.startswith("face-") and subgroup != "face-costume"


def as_it_is(encoded: bytes) -> np.ndarray:
    """A picture file -> uint8 (h, w) or (h, w, 3)."""
    return np.asarray(Image.open(io.BytesIO(encoded)))


def decoded(cell: Any, where: str, read_as: Callable[[bytes], np.ndarray], *, skip: bool) -> np.ndarray | None:
    """The picture of one cell of a table. A damaged one raises ValueError that says where it is; with `skip` it is
    named in the log, and None.
    """
    try:
        return read_as(cell["bytes"])
    except DAMAGED as error:
        if not skip:
            raise ValueError(f"{where} cannot be decoded: {error}") from error
        logger.warning("%s cannot be decoded and is left out: %s", where, error)
        return None


def drawings(
    columns: dict[str, list[Any]], places: list[tuple[int, int]], where: str, *, skip: bool
) -> tuple[list[int], list[np.ndarray]]:
    """Emoji on white, by row and vendor: which of these places have one, for not every vendor draws every one, and the
    pictures, uint8 (h, w, 3) each. Raises ValueError as `decoded` does.
    """
    numbers, pictures = [], []
    for number, (row, vendor) in enumerate(places):
        cell = columns[VENDORS[vendor]][row]
        if cell is None:
            continue
        picture = decoded(cell, f"picture {row} of {where} ({VENDORS[vendor]})", on_white, skip=skip)
        if picture is not None:
            numbers.append(number)
            pictures.append(picture)
    return numbers, pictures


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
