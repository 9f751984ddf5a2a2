"""Measures of BERT's heads: tokens told behind masks, topics of turns, and replies found among a hundred.

Each has the figure of something simple beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from zoo.noise import Noise, permutation
from zoo.verify.matches import ranks_of
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, rows_of

DRAWS = 4
"""Times that a split is masked anew, each with other masks; once in training."""
CANDIDATES = 100
"""Replies among which the right one is to be found."""
TOGETHER = 5
"""Turns of a dialogue whose topic is told from all of them."""


def masked_tokens(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Accuracy and perplexity of masked tokens, masked as in training, beside the perplexity by frequency alone."""
    from torch.nn import functional as F

    nats, right, targets = 0.0, 0, Counter[int]()
    for draw in range(1 if budget.training else DRAWS):
        for rows in rows_of(data, budget.rows, 64, poll):
            batch = batch_of(data, rows, device_of(subject.model))
            noise = Noise(SEED, stream=((draw + 1) << 32) + int(rows[0]), device=device_of(subject.model))
            seen, told = subject.model.corrupt(batch["ids"], batch["mask"], noise)
            logits, wanted = subject.model(seen, batch["mask"])[told], batch["ids"][told]
            nats += float(F.cross_entropy(logits, wanted, reduction="sum"))
            right += int((logits.argmax(1) == wanted).sum())
            targets.update(wanted.tolist())
    count = sum(targets.values())
    if not count:
        raise ValueError("the split is too small to mask a token of it")
    loss = nats / count
    note = "15 % of the tokens of single turns, masked at random as in training"
    found = [
        Figure("masked accuracy", right / count, "share", "higher", "test", count, 3e-3, note=note),
        Figure(
            "masked perplexity", math.exp(loss), "a token", "lower", "test", count, 1e-2 * math.exp(loss), note=note
        ),
    ]
    if budget.training:
        return [*found, Figure("loss", loss, "nats a token", "lower", "test", count, 5e-3, note=note)]
    simple = -sum(n * math.log(n / count) for n in targets.values()) / count
    note = "baseline: each token by its share of these very tokens, without a look at what stands around it"
    return [
        *found,
        Figure("perplexity by frequency", math.exp(simple), "a token", "lower", "test", count, 0.5, note=note),
    ]


def topics(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Accuracy of single turns and of five turns together, and cross-entropy, beside the commonest class."""
    import torch
    from torch.nn import functional as F

    scores = []
    for rows in rows_of(data, None if budget.training else budget.rows, 64, poll):
        batch = batch_of(data, rows, device_of(subject.model))
        scores.append(F.log_softmax(subject.model.classify(batch["ids"], batch["mask"]), 1).cpu().double())
    found, labels = torch.cat(scores).numpy(), data.targets[: sum(map(len, scores))]
    count = len(labels)
    accuracy = float((found.argmax(1) == labels).mean())
    nats = -float(found[np.arange(count), labels].mean())
    note = "single turns of dialogues, the shortest (such as “yes”) among them"
    figures = [
        Figure("accuracy", accuracy, "share", "higher", "test", count, 2.5 / count, note=note),
        Figure("cross-entropy", nats, "nats", "lower", "test", count, 2e-3, note=note),
    ]
    if budget.training:
        return figures
    groups: dict[tuple[int, int], list[int]] = {}
    for row, number in enumerate(data.numbers[:count]):
        first = groups.get((number, 0), [row])[0]
        groups.setdefault((number, (row - first) // TOGETHER), []).append(row)
    whole = [rows for rows in groups.values() if len(rows) == TOGETHER]
    if whole:
        right = np.mean([found[rows].sum(0).argmax() == labels[rows[0]] for rows in whole])
        note = f"{TOGETHER} turns of a dialogue that follow one another: their log-probabilities added"
        name = f"accuracy of {TOGETHER} turns"
        figures.append(Figure(name, float(right), "share", "higher", "test", len(whole), 2.5 / len(whole), note=note))
    name, number = Counter(data.labels[label] for label in labels).most_common(1)[0]
    note = f"baseline: always “{name}”"
    return [*figures, Figure("commonest topic", number / count, "share", "higher", "test", count, 0.0, note=note)]


def found_replies(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Recall of the reply that was given among a hundred of the same language, beside that by common words."""
    import torch

    device = device_of(subject.model)
    vectors: dict[str, list[Any]] = {"": [], "reply_": []}
    for rows in rows_of(data, budget.rows, 64, poll):
        batch = batch_of(data, rows, device)
        for kind, (side, made) in enumerate(vectors.items()):
            kinds = torch.full((len(rows),), kind, device=device)
            made.append(subject.model.embed(batch[f"{side}ids"], batch[f"{side}mask"], kinds).cpu())
    given, answers = (torch.cat(made).numpy() for made in vectors.values())
    blocks = list(_blocks(data.languages[: len(given)]))
    ranks = np.concatenate([ranks_of(given[block] @ answers[block].T) for block in blocks])
    size, count = len(blocks[0]), len(ranks)
    note = f"among {size} replies of test dialogues in the same language as far as may be; chance: 1 in {size}"
    near = 2.5 / count
    figures = [
        Figure("recall@1", float((ranks < 1).mean()), "share", "higher", "test", count, near, note=note),
        Figure("recall@10", float((ranks < 10).mean()), "share", "higher", "test", count, near, note=note),
    ]
    if budget.training:
        return figures
    words = np.concatenate([ranks_of(_common_words(data, block)) for block in blocks])
    note = "baseline: cosines of term frequencies, weighted by how few of the split's replies have the term"
    return [
        *figures,
        Figure("recall@1 by TF-IDF", float((words < 1).mean()), "share", "higher", "test", count, near, note=note),
        Figure("recall@10 by TF-IDF", float((words < 10).mean()), "share", "higher", "test", count, near, note=note),
    ]


def _blocks(languages: list[str]) -> Any:
    """Rows in a fixed random order, by language, CANDIDATES at a time; what is left over is left out."""
    order = permutation(SEED, 0, len(languages))
    order = order[np.argsort([languages[row] for row in order], kind="stable")]
    size = min(CANDIDATES, len(order))
    for start in range(0, len(order) - size + 1, size):
        yield order[start : start + size]


def _common_words(data: Any, block: np.ndarray) -> np.ndarray:
    """Cosines float64 (n, n) of the messages' and the replies' terms in a block, TF-IDF weighted."""
    size = data.tokenizer.get_vocab_size()
    having = np.zeros(size)
    for ids in data.reply_ids:
        having[list(set(ids))] += 1
    weight = np.log((1 + len(data.reply_ids)) / (1 + having))
    sides = []
    for side in (data.ids, data.reply_ids):
        terms = np.stack([np.bincount(side[row], minlength=size) for row in block]) * weight
        sides.append(terms / np.linalg.norm(terms, axis=1, keepdims=True).clip(1e-12))
    found: np.ndarray = sides[0] @ sides[1].T
    return found
