"""A number written, drawn or spoken -> the same number in every other form; the judges do the reading and hearing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from zoo.data.audio import fit_length
from zoo.generate import library
from zoo.generate.audio import MAX_DIGITS, Sound, checked, speak
from zoo.generate.drawing import ink_of, like_digits
from zoo.generate.image import Pictures, class_names, draw_number
from zoo.generate.inputs import InputError, quoted, seed_of, words
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.numbers import digits_of, in_chinese, in_english
from zoo.generate.provenance import Record, drawing, recording
from zoo.generate.sampling import probabilities as softmax
from zoo.metrics.judges import judge_of

PAINTER, VOICE = "dcgan.mnist", "wavenet.spoken-digits"
"""The checkpoints that draw and say a recognised number."""
MAX_NUMBER_TEXT = 200
"""Characters of a written number."""
MIN_SECONDS, MAX_SECONDS = 0.1, 30.0
"""Length of a recording; what is said in it must last as long as the former at least."""
MAX_WORD = 1.0
"""Seconds that the judge of words hears at once."""
JUDGE_RATE = 8000
"""Samples a second that the judge of words hears."""
MARGIN = 5
"""Frames of 10 ms that are kept before and after what was said."""
SILENCE = 0.003
"""Loudness (root mean square over 10 ms, of full scale) below which nothing was said."""


@dataclass(frozen=True)
class Recognition:
    """What a judge saw or heard: its likeliest digit, and the probability of each."""

    digits: str
    probabilities: dict[str, float]
    source: Source


@dataclass(frozen=True)
class Named:
    """A number in English words and Chinese characters: by rule, no model has a part in it."""

    text: str
    source: Source


@dataclass(frozen=True)
class Realisation:
    """A number in every form: English words, Chinese characters, a picture of its digits, and their sound."""

    words: str
    characters: str
    picture: Pictures
    sound: Sound


def read_number(text: str) -> str:
    """ "seven", "七", "42", "四十二", "forty-two" -> decimal digits, at most eight. Raises InputError else."""
    given = words("the number", text, longest=MAX_NUMBER_TEXT).strip()
    if not given:
        raise InputError("there is no number; type one, such as 42, forty-two or 四十二")
    digits = digits_of(given)
    if digits is None:
        raise InputError(
            f"{quoted(given)} is no whole number that can be read here; write it as 42, forty-two or 四十二"
        )
    if len(digits) > MAX_DIGITS:
        raise InputError(f"{quoted(given)} has {len(digits)} digits; at most {MAX_DIGITS} are allowed")
    return digits


def number_in_words(digits: str, *, parents: tuple[Record, ...] = ()) -> Named:
    """ "42" -> "forty-two · 四十二". `parents` are as for `realise`. Raises InputError for what is no number."""
    digits = read_number(digits)
    record = Record("crossmodal.number_in_words", parameters={"digits": digits}, parents=parents)
    return Named(f"{in_english(digits)} · {in_chinese(digits)}", Source("", "", None, "", "", record))


def number_given(text: str) -> Record:
    """What a number that was typed is to what is made of it: the step before, as a record."""
    return Record("crossmodal.read_number", parameters={"text": text})


def recognise_drawing(picture: Image.Image | np.ndarray) -> Recognition:
    """What digit the judge of pictures sees in a drawing of any size, dark on light or light on dark.

    Raises InputError for an empty drawing.
    """
    if picture is None:
        raise InputError("there is no drawing; draw a digit first")
    return recognise_seen(like_digits(ink_of(picture)).astype(np.float32))


def recognise_seen(seen: np.ndarray) -> Recognition:
    """What digit the judge of pictures sees in float32 (28, 28) in [0, 1], sized and centred as it has learnt them.

    Raises InputError for a picture of another size.
    """
    if seen.shape != (28, 28):
        raise InputError(f"the drawing has the shape {seen.shape} as seen; the judge sees 28 x 28 pixels")
    return _recognition(_judge("mnist"), seen[None, None] * 2 - 1, "crossmodal.recognise_drawing", drawing(seen))


def recognise_speech(waveform: np.ndarray, sample_rate: int) -> Recognition:
    """What digit the judge of words hears in a recording of one, float (t,) in [-1, 1], 0.1 to 30 seconds.

    The loudest second of speech is looked for and the silence around it left out. Raises InputError for silence
    and for a recording that is too short or too long.
    """
    return recognise_word(spoken_word(waveform, sample_rate), recording(waveform, sample_rate))


def recognise_word(word: np.ndarray, given: Record) -> Recognition:
    """What digit the judge of words hears in a `spoken_word`, which `given` is the recording of."""
    judge = _judge("spoken_digits")
    config = judge.network.config
    heard = fit_length(word, config.frames * config.hop_length)[None]
    return _recognition(judge, heard, "crossmodal.recognise_speech", given)


def spoken_word(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The loudest stretch of speech in a recording: float32 (t,) at 8 kHz, at most a second. Raises InputError."""
    import soxr

    waveform = checked(waveform, sample_rate)
    seconds = len(waveform) / sample_rate
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise InputError(f"the recording lasts {seconds:.2f} seconds; {MIN_SECONDS:g} to {MAX_SECONDS:g} are allowed")
    mono = soxr.resample(waveform.astype(np.float32), int(sample_rate), JUDGE_RATE)
    samples = mono - mono.mean()
    frame = JUDGE_RATE // 100
    count = len(samples) // frame
    loudness = np.sqrt((samples[: count * frame].reshape(count, frame) ** 2).mean(axis=1))
    loudness = np.convolve(loudness, np.ones(3) / 3, mode="same")
    noise, peak = float(np.percentile(loudness, 10)), float(loudness.max())
    if peak < SILENCE:
        raise InputError("nothing is heard there: the recording is silent")
    voiced = loudness > max(0.06 * peak, min(1.5 * noise, 0.25 * peak))
    first, last = max(_stretches(voiced), key=lambda stretch: float(loudness[slice(*stretch)].sum()))
    heard = (last - first) / 100
    if heard < MIN_SECONDS / 2:
        raise InputError(f"what is heard lasts {heard:.2f} seconds; a word takes longer")
    if heard > MAX_WORD:  # the second with the most sound in it
        size = int(MAX_WORD * 100)
        energy = np.convolve(loudness[first:last] ** 2, np.ones(size), mode="valid")
        first += int(energy.argmax())
        last = first + size
    word: np.ndarray = samples[max(0, (first - MARGIN) * frame) : (last + MARGIN) * frame]
    return word


def _stretches(voiced: np.ndarray, bridge: int = 15) -> list[tuple[int, int]]:
    """Stretches (first, last + 1) of voiced frames; pauses of up to `bridge` frames, as within "eight", are bridged."""
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(voiced):
        if found and frame - found[-1][1] <= bridge:
            found[-1] = (found[-1][0], int(frame) + 1)
        else:
            found.append((int(frame), int(frame) + 1))
    return found


def _judge(dataset: str) -> Loaded:
    """The pinned judge of a data set. Raises InputError when none is pinned, or the weights are not the pinned ones."""
    judge = judge_of(dataset)
    if judge is None:
        raise InputError(f"there is no judge of {dataset} yet; train one first (see the README)")
    found = library.get(judge.name)
    if found.sha256 != judge.sha256:
        raise InputError(f"the weights of {judge.name} are not those that were pinned as the judge of {dataset}")
    return found


def _recognition(judge: Loaded, inputs: np.ndarray, operation: str, given: Record) -> Recognition:
    (logits,) = judge.network.run("classifier", inputs=inputs)
    probabilities = softmax(logits)[0].tolist()
    labels = [judge.labels[i] if i < len(judge.labels) else str(i) for i in range(len(probabilities))]
    named = dict(zip(labels, probabilities, strict=True))
    source = source_of(judge, judge.name, operation, {}, parents=(given,))
    return Recognition(max(named, key=lambda label: named[label]), named, source)


def realise(
    digits: str, *, seed: int = 0, speaker: str = "jackson", parents: tuple[Record, ...] = ()
) -> Iterator[float | Realisation]:
    """Draw and say up to eight decimal digits: yields the share done (0 to 1), at last the Realisation.

    `parents` are records of what the digits were read from (`number_given`, or that of a Recognition). Raises
    InputError before anything is loaded.
    """
    digits = read_number(digits)
    names = class_names(PAINTER)
    for digit in digits:
        if digit not in names:
            raise InputError(f"{PAINTER} has not learnt to draw {digit}")
    return _realise(digits, seed_of(seed), speak(VOICE, digits, speaker=speaker, seed=seed), parents)


def _realise(
    digits: str, seed: int, sound_steps: Iterator[float | Sound], parents: tuple[Record, ...]
) -> Iterator[float | Realisation]:
    yield 0.0
    picture = draw_number(PAINTER, digits, seed=seed, truncation=0.8)
    picture = replace(picture, source=after(parents, picture.source))
    for step in sound_steps:
        if isinstance(step, Sound):
            sound = replace(step, source=after(parents, step.source))
            yield Realisation(in_english(digits), in_chinese(digits), picture, sound)
        else:
            yield step


def after(parents: tuple[Record, ...], source: Source) -> Source:
    """The source of something that was made from what `parents` are the records of."""
    return replace(source, record=replace(source.record, parents=parents))
