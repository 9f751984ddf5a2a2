"""Replies that people gave, as vectors: what a replier answers with. Kept beside the weights in replies.safetensors.

The file holds `vectors` (n, d) in 8 bits with their scales (`zoo.eight_bits`), `text` uint8 (all replies as UTF-8, one
after the other), `ends` int32 (n,), where each ends in it, and `language` uint8 (n,), 0 English and 1 Chinese. None of
the replies has a word of `zoo.data.dialogue.RUDE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoint import CheckpointError, read_header
from zoo.data.dialogue import REPLIES, is_rude, padded
from zoo.eight_bits import SCALES, packed, restored
from zoo.engine import Network
from zoo.noise import permutation

LANGUAGES = ("en", "zh")
COUNT = 5000
"""Replies that are kept."""
CONSIDERED = 20_000
"""Exchanges of the training split from which they are chosen."""
SHORTEST, LONGEST = 4, 160
"""Characters of a reply that is kept; of a Chinese one at least half as many as SHORTEST."""
MAX_REPLIES, MAX_TEXT = 50_000, 8 << 20
"""Replies, and bytes of their text, in a file that is read."""
_ROWS = 64
_DTYPES = {"vectors": "I8", "vectors" + SCALES: "F16", "text": "U8", "ends": "I32", "language": "U8"}


@dataclass(frozen=True)
class Replies:
    """`vectors` float32 (n, d) of unit length, one for each of `texts`; `languages` of LANGUAGES by number, (n,)."""

    texts: tuple[str, ...]
    languages: np.ndarray
    vectors: np.ndarray

    def nearest(self, vector: np.ndarray, language: str, top: int, said: frozenset[str]) -> list[tuple[str, float]]:
        """The `top` replies in `language` nearest to a message's vector (d,), with their cosines; none of `said`."""
        scores = np.where(self.languages == LANGUAGES.index(language), self.vectors @ vector, -np.inf)
        found: list[tuple[str, float]] = []
        for i in np.argsort(-scores, kind="stable"):
            if len(found) == top or scores[i] == -np.inf:
                break
            if self.texts[i] not in said:
                found.append((self.texts[i], float(scores[i])))
        return found


def vectors_of(network: Network, tokenizer: Any, texts: list[str], kind: int) -> np.ndarray:
    """Unit vectors float32 (n, d) of messages (`kind` 0) or replies (1)."""
    rows = [encoded.ids for encoded in tokenizer.encode_batch(texts)]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # like with like: little is filled up
    found: np.ndarray | None = None
    for start in range(0, len(order), _ROWS):
        part = order[start : start + _ROWS]
        ids, mask = padded([rows[i] for i in part], network.config.context_length)
        (vectors,) = network.run("text_embedder", ids=ids, mask=mask, kind=np.full(len(part), kind, np.int64))
        found = np.empty((len(rows), vectors.shape[1]), np.float32) if found is None else found
        found[part] = vectors
    return np.empty((0, network.config.embedding_dim), np.float32) if found is None else found


def gather(network: Network, tokenizer: Any, exchanges: Any, count: int = COUNT) -> Replies:
    """Choose `count` replies of a data set of exchanges: those that its messages find most often.

    CONSIDERED exchanges, drawn once and for all, give the messages and the replies. A reply that no message finds would
    never be said; one that many find fits many.
    """
    rows = permutation(0, 0, len(exchanges))[:CONSIDERED]
    kept = [int(row) for row in rows if _fits(exchanges.replies[row], exchanges.languages[row])]
    first: dict[str, int] = {}
    for row in kept:
        first.setdefault(exchanges.replies[row].lower(), row)
    chosen = list(first.values())
    texts = [exchanges.replies[row] for row in chosen]
    languages = np.array([LANGUAGES.index(exchanges.languages[row]) for row in chosen], np.uint8)
    vectors = vectors_of(network, tokenizer, texts, 1)
    found = np.zeros(len(texts), np.int64)
    for number, language in enumerate(LANGUAGES):
        own = np.flatnonzero(languages == number)
        asked = [exchanges.texts[row] for row in kept if exchanges.languages[row] == language]
        if len(own) and asked:
            messages = vectors_of(network, tokenizer, asked, 0)
            for start in range(0, len(messages), 1000):
                nearest = (messages[start : start + 1000] @ vectors[own].T).argmax(1)
                found += np.bincount(own[nearest], minlength=len(found))
    best = np.sort(np.argsort(-found, kind="stable")[:count])
    best = best[found[best] > 0]
    return Replies(tuple(texts[i] for i in best), languages[best], vectors[best])


def _fits(reply: str, language: str) -> bool:
    shortest = SHORTEST if language == "en" else SHORTEST // 2
    return shortest <= len(reply) <= LONGEST and not is_rude(reply)


def save(replies: Replies, folder: Path) -> None:
    """Write replies into a checkpoint folder."""
    from safetensors.numpy import save_file

    encoded = [text.encode() for text in replies.texts]
    tensors: dict[str, np.ndarray] = {
        **packed("vectors", replies.vectors),
        "text": np.frombuffer(b"".join(encoded), np.uint8),
        "ends": np.cumsum([len(one) for one in encoded], dtype=np.int32),
        "language": replies.languages.astype(np.uint8),
    }
    save_file(tensors, folder / REPLIES)


def load(folder: Path) -> Replies:
    """Read the replies of a checkpoint folder. Raises CheckpointError when they are missing, damaged or too many."""
    from safetensors.numpy import load_file

    path = folder / REPLIES
    if not path.is_file():
        raise CheckpointError(f"{folder.name} has no {REPLIES}: it can compare texts, but has nothing to answer with")
    header = read_header(path)
    if {name: dtype for name, (dtype, _) in header.items()} != _DTYPES:
        raise CheckpointError(f"{path} holds other tensors than {', '.join(_DTYPES)}")
    shapes = {name: shape for name, (_, shape) in header.items()}
    count = shapes["ends"][0] if len(shapes["ends"]) == 1 else 0
    if (
        not 0 < count <= MAX_REPLIES or shapes["language"] != (count,) or len(shapes["text"]) != 1
        or shapes["text"][0] > MAX_TEXT or len(shapes["vectors"]) != 2 or shapes["vectors"][0] != count
        or shapes["vectors" + SCALES] != (count, 1)
    ):  # fmt: skip
        raise CheckpointError(f"{path} has tensors of the shapes {shapes}, which do not fit together")
    found = load_file(path)
    ends, text = found["ends"], found["text"].tobytes()
    if ends[0] < 0 or (np.diff(ends) < 0).any() or ends[-1] != len(text) or found["language"].max() >= len(LANGUAGES):
        raise CheckpointError(f"{path}: the ends of the replies, or their languages, are damaged")
    vectors = restored(found["vectors"], found["vectors" + SCALES])
    if not np.isfinite(vectors).all():
        raise CheckpointError(f"{path} holds values that are not finite")
    try:
        texts = [text[a:b].decode() for a, b in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)]
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: a reply is not UTF-8") from error
    return Replies(tuple(texts), found["language"], vectors)
