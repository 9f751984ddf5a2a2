"""Writing on from a prompt, a token at a time, with the model's key-value cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.tokenizer import UNKNOWN
from zoo.engine import Network
from zoo.generate.sampling import choose, penalise
from zoo.noise import Noise

MAX_PROMPT_TOKENS = 512
"""Tokens of a prompt that are looked at: its last ones."""


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
    """Yield `count` tokens after `prompt` as text, one at a time.

    The model sees at most MAX_PROMPT_TOKENS of the prompt's end. When its context is full, the cache begins anew from
    the last half of what was written.
    """
    written = list(tokenizer.encode(prompt).ids)[-MAX_PROMPT_TOKENS:] or [tokenizer.encode("\n").ids[0]]
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
        if repetition_penalty != 1.0:
            last = penalise(last, [np.array(sorted(set(written[-length:])))], repetition_penalty)
        token = int(choose(last, uniforms[i : i + 1], temperature=temperature, top_k=top_k, top_p=top_p)[0])
        written.append(token)
        ids = [token]
        yield tokenizer.decode([token])
