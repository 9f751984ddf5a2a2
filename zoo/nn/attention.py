"""Attention, and the layer of a decoder that attends to what it writes of: what models that write of a source share.

Vaswani et al., "Attention is all you need", NeurIPS 2017; each branch is normalised before it, as Nguyen and Salazar,
"Transformers without tears", IWSLT 2019, found to train steadily on little data. The keys and values of the source are
made elsewhere, once a source.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.sequence_dropout import SequenceDropout


class Widths(Protocol):
    """What a config says of its layers."""

    @property
    def embedding_dim(self) -> int:
        """Width of the stream."""
        ...

    @property
    def num_heads(self) -> int:
        """Attention heads a layer; a divisor of embedding_dim."""
        ...

    @property
    def hidden_dim(self) -> int:
        """Width within a layer's two-layer perceptron."""
        ...

    @property
    def dropout(self) -> float:
        """Share of channels dropped in training in each residual branch."""
        ...


HIDDEN = -1e9
"""Score of what is not to be seen; finite, so that a row that sees nothing is no NaN."""


def sinusoids(length: int, width: int) -> Tensor:
    """Positions as sines and cosines of wavelengths from 2 pi to 10,000 * 2 pi: (length, width); section 3.5."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def in_heads(x: Tensor, count: int) -> Tensor:
    """x (n, t, d) -> (n, heads, t, d / heads)."""
    return x.unflatten(2, (count, -1)).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """Equation 1 of the paper: (n, heads, t, e), twice (n, heads, s, e) -> (n, t, heads * e).

    `hidden` is added to the scores (n, heads, t, s): 0 for what is seen, HIDDEN for what is not. Written out, for
    torch's fused attention in bf16 takes five times as long over sequences as short as these.
    """
    scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5 + hidden
    return (scores.softmax(3) @ value).transpose(1, 2).flatten(2)


def hiding(seen: Tensor) -> Tensor:
    """bool, true for what is seen -> what `attend` adds."""
    return torch.where(seen, 0.0, HIDDEN)


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself; over a cache of the tokens before where one is given."""

    def __init__(self, config: Widths) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.embedding_dim, 3 * config.embedding_dim)
        self.out = nn.Linear(config.embedding_dim, config.embedding_dim)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """x (n, t, d) -> (n, t, d); `hidden` as for `attend`."""
        query, key, value = (in_heads(part, self.num_heads) for part in self.qkv(x).chunk(3, dim=2))
        return self.out(attend(query, key, value, hidden))

    def step(
        self, x: Tensor, hidden: Tensor, at: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x (n, t, d), the tokens at places `at` (t,) -> (n, t, d), and the caches with their keys and values in.

        `keys` and `values` are (n, heads, room, d / heads); `hidden` (t, room) says which of them are seen.
        """
        query, key, value = (in_heads(part, self.num_heads) for part in self.qkv(x).chunk(3, dim=2))
        keys, values = keys.index_copy(2, at, key), values.index_copy(2, at, value)
        return self.out(attend(query, keys, values, hidden)), keys, values


class CrossAttention(nn.Module):
    """Multi-head attention of a target to its source, whose keys and values are made elsewhere."""

    def __init__(self, config: Widths) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.query = nn.Linear(config.embedding_dim, config.embedding_dim)
        self.out = nn.Linear(config.embedding_dim, config.embedding_dim)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, hidden: Tensor) -> Tensor:
        """x (n, t, d), keys and values (n, s, d) -> (n, t, d); `hidden` as for `attend`."""
        query, key, value = (in_heads(part, self.num_heads) for part in (self.query(x), keys, values))
        return self.out(attend(query, key, value, hidden))


class Perceptron(nn.Module):
    """Two layers, position by position (section 3.3)."""

    def __init__(self, config: Widths) -> None:
        super().__init__()
        self.fc = nn.Linear(config.embedding_dim, config.hidden_dim)
        self.out = nn.Linear(config.hidden_dim, config.embedding_dim)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, t, d) -> (n, t, d)."""
        return self.out(F.relu(self.fc(x)))


class DecoderLayer(nn.Module):
    """norm, causal self-attention, norm, attention to the source, norm, perceptron, each added to the stream."""

    def __init__(self, config: Widths) -> None:
        super().__init__()
        d = config.embedding_dim
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention, self.cross, self.perceptron = SelfAttention(config), CrossAttention(config), Perceptron(config)
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, x: Tensor, later: Tensor, keys: Tensor, values: Tensor, hidden: Tensor) -> Tensor:
        """x (n, t, d), the source's keys and values (n, s, d) -> (n, t, d).

        `later` (t, t) and `hidden` (n, 1, 1, s) say what of the target and of the source is not seen.
        """
        x = x + self.dropout(self.attention(self.norm1(x), later))
        x = x + self.dropout(self.cross(self.norm2(x), keys, values, hidden))
        return x + self.dropout(self.perceptron(self.norm3(x)))

    def step(
        self, x: Tensor, later: Tensor, keys: Tensor, values: Tensor, hidden: Tensor, at: Tensor, *caches: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, for tokens at places `at` (t,) after those in both `caches`, which come back with them in."""
        attended, own_keys, own_values = self.attention.step(self.norm1(x), later, at, *caches)
        x = x + attended
        x = x + self.cross(self.norm2(x), keys, values, hidden)
        return x + self.perceptron(self.norm3(x)), own_keys, own_values
