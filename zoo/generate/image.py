"""A class and a seed -> pictures; a walk and a map through a latent space; a drawing -> what a model makes of it."""

from __future__ import annotations

import hashlib
import math
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from zoo.engine import Network, diffusion
from zoo.entry import IMAGE_AUTOENCODING, IMAGE_GENERATION
from zoo.generate import library
from zoo.generate.drawing import ink_of, like_clothes, like_colours, like_digits
from zoo.generate.grid import grid, to_bytes
from zoo.generate.inputs import InputError, number, one_of, seed_of, whole, words
from zoo.generate.library import Source, source_of
from zoo.generate.provenance import Record, drawing, gif, webp
from zoo.noise import Noise

MAX_COUNT = 100
"""Pictures of one sheet."""
MIN_TRUNCATION, MAX_TRUNCATION = 0.1, 2.0
MAX_STEPS, MAX_GUIDANCE = 100, 10.0
"""Of models that draw in many steps."""
SHEET_WIDTH = 640
"""Pixels, about, of a sheet: every pixel of a picture becomes a square of whole pixels."""
ENLARGED = 8
"""How many pixels wide each pixel is in a picture on its own."""
FRAME_MS = 70
"""Milliseconds that a frame of an animation stays."""
_ANIMATION_SIZE = 336
"""Pixels a side, about, of an animation."""
MAX_ANIMATIONS = 64
"""Animations that stay on disk; the oldest goes first."""
_writing = threading.Lock()


@dataclass(frozen=True)
class Pictures:
    """Pictures one by one (enlarged), on one sheet, and the label of each ("" where there is none)."""

    images: list[Image.Image]
    sheet: Image.Image
    labels: list[str]
    source: Source


@dataclass(frozen=True)
class Sampler:
    """How a checkpoint that draws in many steps does so unless it is told otherwise.

    `most` is the largest number of steps that it can be told; `guidance` is None where it does not draw by class.
    """

    steps: int
    most: int
    guidance: float | None


def class_names(model: str) -> list[str]:
    """The classes that an image checkpoint can be asked for; none when it takes no class. Loads nothing."""
    values = library.config_of(model)
    count = values.get("config", {}).get("num_classes", 0) if isinstance(values.get("config"), dict) else 0
    labels = library.labels_of(model)
    if type(count) is not int or not 0 <= count <= 1000:
        return []
    return [labels[i] if i < len(labels) else str(i) for i in range(count)]


def draw(
    model: str = "dcgan.mnist",
    label: str | None = None,
    *,
    count: int = 16,
    seed: int = 0,
    truncation: float = 1.0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Pictures:
    """Draw `count` (1 to 100) pictures of the class `label`, or of all classes in turn.

    `truncation` (0.1 to 2) scales the noise: below 1 pictures are more typical and less varied. A model that draws in
    many steps has none; it has `steps` (1 to 100) and `guidance` (0 to 10): how far the class is followed, 1 as it was
    learnt. Without them they are the model's own. The first pictures of a seed are the same whatever the count. Raises
    InputError before anything is loaded.
    """
    *_, found = draw_live(
        model, label, count=count, seed=seed, truncation=truncation, steps=steps, guidance=guidance
    )  # fmt: skip
    assert isinstance(found, Pictures)
    return found


def draw_live(
    model: str = "dcgan.mnist",
    label: str | None = None,
    *,
    count: int = 16,
    seed: int = 0,
    truncation: float = 1.0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Iterator[float | Pictures]:
    """As `draw`: yields the share that is done, where there are many steps, and at last the pictures."""
    count = whole("the number of pictures", count, 1, MAX_COUNT)
    seed = seed_of(seed)
    sampler = sampler_of(model, truncation, steps, guidance)
    names = class_names(model)
    if label is not None and not names:
        raise InputError(f"{model} does not draw by class; leave the class out")
    classes: list[int] | None = None
    if names:
        classes = [i % len(names) for i in range(count)]
        if label is not None:
            classes = [names.index(one_of("the class", label, names))] * count
    yield from _drawn(
        model, classes, count, sampler, seed=seed, columns=math.ceil(math.sqrt(count)), operation="image.draw",
        parameters={"label": label, "count": count},
    )  # fmt: skip


def sampler_of(model: str, truncation: float, steps: int | None, guidance: float | None) -> dict[str, Any]:
    """How a model is to sample: its truncation, or where it draws in many steps, these steps and its guidance.

    None stands for the model's own. Loads nothing. Raises InputError for a value out of range, or that the model has
    no use for.
    """
    truncation = number("the truncation", truncation, MIN_TRUNCATION, MAX_TRUNCATION)
    own = own_sampler(model)
    if own is None:
        if steps is not None or guidance is not None:
            raise InputError(f"{model} draws in one step; leave steps and guidance out")
        return {"truncation": truncation}
    if truncation != 1:
        raise InputError(f"{model} draws in many steps and has no truncation, but guidance; leave the truncation at 1")
    steps = whole("the number of steps", own.steps if steps is None else steps, 1, own.most)
    found: dict[str, Any] = {"truncation": truncation, "steps": steps}
    if own.guidance is not None:
        found["guidance"] = number("the guidance", own.guidance if guidance is None else guidance, 0, MAX_GUIDANCE)
    elif guidance is not None:
        raise InputError(f"{model} does not draw by class, so there is nothing to guide; leave the guidance out")
    return found


def own_sampler(model: str) -> Sampler | None:
    """How a model draws in many steps unless told otherwise; None for one that draws in one step. Loads nothing.

    Raises InputError for a choice that draws no pictures.
    """
    values = library.config_of(model, IMAGE_GENERATION).get("config", {})
    if walks(model):
        return None
    most = min(MAX_STEPS, values.get("train_steps", MAX_STEPS))
    guidance = min(values.get("guidance", 1.0), MAX_GUIDANCE) if class_names(model) else None
    return Sampler(min(values.get("sampling_steps", most), most), most, guidance)


def draw_number(
    model: str = "dcgan.mnist",
    digits: str = "42",
    *,
    seed: int = 0,
    truncation: float = 1.0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Pictures:
    """Draw decimal digits side by side with a model whose classes are digits. The other options as for `draw`.

    Raises InputError before anything is loaded, also for a digit that is no class of the model.
    """
    *_, found = draw_number_live(
        model, digits, seed=seed, truncation=truncation, steps=steps, guidance=guidance
    )  # fmt: skip
    assert isinstance(found, Pictures)
    return found


def draw_number_live(
    model: str = "dcgan.mnist",
    digits: str = "42",
    *,
    seed: int = 0,
    truncation: float = 1.0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Iterator[float | Pictures]:
    """As `draw_number`: yields the share that is done, where there are many steps, and at last the pictures."""
    seed = seed_of(seed)
    sampler = sampler_of(model, truncation, steps, guidance)
    names = class_names(model)
    digits = words("the digits", digits, longest=MAX_COUNT)
    if not digits:
        raise InputError(f"there are no digits to draw; 1 to {MAX_COUNT} are allowed")
    classes = [names.index(one_of("the class", digit, names)) for digit in digits]
    yield from _drawn(
        model, classes, len(classes), sampler, seed=seed, columns=len(classes), operation="image.draw_number",
        parameters={"digits": digits},
    )  # fmt: skip


def _drawn(
    model: str,
    classes: Sequence[int] | None,
    count: int,
    sampler: Mapping[str, Any],
    *,
    seed: int,
    columns: int,
    operation: str,
    parameters: Mapping[str, Any],
) -> Iterator[float | Pictures]:
    """Draw `count` pictures of these class numbers (None for a model without classes), all checked before.

    `operation`, `parameters` and the `sampler` (of `sampler_of`) are what the pictures' record says. Yields as
    `draw_live` does.
    """
    found = library.get(model, IMAGE_GENERATION)
    network, given = found.network, dict(sampler)
    size = diffusion.latent_dim(network) if diffusion.denoises(network) else network.config.latent_dim
    latents = Noise(seed).normal_array(count, size) * np.float32(given.pop("truncation"))
    labels = None if classes is None else np.asarray(classes, np.int64)
    names = class_names(model)
    for share, images in generated(network, latents, labels, **given):
        if share < 1:
            yield share
            continue
        yield Pictures(
            [_enlarge(image, ENLARGED) for image in images],
            sheet_of(images, columns),
            [""] * count if classes is None else [names[i] for i in classes],
            source_of(found, model, operation, {**parameters, **sampler}, seed=seed),
        )


def generate(network: Network, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """latents float32 (n, latent_dim), labels int64 (n,) -> images uint8 (n, h, w), or (n, h, w, 3) in colour."""
    *_, (_, images) = generated(network, latents, labels)
    return images


def generated(
    network: Network,
    latents: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    steps: int | None = None,
    guidance: float | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """As `generate`: yields the share that is done and the images as far as they are, which at last is 1 and these.

    `steps` and `guidance` are of networks that draw in many steps, and their own unless given.
    """
    if diffusion.denoises(network):
        for share, images in diffusion.draw(network, latents, labels, steps=steps, guidance=guidance):
            yield share, to_bytes(images)
    else:
        given = {"latents": latents} | ({} if labels is None else {"labels": labels})
        yield 1.0, to_bytes(network.run("generator", **given)[0])


def sheet_of(images: np.ndarray, columns: int, *, gap: int = 1) -> Image.Image:
    """images uint8 (n, h, w[, 3]) -> a sheet on black, about 640 pixels wide, each pixel a square."""
    scale = max(1, round(SHEET_WIDTH / (columns * (images.shape[2] + gap))))
    return grid(images, columns, scale=scale, gap=gap, paper=0)


def native(found: Pictures) -> Image.Image:
    """A sheet of one row with every pixel once. Raises InputError for a sheet of several rows."""
    width, height = (side // ENLARGED for side in found.images[0].size)
    row = (len(found.images) * (width + 1) - 1, height)  # a pixel between two
    if found.sheet.width * row[1] != found.sheet.height * row[0]:
        raise InputError("only a sheet of one row comes at its native size")
    return found.sheet.resize(row, Image.Resampling.NEAREST)


def _enlarge(image: np.ndarray, scale: int) -> Image.Image:
    return grid(image[None], 1, scale=scale)


def interpolate(
    model: str = "vae.mnist", *, seed: int = 0, waypoints: int = 4, frames: int = 48, label: str | None = None
) -> tuple[Path, Image.Image, Source]:
    """Walk from picture to picture and back to the first: an endless animation (WEBP), a strip of stills, the source.

    `waypoints` 2 to 8 pictures are passed on `frames` 8 to 96 frames, on great circles between their latents (White,
    "Sampling generative networks", 2016), so that all on the way is as likely. A model with classes stays within
    `label`, its first class unless another is named. Raises InputError before loading.
    """
    waypoints = whole("the number of waypoints", waypoints, 2, 8)
    frames = whole("the number of frames", frames, 8, 96)
    seed = seed_of(seed)
    check_walks(model)
    names = class_names(model)
    if label is not None and not names:
        raise InputError(f"{model} does not draw by class; leave the class out")
    found = library.get(model, IMAGE_GENERATION)
    parameters: dict[str, Any] = {"waypoints": waypoints, "frames": frames}
    labels = None
    if names:
        parameters["label"] = label = one_of("the class", names[0] if label is None else label, names)
        labels = np.full(frames, names.index(label), np.int64)
    source = source_of(found, model, "image.interpolate", parameters, seed=seed)
    ends = Noise(seed).normal_array(waypoints, found.network.config.latent_dim)
    at = np.arange(frames) * (waypoints / frames)
    leg, share = at.astype(int), at - at.astype(int)
    latents = spherical(ends[leg], ends[(leg + 1) % waypoints], share)
    images = generate(found.network, latents, labels)
    stills = np.linspace(0, frames, 8, endpoint=False).round().astype(int)
    return _animation(images, source.record), sheet_of(images[stills], len(stills), gap=0), source


def walks(model: str) -> bool:
    """Whether a model makes its pictures of latents in one step, so that one can walk among them. Loads nothing."""
    return "latent_dim" in library.config_of(model).get("config", {})


def check_walks(model: str) -> None:
    """Raise InputError for a choice that draws no pictures, or makes each in many steps."""
    library.config_of(model, IMAGE_GENERATION)
    if not walks(model):
        raise InputError(f"{model} makes a picture in many steps from noise as large as the picture; it has no walk")


def as_gif(animation: Path, record: Record) -> bytes:
    """An animation of `interpolate` as a GIF, for programs that show no WEBP."""
    with Image.open(animation) as image:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    first = np.asarray(frames[0])
    grey = bool((first == first[..., :1]).all())
    return gif([frame.convert("L") for frame in frames] if grey else frames, FRAME_MS, record)


def spherical(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Points at `share` (n,) of the way from start to end (n, d), on the great circle of their directions."""
    size = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    angle = np.arccos(((start * end).sum(1) / np.maximum(size, 1e-12)).clip(-1, 1)).clip(1e-4, np.pi - 1e-4)
    first, second = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    found: np.ndarray = (first[:, None] * start + second[:, None] * end).astype(np.float32)
    return found


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="zoo-animations-")  # removed when the process ends


def _animation(images: np.ndarray, record: Record) -> Path:
    """Write an endless animation; the same one is written once."""
    folder = Path(_folder().name)
    path = folder / f"{hashlib.sha256(repr(record).encode()).hexdigest()[:16]}.webp"
    with _writing:
        if not path.exists():
            scale = max(1, round(_ANIMATION_SIZE / images.shape[2]))
            size = (images.shape[2] * scale, images.shape[1] * scale)
            stills = [Image.fromarray(image).resize(size, Image.Resampling.NEAREST) for image in images]
            path.write_bytes(webp(stills, FRAME_MS, record))
            old = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)
            for file in old[:-MAX_ANIMATIONS]:
                file.unlink()
    return path


def reconstruct(model: str = "vae.mnist", picture: Image.Image | np.ndarray | None = None) -> Pictures:
    """Show a VAE a drawing, dark on light or light on dark, of any size: what it saw, and what it makes of that.

    It is seen as `as_seen` says. Raises InputError for an empty drawing, before anything is loaded, and for a model
    that is told the class.
    """
    if picture is None:
        raise InputError("there is no drawing; draw something first")
    return redraw(model, as_seen(model, picture))


def as_seen(model: str, picture: Image.Image | np.ndarray) -> np.ndarray:
    """A visitor's picture as a VAE's training pictures are: float32 (c * h, w) in [0, 1], channels one below the other.

    A drawing for a grey model becomes bright ink on black, sized and centred. For a model in colour the middle square
    of a picture is laid on white and sized. Raises InputError for an empty drawing.
    """
    values = library.config_of(model, IMAGE_AUTOENCODING).get("config", {})
    size = int(values.get("image_size", 28))
    if values.get("channels", 1) == 3:
        return (like_colours(picture, size).transpose(2, 0, 1) / 255).reshape(-1, size).astype(np.float32)
    clothes = library.recipe_of(model).get("dataset") == "fashion_mnist"
    return (like_clothes if clothes else like_digits)(ink_of(picture), size).astype(np.float32)


def images_of(seen: np.ndarray, config: Any) -> np.ndarray:
    """What `as_seen` gave -> the picture that goes into a network, float32 (1, c, h, w) in [-1, 1].

    Raises InputError for another size than the network's.
    """
    channels, size = config.channels, config.image_size
    if seen.shape != (channels * size, size):
        height, width = seen.shape
        sides = f"{size} x {size}" if channels == 1 else f"{channels} x {size} x {size}"
        raise InputError(f"the drawing has {height} x {width} pixels as seen; the model sees {sides}")
    found: np.ndarray = seen.reshape(1, channels, size, size) * 2 - 1
    return found


def redraw(model: str, seen: np.ndarray) -> Pictures:
    """What a VAE makes of a picture such as it has learnt from, as `as_seen` gives it: seen and redrawn.

    The code is the posterior's mean. Raises InputError for a picture of another size than the model's, and for a model
    that is told the class.
    """
    library.config_of(model, IMAGE_AUTOENCODING)
    if class_names(model):
        raise InputError(f"{model} is told the class, which a picture does not say; choose a model that is not")
    found = library.get(model, IMAGE_AUTOENCODING)
    images = images_of(seen, found.network.config)
    made = generate(found.network, encode(found.network, images))
    both = np.concatenate([to_bytes(images), made])
    source = source_of(found, model, "image.reconstruct", {}, parents=(drawing(seen),))
    return Pictures([_enlarge(i, ENLARGED) for i in both], sheet_of(both, 2), ["seen", "reconstruction"], source)


def encode(network: Network, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """images float32 (n, c, h, w) in [-1, 1] -> the posterior's means, float32 (n, latent_dim).

    `labels` int64 (n,) only for a model that is told the class.
    """
    given = {"images": images} | ({} if labels is None else {"labels": labels})
    return network.run("encoder", **given)[0]


def latent_grid(model: str = "vae.mnist", *, seed: int = 0, size: int = 12, label: str | None = None) -> Pictures:
    """A map: `size` x `size` (2 to 20) pictures from a plane through latent space, in directions that `seed` chooses.

    Steps are even in probability (the inverse of the Gaussian's cumulative distribution), and the plane is scaled
    so that its points lie as far from the centre as samples do. A model with classes draws `label`, its first class
    unless another is named. Raises InputError before anything is loaded.
    """
    size = whole("the size of the map", size, 2, 20)
    seed = seed_of(seed)
    library.config_of(model, IMAGE_AUTOENCODING)
    names = class_names(model)
    if label is not None and not names:
        raise InputError(f"{model} does not draw by class; leave the class out")
    parameters: dict[str, Any] = {"size": size}
    labels = None
    if names:
        parameters["label"] = label = one_of("the class", names[0] if label is None else label, names)
        labels = np.full(size * size, names.index(label), np.int64)
    found = library.get(model, IMAGE_AUTOENCODING)
    dimensions = found.network.config.latent_dim
    axes, _ = np.linalg.qr(Noise(seed).normal_array(dimensions, min(2, dimensions)).astype(np.float64))
    steps = np.array([NormalDist().inv_cdf((i + 0.5) / size) for i in range(size)])
    y, x = np.meshgrid(steps, steps, indexing="ij")
    points = np.stack([x, y], axis=-1).reshape(-1, 2)[:, : axes.shape[1]] * math.sqrt(dimensions / axes.shape[1])
    images = generate(found.network, (points @ axes.T).astype(np.float32), labels)
    singles = [_enlarge(image, ENLARGED) for image in images]
    source = source_of(found, model, "image.latent_grid", parameters, seed=seed)
    return Pictures(singles, sheet_of(images, size, gap=0), [""] * len(images), source)
