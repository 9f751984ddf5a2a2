"""Transformer blocks of CLIP and its causal encoder of captions (Radford et al., ICML 2021), as in transformers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.sequence_dropout import SequenceDropout


class Block(nn.Module):
    """Attention and a two-layer perceptron, each of the normalised stream and added to it."""

    def __init__(self, width: int, layers: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.fc_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = SequenceDropout(dropout)
        inner = width**-0.5 * (2 * layers) ** -0.5  # as CLIP begins
        for layer, deviation in (
            (self.qkv, inner), (self.proj, width**-0.5), (self.fc, (2 * width) ** -0.5), (self.fc_proj, inner)
        ):  # fmt: skip
            nn.init.normal_(layer.weight, 0.0, deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        """x (n, t, d), hidden bool (t, t), true where a row must not look -> (n, t, d)."""
        n, t, d = x.shape
        query, key, value = self.qkv(self.norm1(x)).view(n, t, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) / math.sqrt(d // self.num_heads)  # by hand: so few tokens, see bert.py
        if hidden is not None:
            scores = scores.masked_fill(hidden, -math.inf)
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(n, t, d)
        x = x + self.dropout(self.proj(mixed))
        return x + self.dropout(self.fc_proj(F.gelu(self.fc(self.norm2(x)))))


class CaptionEncoder(nn.Module):
    """A caption from left to right -> the state of each of its tokens."""

    def __init__(
        self, vocab_size: int, context_length: int, width: int, layers: int, num_heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(context_length, width)
        self.blocks = nn.ModuleList(Block(width, layers, num_heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.tokens.weight, 0.0, 0.02)
        nn.init.normal_(self.positions.weight, 0.0, 0.01)

    def forward(self, ids: Tensor) -> Tensor:
        """ids int64 (n, t) -> the state of each token, normalised, (n, t, width)."""
        position = torch.arange(ids.shape[1], device=ids.device)
        x = self.tokens(ids) + self.positions(position)
        hidden = position[None, :] > position[:, None]
        for block in self.blocks:
            x = block(x, hidden)
        return self.norm(x)
