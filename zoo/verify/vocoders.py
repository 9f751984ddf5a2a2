"""Measures of a vocoder: the likelihood of recordings, and how near it comes to them, beside Griffin-Lim."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo.generate.griffin_lim import griffin_lim
from zoo.generate.vocoder import vocode
from zoo.metrics.judges import judge_of
from zoo.metrics.spectral_distance import spectral_distance
from zoo.noise import Noise
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of
from zoo.verify.voices import LISTENER, listener

MAX_SECONDS = 5.0
"""Of a recording, what is vocoded at most."""
_LEVELS = math.log2(65536 / 2)
"""Bits by which the density of samples in [-1, 1] differs from the probability of their 16-bit levels."""
_RECORDINGS = 60
"""Recordings that are vocoded."""


def vocoding(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Distance of resynthesised recordings with Griffin-Lim's as floor, bits a sample, and what is heard."""
    nats, count, noise = 0.0, 0, Noise(SEED, device=device_of(subject.model))
    for rows in rows_of(data, budget.rows, 16, poll):
        waveforms = batch_of(data, rows, device_of(subject.model))["waveform"]
        nats += float(subject.model.negative_log_likelihood(waveforms, noise).sum())
        count += waveforms.numel()
    bits = nats / count / math.log(2) + _LEVELS
    likelihood = Figure(
        "bits a sample", bits, "bits", "lower", "test", count, 0.02,
        note="of 16-bit samples, given their spectrogram; a bound by uniform dequantisation",
    )  # fmt: skip
    if budget.training:
        return [likelihood]
    return [*_resynthesised(subject, data, poll), likelihood]


def _resynthesised(subject: Subject, data: Any, poll: Poll) -> list[Figure]:
    config, recordings = subject.model.config, data.recordings
    chosen = np.arange(min(_RECORDINGS, len(recordings.waveforms))) * len(recordings.waveforms)
    chosen = chosen // min(_RECORDINGS, len(recordings.waveforms))
    made, plain, truth = [], [], []
    for number in chosen:
        poll()
        waveform = recordings.waveforms[number][: int(MAX_SECONDS * config.sample_rate)]
        waveform = waveform[: len(waveform) // config.hop_length * config.hop_length]
        (mel,) = subject.generator.run("spectrogram", waveforms=waveform[None])
        made.append(vocode(subject.generator, mel, seed=SEED + int(number))[0])
        plain.append(griffin_lim(mel[0], config.window_length, config.hop_length, config.sample_rate, seed=SEED))
        truth.append(waveform)
    distances = [
        float(np.mean([spectral_distance(*pair, config.sample_rate) for pair in zip(these, truth, strict=True)]))
        for these in (made, plain)
    ]
    found = [
        Figure(
            "spectral distance", distances[0], "", "lower", "test", len(truth), 0.02, floor=distances[1],
            note="multi-resolution STFT: convergence and log magnitudes; floor: Griffin-Lim, 32 iterations",
        )
    ]  # fmt: skip
    judge, texts = judge_of(subject.dataset), [recordings.texts[number] for number in chosen]
    if judge is not None:
        network = judge_network(judge)
        heard = [_heard(network, these, texts) for these in (made, plain, truth)]
        name, note, kept = "judge agreement", "", (judge.name, judge.sha256)
    else:
        understood = listener(subject)
        heard = [understood(texts, these) for these in (made, plain, truth)]
        name, note, kept = "words understood", f"{LISTENER}; ", ("", "")
    note += f"floor: Griffin-Lim; of the recordings themselves {100 * heard[2]:.1f} %"
    return [*found, Figure(name, heard[0], "share", "higher", "test", len(truth), 0.05, *kept, heard[1], note)]


def _heard(network: Any, waveforms: list[np.ndarray], labels: list[str]) -> float:
    """The share of spoken digits that the judge hears as what they are."""
    import torch

    right = [
        int(network(torch.from_numpy(waveform)[None]).argmax()) == int(label)
        for waveform, label in zip(waveforms, labels, strict=True)
    ]
    return float(np.mean(right))
