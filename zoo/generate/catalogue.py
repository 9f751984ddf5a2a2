"""What a model of pictures and words searches among: emoji as vectors, kept beside the weights.

catalogue.safetensors holds `pictures`, `en` and `zh`, (n, d) in 8 bits (`zoo.eight_bits`): for each concept the mean
of its pictures' vectors in all styles, and the vectors of its names; and `text` uint8, a line for each concept as
UTF-8: the character, its English and its Chinese name, with tabs between them. All concepts of the data set are in it,
those also that the model has never seen: they are what is searched, not what was learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from zoo.checkpoint import CheckpointError, read_header
from zoo.data.captions import CATALOGUE, LANGUAGES, Captioned
from zoo.data.dialogue import padded
from zoo.data.pairs import as_floats
from zoo.eight_bits import SCALES, packed, restored
from zoo.engine import Network

MAX_CONCEPTS, MAX_TEXT = 50_000, 8 << 20
"""Concepts, and bytes of their names, in a file that is read."""
_ROWS = 64
_SIDES = ("pictures", *LANGUAGES)
_DTYPES = {**dict.fromkeys(_SIDES, "I8"), **{side + SCALES: "F16" for side in _SIDES}, "text": "U8"}


@dataclass(frozen=True)
class Catalogue:
    """`emoji` and `names` (by language), one for each concept; `vectors` ("pictures", "en" and "zh") float32 (n, d)."""

    emoji: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    vectors: dict[str, np.ndarray]


def of_pictures(network: Network, images: np.ndarray) -> np.ndarray:
    """images uint8 (n, 3, h, w) -> unit vectors float32 (n, d)."""
    rows = range(0, len(images), _ROWS)
    return np.concatenate([network.run("image_embedder", images=as_floats(images[i : i + _ROWS]))[0] for i in rows])


def of_captions(network: Network, tokenizer: Any, texts: list[str]) -> np.ndarray:
    """Captions -> unit vectors float32 (n, d)."""
    ids, _ = padded([one.ids for one in tokenizer.encode_batch(texts)], network.config.context_length)
    rows = range(0, len(ids), _ROWS)
    return np.concatenate([network.run("caption_embedder", ids=ids[i : i + _ROWS])[0] for i in rows])


def gather(network: Network, tokenizer: Any, *, sample: bool = False) -> Catalogue:
    """The concepts of the data set, or of its bundled sample, as a network sees them. Raises as `zoo.data` does."""
    config = SimpleNamespace(image_size=network.config.image_size, context_length=network.config.context_length)
    concepts, pictures = [], []
    for split in ("train", "validation", "test"):
        data = Captioned("emoji_names", split, config, sample=sample, tokenizer=tokenizer)
        vectors = of_pictures(network, data.images)
        total = np.zeros((len(data.concepts), vectors.shape[1]), np.float32)
        np.add.at(total, data.numbers, vectors)
        concepts += data.concepts
        pictures.append(total)
    names = {language: tuple(one.names[language] for one in concepts) for language in LANGUAGES}
    found = {"pictures": _unit(np.concatenate(pictures))}
    found |= {language: of_captions(network, tokenizer, list(names[language])) for language in LANGUAGES}
    return Catalogue(tuple(one.emoji for one in concepts), names, found)


def _unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    return found


def save(catalogue: Catalogue, folder: Path) -> None:
    """Write a catalogue into a checkpoint folder."""
    from safetensors.numpy import save_file

    lines = zip(catalogue.emoji, *(catalogue.names[language] for language in LANGUAGES), strict=True)
    text = "\n".join("\t".join(line) for line in lines).encode()
    tensors: dict[str, np.ndarray] = {}
    for side in _SIDES:
        tensors |= packed(side, catalogue.vectors[side])
    save_file({**tensors, "text": np.frombuffer(text, np.uint8)}, folder / CATALOGUE)


def load(folder: Path) -> Catalogue:
    """Read the catalogue of a checkpoint folder. Raises CheckpointError when it is missing, damaged or too large."""
    from safetensors.numpy import load_file

    path = folder / CATALOGUE
    if not path.is_file():
        raise CheckpointError(f"{folder.name} has no {CATALOGUE}: it can compare, but has nothing to search among")
    header = read_header(path)
    if {name: dtype for name, (dtype, _) in header.items()} != _DTYPES:
        raise CheckpointError(f"{path} holds other tensors than {', '.join(_DTYPES)}")
    shapes = {name: shape for name, (_, shape) in header.items()}
    wanted, text = shapes["pictures"], shapes["text"]
    if (
        len(wanted) != 2 or not 0 < wanted[0] <= MAX_CONCEPTS or any(shapes[side] != wanted for side in _SIDES)
        or any(shapes[side + SCALES] != (wanted[0], 1) for side in _SIDES) or len(text) != 1 or text[0] > MAX_TEXT
    ):  # fmt: skip
        raise CheckpointError(f"{path} has tensors of the shapes {shapes}, which do not fit together")
    found = load_file(path)
    try:
        lines = [line.split("\t") for line in found["text"].tobytes().decode().split("\n")]
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: the names are not UTF-8") from error
    if len(lines) != wanted[0] or any(len(line) != 1 + len(LANGUAGES) or not all(line) for line in lines):
        raise CheckpointError(f"{path}: there are {wanted[0]:,} concepts, and their names are others or damaged")
    vectors = {side: restored(found[side], found[side + SCALES]) for side in _SIDES}
    if not all(np.isfinite(one).all() for one in vectors.values()):
        raise CheckpointError(f"{path} holds values that are not finite")
    emoji, *names = (tuple(column) for column in zip(*lines, strict=True))
    return Catalogue(emoji, dict(zip(LANGUAGES, names, strict=True)), vectors)
