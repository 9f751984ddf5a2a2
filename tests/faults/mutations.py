"""Row R11: weight files with bytes, headers, shapes and scales changed; each refused, or read exactly as it stands.

The files are opened in a process of their own, which says before each what it will do: where it dies or does not come
back, that one is named, and another process goes on after it. `python -m tests.faults.mutations FOLDER SEED FIRST LAST`
repeats some of them.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.faults.rows import Found
from tests.peak import peak
from zoo import checkpoint, hub, registry
from zoo.checkpoint import CheckpointError
from zoo.eight_bits import SCALES
from zoo.engine.graphs import Graphs
from zoo.generate import library

ROOT = Path(__file__).parents[2]
WEIGHTS = "model.safetensors"
LAYOUTS = ("mlp_gan.float32", "wavegan.float16", "rnn.int8", "dcgan.float32")
"""Tiny checkpoints in every way that weights are stored; a DCGAN counts its batches, in whole numbers."""
BUNDLED = "resnet.mnist"
"""The checkpoint whose graphs are tried, every `_GRAPHS`-th time."""
_GRAPHS = 50
_SECONDS, _MEGABYTES = 20, 64
"""Of the processor that one file may take, and of memory that all may add."""
_MAX_DEATHS = 20
_DTYPES = {
    "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "<i1", "U8": "<u1", "BOOL": "<u1",
}  # fmt: skip
Mutation = Callable[[bytes, random.Random], bytes]


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _joined(header: bytes, tensors: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + tensors


def _edited(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    header, tensors = _split(data)
    change(header)
    return _joined(json.dumps(header).encode(), tensors)


def _names(header: dict[str, Any]) -> list[str]:
    return [name for name in header if name != "__metadata__"]


def flip(data: bytes, rng: random.Random) -> bytes:
    """Some bits anywhere."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def flip_header(data: bytes, rng: random.Random) -> bytes:
    """Some bytes of the table, or of its length."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        found[rng.randrange(8 + int.from_bytes(data[:8], "little"))] = rng.randrange(256)
    return bytes(found)


def length(data: bytes, rng: random.Random) -> bytes:
    """A table that says it is longer or shorter than it is."""
    stated = int.from_bytes(data[:8], "little")
    wrong = (0, 1, stated - 1, stated + 1, stated + 8, len(data), len(data) - 8, 1 << 20, 1 << 32, (1 << 64) - 1)
    return struct.pack("<Q", rng.choice(wrong)) + data[8:]


def cut(data: bytes, rng: random.Random) -> bytes:
    """Bytes missing at the end, in the middle or at the beginning."""
    start = rng.choice((len(data) - rng.randint(1, 64), rng.randrange(len(data)), 0))
    return data[:start] + data[start + rng.randint(1, 4096) :]


def lengthen(data: bytes, rng: random.Random) -> bytes:
    """Bytes more, at the end or within."""
    at = rng.choice((len(data), rng.randrange(len(data))))
    return data[:at] + rng.choice((bytes, rng.randbytes))(rng.choice((1, 8, 4096))) + data[at:]


def block(data: bytes, rng: random.Random) -> bytes:
    """A block of zeros, of ones or of noise, or one copied from elsewhere."""
    at, size = rng.randrange(len(data)), rng.choice((16, 512, 4096))
    other = rng.randrange(len(data))
    new = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size), data[other : other + size]))
    return data[:at] + new[: len(data) - at] + data[at + size :]


def record(data: bytes, rng: random.Random) -> bytes:
    """A tensor's dtype, shape or place changed to something that may or may not be one."""

    def change(header: dict[str, Any]) -> None:
        one = header[rng.choice(_names(header))]
        start, end = one["data_offsets"]
        shape = one["shape"]
        count = math.prod(shape)
        key, value = rng.choice((
            ("dtype", rng.choice((*_DTYPES, "F64", "U64", "F8_E4M3", "F4", "OBJECT", "", None, 7, ["F32"]))),
            ("shape", rng.choice(([count], [1, *shape], shape[::-1], [*shape, 1], [], [0], [-1], [True], [2**62, 4],
                                  [count, 0], [1e3], ["4"], "4", None, {"0": 1}, [10**4000], shape[:-1], [0, 2**40]))),
            ("data_offsets", rng.choice(([start, end - 4], [start + 4, end], [start - 4, end], [0, end - start], [0, 0],
                                         [end, start], [start, end, end], [start], [-1, end], [start, 2**64], None,
                                         "ab", [start, 10**4000], [float(start), float(end)], [str(start), str(end)]))),
            ("more", rng.choice((None, [[]] * 50, {"a": {}}))),
        ))  # fmt: skip
        one[key] = value
        if rng.random() < 0.1:
            del one[rng.choice(list(one))]

    return _edited(data, change)


def rewritten(data: bytes, rng: random.Random) -> bytes:
    """A tensor of another dtype or shape whose bytes are as many as its record says: all is well but for the sizes."""
    header, tensors = _split(data)
    name = rng.choice(_names(header))
    one = header[name]
    start, end = one["data_offsets"]
    dtype = rng.choice([key for key in _DTYPES if key != one["dtype"]])
    shape = rng.choice((one["shape"], one["shape"], [*one["shape"], 1], [7], []))
    size = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    body = bytes(size) if rng.random() < 0.3 else rng.randbytes(size)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}
    for other in _names(header):
        first, last = header[other]["data_offsets"]
        if other != name and first >= end:
            header[other]["data_offsets"] = [first + size - (end - start), last + size - (end - start)]
    return _joined(json.dumps(header).encode(), tensors[:start] + body + tensors[end:])


def swap(data: bytes, rng: random.Random) -> bytes:
    """The records of two tensors in each other's place."""

    def change(header: dict[str, Any]) -> None:
        one, two = rng.sample(_names(header), 2)
        header[one], header[two] = header[two], header[one]

    return _edited(data, change)


def name(data: bytes, rng: random.Random) -> bytes:
    """A tensor renamed, left out, there twice, or one too many."""
    header, tensors = _split(data)
    one = rng.choice(_names(header))
    kept = json.dumps({key: value for key, value in header.items() if key != one})[:-1]
    body, other = json.dumps(header[one]), json.dumps(header[rng.choice(_names(header))])
    empty = json.dumps({"dtype": "F32", "shape": [0], "data_offsets": [len(tensors), len(tensors)]})
    text = rng.choice((
        f"{kept}, {json.dumps(one + rng.choice(('s', ' ', chr(0), SCALES, chr(0xE9), chr(0xD800))))}: {body}}}",
        f"{kept}}}", f'{kept}, "{one}": {other}, "{one}": {body}}}', f'{kept}, "{one}": {body}, "{one}": {other}}}',
        f'{kept}, "{one}": {body}, "more": {empty}}}', f'{kept}, "{one}": {body}, "{one}{SCALES}": {empty}}}',
        f'{kept}, "{one}": {body}, "\\u0077": {empty}}}', f'{{"{one}": {body}, {kept[1:]}}}',
    ))  # fmt: skip
    return _joined(text.encode("utf-8", "surrogatepass"), tensors)


def metadata(data: bytes, rng: random.Random) -> bytes:
    """Words beside the tensors: none, other ones, of the wrong type, or by the thousand; blanks around the table."""
    header, tensors = _split(data)
    values: tuple[Any, ...] = (None, [], {"a": 1}, {"format": "np"}, {"x": "y" * 900_000}, {"a": "cos\nsystem"}, "pt")
    text = json.dumps(header | {"__metadata__": rng.choice(values)}).encode()
    before, after = rng.choice((b"", b" ", b"\n", b"\xef\xbb\xbf")), rng.choice((b"", b"   ", b"\0", b"{}"))
    return _joined(before + text + after, tensors)


def plant(data: bytes, rng: random.Random) -> bytes:
    """A value that is no number, or the largest there is, in a tensor or among its scales."""
    header, tensors = _split(data)
    floats = [one for one in _names(header) if header[one]["dtype"] in ("F32", "F16")]
    scales = [one for one in floats if one.endswith(SCALES)]
    one = header[rng.choice(scales if scales and rng.random() < 0.5 else floats)]
    kind, (start, end) = np.dtype(_DTYPES[one["dtype"]]), one["data_offsets"]
    value = rng.choice((math.nan, math.inf, -math.inf, float(np.finfo(kind).max), -float(np.finfo(kind).max), -0.0))
    at = start + kind.itemsize * rng.randrange((end - start) // kind.itemsize)
    planted = np.array([value], kind).tobytes()
    return data[: len(data) - len(tensors)] + tensors[:at] + planted + tensors[at + len(planted) :]


MUTATIONS: tuple[Mutation, ...] = (
    flip, flip_header, length, cut, lengthen, block, record, record, rewritten, swap, name, metadata, plant,
)  # fmt: skip


def prepare(folder: Path) -> None:
    """Write the checkpoints that are changed, and a copy of a bundled one with its graphs."""
    torch.manual_seed(0)
    for layout in LAYOUTS:
        model, _, dtype = layout.partition(".")
        entry = registry.entry(model)
        (folder / layout).mkdir()
        checkpoint.save(folder / layout, entry.model(entry.tiny), model, dtype, labels=(), dtype=dtype)
    for room in ("pretrained", "theirs"):
        shutil.copytree(hub.PRETRAINED / BUNDLED, folder / room / BUNDLED)


def as_it_stands(data: bytes) -> dict[str, np.ndarray]:
    """What the bytes of a weight file say, read by a few lines of our own: names -> values, whole or float32."""
    header, tensors = _split(data)
    found: dict[str, np.ndarray] = {}
    for one in _names(header):
        start, end = header[one]["data_offsets"]
        stored = np.frombuffer(tensors[start:end], _DTYPES[header[one]["dtype"]]).reshape(header[one]["shape"])
        if header[one]["dtype"] == "BF16":
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        found[one] = stored.astype(np.float32) if stored.dtype.kind == "f" else stored
    for one in [one for one in found if header[one]["dtype"] == "I8"]:
        with np.errstate(over="ignore"):
            found[one] = (found[one] * found.pop(one + SCALES)).astype(np.float16).astype(np.float32)
    return found


def _weights(folder: Path, number: int, rng: random.Random) -> str:
    """Change the weights of a tiny checkpoint, load it, and say how it went: "refused", "read" or what is wrong."""
    path = folder / LAYOUTS[number % len(LAYOUTS)] / WEIGHTS
    good = path.read_bytes()
    kind = MUTATIONS[number // len(LAYOUTS) % len(MUTATIONS)]
    bad = kind(good, rng)
    if rng.random() < 0.1 and len(bad) > 16:
        bad = rng.choice((flip, cut, lengthen, block))(bad, rng)
    path.write_bytes(bad)
    try:
        model = checkpoint.load(path.parent).model
    except CheckpointError as error:
        said = str(error)
        return "refused" if WEIGHTS in said and len(said) < 3000 else f"{kind.__name__}: it said {said:.300}"
    except Exception as error:  # noqa: BLE001 whatever else is raised, is found
        return f"{kind.__name__}: {type(error).__name__}: {error!s:.300}"
    finally:
        path.write_bytes(good)
    found = {one: tensor.numpy() for one, tensor in model.state_dict().items()}
    stated = as_it_stands(bad)
    if found.keys() != stated.keys():
        return f"{kind.__name__}: it has {sorted(found.keys() ^ stated.keys())[:5]} besides"
    for one, value in found.items():
        if value.dtype.kind == "f" and (stated[one].dtype != np.float32 or not np.isfinite(value).all()):
            return f"{kind.__name__}: {one} of {stated[one].dtype} is not finite, or no number of that kind"
        if value.shape != stated[one].shape or not np.array_equal(value, stated[one]):
            return f"{kind.__name__}: {one} is {value.shape}, and not what the file holds ({stated[one].shape})"
    return "read"


def _graphs(folder: Path, rng: random.Random) -> str:
    """Change a file of a checkpoint with graphs: what is run by onnxruntime has not been changed."""
    theirs = folder / "theirs" / BUNDLED
    files = [theirs / name for name in ("graphs.json", "graphs.json", WEIGHTS)]
    path = rng.choice([*files, *sorted(theirs.glob("*.onnx"))])
    good = path.read_bytes()
    bad = rng.choice((flip, cut, lengthen, block))(good, rng)
    if path.name == "graphs.json" and rng.random() < 0.5:
        at = rng.randrange(len(good))
        planted = rng.choice((b"0", b'"', b"{}", b"[", b"null", b"1" * 5000, b"../", b"\\u0000"))
        bad = good[:at] + planted + good[at + 1 :]
    path.write_bytes(bad)
    try:
        found = library.opened(theirs)
    except CheckpointError as error:
        return "refused" if len(str(error)) < 3000 else f"graphs: a message of {len(str(error)):,} characters"
    except Exception as error:  # noqa: BLE001
        return f"graphs: {path.name}: {type(error).__name__}: {error!s:.300}"
    finally:
        path.write_bytes(good)
    if isinstance(found.network, Graphs) and bad != good:
        return f"graphs: {path.name} was changed, and its graphs would be run"
    return "read"


def _seconds(number: int) -> None:
    """Let the system end this process after so many seconds of its own, or six times as many of the clock's."""
    signal.setitimer(signal.ITIMER_PROF, number)
    signal.alarm(6 * number)


def _child(folder: Path, seed: int, first: int, last: int) -> None:
    """Try those files, and say of each first which it is, then how it went."""
    hub.PRETRAINED = folder / "pretrained"
    torch.set_num_threads(1)
    for layout in LAYOUTS:
        checkpoint.load(folder / layout)
    library.opened(folder / "theirs" / BUNDLED)
    before = peak()
    for number in range(first, last):
        rng = random.Random(f"{seed} {number}")
        sys.stdout.write(f"{number}\t")
        sys.stdout.flush()
        _seconds(_SECONDS)
        sys.stdout.write((_graphs(folder, rng) if number % _GRAPHS == 0 else _weights(folder, number, rng)) + "\n")
    _seconds(0)
    sys.stdout.write(f"memory\t{peak() - before:.0f}\n")


def mutated(folder: Path, rng: random.Random, *, files: int) -> Found:
    """So many changed files, in processes that may die."""
    prepare(folder)
    pristine = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    seed, number = rng.getrandbits(32), 0
    went: Counter[str] = Counter()
    failures: list[str] = []
    memory = deaths = 0
    while number < files and deaths <= _MAX_DEATHS:
        command = [sys.executable, "-m", "tests.faults.mutations", str(folder), str(seed), str(number), str(files)]
        with open(folder / "stderr", "w") as errors:
            done = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert done.stdout is not None
        begun = -1
        for line in done.stdout:
            name, _, how = line.rstrip("\n").partition("\t")
            if name == "memory":
                memory = max(memory, int(how))
            elif how:
                begun, number = -1, int(name) + 1
                went[how if how in ("refused", "read") else "wrong"] += 1
                if how not in ("refused", "read") and len(failures) < 100:
                    failures.append(f"seed {seed}, file {name}: {how}")
            else:
                begun = int(name)
        if done.wait() == 0:
            continue
        said = (folder / "stderr").read_text(errors="replace")
        deaths += 1
        ended = f"the process ended with {done.returncode}"
        if done.returncode in (-signal.SIGPROF, -signal.SIGALRM):
            ended = f"it took more than {_SECONDS} s"
        failures.append(f"seed {seed}, file {max(begun, number)}: {ended}: {said[-500:]}")
        number = max(begun, number) + 1
        for path, data in pristine.items():  # what was changed when it died
            path.write_bytes(data)
    if memory > _MEGABYTES:
        failures.append(f"the files took {memory} MB of memory in passing")
    figure = (
        f"{went['refused'] + went['read']:,} of {files:,} right: {went['refused']:,} refused, {went['read']:,} read as "
        f"they stand; {deaths} crashes or hangs; +{memory} MB"
    )
    return Found(figure, failures, {"went": dict(went), "seed of the files": seed})


if __name__ == "__main__":
    _child(Path(sys.argv[1]), *map(int, sys.argv[2:]))
