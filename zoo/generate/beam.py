"""Writing a target token by token: beam search over a network's encoder and decoder, with their caches.

Graves, "Sequence transduction with recurrent neural networks", 2012, with the length normalisation of Wu et al., 2016,
in its simplest form: a hypothesis is worth its log-probability divided by its length to the power of `length_penalty`.
One beam is greedy search. Nothing is drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.data.sequences import filled
from zoo.engine import Network
from zoo.generate.prose import Odds

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROOM = 16
"""Tokens by which caches grow."""
OTHERS = 5
"""Likeliest tokens of each place that are told."""
TEXT_DECODER = "text_decoder"
"""The part that writes of a text."""
Caches = dict[str, np.ndarray]
Memory = dict[str, np.ndarray]
"""What a decoder looks at beside the target, a row each of the sources: inputs of its part by name."""


@dataclass(frozen=True)
class Hypothesis:
    """One way to write the target: its ids, with the end unless it was cut off, and what it is worth."""

    ids: tuple[int, ...]
    log_probability: float
    score: float


def search(
    network: Network, sources: Sequence[Sequence[int]], *, end: int, forbidden: Sequence[int] = (), beams: int = 4,
    longest: int = 0, length_penalty: float = 1.0,
) -> list[list[Hypothesis]]:  # fmt: skip
    """For each source, ids with their end, up to `beams` hypotheses, the best first; `end` begins a target and ends
    it. The rest is as `written_of` says."""
    return written_of(
        network, TEXT_DECODER, remember(network, sources), begin=end, end=end, forbidden=forbidden, beams=beams,
        longest=longest, length_penalty=length_penalty,
    )  # fmt: skip


def written_of(
    network: Network, part: str, memory: Memory, *, begin: int, end: int, forbidden: Sequence[int] = (),
    beams: int = 4, longest: int = 0, length_penalty: float = 1.0,
) -> list[list[Hypothesis]]:  # fmt: skip
    """For each row of `memory`, which the decoder `part` looks at, up to `beams` hypotheses, the best first.

    `begin` begins a target and `end` ends it; `forbidden` tokens are never written. A target that has not ended after
    `longest` tokens (0: the model's context_length) is cut off there. The search of a source is over when `beams`
    hypotheses have ended and the best open one, at its present length, is worth no more than the worst of them.
    """
    longest = min(longest or network.config.context_length, network.config.context_length)
    count = len(next(iter(memory.values())))
    memory = {name: rows.repeat(beams, axis=0) for name, rows in memory.items()}
    open_, ended = list(range(count)), [list[Hypothesis]() for _ in range(count)]
    written = np.full((count * beams, 1), begin)  # `beams` lines for each source that is open
    values = np.full((len(open_), beams), -np.inf, np.float32)
    values[:, 0] = 0.0  # the lines begin alike: only one of them counts
    caches: Caches = {}
    for length in range(1, longest + 1):
        logits, caches = step(network, part, written[:, -1:], length - 1, memory, caches)
        chances = log_softmax(logits[:, -1])
        chances[:, list(forbidden)] = -np.inf
        vocabulary = chances.shape[1]
        found, places = largest((values.reshape(-1, 1) + chances).reshape(len(open_), -1), 2 * beams)
        kept, lines = [], []
        for i, row in enumerate(open_):
            parents, tokens = i * beams + places[i] // vocabulary, places[i] % vocabulary
            over = (tokens == end) | (length == longest)
            for j in np.flatnonzero(over[:beams] & np.isfinite(found[i, :beams])):
                ids = (*map(int, written[parents[j], 1:]), int(tokens[j]))
                ended[row].append(Hypothesis(ids, float(found[i, j]), float(found[i, j]) / length**length_penalty))
            ended[row] = sorted(ended[row], key=lambda one: -one.score)[:beams]
            going = np.flatnonzero(~over)[:beams]
            if len(going) and not _settled(ended[row], float(found[i, going[0]]) / length**length_penalty, beams):
                kept.append(i)
                lines.append((parents[going], tokens[going], found[i, going]))
        if not kept:
            break
        parents, tokens, values = (np.stack(part) for part in zip(*lines, strict=True))
        written = np.concatenate([written[parents.ravel()], tokens.reshape(-1, 1)], axis=1)
        caches = {name: cache[parents.ravel()] for name, cache in caches.items()}
        if len(kept) < len(open_):
            open_ = [open_[i] for i in kept]
            memory = {name: rows[parents.ravel()] for name, rows in memory.items()}
    return ended


def _settled(ended: Sequence[Hypothesis], best_open: float, beams: int) -> bool:
    """Whether no open line need be followed."""
    if len(ended) < beams:
        return best_open == -np.inf
    return beams == 1 or best_open <= ended[-1].score


def remember(network: Network, sources: Sequence[Sequence[int]]) -> Memory:
    """The memory of sources and their mask, as the decoder of texts takes them."""
    ids, mask = filled(sources, 0), filled([[1] * len(row) for row in sources], 0)
    (memory,) = network.run("text_encoder", ids=ids, mask=mask)
    return {"memory": memory, "mask": mask}


def step(
    network: Network, part: str, ids: np.ndarray, position: int, memory: Memory, caches: Caches
) -> tuple[np.ndarray, Caches]:
    """ids int64 (n, t) after `position` tokens -> logits (n, t, vocabulary) and the caches, {} at first and longer
    where there is no room."""
    config, (n, t) = network.config, ids.shape
    layers = range(config.decoder_layers)
    names = [f"past_{kind}_{i}" for i in layers for kind in ("key", "value")]
    room = next(iter(caches.values())).shape[2] if caches else 0
    if position + t > room:
        wider = min(-(-(position + t) // ROOM) * ROOM, config.context_length)
        more = np.zeros((n, config.num_heads, wider - room, config.embedding_dim // config.num_heads), np.float32)
        caches = {name: np.concatenate([caches[name], more], axis=2) if room else more for name in names}
    logits, *filled_caches = network.run(part, ids=ids, position=np.array(position), **memory, **caches)
    return logits, dict(zip(names, filled_caches, strict=True))


def log_chances(network: Network, source: Sequence[int], target: Sequence[int], end: int) -> np.ndarray:
    """Log-probabilities of every token at each place of a text's target, given what stands before: (t, vocabulary)."""
    return log_chances_of(network, TEXT_DECODER, remember(network, [source]), target, end)


def log_chances_of(network: Network, part: str, memory: Memory, target: Sequence[int], begin: int) -> np.ndarray:
    """As `log_chances`, of the one row of `memory` that the decoder `part` looks at, after `begin`."""
    logits, _ = step(network, part, np.array([[begin, *target[:-1]]]), 0, memory, {})
    return log_softmax(logits[0])


def odds_of_target(tokenizer: Tokenizer, ids: Sequence[int], chances: np.ndarray, end: int) -> tuple[Odds, ...]:
    """The tokens of a target with their probabilities, from the logarithms of all (t, vocabulary).

    Its end, where it has one, is the last, with the text "".
    """
    shares = np.exp(chances)
    values, places = largest(shares, OTHERS)

    def shown(token: int) -> str:
        return "" if token == end else str(tokenizer.id_to_token(int(token)))

    return tuple(
        Odds(shown(token), float(row[token]), tuple((shown(t), float(v)) for t, v in zip(best, most, strict=True)))
        for token, row, best, most in zip(ids, shares, places, values, strict=True)
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` largest of each row (n, m), largest first, and their places; all of them where there are fewer."""
    count = min(count, values.shape[1])
    places = np.argpartition(-values, count - 1, axis=1)[:, :count]
    places = np.take_along_axis(places, np.argsort(-np.take_along_axis(values, places, 1), axis=1, kind="stable"), 1)
    return np.take_along_axis(values, places, 1), places
