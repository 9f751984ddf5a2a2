"""What a result says of itself: written into the file that holds it, read from strangers' files.

A `Record` is enough to make the result again: the operation, its model with the sha256 of its weights, seed and
parameters, and for cross-modal results the records of the steps before it. A file carries it as one line of JSON:

    PNG    an iTXt chunk "zoo", beside the usual texts (Software, Comment, Copyright) and XMP
    WAV    a chunk "zoo " after the samples, beside LIST/INFO and XMP ("_PMX")
    WEBP   a chunk "zoo " after the frames, beside XMP
    GIF    an application block "zooRecord01" after the frames, beside XMP
    MIDI   a chunk "zoo " after the tracks, which players pass over, beside a text and a copyright event
    TXT    a footer after a line of its own; the text before it is untouched

Pixels, samples, notes and characters are what they would be without it. XMP states IPTC's digital source type
"trainedAlgorithmicMedia", by which other programs know what a machine made. Everything read here is untrusted: sizes
are looked at before bytes, nothing compressed is unfolded, and what is not of the expected form is refused in words.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from zoo import __version__
from zoo.config import suggestion
from zoo.data.chorales import Note
from zoo.data.media import DAMAGED, MAX_FILE_BYTES, InputError, decode_picture
from zoo.data.midi import decode_midi, write_midi
from zoo.generate.inputs import quoted
from zoo.noise import MAX_SEED

__all__ = [
    "FORMAT", "KINDS", "LIBRARIES", "Kind", "Marked", "ProvenanceError", "Record", "contents", "drawing", "gif",
    "installed", "look", "midi", "picture_of", "png", "read", "recording", "txt", "wav", "webp",
]  # fmt: skip

FORMAT = 1
"""Of the line of JSON; another one is refused."""
LIBRARIES = ("numpy", "onnxruntime", "pillow", "torch")
"""Their versions are written down: a sum in another order may change the last bit of a result."""
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SEPARATOR = "-------- how this text was made (python -m zoo replay FILE makes it again) --------"
"""The line between a text and its footer; the last one of a file counts."""
MAX_RECORD_BYTES = 256 << 10
"""Of a record as JSON."""
MAX_TEXT_BYTES = 1 << 20
"""Of a TXT."""
MAX_CHUNKS = 10_000
MAX_DEPTH = 4
"""Records above one another."""
MAX_PARENTS, MAX_PARAMETERS = 4, 20
MAX_PIXELS = 16_000_000
"""Of a picture, or of all frames of an animation together, that is read again to be compared."""
MAX_SIDE = 256
"""Pixels a side of a drawing that is written into a record."""
_CHUNK = b"zoo "
_TEXT_KEY = b"zoo"
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF_BLOCK, _GIF_XMP = b"zooRecord01", b"XMP DataXMP"
_GIF_TRAILER = b"\x3b"


class ProvenanceError(InputError):
    """A file does not say how it was made, or says it in a way that cannot be believed; the message says which."""


@dataclass(frozen=True)
class Record:
    """How a result was made: enough to make it again.

    `operation` is a public function of zoo.generate, such as "image.draw", `parameters` what it was given besides
    model and seed. `revision` is the commit on the Hub that the model came from, else "". `sha256` is that of the
    weights; of what was given, for the two operations "given.drawing" and "given.recording" that stand for a
    visitor's own. `parents` are the steps before, such as the recognition of a drawing whose digit is then spoken.
    `result` says which of the operation's results the file holds: "" for its main one, else "strip", "spectrogram",
    "picture 3" of a sheet, or "native" for a sheet with every pixel once.
    """

    operation: str
    model: str = ""
    revision: str = ""
    sha256: str = ""
    seed: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Record, ...] = ()
    licence: str = ""
    result: str = ""

    def line(self) -> str:
        """One line for people: "dcgan.mnist, seed 7, Apache-2.0, weights 1a2b3c4d"."""
        parts = (
            self.model,
            "" if self.seed is None else f"seed {self.seed}",
            self.licence,
            f"weights {self.sha256[:8]}" if self.model and self.sha256 else "",
        )
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Marked:
    """A file that says how it was made. `kind` is a key of KINDS, `version` that of the zoo which wrote it."""

    kind: str
    record: Record
    version: str
    libraries: Mapping[str, str]
    data: bytes

    def payload(self) -> Any:
        """Pixels uint8 (h, w, 3), frames uint8 (n, h, w, 3), samples int16 (t,), notes int64 (n, 4) or text. Raises
        InputError."""
        return KINDS[self.kind].decode(self.data)


# --- writing ---


def png(image: Image.Image, record: Record) -> bytes:
    """The picture as a PNG that says how it was made."""
    info = PngInfo()
    info.add_text("Software", f"Model Zoo {__version__}")
    info.add_text("Comment", _ascii(_mark(record)))
    if record.licence:
        info.add_text("Copyright", _ascii(record.licence))
    info.add_itxt("XML:com.adobe.xmp", _xmp(record))
    info.add_itxt(_TEXT_KEY.decode(), _dumped(record))
    encoded = io.BytesIO()
    image.save(encoded, "PNG", pnginfo=info)
    return encoded.getvalue()


def wav(waveform: np.ndarray, sample_rate: int, record: Record) -> bytes:
    """waveform float (t,) in [-1, 1] (louder is clipped) -> a WAV of 16 bits that says how it was made."""
    samples = np.round(np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes()
    header = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)  # PCM, mono
    texts = [(b"ISFT", f"Model Zoo {__version__}"), (b"ICMT", _mark(record))]
    texts += [(b"ICOP", record.licence)] if record.licence else []
    info = b"INFO" + b"".join(_chunk(name, _ascii(text).encode() + b"\0") for name, text in texts)
    chunks = [
        _chunk(b"fmt ", header), _chunk(b"data", samples), _chunk(b"LIST", info),
        _chunk(b"_PMX", _xmp(record).encode()), _chunk(_CHUNK, _dumped(record).encode()),
    ]  # fmt: skip
    return _chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def midi(notes: Sequence[Note], tempo: float, record: Record) -> bytes:
    """Notes of four voices at `tempo` quarters a minute -> a MIDI file that says how it was made."""
    made = write_midi(notes, tempo, words=_ascii(_mark(record)), copyright_words=_ascii(record.licence))
    body = _dumped(record).encode()
    return made + _CHUNK + struct.pack(">I", len(body)) + body


def txt(text: str, record: Record) -> str:
    """The text, untouched, with a footer that says how it was made; to be written as UTF-8, newlines as they are."""
    marks = f"{_mark(record)}\n由人工智能生成：{record.line()}"
    return f"{text}\n\n{SEPARATOR}\n{marks}\n{_dumped(record)}\n"


def webp(frames: Sequence[Image.Image], frame_ms: int, record: Record) -> bytes:
    """Frames of one size -> an endless animation, each frame shown for `frame_ms`, that says how it was made."""
    # Without loss: 48 frames of MNIST take 27 KB; a GIF of the same takes 365 KB, smoothed frames 80 KB and up.
    options: dict[str, Any] = {"duration": frame_ms, "loop": 0, "lossless": True, "method": 2}
    encoded = io.BytesIO()
    frames[0].save(encoded, "WEBP", save_all=True, append_images=frames[1:], xmp=_xmp(record).encode(), **options)
    return _chunk(b"RIFF", encoded.getvalue()[8:] + _chunk(_CHUNK, _dumped(record).encode()))


def gif(frames: Sequence[Image.Image], frame_ms: int, record: Record) -> bytes:
    """As `webp`, for programs that show no WEBP: larger, in 256 colours, which grey pictures lose nothing by."""
    encoded = io.BytesIO()
    options: dict[str, Any] = {"duration": frame_ms, "loop": 0, "optimize": False, "disposal": 1}
    frames[0].save(encoded, "GIF", save_all=True, append_images=frames[1:], **options)
    xmp = _xmp(record).encode() + b"\1" + bytes(range(255, -1, -1)) + b"\0"  # Adobe's way out of sub-blocks
    blocks = b"\x21\xff\x0b" + _GIF_XMP + xmp + b"\x21\xff\x0b" + _GIF_BLOCK
    blocks += _sub_blocks(_dumped(record).encode())
    return encoded.getvalue().removesuffix(_GIF_TRAILER) + blocks + _GIF_TRAILER


def _sub_blocks(body: bytes) -> bytes:
    """A GIF's way with long data: a length and so many bytes, again and again, and a zero."""
    pieces = (body[at : at + 255] for at in range(0, len(body), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def drawing(seen: np.ndarray) -> Record:
    """A visitor's drawing as a parent: what the model saw of it, float32 (h, w) in [0, 1], to its last bit.

    Only the small picture that goes into the network is kept, not the drawing or photograph itself; beyond 256 pixels
    a side it is named by its sha256 alone.
    """
    values = np.ascontiguousarray(seen, "<f4")
    height, width = values.shape
    kept: dict[str, Any] = {"height": height, "width": width}
    if max(height, width) <= MAX_SIDE:
        kept["values"] = base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()
    return Record("given.drawing", sha256=hashlib.sha256(values.tobytes()).hexdigest(), parameters=kept)


def picture_of(record: Record) -> np.ndarray:
    """What a "given.drawing" holds: float32 (h, w) in [0, 1]. Raises ProvenanceError."""
    height, width, text = (record.parameters.get(key) for key in ("height", "width", "values"))
    if not isinstance(text, str):
        raise ProvenanceError("the drawing that this was made from is not in the file; only its sha256 is")
    if type(height) is not int or type(width) is not int or not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise ProvenanceError(
            f"the drawing in the file is {quoted(height)} x {quoted(width)}; it has at most 256 a side"
        )
    try:
        unfold = zlib.decompressobj()
        raw = unfold.decompress(base64.b64decode(text, validate=True), 4 * height * width + 1)
    except (ValueError, zlib.error) as error:
        raise ProvenanceError("the drawing in the file is damaged") from error
    if len(raw) != 4 * height * width or not unfold.eof or hashlib.sha256(raw).hexdigest() != record.sha256:
        raise ProvenanceError("the drawing in the file is not the one that its sha256 names")
    values = np.frombuffer(raw, "<f4").reshape(height, width).astype(np.float32)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ProvenanceError("the drawing in the file holds numbers outside 0 to 1")
    return values


def recording(waveform: np.ndarray, sample_rate: int) -> Record:
    """A visitor's recording as a parent, by the sha256 of its samples (float32). A voice is never kept."""
    values = np.ascontiguousarray(waveform, "<f4")
    about = {"samples": len(values), "sample_rate": int(sample_rate)}
    return Record("given.recording", sha256=hashlib.sha256(values.tobytes()).hexdigest(), parameters=about)


@cache
def installed() -> dict[str, str]:
    """Versions of LIBRARIES, as far as they are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    return found


def _plain(record: Record) -> dict[str, Any]:
    """As JSON has it: what is empty is left out."""
    found = {one.name: getattr(record, one.name) for one in fields(record)}
    found["parameters"], found["parents"] = dict(record.parameters), [_plain(parent) for parent in record.parents]
    return {key: value for key, value in found.items() if value is not None and value not in ("", {}, [])}


def _dumped(record: Record) -> str:
    """One line of ASCII, which no program on the way re-encodes. The same record always gives the same line."""
    stated = {
        "zoo": FORMAT,
        "version": __version__,
        "source_type": SOURCE_TYPE,
        "libraries": installed(),
        "record": _plain(record),
    }
    return json.dumps(stated, separators=(",", ":"), allow_nan=False)


def _mark(record: Record) -> str:
    return f"Made by a machine, the Model Zoo {__version__}: {record.line()}"


def _ascii(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def _xmp(record: Record) -> str:
    """An XMP packet: IPTC's digital source type, the model (IPTC 2025.1), the program and the licence."""
    model = escape(f"{record.model} ({record.sha256[:12]})" if record.model else "")
    rights = f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{escape(record.licence)}</rdf:li></rdf:Alt></dc:rights>'
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'xmp:CreatorTool="Model Zoo {__version__}" Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" '
        f'Iptc4xmpExt:AISystemUsed="{model}">{rights if record.licence else ""}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a RIFF file, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


# --- reading ---


def read(path_or_bytes: str | os.PathLike[str] | bytes) -> Record:
    """How a file says that it was made. Raises ProvenanceError."""
    return look(path_or_bytes).record


def look(path_or_bytes: str | os.PathLike[str] | bytes) -> Marked:
    """Read what a PNG, WAV, WEBP, GIF, MIDI or TXT says of itself; its pixels, samples, notes or text are left for
    `payload`.

    Raises ProvenanceError when it is none of them, is too large, damaged or cut short, says nothing or says it twice,
    or when what it says is not of the form that is written here.
    """
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else contents(Path(path_or_bytes))
    if len(data) > MAX_FILE_BYTES:
        raise ProvenanceError(f"the file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read")
    kind = next((name for name, one in KINDS.items() if one.is_one(data)), None)
    if kind is None:
        raise ProvenanceError("the file is no PNG, WAV, WEBP, GIF, MIDI or TXT; only these say how they were made")
    found = KINDS[kind].lines(data)
    if not found:
        raise ProvenanceError(
            f"the {kind.upper()} does not say how it was made: it is not from this zoo, or what it said was removed"
        )
    if len(found) > 1:
        raise ProvenanceError(f"the {kind.upper()} says {len(found)} times how it was made; once is believed")
    return _marked(kind, found[0], data)


def contents(path: Path) -> bytes:
    """A file's bytes, cut off just beyond the most that is read. Raises ProvenanceError for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name cannot be one"
        raise ProvenanceError(f"the file cannot be read: {why}") from error


def _marked(kind: str, line: bytes, data: bytes) -> Marked:
    if len(line) > MAX_RECORD_BYTES:
        raise ProvenanceError(f"what the file says of itself has {len(line):,} bytes; at most {MAX_RECORD_BYTES:,}")
    try:
        values = json.loads(line.decode("ascii"), object_pairs_hook=_once, parse_constant=_no_number)
    except ProvenanceError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProvenanceError("what the file says of itself is damaged: it is not JSON") from error
    _known(values, ("zoo", "version", "source_type", "libraries", "record"), "the file")
    if type(values.get("zoo")) is not int or values["zoo"] != FORMAT:
        raise ProvenanceError(
            f"what the file says of itself is of format {quoted(values.get('zoo'))}; this zoo ({__version__}) reads "
            f"{FORMAT}"
        )
    if values.get("source_type") != SOURCE_TYPE:
        raise ProvenanceError("the file does not say that a machine made it, as every file of this zoo does")
    libraries = values.get("libraries", {})
    if not isinstance(libraries, dict) or any(name not in LIBRARIES for name in libraries):
        raise ProvenanceError(f"the libraries that the file names must be among {', '.join(LIBRARIES)}")
    for name, text in (("version", values.get("version")), *libraries.items()):
        if not isinstance(text, str) or not re.fullmatch(r"[0-9A-Za-z.+!_-]{1,40}", text):
            raise ProvenanceError(f"the {name} that the file states is {quoted(text)}, which is no version")
    return Marked(kind, _record(values.get("record"), 1), values["version"], libraries, data)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProvenanceError("what the file says of itself names a field twice")
    return found


def _no_number(name: str) -> Any:
    raise ProvenanceError(f"what the file says of itself holds {name}, which is no number")


def _known(values: object, names: Sequence[str], what: str) -> None:
    if not isinstance(values, dict):
        raise ProvenanceError(f"{what} must be described by a JSON object, not by {quoted(values)}")
    for name in values:
        if name not in names:
            raise ProvenanceError(f"{what} states the unknown field {quoted(name)}{suggestion(name[:40], names)}")


def _record(values: Any, depth: int) -> Record:
    """A record from its JSON, each field of the type and size that is written here. Raises ProvenanceError."""
    if depth > MAX_DEPTH:
        raise ProvenanceError(f"the file states more than {MAX_DEPTH} steps, one before the other")
    _known(values, [one.name for one in fields(Record)], "a step")
    for name, pattern in (
        ("operation", r"[a-z]{1,20}\.[a-z_]{1,40}"),
        ("revision", "|[0-9a-f]{40}"),
        ("sha256", "|[0-9a-f]{64}"),
        ("result", "[a-z0-9 ]{0,20}"),
    ):
        text = values.get(name, "")
        if not isinstance(text, str) or not re.fullmatch(pattern, text):
            raise ProvenanceError(f"the {name} that the file states is {quoted(text)}, which cannot be one")
    for name, longest in (("model", 200), ("licence", 100)):
        text = values.get(name, "")
        if not isinstance(text, str) or len(text) > longest or not text.isprintable():
            raise ProvenanceError(
                f"the {name} that the file states is {quoted(text)}; a short printable text is allowed"
            )
    seed = values.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed <= MAX_SEED):
        raise ProvenanceError(f"the seed that the file states is {quoted(seed)}; 0 to {MAX_SEED:,} are allowed")
    parents = values.get("parents", [])
    if not isinstance(parents, list) or len(parents) > MAX_PARENTS:
        raise ProvenanceError(f"the steps before must be a list of at most {MAX_PARENTS}")
    values = values | {"parameters": _parameters(values.get("parameters", {}))}
    return Record(**values | {"parents": tuple(_record(parent, depth + 1) for parent in parents)})


def _parameters(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict) or len(values) > MAX_PARAMETERS:
        raise ProvenanceError(f"the parameters must be a JSON object of at most {MAX_PARAMETERS} fields")
    for name, value in values.items():
        if not re.fullmatch("[a-z_0-9]{1,40}", name):
            raise ProvenanceError(f"{quoted(name)} cannot be the name of a parameter")
        whole = type(value) is int and abs(value) <= MAX_SEED
        fraction = type(value) is float and math.isfinite(value)
        if not (value is None or isinstance(value, bool | str) or whole or fraction):
            raise ProvenanceError(f"the parameter {name} is {quoted(value)}; a number, a text or nothing is allowed")
    return values


# --- the kinds of files ---


def _is_png(data: bytes) -> bool:
    return data.startswith(_PNG)


def _is_wav(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _is_gif(data: bytes) -> bool:
    return data[:6] in (b"GIF87a", b"GIF89a")


def _is_midi(data: bytes) -> bool:
    return data[:4] == b"MThd"


def _is_txt(data: bytes) -> bool:
    try:
        return b"\0" not in data and bool(data[:MAX_TEXT_BYTES].decode("utf-8", "strict"))
    except UnicodeDecodeError as error:
        return len(data) > MAX_TEXT_BYTES and error.start > MAX_TEXT_BYTES - 4  # a character that the cut went through


def _png_lines(data: bytes) -> list[bytes]:
    """The iTXt chunks named "zoo". Compressed ones are not ours and are refused, unread."""
    found: list[bytes] = []
    at = len(_PNG)
    for _ in range(MAX_CHUNKS):
        length, name = struct.unpack(">I4s", data[at : at + 8].ljust(8, b"\0"))
        if at + 12 + length > len(data):
            raise ProvenanceError("the PNG is cut short: a chunk is longer than the file")
        if name == b"IEND":
            return found
        body = memoryview(data)[at + 8 : at + 8 + length]
        if name in (b"iTXt", b"tEXt", b"zTXt") and bytes(body[:4]) == _TEXT_KEY + b"\0":
            if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(data[at + 8 + length : at + 12 + length], "big"):
                raise ProvenanceError("what the PNG says of itself is damaged: its checksum is wrong")
            if name != b"iTXt" or bytes(body[4:8]) != b"\0\0\0\0":  # not compressed, no language, no translated key
                raise ProvenanceError("the PNG says how it was made in a form that is not written here")
            found.append(bytes(body[8 : 8 + MAX_RECORD_BYTES + 1]))
        at += 12 + length
    raise ProvenanceError(f"the PNG has more than {MAX_CHUNKS:,} chunks")


def _riff(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and body of each chunk of a RIFF file. Raises ProvenanceError for one that does not end within the file."""
    end, at, seen = 8 + int.from_bytes(data[4:8], "little"), 12, memoryview(data)
    if end > len(data):
        raise ProvenanceError("the file is cut short: it is longer by its header than it is")
    for _ in range(MAX_CHUNKS):
        if at >= end:
            return
        name, length = bytes(seen[at : at + 4]), int.from_bytes(seen[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            raise ProvenanceError("the file is damaged: a chunk is longer than the file")
        yield name, seen[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise ProvenanceError(f"the file has more than {MAX_CHUNKS:,} chunks")


def _riff_lines(data: bytes) -> list[bytes]:
    return [bytes(body[: MAX_RECORD_BYTES + 1]) for name, body in _riff(data) if name == _CHUNK]


def _midi_lines(data: bytes) -> list[bytes]:
    """The chunks "zoo " of a MIDI file; its tracks are passed over unread."""
    found: list[bytes] = []
    at = 0
    for _ in range(MAX_CHUNKS):
        if at >= len(data):
            return found
        length = int.from_bytes(data[at + 4 : at + 8], "big")
        if at + 8 + length > len(data):
            raise ProvenanceError("the MIDI file is damaged or cut short")
        if data[at : at + 4] == _CHUNK:
            found.append(data[at + 8 : at + 8 + min(length, MAX_RECORD_BYTES + 1)])
        at += 8 + length
    raise ProvenanceError(f"the MIDI file has more than {MAX_CHUNKS:,} chunks")


def _gif_lines(data: bytes) -> list[bytes]:
    """The application blocks "zooRecord01"; frames are passed over unread."""
    found: list[bytes] = []
    at = _after_colours(data, 10, 13)
    for _ in range(MAX_CHUNKS):
        kind = data[at : at + 1]
        if kind == _GIF_TRAILER:
            return found
        if kind == b"\x2c":
            _, at = _joined(data, _after_colours(data, at + 9, at + 10) + 1, 0)
        elif kind == b"\x21":
            ours = data[at + 1 : at + 3] == b"\xff\x0b" and data[at + 3 : at + 14] == _GIF_BLOCK
            body, at = _joined(data, at + 14 if ours else at + 2, MAX_RECORD_BYTES + 1 if ours else 0)
            found += [body] if ours else []
        else:
            raise ProvenanceError("the GIF is damaged or cut short")
    raise ProvenanceError(f"the GIF has more than {MAX_CHUNKS:,} blocks")


def _after_colours(data: bytes, packed: int, at: int) -> int:
    """Where a GIF goes on after the table of colours at `at`, if the flags at `packed` say that there is one."""
    flags = data[packed] if packed < len(data) else 0
    return at + (3 << ((flags & 7) + 1) if flags & 128 else 0)


def _joined(data: bytes, at: int, limit: int) -> tuple[bytes, int]:
    """Sub-blocks from `at` on, put together up to `limit` bytes, and where the file goes on after them."""
    found = bytearray()
    while at < len(data):
        length = data[at]
        if length == 0:
            return bytes(found), at + 1
        if len(found) < limit:
            found += data[at + 1 : at + 1 + length]
        at += 1 + length
    raise ProvenanceError("the GIF is damaged or cut short")


def _txt_parts(data: bytes) -> tuple[str, str] | None:
    """A text and its footer, or None when there is none. Windows' line ends and byte order mark are forgiven."""
    if len(data) > MAX_TEXT_BYTES:
        raise ProvenanceError(f"the text has {len(data):,} bytes; at most {MAX_TEXT_BYTES:,} are read")
    whole = data.decode("utf-8").removeprefix("\ufeff")
    for ends in ("\n", "\r\n"):
        text, found, footer = whole.rpartition(f"{ends}{ends}{SEPARATOR}{ends}")
        if found:
            return text.replace("\r\n", "\n"), footer.replace("\r\n", "\n")
    return None


def _txt_lines(data: bytes) -> list[bytes]:
    parts = _txt_parts(data)
    return [line.encode() for line in parts[1].split("\n") if line.startswith("{")] if parts else []


def _pixels(data: bytes) -> np.ndarray:
    with io.BytesIO(data) as file:
        return np.asarray(decode_picture(file, max_pixels=MAX_PIXELS).convert("RGB"))


def _webp_frames(data: bytes) -> np.ndarray:
    if data[12:16] != b"VP8X":
        raise ProvenanceError("the WEBP is no animation")
    width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    return _frames(data, "WEBP", width, height)


def _gif_frames(data: bytes) -> np.ndarray:
    width, height = struct.unpack("<HH", data[6:10].ljust(4, b"\0"))
    return _frames(data, "GIF", width, height)


def _frames(data: bytes, form: str, width: int, height: int) -> np.ndarray:
    """The frames of an animation whose header declares so many pixels: uint8 (n, h, w, 3)."""
    if width * height > MAX_PIXELS:
        raise ProvenanceError(f"the animation is larger than {MAX_PIXELS / 1e6:g} million pixels")
    try:
        with Image.open(io.BytesIO(data), formats=(form,)) as image:
            count = 0
            found: list[np.ndarray] = []
            while count <= MAX_PIXELS // max(1, width * height):
                try:
                    image.seek(count)
                except EOFError:
                    return np.stack(found)
                if image.size != (width, height):
                    raise ProvenanceError("a frame of the animation is larger than its header declares")
                found.append(np.asarray(image.convert("RGB")))
                count += 1
    except (*DAMAGED, Image.DecompressionBombError) as error:
        if isinstance(error, ProvenanceError):
            raise
        raise ProvenanceError("the animation cannot be decoded; it is damaged or cut short") from error
    raise ProvenanceError(
        f"the animation has more than {count - 1:,} frames of {width:,} x {height:,} pixels; "
        f"at most {MAX_PIXELS / 1e6:g} million pixels are read"
    )


def _samples(data: bytes) -> np.ndarray:
    chunks = dict(_riff(data))
    header, samples = bytes(chunks.get(b"fmt ", b"")), bytes(chunks.get(b"data", b""))
    if len(header) < 16 or struct.unpack("<HH8xHH", header[:16]) != (1, 1, 2, 16):
        raise ProvenanceError("the WAV is not of the form that is written here: 16 bits, one channel")
    return np.frombuffer(samples[: len(samples) // 2 * 2], "<i2").astype(np.int16)


def _notes(data: bytes) -> np.ndarray:
    """Track, first and last tick, and key of each note, in order of time."""
    _, sounding = decode_midi(data)
    return np.array([(one.track, one.start, one.end, one.pitch) for one in sounding], np.int64).reshape(-1, 4)


def _text(data: bytes) -> str:
    parts = _txt_parts(data)
    return parts[0] if parts else ""


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is told from others, the lines of JSON in it, and what else it holds, to be compared."""

    unit: str
    is_one: Callable[[bytes], bool]
    lines: Callable[[bytes], list[bytes]]
    decode: Callable[[bytes], Any]


KINDS: dict[str, Kind] = {
    "png": Kind("pixels", _is_png, _png_lines, _pixels),
    "wav": Kind("samples", _is_wav, _riff_lines, _samples),
    "webp": Kind("pixels", _is_webp, _riff_lines, _webp_frames),
    "gif": Kind("pixels", _is_gif, _gif_lines, _gif_frames),
    "mid": Kind("notes", _is_midi, _midi_lines, _notes),
    "txt": Kind("characters", _is_txt, _txt_lines, _text),
}
"""By file suffix; TXT, which has no signature, is asked last. Another kind of result takes one more line here."""
