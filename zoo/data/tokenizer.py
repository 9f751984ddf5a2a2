"""Tokenizers in the `tokenizers` library's own format, one tokenizer.json, readable everywhere: of characters, and of
pieces of words by byte-pair encoding (Sennrich et al., "Neural machine translation of rare words with subword units",
ACL 2016).

The pieces are of characters, not of bytes as GPT-2's, so that each can be shown as soon as it is written; a character
that the training text has not is written as its UTF-8 bytes, so that any text can be encoded and comes back as it was.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN = "<unk>"
_PIECES = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+\n*|\s*\n+|\s+(?!\S)|\s+"
"""What no token reaches beyond: a word with the space before it, up to three digits, signs, an indentation."""
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def train_characters(texts: Iterable[str], special: Sequence[str] = (), minimum: int = 1) -> Tokenizer:
    """A tokenizer with one token a character that occurs at least `minimum` times; `special` tokens come first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    characters = _characters(texts, minimum)
    vocabulary = {token: i for i, token in enumerate([UNKNOWN, *special, *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([UNKNOWN, *special])
    return tokenizer


def train_subwords(texts: Sequence[str], size: int, special: Sequence[str] = (), minimum: int = 1) -> Tokenizer:
    """A tokenizer of at most `size` tokens: `special` ones, 256 bytes, characters, and pieces of words by their
    frequency.

    Characters that occur less than `minimum` times are written as bytes. The same texts give the same tokenizer.
    Raises ValueError where `size` leaves no room for the characters.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    alphabet = _characters(texts, minimum)
    first = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    room = size - len(first)
    if room < len(alphabet):
        raise ValueError(f"{size:,} tokens are too few for {len(first)} marks and {len(alphabet):,} characters")
    splitter = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(
        vocab_size=room, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    found = json.loads(learner.to_str())["model"]  # the learner's own numbers and merges, in their order
    learnt = sorted(found["vocab"], key=found["vocab"].__getitem__)
    vocabulary = {token: i for i, token in enumerate([*first, *learnt])}
    merges = [(left, right) for left, right in found["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def _characters(texts: Iterable[str], minimum: int) -> list[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return sorted(c for c, n in counts.items() if n >= minimum)


def is_byte(token: str) -> bool:
    """Whether a token of `train_subwords` stands for one byte of a character that has no token."""
    return bool(_BYTE.fullmatch(token))


def extents(tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """How many characters and how many bytes of UTF-8 each token stands for, both int64 (vocabulary,).

    Special tokens stand for nothing, UNKNOWN for one character of one byte. A character that is written in bytes counts
    with the first of them.
    """
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    characters, sizes = np.zeros((2, tokenizer.get_vocab_size()), np.int64)
    for token, index in tokenizer.get_vocab().items():
        if token == UNKNOWN:
            characters[index] = sizes[index] = 1
        elif index not in special:
            byte = _BYTE.fullmatch(token)
            characters[index] = int(byte[1], 16) & 0xC0 != 0x80 if byte else len(token)
            sizes[index] = 1 if byte else len(token.replace("▁", " ").encode())  # how some write a space
    return characters, sizes


def load(folder: Path) -> Tokenizer:
    """Read tokenizer.json of a checkpoint folder. Raises ValueError naming the file when it is missing or damaged."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > 16 << 20:
        raise ValueError(f"{path} is missing or above 16 MB")
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{path} is not a tokenizer: {error}") from error
