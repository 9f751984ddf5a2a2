"""One's own pictures: any size, grey or colour -> squares of the size and the channels that a model learns."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.image import Pictures
from zoo.data.media import MediaError, decode_picture
from zoo.data.own_source import Found, OwnDataError, sha256
from zoo.data.own_split import divide, numbered
from zoo.data.source import SPLITS

MAX_PIXELS = 50_000_000
"""Pixels that a picture's header may declare."""
MAX_BYTES = 2 << 30
"""Memory that all pictures together may take after resizing."""
_TURNED = range(2, 9)
"""Values of EXIF's orientation that turn or mirror a picture."""


def read_pictures(
    found: Found, config: Any, *, needs_classes: bool, channels: int | None = None
) -> dict[str, Pictures]:
    """Decode all pictures and split them: {"train", "validation", "test"}.

    Each is cut to the square in its middle and resized (bicubic, antialiased) to `config.image_size` (28 where the
    config has none), in `channels`, 1 or 3: unless given `config.channels`, and 1 where it has none. Sub-folders are
    classes in sorted order where the config has `num_classes`. Raises OwnDataError as `open_own` says.
    """
    size = getattr(config, "image_size", 28)
    channels = getattr(config, "channels", 1) if channels is None else channels
    if channels not in (1, 3):
        raise OwnDataError(
            f"the model's pictures have {channels} channels; allowed for one's own are 1 (grey) and 3 (colour)"
        )
    room = MAX_BYTES // (channels * size * size)
    if found.count > room:
        raise OwnDataError(
            f"{found.path} holds {found.count:,} pictures; at {size} x {size} x {channels} at most {room:,} fit "
            f"into {MAX_BYTES >> 30} GB"
        )
    pictures, names, labels, splits = [], [], [], []
    conditional = bool(getattr(config, "num_classes", 0))
    for item in found.progress():
        if conditional and found.names_classes and not item.label:
            found.report.skip("in no class", item.name)
            continue
        try:
            data = item.read()
            image = decode_picture(io.BytesIO(data), max_pixels=MAX_PIXELS)
        except (OwnDataError, MediaError) as error:
            found.damage(item.name, str(error))
            continue
        _remark(found, item.name, data, image, size, channels)
        pictures.append(_square(image, size, channels))
        names.append(item.name)
        labels.append(item.label)
        splits.append(item.split)
        found.hashes.append(sha256(data))
    found.settle()
    if conditional:
        classes, targets = numbered(found, labels, config.num_classes)
    else:
        classes, targets = (), np.zeros(len(labels), np.int64)
        if found.names_classes:
            found.report.facts.append("classes are not used: the model takes none")
    if needs_classes and len(classes) < 2:
        raise OwnDataError(f"{found.path} has one class; a classifier needs at least 2, each a sub-folder")
    rows = divide(found, found.hashes, splits, names)
    return {
        split: Pictures(found.info, "", classes, np.stack([pictures[i] for i in rows[split]]), targets[rows[split]])
        for split in SPLITS
    }


def _remark(found: Found, name: str, data: bytes, image: Image.Image, size: int, channels: int) -> None:
    """Note what decoding and resizing do to a picture."""
    change = found.report.change
    with Image.open(io.BytesIO(data)) as header:
        if header.has_transparency_data:
            change("have transparency, which is flattened on white", name)
        if header.mode.startswith("I"):
            change("have 16 bits a pixel, brought to 8", name)
        if header.mode == "CMYK":
            change("are CMYK, converted to RGB", name)
        if header.getexif().get(0x0112, 1) in _TURNED:
            change("are turned upright as their EXIF says", name)
        if getattr(header, "n_frames", 1) > 1:
            change("are animated; the first frame is used", name)
    if image.mode == "RGB" and channels == 1:
        change("are in colour, converted to grey", name)
    if image.mode == "L" and channels == 3:
        change("are grey, used as colour", name)
    if image.width != image.height:
        change("are not square; their middle is used", name)
    if min(image.size) < size:
        change(f"are smaller than {size} pixels and enlarged", name)


def _square(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """Centre crop and resize: uint8 (channels, size, size)."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    image = image.convert("L" if channels == 1 else "RGB").resize((size, size), Image.Resampling.BICUBIC, box=box)
    values = np.asarray(image)
    return values[None] if channels == 1 else values.transpose(2, 0, 1)
