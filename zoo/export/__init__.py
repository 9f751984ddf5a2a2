"""A checkpoint -> a folder that opens without this zoo: in transformers where it has the class, else as ONNX graphs.

Every model has ONNX graphs, for they come from its `parts()`. A model that a class of another library fits has an entry
in NATIVE as well, and that form is what its repository on the Hub shows at the top.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from zoo import checkpoint
from zoo.config import suggestion
from zoo.data.captions import CATALOGUE, CONCEPTS
from zoo.data.dialogue import REPLIES
from zoo.export.bert import write_bert
from zoo.export.clip import write_clip
from zoo.export.diffusers import write_pipeline
from zoo.export.latent_diffusion import write_latent_diffusion
from zoo.export.mbart import write_mbart
from zoo.export.transformers import write_gpt2

FORMATS = ("transformers", "diffusers", "onnx")
"""Formats that can be asked for; where no class fits a model, `zoo.export.transformers` says why."""
NATIVE: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "bert": ("transformers", write_bert),
    "contrastive": ("transformers", write_clip),
    "gpt": ("transformers", write_gpt2),
    "seq2seq": ("transformers", write_mbart),
    "diffusion": ("diffusers", write_pipeline),
    "text_to_image": ("diffusers", write_latent_diffusion),
}
"""Models that another library has a class for -> its name, and what writes the folder."""


BITS = {"fp32": 32, "8bit": 8, "4bit": 4}
"""What the weights of graphs can be, and their bits: as the checkpoint has them, or rounded and smaller."""


def formats_of(model: str) -> tuple[str, ...]:
    """The formats of a model, by its registry name; the native one first."""
    return (NATIVE[model][0], "onnx") if model in NATIVE else ("onnx",)


def export(folder: Path, form: str, out: Path, weights: str = "fp32") -> None:
    """Write a checkpoint folder in another format (one of FORMATS) as the folder `out`, whole or not at all.

    `weights`, of BITS, is a choice for graphs. Raises ValueError for a format or weights that do not exist or that the
    model has not, an `out` that holds something already, and a checkpoint that does not load; OSError when `out`
    cannot be written.
    """
    if form not in FORMATS:
        raise ValueError(f"no format is named {form[:40]!r}{suggestion(form[:40], FORMATS)}")
    if weights not in BITS:
        raise ValueError(f"weights cannot be {weights[:40]!r}{suggestion(weights[:40], BITS)}")
    model, preset, _, _ = checkpoint.describe(folder)
    formats = formats_of(model)
    if form not in formats:
        raise ValueError(
            f"{model}.{preset} has no {form} form, for no class of {form} fits it; it has {' and '.join(formats)}"
        )
    if form != "onnx" and weights != "fp32":
        raise ValueError(f"{form} gets the weights as the checkpoint stores them; {weights} is a choice for onnx")
    out = out.absolute()
    if out.is_symlink() or out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ValueError(f"{out} exists and is not an empty folder; name a new one")
    try:
        with checkpoint.replacing(out) as temporary:
            if form == "onnx":
                write_onnx(folder, temporary, BITS[weights])
            else:
                write_native(folder, temporary)
            for name in ("README.md", "samples"):  # the card, and what it shows
                if (folder / name).is_dir():
                    shutil.copytree(folder / name, temporary / name)
                elif (folder / name).is_file():
                    shutil.copy(folder / name, temporary / name)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        why = "the disk is full" if full else error.strerror or str(error)
        raise OSError(f"{out} was not written, and nothing of it is left: {why}") from error


def write_native(folder: Path, out: Path) -> None:
    """Write the checkpoint of a model in NATIVE in that library's form into the existing folder `out`."""
    NATIVE[checkpoint.describe(folder)[0]][1](folder, out)


def write_onnx(folder: Path, out: Path, bits: int = 32) -> None:
    """Copy a checkpoint's weights, config, tokenizer and graphs into the existing folder `out`.

    Graphs that are missing, or of other weights, are made. Raises CheckpointError as `zoo.export.graphs.export` does.
    """
    for name in ("config.json", "model.safetensors", "tokenizer.json", REPLIES, CATALOGUE, CONCEPTS):
        if (folder / name).is_file():
            shutil.copy(folder / name, out / name)
    if not copy_graphs(folder, out, bits):
        write_graphs(out, bits)


def write_graphs(folder: Path, bits: int = 32) -> None:
    """Write the graphs of a checkpoint folder into it. Raises CheckpointError as `zoo.export.graphs.export` does."""
    from zoo.export import graphs

    graphs.export(folder, bits=bits)


def copy_graphs(folder: Path, out: Path, bits: int | None = None) -> bool:
    """Copy the graphs of a checkpoint and graphs.json to `out`; False when they are not whole, or of other weights.

    With `bits`, those of other bits do not count either.
    """
    path = folder / "graphs.json"
    if not path.is_file():
        return False
    values = checkpoint.read_json(path)
    if values.get("weights") != checkpoint.sha256_of(folder / "model.safetensors"):
        return False
    if bits is not None and values.get("bits", 32) != bits:
        return False
    try:
        stated = {folder / f"{part}.onnx": record["sha256"] for part, record in values["parts"].items()}
    except (KeyError, TypeError, AttributeError):
        return False
    if not all(file.parent == folder and file.is_file() for file in stated):
        return False
    if any(checkpoint.sha256_of(file) != sha256 for file, sha256 in stated.items()):
        return False
    for file in (path, *stated):
        shutil.copy(file, out / file.name)
    return True
