"""Counter-based noise: the same seed gives the same numbers on every device and in every language.

Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Word i of a stream
is a pure function of (seed, stream, i), so nothing has to be saved for a resumed run, a rank can take its
rows of a batch without drawing the others' in order, and 40 lines of another language give the same bits.

Layout: key = the seed's low and high 32 bits; counter = (block low, block high, stream low, stream high).
Uniforms take the upper 24 bits of a word: (word >> 8) * 2**-24 in [0, 1). Normals are Box-Muller pairs of two
words (a, b): r = sqrt(-2 ln((a + 1) / 2**32)), angle = 2 pi b / 2**32, in float64, rounded to float32 at the end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

MAX_SEED = 2**53 - 1
"""Seeds are whole numbers up to this, so that a browser's number holds them exactly."""

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox(counters: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds of Philox-4x32: counters uint32 (n, 4) and a key of two words -> uint32 (n, 4)."""
    c0, c1, c2, c3 = (counters[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(10):
        product0, product1 = _MULTIPLIER_0 * c0, _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product1 >> _SHIFT) ^ c1 ^ np.uint64(k0),
            product1 & _LOW,
            (product0 >> _SHIFT) ^ c3 ^ np.uint64(k1),
            product0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL_0) & 0xFFFFFFFF, (k1 + _WEYL_1) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


class Noise:
    """A position in one stream of one seed; every draw moves it on.

    `rank` and `world` split a batch over processes: a draw of n rows takes rows rank*n ... (rank+1)*n of the
    world's n*world rows, so that two processes together see what one would see.
    """

    def __init__(self, seed: int, stream: int = 0, *, rank: int = 0, world: int = 1, device: str = "cpu") -> None:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"seed is {seed}; allowed are whole numbers from 0 to {MAX_SEED}")
        self.seed, self.stream, self.rank, self.world, self.device = seed, stream, rank, world, device
        self._key = (seed & 0xFFFFFFFF, seed >> 32)
        self._position = 0  # in words

    def words(self, count: int) -> np.ndarray:
        """The next `count` words of the stream, uint32."""
        first, last = self._position // 4, -(-(self._position + count) // 4)
        blocks = np.arange(first, last, dtype=np.uint64)
        counters = np.empty((len(blocks), 4), np.uint32)
        counters[:, 0], counters[:, 1] = blocks & _LOW, blocks >> _SHIFT
        counters[:, 2], counters[:, 3] = self.stream & 0xFFFFFFFF, (self.stream >> 32) & 0xFFFFFFFF
        offset = self._position - first * 4
        self._position += count
        return philox(counters, self._key).reshape(-1)[offset : offset + count]

    def _rows(self, shape: tuple[int, ...], words_each: int) -> np.ndarray:
        """This rank's words of a draw: (rows, values a row * words_each)."""
        rows, row = (shape[0], math.prod(shape[1:]) * words_each) if shape else (1, words_each)
        start = self._position
        self._position = start + self.rank * rows * row
        words = self.words(rows * row)
        self._position = start + self.world * rows * row
        return words

    def uniform_array(self, *shape: int) -> np.ndarray:
        """Uniforms in [0, 1), float32, exact multiples of 2**-24."""
        return ((self._rows(shape, 1) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)

    def normal_array(self, *shape: int) -> np.ndarray:
        """Standard normals, float32; each value takes two words."""
        words = self._rows(shape, 2).reshape(-1, 2).astype(np.float64)
        radius = np.sqrt(-2.0 * np.log((words[:, 0] + 1.0) * 2.0**-32))
        return (radius * np.cos(words[:, 1] * (2.0 * np.pi * 2.0**-32))).astype(np.float32).reshape(shape)

    def integers_array(self, high: int, *shape: int) -> np.ndarray:
        """Whole numbers in [0, high), int64 (multiply-shift; the bias is below high / 2**32)."""
        return ((self._rows(shape, 1).astype(np.uint64) * np.uint64(high)) >> _SHIFT).astype(np.int64).reshape(shape)

    def uniform(self, *shape: int) -> Tensor:
        """Uniforms in [0, 1) as a float32 tensor on this noise's device."""
        return self._tensor(self.uniform_array(*shape))

    def normal(self, *shape: int) -> Tensor:
        """Standard normals as a float32 tensor on this noise's device."""
        return self._tensor(self.normal_array(*shape))

    def integers(self, high: int, *shape: int) -> Tensor:
        """Whole numbers in [0, high) as an int64 tensor on this noise's device."""
        return self._tensor(self.integers_array(high, *shape))

    def _tensor(self, array: np.ndarray) -> Tensor:
        import torch

        return torch.from_numpy(array).to(self.device)


def permutation(seed: int, epoch: int, length: int) -> np.ndarray:
    """The order of `length` samples in one epoch, int64: a pure function of its arguments."""
    noise = Noise(seed, stream=(1 << 62) | epoch)
    low, high = noise.words(length).astype(np.uint64), noise.words(length).astype(np.uint64)
    return np.argsort((high << _SHIFT) | low, kind="stable").astype(np.int64)
