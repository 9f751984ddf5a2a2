"""Writing on from a prompt, a token at a time, with the memory that the model has of what came before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.text import END
from zoo.data.tokenizer import UNKNOWN
from zoo.engine import Network
from zoo.generate.sampling import choose, penalise, probabilities
from zoo.noise import Noise

MAX_PROMPT_TOKENS = 512
"""Tokens of a prompt that are looked at: its last ones."""
_BROKEN = "\ufffd"
_MOST_BYTES = 4


@dataclass(frozen=True)
class Odds:
    """One token as it was written ("" for the end of a translation), and how likely the model took it to be.

    `probability` and `alternatives` (the likeliest tokens, this one among them if it is one, likeliest first) are of
    the model itself: before the temperature, the penalty and what top-k and top-p leave out.
    """

    text: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]


class Spelling:
    """The text of tokens as they come: bytes of a character are held back until it is whole."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.waiting: list[int] = []

    def add(self, token: int) -> str:
        """What can be shown now."""
        self.waiting.append(token)
        text: str = self.tokenizer.decode(self.waiting)
        if text.endswith(_BROKEN) and len(self.waiting) < _MOST_BYTES:
            return ""
        self.waiting.clear()
        return text


def beginning(tokenizer: Any) -> list[int]:
    """Ids of what stands before a text: END where the model knows where texts end, else nothing."""
    end = tokenizer.token_to_id(END)
    return [] if end is None else [int(end)]


def continue_text(
    network: Network,
    tokenizer: Any,
    prompt: str,
    *,
    count: int,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 0.95,
    repetition_penalty: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """Yield `count` tokens after `prompt` as text, one at a time, or fewer where the model ends the text.

    The model sees at most MAX_PROMPT_TOKENS of the prompt's end. When its context is full, the memory begins anew from
    the last half of what was written. A token that is a byte of a character gives "" until the character is whole.
    """
    spelling = Spelling(tokenizer)
    for token, _ in _drawn(network, tokenizer, prompt, count, temperature, top_k, top_p, repetition_penalty, seed):
        yield spelling.add(token)


def continue_tokens(
    network: Network,
    tokenizer: Any,
    prompt: str,
    *,
    count: int,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 0.95,
    repetition_penalty: float = 1.0,
    seed: int = 0,
    alternatives: int = 5,
) -> Iterator[Odds]:
    """As `continue_text`, the same tokens, each with its probability and as many `alternatives`."""
    spelling = Spelling(tokenizer)
    for token, logits in _drawn(network, tokenizer, prompt, count, temperature, top_k, top_p, repetition_penalty, seed):
        yield odds_of(tokenizer, token, probabilities(logits), alternatives, spelling.add(token))


def odds_of(tokenizer: Any, token: int, shares: np.ndarray, alternatives: int, text: str) -> Odds:
    """The odds of a token, shown as `text`, under probabilities (vocabulary,)."""
    best = np.argsort(-shares, kind="stable")[:alternatives]
    likely = tuple((shown(tokenizer, int(i)), float(shares[i])) for i in best)
    return Odds(text, float(shares[token]), likely)


def shown(tokenizer: Any, token: int) -> str:
    """One token for people: its text, its name where it stands for none, or its byte."""
    text: str = tokenizer.decode([token])
    return text if text and text != _BROKEN else str(tokenizer.id_to_token(token))


def _drawn(
    network: Network,
    tokenizer: Any,
    prompt: str,
    count: int,
    temperature: float,
    top_k: int,
    top_p: float,
    repetition_penalty: float,
    seed: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Tokens, and the logits (vocabulary,) that the model gave for each."""
    before = beginning(tokenizer)
    written = [*before, *list(tokenizer.encode(prompt).ids)[-MAX_PROMPT_TOKENS:]] or [tokenizer.encode("\n").ids[0]]
    unknown = tokenizer.token_to_id(UNKNOWN)
    uniforms = Noise(seed).uniform_array(count)
    length = network.config.context_length
    ids, state = written[-length:], network.start(1)
    cached = 0
    for i in range(count):
        if cached + len(ids) > length:
            ids, state, cached = written[-(length // 2) :], network.start(1), 0
        last, state = network.step(np.array([ids]), state)
        cached += len(ids)
        if unknown is not None:
            last[:, unknown] = -np.inf
        if i == 0:
            last[:, before] = -np.inf  # something is written in any case
        given = last[0]
        if repetition_penalty != 1.0:
            last = penalise(last, [np.array(sorted(set(written[-length:])))], repetition_penalty)
        token = int(choose(last, uniforms[i : i + 1], temperature=temperature, top_k=top_k, top_p=top_p)[0])
        if token in before:
            return
        written.append(token)
        ids = [token]
        yield token, given


def write_texts(
    network: Network, tokenizer: Any, rows: int, *, count: int, seed: int = 0, temperature: float = 1.0
) -> list[str]:
    """Write `rows` texts of up to `count` tokens side by side, from nothing, drawn as the model has it.

    A text that ends goes on with the next one. Raises ValueError where `count` does not fit into the context.
    """
    first = beginning(tokenizer) or [tokenizer.encode("\n").ids[0]]
    uniforms = Noise(seed).uniform_array(rows, count)
    unknown = tokenizer.token_to_id(UNKNOWN)
    state, ids = network.start(rows), np.tile(np.array([first]), (rows, 1))
    written = np.empty((rows, count), np.int64)
    for i in range(count):
        last, state = network.step(ids, state)
        if unknown is not None:
            last[:, unknown] = -np.inf
        written[:, i] = choose(last, uniforms[:, i], temperature=temperature)
        ids = written[:, i : i + 1]
    texts = []
    for row in written:
        ends = np.flatnonzero(np.isin(row, beginning(tokenizer)))
        texts.append("\n\n".join(tokenizer.decode(part.tolist()) for part in np.split(row, ends)).strip("\n"))
    return texts
