"""A text -> the bytes that a language model needs for it, and back: likelihood made concrete.

The model's probabilities drive an arithmetic coder (`zoo.metrics.compression`), so a text takes as many bits as the sum
of -log2 p over its tokens says. It comes back exactly where the same weights run on the same machine: probabilities
that another machine rounds otherwise would decode another text, which the checksum tells.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.tokenizer import UNKNOWN
from zoo.engine import Network
from zoo.entry import TEXT_GENERATION
from zoo.generate import library
from zoo.generate.inputs import InputError, words
from zoo.generate.library import Loaded
from zoo.generate.prose import Odds, Spelling, beginning, odds_of
from zoo.generate.sampling import probabilities
from zoo.generate.text import is_verse, tokenizer_of
from zoo.metrics.compression import Decoder, Encoder, counts_of, gzip_size, xz_size

MAX_TEXT = 4000
"""Characters of a text."""
MAX_FILE = 64_000
"""Bytes of a compressed file; the longest text, and none of it known to the model, takes less."""
ALTERNATIVES = 5
"""Likeliest tokens beside each one of a text that is weighed."""
MAGIC = b"ZC\x01"
_POINT, _LAST = 21, 0x10FFFF
"""Bits of a code point that the model has no token for, and the last code point."""


@dataclass(frozen=True)
class Compressed:
    """A text as a file. `bits` is the sum of -log2 p over its `tokens`: what no coder with this model stays below."""

    model: str
    data: bytes
    bits: float
    tokens: int
    characters: int
    seconds: float
    odds: tuple[Odds, ...]
    """Each token and how likely the model took it to be, for tinting."""

    @property
    def bits_a_character(self) -> float:
        """Of the whole file."""
        return 8 * len(self.data) / self.characters


@dataclass(frozen=True)
class Size:
    """What a text takes, as a file: `name` is a compressor, or a model. `size` is None where `why` says it cannot."""

    name: str
    size: int | None
    bits_a_character: float | None
    kind: str
    """One of "as it is", "compressor" and "model"."""
    why: str = ""


class _Reader:
    """A model that reads a text token by token and says each time what comes next.

    When its context is full its memory begins anew from the last half of what was read, as in writing.
    """

    def __init__(self, network: Network, tokenizer: Any) -> None:
        self.network, self.length = network, network.config.context_length
        self.read = beginning(tokenizer) or [tokenizer.encode("\n").ids[0]]
        self.state, self.cached, self.given = network.start(1), 0, list(self.read)

    def shares(self) -> np.ndarray:
        """Probabilities of what comes next, float64 (vocabulary,)."""
        if self.cached + len(self.given) > self.length:
            self.given, self.state, self.cached = self.read[-(self.length // 2) :], self.network.start(1), 0
        logits, self.state = self.network.step(np.array([self.given]), self.state)
        self.cached += len(self.given)
        return probabilities(logits[0])

    def go_on(self, token: int) -> None:
        """Read the token that came."""
        self.read.append(token)
        self.given = [token]


def compress(model: str, text: str) -> Compressed:
    """Pack a text (1 to 4,000 characters, tidied as `inputs.clean` does) with a text checkpoint. Raises InputError."""
    text = words("the text", text, longest=MAX_TEXT)
    if not text:
        raise InputError("the text is empty; there is nothing to compress")
    return _compress(_loaded(model), model, text)


def decompress(model: str, data: bytes) -> str:
    """The text that `compress` made with the same checkpoint. Raises InputError for anything else."""
    if not isinstance(data, bytes) or not data.startswith(MAGIC) or len(data) > MAX_FILE:
        raise InputError("this is no file that compress() wrote")
    found = _loaded(model)
    if data[3:7] != bytes.fromhex(found.sha256[:8]):
        raise InputError(f"this file was not compressed with {model}, or with other weights of it")
    checksum, count, at = int.from_bytes(data[7:11], "big"), 0, 11
    for shift in (0, 7):
        if at >= len(data):
            raise InputError("this file is cut off")
        count |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            break
    tokenizer = tokenizer_of(found)
    unknown, decoder, reader = tokenizer.token_to_id(UNKNOWN), Decoder(data[at:]), _Reader(found.network, tokenizer)
    spelt, run = [], list[int]()
    for _ in range(count):
        token = decoder.next(counts_of(reader.shares()))
        reader.go_on(token)
        if token != unknown:
            run.append(token)
            continue
        spelt += [tokenizer.decode(run, skip_special_tokens=False), _literal(decoder)]
        run = []
    text = "".join([*spelt, tokenizer.decode(run, skip_special_tokens=False)])
    if zlib.crc32(text.encode("utf-8", "replace")) != checksum:
        raise InputError(
            "this file does not give its text back: it is damaged, or was written on a machine that rounds otherwise"
        )
    return text


def sizes(text: str) -> Iterator[Size]:
    """What a text (1 to 4,000 characters) takes as it is, packed by gzip -9, by xz -9e and by each text checkpoint.

    Yields one by one, for each model reads the text token by token. Raises InputError.
    """
    text = words("the text", text, longest=MAX_TEXT)
    if not text:
        raise InputError("the text is empty; there is nothing to compress")
    data = text.encode()
    for name, size in (("UTF-8", len(data)), ("gzip -9", gzip_size(data)), ("xz -9e", xz_size(data))):
        yield Size(name, size, 8 * size / len(text), "as it is" if name == "UTF-8" else "compressor")
    for name in library.choices(TEXT_GENERATION):
        if is_verse(name):
            continue
        try:
            made = _compress(_loaded(name), name, text)
        except InputError as error:
            yield Size(name, None, None, "model", str(error))
            continue
        yield Size(name, len(made.data), made.bits_a_character, "model")


def _loaded(model: str) -> Loaded:
    if is_verse(model):
        raise InputError(f"{model} writes poems by form, and gives other texts no probability")
    return library.get(model, TEXT_GENERATION)


def _compress(found: Loaded, name: str, text: str) -> Compressed:
    tokenizer, begun = tokenizer_of(found), time.monotonic()
    tokens = _tokens(tokenizer, text, name)
    encoder, reader, spelling = Encoder(), _Reader(found.network, tokenizer), Spelling(tokenizer)
    odds, bits = [], 0.0
    for token, literal in tokens:
        shares = reader.shares()
        begins = counts_of(shares)
        encoder.add(int(begins[token]), int(begins[token + 1]), int(begins[-1]))
        if literal:
            _add_literal(encoder, literal)
            bits += (_POINT + 1) * len(literal)
        bits -= math.log2(max(float(shares[token]), 2.0**-1000))
        odds.append(odds_of(tokenizer, token, shares, ALTERNATIVES, literal or spelling.add(token)))
        reader.go_on(token)
    head = MAGIC + bytes.fromhex(found.sha256[:8]) + zlib.crc32(text.encode()).to_bytes(4, "big")
    count = bytes([len(tokens)] if len(tokens) < 0x80 else [len(tokens) & 0x7F | 0x80, len(tokens) >> 7])
    data = head + count + encoder.finish()
    return Compressed(name, data, bits, len(tokens), len(text), time.monotonic() - begun, tuple(odds))


def _tokens(tokenizer: Any, text: str, name: str) -> list[tuple[int, str]]:
    """Tokens of a text, each with the characters that it does not say itself. Raises InputError where some are lost."""
    encoded, unknown = tokenizer.encode(text), tokenizer.token_to_id(UNKNOWN)
    spans = zip(encoded.ids, encoded.offsets, strict=True)
    found = [(i, text[begin:end] if i == unknown else "") for i, (begin, end) in spans]
    spelt, run = "", list[int]()
    for token, literal in [*found, (-1, "")]:
        if token == unknown or token < 0:
            spelt, run = spelt + tokenizer.decode(run, skip_special_tokens=False) + literal, []
        else:
            run.append(token)
    if spelt != text:
        raise InputError(f"{name} does not read this text letter for letter, so it could not give it back")
    return found


def _add_literal(encoder: Encoder, literal: str) -> None:
    for character in literal[:-1]:
        encoder.bits(ord(character) << 1 | 1, _POINT + 1)
    encoder.bits(ord(literal[-1]) << 1, _POINT + 1)


def _literal(decoder: Decoder) -> str:
    """Raises InputError for what is no character."""
    found = ""
    while len(found) < MAX_TEXT:
        point, more = divmod(decoder.bits(_POINT + 1), 2)
        if point > _LAST:
            break
        found += chr(point)
        if not more:
            return found
    raise InputError("this file does not give its text back: it is damaged")
