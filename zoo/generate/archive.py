"""An answer of the assistant as one file, a ZIP that says how each of its parts was made; and such a file made again.

It holds reply.txt, and as far as they were made reply.wav and reply.png (or emoji.txt, for an emoji that is not drawn),
each as `zoo.generate.provenance` writes it, with the steps before it as its parents; index.json, the same to be looked
through; and answer.html, a page that shows and plays it all, without a network. The last two follow from the parts.

The same parts always give the same bytes: nothing is compressed, no time is stated, the order is fixed. A ZIP that is
read is a stranger's: nothing in it is unfolded, no name is made a path, and one that is not byte for byte what its
entries give when they are packed here is refused in words.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from zoo import __version__
from zoo.data.media import MAX_FILE_BYTES
from zoo.generate.assistant import LACKS, Answer
from zoo.generate.inputs import quoted
from zoo.generate.provenance import Marked, ProvenanceError, Record, contents, look, png, txt, wav
from zoo.generate.replay import Replay, replay

PARTS = ("reply.txt", "reply.wav", "reply.png", "emoji.txt")
"""Entries that say themselves how they were made, in order."""
INDEX, PAGE = "index.json", "answer.html"
FORMS = {"sound": ("reply.wav",), "picture": ("reply.png", "emoji.txt")}
"""Forms that an answer may lack, and the parts that hold each."""
MAX_INDEX_BYTES = 1 << 20
_LOCAL = b"PK\x03\x04"
_SUFFIX = {"reply.wav": "wav", "reply.png": "png"}
_STYLE = (
    "body{font:17px/1.55 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1b1a17;"
    "background:#fbfaf5;overflow-wrap:anywhere}img{max-width:100%;image-rendering:pixelated}audio{width:100%}"
    "blockquote{margin:1rem 0;padding:0 0 0 1rem;border-left:3px solid #a9b8ad}h1{font-size:1.4rem}"
    "ol,footer{font-size:.85rem;color:#5b5a52}big{font-size:4rem}"
)


@dataclass(frozen=True)
class Archive:
    """What a ZIP holds, checked as far as it can be without a model: its parts, why forms are missing ("sound" and
    "picture" -> a key of `zoo.generate.assistant.LACKS`), and which of index.json and answer.html do not follow from
    the parts."""

    parts: dict[str, Marked]
    lacks: dict[str, str]
    stale: tuple[str, ...]
    data: bytes

    @property
    def said(self) -> str:
        """What was typed; "" where it was said."""
        return _said(self.parts["reply.txt"].record)

    @property
    def record(self) -> Record:
        """How the text was made, on which all the rest depends."""
        return self.parts["reply.txt"].record


@dataclass(frozen=True)
class Remade:
    """What came of making an answer again, part by part; `data` is the new ZIP, None where a part could not be made."""

    archive: Archive
    replays: dict[str, Replay]
    data: bytes | None

    @property
    def identical(self) -> bool:
        """Whether the new file equals the old one, byte for byte."""
        return self.data == self.archive.data

    @property
    def stale(self) -> tuple[str, ...]:
        """What is shown beside the parts and does not follow from them, where no older zoo is to be thanked for it."""
        older = any(one.version != __version__ for one in self.archive.parts.values())
        return () if older else self.archive.stale

    @property
    def holds(self) -> bool:
        """Whether every part is the same, nothing in it was found to be otherwise, and what is shown follows."""
        return all(one.holds for one in self.replays.values()) and not self.stale


def of(answer: Answer) -> bytes:
    """The whole answer as one file. Raises ValueError for one that is not done."""
    if not answer.done:
        raise ValueError("the answer is not done; only a whole one is kept")
    parts = {"reply.txt": txt(answer.text, answer.record).encode()}
    if answer.sound is not None:
        sound = answer.sound
        parts["reply.wav"] = wav(sound.waveform, sound.sample_rate, sound.source.record)
    if answer.picture is not None and answer.seen is not None:
        parts["reply.png"] = png(answer.picture, answer.seen)
    elif answer.emoji is not None and answer.seen is not None:
        parts["emoji.txt"] = txt(answer.emoji.text, answer.seen).encode()
    lacks = {"sound": answer.no_sound, "picture": answer.no_picture}
    return pack(parts, {form: lack.what for form, lack in lacks.items() if lack is not None})


def pack(parts: Mapping[str, bytes], lacks: Mapping[str, str]) -> bytes:
    """Parts, and why forms are missing, as one file: the same ones always give the same bytes."""
    marked = {name: look(parts[name]) for name in PARTS if name in parts}
    shown = _shown(marked, lacks)
    return _zipped({name: one.data for name, one in marked.items()} | shown)


def is_one(data: bytes) -> bool:
    """Whether bytes are a ZIP by their beginning."""
    return data.startswith(_LOCAL)


def unpack(path_or_bytes: str | os.PathLike[str] | bytes) -> Archive:
    """Read such a file, of at most 32 MiB. Raises ProvenanceError for one that is damaged, cut short, compressed, holds
    anything else or lacks anything, and for parts that do not belong together."""
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else contents(Path(path_or_bytes))
    if len(data) > MAX_FILE_BYTES:
        raise ProvenanceError(f"the file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read")
    if not is_one(data):
        raise ProvenanceError("the file is no ZIP that begins with an entry")
    entries = _entries(data)
    for name in ("reply.txt", INDEX, PAGE):
        if name not in entries:
            raise ProvenanceError(f"the ZIP lacks {name}: it is no answer of this zoo, or not a whole one")
    parts: dict[str, Marked] = {}
    for name in PARTS:
        if name not in entries:
            continue
        try:
            parts[name] = look(entries[name])
        except ProvenanceError as error:
            raise ProvenanceError(f"{name} in the ZIP: {error}") from error
        if parts[name].kind != _SUFFIX.get(name, "txt"):
            raise ProvenanceError(f"{name} in the ZIP is a {parts[name].kind.upper()}")
    _check_together(parts)
    lacks = _lacks(entries[INDEX], parts)
    stale = tuple(name for name, made in _shown(parts, lacks).items() if made != entries[name])
    return Archive(parts, lacks, stale, data)


def remake(archive: Archive) -> Iterator[float | Remade]:
    """Make every part again: yields the share that is done (0 to 1), at last what came of it. Raises InputError as
    `zoo.generate.replay.replay` does."""
    replays: dict[str, Replay] = {}
    for number, (name, marked) in enumerate(archive.parts.items()):
        for step in replay(marked):
            if isinstance(step, float):
                yield (number + step) / len(archive.parts)
            else:
                replays[name] = step
    made = {name: one.data for name, one in replays.items() if one.data is not None}
    yield Remade(archive, replays, pack(made, archive.lacks) if len(made) == len(replays) else None)


# --- the container ---


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, data in entries.items():
            about = zipfile.ZipInfo(name)  # of 1980, and not compressed
            about.create_system, about.external_attr = 3, 0o644 << 16
            file.writestr(about, data)
    return packed.getvalue()


def _entries(data: bytes) -> dict[str, bytes]:
    """Names and bytes of the entries, one after the other. Raises ProvenanceError unless they are all that there is."""
    found: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == _LOCAL:
        header = struct.unpack("<4xHHHHHIIIHH", data[at : at + 30].ljust(30, b"\0"))
        _, flags, method, _, _, _, size, length, name_length, more = header
        begin = at + 30 + name_length + more
        name = data[at + 30 : at + 30 + name_length].decode("ascii", "replace")
        if name not in (*PARTS, INDEX, PAGE):
            raise ProvenanceError(f"the ZIP holds {quoted(name)}; an answer holds {', '.join((*PARTS, INDEX, PAGE))}")
        if name in found:
            raise ProvenanceError(f"the ZIP holds {name} twice")
        if method or flags or size != length:
            raise ProvenanceError(
                "the ZIP was packed by another program, in another form than here; unpack it, and give its parts alone"
            )
        if begin + length > len(data):
            raise ProvenanceError(f"the ZIP is cut short: {name} is longer than the file")
        found[name] = data[begin : begin + length]
        at = begin + length
    if _zipped(found) != data:
        raise ProvenanceError(
            "the ZIP is damaged, cut short, or holds more than its parts: packed again they give another file"
        )
    return found


def _check_together(parts: Mapping[str, Marked]) -> None:
    """Raise ProvenanceError for parts of different answers."""
    text = parts["reply.txt"].record
    if text.operation not in ("text.reply", "crossmodal.number_in_words"):
        raise ProvenanceError(f"reply.txt in the ZIP is of {text.operation}, which answers nothing")
    if text.operation == "crossmodal.number_in_words" and not text.parents:
        raise ProvenanceError("reply.txt in the ZIP does not say what the number was read from")
    before = (text,) if text.operation == "text.reply" else text.parents
    for name, marked in parts.items():
        parents = marked.record.parents
        if name == "reply.png" and [one.operation for one in parents] == ["crossmodal.find"]:
            parents = parents[0].parents  # the emoji that was found first
        if name != "reply.txt" and parents != before:
            raise ProvenanceError(f"{name} in the ZIP was made from another answer than reply.txt")
    if {"reply.png", "emoji.txt"} <= parts.keys():
        raise ProvenanceError("the ZIP holds both reply.png and emoji.txt; an answer has one of them")


def _lacks(index: bytes, parts: Mapping[str, Marked]) -> dict[str, str]:
    """Why forms are missing, as index.json says. Raises ProvenanceError unless it says so of those that are."""
    if len(index) > MAX_INDEX_BYTES:
        raise ProvenanceError(f"{INDEX} in the ZIP has {len(index):,} bytes; at most {MAX_INDEX_BYTES:,} are read")
    try:
        stated = json.loads(index)
    except (ValueError, RecursionError) as error:
        raise ProvenanceError(f"{INDEX} in the ZIP is damaged: it is not JSON") from error
    lacks = stated.get("lacks") if isinstance(stated, dict) else None
    missing = [form for form, names in FORMS.items() if not any(name in parts for name in names)]
    if not isinstance(lacks, dict) or list(lacks) != missing:
        raise ProvenanceError(
            f"{INDEX} in the ZIP does not say why each form is missing: {', '.join(missing) or 'none'}"
        )
    for form, why in lacks.items():
        if not isinstance(why, str) or why not in LACKS:
            raise ProvenanceError(f"the reason that the ZIP states for no {form} is {quoted(why)}, which is none")
    return lacks


# --- what is shown of it ---


def _said(record: Record) -> str:
    """What was typed, "" where it was said, of the record of a text that has one of those that are checked."""
    if record.operation == "text.reply":
        return str(record.parameters.get("message", ""))
    first = record.parents[0]
    return str(first.parameters.get("text", "")) if first.operation == "crossmodal.read_number" else ""


def _lineage(parts: Mapping[str, Marked]) -> list[Record]:
    """Every step, each once, none before those that it depends on."""
    found: list[Record] = []

    def visit(record: Record) -> None:
        for parent in record.parents:
            visit(parent)
        if record not in found:
            found.append(record)

    for one in parts.values():
        visit(one.record)
    return found


def _line(record: Record) -> str:
    """The record in a line, with the vocoder that a voice was made heard by."""
    vocoder = record.parameters.get("vocoder")
    return f"{record.line()}, through {vocoder}" if isinstance(vocoder, str) else record.line()


def _shown(parts: Mapping[str, Marked], lacks: Mapping[str, str]) -> dict[str, bytes]:
    """index.json and answer.html of these parts."""
    steps = [(record.operation, _line(record)) for record in _lineage(parts)]
    text = parts["reply.txt"]
    index = {
        "zoo": 1,
        "version": text.version,
        "made_by": "a machine",
        "said": _said(text.record) or None,
        "reply": text.payload(),
        "parts": {name: {"sha256": hashlib.sha256(one.data).hexdigest()} for name, one in parts.items()},
        "lacks": dict(lacks),
        "steps": [f"{operation}: {line}" if line else operation for operation, line in steps],
        "again": "python -m zoo replay FILE.zip",
    }
    shown = json.dumps(index, ensure_ascii=False, indent=2) + "\n"
    return {INDEX: shown.encode("utf-8", "replace"), PAGE: _page(parts, lacks, steps).encode("utf-8", "replace")}


def _page(parts: Mapping[str, Marked], lacks: Mapping[str, str], steps: list[tuple[str, str]]) -> str:
    """A page of HTML that asks no other host for anything and runs nothing."""
    text = parts["reply.txt"]
    said = escape(_said(text.record)) or "(a spoken digit · 说出的数字)"
    body = [f"<h1>{said}</h1>", f"<blockquote>{escape(text.payload())}</blockquote>"]
    for name, mark in (("reply.wav", '<audio controls src="data:audio/wav;base64,{}"></audio>'),
                       ("reply.png", '<p><img alt="" src="data:image/png;base64,{}"></p>')):  # fmt: skip
        if name in parts:
            body.append(mark.format(base64.b64encode(parts[name].data).decode()))
    if "emoji.txt" in parts:
        body.append(f"<p>{escape(parts['emoji.txt'].payload())}</p>")
    body += [f"<p><small>{escape(' · '.join(LACKS[why]))}</small></p>" for why in lacks.values()]
    lines = "".join(f"<li><code>{escape(operation)}</code> {escape(line)}</li>" for operation, line in steps)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" content="'
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:\">"
        f"<title>Model Zoo</title><style>{_STYLE}</style></head><body>{''.join(body)}<ol>{lines}</ol>"
        f"<footer>Made by a machine · 由人工智能生成 · Model Zoo {escape(text.version)} · "
        "<code>python -m zoo replay FILE.zip</code></footer></body></html>\n"
    )
