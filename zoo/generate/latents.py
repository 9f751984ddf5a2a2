"""Sums of codes, sliders, single dimensions, and one style in every class: what an autoencoder's latent space allows.

A class, or a picture, stands for its code: a class for the mean code of its pictures in the bundled sample, as Larsen,
Sonderby, Larochelle and Winther have it for attributes ("Autoencoding beyond pixels using a learned similarity
metric", ICML 2016), a picture for the posterior's mean. Everything runs by the engine; nothing needs torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.source import INFOS
from zoo.entry import IMAGE_AUTOENCODING
from zoo.generate import library
from zoo.generate.grid import grid
from zoo.generate.image import ENLARGED, Pictures, as_seen, class_names, encode, generate, images_of, sheet_of
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, whole, words
from zoo.generate.library import Loaded, source_of
from zoo.generate.provenance import Record, drawing
from zoo.noise import Noise

MAX_AMOUNT = 3.0
"""How far a slider goes each way, in differences between a class's mean code and that of all."""
MAX_STYLES = 12
"""Rows of a sheet of styles."""
MAX_DIMENSIONS = 12
"""Rows of a sheet of single dimensions."""
REACH = 2.5
"""Standard deviations of the prior that a single dimension is moved each way."""
STEPS = 9
"""Pictures along a dimension."""
_BATCH = 100
_PICTURE = re.compile(r"picture ([1-9][0-9]{0,4})")


@dataclass(frozen=True)
class Known:
    """The bundled sample of a model's data, as the model codes it."""

    images: np.ndarray
    """float32 (n, c, h, w) in [-1, 1]."""
    labels: tuple[str, ...]
    """Names of the classes."""
    targets: np.ndarray
    """Class of each picture, int64 (n,)."""
    means: np.ndarray
    """Means of the posterior, float32 (n, latent_dim)."""

    def code_of(self, label: str) -> np.ndarray:
        """The mean code of a class, float32 (latent_dim,)."""
        found: np.ndarray = self.means[self.targets == self.labels.index(label)].mean(0)
        return found


def attributes(model: str = "vae.mnist") -> list[str]:
    """The classes of a model's data that sums and sliders may name. Raises InputError where no sample is bundled."""
    known = known_of(library.get(model, IMAGE_AUTOENCODING))
    return [label for number, label in enumerate(known.labels) if (known.targets == number).any()]


def sample_size(model: str = "vae.mnist") -> int:
    """How many bundled pictures there are: operands "picture 1" to "picture <so many>"."""
    return len(known_of(library.get(model, IMAGE_AUTOENCODING)).images)


def known_of(found: Loaded) -> Known:
    """The bundled sample through the model's encoder. Raises InputError where no sample of its data is bundled."""
    dataset = found.recipe.get("dataset", "")
    if dataset not in INFOS:
        raise InputError(f"{found.name} learnt from data that are not bundled; there are no classes to calculate with")
    network: Any = found.network
    return _known(found.folder.as_posix(), found.sha256, dataset, network)


class _ByName:
    """Pictures of `image_size` pixels: what `zoo.data.load` reads of a config."""

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size


@lru_cache(maxsize=4)
def _known(folder: str, sha256: str, dataset: str, network: Any) -> Known:
    from zoo.data.load import load

    data: Any = load(dataset, "train", _ByName(network.config.image_size), sample=True)
    images = data.images.astype(np.float32) / np.float32(127.5) - 1
    return Known(images, tuple(data.labels), data.targets, means_of(network, images, data.targets))


def means_of(network: Any, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """images float32 (n, c, h, w) in [-1, 1] and their classes -> the posterior's means, float32 (n, latent_dim)."""
    told = getattr(network.config, "num_classes", 0)  # older checkpoints do not state it
    parts = (slice(start, start + _BATCH) for start in range(0, len(images), _BATCH))
    return np.concatenate([encode(network, images[part], targets[part] if told else None) for part in parts])


def arithmetic(
    model: str = "vae.mnist",
    a: str = "9",
    b: str = "4",
    c: str = "8",
    *,
    picture: Image.Image | np.ndarray | None = None,
) -> Pictures:
    """The code of `a`, less that of `b`, plus that of `c`, as pictures: the three, and what they come to.

    Each is the name of a class, "picture 17" of the bundled sample, or "given" for the visitor's own `picture`.
    Raises InputError for anything else, and for a model that is told the class: its codes hold the style alone.
    """
    seen = None if picture is None else as_seen(model, picture)
    return added(model, a, b, c, seen=seen)


def added(model: str, a: str, b: str, c: str, *, seen: np.ndarray | None = None) -> Pictures:
    """`arithmetic` with the visitor's picture as the model sees it (`as_seen`)."""
    found = _plain(model)
    known, parents, codes, stated = known_of(found), _given(found, seen), [], []
    for operand in (a, b, c):
        name, code = _operand(found, known, operand, seen)
        codes.append(code)
        stated.append(name)
    if seen is not None and "given" not in stated:
        raise InputError('a picture was given, but none of the three is "given"')
    latents = np.stack([*codes, codes[0] - codes[1] + codes[2]]).astype(np.float32)
    source = source_of(found, model, "image.arithmetic", dict(zip("abc", stated, strict=True)), parents=parents)
    labels = [stated[0], f"− {stated[1]}", f"+ {stated[2]}", "="]
    return _pictures(generate(found.network, latents), 4, labels, source)


def slide(
    model: str = "vae.mnist",
    amounts: Mapping[str, float] | str = "",
    *,
    seed: int = 0,
    picture: Image.Image | np.ndarray | None = None,
) -> Pictures:
    """A picture, and the same after its code was moved towards classes or away from them: two pictures.

    `amounts` says how far (-3 to 3) towards each, {"7": 1.5, "1": -0.5} or "7=1.5, 1=-0.5", in differences between the
    class's mean code and the mean of all. It begins with the visitor's `picture`, else with what `seed` draws. Raises
    InputError.
    """
    return moved(model, amounts, seed=seed, seen=None if picture is None else as_seen(model, picture))


def moved(model: str, amounts: Mapping[str, float] | str, *, seed: int = 0, seen: np.ndarray | None = None) -> Pictures:
    """`slide` with the visitor's picture as the model sees it (`as_seen`)."""
    seed = seed_of(seed)
    found = _plain(model)
    known, parents = known_of(found), _given(found, seen)
    wanted = _amounts(amounts, known)
    drawn = Noise(seed).normal_array(1, found.network.config.latent_dim)[0]
    start = drawn if seen is None else _code_of(found, seen)
    middle = known.means.mean(0)
    step = sum((amount * (known.code_of(label) - middle) for label, amount in wanted.items()), np.zeros_like(start))
    stated = ", ".join(f"{label}={amount:g}" for label, amount in wanted.items())
    source = source_of(found, model, "image.slide", {"amounts": stated}, seed=seed, parents=parents)
    images = generate(found.network, np.stack([start, start + step]).astype(np.float32))
    return _pictures(images, 2, ["before", stated or "after"], source)


def traverse(model: str = "vae.mnist", label: str | None = None, *, seed: int = 0, dimensions: int = 8) -> Pictures:
    """What single dimensions of the code do: a row for each of the `dimensions` (1 to 12) that say most, first the
    most telling, and along it 9 values from -2.5 to 2.5 standard deviations, all else as `seed` draws it.

    How much one says is the variance of the posterior's mean over the bundled sample. A model that is told the class
    draws `label`, else its first class. Raises InputError.
    """
    dimensions, seed = whole("the number of dimensions", dimensions, 1, MAX_DIMENSIONS), seed_of(seed)
    library.config_of(model, IMAGE_AUTOENCODING)
    names = class_names(model)
    if label is not None and not names:
        raise InputError(f"{model} does not draw by class; leave the class out")
    found = library.get(model, IMAGE_AUTOENCODING)
    telling = np.argsort(-known_of(found).means.var(0), kind="stable")[:dimensions]
    start = Noise(seed).normal_array(1, found.network.config.latent_dim)
    latents = start.repeat(len(telling) * STEPS, axis=0)
    latents[np.arange(len(latents)), telling.repeat(STEPS)] = np.tile(np.linspace(-REACH, REACH, STEPS), len(telling))
    labels = None
    if names:
        label = one_of("the class", names[0] if label is None else label, names)
        labels = np.full(len(latents), names.index(label), np.int64)
    parameters = {"label": label, "dimensions": dimensions}
    source = source_of(found, model, "image.traverse", parameters, seed=seed)
    rows = [f"dimension {row + 1}" for row in telling for _ in range(STEPS)]
    return _pictures(generate(found.network, latents.astype(np.float32), labels), STEPS, rows, source)


def styles_by_class(
    model: str = "vae.conditional",
    *,
    seed: int = 0,
    styles: int = 6,
    picture: Image.Image | np.ndarray | None = None,
    label: str | None = None,
) -> Pictures:
    """The same style in every class: a row a style, 1 to 12 of them, a column a class.

    A style is a code of a model that is told the class. The first one is that of the visitor's `picture`, if given,
    of which `label` says the class; the others are what `seed` draws. Raises InputError.
    """
    seen = None if picture is None else as_seen(model, picture)
    return styled(model, seed=seed, styles=styles, seen=seen, label=label)


def styled(
    model: str, *, seed: int = 0, styles: int = 6, seen: np.ndarray | None = None, label: str | None = None
) -> Pictures:
    """`styles_by_class` with the visitor's picture as the model sees it (`as_seen`)."""
    styles, seed = whole("the number of styles", styles, 1, MAX_STYLES), seed_of(seed)
    library.config_of(model, IMAGE_AUTOENCODING)
    names = class_names(model)
    if not names:
        raise InputError(f"{model} is not told the class; its codes hold class and style together")
    if (seen is None) != (label is None):
        raise InputError("say the class of the picture that is given" if label is None else "there is no picture")
    if label is not None:
        label = one_of("the class", label, names)
    found = library.get(model, IMAGE_AUTOENCODING)
    parents = _given(found, seen)
    codes = Noise(seed).normal_array(styles, found.network.config.latent_dim)
    if seen is not None and label is not None:
        codes[0] = _code_of(found, seen, names.index(label))
    latents = codes.repeat(len(names), axis=0)
    classes = np.tile(np.arange(len(names), dtype=np.int64), styles)
    parameters = {"styles": styles, "label": label}
    source = source_of(found, model, "image.styles_by_class", parameters, seed=seed, parents=parents)
    return _pictures(generate(found.network, latents, classes), len(names), names * styles, source)


def _plain(model: str) -> Loaded:
    """An autoencoder that is told no class. Raises InputError."""
    library.config_of(model, IMAGE_AUTOENCODING)
    if class_names(model):
        raise InputError(f"{model} is told the class, so its codes hold the style alone; choose one that is not told")
    return library.get(model, IMAGE_AUTOENCODING)


def _given(found: Loaded, seen: np.ndarray | None) -> tuple[Record, ...]:
    """The visitor's picture as a step before. Raises InputError for one of another size than the model sees."""
    if seen is None:
        return ()
    images_of(seen, found.network.config)
    return (drawing(seen),)


def _code_of(found: Loaded, seen: np.ndarray, target: int = 0) -> np.ndarray:
    """The code of a visitor's picture, of the class `target` where classes count, float32 (latent_dim,)."""
    return means_of(found.network, images_of(seen, found.network.config), np.array([target]))[0]


def _operand(found: Loaded, known: Known, operand: str, seen: np.ndarray | None) -> tuple[str, np.ndarray]:
    """The name of an operand in its one true form, and its code. Raises InputError."""
    said = words("what to calculate with", operand, longest=60).strip()
    if said == "given":
        if seen is None:
            raise InputError('there is no picture to stand for "given"; give one, or name a class')
        return said, _code_of(found, seen)
    if match := _PICTURE.fullmatch(said):
        row = whole("the number of the picture", int(match[1]), 1, len(known.images)) - 1
        return said, known.means[row]
    if said in known.labels and not (known.targets == known.labels.index(said)).any():
        raise InputError(f"the bundled sample has no picture of {said}")
    if said not in known.labels:
        many = f'"picture 1" to "picture {len(known.images)}", or "given"'
        raise InputError(f"{quoted(operand)} is nothing to calculate with; there are {', '.join(known.labels)}, {many}")
    return said, known.code_of(said)


def _amounts(given: Mapping[str, float] | str, known: Known) -> dict[str, float]:
    """Amounts by class, in the order of the classes, without those of 0. Raises InputError."""
    if isinstance(given, str):
        parts = [part.rpartition("=") for part in words("the amounts", given, longest=2000).split(",") if part.strip()]
        pairs: Sequence[tuple[str, Any]] = [(label.strip(), _number(amount)) for label, _, amount in parts]
    else:
        pairs = list(given.items())
    found: dict[str, float] = {}
    for label, amount in pairs:
        label = one_of("the class", label, known.labels)
        if not (known.targets == known.labels.index(label)).any():
            raise InputError(f"the bundled sample has no picture of {label}")
        if label in found:
            raise InputError(f"{quoted(label)} is named twice")
        found[label] = number(f"the amount of {label}", amount, -MAX_AMOUNT, MAX_AMOUNT)
    return {label: found[label] for label in known.labels if found.get(label)}


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f'{quoted(text.strip())} is no amount; write "7=1.5, 1=-0.5"')
    return found


def _pictures(images: np.ndarray, columns: int, labels: list[str], source: Any) -> Pictures:
    singles = [grid(image[None], 1, scale=ENLARGED) for image in images]
    return Pictures(singles, sheet_of(images, columns), labels, source)
