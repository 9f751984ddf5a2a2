"""Digits and a voice -> a sound and its picture."""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from zoo.entry import AUDIO_GENERATION
from zoo.generate import library
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, whole, words
from zoo.generate.library import Loaded, Source, source_of
from zoo.runtime import pause

MAX_DIGITS = 8
"""Digits spoken at once."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 2.0
PAUSE = 0.12
"""Seconds of silence between two digits."""
FADE = 0.008
"""Seconds over which a clip's ends are faded, so that they do not click."""
PROGRESS_PAUSE = 0.05
"""Seconds at least between two reports of progress; in a rush `zoo.runtime.pause` makes them more."""
SPEAKERS = {"spoken_digits": ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")}
"""Names of the speakers of a data set, in the order of its speaker numbers."""
SPECTROGRAM_SIZE = (800, 260)
"""Width and height of a spectrogram in pixels."""
_MAGMA = "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf"
"""Ten stops of matplotlib's "magma" (S. van der Walt and N. Smith, CC0): even steps to the eye, also in grey."""


@dataclass(frozen=True)
class Sound:
    """waveform float32 (t,) in [-1, 1] at `sample_rate`, its picture, and where it came from."""

    waveform: np.ndarray
    sample_rate: int
    spectrogram: Image.Image
    source: Source


@dataclass(frozen=True)
class Piece:
    """What comes next of a sound that is being made, float32 (t,) at `sample_rate`, and the share that is done."""

    waveform: np.ndarray
    sample_rate: int
    share: float


def speakers(model: str) -> list[str]:
    """Voices of an audio checkpoint; numbered where its data set does not name them. Loads nothing."""
    count = library.whole_of(model, "num_speakers", AUDIO_GENERATION)
    names = SPEAKERS.get(str(library.recipe_of(model).get("dataset")), ())
    return [names[i] if i < len(names) else f"speaker {i + 1}" for i in range(count)]


def speak(
    model: str = "wavenet.spoken-digits",
    digits: str = "7",
    *,
    speaker: str = "jackson",
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[float | Sound]:
    """Say up to eight digits, joined by short pauses.

    Yields the share that is done (0 to 1), at most every 50 ms, and the Sound at the end. `temperature` 0.1 to 2.
    Raises InputError before anything is loaded.
    """
    return shares(speaking(model, digits, speaker=speaker, temperature=temperature, seed=seed))


def speaking(
    model: str = "wavenet.spoken-digits",
    digits: str = "7",
    *,
    speaker: str = "jackson",
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[Piece | Sound]:
    """As `speak`, to be heard while it is made: yields Pieces, which one after the other are the Sound at the end."""
    text = "".join(unicodedata.normalize("NFKC", words("the digits", digits, longest=64)).split())
    if not text:
        raise InputError("there are no digits to say; type up to eight, such as 42")
    if not all(c in "0123456789" for c in text):
        raise InputError(f"the digits are {quoted(digits)}; only 0 to 9 can be said")
    if len(text) > MAX_DIGITS:
        raise InputError(f"there are {len(text)} digits; at most {MAX_DIGITS} are said at once")
    voice = one_of("the speaker", speaker, voices := speakers(model))
    temperature = number("the temperature", temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
    seed = seed_of(seed)
    labels = library.labels_of(model)
    for digit in text:
        if digit not in labels:
            raise InputError(f"{model} has not learnt to say {digit}; it says {', '.join(labels)}")
    codes = np.array([labels.index(digit) for digit in text], np.int64)
    found = library.get(model, AUDIO_GENERATION)
    parameters = {"digits": text, "speaker": voice, "temperature": temperature}
    source = source_of(found, model, "audio.speak", parameters, seed=seed)
    return _speak(found, source, codes, voices.index(voice), temperature, seed)


def _speak(
    found: Loaded, source: Source, codes: np.ndarray, voice: int, temperature: float, seed: int
) -> Iterator[Piece | Sound]:
    from zoo.generate.digits import saying

    rate = int(found.network.config.sample_rate)
    yield Piece(np.zeros(0, np.float32), rate, 0.0)
    voices = np.full(len(codes), voice, np.int64)
    yield from joined(*saying(found.network, codes, voices, seed=seed, temperature=temperature), rate, source)


def shares(steps: Iterator[Piece | Sound]) -> Iterator[float | Sound]:
    """Of pieces the share that is done alone."""
    return (step.share if isinstance(step, Piece) else step for step in steps)


def joined(
    lengths: np.ndarray, pieces: Iterable[tuple[int, np.ndarray]], sample_rate: int, source: Source
) -> Iterator[Piece | Sound]:
    """Clips of so many samples, int64 (n,), one after the other, faded at their ends, with short silences between.

    `pieces` are the numbers of clips and their next samples, each clip's in order. What is known of the whole goes out
    at once, then every 50 ms (250 ms in a rush); last comes the Sound.
    """
    taken = lengths + round(PAUSE * sample_rate)
    starts = np.cumsum(taken) - taken
    whole = np.zeros(int(starts[-1] + lengths[-1]), np.float32)
    fades = [_fade(int(length), sample_rate) for length in lengths]
    filled, current, sent, shown = np.zeros(len(lengths), np.int64), 0, 0, -math.inf
    for clip, piece in pieces:
        begin, end = filled[clip], filled[clip] + len(piece)
        whole[starts[clip] + begin : starts[clip] + end] = piece * fades[clip][begin:end]
        filled[clip] = end
        while current + 1 < len(lengths) and filled[current] == lengths[current]:
            current += 1
        known = int(starts[current] + filled[current])
        if known > sent and time.monotonic() - shown >= pause(PROGRESS_PAUSE):
            shown = time.monotonic()
            yield Piece(whole[sent:known].copy(), sample_rate, float(filled.sum() / lengths.sum()))
            sent = known
    yield Piece(whole[sent:].copy(), sample_rate, 1.0)
    yield Sound(whole, sample_rate, spectrogram(whole, sample_rate), source)


def _fade(length: int, sample_rate: int) -> np.ndarray:
    """What a clip's samples are multiplied by, so that its ends do not click: float32 (length,)."""
    size = min(round(FADE * sample_rate), length // 2)
    ramp = np.linspace(0, 1, size, endpoint=False, dtype=np.float32)
    found = np.ones(length, np.float32)
    found[:size] = ramp
    found[length - size :] = ramp[::-1]
    return found


@cache
def _colours() -> np.ndarray:
    """256 colours from dark to bright, uint8 (256, 3)."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _MAGMA.split()], np.float64)
    at = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def spectrogram(waveform: np.ndarray, sample_rate: int) -> Image.Image:
    """waveform (t,) in [-1, 1] -> its log-mel spectrogram, 800 x 260: time to the right, pitch upwards, 70 dB deep.

    Raises InputError when there is no sound, or it holds values that are not finite.
    """
    waveform = checked(waveform, sample_rate)
    window_length = 2 ** round(np.log2(0.032 * sample_rate))  # 256 at 8 kHz
    hop = max(window_length // 8, -(-len(waveform) // 1600))  # two frames a pixel at most
    padded = np.pad(waveform.astype(np.float64), window_length // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window_length)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window_length), axis=1)) ** 2
    levels = 10 * np.log10(power @ _mel_filters(window_length, sample_rate) + 1e-12)  # (frames, mels)
    shades = ((levels - levels.max()) / 70 + 1).clip(0, 1)[:, ::-1].T
    if levels.max() < -60:  # silence
        shades = np.zeros_like(shades)
    image = Image.fromarray((shades * 255).astype(np.uint8)).resize(SPECTROGRAM_SIZE, Image.Resampling.BICUBIC)
    return Image.fromarray(_colours()[np.asarray(image)])


def checked(waveform: Any, sample_rate: int) -> np.ndarray:
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
        raise InputError(f"a sound is a row of fractions from -1 to 1, not {waveform.dtype} of shape {waveform.shape}")
    if len(waveform) == 0:
        raise InputError("the sound has no samples (0 seconds)")
    if not np.isfinite(waveform).all():
        raise InputError("the sound holds values that are no numbers (NaN or infinite)")
    whole("the sample rate", sample_rate, 1_000, 192_000)
    return waveform


def _mel_filters(window_length: int, sample_rate: int, bands: int = 80) -> np.ndarray:
    """Triangles even on the mel scale (O'Shaughnessy, 1987), from 60 Hz to half the rate or 8 kHz: (bins, bands)."""

    def mel(hertz: np.ndarray | float) -> Any:
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    bins = mel(np.arange(window_length // 2 + 1) * (sample_rate / window_length))[:, None]
    edges = np.linspace(mel(60.0), mel(min(sample_rate / 2, 8000.0)), bands + 2)
    # No triangle is narrower than two bins: low bands of a short window would otherwise catch none.
    width = np.maximum(edges[1] - edges[0], np.diff(bins[:, 0], append=bins[-1] * 2 - bins[-2]))[:, None]
    filters: np.ndarray = (1 - np.abs(bins - edges[1:-1]) / width).clip(0)
    return filters
