"""An instrument and a seed -> a drum sound; a pattern of sixteen steps -> a beat of such sounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.audio import PEAK
from zoo.data.drums import one_shot
from zoo.entry import SOUND_GENERATION
from zoo.generate import library
from zoo.generate.audio import Sound, checked, spectrogram
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, whole, words
from zoo.generate.library import Loaded, Source, source_of
from zoo.noise import Noise

STEPS = 16
"""Steps of a pattern: the sixteenths of a bar of four beats."""
MIN_TEMPO, MAX_TEMPO = 60.0, 200.0
"""Beats a minute."""
MAX_BARS = 8
"""Times that a pattern is played, at most."""
MAX_WRITTEN = 4000
"""Characters of a pattern or of seeds as JSON."""
HIT, REST = "x", "."
LEVELS = {
    "kick": 1.0, "snare": 0.8, "hihat_closed": 0.35, "hihat_open": 0.35, "tom": 0.75, "cymbal": 0.4, "percussion": 0.55,
}  # fmt: skip
"""How loud an instrument is in a beat, where every sound has one peak."""
LEVEL = 0.6
"""Of instruments that have no level of their own."""
CHOKED = {"hihat_open": "hihat_closed"}
"""Sounds that end as soon as another begins: a pair of hats is open or closed."""
RELEASE = 0.006
"""Seconds over which such a sound ends."""
SILENCE, ONSET = 1e-3, 0.02
"""Peak below which a recording is silent, and the share of its peak at which a sound begins."""
UNNAMED = "sound"
"""The instrument of a model without classes."""
_EXAMPLE = '{"kick": "x...x...x...x..."}'


@dataclass(frozen=True)
class Groove:
    """A pattern that is known by name, with the tempo and the swing that suit it."""

    tempo: float
    swing: float
    rows: Mapping[str, str]


GROOVES = {
    "rock": Groove(112, 0.0, {
        "kick": "x......xx.......", "snare": "....x.......x...", "hihat_closed": "x.x.x.x.x.x.x.x.",
    }),
    "house": Groove(124, 0.0, {
        "kick": "x...x...x...x...", "snare": "....x.......x...", "hihat_closed": "x..xx..xx..xx..x",
        "hihat_open": "..x...x...x...x.",
    }),
    "hip-hop": Groove(88, 0.4, {
        "kick": "x..x......x..x..", "snare": "....x.......x...", "hihat_closed": "x.x.x.xxx.x.x.x.",
        "percussion": "...........x....",
    }),
    "funk": Groove(100, 0.15, {
        "kick": "x..x..x...x..x..", "snare": "....x..x.x..x..x", "hihat_closed": "xxxxxxxxxxxxxx.x",
        "hihat_open": "..............x.",
    }),
    "samba": Groove(104, 0.1, {
        "kick": "x..xx..xx..xx..x", "snare": "x.x.xx.x.x.xx.x.", "hihat_closed": "..x...x...x...x.",
        "tom": "........x...x.x.", "percussion": "x.xx.x.xx.x.xx.x",
    }),
    "bossa": Groove(132, 0.0, {
        "kick": "x..xx..xx..xx..x", "hihat_closed": "x.x.x.x.x.x.x.x.", "percussion": "x..x..x...x..x..",
    }),
}  # fmt: skip
"""Patterns to begin with."""


def instruments(model: str) -> list[str]:
    """What a checkpoint of drums can play; one without classes has one. Loads nothing. Raises InputError."""
    count, labels = library.whole_of(model, "num_classes", SOUND_GENERATION), library.labels_of(model)
    if not count:
        return [UNNAMED]
    return [labels[i] if i < len(labels) else str(i) for i in range(count)]


def hit(model: str = "wavegan.drums", instrument: str = "kick", *, seed: int = 0) -> Sound:
    """One drum sound, at one peak. Raises InputError before anything is loaded."""
    name = one_of("the instrument", instrument, instruments(model))
    seed = seed_of(seed)
    return _hit(library.get(model, SOUND_GENERATION), model, name, seed)


def kit(
    model: str = "wavegan.drums", *, seed: int = 0, seeds: str | Mapping[str, int] | None = None
) -> dict[str, Sound]:
    """A sound of each instrument, of one seed but for those that `seeds` (a mapping, or JSON) names: as `hit` makes
    them. Raises InputError before anything is loaded."""
    chosen = _seeds(model, seed, seeds)
    found = library.get(model, SOUND_GENERATION)
    return {name: _hit(found, model, name, own) for name, own in chosen.items()}


def beat(
    model: str = "wavegan.drums",
    pattern: str | Mapping[str, str] = "rock",
    *,
    tempo: float | None = None,
    swing: float | None = None,
    bars: int = 2,
    seed: int = 0,
    seeds: str | Mapping[str, int] | None = None,
) -> Sound:
    """Play a pattern `bars` times (1 to 8) on the kit of `seed` and `seeds` (see `kit`), never louder than full scale.

    `pattern` is the name of one of GROOVES, or a mapping, or JSON such as {"kick": "x...x...x...x..."}: for each
    instrument sixteen steps, "x" to hit and "." to rest. `tempo` (60 to 200) is in beats a minute; `swing` (0 to 1) is
    the share of half a step by which every second step comes later: two thirds make triplets. Without them they are
    the groove's, else 120 and 0. Raises InputError before anything is loaded.
    """
    known = instruments(model)
    groove = GROOVES.get(pattern.strip()) if isinstance(pattern, str) else None
    if groove:
        rows = {name: steps for name, steps in groove.rows.items() if name in known}
        if not rows:
            raise InputError(f"{model} has none of the instruments of {quoted(pattern)}; it has {', '.join(known)}")
    else:
        rows = rows_of(known, pattern)
    tempo = number("the tempo", (groove.tempo if groove else 120.0) if tempo is None else tempo, MIN_TEMPO, MAX_TEMPO)
    swing = number("the swing", (groove.swing if groove else 0.0) if swing is None else swing, 0, 1)
    bars = whole("the number of bars", bars, 1, MAX_BARS)
    chosen = _seeds(model, seed, seeds)
    found = library.get(model, SOUND_GENERATION)
    sounds = {name: _made(found, model, name, chosen[name]) for name in rows}
    others = {name: own for name, own in chosen.items() if own != seed}
    parameters = {
        "pattern": json.dumps(rows), "tempo": tempo, "swing": swing, "bars": bars,
        "seeds": json.dumps(others) if others else "",
    }  # fmt: skip
    source = source_of(found, model, "drums.beat", parameters, seed=seed)
    return _sound(found, rendered(rows, sounds, _rate(found), tempo=tempo, swing=swing, bars=bars), source)


def rows_of(known: list[str], pattern: object) -> dict[str, str]:
    """The rows of a pattern that hit anything, in the order of the instruments `known`. Raises InputError."""
    given = _object("the pattern", pattern, _EXAMPLE)
    rows = {}
    for name, steps in given.items():
        instrument = one_of("the instrument", name, known)
        if not isinstance(steps, str) or len(steps) != STEPS or set(steps) - {HIT, REST}:
            raise InputError(
                f"the steps of {instrument} are {quoted(steps)}; they must be {STEPS} characters, {HIT!r} to hit and "
                f"{REST!r} to rest"
            )
        rows[instrument] = steps
    if not any(HIT in steps for steps in rows.values()):
        raise InputError("the pattern is empty; set at least one step")
    return {name: rows[name] for name in known if HIT in rows.get(name, "")}


def rendered(
    rows: Mapping[str, str],
    sounds: Mapping[str, np.ndarray],
    sample_rate: int,
    *,
    tempo: float,
    swing: float,
    bars: int,
) -> np.ndarray:
    """The sum of sounds float32 (t,) at the steps of `rows`, each at its level: float32 (t,), at most PEAK.

    It lasts until the last sound has died away. A sum that would be louder is made softer as a whole.
    """
    starts = {name: _starts(steps, sample_rate, tempo, swing, bars) for name, steps in rows.items()}
    mix = np.zeros(max(start + len(sounds[name]) for name, own in starts.items() for start in own), np.float32)
    for name, own in starts.items():
        level = np.float32(LEVELS.get(name, LEVEL))
        ends = starts.get(CHOKED.get(name, ""), [])
        for start in own:
            end = min((end for end in ends if end > start), default=len(mix))
            sound = _until(sounds[name], end - start, round(RELEASE * sample_rate))
            mix[start : start + len(sound)] += level * sound
    return mix * np.float32(min(1.0, PEAK / max(float(np.abs(mix).max()), 1e-6)))


def heard(waveform: np.ndarray, sample_rate: int, judge_rate: int, length: int) -> np.ndarray:
    """What a judge of drums hears of a recording float (t,) in [-1, 1]: from its first loud sample on, at `judge_rate`,
    float32 (length,). Raises InputError for silence and for what is no sound."""
    import soxr

    sound = soxr.resample(checked(waveform, sample_rate).astype(np.float32), sample_rate, judge_rate)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak < SILENCE:
        raise InputError("nothing is heard there: the recording is silent")
    return one_shot(sound[int(np.argmax(np.abs(sound) > ONSET * peak)) :], length)


def _starts(steps: str, sample_rate: int, tempo: float, swing: float, bars: int) -> list[int]:
    """Samples at which the hits of one row begin, over all bars."""
    sixteenth = sample_rate * 60 / tempo / 4
    at = [step + swing / 2 * (step % 2) for step, mark in enumerate(steps) if mark == HIT]
    return [round((bar * STEPS + place) * sixteenth) for bar in range(bars) for place in at]


def _until(sound: np.ndarray, end: int, release: int) -> np.ndarray:
    """A sound that is damped from sample `end` on, over `release` samples."""
    if len(sound) <= end:
        return sound
    cut = sound[: end + release].copy()
    cut[end:] *= np.linspace(1, 0, len(cut) - end, dtype=np.float32)
    return cut


def _seeds(model: str, seed: object, seeds: object) -> dict[str, int]:
    """The seed of each instrument, in the order of the instruments."""
    whole_kit, known = seed_of(seed), instruments(model)
    given = {} if seeds in (None, "") else _object("the table of seeds", seeds, '{"snare": 7}')
    own = {one_of("the instrument", name, known): seed_of(value) for name, value in given.items()}
    return {name: own.get(name, whole_kit) for name in known}


def _object(name: str, value: object, example: str) -> dict[str, Any]:
    """A mapping, or an object written as JSON. Raises InputError."""
    found = value
    if not isinstance(value, Mapping):
        text = words(name, value, longest=MAX_WRITTEN)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, Mapping):
        named = f", or one of {', '.join(GROOVES)}" if name == "the pattern" else ""
        raise InputError(f"{name} is {quoted(value)}; it must be JSON such as {example}{named}")
    return dict(found)


def _made(found: Loaded, model: str, instrument: str, seed: int) -> np.ndarray:
    """The sound of an instrument that is known, float32 (t,): alone, so that it is the same in every company."""
    inputs = {"latents": Noise(seed).normal_array(1, found.network.config.latent_dim)}
    if found.network.config.num_classes:
        inputs["labels"] = np.array([instruments(model).index(instrument)], np.int64)
    (waveforms,) = found.network.run("sound_generator", **inputs)
    return one_shot(waveforms[0], waveforms.shape[1])


def _hit(found: Loaded, model: str, instrument: str, seed: int) -> Sound:
    source = source_of(found, model, "drums.hit", {"instrument": instrument}, seed=seed)
    return _sound(found, _made(found, model, instrument, seed), source)


def _rate(found: Loaded) -> int:
    return int(found.network.config.sample_rate)


def _sound(found: Loaded, waveform: np.ndarray, source: Source) -> Sound:
    return Sound(waveform, _rate(found), spectrogram(waveform, _rate(found)), source)
