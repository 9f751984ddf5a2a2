"""The simplest translator that learns: every word by itself, from a table. What a network must beat.

The table is that of IBM model 1 (Brown et al., "The mathematics of statistical machine translation", Computational
Linguistics 1993, section 4.1): which word of a sentence gave which word of its translation is not known, and every
alignment is as likely as any other at first; expectation maximisation finds what goes with what.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROUNDS = 5
"""Rounds of expectation maximisation."""


def word_table(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], rounds: int = ROUNDS) -> dict[str, str]:
    """Pairs of a source's and a target's words -> for each source word its likeliest translation.

    A target word may also come from nothing: an empty word stands at the head of each source, and is not in the table.
    Raises ValueError without pairs.
    """
    if not pairs:
        raise ValueError("a table of words needs at least one pair")
    sources: dict[str, int] = {"": 0}
    targets: dict[str, int] = {}
    given, made, sizes = [], [], []  # an entry for each target word and each source word that it may come from
    for source, target in pairs:
        left = [0, *(sources.setdefault(word, len(sources)) for word in source)]
        right = [targets.setdefault(word, len(targets)) for word in target]
        given.append(np.tile(left, len(right)))
        made.append(np.repeat(right, len(left)))
        sizes += [len(left)] * len(right)
    word = np.repeat(np.arange(len(sizes)), sizes)  # the target word that an entry is of
    codes = np.concatenate(given).astype(np.int64) * len(targets) + np.concatenate(made).astype(np.int64)
    known, index = np.unique(codes, return_inverse=True)
    source_of, target_of = known // len(targets), known % len(targets)
    chance = np.full(len(known), 1 / len(targets))  # of a target word, given the source word that it comes from
    for _ in range(rounds):
        share = chance[index]
        share /= np.bincount(word, share)[word]
        counts = np.bincount(index, share, len(known))
        chance = counts / np.bincount(source_of, counts)[source_of]
    order = np.lexsort((chance, source_of))
    likeliest = order[np.r_[source_of[order][1:] != source_of[order][:-1], True]]
    words, written = list(sources), list(targets)
    return {words[source_of[i]]: written[target_of[i]] for i in likeliest if source_of[i]}
