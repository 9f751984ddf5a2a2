"""Measures of language models: likelihood by token, character and byte; variety; and the form of verse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo.verify.replies import chat_replies
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, rows_of

PASSAGE = 40
"""Words of a passage whose variety is measured."""
_TOKENS = 255
"""Tokens that are written for a passage, at most."""


def text_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """The likelihood of running text; of verse that of its Chinese characters alone, and the form's validity."""
    if data.lengths is not None:
        return _verse(subject, data, budget, poll)
    found = _likelihood(subject, data, budget, poll)
    if hasattr(data, "dialogues"):
        return found + (chat_replies(subject, data, 8 * budget.passages, poll) if budget.passages else [])
    return found + _variety(subject, data, 4 * budget.passages, poll) if budget.passages else found


def _cross_entropy(
    subject: Subject, data: Any, budget: Budget, poll: Poll, idle: list[int]
) -> tuple[float, np.ndarray]:
    """Nats over all targets but the `idle` ones, and how often each token was one, int64 (vocabulary,)."""
    from torch.nn import functional as F

    from zoo.entry import IGNORED

    nats, seen = 0.0, np.zeros(subject.tokenizer.get_vocab_size(), np.int64)
    for rows in rows_of(data, budget.rows, 32, poll):
        batch = batch_of(data, rows, device_of(subject.model))
        targets = batch["targets"].clone()
        for token in idle:
            targets[targets == token] = IGNORED
        logits = subject.model(batch["ids"])
        nats += float(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=IGNORED))
        seen += np.bincount(targets[targets != IGNORED].cpu().numpy(), minlength=len(seen))
    return nats, seen


def _likelihood(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Loss and perplexity a token, and bits a character and a byte, by which models of other tokens compare.

    Beside them stand, for real, what the frequencies of the training text's tokens give, and what xz makes of the same
    text when it has read the training text before.
    """
    from zoo.data.tokenizer import extents

    nats, seen = _cross_entropy(subject, data, budget, poll, [])
    sizes = extents(subject.tokenizer)
    count, characters, size = int(seen.sum()), *(int((seen * extent).sum()) for extent in sizes)
    loss, bits = nats / count, nats / math.log(2)
    unit = "character" if count == characters else "token"
    windows = f"windows of {data.context_length} {unit}s side by side, every position counted"
    unigram, packed, beside = None, None, ""
    if subject.dataset and not budget.training:
        from zoo.metrics.compression import unigram_loss, xz_size

        known = _learnt(subject)
        poll()
        ids = np.repeat(np.arange(len(seen)), seen)
        unigram = unigram_loss(known.ids, ids, len(seen))
        text = _text(subject, data.ids)
        packed = 8 * xz_size(text.encode(), _text(subject, known.ids).encode()) / len(text)
        beside = "; on real data: "
    of_token = windows + (f"{beside}the frequencies of the training text's {unit}s" if beside else "")
    of_text = windows + (f"{beside}xz -9e, after the training text" if beside else "")
    return [
        Figure("loss", loss, f"nats a {unit}", "lower", "test", count, 2e-3, floor=unigram, note=of_token),
        Figure(
            "perplexity", math.exp(loss), f"a {unit}", "lower", "test", count, 3e-3 * math.exp(loss),
            floor=None if unigram is None else math.exp(unigram), note=of_token,
        ),
        Figure("bits a character", bits / characters, "bits", "lower", "test", count, 3e-3, floor=packed, note=of_text),
        Figure(
            "bits a byte", bits / size, "bits", "lower", "test", count, 3e-3,
            floor=None if packed is None else packed * characters / size, note=of_text,
        ),
    ]  # fmt: skip


def _learnt(subject: Subject) -> Any:
    """The training split of what the model has learnt from."""
    from zoo.data.load import load

    return load(subject.dataset, "train", subject.model.config, sample=subject.sample, tokenizer=subject.tokenizer)


def _text(subject: Subject, ids: np.ndarray) -> str:
    """The text of ids, without marks."""
    text: str = subject.tokenizer.decode(ids.tolist())
    return text


def _variety(subject: Subject, data: Any, passages: int, poll: Poll) -> list[Figure]:
    """Distinct words, pairs and triples of what the model writes, and of as many and as long passages of the split."""
    from zoo.generate.prose import write_texts
    from zoo.metrics.distinct import distinct, words_of

    poll()
    count = min(_TOKENS, data.context_length - 1, subject.model.config.context_length - 1)
    written = write_texts(subject.generator, subject.tokenizer, passages, count=count, seed=SEED)
    made = [words_of(text)[:PASSAGE] for text in written]
    words = words_of(_text(subject, data.ids))
    starts = np.linspace(0, max(0, len(words) - PASSAGE), passages).astype(int)
    real = [words[start : start + len(passage)] for start, passage in zip(starts, made, strict=True)]
    total = sum(map(len, made))
    note = f"{passages} passages of up to {PASSAGE} words, drawn at temperature 1; on real data: as much of the split"
    return [
        Figure(
            f"distinct-{n}", distinct(made, n), "share", "higher", "generated", total, 1.5 / math.sqrt(max(total, 1)),
            floor=distinct(real, n), note=note,
        )
        for n in (1, 2, 3)
    ]  # fmt: skip


def _verse(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    from zoo.data.text import COMMA, END, STOP

    idle = [subject.tokenizer.token_to_id(token) for token in (COMMA, STOP, END)]
    nats, seen = _cross_entropy(subject, data, budget, poll, idle)
    count, unigram = int(seen.sum()), None
    note = "Chinese characters of the lines, given form, author and title"
    if subject.dataset and not budget.training:
        from zoo.metrics.compression import unigram_loss

        known = _learnt(subject)
        poll()
        characters = np.concatenate(known.bodies)
        characters = characters[~np.isin(characters, idle)]
        unigram = math.exp(unigram_loss(characters, np.repeat(np.arange(len(seen)), seen), len(seen)))
        note += "; floor: the frequencies of the training poems' characters"
    found = [
        Figure(
            "perplexity", math.exp(nats / count), "a character", "lower", "test", count, 0.2, floor=unigram, note=note
        )
    ]
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
