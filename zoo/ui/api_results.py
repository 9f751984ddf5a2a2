"""What /v1 makes: each endpoint's work as a generator that holds the machine alone, as the tabs' do."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from zoo.data.dialogue import ROLES
from zoo.entry import AUDIO_GENERATION, IMAGE_GENERATION, TEXT_GENERATION, TEXT_TO_SPEECH
from zoo.generate import audio, chat, crossmodal, image, library, speech, text
from zoo.generate.inputs import InputError, one_of, quoted
from zoo.generate.provenance import png, wav
from zoo.noise import MAX_SEED
from zoo.ui.api_replies import ModelCard
from zoo.ui.api_schema import MAX_TEXTS, ONE_VOICE, ChatRequest, Completion, ImageRequest, Speech
from zoo.ui.guard import compute, in_turn

ENDPOINTS = {
    TEXT_GENERATION: "/v1/completions",
    IMAGE_GENERATION: "/v1/images/generations",
    AUDIO_GENERATION: "/v1/audio/speech",
    TEXT_TO_SPEECH: "/v1/audio/speech",
}
"""Where a task is asked for."""
CHAT = "/v1/chat/completions"
"""Where checkpoints that chat are asked, whatever they do for that."""
_ROLES = dict(zip(("user", "assistant"), ROLES, strict=True))
_FOR_POEMS = ("form", "title", "author", "acrostic")


class ParameterError(InputError):
    """One parameter of a request cannot be met; the message says what can."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class UnknownModel(ParameterError):
    """No such checkpoint is installed, or it does something else; the message says which there are."""


@dataclass(frozen=True)
class Piece:
    """The next characters of text `index`; its last piece has a reason to end and the counts of its tokens."""

    index: int
    text: str
    seed: int
    source: library.Source
    ended: Literal["stop", "length"] | None = None
    prompt_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Drawn:
    """A PNG with its record, what it shows, its pixels (width, height), and where it came from."""

    png: bytes
    label: str
    seed: int
    size: tuple[int, int]
    source: library.Source


@dataclass(frozen=True)
class Spoken:
    """A sound's bytes in the format asked for."""

    data: bytes
    media_type: str
    sample_rate: int
    source: library.Source


def model_cards() -> list[ModelCard]:
    """Every checkpoint that is installed: what it does, where to ask for it, and for what. Loads nothing."""
    return [_card(row) for row in library.table()]


def _card(row: dict[str, Any]) -> ModelCard:
    name = str(row["name"])
    endpoint, choices = None, []
    if name in chat.choices():
        endpoint = CHAT
    else:
        for task in library.does(library.config_of(name)):
            if task in ENDPOINTS:
                endpoint, choices = ENDPOINTS[task], _choices(name, task)
                break
    return ModelCard(
        id=name, created=int((library.folder_of(name) / "config.json").stat().st_mtime), owned_by="model-zoo",
        task=str(row["task"]), endpoint=endpoint, choices=choices, parameters=row["parameters"], figure=row["figure"],
        licence=row["licence"], data=row["data"],
    )  # fmt: skip


def _choices(name: str, task: str) -> list[str]:
    if task == IMAGE_GENERATION:
        return image.class_names(name)
    if task == TEXT_TO_SPEECH:
        return [ONE_VOICE]
    return audio.speakers(name) if task == AUDIO_GENERATION else library.labels_of(name)


def check_completion(asked: Completion) -> None:
    """Raise ParameterError for parameters that do not go together, before the machine is waited for."""
    chatters = [name for name in library.choices(TEXT_GENERATION) if text.is_chat(name)]
    if asked.model in chatters:
        raise UnknownModel("model", f"{asked.model} answers messages; it is asked at {CHAT}")
    _check_model(asked.model, [name for name in library.choices(TEXT_GENERATION) if name not in chatters])
    prompts = _prompts(asked)
    if len(prompts) * asked.n > MAX_TEXTS:
        raise ParameterError("n", f"{len(prompts)} prompts times n = {asked.n} are too many; at most {MAX_TEXTS} texts")
    _check_stream(asked)
    given = {name for name in asked.model_fields_set if getattr(asked, name) != Completion.model_fields[name].default}
    if not text.is_verse(asked.model):
        for name in given.intersection(_FOR_POEMS):
            raise ParameterError(name, f"{name} is for poems; {asked.model} writes prose")
        return
    if "repetition_penalty" in given:
        raise ParameterError("repetition_penalty", f"repetition_penalty is not for poems, which {asked.model} writes")
    lines, length = text.LINES[asked.form]
    if "max_tokens" in given and asked.max_tokens < lines * length:
        raise ParameterError(
            "max_tokens", f"{asked.form} takes {lines * length} tokens; max_tokens is {asked.max_tokens}"
        )
    if asked.title and any(prompts):
        raise ParameterError("title", "a poem's title is the prompt or title, not both")


def _check_stream(asked: Completion | ChatRequest) -> None:
    if asked.stream_options is not None and not asked.stream:
        raise ParameterError("stream_options", "stream_options is only for stream: true")


def check_chat(asked: ChatRequest) -> None:
    """Raise ParameterError for a conversation that cannot be answered, before the machine is waited for."""
    _check_model(asked.model, chat.choices())
    _check_stream(asked)
    if asked.messages[-1].role != "user":
        raise ParameterError("messages", "the last message is the assistant's; it must be the user's, to be answered")
    newer = asked.max_completion_tokens
    if newer is not None and "max_tokens" in asked.model_fields_set and asked.max_tokens != newer:
        both = f"max_completion_tokens is {newer}, max_tokens {asked.max_tokens}: give one of them"
        raise ParameterError("max_completion_tokens", both)


def _prompts(asked: Completion) -> list[str]:
    return [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt


def _check_model(name: str, able: Sequence[str]) -> None:
    """Raise UnknownModel unless `name` is one of the models that are `able`. Nothing is fetched, whatever the name."""
    if not able:
        raise UnknownModel("model", f"no model that does this is installed here, and {quoted(name)} is none")
    try:
        one_of("the model", name, able)
    except InputError as error:
        known = {row["name"] for row in library.table()}
        message = f"{name} does not do this; use one of {', '.join(able)}" if name in known else str(error)
        raise UnknownModel("model", message) from error


@in_turn
def write(asked: Completion, seed: int) -> Iterator[Piece]:
    """The texts of a request one after the other, in pieces as they are written."""
    verse = text.is_verse(asked.model)
    order = [(prompt, _after(seed, i)) for prompt in _prompts(asked) for i in range(asked.n)]
    for index, (prompt, own_seed) in enumerate(order):
        if verse:
            title = asked.title or prompt
            steps = compute(
                text.compose, asked.model, asked.form, title=title, author=asked.author, acrostic=asked.acrostic,
                temperature=asked.temperature, top_k=asked.top_k, top_p=asked.top_p, seed=own_seed,
            )  # fmt: skip
            yield from _pieces(asked, index, own_seed, _verses(steps, title, asked.author))
        else:
            steps = compute(
                text.write, asked.model, prompt, max_new_tokens=asked.max_tokens, temperature=asked.temperature,
                top_k=asked.top_k, top_p=asked.top_p, repetition_penalty=asked.repetition_penalty, seed=own_seed,
            )  # fmt: skip
            yield from _pieces(asked, index, own_seed, _prose(steps))


@in_turn
def answer(asked: ChatRequest, seed: int) -> Iterator[Piece]:
    """The replies of a request one after the other, in pieces as they are written."""
    *before, last = asked.messages
    turns = [(_ROLES[message.role], message.said()) for message in before]
    most = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    for index in range(asked.n):
        own_seed = _after(seed, index)
        steps = compute(
            chat.reply, asked.model, turns, last.said(), max_new_tokens=most, temperature=asked.temperature,
            top_k=asked.top_k, top_p=asked.top_p, repetition_penalty=asked.repetition_penalty, seed=own_seed,
        )  # fmt: skip
        said = [*(turn for _, turn in turns if turn.strip()), last.said()]
        yield from _pieces(asked, index, own_seed, _replies(asked.model, steps, said, most))


@dataclass(frozen=True)
class _Step:
    """A text as far as it is written; `ended` when it came to an end of its own. `before` is what stands before it,
    where it is to be repeated, `read` what counts as the prompt."""

    text: str
    tokens: int
    done: bool
    ended: bool
    source: library.Source
    before: str
    read: str


def _prose(steps: Iterator[text.Writing]) -> Iterator[_Step]:
    with closing(steps):  # type: ignore[type-var]
        for one in steps:
            new = one.text[len(one.prompt) :]
            yield _Step(new, one.tokens, one.done, one.ended, one.source, one.prompt, one.prompt)


def _verses(steps: Iterator[text.Writing], title: str, author: str) -> Iterator[_Step]:
    with closing(steps):  # type: ignore[type-var]
        for one in steps:
            yield _Step(
                one.text, one.tokens, one.done, one.ended, one.source, title and f"{title}\n", f"{title}{author}"
            )  # fmt: skip


def _replies(model: str, steps: Iterator[chat.Reply], said: Sequence[str], most: int) -> Iterator[_Step]:
    """A reply that was found has not been written, but takes as many tokens as it has."""
    with closing(steps):  # type: ignore[type-var]
        for one in steps:
            found = one.done and one.score is not None
            tokens = text.count_tokens(model, one.text) if found else one.tokens
            ended = one.done and (found or one.tokens < most)
            yield _Step(one.text, tokens, one.done, ended, one.source, "", "\n".join(said[one.forgotten :]))


def _pieces(asked: Completion | ChatRequest, index: int, seed: int, steps: Iterator[_Step]) -> Iterator[Piece]:
    """What is new at each step, but for what may still turn out to be the beginning of a stop sequence."""
    stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    echo = isinstance(asked, Completion) and asked.echo
    sent = 0
    with closing(steps):  # type: ignore[type-var]
        for step in steps:
            if echo and step.before:
                yield Piece(index, step.before, seed, step.source)
                echo = False
            end = ending(step.text, stops)
            whole = end is not None or step.done
            ready = step.text[:end] if whole else step.text[: len(step.text) - _undecided(step.text, stops)]
            if len(ready) > sent:
                yield Piece(index, ready[sent:], seed, step.source)
                sent = len(ready)
            if whole:
                read = text.count_tokens(asked.model, step.read)
                count = step.tokens if end is None else text.count_tokens(asked.model, ready)
                reason: Literal["stop", "length"] = "stop" if end is not None or step.ended else "length"
                yield Piece(index, "", seed, step.source, reason, read, count)
                return


def ending(written: str, stops: Sequence[str]) -> int | None:
    """Where the stop sequence begins that is complete first; None where there is none.

    It is the same however the text came in pieces.
    """
    found = [(at + len(stop), at) for stop in stops if (at := written.find(stop)) >= 0]
    return min(found)[1] if found else None


def _undecided(written: str, stops: Sequence[str]) -> int:
    """How many characters at the end may be the beginning of a stop sequence."""
    return max((k for stop in stops for k in range(1, len(stop)) if written.endswith(stop[:k])), default=0)


def check_pictures(asked: ImageRequest) -> list[str]:
    """What each picture shows: a class, a number's digits, or "" where there are no classes. Raises ParameterError."""
    _check_model(asked.model, library.choices(IMAGE_GENERATION))
    _check_sampler(asked)
    names = image.class_names(asked.model)
    prompt = asked.prompt.strip()
    if not names:
        if prompt:
            raise ParameterError("prompt", f"{asked.model} does not draw by class; leave the prompt empty")
        return [""] * asked.n
    if not prompt:
        return [names[i % len(names)] for i in range(asked.n)]
    classes = {name.casefold(): name for name in names}
    if prompt.casefold() in classes:
        return [classes[prompt.casefold()]] * asked.n
    try:
        if not all(len(name) == 1 and name in "0123456789" for name in names):
            one_of("the class", prompt, names)
        digits = crossmodal.read_number(prompt)
        for digit in digits:
            one_of("the class", digit, names)
    except InputError as error:
        raise ParameterError("prompt", str(error)) from error
    return [digits] * asked.n


def _check_sampler(asked: ImageRequest) -> None:
    """Raise ParameterError for the first of truncation, steps and guidance that the model has no use for."""
    for name, alone in (
        ("truncation", (asked.truncation, None, None)),
        ("steps", (1.0, asked.steps, None)),
        ("guidance", (1.0, None, asked.guidance)),
    ):
        try:
            image.sampler_of(asked.model, *alone)
        except InputError as error:
            raise ParameterError(name, str(error)) from error


@in_turn
def draw(asked: ImageRequest, shown: list[str], seed: int) -> Iterator[Drawn | float]:
    """The pictures of a request, one by one; before each, where a model draws in many steps, the share that is done."""
    names = image.class_names(asked.model)
    options = {"truncation": asked.truncation, "steps": asked.steps, "guidance": asked.guidance}
    for i, label in enumerate(shown):
        own_seed = _after(seed, i)
        if label and label not in names:
            steps = compute(image.draw_number_live, asked.model, label, seed=own_seed, **options)
        else:
            steps = compute(image.draw_live, asked.model, label or None, count=1, seed=own_seed, **options)
        for step in steps:
            yield step if isinstance(step, float) else _sized(step, asked.size, label, own_seed)


def _sized(found: image.Pictures, size: str, label: str, seed: int) -> Drawn:
    """The sheet as it is ("auto"), or with every pixel once."""
    small, record = image.native(found), found.source.record
    sizes = {
        "auto": found.sheet,
        "x".join(map(str, small.size)): small,
        "x".join(map(str, found.sheet.size)): found.sheet,
    }
    if size not in sizes:
        raise ParameterError("size", f"size is {quoted(size)}; this picture comes as one of {', '.join(sizes)}")
    picture = sizes[size]
    said = replace(record, result="native") if picture is small else record
    return Drawn(png(picture, said), label, seed, picture.size, found.source)


def check_speech(asked: Speech) -> tuple[str, str]:
    """The model that is to speak and what it is to say: digits, or English. Raises ParameterError."""
    speakers, readers = library.choices(AUDIO_GENERATION), library.choices(TEXT_TO_SPEECH)
    given = asked.model_fields_set
    model = asked.model
    if "model" not in given and readers and not _is_number(asked.input):
        model = readers[0]
    _check_model(model, [*speakers, *readers])
    if model in readers:
        return model, _check_reading(asked, model)
    if asked.speed != 1:
        raise ParameterError("speed", f"speed is for models that read aloud; {model} says digits at a speed of its own")
    try:
        one_of("the voice", asked.voice, audio.speakers(model))
    except InputError as error:
        raise ParameterError("voice", str(error)) from error
    try:
        return model, crossmodal.read_number(asked.input)
    except InputError as error:
        raise ParameterError("input", str(error)) from error


def _is_number(given: str) -> bool:
    try:
        return bool(crossmodal.read_number(given))
    except InputError:
        return False


def _check_reading(asked: Speech, model: str) -> str:
    """The text that a model is to read aloud. Raises ParameterError."""
    if "voice" in asked.model_fields_set and asked.voice != ONE_VOICE:
        raise ParameterError(
            "voice", f"{model} has one voice alone, {quoted(ONE_VOICE)}; asked is {quoted(asked.voice)}"
        )
    if "temperature" in asked.model_fields_set and asked.temperature > speech.MAX_TEMPERATURE:
        most = f"{model} takes a temperature of at most {speech.MAX_TEMPERATURE:g}"
        raise ParameterError("temperature", f"the temperature is {asked.temperature:g}; {most}")
    try:
        text_, *_ = speech.sayable(asked.input)
    except InputError as error:
        raise ParameterError("input", str(error)) from error
    return text_


@in_turn
def speak(asked: Speech, model: str, said: str, seed: int) -> Iterator[Spoken | float]:
    """The share that is done, and at last the sound."""
    options = {"temperature": asked.temperature} if "temperature" in asked.model_fields_set else {}
    if TEXT_TO_SPEECH in library.does(library.config_of(model)):
        steps = compute(speech.saying, model, said, speed=asked.speed, seed=seed, **options)
    else:
        steps = compute(audio.speak, model, said, speaker=asked.voice, seed=seed, **options)
    for step in steps:
        made = step.sound if isinstance(step, speech.Speech) else step
        yield _encoded(made, asked.response_format) if isinstance(made, audio.Sound) else made


def _encoded(sound: audio.Sound, kind: Literal["wav", "flac", "pcm"]) -> Spoken:
    samples = np.round(np.clip(sound.waveform, -1, 1) * 32767).astype("<i2")
    if kind == "wav":
        data = wav(sound.waveform, sound.sample_rate, sound.source.record)
    elif kind == "pcm":
        data = samples.tobytes()
    else:
        data = _flac(samples, sound)
    return Spoken(data, f"audio/{kind}", sound.sample_rate, sound.source)


def _flac(samples: np.ndarray, sound: audio.Sound) -> bytes:
    """A FLAC that says in its comments what made it; only a WAV holds the whole record."""
    import soundfile

    encoded, record = io.BytesIO(), sound.source.record
    with soundfile.SoundFile(encoded, "w", sound.sample_rate, 1, "PCM_16", format="FLAC") as file:
        file.comment = f"Made by a machine, the Model Zoo: {record.line()}"
        file.copyright = record.licence
        file.write(samples)
    return encoded.getvalue()


def _after(seed: int, steps: int) -> int:
    """The seed `steps` after `seed`; the first one follows the last."""
    return (seed + steps) % (MAX_SEED + 1)
