"""Pairs of pictures: Parquet -> {"source", "target"}, each float32 (n, 3, h, w) in [-1, 1].

A sample is an emoji concept on white. What its two pictures are is said by the model's config, by these fields (or
class attributes, for what a model does not leave open):

- `target`: a vendor ("google", "twitter", "openmoji", "fluent"), or "all": each vendor's picture is a sample of its
  own. Of one's own pictures it is "all".
- `source`: another vendor, or what is made of the target: "outline" (edges, black on white), "damaged" (holes full of
  noise), "noisy" (Gaussian noise), "small" (the mean of `scale` x `scale` pixels).
- `image_size`: pixels a side of the target, 32 or 64, and of the source but where it is "small".
- `margin`: white pixels around what is drawn, in place of each picture's own margins; without it pictures are as they
  come.
- `scale`: how many times smaller a "small" source is; 4 where the config has none.
- `paired`: False where source and target are not to show the same concept (unpaired translation); True without it. In
  training a source then stands beside the target of another concept, another one each epoch. The validation and test
  splits stay paired, so that the truth is known.

Training pictures are mirrored and shifted, both of a pair alike (each by itself where they are not paired); that,
damage and noise are a pure function of (index, epoch) in training and of the index alone in validation and test.
Concepts that lack one of the pictures are left out. The licence in `info` is that of the vendors' pictures in use, of
several the one that asks most. Validation holds a tenth of the training file's figures apart, all variants of one (by
gender, hair or role) together, as the data set's test split does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from zoo.config import suggestion
from zoo.data.image import VENDORS, Pictures, decoded, on_white, sized
from zoo.data.own_source import OwnDataError
from zoo.data.source import Info, read
from zoo.noise import Noise, permutation

DERIVED = ("outline", "damaged", "noisy", "small")
"""Sources that are made of the target."""
LICENCES = {"openmoji": "cc-by-sa-4.0", "twitter": "cc-by-4.0", "google": "apache-2.0", "fluent": "mit"}
"""Of the vendors' pictures, the one that asks most first."""
EDGE, STRONG_EDGE = 40, 100
"""Smallest difference of neighbouring pixels, in any colour, that makes an outline, of 255. In training it lies
anywhere between the two: a person's sketch has fewer and thinner lines than a picture has edges."""
MIN_NOISE, MAX_NOISE = 0.1, 0.5
"""Standard deviation of "noisy" pictures, drawn for each, where white is 1 and black -1."""
NEARLY_WHITE = 250
"""Least value of a pixel's colours that counts as margin, of 255."""
MAX_SHIFT = 1 / 16
"""Share of the size by which training pictures are shifted at most, each way."""
_AUGMENTATION, _TRAINING, _HELD_OUT, _UNPAIRED = 11, 12, 13, 14
"""Seeds of what is drawn at random; the stream is (epoch, index)."""
_VARIANTS = {"200D", "2640", "2642", "1F468", "1F469", "1F9D1", "1F9B0", "1F9B1", "1F9B2", "1F9B3"}
"""Code points that make variants of a figure: joiner, genders, the man, woman and person that plays, hair."""


class Pairs:
    """One split: targets uint8 (n, 3, h, w), and sources where they are not made of the targets as they are asked for.

    `names` says what each sample shows, and `vendors` who drew its target; both are empty for one's own pictures.
    """

    lengths = None
    labels: tuple[str, ...] = ()

    def __init__(
        self,
        info: Info,
        fingerprint: str,
        names: tuple[str, ...],
        vendors: tuple[str, ...],
        sources: np.ndarray | None,
        targets: np.ndarray,
        config: Any,
        *,
        training: bool,
    ) -> None:
        self.info, self.fingerprint, self.names, self.vendors = info, fingerprint, names, vendors
        self.kind, self.scale = config.source, getattr(config, "scale", 4)
        self.paired, self.training = getattr(config, "paired", True) or not training, training
        self.sources, self.targets = sources, targets

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """source and target float32 (n, 3, h, w) in [-1, 1]; `epoch` counts in training alone."""
        import torch

        sources, targets = self.arrays(indices, epoch)
        return {"source": torch.from_numpy(sources), "target": torch.from_numpy(targets)}

    def arrays(self, indices: np.ndarray, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """As `batch`, without torch."""
        epoch = epoch if self.training else 0
        others = indices if self.paired else self.partners(epoch)[indices]
        targets = self._turned(self.targets, others, epoch)
        if self.sources is None:
            sources = self._derived(self._turned(self.targets, indices, epoch), indices, epoch)
        else:
            sources = as_floats(self._turned(self.sources, indices, epoch))
        return sources, as_floats(targets)

    def partners(self, epoch: int) -> np.ndarray:
        """For each sample the one whose target an unpaired epoch shows beside it: int64 (n,), never itself."""
        order = permutation(_UNPAIRED, epoch, len(self))
        others = np.empty_like(order)
        others[order] = np.roll(order, -1)  # the next one in the epoch's order
        return others

    def _turned(self, images: np.ndarray, indices: np.ndarray, epoch: int) -> np.ndarray:
        """In training mirrored and shifted, white coming in at the edges: uint8 (n, 3, h, w)."""
        found = images[indices]
        if not self.training:
            return found
        size = found.shape[2]
        reach = round(size * MAX_SHIFT)
        for i, index in enumerate(indices):
            flip, down, right = Noise(_AUGMENTATION, _stream(epoch, index)).uniform_array(3)
            image = found[i, :, :, ::-1] if flip < 0.5 else found[i]
            wide = np.pad(image, ((0, 0), (reach, reach), (reach, reach)), constant_values=255)
            top, left = int(down * (2 * reach + 1)), int(right * (2 * reach + 1))
            found[i] = wide[:, top : top + size, left : left + size]
        return found

    def _derived(self, targets: np.ndarray, indices: np.ndarray, epoch: int) -> np.ndarray:
        """Outlines of targets uint8 (n, 3, h, w), or damaged, noisy or small versions of them: float32 in [-1, 1]."""
        if self.kind == "small":
            return as_floats(small(targets, self.scale))
        noises = [Noise(_TRAINING if self.training else _HELD_OUT, _stream(epoch, index)) for index in indices]
        if self.kind == "outline":
            reach = (STRONG_EDGE - EDGE) * self.training
            least = [EDGE + reach * float(noise.uniform_array(1)[0]) for noise in noises]
            return as_floats(outline(targets, np.array(least)))
        spoil = damaged if self.kind == "damaged" else noisy
        return np.stack([spoil(image, noise) for image, noise in zip(as_floats(targets), noises, strict=True)])


def _stream(epoch: int, index: int) -> int:
    return (epoch << 32) | int(index)


def as_floats(images: np.ndarray) -> np.ndarray:
    """uint8 -> float32 in [-1, 1]."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def outline(images: np.ndarray, least: np.ndarray | int = EDGE) -> np.ndarray:
    """Edges of images uint8 (n, 3, h, w), black on white, in three equal channels.

    A pixel is an edge where it differs from its right or lower neighbour by `least` (one, or one a picture) in some
    colour.
    """
    values, least = images.astype(np.int16), np.broadcast_to(least, len(images))[:, None, None]
    edges = np.zeros((len(images), *images.shape[2:]), bool)
    edges[:, :, :-1] |= np.abs(values[..., :-1] - values[..., 1:]).max(1) >= least
    edges[:, :-1, :] |= np.abs(values[:, :, :-1] - values[:, :, 1:]).max(1) >= least
    return np.repeat(np.where(edges, 0, 255).astype(np.uint8)[:, None], 3, axis=1)


def holes(height: int, width: int, noise: Noise) -> np.ndarray:
    """Where a picture is damaged: one to four rectangles and ellipses, each an eighth to three eighths of a side.

    bool (height, width).
    """
    mask = np.zeros((height, width), bool)
    rows, columns = np.mgrid[:height, :width] + 0.5
    for _ in range(1 + int(noise.integers_array(4, 1)[0])):
        round_, tall, wide, down, right = noise.uniform_array(5)
        half = (height * (0.0625 + 0.125 * tall), width * (0.0625 + 0.125 * wide))
        y, x = np.abs(rows - height * down) / half[0], np.abs(columns - width * right) / half[1]
        mask |= (y * y + x * x <= 1) if round_ < 0.5 else (np.maximum(y, x) <= 1)
    return mask


def damaged(image: np.ndarray, noise: Noise, mask: np.ndarray | None = None) -> np.ndarray:
    """image float32 (3, h, w) in [-1, 1] with uniform noise where `mask` bool (h, w) says, or in random `holes`."""
    mask = holes(image.shape[1], image.shape[2], noise) if mask is None else mask
    return np.where(mask, noise.uniform_array(*image.shape) * 2 - 1, image).astype(np.float32)


def noisy(image: np.ndarray, noise: Noise, strength: float | None = None) -> np.ndarray:
    """image float32 (3, h, w) in [-1, 1] with Gaussian noise of standard deviation `strength`, cut to the range.

    Without `strength` it is drawn evenly from `MIN_NOISE` to `MAX_NOISE`.
    """
    drawn = MIN_NOISE + (MAX_NOISE - MIN_NOISE) * float(noise.uniform_array(1)[0])
    deviation = np.float32(drawn if strength is None else strength)
    return (image + deviation * noise.normal_array(*image.shape)).clip(-1, 1)


def small(images: np.ndarray, scale: int) -> np.ndarray:
    """The mean of every `scale` x `scale` pixels of images uint8 (n, c, h, w), rounded: uint8 (n, c, h/s, w/s)."""
    n, channels, height, width = images.shape
    blocks = images.reshape(n, channels, height // scale, scale, width // scale, scale)
    return (blocks.mean((3, 5)) + 0.5).astype(np.uint8)


def trimmed(picture: Image.Image) -> Image.Image:
    """What an RGB picture shows, without white margins; a white one as it is."""
    rows, columns = np.nonzero(np.asarray(picture).min(2) < NEARLY_WHITE)
    if not len(rows):
        return picture
    return picture.crop((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))


def fitted(picture: Image.Image, size: int, margin: int = 0, *, paper: str = "white") -> np.ndarray:
    """The whole picture in the middle of a square of paper, `margin` pixels from its edges: uint8 (size, size, ...)."""
    scale = (size - 2 * margin) / max(picture.size)
    wide, high = (max(1, round(side * scale)) for side in picture.size)
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC  # the data set's pictures are means as well
    page = Image.new(picture.mode, (size, size), paper)
    page.paste(picture.resize((wide, high), how), ((size - wide) // 2, (size - high) // 2))
    return np.asarray(page)


def emoji_pairs(name: str, split: str, config: Any, *, sample: bool = False, skip: bool = False) -> Pairs:
    """Open one split of pairs as the module says; with `skip` concepts of damaged pictures are left out by name.

    Raises ValueError for a source, target or size that is not known, and as `zoo.data.source.read` does.
    """
    targets = VENDORS if config.target == "all" else (config.target,)
    _check(config, targets)
    table = read(name, "test" if split == "test" else "train", sample=sample)
    rows = np.arange(len(table.columns["codepoint"]))
    if split != "test":
        rows = np.flatnonzero(validation_rows(table.columns["codepoint"]) == (split == "validation"))
    from_vendor, margin = config.source in VENDORS, getattr(config, "margin", None)
    sources, pictures, names, vendors = [], [], [], []
    for row in rows:
        for vendor in targets:
            wanted = [table.columns[column][row] for column in ((config.source, vendor) if from_vendor else (vendor,))]
            if any(cell is None for cell in wanted):
                continue
            where = f"picture {row} of {name}/{split} ({vendor})"
            found = [
                picture
                for cell in wanted
                if (picture := decoded(cell, where, on_white, skip=skip)) is not None
            ]
            if len(found) < len(wanted):
                continue
            if margin is not None:
                found = [fitted(trimmed(Image.fromarray(one)), config.image_size, margin) for one in found]
            pictures.append(found[-1])
            sources.append(found[0])
            names.append(table.columns["name"][row])
            vendors.append(vendor)
    used = {*targets, config.source}
    licence = next(licence for vendor, licence in LICENCES.items() if vendor in used)
    return Pairs(
        replace(table.info, licence=licence), table.fingerprint, tuple(names), tuple(vendors),
        _stacked(sources, config.image_size) if from_vendor else None, _stacked(pictures, config.image_size),
        config, training=split == "train",
    )  # fmt: skip


def check_derived(config: Any) -> None:
    """Raise OwnDataError unless a model's sources can be made of one's own pictures."""
    if config.source not in DERIVED:
        raise OwnDataError(
            f"the model goes from {config.source} to {config.target}, and one's own pictures have one style; sources "
            f"that are made of pictures are {', '.join(DERIVED)}"
        )
    if config.source == "small" and config.image_size % config.scale:
        raise OwnDataError(f"scale is {config.scale}; it must divide image_size, which is {config.image_size}")


def own_pairs(pictures: Pictures, config: Any, split: str) -> Pairs:
    """One split of one's own pictures, in colour, as pairs whose sources are made of them."""
    unnamed = ("",) * len(pictures)
    return Pairs(pictures.info, "", unnamed, unnamed, None, pictures.images, config, training=split == "train")


def _stacked(pictures: list[np.ndarray], size: int) -> np.ndarray:
    """Pictures uint8 (h, w, 3) -> uint8 (n, 3, size, size)."""
    return sized(np.stack(pictures).transpose(0, 3, 1, 2), size)


def _check(config: Any, targets: tuple[str, ...]) -> None:
    for vendor in targets:
        if vendor not in VENDORS:
            raise ValueError(f"no target is named {vendor!r}{suggestion(vendor, (*VENDORS, 'all'))}")
    if config.source not in (*VENDORS, *DERIVED):
        raise ValueError(f"no source is named {config.source!r}{suggestion(config.source, (*VENDORS, *DERIVED))}")
    if config.source in VENDORS and config.target in (config.source, "all"):
        raise ValueError(f"{config.source} -> {config.target} is no translation: the target is one other vendor")
    if config.image_size not in (32, 64):
        raise ValueError(f"image_size is {config.image_size}; emoji come at 32 and 64 pixels")
    if config.image_size % getattr(config, "scale", 4):
        raise ValueError(f"scale is {config.scale}; it must divide image_size, which is {config.image_size}")


def validation_rows(codepoints: list[str]) -> np.ndarray:
    """Which rows of the training file are for validation, about a tenth of its figures: bool (n,)."""
    figures = ["-".join(part for part in code.split("-") if part not in _VARIANTS) or "figure" for code in codepoints]
    known = sorted(set(figures))
    chosen = {known[i] for i in permutation(0, 0, len(known))[: max(1, len(known) // 10)]}
    return np.array([figure in chosen for figure in figures])
