"""Measures of models that read one sequence and write another: translations and pronunciations, beside simple ones."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from zoo.data.load import load
from zoo.data.sequences import PRONOUNCING, Pair, tidy, without_stress
from zoo.metrics.edit_distance import error_rates
from zoo.metrics.word_table import word_table
from zoo.verify.subject import Budget, Figure, Poll, Subject, batch_of, device_of, rows_of

T = TypeVar("T")
BEAMS = 4
"""As a visitor gets it by default."""
SIDE_BY_SIDE = 128
"""Sources between two calls of `poll`."""


def sequences(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Of translations BLEU and chrF, of pronunciations the error rates; of both the likelihood of the references.

    Between two steps of a training the likelihood alone, and the error rates of greedy search.
    Raises ValueError where BLEU is asked for and sacrebleu is not installed.
    """
    found: list[Figure] = []
    learnt: list[Pair] = []
    if not budget.training:
        config, known = subject.model.config, subject.tokenizer
        training: Any = load(subject.dataset, "train", config, sample=subject.sample, tokenizer=known)
        learnt = training.pairs
    for direction in data.labels:
        if direction == PRONOUNCING:
            found += _pronunciations(subject, data, learnt, budget, poll)
        elif not budget.training:
            found += _translations(subject, data, learnt, direction, budget, poll)
    return found + _likelihood(subject, data, budget, poll)


def _likelihood(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Perplexity and accuracy a token, each token given the reference before it; all directions together."""
    from torch.nn import functional as F

    from zoo.entry import IGNORED

    nats, right, count = 0.0, 0, 0
    chosen = np.array(evenly(range(len(data)), budget.rows))
    for numbers in rows_of(chosen, None, 64, poll):
        rows = chosen[numbers]
        batch = batch_of(data, rows, device_of(subject.model))
        logits = subject.model(batch["source"], batch["mask"], batch["ids"]).flatten(0, 1)
        targets = batch["targets"].flatten()
        nats += float(F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"))
        right += int((logits.argmax(1) == targets).sum())
        count += int((targets != IGNORED).sum())
    note = "each token given the reference before it"
    perplexity = math.exp(min(50.0, nats / count))
    return [
        Figure("token accuracy", right / count, "share", "higher", "test", count, 2e-3, note=note),
        Figure("perplexity", perplexity, "a token", "lower", "test", count, 0.01 * perplexity, note=note),
    ]


def evenly(items: Sequence[T], limit: int | None) -> list[T]:
    """All of them, or `limit` at even distances: splits are in order of length, or of the alphabet."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).round().astype(int)]


def references_of(pairs: Sequence[Pair], direction: str, limit: int | None = None) -> dict[str, list[str]]:
    """Up to `limit` sources of a direction, each once, and all their targets."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.direction == direction:
            found.setdefault(pair.source, []).append(pair.target)
    return dict(evenly(list(found.items()), limit))


def _written(subject: Subject, sources: Sequence[str], direction: str, beams: int, poll: Poll) -> list[str]:
    from zoo.generate.translation import translated

    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))  # like lengths side by side
    found = [""] * len(sources)
    for start in range(0, len(order), SIDE_BY_SIDE):
        poll()
        rows = order[start : start + SIDE_BY_SIDE]
        made = translated(subject.generator, subject.tokenizer, [sources[i] for i in rows], direction, beams=beams)
        for i, text in zip(rows, made, strict=True):
            found[i] = text
    return found


# Translation


def _translations(
    subject: Subject, data: Any, learnt: Sequence[Pair], direction: str, budget: Budget, poll: Poll
) -> list[Figure]:
    """BLEU and chrF of a direction over the sources that the training split does not have, with its floors."""
    source_language, target_language = direction.split("-")
    pairs = [pair for pair in learnt if pair.direction == direction]
    known = {tidy(pair.source, source_language).lower() for pair in pairs}
    asked = references_of(data.pairs, direction, budget.rows)
    unseen = {s: targets for s, targets in asked.items() if tidy(s, source_language).lower() not in known}
    sources, references = list(unseen), list(unseen.values())
    made = _written(subject, sources, direction, BEAMS, poll)
    poll()
    table = word_by_word(pairs, direction)
    plain = [table(source) for source in sources]
    tokens = "Chinese characters" if target_language == "zh" else "words (13a)"
    seen = len(asked) - len(unseen)
    note = f"{BEAMS} beams, case counts; {len(unseen):,} sources"
    note += f", without {seen:,} that are in the training split with another target" if seen else ""
    found = []
    for name, score, what in (("BLEU", bleu, f"of {tokens}"), ("chrF", chrf, "of up to 6 characters")):
        value, floor, copied = (score(texts, references, target_language) for texts in (made, plain, sources))
        said = (
            f"{name} {what}; {note}; floor: word by word from a table (IBM model 1); a copy of the source {copied:.1f}"
        )
        found.append(
            Figure(f"{name} {direction}", value, "", "higher", "test", len(unseen), 0.4, floor=floor, note=said)
        )
    return found


def bleu(texts: Sequence[str], references: Sequence[Sequence[str]], language: str) -> float:
    """BLEU of a corpus, 0 to 100 (Papineni et al., ACL 2002), as sacrebleu counts it; a text may have several
    references. Raises ValueError where sacrebleu is not installed."""
    metric = _sacrebleu().BLEU(tokenize="zh" if language == "zh" else "13a")
    return float(metric.corpus_score(list(texts), _columns(references)).score)


def chrf(texts: Sequence[str], references: Sequence[Sequence[str]], language: str) -> float:
    """chrF2 of a corpus, 0 to 100 (Popović, WMT 2015), of whatever language. Raises as `bleu` does."""
    return float(_sacrebleu().CHRF().corpus_score(list(texts), _columns(references)).score)


def _columns(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """Rows of references as sacrebleu takes them: the first of each, the second or None, and so on."""
    return [
        [row[i] if i < len(row) else None for row in references] for i in range(max(map(len, references), default=0))
    ]


def _sacrebleu() -> Any:
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise ValueError("BLEU and chrF are sacrebleu's, which is not installed: pip install sacrebleu") from error
    return metrics


def word_by_word(pairs: Sequence[Pair], direction: str) -> Callable[[str], str]:
    """A translator that knows a table of words and no more; a word that it has not met stays as it is.

    A word is one of letters, a Chinese character, or a mark.
    """
    source_language, target_language = direction.split("-")

    def split(text: str, language: str) -> list[str]:
        return re.findall(r"[a-z0-9']+|[^\sa-z0-9']", tidy(text, language).lower())

    table = word_table([(split(pair.source, source_language), split(pair.target, target_language)) for pair in pairs])

    def translate(text: str) -> str:
        made = [table.get(word, word) for word in split(text, source_language)]
        if target_language == "zh":
            return "".join(made)
        joined = re.sub(r" (?=[^\w])", "", " ".join(made))
        return joined[:1].upper() + joined[1:]

    return translate


# Pronunciation


def _pronunciations(subject: Subject, data: Any, learnt: Sequence[Pair], budget: Budget, poll: Poll) -> list[Figure]:
    """Word and phoneme error rates, without the digits of stress and with them, over words, each once."""
    asked = references_of(data.pairs, PRONOUNCING, budget.rows)
    beams = 1 if budget.training else BEAMS
    made = [text.split() for text in _written(subject, list(asked), PRONOUNCING, beams, poll)]
    floors: list[float | None] = [None] * 4
    if not budget.training:
        table = letter_by_letter(learnt)
        poll()
        floors = list(_rates([table(word) for word in asked], list(asked.values())))
    note = f"{f'{beams} beams' if beams > 1 else 'greedy'}; a word is right when any of its pronunciations is met"
    note += "; floor: letter by letter from a table (IBM model 1)" if not budget.training else ""
    names = (
        "word error rate without stress",
        "phoneme error rate without stress",
        "word error rate",
        "phoneme error rate",
    )
    return [
        Figure(name, value, "share", "lower", "test", len(asked), max(0.004, 1.5 / len(asked)), floor=floor, note=note)
        for name, value, floor in zip(names, _rates(made, list(asked.values())), floors, strict=True)
    ]


def _rates(made: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> tuple[float, float, float, float]:
    """Word and phoneme error rates without stress, then with it."""
    plain = error_rates(
        [[without_stress(phoneme) for phoneme in word] for word in made],
        [[without_stress(text).split() for text in known] for known in references],
    )
    stressed = error_rates(made, [[text.split() for text in known] for known in references])
    return plain[1], plain[0], stressed[1], stressed[0]


def letter_by_letter(pairs: Sequence[Pair]) -> Callable[[str], list[str]]:
    """A reader that knows a table of letters and no more: each letter is its likeliest phoneme."""
    table = word_table([(list(pair.source), pair.target.split()) for pair in pairs])
    return lambda word: [table[letter] for letter in word if letter in table]
