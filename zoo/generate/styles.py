"""Styles of a style-based generator: one picture's coarse layers with another's fine ones, and sliders that move it.

The mapping network makes a style w of noise, and synthesis takes one for each of its layers: so two pictures can be
mixed (Karras, Laine and Aila, "A style-based generator architecture for generative adversarial networks", CVPR 2019,
section 3.1), drawn towards the mean style (ibid., appendix B), and moved along directions that the weights alone tell
(Shen and Zhou, "Closed-form factorization of latent semantics in GANs", CVPR 2021).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.engine import Network
from zoo.entry import IMAGE_GENERATION
from zoo.generate import library
from zoo.generate.grid import grid, to_bytes
from zoo.generate.image import ENLARGED, Pictures, class_names, sheet_of
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, whole
from zoo.generate.library import source_of
from zoo.noise import Noise

__all__ = ["MAX_AMOUNT", "MAX_DIRECTIONS", "MAX_TRUNCATION", "choices", "directions", "edit", "layers_of", "mix"]

MAX_TRUNCATION = 1.5
"""0 is the mean style, 1 leaves a style as it is."""
MAX_DIRECTIONS = 10
"""Directions that a picture can be moved along at once."""
MAX_AMOUNT = 6.0
"""How far, in standard deviations of styles along a direction."""
STYLES = 1024
"""Styles whose mean and spread are those of a class."""
_STREAM = 1 << 40
"""Of the noise that they are made of: no seed's pictures come from it."""
_AFFINE = re.compile(r"synthesis\..*\.style\.weight")


def choices() -> list[str]:
    """Names of the checkpoints that have styles. Reads config.json only."""
    return [name for name in library.choices(IMAGE_GENERATION) if _sizes(library.config_of(name)) is not None]


def layers_of(model: str) -> int:
    """How many styles a picture takes; `mix` can cross over at 1 to one less. Raises InputError for a model without."""
    return _styled(model)


def mix(
    model: str,
    label: str | None = None,
    *,
    seed: int = 0,
    seed_fine: int = 1,
    label_fine: str | None = None,
    crossover: int = 3,
    truncation: float = 1.0,
) -> Pictures:
    """The picture of `seed`, that of `seed_fine`, and the first one's coarse layers with the other's fine ones.

    Layers from `crossover` (1 to one less than `layers_of(model)`, counted from 0) on take the style of `seed_fine`, of
    the class `label_fine` (that of the first picture, if none is named); noise stays that of `seed`. A model with
    classes draws its first one without `label`. `truncation` (0 to 1.5) draws styles towards the mean of their class.
    Raises InputError before anything is loaded.
    """
    layers = _styled(model)
    crossover = whole("the layer to cross over at", crossover, 1, layers - 1)
    truncation = number("the truncation", truncation, 0.0, MAX_TRUNCATION)
    seed, seed_fine = seed_of(seed), whole("the seed of the fine layers", seed_fine, 0, 2**53 - 1)
    coarse = _class_of(model, label)
    fine = coarse if label_fine is None else _class_of(model, label_fine)
    found = library.get(model, IMAGE_GENERATION)
    network = found.network
    first, noise = _style_of(network, seed, coarse, truncation)
    second, other_noise = _style_of(network, seed_fine, fine, truncation)
    mixed = np.where(np.arange(layers)[:, None] < crossover, first, second)
    styles = np.stack([np.repeat(first, layers, 0), np.repeat(second, layers, 0), mixed])
    images = _synthesised(network, styles, np.concatenate([noise, other_noise, noise]))
    parameters = {
        "label": label, "seed_fine": seed_fine, "label_fine": label_fine, "crossover": crossover,
        "truncation": truncation,
    }  # fmt: skip
    return _pictures(found, model, images, ["coarse", "fine", "mixed"], "image.mix", parameters, seed)


def edit(
    model: str,
    label: str | None = None,
    *,
    seed: int = 0,
    amounts: Sequence[float] | str = (),
    truncation: float = 1.0,
) -> Pictures:
    """The picture of `seed`, and the same moved along the model's first directions by `amounts` (-6 to 6 of each).

    An amount is in standard deviations of the class's styles along its direction; at most 10 are taken, as numbers or
    as a text of numbers with spaces between, which is what a record holds. `label` and `truncation` as for `mix`.
    Raises InputError before anything is loaded.
    """
    _styled(model)
    wanted = _amounts(amounts)
    truncation = number("the truncation", truncation, 0.0, MAX_TRUNCATION)
    seed, chosen = seed_of(seed), _class_of(model, label)
    found = library.get(model, IMAGE_GENERATION)
    network, layers = found.network, layers_of(model)
    style, noise = _style_of(network, seed, chosen, truncation)
    axes = directions(network.weights(), len(wanted))
    deviations = (_known_styles(network, chosen) @ axes.T).std(0)
    moved = style + (np.asarray(wanted, np.float32) * deviations) @ axes
    styles = np.repeat(np.stack([style, moved]), layers, axis=1)
    images = _synthesised(network, styles, np.concatenate([noise, noise]))
    parameters = {"label": label, "amounts": " ".join(map(repr, wanted)), "truncation": truncation}
    return _pictures(found, model, images, ["before", "after"], "image.edit", parameters, seed)


def directions(weights: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """The first `count` unit directions (count, d) of styles, by how much synthesis answers to them, float32.

    Eigenvectors of A' A, where A stacks what every layer makes of a style (ibid., equation 6), from the largest
    eigenvalue on; of each and its opposite, the one whose largest part is positive. Raises InputError for weights
    without styles, and for more directions than a style has dimensions.
    """
    affine = [weights[name].astype(np.float64) for name in sorted(weights) if _AFFINE.fullmatch(name)]
    if not affine:
        raise InputError("these weights have no styles")
    stacked = np.concatenate(affine)
    if count > stacked.shape[1]:
        raise InputError(f"{count} directions were asked for; a style has {stacked.shape[1]} dimensions here")
    _, vectors = np.linalg.eigh(stacked.T @ stacked)  # from the smallest eigenvalue on
    found = vectors.T[::-1][:count]
    largest = np.take_along_axis(found, np.abs(found).argmax(1)[:, None], axis=1)
    return (found * np.sign(largest)).astype(np.float32)


def _sizes(values: Mapping[str, Any]) -> int | None:
    """How many styles a picture takes by config.json, or None for a model without."""
    config = values.get("config")
    size = config.get("image_size") if isinstance(config, dict) and "style_dim" in config else None
    return 2 * (size.bit_length() - 2) if type(size) is int and size >= 8 else None  # two at 4, 8, 16, ... pixels


def _styled(model: str) -> int:
    layers = _sizes(library.config_of(model, IMAGE_GENERATION))
    if layers is None:
        known = choices()
        there = f"those that have: {', '.join(known)}" if known else "no checkpoint here has"
        raise InputError(f"{model} has no styles to mix or to move; {there}")
    return layers


def _class_of(model: str, label: str | None) -> int | None:
    names = class_names(model)
    if not names:
        if label is not None:
            raise InputError(f"{model} does not draw by class; leave the class out")
        return None
    return 0 if label is None else names.index(one_of("the class", label, names))


def _amounts(amounts: Sequence[float] | str) -> list[float]:
    given: Sequence[Any] = amounts
    if isinstance(amounts, str):
        try:
            given = [float(part) for part in amounts[:1000].split()]
        except ValueError:
            raise InputError(f"the amounts are {quoted(amounts)}; they must be numbers with spaces between") from None
    if not isinstance(given, Sequence):
        raise InputError(f"the amounts are {quoted(given)}; they must be a list of numbers")
    if len(given) > MAX_DIRECTIONS:
        raise InputError(f"there are {len(given)} amounts; at most {MAX_DIRECTIONS} are allowed")
    return [number(f"amount {i}", value, -MAX_AMOUNT, MAX_AMOUNT) for i, value in enumerate(given, 1)]


def _mapped(network: Network, z: np.ndarray, label: int | None) -> np.ndarray:
    """z (n, z_dim) -> styles (n, d)."""
    given = {} if label is None else {"labels": np.full(len(z), label, np.int64)}
    return network.run("mapping", z=z, **given)[0]


def _known_styles(network: Network, label: int | None) -> np.ndarray:
    """What a class's styles are like, from noise of their own: (n, d)."""
    z_dim, _ = _split_of(network.config)
    return _mapped(network, Noise(0, _STREAM).normal_array(STYLES, z_dim), label)


def _split_of(config: Any) -> tuple[int, int]:
    """Of a latent: the dimensions of z, which come first, and the pixels of the noise maps of 4, 8, ... pixels."""
    noise_dim = (4 * config.image_size**2 - 16) // 3  # a geometric series
    return config.latent_dim - noise_dim, noise_dim


def _style_of(network: Network, seed: int, label: int | None, truncation: float) -> tuple[np.ndarray, np.ndarray]:
    """Style (1, d) and noise (1, noise_dim) of a seed's first picture."""
    z_dim, _ = _split_of(network.config)
    latents = Noise(seed).normal_array(1, network.config.latent_dim)
    style = _mapped(network, latents[:, :z_dim], label)
    if truncation != 1.0:
        mean = _known_styles(network, label).mean(0)
        style = mean + np.float32(truncation) * (style - mean)
    return style, latents[:, z_dim:]


def _synthesised(network: Network, styles: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """styles (n, layers, d), noise (n, noise_dim) -> images uint8 (n, h, w[, 3])."""
    return to_bytes(network.run("synthesis", styles=styles.astype(np.float32), noise=noise)[0])


def _pictures(
    found: library.Loaded,
    model: str,
    images: np.ndarray,
    labels: list[str],
    operation: str,
    parameters: Mapping[str, Any],
    seed: int,
) -> Pictures:
    source = source_of(found, model, operation, parameters, seed=seed)
    singles = [grid(image[None], 1, scale=ENLARGED) for image in images]
    return Pictures(singles, sheet_of(images, len(images)), labels, source)
