"""A checkpoint folder <-> a model. Only JSON and safetensors are ever read; nothing pickled is opened.

`<model>.<preset>/` holds `config.json` (format, model, preset, labels and the model's config) and
`model.safetensors`, and where they apply `tokenizer.json`, `recipe.json`, `metrics.json`, `README.md`, `samples/`,
`timeline/`.
What comes from strangers passes the same gate as what we wrote: sizes before bytes, names and shapes before values.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import registry
from zoo.config import brief, from_dict, suggestion, to_dict
from zoo.eight_bits import SCALES, packed, restored, worth_it

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 1
MAX_PARAMETERS = 200_000_000
MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
MAX_JSON_BYTES, MAX_CONFIG_BYTES = 16 << 20, 1 << 20
MAX_NAME = 100
"""Characters that the name of a model or a preset may have."""
ALLOWED_SUFFIXES = frozenset(
    (".json", ".jsonl", ".safetensors", ".md", ".txt", ".png", ".webp", ".gif", ".wav", ".flac", ".onnx")
)
"""Kinds of files that a checkpoint folder may hold. Anything else in it is never opened, pushed or pulled."""
_DTYPES = frozenset(("F32", "F16", "BF16", "I64", "I32", "I8", "U8", "BOOL"))


class CheckpointError(ValueError):
    """A checkpoint folder that cannot be used; the message says what was found and what is allowed."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint. `sha256` is that of model.safetensors: the identity of the weights."""

    folder: Path
    name: str
    model_name: str
    preset: str
    labels: tuple[str, ...]
    sha256: str
    model: Any
    metrics: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_of(path: Path) -> int:
    """Bytes of a file. Raises CheckpointError for what is no file: a pipe or a device might never end."""
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path} is no file")
    return path.stat().st_size


def read_json(path: Path, most: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON object of at most so many bytes. Raises CheckpointError naming the file."""
    try:
        if (size := _size_of(path)) > most:
            raise CheckpointError(f"{path} is {size:,} bytes; at most {most:,} are read")
        found = json.loads(path.read_text(encoding="utf-8"))
    except CheckpointError:
        raise
    except (OSError, ValueError, RecursionError) as error:  # ValueError: of numbers with thousands of digits, too
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not {type(found).__name__}")
    return found


def write_json(path: Path, values: Any) -> None:
    """Write readable JSON, replacing the file in one step."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(values, ensure_ascii=False, indent=2, sort_keys=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes `folder`'s place, whole, when the block ends without an error.

    What a killed process left of the same is cleared away first. One process at a time may replace a folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _recover(folder)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        for path in sorted(temporary.rglob("*")):
            if path.is_file():
                _fsync(path)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
            os.replace(folder, old / folder.name)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
        _fsync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _recover(folder: Path) -> None:
    """Remove what `replacing` had begun when it was killed; put the folder back if it had been moved aside."""
    left = re.compile(re.escape(f".{folder.name}.") + r"(old\.)?[a-z0-9_]{8}")
    for path in [path for path in folder.parent.iterdir() if left.fullmatch(path.name)]:
        if (path / folder.name).exists() and not folder.exists():
            os.replace(path / folder.name, folder)
        shutil.rmtree(path, ignore_errors=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save(folder: Path, model: nn.Module, model_name: str, preset: str, *, labels: tuple[str, ...], dtype: str) -> None:
    """Write config.json and model.safetensors into an existing folder.

    `dtype` is "float32", "float16" or "int8": how floating-point tensors are stored (they load as float32). Of 8 bits
    are matrices and kernels, each beside its scales (`zoo.eight_bits`); what else there is stays in half precision.
    Raises CheckpointError when a tensor is not finite, or overflows the chosen precision.
    """
    import torch

    precision = {"float32": torch.float32, "float16": torch.float16, "int8": torch.float16}[dtype]
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if dtype == "int8" and tensor.isfinite().all() and worth_it(value := tensor.detach().cpu().numpy()):
            parts = packed(name, value)  # in the kernel's own layout, such as channels_last
            tensors |= {key: torch.from_numpy(part).contiguous() for key, part in parts.items()}
            continue
        stored = tensor.detach().to("cpu", precision if tensor.is_floating_point() else tensor.dtype)
        if stored.is_floating_point() and not stored.isfinite().all():
            raise CheckpointError(f"{name} of {model_name}.{preset} is not finite in {dtype}; it is not written")
        tensors[name] = stored.contiguous()
    save_tensors(tensors, folder / "model.safetensors")
    write_json(
        folder / "config.json",
        {"zoo": FORMAT, "model": model_name, "preset": preset, "labels": list(labels), "config": to_dict(model.config)},
    )


def save_tensors(tensors: dict[str, Any], path: Path) -> None:
    """Write named tensors on the CPU as a safetensors file. Raises OSError, as other writes do, when it cannot."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from error


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Names -> (dtype, shape) of a safetensors file, from its header alone.

    Raises CheckpointError for a header above 1 MB or 4,096 tensors, an unknown dtype, offsets that overlap,
    leave holes or disagree with the shapes, or a file whose size is not what the header declares.
    """
    try:
        size = _size_of(path)
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
                raise CheckpointError(f"{path} is not a whole safetensors file: header of {length:,} bytes in {size:,}")
            header = json.loads(file.read(length).decode("utf-8"))
    except CheckpointError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} has no tensor table")
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise CheckpointError(f"{path} declares {len(header):,} tensors; at most {MAX_TENSORS:,} are allowed")
    found, spans = {}, []
    for name, record in header.items():
        try:
            dtype, shape, (start, end) = record["dtype"], tuple(record["shape"]), record["data_offsets"]
            if dtype not in _DTYPES or not all(type(n) is int and 0 <= n < 1 << 63 for n in (*shape, start, end)):
                raise ValueError(f"dtype {brief(dtype)}, shape {brief(shape)}")
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: the record of {brief(name)} is damaged ({error})") from error
        found[name] = (dtype, shape)
        spans.append((start, end))
    spans.sort()
    ends = [0, *(end for _, end in spans)]
    if any(start != end for (start, _), end in zip(spans, ends, strict=False)) or 8 + length + ends[-1] != size:
        raise CheckpointError(f"{path}: the tensors do not fill the file as its header declares ({size:,} bytes)")
    return found


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Names -> shapes of the weights in a safetensors file; the scales of those of 8 bits belong to these.

    Raises CheckpointError as `read_header` does, and for 8 bits without scales, or with others than theirs.
    """
    header = read_header(path)
    found = {name: shape for name, (_, shape) in header.items()}
    for name, (dtype, shape) in header.items():
        if dtype == "I8":
            wanted = ("F16", (*shape[:1], *(1 for _ in shape[1:])))
            if header.get(name + SCALES) != wanted:
                called = brief(name)[1:-1]
                raise CheckpointError(
                    f"{path}: {called} is of 8 bits; its scales must be {called}{SCALES}, {brief(wanted)}"
                )
            del found[name + SCALES]
    return found


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The weights in a safetensors file, as precise as they are stored: those of 8 bits as the float16 they stand for.

    Raises CheckpointError as `shapes_of` does.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    names = shapes_of(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    found = {}
    for name in names:
        if tensors[name].dtype == torch.int8:
            products = restored(tensors[name].numpy(), tensors[name + SCALES].numpy())
            found[name] = torch.from_numpy(products).half()
        else:
            found[name] = tensors[name]
    return found


def describe(folder: Path) -> tuple[str, str, tuple[str, ...], Any]:
    """Read and validate config.json -> (model, preset, labels, config). Builds nothing."""
    values = read_json(Path(folder) / "config.json", MAX_CONFIG_BYTES)
    wanted = {"zoo", "model", "preset", "labels", "config"}
    for key in values:
        if key not in wanted:
            raise CheckpointError(f"{folder}/config.json has the unknown field {brief(key)}{suggestion(key, wanted)}")
    if type(values.get("zoo")) is not int or values["zoo"] != FORMAT:
        raise CheckpointError(f"{folder}/config.json is of format {brief(values.get('zoo'))}; this zoo reads {FORMAT}")
    labels = values.get("labels", [])
    if (
        not isinstance(labels, list)
        or len(labels) > 1000
        or not all(isinstance(x, str) and len(x) < 100 for x in labels)
    ):
        raise CheckpointError(f"{folder}/config.json: labels must be at most 1,000 short strings")
    for key in ("model", "preset"):
        given = values.get(key)
        if not isinstance(given, str) or not 0 < len(given) <= MAX_NAME or not given.isprintable():
            raise CheckpointError(
                f"{folder}/config.json must name its model and its preset in at most {MAX_NAME} characters; "
                f"its {key} is {brief(given)}"
            )
    try:
        entry = registry.entry(values["model"])
        config: Any = from_dict(entry.config, values.get("config", {}))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{folder}/config.json: {error}") from error
    return values["model"], values["preset"], tuple(labels), config


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters())


def load(folder: str | Path) -> Checkpoint:
    """Load a checkpoint folder strictly, in evaluation mode on the CPU in float32.

    Raises CheckpointError when the config is invalid, the model would exceed 200 million parameters, or a tensor
    is missing, unknown, of another shape or kind, or not finite. Shapes are compared before any weight is read.
    """
    import torch

    from zoo.nn.skeleton import TooLarge, skeleton

    folder = Path(folder)
    model_name, preset, labels, config = describe(folder)
    build = registry.entry(model_name).model
    try:
        asked = skeleton(build, config, MAX_PARAMETERS).state_dict()
    except TooLarge as error:
        raise CheckpointError(
            f"{folder} would need over {error.parameters - 1:,} parameters; at most {MAX_PARAMETERS:,} are allowed"
        ) from error
    path = folder / "model.safetensors"
    wanted = {name: tuple(tensor.shape) for name, tensor in asked.items()}
    found = shapes_of(path)
    for problem, names in (("lacks", wanted.keys() - found.keys()), ("has unknown", found.keys() - wanted.keys())):
        if names:
            few = ", ".join(brief(name)[1:-1] for name in sorted(names)[:5])
            raise CheckpointError(f"{path} {problem} tensors: {few}")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise CheckpointError(f"{path}: {name} has shape {brief(found[name])}; its config asks for {shape}")
    tensors = read_tensors(path)
    for name, tensor in tensors.items():
        wanted_here = asked[name].dtype  # floats may be stored in any precision, all else only as it is
        if tensor.dtype != wanted_here and not (tensor.is_floating_point() and wanted_here.is_floating_point):
            raise CheckpointError(f"{path}: {name} holds {tensor.dtype}; its config asks for {wanted_here}")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite")
    with torch.random.fork_rng(devices=[]):  # what the network draws for its first weights is nobody's business
        model = build(config)
    model.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}, strict=True)
    model.eval().requires_grad_(False)
    optional = {key: folder / f"{key}.json" for key in ("metrics", "recipe")}
    return Checkpoint(
        folder, f"{model_name}.{preset}", model_name, preset, labels, sha256_of(path), model,
        **{key: read_json(file) for key, file in optional.items() if file.exists()},
    )  # fmt: skip
