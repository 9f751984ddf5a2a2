"""One's own sounds: any rate, mono or stereo -> words at a model's rate, trimmed, cut, and at one peak."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.data.audio import PEAK, Waveforms
from zoo.data.own_source import Found, Item, OwnDataError, sha256
from zoo.data.own_split import divide, numbered
from zoo.data.source import SPLITS

MAX_SECONDS, MIN_SECONDS = 1.2, 0.05
"""Lengths after trimming: longer sounds are cut, shorter ones left out."""
MAX_READ_SECONDS = 60.0
"""What is read of a long recording."""
MIN_RATE, MAX_RATE = 1_000, 384_000
SILENCE, QUIET = 1e-3, 0.02
"""Peak below which a sound is silent, and the share of its peak below which its ends are trimmed (-34 dB)."""
MARGIN_SECONDS = 0.01
"""Kept before the first and after the last loud sample."""
RATE_STEP = 25
"""Odd rates are taken for the nearest multiple (at most 1.3 % off at 1 kHz, 0.03 % at 44.1 kHz): a resampling filter
of 44,101 : 8,000 would take gigabytes."""
DIGITS: dict[str, int] = {
    word: number
    for number, words in enumerate(
        (
            "0 zero 零 〇", "1 one 一", "2 two 二", "3 three 三", "4 four 四", "5 five 五", "6 six 六",
            "7 seven 七", "8 eight 八", "9 nine 九",
        )
    )
    for word in words.split()
}  # fmt: skip
"""Names of digits that sub-folders may have."""
_NAMED = re.compile(r"([0-9])_([^_]+)")
"""<digit>_<speaker>_<take>, the convention of the Free Spoken Digit Dataset."""


def read_sounds(found: Found, config: Any, speakers: Sequence[str], *, needs_classes: bool) -> dict[str, Waveforms]:
    """Decode all sounds and split them: {"train", "validation", "test"}.

    Words come from sub-folders or a label column (names of the digits 0 to 9 in figures, English or Chinese are those
    numbers, other names are numbered in sorted order), or from file names `<digit>_<speaker>_...`. The voice is the
    second part of such a name, or a speaker column, where `speakers` has it; where `speakers` is empty, all names found
    are numbered in sorted order if the model has as many voices; all else is voice 0.
    Raises OwnDataError as `open_own` says.
    """
    items, waveforms = [], []
    for item in found.progress():
        try:
            data = item.read()
            wave = _read(found, item.name, data, config.sample_rate)
        except OwnDataError as error:
            found.damage(item.name, str(error))
            continue
        if wave is not None:
            items.append(item)
            waveforms.append(wave)
            found.hashes.append(sha256(data))
    found.settle()
    limit: int = getattr(config, "num_digits", 0) or config.num_classes or 1
    kept, labels, words = _words(found, items, limit)
    if needs_classes and len(labels) < 2:
        raise OwnDataError(f"{found.path} has one class; a classifier needs at least 2, each a sub-folder")
    if not needs_classes:  # a speaking model has a name for each word it knows: the others keep their numbers
        labels += tuple(map(str, range(len(labels), limit)))
    chosen = [items[i] for i in kept]
    names, voices = _voices(found, chosen, speakers, getattr(config, "num_speakers", 1))
    found.hashes = [found.hashes[i] for i in kept]
    rows = divide(found, found.hashes, [i.split for i in chosen], [i.name for i in chosen])
    size = getattr(config, "frame_size", 80)
    return {
        split: Waveforms(
            found.info, "", labels, names, [waveforms[kept[i]] for i in rows[split]], words[rows[split]],
            voices[rows[split]], config.sample_rate, size,
        )
        for split in SPLITS
    }  # fmt: skip


def _read(found: Found, name: str, data: bytes, rate: int) -> np.ndarray | None:
    """One sound as float32 (t,) at `rate` with a peak of PEAK; None, noted, where there is nothing to hear."""
    import soundfile
    import torch
    from torchaudio.functional import resample

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            own, channels = sound.samplerate, sound.channels
            if not MIN_RATE <= own <= MAX_RATE:
                raise OwnDataError(f"{own:,} samples a second; {MIN_RATE:,} to {MAX_RATE:,} are allowed")
            if channels > 2:
                raise OwnDataError(f"{channels} channels; one or two are allowed")
            wanted = min(sound.frames, int(MAX_READ_SECONDS * own))
            samples = sound.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError, RuntimeError) as error:
        raise OwnDataError(f"not readable as WAV, FLAC, OGG or MP3 ({error})") from error
    if len(samples) < 0.9 * wanted:  # the header of an MP3 may be a guess
        raise OwnDataError(f"cut short: {len(samples):,} of {wanted:,} samples can be read")
    if not np.isfinite(samples).all():
        raise OwnDataError("values that are no numbers (NaN or infinite)")
    wave = samples.mean(axis=1)
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < SILENCE:
        found.report.skip("silent", name)
        return None
    loud = np.flatnonzero(np.abs(wave) > QUIET * peak)
    margin = int(MARGIN_SECONDS * own)
    wave = wave[max(0, loud[0] - margin) : loud[-1] + 1 + margin]
    if len(wave) < MIN_SECONDS * own:
        found.report.skip(f"shorter than {MIN_SECONDS} s", name)
        return None
    if len(wave) > MAX_SECONDS * own:
        found.report.change(f"are longer than {MAX_SECONDS} s and cut", name)
        wave = wave[: int(MAX_SECONDS * own)]
    if channels == 2:
        found.report.change("are stereo, mixed to mono", name)
    if own != rate:
        found.report.change(f"are resampled from another rate to {rate:,} Hz", name)
        near = own if own % RATE_STEP == 0 or math.gcd(own, rate) >= RATE_STEP else round(own / RATE_STEP) * RATE_STEP
        wave = resample(torch.from_numpy(np.ascontiguousarray(wave)), near, rate).numpy()[: int(MAX_SECONDS * rate)]
    return (wave * (PEAK / max(float(np.abs(wave).max()), 1e-4))).astype(np.float32)


def _words(found: Found, items: list[Item], limit: int) -> tuple[list[int], tuple[str, ...], np.ndarray]:
    """Which items have a word, the names of all words by number, and the kept items' words int64."""
    named = [_NAMED.match(item.name.rsplit("/", 1)[-1]) for item in items]
    if found.names_classes:
        labels = [item.label for item in items]
        if all(label.strip().lower() in DIGITS for label in labels if label):
            labels = [str(DIGITS[label.strip().lower()]) if label else "" for label in labels]
            found.classes = tuple(map(str, range(10)))
    elif any(named):
        found.names_classes, found.classes = True, tuple(map(str, range(10)))
        labels = [match.group(1) if match else "" for match in named]
    else:
        _, words = numbered(found, [""] * len(items), limit)
        return list(range(len(items))), (found.info.name[:99],), words
    kept = [i for i, label in enumerate(labels) if label]
    for i in sorted(set(range(len(items))) - set(kept)):
        found.report.skip("no word in the folder's or file's name", items[i].name)
    names, words = numbered(found, [labels[i] for i in kept], limit)
    return kept, names, words


def _voices(found: Found, items: list[Item], speakers: Sequence[str], limit: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the voices by number, and each item's voice int64."""
    matches = [_NAMED.match(item.name.rsplit("/", 1)[-1]) for item in items]
    said = [item.speaker or (m.group(2) if m else "") for item, m in zip(items, matches, strict=True)]
    known = list(speakers)[:limit]
    if not known and all(said) and len(set(said)) <= limit:
        known = sorted(set(said))
    number = {name: i for i, name in enumerate(known)}
    counts = [sum(name == voice for name in said) for voice in known]
    heard = ", ".join(f"{name} {count:,}" for name, count in zip(known, counts, strict=True) if count)
    others = sum(name not in number for name in said)
    if heard:
        found.report.facts.append(
            f"voices: {heard}" + (f"; {others:,} of others count as {known[0]}" if others else "")
        )
    elif limit > 1:
        found.report.facts.append(f"no known voices: all count as {known[0] if known else 'voice 0'}")
    names = tuple(known) + tuple(f"voice {i}" for i in range(len(known), limit))
    return names, np.array([number.get(name, 0) for name in said], np.int64)
