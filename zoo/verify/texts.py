"""Measures of language models: cross-entropy over the split, and the form of verse."""

from __future__ import annotations

import math
from typing import Any

from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, rows_of


def text_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Cross-entropy a character over the split; for verse, of its Chinese characters alone, and the form's validity."""
    from torch.nn import functional as F

    from zoo.data.text import COMMA, END, STOP
    from zoo.entry import IGNORED

    verse = data.lengths is not None
    idle = [subject.tokenizer.token_to_id(token) for token in (COMMA, STOP, END)] if verse else []
    nats, count = 0.0, 0
    for rows in rows_of(data, budget.rows, 32, poll):
        batch = batch_of(data, rows, device_of(subject.model))
        targets = batch["targets"].clone()
        for token in idle:
            targets[targets == token] = IGNORED
        logits = subject.model(batch["ids"])
        nats += float(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=IGNORED))
        count += int((targets != IGNORED).sum())
    loss = nats / count
    if not verse:
        note = f"windows of {data.context_length} characters side by side, every position counted"
        return [
            Figure("loss", loss, "nats a character", "lower", "test", count, 2e-3, note=note),
            Figure("bits a character", loss / math.log(2), "bits", "lower", "test", count, 3e-3, note=note),
        ]
    note = "Chinese characters of the lines, given form, author and title"
    found = [Figure("perplexity", math.exp(loss), "a character", "lower", "test", count, 0.2, note=note)]
    if budget.poems:
        found.append(_form_validity(subject, budget.poems, poll))
    return found


def _form_validity(subject: Subject, count: int, poll: Poll) -> Figure:
    """Poems written under the constraint, all forms in turn, whose lines have the form's number and length."""
    from zoo.data.text import FORMS
    from zoo.generate.verse import keeps_form, write_poems

    right = 0
    forms = [list(FORMS)[i % len(FORMS)] for i in range(count)]
    for start in range(0, count, 50):
        poll()
        batch = forms[start : start + 50]
        poems = write_poems(subject.generator, subject.tokenizer, batch, seed=SEED + start)
        right += sum(keeps_form(poem, form) for poem, form in zip(poems, batch, strict=True))
    return Figure("form kept", right / count, "share", "higher", "generated", count, 0.0, note="constrained decoding")
