"""The measure of classifiers, of pictures and of sounds: accuracy and cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.verify.subject import Budget, Figure, Poll, Subject, batch_of, device_of, rows_of


def classification(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Accuracy and cross-entropy over the split, beside what who knows nothing but the classes' frequencies gets."""
    from torch.nn import functional as F

    right, nats, classes = 0, 0.0, []
    one_by_one = data.lengths is not None  # clips of different lengths are judged as they are, not as a batch pads them
    for rows in rows_of(data, None if budget.training else budget.rows, 1 if one_by_one else 250, poll):
        batch = batch_of(data, rows, device_of(subject.model))
        logits = subject.model(batch["waveform"] if "waveform" in batch else batch["image"])
        right += int((logits.argmax(1) == batch["label"]).sum())
        nats += float(F.cross_entropy(logits, batch["label"], reduction="sum"))
        classes += batch["label"].tolist()
    count, shares = len(classes), np.unique(classes, return_counts=True)[1] / len(classes)
    guess, entropy = (None, None) if budget.training else (float(shares.max()), float(-shares @ np.log(shares)))
    notes = ("", "") if budget.training else ("floor: the commonest class", "floor: the entropy of the classes")
    return [
        Figure("accuracy", right / count, "share", "higher", "test", count, 1.5 / count, floor=guess, note=notes[0]),
        Figure("cross-entropy", nats / count, "nats", "lower", "test", count, 1e-3, floor=entropy, note=notes[1]),
    ]
