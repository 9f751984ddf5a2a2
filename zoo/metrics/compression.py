"""Likelihood made concrete: an arithmetic coder that turns probabilities into bytes, and what to compare them with.

Witten, Neal and Cleary, "Arithmetic coding for data compression", CACM 1987: a text is a number in an interval that
each token narrows by its share, so that it takes the sum of -log2 p bits, and two more at its end. Departure: registers
of 48 bits, and shares in counts of about 2**24.
"""

from __future__ import annotations

import gzip
import lzma

import numpy as np

COUNTS = 1 << 24
"""About the sum of all counts; even the least likely token has one."""
_BITS = 48
_WHOLE, _HALF, _QUARTER = 1 << _BITS, 1 << (_BITS - 1), 1 << (_BITS - 2)


def counts_of(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities float64 (n,) -> where each token's interval begins, and where the last one ends: int64 (n + 1,)."""
    counts = 1 + np.floor(probabilities * (COUNTS - len(probabilities))).astype(np.int64)
    return np.concatenate([[0], counts.cumsum()])


class Encoder:
    """Intervals in, bytes out."""

    def __init__(self) -> None:
        self._low, self._high, self._waiting = 0, _WHOLE - 1, 0
        self._bits: list[int] = []

    def add(self, begin: int, end: int, total: int) -> None:
        """Narrow the interval to [begin, end) of `total`."""
        size = self._high - self._low + 1
        self._low, self._high = self._low + size * begin // total, self._low + size * end // total - 1
        while True:
            if self._high < _HALF:
                self._put(0)
            elif self._low >= _HALF:
                self._put(1)
                self._low, self._high = self._low - _HALF, self._high - _HALF
            elif self._low >= _QUARTER and self._high < _HALF + _QUARTER:
                self._waiting += 1  # which half it will be is not known yet
                self._low, self._high = self._low - _QUARTER, self._high - _QUARTER
            else:
                return
            self._low, self._high = 2 * self._low, 2 * self._high + 1

    def bits(self, value: int, width: int) -> None:
        """Add a number of `width` bits as it is."""
        self.add(value, value + 1, 1 << width)

    def finish(self) -> bytes:
        """All that was added, in whole bytes; bits after the last are zeros."""
        self._waiting += 1
        self._put(int(self._low >= _QUARTER))
        return np.packbits(np.array(self._bits, np.uint8)).tobytes()

    def _put(self, bit: int) -> None:
        self._bits += [bit, *[1 - bit] * self._waiting]
        self._waiting = 0


class Decoder:
    """The bytes of an Encoder in, its intervals out, in turn."""

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
        self._at, self._low, self._high, self._value = 0, 0, _WHOLE - 1, 0
        for _ in range(_BITS):
            self._value = 2 * self._value + self._take()

    def next(self, begins: np.ndarray) -> int:
        """Which of the intervals, begun and ended as `counts_of` gives them, was added."""
        size, total = self._high - self._low + 1, int(begins[-1])
        count = ((self._value - self._low + 1) * total - 1) // size
        found = int(begins.searchsorted(count, "right")) - 1
        self._narrow(int(begins[found]), int(begins[found + 1]), total)
        return found

    def bits(self, width: int) -> int:
        """A number of `width` bits."""
        size, total = self._high - self._low + 1, 1 << width
        found = ((self._value - self._low + 1) * total - 1) // size
        self._narrow(found, found + 1, total)
        return found

    def _narrow(self, begin: int, end: int, total: int) -> None:
        size = self._high - self._low + 1
        self._low, self._high = self._low + size * begin // total, self._low + size * end // total - 1
        while True:
            if self._high < _HALF:
                below = 0
            elif self._low >= _HALF:
                below = _HALF
            elif self._low >= _QUARTER and self._high < _HALF + _QUARTER:
                below = _QUARTER
            else:
                return
            self._low, self._high = 2 * (self._low - below), 2 * (self._high - below) + 1
            self._value = 2 * (self._value - below) + self._take()

    def _take(self) -> int:
        self._at += 1
        return int(self._bits[self._at - 1]) if self._at <= len(self._bits) else 0


def gzip_size(data: bytes) -> int:
    """Bytes of the file that gzip -9 writes."""
    return len(gzip.compress(data, 9, mtime=0))


def xz_size(data: bytes, known: bytes = b"") -> int:
    """Bytes of the file that xz -9e writes; after `known`, the bytes that it grows by when `data` follow it."""
    preset = 9 | lzma.PRESET_EXTREME
    before = len(lzma.compress(known, preset=preset)) if known else 0
    return len(lzma.compress(known + data, preset=preset)) - before


def unigram_loss(known: np.ndarray, ids: np.ndarray, vocabulary: int) -> float:
    """Cross-entropy of ids int64 (n,), in nats a token, under the frequencies of `known` with one added to each."""
    counts = np.bincount(known, minlength=vocabulary) + 1.0
    return float(np.log(counts.sum()) - np.log(counts[ids]).mean())
