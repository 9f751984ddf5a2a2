"""Measures of captions: how often a picture gets the name of what it shows, and how near the words come to it.

Three kinds of pictures were not learnt from: another vendor's picture of a concept that was, every picture of concepts
that were not, and digits. Beside each figure stands what the name of the nearest training picture, pixel by pixel,
would reach, and in the note what the one name that is most common in training would.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.verify.subject import Budget, Figure, Poll, Subject, batch_of, device_of

BEAMS = 4
"""As a visitor gets it by default."""
MANY, FEW = 200, 100
"""Pictures that are described between two steps of a training: of seen concepts, and of each other kind."""
NAMES = {"en": "English", "zh": "Chinese"}
SIDE_BY_SIDE = 64
"""Pictures between two calls of `poll`."""


@dataclass(frozen=True)
class Answers:
    """Captions of one kind of pictures and their names, by language; `floor` are those of the nearest training
    pictures, `common` is the most common training name, both by language, and empty where nothing is compared."""

    said: dict[str, list[str]]
    names: dict[str, list[str]]
    floor: dict[str, list[str]]
    common: dict[str, str]

    def __len__(self) -> int:
        return len(self.names["en"])


def descriptions(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """The share of names that are exactly right, BLEU and chrF, by kind and language; of digits the share alone.

    Between two steps of a training exact names by greedy search, and the likelihood of names.
    Raises ValueError where BLEU is asked for and sacrebleu is not installed.
    """
    from zoo.data.described import DIGIT, NEW, SEEN
    from zoo.data.load import load

    training = None
    if not budget.training:
        known = subject.tokenizer
        training = load(subject.dataset, "train", subject.model.config, sample=subject.sample, tokenizer=known)
    exact: list[Figure] = []
    near: list[Figure] = []
    for kind in (SEEN, NEW, DIGIT):
        rows = _rows(data, kind, budget)
        if not len(rows):
            continue
        answers = _answers(subject, data, rows, training, 1 if budget.training else BEAMS, poll)
        name = {SEEN: "exact names", NEW: "exact names, new concepts", DIGIT: "digit accuracy"}[kind]
        exact += _exact(answers, kind, name)
        if kind != DIGIT and not budget.training:
            near += _near(answers, kind, "" if kind == SEEN else ", new concepts")
    exact.sort(key=lambda one: one.name.endswith(tuple(NAMES.values())))  # those of both languages lead
    return exact + near + (_likelihood(subject, data, budget, poll) if budget.training else [])


def _rows(data: Any, kind: str, budget: Budget) -> np.ndarray:
    """Samples of a kind, or as many of them as are looked at, at even distances: int64 (n,)."""
    from zoo.data.described import KINDS, SEEN

    most = (MANY if kind == SEEN else FEW) if budget.training else None
    limit = min((number for number in (most, budget.rows) if number is not None), default=None)
    rows: np.ndarray = np.flatnonzero(data.kinds == KINDS.index(kind))
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.int64)]


def _answers(subject: Subject, data: Any, rows: np.ndarray, training: Any, beams: int, poll: Poll) -> Answers:
    from zoo.data.captions import LANGUAGES
    from zoo.data.described import DIGIT, KINDS
    from zoo.data.pairs import as_floats
    from zoo.generate.describing import described
    from zoo.metrics.neighbours import nearest_pictures

    said: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for start in range(0, len(rows), SIDE_BY_SIDE):
        images = as_floats(data.pictures(rows[start : start + SIDE_BY_SIDE]))
        for language in LANGUAGES:
            poll()
            said[language] += described(subject.generator, subject.tokenizer, images, language, beams=beams)
    names = {language: [data.name(int(row), language) for row in rows] for language in LANGUAGES}
    if training is None:
        return Answers(said, names, {}, {})
    poll()
    if (data.kinds[rows] == KINDS.index(DIGIT)).all():
        known, labels = training.digits.images, training.digits.targets
        nearest, _ = nearest_pictures(as_floats(data.digits.images[rows - len(data.images)]), known)
        called = {language: [training.digit_name(label, language) for label in labels] for language in LANGUAGES}
    else:
        nearest, _ = nearest_pictures(as_floats(data.pictures(rows)), training.images)
        called = {language: [training.name(row, language) for row in range(len(training.images))]
                  for language in LANGUAGES}  # fmt: skip
    floor = {language: [called[language][row] for row in nearest] for language in LANGUAGES}
    common = {language: Counter(called[language]).most_common(1)[0][0] for language in LANGUAGES}
    return Answers(said, names, floor, common)


def _exact(answers: Answers, kind: str, name: str) -> list[Figure]:
    """The share of names that are right, of both languages together and of each."""
    both = [_share(answers.said, answers.names, language) for language in answers.names]
    if not answers.floor:
        return [Figure(name, float(np.mean(both)), "share", "higher", "test", len(answers), 0.02)]
    floors = [_share(answers.floor, answers.names, language) for language in answers.names]
    constant = [float(np.mean([one == answers.common[language] for one in answers.names[language]]))
                for language in answers.names]  # fmt: skip
    note = (
        f"{kind}; a name counts when every character is right; {BEAMS} beams; to compare: the name of the nearest "
        f"training picture, pixel by pixel; the most common training name reaches {100 * np.mean(constant):.1f} %"
    )
    tolerance = max(0.004, 1.5 / len(answers))
    whole = Figure(
        name, float(np.mean(both)), "share", "higher", "test", len(answers), tolerance,
        floor=float(np.mean(floors)), note=f"mean of both languages; {note}",
    )  # fmt: skip
    return [whole] + [
        replace(whole, name=f"{name}, {NAMES[language]}", value=value, floor=floor, note=note)
        for language, value, floor in zip(answers.names, both, floors, strict=True)
    ]


def _share(said: dict[str, list[str]], names: dict[str, list[str]], language: str) -> float:
    return float(np.mean([one == name for one, name in zip(said[language], names[language], strict=True)]))


def _near(answers: Answers, kind: str, suffix: str) -> list[Figure]:
    """BLEU and chrF against the concepts' names, by language."""
    from zoo.verify.sequences import bleu, chrf

    found = []
    for language, names in answers.names.items():
        references = [[name] for name in names]
        tokens = "Chinese characters" if language == "zh" else "words (13a)"
        for name, score, what in (("BLEU", bleu, f"of {tokens}"), ("chrF", chrf, "of up to 6 characters")):
            value, floor, constant = (
                score(texts, references, language)
                for texts in (answers.said[language], answers.floor[language], [answers.common[language]] * len(names))
            )
            note = (
                f"{kind}; {name} {what}; {BEAMS} beams, case counts; to compare: the name of the nearest training "
                f"picture, pixel by pixel; the most common training name reaches {constant:.1f}"
            )
            found.append(
                Figure(
                    f"{name}{suffix}, {NAMES[language]}", value, "", "higher", "test", len(names), 0.6, floor=floor,
                    note=note,
                )
            )  # fmt: skip
    return found


def _likelihood(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Perplexity a token of the names of emoji, each token given the name before it; both languages together."""
    from torch.nn import functional as F

    from zoo.data.described import NEW, SEEN
    from zoo.entry import IGNORED

    found = []
    for kind, suffix in ((SEEN, ""), (NEW, ", new concepts")):
        nats, count = 0.0, 0
        rows = _rows(data, kind, budget)
        for start in range(0, len(rows), SIDE_BY_SIDE):
            poll()
            batch = batch_of(data, rows[start : start + SIDE_BY_SIDE], device_of(subject.model))
            ids, targets = batch["ids"], batch["targets"].flatten()
            images = batch["image"].repeat_interleave(ids.shape[1], 0)
            logits = subject.model(images, ids.flatten(0, 1)).float().flatten(0, 1)
            nats += float(F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"))
            count += int((targets != IGNORED).sum())
        if count:
            perplexity = math.exp(min(50.0, nats / count))
            found.append(
                Figure(f"perplexity{suffix}", perplexity, "a token", "lower", "test", count, 0.01 * perplexity)
            )
    return found
