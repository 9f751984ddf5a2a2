"""Measures of models that speak, play notes or drum: bits a sample, pitch, and what a judge hears."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from zoo.data.load import load as load_data
from zoo.metrics.compression import unigram_loss
from zoo.metrics.diversity import spread
from zoo.metrics.frechet import fit, frechet_distance
from zoo.metrics.inception_score import inception_score
from zoo.metrics.judges import judge_of
from zoo.metrics.kernel_distance import kernel_distance
from zoo.metrics.neighbours import copying, nearest
from zoo.metrics.pitch import IN_TUNE, cents, frequency
from zoo.metrics.waveforms import COPY, best_correlations, hum
from zoo.noise import permutation
from zoo.verify.images import generated_images
from zoo.verify.subject import QUICK, SEED, Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of

_SHARE = 5
"""Generated sounds are so many times fewer than pictures are: they are as many times as long."""
_COMPARED = 100
"""Generated sounds that are compared with every training sound, sample by sample at every shift."""
_STRIDES = (4, 16, 64)
"""Parts of the sample rate at which strides of four may leave a hum; below lie the drums' own tones."""
_RUNS = 5


def audio_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Bits a sample on the split, and the judge's agreement with the digit asked for."""
    import torch

    from zoo.generate.digits import say_batch

    bits, count = _bits(subject, data, budget, poll, 10)
    told = ", duration and loudness" if subject.model.config.contour_points else " and duration"
    note = f"clips at a peak of 0.95; given digit, speaker{told}"
    found = [Figure("bits a sample", bits, "bits", "lower", "test", count, 5e-3, note=note)]
    judge = judge_of(subject.dataset)
    if budget.clips and judge is not None:
        network = judge_network(judge)
        agreed, speakers = 0, subject.model.config.num_speakers
        for start in range(0, budget.clips, 50):
            number = np.arange(start, min(start + 50, budget.clips))
            asked = number % subject.model.config.num_digits
            waveforms = say_batch(
                subject.generator, asked, number // 10 % speakers, seed=SEED + start, temperature=1.0, poll=poll
            )
            for waveform, digit in zip(waveforms, asked, strict=True):
                agreed += int(network(torch.from_numpy(waveform)[None]).argmax()) == digit
        real = sum(
            int(network(data.batch(np.array([i]))["waveform"]).argmax()) == data.digits[i] for i in range(len(data))
        ) / len(data)
        found.append(
            Figure(
                "judge agreement", agreed / budget.clips, "share", "higher", "generated", budget.clips,
                max(0.02, 1.5 / budget.clips),
                judge.name, judge.sha256, real, "temperature 1; floor: the judge's accuracy on the real test clips",
            )
        )  # fmt: skip
    return found[::-1]


def _bits(subject: Subject, data: Any, budget: Budget, poll: Poll, size: int) -> tuple[float, int]:
    """Bits a sample over the budget's rows, `size` at once, and how many samples those are."""
    import torch

    nats, count = 0.0, 0
    for rows in rows_of(data, budget.rows, size, poll):
        one, counted = subject.model.negative_log_likelihood(batch_of(data, rows, device_of(subject.model)))
        nats += float(one.sum(dtype=torch.float64))
        count += int(counted.sum())
    return nats / count / math.log(2), count


def note_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Whether generated notes have the pitch that was asked for, by YIN; bits a sample; and how their spectra differ.

    Asked for are the split's own notes. While training bits a sample alone.
    """
    from zoo.generate.digits import play_batch

    unigram: float | None = None
    training: Any = None
    if subject.dataset and not budget.training:
        training = load_data(subject.dataset, "train", subject.model.config, sample=subject.sample)
        known, seen = (_codes(one.waveforms, subject.model.config.levels) for one in (training, data))
        unigram = unigram_loss(known, seen, subject.model.config.levels) / math.log(2)
    bits, count = _bits(subject, data, budget, poll, 4)
    note = "notes at a peak of 0.95, given pitch, instrument and duration"
    note += "" if unigram is None else "; on real data: the frequencies of the training notes' mu-law codes"
    found = [Figure("bits a sample", bits, "bits", "lower", "test", count, 5e-3, floor=unigram, note=note)]
    if not budget.clips:
        return found
    rate, count = subject.model.sample_rate, min(budget.clips, max(len(data), QUICK.clips))
    rows = np.arange(count) % len(data)
    made = np.concatenate(
        [
            play_batch(
                subject.generator, data.pitches[part], data.instruments[part], seconds=data.waveforms.shape[1] / rate,
                seed=SEED + int(start), temperature=1.0, poll=poll,
            )
            for start, part in ((start, rows[start : start + 20]) for start in range(0, count, 20))
        ]
    )  # fmt: skip
    off, real_off = (
        np.abs(cents(np.array([frequency(sound, rate) for sound in sounds]), pitches + data.lowest_pitch))
        for sounds, pitches in ((made, data.pitches[rows]), (data.waveforms, data.pitches))
    )
    told = f"by YIN, within {IN_TUNE:.0f} cents of the note; temperature 1; on real data: the test notes"
    found += [
        Figure(
            "pitch accuracy", float((off < IN_TUNE).mean()), "share", "higher", "generated", count,
            max(0.02, 1.5 / count), floor=float((real_off < IN_TUNE).mean()), note=told,
        ),
    ]  # fmt: skip
    distance = frechet_distance(fit(_averages(made)), fit(_averages(data.waveforms)))
    beside = None if training is None else frechet_distance(
        fit(_averages(training.waveforms)), fit(_averages(data.waveforms))
    )  # fmt: skip
    note = "no judge knows these sounds: of averages of their spectrograms"
    note += "" if beside is None else "; on real data: training notes against the same test notes"
    found.insert(
        1,
        Figure(
            "Fréchet distance", distance, "spectrogram", "lower", "test", count, 0.05 * distance + 0.01, floor=beside,
            note=note,
        ),
    )  # fmt: skip
    return found[::-1]


def _codes(waveforms: np.ndarray, levels: int) -> np.ndarray:
    """waveforms in [-1, 1] -> companded codes int64 in [0, levels), in one row."""
    from zoo.engine.wavenet import mu_law_encode

    return mu_law_encode(waveforms, levels).ravel()


def sound_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """What the judge hears in generated sounds beside what it hears in real ones, and whether they are copies, hum, or
    take long; while training its agreement and the Fréchet distance alone.

    Classes are asked for as often as the split has them. A few dozen sounds are held out, so figures of real sounds are
    coarse.
    """
    model, classes = subject.model, subject.model.num_classes
    count = max(2, budget.pictures // _SHARE)
    asked = data.targets[permutation(SEED, 0, len(data))] if classes == len(data.labels) else np.arange(max(1, classes))
    sounds = np.concatenate([made.float().cpu().numpy() for made, _ in generated_images(model, count, poll, asked)])
    judge = judge_of(subject.dataset)
    if judge is None:
        distance = frechet_distance(fit(_averages(sounds)), fit(_averages(data.waveforms)))
        note = "no judge knows these sounds: of averages of their spectrograms"
        return [
            Figure(
                "Fréchet distance", distance, "spectrogram", "lower", "test", count, 0.02 * distance + 0.002, note=note
            )
        ]  # fmt: skip
    network = judge_network(judge).to(device_of(model))
    state = partial(Figure, judge=judge.name, judge_sha256=judge.sha256)
    made, real = (heard(network, waveforms, poll) for waveforms in (sounds, data.waveforms))
    found, features = [], fit(real[0])
    if classes == len(data.labels):
        agreed = float((made[1].argmax(1) == np.resize(asked, count)).mean())
        right = None if budget.training else float((real[1].argmax(1) == data.targets).mean())
        found.append(
            state(
                "judge agreement", agreed, "share", "higher", "generated", count, max(0.005, 1.5 / count), floor=right,
                note="on real data: the judge's accuracy on the test sounds",
            )
        )  # fmt: skip
    distance = frechet_distance(fit(made[0]), features)
    near = 0.02 * distance + 0.002
    if budget.training:
        return [*found, state("Fréchet distance", distance, "judge features", "lower", "test", count, near)]
    training: Any = load_data(subject.dataset, "train", model.config, sample=subject.sample)
    known = heard(network, training.waveforms, poll)
    alike = of_classes(training.targets, asked) if classes == len(data.labels) else np.arange(len(training))
    floor = frechet_distance(fit(known[0][alike]), features)
    instead = "training sounds of the same classes against the same test sounds"
    found.append(
        state(
            "Fréchet distance", distance, "judge features", "lower", "test", count, near, floor=floor,
            note=f"on real data: {instead}",
        )
    )  # fmt: skip
    kernel, kernel_floor = (kernel_distance(one, real[0])[0] for one in (made[0], known[0][alike]))
    scores = [inception_score(one[1]) for one in (made, real)]
    spreads = [spread(one[0], one[1].argmax(1)) for one in (made, known)]
    apart = [nearest(one[0], known[0])[1] for one in (made, real)]
    found += [
        state(
            "kernel distance", kernel, "judge features", "lower", "test", count, 0.03 * abs(kernel) + 1e-4,
            floor=kernel_floor, note=f"cubic kernel, unbiased: it may lie below 0; on real data: {instead}",
        ),
        state(
            "inception score", scores[0], f"of at most {made[1].shape[1]}", "higher", "generated", count,
            0.005 * scores[0], floor=scores[1], note="by this judge, not by the Inception network",
        ),
        state(
            "variety", spreads[0] / max(spreads[1], 1e-12), "of training sounds'", "higher", "generated", count, 0.01,
            note="mean distance from the centre of the class, as the judge hears it",
        ),
        state(
            "data copying", copying(apart[0], apart[1]), "share", "lower", "test", count, 0.01, floor=0.5,
            note=f"how often a generated sound is nearer to {len(training)} training sounds than a test sound is: half "
            "of the time if it is as new, oftener if it is a copy, or merely typical",
        ),
    ]  # fmt: skip
    return [*found, *_as_waveforms(sounds, data.waveforms, training.waveforms, model), _seconds(subject)]


def heard(network: Any, waveforms: np.ndarray, poll: Poll) -> tuple[np.ndarray, np.ndarray]:
    """waveforms (n, t) in the ears of a judge: features (n, d), and log-probabilities of its classes (n, classes)."""
    import torch

    found = []
    for rows in rows_of(waveforms, None, 100, poll):
        features = network.features(torch.from_numpy(waveforms[rows]).to(device_of(network)))
        found.append((features.cpu().numpy(), network.network.head(features).log_softmax(1).cpu().numpy()))
    return np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])


def _averages(waveforms: np.ndarray) -> np.ndarray:
    """waveforms (n, t) -> decibels in 8 x 8 parts of their spectrograms, (n, 64): coarse, but of any sounds."""
    size = max(16, waveforms.shape[1] // 8)
    parts = waveforms[:, : 8 * (waveforms.shape[1] // 8)].reshape(len(waveforms), 8, -1)
    power = np.abs(np.fft.rfft(parts * np.hanning(parts.shape[2]), size, axis=2)[:, :, : size // 2]) ** 2
    return np.log10(power.reshape(len(waveforms), 8, 8, -1).mean(3) + 1e-4).reshape(len(waveforms), 64)


def of_classes(targets: np.ndarray, asked: Iterable[int]) -> np.ndarray:
    """Rows of samples that have the classes `asked` for, those of a class in turn; unknown classes are left out."""
    rows = {int(target): np.flatnonzero(targets == target) for target in np.unique(targets)}
    taken = dict.fromkeys(rows, 0)
    found = []
    for target in map(int, asked):
        if target in rows:
            found.append(rows[target][taken[target] % len(rows[target])])
            taken[target] += 1
    return np.array(found, np.int64)


def _as_waveforms(sounds: np.ndarray, real: np.ndarray, known: np.ndarray, model: Any) -> list[Figure]:
    """Whether sounds are copies of training sounds, and whether they hum."""
    compared = sounds[:_COMPARED]
    shares = [float((best_correlations(some, known)[1] >= COPY).mean()) for some in (compared, real)]
    lines = tuple(model.sample_rate / stride for stride in _STRIDES)
    hums = [hum(some, model.sample_rate, lines) for some in (sounds, known)]
    return [
        Figure(
            "near-copies", shares[0], "share", "lower", "generated", len(compared), max(0.01, 1.5 / len(compared)),
            floor=shares[1],
            note=f"whose waveform correlates by at least {COPY} with one of {len(known)} training sounds, at the best "
            "shift; on real data: test sounds",
        ),
        Figure(
            "hum", hums[0], "dB", "lower", "generated", len(sounds), 0.5, floor=hums[1],
            note="the strongest line at "
            + ", ".join(f"{line:g}" for line in lines)
            + " Hz, where strides of four leave one, over the median around it; on real data: training sounds",
        ),
    ]  # fmt: skip


def _seconds(subject: Subject) -> Figure:
    """How long one sound takes: of the processor, so that a busy machine changes little."""
    latents = np.zeros((1, subject.model.latent_dim), np.float32)
    inputs = {"latents": latents} | ({"labels": np.zeros(1, np.int64)} if subject.model.num_classes else {})
    best = math.inf
    for _ in range(_RUNS):
        begun = time.process_time()
        subject.generator.run("sound_generator", **inputs)
        best = min(best, time.process_time() - begun)
    return Figure(
        "time of a sound", best, "s", "lower", "generated", 1, 0.05,
        note=f"of one processor, the best of {_RUNS}; machines differ",
    )  # fmt: skip
