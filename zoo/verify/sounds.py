"""Measures of models that speak: bits a sample, and what a judge hears."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo.metrics.judges import judge_of
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of


def audio_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Bits a sample on the split, and the judge's agreement with the digit asked for."""
    import torch

    from zoo.generate.digits import say_batch

    nats, count = 0.0, 0
    for rows in rows_of(data, budget.rows, 10, poll):
        one, counted = subject.model.negative_log_likelihood(batch_of(data, rows, device_of(subject.model)))
        nats += float(one.sum(dtype=torch.float64))
        count += int(counted.sum())
    note = "clips at a peak of 0.95; given digit, speaker and duration"
    found = [Figure("bits a sample", nats / count / math.log(2), "bits", "lower", "test", count, 5e-3, note=note)]
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
