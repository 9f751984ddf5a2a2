"""The measure of what a chat answers: how varied replies are, and whether they keep to the language of the message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo.verify.subject import SEED, Figure, Poll, Subject

HISTORY = 3
"""Turns that stand before each reply."""
_TOKENS = 40
"""Tokens of a reply, at most."""


def chat_replies(subject: Subject, data: Any, count: int, poll: Poll) -> list[Figure]:
    """Distinct words and pairs of `count` replies to dialogues of the split, and the share in the message's language.

    Beside them, the same of the replies that people gave there.
    """
    from zoo.data.dialogue import ROLES
    from zoo.generate.chat import answer, remembered
    from zoo.generate.languages import language_of
    from zoo.metrics.distinct import distinct, words_of

    long_enough = [dialogue for dialogue in data.dialogues if len(dialogue.turns) > HISTORY]
    chosen = np.linspace(0, len(long_enough) - 1, min(count, len(long_enough))).round().astype(int)
    room = subject.model.config.context_length - _TOKENS
    made, real, kept = [], [], 0
    for number in chosen:
        poll()
        *turns, given = long_enough[number].turns[: HISTORY + 1]
        said = [(ROLES[i % 2], turn) for i, turn in enumerate(turns)]
        try:
            ids, _ = remembered(subject.tokenizer, said, room)
        except ValueError:  # a turn that does not fit: no reply is asked for
            continue
        text = answer(subject.generator, subject.tokenizer, ids, max_new_tokens=_TOKENS, seed=SEED + int(number))
        made.append(words_of(text))
        real.append(words_of(given)[: len(made[-1])])
        kept += language_of(text) == long_enough[number].language
    total, asked = sum(map(len, made)), max(1, len(made))
    note = (
        f"{len(made)} replies to the first {HISTORY} turns of dialogues, drawn as the app does; on real data: what "
        "people answered there, cut to the same lengths"
    )
    figures = [
        Figure(
            f"distinct-{n}", distinct(made, n), "share", "higher", "generated", total, 1.5 / math.sqrt(max(total, 1)),
            floor=distinct(real, n), note=note,
        )
        for n in (1, 2)
    ]  # fmt: skip
    note = "replies with Chinese characters to Chinese dialogues, and without any to English ones"
    return [
        *figures,
        Figure("language kept", kept / asked, "share", "higher", "generated", len(made), 2.5 / asked, note=note),
    ]
