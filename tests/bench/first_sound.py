"""How soon a sound is heard that is made sample by sample, and whether it is made faster than it is played.

    python tests/bench/first_sound.py [--repeats 5]

On one core, with numba and without it: seconds from the call to the first piece of the sound, and seconds of the core's
own time that a second of sound takes (below 1: faster than it is played). For one digit and eight by the bundled
WaveNet, and for one note by a WaveNet of the preset's sizes, whose weights are random where none is bundled: time does
not depend on them. How long a checkpoint takes to load is stated apart. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import timing
import torch

from train.recipe import preset
from zoo import checkpoint, hub
from zoo.engine import wavenet_compiled
from zoo.generate import audio, library, notes
from zoo.models.audio.wavenet import WaveNet

ASKED = 0.5
"""Seconds to the first sound, at most."""


def heard(make: Callable[[], Iterator[Any]]) -> tuple[float, float]:
    """Seconds to the first piece by the clock, and of a core's time a second of sound."""
    begun, computed, first = time.perf_counter(), time.process_time(), 0.0
    for step in make():
        if isinstance(step, audio.Piece) and len(step.waveform) and not first:
            first = time.perf_counter() - begun
        if isinstance(step, audio.Piece) and step.share == 1.0:
            made = time.process_time() - computed
    return first, made / (len(step.waveform) / step.sample_rate)


def notes_model(folder: Path) -> str:
    """The bundled checkpoint of notes, or an untrained one of its sizes."""
    bundled = library.choices("note-generation")
    if bundled:
        return bundled[0]
    torch.manual_seed(0)
    target = folder / "wavenet.notes"
    target.mkdir()
    model = WaveNet(preset("wavenet", "notes").config)
    checkpoint.save(target, model, "wavenet", "notes", labels=(), dtype="float32")
    checkpoint.write_json(target / "recipe.json", {"dataset": "gm_notes", "licence_weights": "mit"})
    checkpoint.write_json(target / "metrics.json", {"figures": []})
    return library.add(str(target))


def line(name: str, value: float, unit: str, asked: float | None, repeats: int) -> None:
    """Print one figure, as the other benches do."""
    found = {"name": name, "value": round(value, 4), "unit": unit, "asked": asked, "repeats": repeats}
    print(json.dumps({**found, **timing.machine()}, ensure_ascii=False), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as room:
        model = notes_model(Path(room))
        speaker = hub.PRETRAINED / "wavenet.spoken-digits"
        begun = time.perf_counter()
        library.get(speaker.name)
        line("wavenet.spoken-digits, loading", time.perf_counter() - begun, "s", None, 1)
        cases = {
            "one digit": partial(audio.speaking, digits="7"),
            "eight digits": partial(audio.speaking, digits="31415926"),
            "one note": partial(notes.playing, model, "C4", notes.instruments(model)[0]),
        }
        for engine in ("numba", "NumPy") if wavenet_compiled.available() else ("NumPy",):
            if engine == "NumPy":
                wavenet_compiled.available = lambda: False  # type: ignore[assignment]
            for case, make in cases.items():
                heard(make)  # numba compiles, and the model of notes is loaded
                found = [heard(partial(make, seed=seed)) for seed in range(repeats)]
                first, factor = (statistics.median(values) for values in zip(*found, strict=True))
                line(f"wavenet, {case}, {engine}: first sound", first, "s", ASKED, repeats)
                line(f"wavenet, {case}, {engine}: seconds of one core a second of sound", factor, "s", 1.0, repeats)


if __name__ == "__main__":
    main()
