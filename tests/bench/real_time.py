"""How long every bundled model of sound takes over a second of sound, on one core.

    python tests/bench/real_time.py [--repeats 5]

Seconds of the core's own time that a second of sound takes (below 1: faster than it is played), from the call that the
app makes to the waveform and its picture, once the model is loaded; and seconds by the clock for the whole call.
Beside vocoders, in the same turns, torchaudio's Griffin-Lim of 32 iterations on as many frames. Prints one JSON line a
figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import timing
import torch

from zoo import entry
from zoo.generate import audio, chorale, drums, library, notes, speech, vocoder
from zoo.noise import Noise

SENTENCE = "Your call is important to us. Please stay on the line."
SECONDS = 3.0
"""Of the recording that vocoders get."""
Maker = Callable[[int], float]
"""A seed -> seconds of the sound that was made of it."""


def makers() -> Iterator[tuple[str, Maker]]:
    """What is bundled, with what is asked of it."""
    for name in library.choices(entry.AUDIO_GENERATION):
        speaker = audio.speakers(name)[0]
        yield f"{name}, four digits", lambda seed, n=name, s=speaker: last(audio.speak(n, "3141", speaker=s, seed=seed))
    for name in library.choices(entry.NOTE_GENERATION):
        played = notes.instruments(name)[0]
        yield f"{name}, one note", lambda seed, n=name, i=played: last(notes.play_note(n, "C4", i, seed=seed))
    for name in library.choices(entry.MUSIC_GENERATION):
        yield f"{name}, eight bars", lambda seed, n=name: last(chorale.compose(n, 8, seed=seed))
    for name in library.choices(entry.SOUND_GENERATION):
        yield f"{name}, one drum", lambda seed, n=name: length(drums.hit(n, drums.instruments(n)[0], seed=seed))
    for name in library.choices(entry.TEXT_TO_SPEECH):
        yield f"{name}, a sentence", lambda seed, n=name: length(speech.say(n, SENTENCE, seed=seed).sound)
    for name in library.choices(entry.VOCODING):
        yield from vocoders(name)


def length(sound: Any) -> float:
    """Seconds of a sound."""
    return len(sound.waveform) / sound.sample_rate


def last(steps: Iterator[Any]) -> float:
    """Seconds of the sound that comes after the reports of progress."""
    *_, sound = steps
    return length(sound)


def vocoders(name: str) -> Iterator[tuple[str, Maker]]:
    """The flow, from a recording to its resynthesis, and Griffin-Lim on as many frames of its own."""
    import torchaudio

    network = library.get(name, entry.VOCODING).network
    config = network.config
    length_of_hops = int(SECONDS * config.sample_rate) // config.hop_length * config.hop_length
    waveform = 0.1 * Noise(0).normal_array(length_of_hops)
    frames = {"n_fft": config.window_length, "hop_length": config.hop_length}
    spectrum = torchaudio.transforms.Spectrogram(**frames, power=1)(torch.from_numpy(waveform))
    plain = torchaudio.transforms.GriffinLim(**frames, power=1, n_iter=32)

    def flow(seed: int) -> float:
        (mel,) = network.run("spectrogram", waveforms=waveform[None])
        return vocoder.vocode(network, mel, seed=seed).shape[1] / config.sample_rate

    yield f"{name}, {SECONDS:g} s", flow
    yield f"Griffin-Lim by torchaudio, {SECONDS:g} s", lambda seed: plain(spectrum).shape[-1] / config.sample_rate


def line(name: str, value: float, unit: str, repeats: int) -> None:
    """Print one figure, as the other benches do."""
    found = {"name": name, "value": round(value, 4), "unit": unit, "repeats": repeats}
    print(json.dumps({**found, **timing.machine()}, ensure_ascii=False), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    made = dict(makers())
    for make in made.values():
        make(0)  # loads, and numba compiles
    clock: dict[str, list[float]] = {name: [] for name in made}
    factor: dict[str, list[float]] = {name: [] for name in made}
    for seed in range(repeats):
        for name, make in made.items():
            begun, computed = time.perf_counter(), time.process_time()
            seconds = make(seed)
            factor[name].append((time.process_time() - computed) / seconds)
            clock[name].append(time.perf_counter() - begun)
    for name in made:
        line(f"{name}: seconds of one core a second of sound", statistics.median(factor[name]), "s", repeats)
        line(f"{name}: the whole call", statistics.median(clock[name]), "s", repeats)


if __name__ == "__main__":
    main()
