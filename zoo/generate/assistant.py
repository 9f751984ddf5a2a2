"""What is typed or said -> a reply in text, in voice and with a picture: several models, one after the other.

The rules are few, and a step tells which was followed:

1. A recording is heard by the pinned judge of spoken digits. It knows the ten words and nothing else: whatever is said,
   it hears a digit.
2. A number is answered by itself, in words (by rule), drawn and said: a single digit by a joint model, where there is
   one, else every digit by the models that draw and say digits.
3. All else is answered by a model of dialogues. Its reply, or as much of the beginning as a model takes, is read aloud,
   in English alone; the emoji that fits it is found, and drawn by its name where a model has learnt to.

A form whose model is not installed, or whose model refuses, is left out, and the answer says why. There is no state:
what is remembered is the history that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from zoo.entry import ANY_TO_ANY, AUDIO_GENERATION, IMAGE_GENERATION, IMAGE_TEXT_MATCHING, TEXT_TO_IMAGE, TEXT_TO_SPEECH
from zoo.generate import chat, crossmodal, joint, library, matching, prompting, speech
from zoo.generate.audio import MAX_DIGITS, Sound
from zoo.generate.image import Pictures
from zoo.generate.inputs import InputError, seed_of, words
from zoo.generate.languages import language_of, plain
from zoo.generate.library import Source
from zoo.generate.numbers import digits_of
from zoo.generate.provenance import Record
from zoo.generate.text import tokenizer_of
from zoo.metrics.judges import judge_of

MAX_REMEMBERED = 10
"""Turns of a history that are handed on, the newest: so many, however long, fit into the record of every file."""
MAX_REPLY = 40
"""Tokens of a reply that is written: what is read aloud is short."""
MAX_SPOKEN = 200
"""Characters of a reply that are read aloud."""
EXAMPLES = ("Have you seen a good movie lately?", "Do you like dogs?", "42", "你喜欢看什么电影？", "四十二")
"""What the page offers to say."""
_VOICED = ("pronounced", "voiced", "sounded")
"""What the models of `zoo.generate.speech` do, in the order of its sources."""
LACKS = {
    "chinese": ("the voice reads English alone: a reply in Chinese is not read", "朗读模型只会英文，中文回复不朗读"),
    "no_voice": ("no model that reads aloud is installed here", "这里没有安装朗读的模型"),
    "no_painter": (
        "no model that draws from words, or finds an emoji for them, is installed here",
        "这里没有安装按文字作画或找表情的模型",
    ),
    "no_digits": ("the models that draw and say digits are not installed here", "这里没有安装写数字、读数字的模型"),
    "refused": ("the model could not take it", "模型无法处理"),
}
"""Why a form of an answer may be missing, in English and Chinese."""


@dataclass(frozen=True)
class Lack:
    """Why a form is missing: a key of LACKS, and for a refusal its words."""

    what: str
    refusal: str = ""

    def words(self, language: str = "en") -> str:
        """The same in "en" or "zh"; a refusal's own words are English."""
        said = LACKS[self.what][language == "zh"]
        return f"{said}: {self.refusal}" if self.refusal else said


@dataclass(frozen=True)
class Step:
    """What was done ("heard", "read", "named", "replied", "retrieved", "pronounced", "voiced", "sounded", "spoke",
    "drew", "found" or "joined"), and the model that did it: its name, headline figure and licence; "" for a rule."""

    what: str
    model: str = ""
    figure: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer as far as it has come; `done` when it ends.

    `said` is what was typed, or the digit that was heard. `sound`, and `picture` and `emoji` (the character that was
    found, with its names), are None until they are made, or for good: `no_sound` and `no_picture` say why there is no
    sound, and neither of the two. `text`, `sound` and what is seen each have a record, with those of the steps before.
    """

    said: str
    text: str
    record: Record
    steps: tuple[Step, ...]
    sound: Sound | None = None
    no_sound: Lack | None = None
    picture: Image.Image | None = None
    emoji: matching.Matches | None = None
    seen: Record | None = None
    """The record of the picture; where there is none, of the emoji."""
    no_picture: Lack | None = None
    done: bool = False


def offered() -> bool:
    """Whether enough is installed: a model of dialogues, and one that reads aloud, draws from words or finds emoji."""
    others = (TEXT_TO_SPEECH, TEXT_TO_IMAGE, IMAGE_TEXT_MATCHING)
    return bool(chat.choices()) and any(map(library.choices, others))


def needed() -> tuple[str, ...]:
    """Every checkpoint that an answer may go through; none where it is not `offered`."""
    if not offered():
        return ()
    found = set(chat.choices())
    for task in (TEXT_TO_SPEECH, TEXT_TO_IMAGE, IMAGE_TEXT_MATCHING, ANY_TO_ANY):
        found.update(library.choices(task)[:1])
    for voice in library.choices(TEXT_TO_SPEECH)[:1]:
        found.update(speech.companions(library.config_of(voice)))
    judge = judge_of("spoken_digits")
    found.update(name for name in (judge.name if judge else "", crossmodal.PAINTER, crossmodal.VOICE) if name)
    return tuple(sorted(found & set(library.names())))


def answer(
    model: str,
    history: Sequence[Sequence[str]] = (),
    message: str = "",
    *,
    recording: tuple[np.ndarray, int] | None = None,
    seed: int = 0,
) -> Iterator[float | Answer]:
    """Answer a message of up to 1,000 characters, or a recording (waveform float (t,) in [-1, 1], rate) of a digit.

    `model` is the checkpoint that replies (`zoo.generate.chat.choices`), given the `history`: pairs of a role, "user"
    or "bot", and a text, of which the newest ten count. Yields the share of a step that is done, from 0 to 1, and the
    Answer as far as it has come; the last one is `done`. Raises InputError for a message that is empty, too long or in
    another language, and for a recording that is silent, clipped, too short or long, or of an impossible rate.
    """
    seed = seed_of(seed)
    if recording is not None:
        what = joint.given("", None, recording)
        assert what.heard is not None
        heard = crossmodal.recognise_word(what.heard, what.records[0])
        return _number(heard.digits, heard.source.record, _step("heard", heard.source), heard.digits, seed)
    message = plain(words("the message", message, longest=chat.MAX_MESSAGE))
    digits = _digits(message)
    if digits:
        return _number(digits, crossmodal.number_given(message), Step("read"), message, seed)
    remembered = tuple(history)[-MAX_REMEMBERED:]
    return _reply(model, remembered, message, seed)


def _digits(message: str) -> str:
    """The digits of a message that is a number and nothing else, at most eight; "" for another."""
    found = digits_of(message) if 0 < len(message) <= crossmodal.MAX_NUMBER_TEXT else None
    return found if found and len(found) <= MAX_DIGITS else ""


def _step(what: str, source: Source) -> Step:
    return Step(what, source.name, source.figure, source.licence)


def _number(digits: str, given: Record, first: Step, said: str, seed: int) -> Iterator[float | Answer]:
    """A number in words, drawn and said. `given` is the record of what it was read from."""
    named = crossmodal.number_in_words(digits, parents=(given,))
    so_far = Answer(said, named.text, named.source.record, (first, Step("named")))
    yield so_far
    both = next((name for name in library.choices(ANY_TO_ANY) if digits in library.labels_of(name)), "")
    lack = Lack("no_digits")
    try:
        if both:
            made = joint.give(both, joint.Given(digits, None, None, (given,)), seed=seed)
            steps = (*so_far.steps, _step("joined", made.source))
            yield replace(
                so_far, sound=made.sound, picture=made.picture, seen=made.source.record, steps=steps, done=True
            )
            return
        if crossmodal.PAINTER in library.choices(IMAGE_GENERATION) and crossmodal.VOICE in library.choices(
            AUDIO_GENERATION
        ):
            for step in crossmodal.realise(digits, seed=seed, parents=(given,)):
                if isinstance(step, float):
                    yield step
                    continue
                drawn, sound = step.picture, step.sound
                steps = (*so_far.steps, _step("drew", drawn.source), _step("spoke", sound.source))
                yield replace(
                    so_far, sound=sound, picture=drawn.sheet, seen=drawn.source.record, steps=steps, done=True
                )
            return
    except InputError as error:
        lack = Lack("refused", str(error))
    yield replace(so_far, no_sound=lack, no_picture=lack, done=True)


def _reply(model: str, history: tuple[Sequence[str], ...], message: str, seed: int) -> Iterator[float | Answer]:
    """A reply, read aloud and drawn."""
    so_far = None
    for made in chat.reply(model, history, message, max_new_tokens=MAX_REPLY, seed=seed):
        step = _step("replied" if made.score is None else "retrieved", made.source)
        so_far = Answer(message, made.text, made.source.record, (step,))
        yield so_far
    assert so_far is not None  # a reply is yielded once at least
    sound = _voiced(so_far.text, so_far.record, seed)
    if isinstance(sound, Lack):
        so_far = replace(so_far, no_sound=sound)
    else:
        done = _VOICED[-len(sound.sources) :]  # that a word was to be guessed is rare
        named = [_step(what, source) for what, source in zip(done, sound.sources, strict=True)]
        so_far = replace(so_far, sound=sound.sound, steps=(*so_far.steps, *named))
    yield so_far
    yield from _drawn(so_far, seed)


def _voiced(text: str, parent: Record, seed: int) -> speech.Speech | Lack:
    """A reply read aloud, as far as it is."""
    if language_of(text) == "zh":
        return Lack("chinese")
    voices = library.choices(TEXT_TO_SPEECH)
    if not voices:
        return Lack("no_voice")
    try:
        made = speech.say(voices[0], beginning(text, lambda part: len(part) <= MAX_SPOKEN), seed=seed)
    except InputError as error:
        return Lack("refused", str(error))
    sound = replace(made.sound, source=crossmodal.after((parent,), made.sound.source))
    return replace(made, sound=sound)


def _drawn(so_far: Answer, seed: int) -> Iterator[float | Answer]:
    """The answer with the emoji that fits its text, drawn by its name; with one of the two; or why there is none.

    A model that draws has learnt names of things: of a whole sentence it makes less than of the emoji found for it. A
    sentence it gets where it cannot read the name, or nothing finds one; an emoji that it has not learnt it leaves.
    """
    painters, finders = tuple(library.choices(TEXT_TO_IMAGE)), library.choices(IMAGE_TEXT_MATCHING)
    wanted, lack = [(so_far.text, so_far.record)], Lack("no_painter")
    if finders:
        try:
            found = matching.find(finders[0], beginning(so_far.text, _fits(finders[0], str)), top=1)
            source = crossmodal.after((so_far.record,), found.source)
            steps = (*so_far.steps, _step("found", source))
            so_far = replace(so_far, emoji=replace(found, source=source), seen=source.record, steps=steps)
            (best,) = found.matches
            name = best.chinese if language_of(so_far.text) == "zh" else best.english
            wanted.insert(0, (name, source.record))
            learnt = prompting.learnt(painters[0]) if painters else {}
            if learnt and best.emoji not in learnt:
                painters = ()  # it would draw a blot
        except InputError as error:
            lack = Lack("refused", str(error))
    for text, parent in wanted if painters else []:
        try:
            part = beginning(text, _fits(painters[0], lambda one: prompting.prompt_of(one, prompting.STYLES[0])))
            for step in prompting.draw(painters[0], part, count=1, seed=seed):
                if isinstance(step, Pictures):
                    source = crossmodal.after((parent,), step.source)
                    steps = (*so_far.steps, _step("drew", source))
                    yield replace(so_far, picture=step.sheet, seen=source.record, steps=steps, done=True)
                    return
                yield step
        except InputError as error:
            lack = Lack("refused", str(error))
    yield replace(so_far, no_picture=None if so_far.emoji else lack, done=True)


def _fits(model: str, prompt: Callable[[str], str]) -> Callable[[str], bool]:
    """Whether a model sees the whole `prompt` of a text at once."""
    found = library.get(model)
    tokenizer, seen = tokenizer_of(found), found.network.config.context_length
    return lambda text: len(tokenizer.encode(prompt(text)).ids) <= seen


def beginning(text: str, fits: Callable[[str], bool]) -> str:
    """The text, or the longest beginning of it that fits and cuts no word of Latin letters; "" where none does."""
    for end in range(len(text), 0, -1):
        around = text[end - 1 : end + 1]
        if len(around) == 2 and all(c.isascii() and (c.isalnum() or c == "'") for c in around):
            continue
        part = text[:end].strip()
        if part and fits(part):
            return part
    return ""
