"""Measures of models that compose: likelihood by the published protocol, Bach's own voices, and how voices move.

The published figures (Boulanger-Lewandowski, Bengio and Vincent, ICML 2012; Bai, Kolter and Koltun, 2018) are nats a
frame of a piano roll in quarters, X(t) a set of 88 keys, each frame but a piece's first given all before it, the total
divided by the number of frames. Our models are of voices, v(t), and a set of keys can be sung in several ways: P(X) is
the sum of P(v) over all v whose sets are X, so that P(X) >= P(v), and

    -log P(X(2..T) | X(1)) <= -log P(v(1..T)) + log P(X(1)),

where P(X(1)) is the sum over every way to sing the first frame. What is stated is this bound: the truth is no higher.
A model of sixteenths pays in it for the three sixteenths between two quarters as well, whose notes the roll leaves out.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from typing import Any

import numpy as np

from zoo.data.chorales import KEYS, QUARTER, RANGES, SILENCE, VOICES, pitches_of
from zoo.data.load import load
from zoo.generate.counterpoint import write_batch
from zoo.metrics.piano_roll import key_nats, roll_of
from zoo.metrics.voice_leading import in_place, parallels
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, rows_of

_ROWS = 8
"""Chorales that are measured side by side."""
DRAWN = {"temperature": 1.0, "top_p": 0.95}
"""As a visitor gets music by default."""
LIKELIEST = {"temperature": 0.0}
_WRITTEN = 16
"""Pieces that are written side by side, those of like length together."""


def music_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Nats a quarter and a sixteenth; under Bach's melodies his own lower voices; and what a textbook forbids."""
    learnt: list[np.ndarray] = []
    if not budget.training:
        known: Any = load(subject.dataset, "train", subject.model.config, sample=subject.sample)
        learnt = known.chorales
    found = _likelihood(subject, data, learnt, budget, poll)
    found.append(_on_the_beat(subject, data, budget, poll))
    return found + _written(subject, data, learnt, budget.clips, poll) if budget.clips else found


def _likelihood(subject: Subject, data: Any, learnt: list[np.ndarray], budget: Budget, poll: Poll) -> list[Figure]:
    import torch

    model, apart = subject.model, QUARTER // subject.model.config.grid
    frames, quarters, frame_nats, quarter_nats = 0, 0, 0.0, 0.0
    for rows in rows_of(data, budget.rows, _ROWS, poll):
        batch = batch_of(data, rows, device_of(model))
        voices = batch["voices"]
        nats = model.negative_log_likelihood(
            voices, torch.full_like(voices[..., 0], model.nothing), voices[:, 0, 0] * 0
        )
        for chorale, own in zip((data.chorales[i] for i in rows), nats.double().sum(-1).cpu().numpy(), strict=True):
            own, last = own[: len(chorale)], (len(chorale) - 1) // apart * apart  # the last quarter's frame
            frame_nats += float(own[1:].sum())
            quarter_nats += float(own[: last + 1].sum()) + first_frame(model, chorale[0])
            frames, quarters = frames + len(own) - 1, quarters + last // apart
    sets = "a piano roll of 88 keys, each frame but the first given those before it; in the chorales' own keys; "
    bound = "an upper bound, for voices are more than their notes" + (
        ", and by a model that pays for the sixteenths between the quarters" if apart > 1 else ""
    )
    found = [("nats a quarter", quarter_nats, quarters, apart, f"{sets}{bound}")]
    if apart > 1:
        found.append(("nats a sixteenth", frame_nats, frames, 1, "four voices, each frame but the first"))
    beside = "; to compare: each key by itself, by its frequency after it sounded or not" if learnt else ""
    return [
        Figure(
            name, total / count, "nats", "lower", "test", count, 0.02, floor=_floor(learnt, data, each),
            note=note + beside,
        )
        for name, total, count, each, note in found
    ]  # fmt: skip


def first_frame(model: Any, sung: np.ndarray) -> float:
    """Log-probability that a piece begins with the keys of tokens int64 (4,), whoever sings which."""
    import torch

    ways = torch.tensor(ways_to_sing(sung), device=device_of(model))[:, None]  # (ways, 1, 4)
    free, none = torch.full_like(ways[..., 0], model.nothing), torch.zeros_like(ways[:, 0, 0])
    nats = model.negative_log_likelihood(ways, free, none).double().sum((1, 2))
    return float((-nats).logsumexp(0))


def ways_to_sing(sung: np.ndarray) -> list[tuple[int, ...]]:
    """Every way in which four voices sound the same set of keys as tokens int64 (4,): all of them, and no other."""
    keys = {int(token) for token in sung} - {SILENCE}
    return [way for way in product((SILENCE, *sorted(keys)), repeat=len(VOICES)) if set(way) - {SILENCE} == keys]


def _floor(learnt: list[np.ndarray], data: Any, apart: int) -> float | None:
    if not learnt:
        return None
    before, now = ([roll_of(chorale[::apart], KEYS) for chorale in split] for split in (learnt, data.chorales))
    return key_nats(before, now)


def _on_the_beat(subject: Subject, data: Any, budget: Budget, poll: Poll) -> Figure:
    """How often the likeliest alto, tenor and bass of a beat are Bach's, his past and the whole melody known."""
    import torch

    model, apart = subject.model, QUARTER // subject.model.config.grid
    right, held, count = 0, 0, 0
    for rows in rows_of(data, budget.rows, _ROWS, poll):
        batch = batch_of(data, rows, device_of(model))
        voices, length = batch["voices"], batch["length"]
        guessed = model(voices, model.listen(voices[..., 0], length)).argmax(-1)
        beats = torch.arange(apart, voices.shape[1], apart, device=voices.device)
        counted = (beats < length[:, None])[..., None]
        lower = voices[:, beats, 1:]
        right += int(((guessed[:, beats, 1:] == lower) & counted).sum())
        held += int(((voices[:, beats - 1, 1:] == lower) & counted).sum())
        count += int(counted.sum()) * (len(VOICES) - 1)
    note = "alto, tenor and bass as each quarter begins, under Bach's melody and after his own notes"
    return Figure(
        "notes on the beat", right / count, "share", "higher", "test", count, 5e-3, floor=held / count,
        note=f"{note}; to compare: the notes before, held",
    )  # fmt: skip


def _written(subject: Subject, data: Any, learnt: list[np.ndarray], limit: int, poll: Poll) -> list[Figure]:
    """Bach's melodies set anew, and pieces as long composed freely."""
    chosen = data.chorales[:limit]
    likeliest = pieces_like(subject, chosen, poll, melodies=True, **LIKELIEST)
    harmonised, composed = (pieces_like(subject, chosen, poll, melodies=given, **DRAWN) for given in (True, False))
    grid = subject.model.config.grid
    common = commonest(learnt)
    same = simple = count = 0
    for chorale, piece in zip(chosen, likeliest, strict=True):
        table = np.array([common.get(int(key), common[SILENCE]) for key in chorale[:, 0]])
        same += int((piece[:, 1:] == chorale[:, 1:]).sum())
        simple += int((table == chorale[:, 1:]).sum())
        count += chorale[:, 1:].size
    made, real = ([pitches_of(one) for one in pieces] for pieces in ([*harmonised, *composed], chosen))
    placed, real_placed = (np.concatenate([in_place(one, RANGES) for one in pieces]) for pieces in (made, real))
    wrong, real_wrong = (_hundred(pieces) for pieces in (made, real))
    pieces, near = len(made), 1 / math.sqrt(len(made))
    both = f"{pieces} pieces, half of them under Bach's melodies, drawn at temperature 1 and top-p 0.95"
    both += "; to compare: Bach's own"
    steps = "sixteenths" if grid == 1 else "quarters"
    return [
        Figure(
            "same notes as Bach", same / count, "share", "higher", "generated", count, 0.15 * near,
            floor=simple / count, note=f"alto, tenor and bass under Bach's melodies, by {steps}, the likeliest note "
            "each time; to compare: for each note of the melody the chord that it has most often in the training split",
        ),
        Figure(
            "voices in place", float(placed.mean()), "share", "higher", "generated", len(placed), 0.15 * near,
            floor=float(real_placed.mean()),
            note=f"{steps} in which each voice keeps to its range and crosses none; {both}",
        ),
        Figure(
            "parallel fifths and octaves", wrong, "a hundred steps", "lower", "generated", pieces, 10 * near,
            floor=real_wrong, note=f"of the steps in which two voices or more move; {both}",
        ),
    ]  # fmt: skip


def pieces_like(
    subject: Subject, chosen: list[np.ndarray], poll: Poll, *, melodies: bool, temperature: float, top_p: float = 1.0
) -> list[np.ndarray]:
    """A piece for each chorale, tokens int64 (frames, 4), as long, and with `melodies` under its soprano."""
    order = sorted(range(len(chosen)), key=lambda i: len(chosen[i]))
    found: list[np.ndarray] = [np.empty(0)] * len(chosen)
    for start in range(0, len(order), _WRITTEN):
        rows = order[start : start + _WRITTEN]
        lengths = np.array([len(chosen[i]) for i in rows])
        melody = np.full((len(rows), lengths.max()), SILENCE)
        for row, i in zip(melody, rows, strict=True):
            row[: len(chosen[i])] = chosen[i][:, 0]
        written = write_batch(
            subject.generator, melody if melodies else None, lengths, seed=SEED + start, temperature=temperature,
            top_p=top_p, poll=poll,
        )  # fmt: skip
        for i, piece in zip(rows, written, strict=True):
            found[i] = piece[: len(chosen[i])]
    return found


def commonest(chorales: list[np.ndarray]) -> dict[int, tuple[int, ...]]:
    """Soprano's token -> the tokens of the other voices that stand under it most often; SILENCE: under any note."""
    counts: dict[int, Counter[tuple[int, ...]]] = {SILENCE: Counter()}
    for frame in np.concatenate(chorales).tolist():
        key, lower = frame[0], tuple(frame[1:])
        counts.setdefault(key, Counter())[lower] += 1
        if key != SILENCE:
            counts[SILENCE][lower] += 1
    return {key: found.most_common(1)[0][0] for key, found in counts.items()}


def _hundred(pieces: list[np.ndarray]) -> float:
    """Parallels in a hundred steps."""
    wrong, steps = np.array([parallels(piece) for piece in pieces]).sum(0)
    return 100 * float(wrong) / max(int(steps), 1)
