"""English text -> phonemes -> a mel spectrogram -> sound: three models of the zoo, one after the other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from zoo.config import suggestion
from zoo.data.sequences import PRONOUNCING
from zoo.data.spoken_text import PAUSES, SYMBOLS, phonemes_of, pronunciations, spoken_items
from zoo.engine import Network
from zoo.entry import TEXT_TO_SPEECH, TRANSLATION, VOCODING
from zoo.generate import library
from zoo.generate.audio import Sound, spectrogram
from zoo.generate.inputs import InputError, number, quoted, seed_of, words
from zoo.generate.library import Source, source_of
from zoo.generate.numbers import in_english
from zoo.generate.steps import finished, scaled
from zoo.generate.text import tokenizer_of
from zoo.generate.vocoder import vocoding
from zoo.noise import Noise

MAX_TEXT = 300
"""Characters of a text."""
MAX_SYMBOLS = 250
"""Phonemes and pauses that are said at once."""
MAX_WORD = 24
"""Letters of a word that is not in the list."""
MIN_SPEED, MAX_SPEED = 0.5, 2.0
MAX_TEMPERATURE = 1.0
_FRAMES = 40
"""Frames that one phoneme may last at most."""


@dataclass(frozen=True)
class Speech:
    """The sound, what was said word by word, which words were guessed by the pronouncing model, and the models."""

    sound: Sound
    items: tuple[tuple[str, tuple[str, ...]], ...]
    guessed: tuple[str, ...]
    sources: tuple[Source, ...]


def say(
    model: str = "tts.telephone", text: str = "", *, speed: float = 1.0, temperature: float = 0.6, vocoder: str = "",
    seed: int = 0,
) -> Speech:  # fmt: skip
    """As `saying`, to its end."""
    return finished(saying(model, text, speed=speed, temperature=temperature, vocoder=vocoder, seed=seed))


def saying(
    model: str = "tts.telephone", text: str = "", *, speed: float = 1.0, temperature: float = 0.6, vocoder: str = "",
    seed: int = 0,
) -> Generator[float | Speech, None, Speech]:  # fmt: skip
    """Read up to 300 characters of English aloud. `speed` 0.5 to 2, `temperature` 0 to 1.

    Words that the list of `zoo.data.spoken_text` lacks are pronounced by the zoo's own model of spelling. Numbers are
    said as words. `vocoder` names the one that makes the spectrogram heard: the first that reads such, by default.
    Yields the share that is done, at last the speech, and returns that. Raises InputError for a text without a word, in
    another script, or too long.
    """
    text, items, guessed = sayable(text)
    speed = number("the speed", speed, MIN_SPEED, MAX_SPEED)
    temperature, seed = number("the temperature", temperature, 0, MAX_TEMPERATURE), seed_of(seed)
    found = library.get(model, TEXT_TO_SPEECH)
    vocoder = vocoder_for(found.network.config, vocoder)
    heard = library.get(vocoder, VOCODING)
    known = dict(pronunciations())
    sources: list[Source] = []
    if guessed:
        known |= _guessed(guessed, sources)
    symbols = phonemes_of(items, known.__getitem__)
    if len(symbols) > MAX_SYMBOLS:
        raise InputError(f"the text has {len(symbols)} phonemes; at most {MAX_SYMBOLS} are said at once")
    ids = np.array([SYMBOLS.index(symbol) for symbol in symbols], np.int64)
    frames = speaking(found.network, [ids], speed=speed, temperature=temperature, seed=seed)
    (mel,) = yield from scaled(frames, 0.0, 0.3)
    rate = int(found.network.config.sample_rate)
    (waveform,) = yield from scaled(vocoding(heard.network, mel[None], seed=seed), 0.3, 1.0)
    parameters = {"text": text, "speed": speed, "temperature": temperature, "vocoder": vocoder}
    source = source_of(found, model, "audio.say", parameters, seed=seed)
    sound = Sound(waveform, rate, spectrogram(waveform, rate), source)
    sources += [source, source_of(heard, vocoder, "audio.say", parameters, seed=seed)]
    said = tuple((item, tuple(known.get(item, ()))) for item in items)
    made = Speech(sound, said, tuple(guessed), tuple(sources))
    yield made
    return made


def sayable(text: str) -> tuple[str, list[str], list[str]]:
    """A text in its one true form, its words and pauses in order, and those words that are to be guessed.

    Raises InputError for a text that cannot be read aloud: without a word, in another script, too long, or with a word
    that nothing here pronounces. Loads nothing.
    """
    text = unicodedata.normalize("NFKC", words("the text", text, longest=MAX_TEXT))
    strange = list(dict.fromkeys(c for c in text if c.isalpha() and not ("a" <= _plain(c).lower() <= "z")))
    if strange:
        raise InputError(f"{quoted(''.join(strange[:8]))} cannot be read aloud; the voice reads English")
    spelt = re.sub(r"\d+", lambda found: f" {in_english(found.group())} ", "".join(map(_plain, text)))
    items = spoken_items(spelt)
    if not any(item not in PAUSES for item in items):
        raise InputError("there is nothing to say; write some English words")
    known = pronunciations()
    unknown = [item for item in dict.fromkeys(items) if item not in PAUSES and item not in known]
    if unknown and not _spellers():
        raise InputError(f"how {quoted(unknown[0])} sounds is not in the list, and no model that pronounces is here")
    long = [word for word in unknown if len(word) > MAX_WORD]
    if long:
        raise InputError(f"the word {quoted(long[0])} has {len(long[0])} letters; at most {MAX_WORD} are read")
    return text, items, unknown


def symbols_of(text: str) -> np.ndarray:
    """What a voice reads of a text whose words are all in the list: int64 (p,). Raises KeyError for another word."""
    symbols = phonemes_of(spoken_items(text), pronunciations().__getitem__)
    return np.array([SYMBOLS.index(symbol) for symbol in symbols], np.int64)


def spoken(
    network: Network,
    texts: Sequence[np.ndarray],
    *,
    speed: float = 1.0,
    temperature: float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> list[np.ndarray]:
    """Symbols int64 (p,) of each text -> its log-mel frames float32 (t, mels), by Euler's steps along the flow."""
    return finished(speaking(network, texts, speed=speed, temperature=temperature, steps=steps, seed=seed))


def speaking(
    network: Network,
    texts: Sequence[np.ndarray],
    *,
    speed: float = 1.0,
    temperature: float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Generator[float, None, list[np.ndarray]]:
    """`spoken`, which may be left at each yield of the share that is done."""
    config = network.config
    deviation = np.float32(config.temperature if temperature is None else temperature)
    count = config.sampling_steps if steps is None else steps
    found = []
    for row, ids in enumerate(texts):
        symbols = ids[None]
        means, states, log_durations = network.run("phonemes", symbols=symbols, mask=np.ones_like(symbols))
        durations = np.round(np.exp(log_durations[0]) / speed).clip(1, _FRAMES).astype(np.int64)
        condition = spread(means[0], states[0], durations)[None]
        frames: np.ndarray = deviation * Noise(seed, row).normal_array(1, int(durations.sum()), config.num_mels)
        mask = np.ones(frames.shape[:2], np.float32)
        for step in range(count):
            time = np.full(1, step / count, np.float32)
            (velocity,) = network.run("velocity", frames=frames, time=time, condition=condition, mask=mask)
            frames = frames + velocity / np.float32(count)
            yield (row + (step + 1) / count) / len(texts)
        found.append(frames[0])
    return found


def spread(means: np.ndarray, states: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """As `zoo.models.audio.tts.spread`, of one text: (p, mels), (p, c), int64 (p,) -> float32 (t, mels + c + 2)."""
    own = np.concatenate([means, states], axis=1)
    share = np.concatenate([(np.arange(length) + 0.5) / length for length in durations])
    length = np.log(np.repeat(durations, durations))
    return np.concatenate([np.repeat(own, durations, axis=0), share[:, None], length[:, None]], axis=1).astype(
        np.float32
    )


def vocoder_for(config: Any, wanted: str = "") -> str:
    """The vocoder `wanted`, or the first, that reads spectrograms such as `config` states. Raises InputError if none
    does."""
    fields = ("sample_rate", "window_length", "hop_length", "num_mels")
    names = library.choices(VOCODING)
    if wanted and wanted not in names:
        raise InputError(f"no vocoder is named {quoted(wanted)}{suggestion(wanted[:60], names)}")
    for name in [wanted] if wanted else names:
        stated = library.config_of(name, VOCODING)["config"]
        if all(stated.get(field) == getattr(config, field) for field in fields):
            return name
    raise InputError("the voice needs a vocoder of its spectrograms, and none is here")


def companions(stated: Mapping[str, Any]) -> tuple[str, ...]:
    """The checkpoints that a voice speaks through, of its config.json: a vocoder, and one that pronounces where there
    is one; none for other models. Raises InputError where there is no vocoder."""
    if TEXT_TO_SPEECH not in library.does(stated):
        return ()
    return vocoder_for(SimpleNamespace(**stated["config"])), *_spellers()[:1]


def _spellers() -> list[str]:
    return [name for name in library.choices(TRANSLATION) if PRONOUNCING in library.labels_of(name, TRANSLATION)]


def _guessed(unknown: Sequence[str], sources: list[Source]) -> dict[str, tuple[str, ...]]:
    """What the model of spelling makes of words that the list lacks."""
    from zoo.generate.translation import translated

    names = _spellers()
    found = library.get(names[0], TRANSLATION)
    said = translated(found.network, tokenizer_of(found), list(unknown), PRONOUNCING)
    sources.append(source_of(found, names[0], "text.pronounce", {"text": " ".join(unknown)}))
    return {word: tuple(p for p in one.split() if p in SYMBOLS) for word, one in zip(unknown, said, strict=True)}


def _plain(character: str) -> str:
    """A letter without its accent."""
    return unicodedata.normalize("NFKD", character)[0]
