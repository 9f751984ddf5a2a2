"""A recording -> its mel spectrogram -> a waveform again: by a vocoder, and by Griffin-Lim beside it."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.engine import Network
from zoo.entry import VOCODING
from zoo.generate import library
from zoo.generate.audio import Sound, checked, spectrogram
from zoo.generate.griffin_lim import griffin_lim
from zoo.generate.inputs import InputError, number, seed_of
from zoo.generate.library import source_of
from zoo.generate.provenance import recording
from zoo.generate.short_time import LEAST, ShortTime, mel_filters, mel_magnitudes
from zoo.generate.steps import finished, scaled
from zoo.noise import Noise

MIN_SECONDS, MAX_SECONDS = 0.1, 10.0
SILENCE = 1e-3
"""Largest sample of a recording in which nothing is heard."""
PEAK = 0.95
"""Largest sample of what is vocoded: loudness is brought to that of the training recordings."""
_FRAMES = 500
"""Frames that the flow makes at once: some tenths of a second of a core, after each of which one may leave."""
_ROUNDS, _FACTOR = 16, 20.0
"""How often a waveform is levelled, and the largest factor of a band each time."""


@dataclass(frozen=True)
class Resynthesis:
    """A recording at the model's rate, what the vocoder and what Griffin-Lim make of its spectrogram, and how far each
    lies from it (`zoo.metrics.spectral_distance`)."""

    original: Sound
    vocoded: Sound
    griffin_lim: Sound
    distances: tuple[float, float]


def resynthesise(
    model: str, waveform: np.ndarray, sample_rate: int, *, temperature: float = 0.6, seed: int = 0
) -> Resynthesis:
    """Reduce a recording of 0.1 to 10 seconds, float (t,) in [-1, 1], to its mel spectrogram, and make sound of that.

    `temperature` (0 to 1) is the deviation of the noise that the flow begins with. Raises InputError for silence, for
    lengths outside these, and for samples that are no numbers.
    """
    import soxr

    from zoo.metrics.spectral_distance import spectral_distance

    waveform = checked(waveform, sample_rate)
    seconds = len(waveform) / sample_rate
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise InputError(f"the recording lasts {seconds:.2f} seconds; {MIN_SECONDS:g} to {MAX_SECONDS:g} are allowed")
    if float(np.abs(waveform).max()) < SILENCE:
        raise InputError("nothing is heard there: the recording is silent")
    temperature, seed = number("the temperature", temperature, 0, 1), seed_of(seed)
    found = library.get(model, VOCODING)
    config = found.network.config
    rate = int(config.sample_rate)
    mono = soxr.resample(waveform.astype(np.float32), int(sample_rate), rate)
    mono = mono[: len(mono) // config.hop_length * config.hop_length]
    mono = (mono * (PEAK / max(float(np.abs(mono).max()), SILENCE))).astype(np.float32)
    given = recording(waveform, sample_rate)
    source = source_of(found, model, "audio.resynthesise", {"temperature": temperature}, seed=seed, parents=(given,))
    (mel,) = found.network.run("spectrogram", waveforms=mono[None])
    made = vocode(found.network, mel, temperature=temperature, seed=seed)[0]
    plain = griffin_lim(mel[0], config.window_length, config.hop_length, rate, seed=seed).clip(-1, 1)
    original, vocoded, unlearnt = (Sound(one, rate, spectrogram(one, rate), source) for one in (mono, made, plain))
    distances = (spectral_distance(made, mono, rate), spectral_distance(plain, mono, rate))
    return Resynthesis(original, vocoded, unlearnt, distances)


def vocode(network: Network, mel: np.ndarray, *, temperature: float | None = None, seed: int = 0) -> np.ndarray:
    """Log-mel spectrograms float32 (n, frames, mels) -> waveforms float32 (n, frames * hop) in [-1, 1].

    `temperature` is the config's unless given; each row has noise of its own from `seed`. The flow's waveform is then
    `levelled`, or what the noise has less of energy would be missing.
    """
    return finished(vocoding(network, mel, temperature=temperature, seed=seed))


def vocoding(
    network: Network, mel: np.ndarray, *, temperature: float | None = None, seed: int = 0
) -> Generator[float, None, np.ndarray]:
    """`vocode`, which may be left at each yield of the share that is done."""
    config = network.config
    deviation = np.float32(config.temperature if temperature is None else temperature)
    frames, hop = mel.shape[1], config.hop_length
    code = deviation * Noise(seed).normal_array(len(mel), frames * hop)
    parts = []
    for start in range(0, frames, _FRAMES):
        low, high = max(0, start - _reach(config)), start + _FRAMES + _reach(config)
        excitation, taps = network.run("vocoder", mel=mel[:, low:high], code=code[:, low * hop : high * hop])
        first, after = start - low, start - low + _FRAMES
        parts.append((excitation[:, first * hop : after * hop], taps[:, first:after]))
        yield min(1.0, (start + _FRAMES) / frames) / 2
    excitation, taps = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    made = yield from scaled(colouring(excitation, taps, hop), 0.5, 0.9)
    sizes = (config.window_length, hop, int(config.sample_rate))
    return np.stack([levelled(*pair, *sizes) for pair in zip(made, mel, strict=True)]).clip(-1, 1)


def _reach(config: Any) -> int:
    """Frames on either side that the flow looks at for one: each of its couplings has layers of 3 taps, 1, 2, 4, ...
    positions apart, and the spectrogram is read with 5 taps and then 3."""
    return math.ceil(config.flows * (2**config.layers - 1) * config.group / config.hop_length) + 3


def levelled(
    waveform: np.ndarray, mel: np.ndarray, window_length: int, hop_length: int, sample_rate: int
) -> np.ndarray:
    """A waveform (frames * hop,) brought nearer to log-mel magnitudes (frames, mels), its phases kept: float32.

    Each band of each frame is multiplied by what it lacks, and the frames are laid over each other, `_ROUNDS` times:
    Griffin and Lim's iteration (`zoo.generate.griffin_lim`), but from the phases and the harmonics of a waveform.
    """
    filters = mel_filters(window_length, mel.shape[1], sample_rate)
    shares = filters / filters.sum(1, keepdims=True).clip(1e-9)  # of each band in a bin's factor; below 40 Hz none
    wanted, frames = mel_magnitudes(mel).clip(LEAST), ShortTime(len(mel), window_length, hop_length)
    for _ in range(_ROUNDS):
        spectrum = frames.spectrum(waveform)
        lacking = (wanted / (np.abs(spectrum) @ filters).clip(LEAST)).clip(1 / _FACTOR, _FACTOR)
        waveform = frames.sound(spectrum * np.exp(np.log(lacking) @ shares.T))
    return waveform.astype(np.float32)


def coloured(excitation: np.ndarray, taps: np.ndarray, hop_length: int) -> np.ndarray:
    """excitation float32 (n, t), taps (n, t / hop_length, order) -> waveforms float32 (n, t), each sample what its
    frame's taps foretell of those before it, and its excitation: `zoo.nn.linear_prediction` without torch."""
    return finished(colouring(excitation, taps, hop_length))


def colouring(excitation: np.ndarray, taps: np.ndarray, hop_length: int) -> Generator[float, None, np.ndarray]:
    """`coloured`, which may be left at each yield of the share that is done."""
    order, frames = taps.shape[2], taps.shape[1]
    filters = -taps[..., ::-1].astype(np.float64)  # the nearest sample's tap is the last
    made = np.zeros((len(excitation), order + excitation.shape[1]))
    made[:, order:] = excitation
    for frame in range(frames):
        for i in range(frame * hop_length, (frame + 1) * hop_length):
            made[:, order + i] += (made[:, i : order + i] * filters[:, frame]).sum(1)
        if frame % _FRAMES == 0:
            yield frame / frames
    return made[:, order:].astype(np.float32)
