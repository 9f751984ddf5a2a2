"""A picture -> the same in another style, coloured, whole again, without noise or larger: models of image to image.

A model is given what it has learnt from, and no more: a square of a few pixels, on white, whose kind its config names
(`zoo.data.pairs`). Here whatever a person has is brought to that: a drawing is thinned to an outline, what is marked in
a photograph is replaced by the noise that the model takes for damage. Everything random comes from a seed, and the
record of a result holds the small picture that went into the network, from which it can be made again.

A network that enlarges is convolutional throughout and takes pictures of any size: `enlarge` gives it a picture as it
is, or makes the picture as small as those that were learnt from first, where the result can be compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from zoo.checkpoint import CheckpointError, read_json
from zoo.data.image import VENDORS
from zoo.data.pairs import DERIVED, as_floats, damaged, emoji_pairs, fitted, noisy, outline, small, trimmed
from zoo.engine import Network
from zoo.engine.graphs import FILE as GRAPHS
from zoo.entry import IMAGE_TRANSLATION
from zoo.generate import library
from zoo.generate.drawing import ink_of, on_white
from zoo.generate.grid import grid, to_bytes
from zoo.generate.image import ENLARGED, Pictures, sheet_of
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, whole
from zoo.generate.library import source_of
from zoo.generate.provenance import drawing
from zoo.noise import Noise

AS_IT_IS = "as it is"
PREPARATIONS: dict[str, tuple[str, ...]] = {
    "outline": ("drawing", "edges", AS_IT_IS),
    "damaged": ("mask", "holes", AS_IT_IS),
    "noisy": (AS_IT_IS, "noise"),
}
"""What can be done to a picture before a model whose sources are of this kind is given it; the first unless one is
chosen, and nothing for the other kinds. "drawing": its lines are thinned; "edges": a picture's outlines are drawn;
"mask": what is marked is taken for damage; "holes" and "noise": damage and noise for demonstration, from a seed."""
MIN_SIDE = 16
"""Pixels a side of a picture at least; of a source that is smaller, as many as it has."""
MAX_RATIO = 8
"""How many times as long as the other a side may be."""
MAX_ENLARGED = 256
"""Pixels a side of a picture that is enlarged as it is: 256 x 256 at once take 0.65 GB and some seconds."""
FILLED = 0.5
"""Share of a drawing that may be ink: beyond it is no drawing of lines."""
MOST_MARKED = 0.5
"""Share of a picture that may be marked as damaged."""
_LINE = 0.25
"""Share of a pixel that a line must cover to be one when a drawing is made small."""
_MARKED = 0.25
"""Share of a pixel that must be marked."""


@dataclass(frozen=True)
class Way:
    """What a checkpoint translates: kinds of source and target, pixels a side of each, and its colour channels."""

    source: str
    target: str
    source_size: int
    target_size: int
    channels: int
    margin: int | None = None
    """White pixels around what is drawn, in place of a picture's own margins; None leaves it as it is."""


@dataclass(frozen=True)
class Enlargement:
    """`pictures` are what the model was given and what it makes of that.

    `given` is the size (width, height) of the person's picture, `seen` of what the model was given of it. `original` is
    what the enlarged picture should be, where it was made small first: of its size, on white.
    """

    pictures: Pictures
    given: tuple[int, int]
    seen: tuple[int, int]
    original: Image.Image | None

    @property
    def reduced(self) -> bool:
        """Whether the picture was too large to be enlarged as it is, and some of it is lost."""
        return self.original is None and self.seen != self.given


@dataclass(frozen=True)
class Example:
    """A held-out picture that the model can be given as it is, what it shows, and the truth."""

    name: str
    picture: Image.Image
    truth: Image.Image


def way_of(model: str) -> Way:
    """What an image-to-image checkpoint translates, as its config says; loads nothing. Raises InputError.

    A config without a source is that of a model which enlarges: its sources are "small".
    """
    values = library.config_of(model, IMAGE_TRANSLATION).get("config")
    stated: dict[str, Any] = values if isinstance(values, dict) else {}
    source, target = stated.get("source", "small"), stated.get("target")
    size, scale, channels = stated.get("image_size"), stated.get("scale", 4), stated.get("channels", 3)
    known = source in (*VENDORS, *DERIVED) and target in (*VENDORS, "all") and channels in (1, 3)
    if not known or type(size) is not int or not 8 <= size <= 512 or type(scale) is not int or not 1 <= scale <= 8:
        raise InputError(f"{model} cannot be used: its config.json does not say what it translates")
    margin = stated.get("margin")
    if margin is not None and (type(margin) is not int or not 0 <= 4 * margin <= size):
        raise InputError(f"{model} cannot be used: its config.json does not say how much white is around its pictures")
    return Way(source, str(target), size // scale if source == "small" else size, size, channels, margin)


def goes_back(model: str) -> bool:
    """Whether a checkpoint translates the other way as well. Loads no weights. Raises InputError."""
    config, path = library.config_of(model, IMAGE_TRANSLATION), library.folder_of(model) / GRAPHS
    if path.is_file():
        try:
            return "translator_back" in read_json(path).get("parts", {})
        except CheckpointError as error:
            raise InputError(f"{model} cannot be used: its {GRAPHS} is damaged") from error
    from zoo import registry

    return hasattr(registry.entry(config["model"]).model, "translate_back")


def preparations(model: str) -> tuple[str, ...]:
    """What `translate` can do to a picture for this model, the default first. Raises InputError."""
    return PREPARATIONS.get(way_of(model).source, (AS_IT_IS,))


def translate(
    model: str,
    picture: Image.Image | np.ndarray | None,
    *,
    how: str | None = None,
    back: bool = False,
    seed: int = 0,
    mask: Image.Image | np.ndarray | None = None,
    strength: float = 0.3,
) -> Pictures:
    """Translate a picture of any size and mode: what the model was given ("before"), and what it makes ("after").

    `how` is one of `preparations(model)`; `mask` says what is damaged (light, or not transparent, where it is), `seed`
    where holes are and what noise is in them, `strength` (0.05 to 1) the noise's deviation where white is 1 and black
    -1. `back` goes from target to source. Raises InputError for what cannot be used, before anything is loaded.
    """
    way, seed = way_of(model), seed_of(seed)
    strength = number("the strength of the noise", strength, 0.05, 1)
    if back and not goes_back(model):
        raise InputError(f"{model} goes one way only: from {way.source} to {way.target}")
    known = (AS_IT_IS,) if back else preparations(model)
    how = known[0] if how is None else one_of("the preparation", how, known)
    size = way.target_size if back else way.source_size
    if how == "drawing":
        seen = sketch(picture, size)
    else:
        coloured = photograph(picture, min(size, MIN_SIDE))
        seen = fitted(coloured, size) if way.margin is None else fitted(trimmed(coloured), size, way.margin)
        if how == "edges":
            seen = _turned(outline(seen.transpose(2, 0, 1)[None])[0])
        elif how == "mask":
            seen = _spoilt(seen, seed, _marked(mask, coloured.size, size))
        elif how == "holes":
            seen = _spoilt(seen, seed, None)
        elif how == "noise":
            clean = as_floats(seen.transpose(2, 0, 1))
            seen = to_bytes(noisy(clean, Noise(seed), strength)[None])[0]
    check_seen(seen)
    return translate_seen(model, stacked(seen), back=back)


def translate_seen(model: str, seen: np.ndarray, *, back: bool = False) -> Pictures:
    """Translate a picture such as the model has learnt from: float32 (3h, w) in [0, 1], its three colours one below the
    other, as records keep it. Raises InputError for another size than the model's.
    """
    way = way_of(model)
    size = way.target_size if back else way.source_size
    if seen.shape != (3 * size, size):
        raise InputError(f"the picture has {seen.shape[1]} x {seen.shape[0] // 3} pixels as seen; {model} sees {size}")
    if back and not goes_back(model):
        raise InputError(f"{model} goes one way only: from {way.source} to {way.target}")
    found = library.get(model, IMAGE_TRANSLATION)
    before, after = _translated(found.network, way, seen.reshape(1, 3, size, size), back=back)
    both = np.concatenate([before, after])
    source = source_of(found, model, "image.translate", {"back": back}, parents=(drawing(seen),))
    enlarged = [grid(image[None], 1, scale=ENLARGED) for image in both]
    return Pictures(enlarged, sheet_of(both, 2), ["before", "after"], source)


def enlarge(model: str, picture: Image.Image | np.ndarray | None, *, shrink: bool = False) -> Enlargement:
    """Enlarge a picture as it is, in its own size and shape, up to 256 pixels a side; a larger one is reduced to that.

    With `shrink` it is fitted into a white square of the large size, and what the model is given are the means of its
    squares, as in training: the result can then be compared with the original. Raises InputError for what cannot be
    used, before anything is loaded, with `shrink` also for a picture smaller than that square.
    """
    way = _way_to_enlarge(model)
    coloured = photograph(picture, min(way.source_size, MIN_SIDE))
    width, height = given = coloured.size
    original = None
    if shrink:
        if max(given) < way.target_size:
            raise InputError(
                f"the picture has {width} x {height} pixels; at least {way.target_size} on its longer side are needed "
                "to make it small first: enlarge it as it is"
            )
        square = fitted(coloured, way.target_size)
        original = Image.fromarray(square)
        scale = way.target_size // way.source_size
        seen = _turned(small(square.transpose(2, 0, 1)[None], scale)[0])
    else:
        if max(given) > MAX_ENLARGED:
            wide, high = (max(1, round(side * MAX_ENLARGED / max(given))) for side in given)
            coloured = coloured.resize((wide, high), Image.Resampling.BOX)
        seen = np.asarray(coloured)
    check_seen(seen)
    pictures = translate_seen(model, stacked(seen)) if shrink else enlarge_seen(model, stacked(seen))
    return Enlargement(pictures, given, (seen.shape[1], seen.shape[0]), original)


def enlarge_seen(model: str, seen: np.ndarray) -> Pictures:
    """Enlarge a picture of any size: float32 (3h, w) in [0, 1], its three colours one below the other.

    The pictures are as large as the model makes them, what it was given with every pixel as a square. Raises InputError
    for a model that does not enlarge, and above 256 pixels a side.
    """
    way = _way_to_enlarge(model)
    height, width = seen.shape[0] // 3, seen.shape[1]
    if seen.shape[0] % 3 or not (0 < height <= MAX_ENLARGED and 0 < width <= MAX_ENLARGED):
        raise InputError(f"the picture is seen as {seen.shape}; three colours of 1 to {MAX_ENLARGED} a side are needed")
    found = library.get(model, IMAGE_TRANSLATION)
    before, after = _translated(found.network, way, seen.reshape(1, 3, height, width))
    both = np.concatenate([before, after])
    source = source_of(found, model, "image.enlarge", {}, parents=(drawing(seen),))
    return Pictures([Image.fromarray(one) for one in both], sheet_of(both, 2), ["before", "after"], source)


def _way_to_enlarge(model: str) -> Way:
    way = way_of(model)
    if way.source != "small":
        raise InputError(f"{model} enlarges nothing; it goes from {way.source} to {way.target}")
    return way


def sketch(picture: Any, size: int) -> np.ndarray:
    """A drawing of lines, dark on light or light on dark -> uint8 (size, size, 3): its lines one pixel wide, black on
    white, as large as fits. Raises InputError when nothing is drawn, or no lines.
    """
    if picture is None:
        raise InputError("there is no drawing; draw something first")
    ink = ink_of(picture)
    if (ink > 0.5).mean() > FILLED:
        raise InputError("that is no drawing of lines: most of it is ink; take the edges of it instead")
    margin = size // 16
    scale = (size - 2 * margin) / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    shrunk = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height), how))
    page = np.zeros((size, size), bool)
    top, left = (size - height) // 2, (size - width) // 2
    page[top : top + height, left : left + width] = shrunk >= _LINE * shrunk.max()
    return np.repeat(np.where(thinned(page), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def thinned(ink: np.ndarray) -> np.ndarray:
    """Lines of any width -> lines of one pixel that hang together as before: bool (h, w).

    Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", CACM 1984.
    """
    ink = np.pad(ink, 1)
    while True:
        before = ink.copy()
        for first in (True, False):
            # The eight neighbours, from the upper one on clockwise.
            p = [np.roll(ink, shift, (0, 1)) for shift in
                 ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))]  # fmt: skip
            count = np.sum(p, axis=0)
            steps = np.sum([~a & b for a, b in zip(p, p[1:] + p[:1], strict=True)], axis=0)
            up, right, down, left = p[0], p[2], p[4], p[6]
            if first:
                free = ~(up & right & down) & ~(right & down & left)
            else:
                free = ~(up & right & left) & ~(up & down & left)
            ink = ink & ~((count >= 2) & (count <= 6) & (steps == 1) & free)
        if (ink == before).all():
            return ink[1:-1, 1:-1]


def examples(model: str, count: int = 6, *, back: bool = False) -> list[Example]:
    """Up to `count` (1 to 24) held-out concepts of the bundled sample, as the model is given them, with their truths.

    With `back` as it is given them for the way back. None for a model of other sizes than the sample's. Raises
    InputError.
    """
    count, way = whole("the number of examples", count, 1, 24), way_of(model)
    if way.target_size not in (32, 64) or way.channels != 3:
        return []
    names, sources, targets = _sample(way)
    sources, targets = (targets, sources) if back else (sources, targets)
    chosen = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [Example(names[i], Image.fromarray(sources[i]), Image.fromarray(targets[i])) for i in chosen]


@cache
def _sample(way: Way) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, sources and targets of the bundled test pairs, uint8 (n, h, w, 3)."""
    size, scale = way.target_size, way.target_size // way.source_size
    config = SimpleNamespace(source=way.source, target=way.target, image_size=size, scale=scale, margin=way.margin)
    data = emoji_pairs("emoji", "test", config, sample=True)
    sources, targets = data.arrays(np.arange(len(data)))
    return data.names, to_bytes(sources), to_bytes(targets)


def _translated(network: Network, way: Way, seen: np.ndarray, *, back: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """seen float32 (1, 3, h, w) in [0, 1] -> it and what the network makes of it, of one size: uint8 (1, h', w', 3)."""
    given = seen.astype(np.float32) * 2 - 1
    images = given if way.channels == 3 else given.mean(1, keepdims=True, dtype=np.float32)
    (made,) = network.run("translator_back" if back else "translator", images=images)
    before, after = to_bytes(given), _in_colours(to_bytes(made))
    factor = max(1, after.shape[1] // before.shape[1])
    return before.repeat(factor, 1).repeat(factor, 2), after


def check_seen(seen: np.ndarray) -> None:
    """Raise InputError where a picture uint8 (h, w, 3) shows nothing."""
    if (seen == seen[0, 0]).all():
        raise InputError("there is nothing to see: the picture is of one shade")


def stacked(seen: np.ndarray) -> np.ndarray:
    """uint8 (h, w, 3) -> float32 (3h, w) in [0, 1], as records keep a picture: its colours one below the other."""
    height, width, colours = seen.shape
    return seen.transpose(2, 0, 1).reshape(colours * height, width).astype(np.float32) / 255


def photograph(picture: Any, least: int) -> Image.Image:
    """A picture of `least` pixels a side, as `zoo.generate.drawing.on_white` takes it, -> RGB. Raises InputError."""
    if picture is None:
        raise InputError("there is no picture; upload or draw one first")
    picture = on_white(picture)
    width, height = picture.size
    if min(width, height) < least:
        raise InputError(f"the picture has {width} x {height} pixels; at least {least} a side are needed")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InputError(
            f"the picture has {width:,} x {height:,} pixels; one side may be at most {MAX_RATIO} times the other"
        )
    return picture.convert("RGB")


def _marked(mask: Any, shape: tuple[int, int], size: int) -> np.ndarray:
    """Where a mask of a picture's `shape` (width, height) is light or not transparent: bool (size, size)."""
    if mask is None:
        raise InputError("nothing is marked; paint over what is to be replaced")
    if isinstance(mask, np.ndarray):
        allowed = mask.ndim == 2 or (mask.ndim == 3 and mask.shape[2] in (3, 4))
        if mask.dtype not in (np.uint8, bool) or not allowed or 0 in mask.shape:
            raise InputError(f"the mask is an array {mask.dtype} {mask.shape}; uint8 (height, width) is allowed")
        mask = Image.fromarray(mask.astype(np.uint8) * 255 if mask.dtype == bool else mask)
    if not isinstance(mask, Image.Image):
        raise InputError(f"the mask is {quoted(mask)}; it must be a picture")
    if mask.size != shape:
        sizes = " and ".join(f"{wide:,} x {high:,}" for wide, high in (shape, mask.size))
        raise InputError(f"the picture and its mask have {sizes} pixels; they must be of one size")
    grey = mask.getchannel("A") if "A" in mask.getbands() else mask.convert("L")
    found = fitted(grey, size, paper="black") > _MARKED * 255
    if not found.any():
        raise InputError("nothing is marked; paint over what is to be replaced")
    if found.mean() > FILLED:
        raise InputError(
            f"{100 * found.mean():.0f} % of the picture is marked; at most {100 * FILLED:.0f} % are allowed"
        )
    return found


def _spoilt(seen: np.ndarray, seed: int, mask: np.ndarray | None) -> np.ndarray:
    """seen uint8 (h, w, 3) with noise in the mask, or in holes that the seed chooses."""
    return to_bytes(damaged(as_floats(seen.transpose(2, 0, 1)), Noise(seed), mask)[None])[0]


def _turned(image: np.ndarray) -> np.ndarray:
    """(3, h, w) -> (h, w, 3)."""
    return image.transpose(1, 2, 0)


def _in_colours(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w) or (n, h, w, 3) -> (n, h, w, 3)."""
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
