"""The measure of pictures and words: how often what belongs together is found among what the model has never seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.verify.subject import Budget, Figure, Poll, Subject, batch_of, device_of, rows_of

NAMES = {"en": "English", "zh": "Chinese"}


def matched_concepts(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Recall of the picture of a name among the pictures of one style, and of the name of a picture, by language.

    First the means over languages and directions. Nothing of what is searched was in the training data.
    """
    import torch

    from zoo.data.captions import LANGUAGES
    from zoo.data.image import VENDORS

    device = device_of(subject.model)
    rows = list(rows_of(data, None if budget.training else budget.rows, 64, poll))
    pictures = torch.cat([subject.model.embed_images(batch_of(data, part, device)["image"]).cpu() for part in rows])
    numbers, vendors = (column[: len(pictures)] for column in (data.numbers, data.vendors))
    shown = int(numbers.max()) + 1  # concepts
    ranks: dict[str, list[np.ndarray]] = {}
    for language in LANGUAGES:
        ids = torch.from_numpy(data.ids([one.names[language] for one in data.concepts[:shown]])).to(device)
        captions = torch.cat([subject.model.embed_captions(part).cpu() for part in ids.split(64)])
        for vendor in range(len(VENDORS)):
            poll()
            own = vendors == vendor
            scores = (pictures[own] @ captions[numbers[own]].T).numpy()  # a picture and a name of each concept
            ranks.setdefault(f"picture to {NAMES[language]}", []).append(ranks_of(scores))
            ranks.setdefault(f"{NAMES[language]} to picture", []).append(ranks_of(scores.T))
    whole = {way: np.concatenate(found) for way, found in ranks.items()}
    count, largest = len(pictures), int(np.bincount(vendors).max())
    note = (
        f"{shown} concepts that are not in the training data, in each style among the others of that style: chance is "
        f"1 in {largest}; the name alone is given"
    )
    found = []
    for depth in (10, 1):
        value = float(np.mean([(ranks < depth).mean() for ranks in whole.values()]))
        found.append(
            Figure(f"recall@{depth}", value, "share", "higher", "test", count, 2.5 / count, note=f"mean of all; {note}")
        )
    if budget.training:
        return found
    for way, ranks_ in whole.items():
        for depth in (1, 10):
            value = float((ranks_ < depth).mean())
            name = f"recall@{depth}, {way}"
            found.append(Figure(name, value, "share", "higher", "test", count, 2.5 / count, note=note))
    return found


def ranks_of(scores: np.ndarray) -> np.ndarray:
    """scores (n, n) -> for each row how many others score at least as high as the one on the diagonal, int64 (n,)."""
    found: np.ndarray = (scores >= np.diagonal(scores)[:, None]).sum(1) - 1
    return found
