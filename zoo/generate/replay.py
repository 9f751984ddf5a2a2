"""A file of this zoo -> the same result made again, and what differs, if anything does.

What the file says of itself is a stranger's word (`zoo.generate.provenance` has read it): only operations and
parameters that exist are taken, the values pass the checks that a visitor's pass, and no model is fetched because a
file names it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from zoo import __version__, hub
from zoo.checkpoint import sha256_of
from zoo.config import suggestion
from zoo.generate import (
    audio,
    chat,
    chorale,
    crossmodal,
    describing,
    drums,
    image,
    joint,
    latents,
    library,
    masked,
    matching,
    notes,
    prompting,
    speech,
    styles,
    text,
    translate,
    translation,
    vocoder,
)
from zoo.generate.inputs import quoted
from zoo.generate.languages import plain
from zoo.generate.provenance import (
    KINDS,
    Marked,
    ProvenanceError,
    Record,
    installed,
    midi,
    picture_of,
    png,
    txt,
    wav,
)

__all__ = ["OPERATIONS", "Difference", "Operation", "Replay", "pictures_of", "replay"]

_PICTURES = {"png": r"|native|picture \d{1,3}"}
_MUSIC = {"wav": "", "mid": "", "png": "roll"}
_DRAWING = ("given.drawing",)
_RECORDING = ("given.recording",)
_SAMPLER = ("steps", "guidance")
_SOUND = {"wav": "", "png": "spectrogram"}
_REPLY = ("text.reply",)
_FOUND = "crossmodal.find"
_SAID = ("history", "message", "max_new_tokens", "temperature", "top_k", "top_p", "repetition_penalty")
_READINGS = ("crossmodal.read_number", "crossmodal.recognise_drawing", "crossmodal.recognise_speech")


@dataclass(frozen=True)
class Operation:
    """A function of zoo.generate that results come from.

    `parameters` are all that it is given besides model and seed; `results` the kinds of files that hold its results,
    and for each a pattern of their names there; `parents` the steps that may stand before it.
    """

    run: Callable[..., Any]
    parameters: tuple[str, ...]
    results: Mapping[str, str]
    parents: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    """Parameters that came later: an older file does not state them, and they are as they were by default."""
    seeded: bool = True
    """Whether it draws anything at random."""
    most: int = 1
    """Steps that may stand before it."""
    sees: bool = False
    """Whether it cannot do without a visitor's picture; where it takes one at all, as its parameter `seen`. Of one that
    cannot do without a recording nothing can be made again."""
    modelled: bool = True
    """Whether a model makes it; else it follows by rule."""


OPERATIONS = {
    "image.draw": Operation(image.draw, ("label", "count", "truncation"), _PICTURES, later=_SAMPLER),
    "image.draw_number": Operation(image.draw_number, ("digits", "truncation"), _PICTURES, _READINGS, later=_SAMPLER),
    "image.latent_grid": Operation(image.latent_grid, ("size",), _PICTURES, later=("label",)),
    "image.interpolate": Operation(
        image.interpolate, ("waypoints", "frames"), {"webp": "", "gif": "", "png": "strip"}, later=("label",)
    ),
    "image.reconstruct": Operation(image.redraw, (), _PICTURES, _DRAWING, seeded=False, sees=True),
    "image.translate": Operation(translate.translate_seen, ("back",), _PICTURES, _DRAWING, seeded=False, sees=True),
    "image.enlarge": Operation(translate.enlarge_seen, (), _PICTURES, _DRAWING, seeded=False, sees=True),
    "image.arithmetic": Operation(latents.added, ("a", "b", "c"), _PICTURES, _DRAWING, seeded=False),
    "image.slide": Operation(latents.moved, ("amounts",), _PICTURES, _DRAWING),
    "image.traverse": Operation(latents.traverse, ("label", "dimensions"), _PICTURES),
    "image.mix": Operation(styles.mix, ("label", "seed_fine", "label_fine", "crossover", "truncation"), _PICTURES),
    "image.edit": Operation(styles.edit, ("label", "amounts", "truncation"), _PICTURES),
    "image.styles_by_class": Operation(latents.styled, ("styles", "label"), _PICTURES, _DRAWING),
    "audio.speak": Operation(audio.speak, ("digits", "speaker", "temperature"), _SOUND, _READINGS),
    "notes.play_note": Operation(notes.play_note, ("note", "instrument", "temperature"), _SOUND),
    "drums.hit": Operation(drums.hit, ("instrument",), _SOUND),
    "drums.beat": Operation(drums.beat, ("pattern", "tempo", "swing", "bars", "seeds"), _SOUND),
    "chorale.compose": Operation(chorale.compose, ("bars", "temperature", "top_p", "tempo"), _MUSIC),
    "chorale.harmonise": Operation(chorale.harmonise, ("melody", "temperature", "top_p", "tempo"), _MUSIC),
    "audio.say": Operation(speech.say, ("text", "speed", "temperature", "vocoder"), _SOUND, _REPLY),
    "audio.resynthesise": Operation(
        vocoder.resynthesise, ("temperature",), _SOUND | {"wav": "|recording|griffin-lim"}, _RECORDING, sees=True
    ),
    "joint.at": Operation(
        joint.at,
        ("x", "y"),
        {"png": "", "wav": ""},
        ("crossmodal.read_number", "crossmodal.recognise_speech", "given.drawing", "given.recording"),
        most=3,
    ),
    "joint.map_picture": Operation(joint.map_picture, (), {"png": ""}, seeded=False),
    "text.write": Operation(
        text.write,
        ("prompt", "max_new_tokens", "temperature", "top_k", "top_p", "repetition_penalty"),
        {"txt": ""},
        later=("bits",),
    ),
    "text.translate": Operation(translation.translate, ("text", "direction", "beams"), {"txt": ""}, seeded=False),
    "text.pronounce": Operation(translation.pronounce, ("text", "beams"), {"txt": ""}, seeded=False),
    "text.fill": Operation(masked.fill, ("text", "top"), {"txt": ""}, seeded=False),
    "text.reply": Operation(
        chat.reply,
        _SAID,
        {"txt": ""},
    ),
    "text.compose": Operation(
        text.compose, ("form", "title", "author", "acrostic", "temperature", "top_k", "top_p"), {"txt": ""}
    ),
    "image.draw_prompt": Operation(
        prompting.draw, ("text", "style", "count", "steps", "guidance"), _PICTURES, (*_REPLY, _FOUND)
    ),
    "crossmodal.find": Operation(matching.find, ("text", "top"), {"txt": ""}, _REPLY, seeded=False),
    "crossmodal.number_in_words": Operation(
        crossmodal.number_in_words, ("digits",), {"txt": ""}, _READINGS, seeded=False, modelled=False
    ),
    "crossmodal.describe": Operation(
        matching.describe_seen, ("language", "top"), {"txt": ""}, _DRAWING, seeded=False, sees=True
    ),
    "crossmodal.caption": Operation(
        describing.describe_seen, ("language", "beams"), {"txt": ""}, _DRAWING, seeded=False, sees=True
    ),
}
"""What can be made again."""
_STEPS = {
    "crossmodal.read_number": (("text",), ()),
    "crossmodal.recognise_drawing": ((), ("given.drawing",)),
    "crossmodal.recognise_speech": ((), ("given.recording",)),
    "given.drawing": (("height", "width", "values"), ()),
    "given.recording": (("samples", "sample_rate"), ()),
    "text.reply": (_SAID, ()),
    _FOUND: (("text", "top"), _REPLY),
}
"""Steps that may stand before others: their parameters, and what stands before them."""

_WORDS = {
    "voice": (
        "it was made from a recording, which is not in the file, for a voice is not kept: it cannot be made again",
        "它是由一段录音做成的；文件里没有录音（不保存人声），因此无法重做",
    ),
    "missing": (
        "its model {stated} is not installed here; `python -m zoo pull {here}` fetches it",
        "它的模型 {stated} 这里没有；可用 `python -m zoo pull {here}` 取来",
    ),
    "unknown": (
        "its model {stated} (weights sha256 {here}) is not installed here, and it is not from the Hub: "
        "load its folder in the Models tab, or name it with --model",
        "它的模型 {stated}（权重 sha256 {here}）这里没有，也不来自 Hub；请在「模型」页加载它，或用 --model 指出",
    ),
    "weights": (
        "the weights are others: sha256 {stated} in the file, {here} here",
        "权重不同：文件里是 sha256 {stated}，这里是 {here}",
    ),
    "chain": (
        "what was given is read as {here} here; the file says {stated}",
        "给出的东西在这里读作 {here}，文件里写的是 {stated}",
    ),
    "reply": (
        "the reply that it was made from begins {here} here; the file says that it is {stated}",
        "它所依据的回复在这里以 {here} 开头，文件里写的是 {stated}",
    ),
    "found": (
        "the emoji that was found first is {here} here; the file says that it is {stated}",
        "先找到的表情在这里是 {here}，文件里写的是 {stated}",
    ),
    "unchecked": (
        "what it was made from is by {here}, which is not installed here: that it is {stated} is not checked",
        "它所依据的内容出自 {here}，这里没有这个模型，所以无法核对它是否为 {stated}",
    ),
    "size": ("the size differs: {stated} in the file, {here} here", "大小不同：文件里是 {stated}，这里是 {here}"),
    "pixels": (
        "{stated} pixels differ, by at most {here} of 255",
        "{stated} 个像素不同，最多相差 {here}（满值 255）",
    ),
    "samples": (
        "{stated} samples differ, by at most {here} of 32,768",
        "{stated} 个采样点不同，最多相差 {here}（满值 32768）",
    ),
    "notes": ("{stated} notes differ", "{stated} 个音符不同"),
    "characters": (
        "the text differs from character {stated} on: {here} (in the file / here)",
        "文字从第 {stated} 个字符起不同：{here}（文件 / 这里）",
    ),
    "model": ("the model is named {stated} in the file, {here} here", "模型名不同：文件里是 {stated}，这里是 {here}"),
    "revision": ("the revision is {stated} in the file, {here} here", "版本号不同：文件里是 {stated}，这里是 {here}"),
    "licence": ("the licence is {stated} in the file, {here} here", "许可证不同：文件里是 {stated}，这里是 {here}"),
    "parameter": ("a parameter is {stated} in the file, {here} here", "有一个参数，文件里是 {stated}，这里是 {here}"),
    "version": ("the zoo was version {stated}; here it is {here}", "当时模型园的版本是 {stated}，这里是 {here}"),
    "library": ("a library was {stated}; here it is {here}", "当时的程序库是 {stated}，这里是 {here}"),
    "recording": (
        "the recording is not in the file, for a voice is not kept: that it was heard as {stated} is not checked",
        "文件里不保存录音（嗓音属于个人），所以无法核对当时听成了 {stated}",
    ),
    "packed": (
        "the bytes around them differ: another program has saved the file",
        "外层字节不同：文件被别的程序另存过",
    ),
}  # fmt: skip
"""What can differ, in English and Chinese."""
_NOTES = frozenset(
    ("model", "revision", "licence", "parameter", "version", "library", "recording", "unchecked", "packed")
)
"""Differences that are worth a word, but do not stand against a result that is the same."""


@dataclass(frozen=True)
class Difference:
    """Something that is not as the file states it. `what` is a key of the table of words."""

    what: str
    stated: str = ""
    here: str = ""

    @property
    def grave(self) -> bool:
        """Whether the file's word does not hold here."""
        return self.what not in _NOTES

    def words(self, language: str = "en") -> str:
        """The difference in "en" or "zh"."""
        return _WORDS[self.what][language == "zh"].format(stated=self.stated, here=self.here)


@dataclass(frozen=True)
class Replay:
    """What came of making a file again: the new file (None when it could not be made) and what differs."""

    marked: Marked
    data: bytes | None
    same: bool
    """Whether pixels, samples, notes or text are the same."""
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        """Whether the new file equals the old one, byte for byte."""
        return self.data == self.marked.data

    @property
    def holds(self) -> bool:
        """Whether the result is the same and nothing that the file says was found to be otherwise."""
        return self.same and not any(difference.grave for difference in self.differences)


def replay(marked: Marked, *, model: str = "") -> Iterator[float | Replay]:
    """Make a file's result again: yields the share that is done (0 to 1), at last the Replay.

    The model is looked for by the name, the revision and the sha256 of its weights that the file states, among what is
    installed or was pulled before; `model` names another one, or a folder. Raises InputError for a file that cannot be
    decoded, for an operation or a parameter that does not exist, and for values that a visitor may not give either.
    """
    record = marked.record
    operation = _checked(record, marked.kind)
    original = marked.payload()
    name = "" if not operation.modelled else library.add(model) if model else _installed(record)
    if name is None:
        missing = Difference("unknown", record.model or "?", record.sha256[:16] or "?")
        if record.revision:
            missing = Difference("missing", record.model, f"{record.model}@{record.revision}")
        yield Replay(marked, None, False, (missing,))
        return
    if operation.parents == _RECORDING:
        yield Replay(marked, None, False, (Difference("voice"),))
        return
    yield 0.0
    parents, differences = _parents(record, name)
    made: Any = None
    for made in _run(operation, record, name):
        if isinstance(made, float):
            yield made
    again, data = _file(made, record, marked.kind, parents)
    unlike = _compared(KINDS[marked.kind].unit, original, KINDS[marked.kind].decode(data))
    differences = [*differences, *unlike, *_between(record, again)]
    if data != marked.data:
        differences += _versions(marked)
        if not differences:
            differences.append(Difference("packed"))
    yield Replay(marked, data, not unlike, tuple(dict.fromkeys(differences)))


def pictures_of(marked: Marked) -> image.Pictures:
    """The pictures of a sheet, made again from what its file says. Raises InputError as `replay` does, and for a file
    that holds no sheet of pictures, or whose model is not here."""
    operation = _checked(marked.record, marked.kind)
    name = _installed(marked.record)
    if name is None:
        raise ProvenanceError(f"{marked.record.model or 'the model'} is not installed here")
    *_, made = _run(operation, marked.record, name)
    if not isinstance(made, image.Pictures):
        raise ProvenanceError("the file holds no sheet of pictures")
    return made


def _checked(record: Record, kind: str) -> Operation:
    """The operation of a record, whose parameters, result and parents are such as it has. Raises ProvenanceError."""
    operation = OPERATIONS.get(record.operation)
    if operation is None:
        raise ProvenanceError(
            f"the operation {quoted(record.operation)} cannot be made again{suggestion(record.operation, OPERATIONS)}"
        )
    if not re.fullmatch(operation.results.get(kind, "$none"), record.result):
        what = f"its {record.result}" if record.result else "its main result"
        raise ProvenanceError(f"the file is a {kind.upper()}, which cannot hold {what} of {record.operation}")
    if operation.seeded == (record.seed is None):
        given = "a" if operation.seeded else "no"
        raise ProvenanceError(f"{record.operation} takes {given} seed; the file states {record.seed}")
    _check_parameters(record, operation.parameters, operation.later)
    _check_parents(record, operation.parents, needed=operation.sees, most=operation.most)
    return operation


def _check_parameters(record: Record, known: tuple[str, ...], later: tuple[str, ...] = ()) -> None:
    for name in record.parameters:
        if name not in (*known, *later):
            raise ProvenanceError(f"{record.operation} has no parameter {quoted(name)}{suggestion(name, known)}")
    for name in known:
        if name not in record.parameters and record.operation != "given.drawing":
            raise ProvenanceError(f"the file does not state the parameter {name} of {record.operation}")


def _check_parents(record: Record, allowed: tuple[str, ...], *, needed: bool, most: int = 1) -> None:
    """Parents are of the allowed operations, at most so many, and one when `needed`, and so are theirs."""
    if len(record.parents) > most or (needed and not record.parents) or (record.parents and not allowed):
        some = f"at most {most} steps" if most > 1 else "at most one step"
        count = "one step" if needed else some if allowed else "no step"
        raise ProvenanceError(f"{record.operation} has {count} before it; the file states {len(record.parents)}")
    for parent in record.parents:
        if parent.operation not in allowed:
            raise ProvenanceError(
                f"the step before {record.operation} is {quoted(parent.operation)}; allowed are {', '.join(allowed)}"
            )
        parameters, parents = _STEPS[parent.operation]
        _check_parameters(parent, parameters)
        _check_parents(parent, parents, needed=bool(parents))


def _installed(record: Record) -> str | None:
    """The choice that a record's model is here: by its commit, else by its weights, else by its name; nothing is
    fetched."""
    names = library.names()
    is_repo = record.revision and re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", record.model, re.ASCII)
    if is_repo and hub.held_copy(record.model, record.revision):
        return library.add(f"{record.model}@{record.revision}")
    named = [record.model] if record.model in names else []
    for name in (*named, *names):
        if _weights(library.folder_of(name) / "model.safetensors") == record.sha256:
            return name
    return named[0] if named else None


def _weights(path: Path) -> str:
    try:
        state = os.stat(path)
    except OSError:
        return "missing"
    return _hashed(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _hashed(path: Path, modified: int, size: int) -> str:
    return sha256_of(path)


def _parents(record: Record, name: str) -> tuple[tuple[Record, ...], list[Difference]]:
    """The steps before, made again, and what differs: a number that is read otherwise, a recording that is missing."""
    if record.operation == "joint.at" and record.parents:
        told = tuple(record.parameters[key] for key in ("x", "y"))
        place = joint.place_again(name, record.parents)
        if place is None:
            return record.parents, [Difference("recording", str(told))]
        return record.parents, [] if place == told else [Difference("chain", str(told), str(place))]
    if not record.parents or record.parents[0].operation == "given.drawing":
        return (), []
    if record.parents[0].operation == "text.reply":
        return _replied(record.parents[0], str(record.parameters["text"]))
    if record.parents[0].operation == _FOUND:
        return _found(record.parents[0], str(record.parameters["text"]))
    parent, stated = record.parents[0], str(record.parameters["digits"])
    if parent.operation == "crossmodal.read_number":
        read, again = crossmodal.read_number(parent.parameters["text"]), parent
    elif parent.operation == "crossmodal.recognise_drawing":
        seen = crossmodal.recognise_seen(picture_of(parent.parents[0]))
        read, again = seen.digits, seen.source.record
    else:
        return record.parents, [Difference("recording", stated)]
    return (again,), [] if read == stated else [Difference("chain", stated, read)]


def _replied(parent: Record, stated: str) -> tuple[tuple[Record, ...], list[Difference]]:
    """A reply made again, and whether what was made from it is the reply, or its beginning."""
    operation = _checked(parent, "txt")
    name = _installed(parent)
    if name is None:
        return (parent,), [Difference("unchecked", quoted(stated), parent.model or "?")]
    *_, made = _run(operation, parent, name)
    follows = _letters(made.text).startswith(_letters(stated))
    return (made.source.record,), [] if follows else [Difference("reply", quoted(stated), quoted(made.text))]


def _found(parent: Record, stated: str) -> tuple[tuple[Record, ...], list[Difference]]:
    """An emoji found again for a reply made again, and whether what was drawn is one of its names."""
    operation = _checked(parent, "txt")
    before, differences = _replied(parent.parents[0], str(parent.parameters["text"]))
    name = _installed(parent)
    if name is None:
        again = replace(parent, parents=before)
        return (again,), [*differences, Difference("unchecked", quoted(stated), parent.model or "?")]
    (made,) = _run(operation, parent, name)
    best = made.matches[0]
    if stated not in (best.english, best.chinese):
        differences = [*differences, Difference("found", quoted(stated), quoted(best.english))]
    return (replace(made.source.record, parents=before),), differences


def _letters(text: str) -> str:
    """A text as it is read, whatever its spaces, its quotes and the forms of its letters are."""
    return "".join(unicodedata.normalize("NFKC", plain(text)).split())


def _run(operation: Operation, record: Record, name: str) -> Iterator[Any]:
    """What the operation yields, or its one result."""
    given: dict[str, Any] = {"seed": record.seed} if operation.seeded else {}
    if operation.parents == _DRAWING and record.parents:
        given["seen"] = picture_of(record.parents[0])
    made = operation.run(*([name] if operation.modelled else []), **record.parameters, **given)
    yield from made if isinstance(made, Iterator) else (made,)


def _file(made: Any, record: Record, kind: str, parents: tuple[Record, ...]) -> tuple[Record, bytes]:
    """The record of a new result, and the file that holds the part of it which the old file held."""
    made = made.sound if isinstance(made, speech.Speech) else made
    source = made[2] if isinstance(made, tuple) else made.source
    again: Record = replace(source.record, result=record.result)
    again = replace(again, parents=parents) if parents else again
    if isinstance(made, image.Pictures):
        if not record.result:
            return again, png(made.sheet, again)
        if record.result == "native":
            return again, png(image.native(made), again)
        number = int(record.result.removeprefix("picture "))
        if number >= len(made.images):
            raise ProvenanceError(f"the file is {record.result} of {len(made.images)}, which are counted from 0")
        return again, png(made.images[number], again)
    if isinstance(made, joint.Joint):
        if kind == "png":
            return again, png(made.picture, again)
        made = made.sound
    if isinstance(made, audio.Sound):
        if kind == "wav":
            return again, wav(made.waveform, made.sample_rate, again)
        return again, png(made.spectrogram, again)
    if isinstance(made, chorale.Chorale):
        if kind == "mid":
            return again, midi(made.notes, made.tempo, again)
        return again, wav(made.waveform, made.sample_rate, again) if kind == "wav" else png(made.roll, again)
    if kind == "txt":
        return again, txt(made.text, again).encode()
    animation, strip, _ = made
    if kind == "gif":
        return again, image.as_gif(animation, again)
    return again, animation.read_bytes() if kind == "webp" else png(strip, again)


def _compared(unit: str, stated: Any, here: Any) -> list[Difference]:
    """How the new pixels, samples, notes or characters differ from the old ones; nothing when they are the same."""
    if isinstance(stated, str):
        if stated == here:
            return []
        at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(stated, here, strict=False)))
        parts = f"{quoted(stated[at : at + 20])} / {quoted(here[at : at + 20])}"
        return [Difference("characters", f"{at + 1:,}", parts)]
    if stated.shape != here.shape:
        sizes = (" x ".join(f"{side:,}" for side in values.shape) for values in (stated, here))
        return [Difference("size", *sizes)]
    apart = np.abs(stated.astype(np.int64) - here.astype(np.int64))
    if not apart.any():
        return []
    unlike = apart.any(axis=-1) if unit in ("pixels", "notes") else apart != 0
    return [Difference(unit, f"{np.count_nonzero(unlike):,}/{unlike.size:,}", f"{apart.max():,}")]


def _between(stated: Record, here: Record) -> list[Difference]:
    """What two records of one operation say differently, their parents included."""
    found = []
    if stated.sha256 != here.sha256:
        found.append(Difference("weights", stated.sha256 or "?", here.sha256))
    for name in ("model", "revision", "licence"):
        said, is_here = getattr(stated, name), getattr(here, name)
        if said != is_here:
            found.append(Difference(name, said or "–", is_here or "–"))
    for name, value in here.parameters.items():
        if name != "values" and stated.parameters.get(name) != value:
            said = quoted(stated.parameters.get(name))
            found.append(Difference("parameter", f"{name} {said}", f"{name} {quoted(value)}"))
    for before, again in zip(stated.parents, here.parents, strict=False):
        found += _between(before, again)
    return found


def _versions(marked: Marked) -> list[Difference]:
    found = [Difference("version", marked.version, __version__)] if marked.version != __version__ else []
    here = installed()
    for name in dict.fromkeys((*marked.libraries, *here)):
        said, is_here = marked.libraries.get(name, "–"), here.get(name, "–")
        if said != is_here:
            found.append(Difference("library", f"{name} {said}", f"{name} {is_here}"))
    return found
