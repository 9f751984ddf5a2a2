"""Writing on from a prompt, a token at a time, with the model's key-value cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.tokenizer import UNKNOWN
from zoo.generate.sampling import choose, penalise
from zoo.noise import Noise


def continue_text(
    model: Any,
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

    When the context is full, the cache begins anew from the last half of what was written.
    """
    import torch

    written = list(tokenizer.encode(prompt).ids) or [tokenizer.encode("\n").ids[0]]
    unknown = tokenizer.token_to_id(UNKNOWN)
    noise = Noise(seed)
    length = model.context_length
    ids, state = written[-(length // 2) :], model.start(1)
    for _ in range(count):
        if (state[0].shape[2] if state else 0) + len(ids) > length:
            ids, state = written[-(length // 2) :], model.start(1)
        with torch.no_grad():
            logits, state = model.step(torch.tensor([ids]), state)
        last = logits[:, -1].float().numpy()
        last[:, unknown] = -np.inf
        last = penalise(last, [np.array(sorted(set(written[-length:])))], repetition_penalty)
        token = int(choose(last, noise.uniform_array(1), temperature=temperature, top_k=top_k, top_p=top_p)[0])
        written.append(token)
        ids = [token]
        yield tokenizer.decode([token])
