"""Word, handwriting and speech of a digit in one plane: any of them -> all of them, and nothing -> all three.

`give` does it by a joint model, `chain` by steps: a judge reads what is given, and other models draw and say the digit
that it read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.entry import ANY_TO_ANY
from zoo.generate import crossmodal, library
from zoo.generate.audio import Sound, checked, spectrogram
from zoo.generate.drawing import ink_of, like_digits
from zoo.generate.grid import grid, to_bytes
from zoo.generate.image import Pictures
from zoo.generate.inputs import InputError, number, quoted, seed_of
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.numbers import in_chinese, in_english
from zoo.generate.plane import MAP_SIDE, drawn_styles, forms_of, heard_by, map_of, places_of, sound_of
from zoo.generate.provenance import Record, drawing, recording
from zoo.generate.sampling import probabilities as softmax
from zoo.noise import Noise

MODALITIES = ("word", "picture", "sound")
MAP_SCALE = 2
"""How many pixels wide each pixel of the map's pictures is."""
REACH = 4.0
"""Places lie between this and its negative; of the prior 1 in 8,000 does not, each way."""
CLIPPED, MOST_CLIPPED = 0.999, 0.05
"""Share of full scale that counts as full, and share of a recording's samples that may be: a pure tone has 0.03."""
ENLARGED = 8
"""How many pixels wide each pixel of a picture is."""
_NORMAL = NormalDist()
_PAPER, _INK, _SHADE, _CELL, _MARGIN, _HEAD = (255, 255, 255), (27, 26, 23), (47, 95, 80), (132, 46), 190, 40


@dataclass(frozen=True)
class Joint:
    """A digit in every form, from one place (x, y) of the shared plane: the likeliest word, the probability of each,
    the picture (enlarged) and the sound."""

    word: str
    probabilities: dict[str, float]
    picture: Image.Image
    sound: Sound
    place: tuple[float, float]
    source: Source


@dataclass(frozen=True)
class Given:
    """What a visitor gave, checked: a digit, a picture float32 (28, 28) in [0, 1], a spoken word float32 (t,) at 8 kHz.

    Any may be missing, and so may all. `records` say what was given, for the files that are made from it.
    """

    digit: str | None
    seen: np.ndarray | None
    heard: np.ndarray | None
    records: tuple[Record, ...]


def given(word: str = "", picture: Any = None, sound: tuple[np.ndarray, int] | None = None) -> Given:
    """Read what is given: a digit in a text ("7", "seven", "七"), a drawing, a recording with its rate.

    Raises InputError for a text with no digit or with more than one, an empty drawing, and a recording that is silent,
    clipped, too short or long, or of an impossible rate.
    """
    records: list[Record] = []
    digit = seen = heard = None
    if str(word or "").strip():
        digit = crossmodal.read_number(word)
        if len(digit) > 1:
            raise InputError(f"{quoted(word)} has {len(digit)} digits; this model knows one at a time, zero to nine")
        records.append(crossmodal.number_given(word))
    if picture is not None:
        seen = like_digits(ink_of(picture)).astype(np.float32)
        records.append(drawing(seen))
    if sound is not None:
        waveform, rate = checked(*sound), sound[1]
        clipped = float((np.abs(waveform) >= CLIPPED).mean())
        if clipped > MOST_CLIPPED:
            raise InputError(
                f"the recording is clipped: {clipped:.0%} of its samples are at full scale; record it less loudly"
            )
        heard = crossmodal.spoken_word(waveform, rate)
        records.append(recording(waveform, rate))
    return Given(digit, seen, heard, tuple(records))


def give(model: str, what: Given, *, seed: int = 0) -> Joint:
    """What a joint model makes of what is given: the likeliest place of it, and every form there.

    Of nothing it makes a digit at a place drawn from the prior. The seed draws that, and how the digit is written and
    said. Raises InputError for a digit that the model does not know.
    """
    seed = seed_of(seed)
    found = _loaded(model)
    place = _place(found, what)
    if place is None:
        place = Noise(seed, stream=1).normal_array(1, 2)[0].clip(-REACH, REACH)
    x, y = (round(float(one), 4) for one in place)
    return _at(found, model, x, y, seed, what.records)


def at(model: str, x: float, y: float, *, seed: int = 0) -> Joint:
    """Every form of what is at a place of the shared plane, each coordinate from -4 to 4. Raises InputError."""
    x, y = (number(f"the place's {name}", value, -REACH, REACH) for name, value in (("x", x), ("y", y)))
    return _at(_loaded(model), model, x, y, seed_of(seed), ())


def place_again(model: str, records: Sequence[Record]) -> tuple[float, float] | None:
    """The place of what stands in records of a file, or None where a recording, which is not kept, is among them."""
    from zoo.generate.provenance import picture_of

    digit = seen = None
    for record in records:
        if record.operation == "crossmodal.read_number":
            digit = crossmodal.read_number(record.parameters["text"])
        elif record.operation == "given.drawing":
            seen = picture_of(record)
        else:
            return None
    place = _place(_loaded(model), Given(digit, seen, None, ()))
    return None if place is None else (round(float(place[0]), 4), round(float(place[1]), 4))


def chain(what: Given, *, seed: int = 0) -> Iterator[float | crossmodal.Realisation]:
    """The same by steps: what is given is read by the judges, and the digit drawn and said by other models.

    A typed word is certain; of a drawing and a recording the judge that is surer is believed; of nothing the seed
    draws a digit. Yields the share that is done, at last the Realisation.
    """
    if what.digit is not None:
        record = next(one for one in what.records if one.operation == "crossmodal.read_number")
        return crossmodal.realise(what.digit, seed=seed, parents=(record,))
    readings = []
    if what.seen is not None:
        readings.append(crossmodal.recognise_seen(what.seen))
    if what.heard is not None:
        readings.append(crossmodal.recognise_word(what.heard, what.records[-1]))
    if not readings:
        return crossmodal.realise(str(Noise(seed_of(seed), stream=2).integers_array(10, 1)[0]), seed=seed)
    surest = max(readings, key=lambda reading: max(reading.probabilities.values()))
    return crossmodal.realise(surest.digits, seed=seed, parents=(surest.source.record,))


def _loaded(model: str) -> Loaded:
    return library.get(model, ANY_TO_ANY)


def _place(found: Loaded, what: Given) -> np.ndarray | None:
    """The likeliest place of what is given, float32 (2,); None of nothing."""
    inputs: dict[str, np.ndarray] = {}
    if what.digit is not None:
        if what.digit not in found.labels:
            raise InputError(f"{found.name} does not know {what.digit}; it knows {', '.join(found.labels)}")
        inputs["words"] = np.array([found.labels.index(what.digit)], np.int64)
    if what.seen is not None:
        inputs["images"] = (what.seen[None, None] * 2 - 1).astype(np.float32)
    if what.heard is not None:
        inputs["waveforms"] = heard_by(found.network, what.heard)
    place: np.ndarray | None = places_of(found.network, **inputs)[0].clip(-REACH, REACH) if inputs else None
    return place


def _at(found: Loaded, model: str, x: float, y: float, seed: int, parents: tuple[Record, ...]) -> Joint:
    network = found.network
    styles = drawn_styles(Noise(seed), 1, network.config.style_dim)
    made = forms_of(network, np.array([[x, y]], np.float32), styles)
    source = source_of(found, model, "joint.at", {"x": x, "y": y}, seed=seed, parents=parents)
    chances = softmax(made.words)[0].tolist()
    labels = [found.labels[i] if i < len(found.labels) else str(i) for i in range(len(chances))]
    named = dict(zip(labels, chances, strict=True))
    waveform, rate = sound_of(network, made.mels[0]), int(network.config.sample_rate)
    picture = grid(to_bytes(made.images), 1, scale=ENLARGED)
    sound = Sound(waveform, rate, spectrogram(waveform, rate), source)
    return Joint(max(named, key=lambda label: named[label]), named, picture, sound, (x, y), source)


def in_words(digit: str) -> str:
    """ "7" -> "seven · 七"; another label stays as it is."""
    return f"{in_english(digit)} · {in_chinese(digit)}" if digit.isdecimal() else digit


def map_picture(model: str) -> Pictures:
    """The shared plane as it is written in the middle of all styles; what lies where is told by `place_on_map`."""
    found = _loaded(model)
    sheet = grid(to_bytes(map_of(found.network)), MAP_SIDE, scale=MAP_SCALE, gap=0)
    return Pictures([sheet], sheet, [""], source_of(found, model, "joint.map_picture", {}))


def place_on_map(across: float, down: float) -> tuple[float, float]:
    """Shares of the map's width and height, each from 0 to 1 -> the place (x, y) that is shown there."""
    shares = (min(max(across, 1e-4), 1 - 1e-4), min(max(1 - down, 1e-4), 1 - 1e-4))
    x, y = (round(_NORMAL.inv_cdf(share), 4) for share in shares)
    return x, y


def coherence_matrix(figures: Sequence[Mapping[str, Any]]) -> Image.Image | None:
    """The figures of a joint model's card as a picture: what is given down, what is made across, as dark as it is the
    same digit; and what is made of nothing. None where no such figure is among them."""
    known = {str(one.get("name")): one.get("value") for one in figures}
    stated = {name: float(value) for name, value in known.items() if isinstance(value, int | float)}
    shares = {name: value for name, value in stated.items() if " → " in name}
    together = stated.get("joint coherence")
    if not shares:
        return None
    rows = list(dict.fromkeys(name.split(" → ")[0] for name in shares))
    width, height = _MARGIN + 3 * _CELL[0], _HEAD + (len(rows) + (together is not None)) * _CELL[1]
    picture = Image.new("RGB", (width, height), _PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(15)

    def cell(left: int, top: int, wide: int, share: float) -> None:
        shade = tuple(round(paper + (full - paper) * share) for paper, full in zip(_PAPER, _SHADE, strict=True))
        pen.rectangle((left, top, left + wide - 3, top + _CELL[1] - 3), fill=shade)
        ink = _PAPER if share > 0.55 else _INK
        pen.text((left + wide / 2, top + _CELL[1] / 2), f"{100 * share:.1f} %", fill=ink, font=font, anchor="mm")

    for column, target in enumerate(MODALITIES):
        middle = _MARGIN + (column + 0.5) * _CELL[0]
        pen.text((middle, _HEAD / 2), f"→ {target}", fill=_INK, font=font, anchor="mm")
    for row, given_ in enumerate(rows):
        top = _HEAD + row * _CELL[1]
        pen.text((_MARGIN - 12, top + _CELL[1] / 2), given_, fill=_INK, font=font, anchor="rm")
        for column, target in enumerate(MODALITIES):
            if f"{given_} → {target}" in shares:
                cell(_MARGIN + column * _CELL[0], top, _CELL[0], shares[f"{given_} → {target}"])
    if together is not None:
        top = _HEAD + len(rows) * _CELL[1]
        pen.text((_MARGIN - 12, top + _CELL[1] / 2), "nothing", fill=_INK, font=font, anchor="rm")
        cell(_MARGIN, top, 3 * _CELL[0], together)
    return picture
