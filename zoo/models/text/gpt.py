"""GPT: a decoder-only Transformer in the GPT-2 layout, with a key-value cache.

Radford et al., "Language models are unsupervised multitask learners", 2019: learnt positions, pre-normalisation,
tanh-GELU, output tied to the token embedding. Residual projections start smaller by sqrt(2 * num_layers), as there.
Departure: dropout shares one mask over a sequence and leaves attention alone, which on a CPU costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IGNORED, TEXT_GENERATION, Entry, Part
from zoo.nn.method import Method
from zoo.nn.sequence_dropout import SequenceDropout
from zoo.noise import Noise


@dataclass(frozen=True)
class GPTConfig:
    """Sizes and regularisation."""

    vocab_size: int = bounded(65, 2, 200_000)
    """Distinct tokens."""
    context_length: int = bounded(256, 2, 4096)
    """Tokens that the model sees at most."""
    num_layers: int = bounded(6, 1, 48)
    """Transformer blocks."""
    num_heads: int = bounded(8, 1, 64)
    """Attention heads a block; a divisor of embedding_dim."""
    embedding_dim: int = bounded(256, 4, 4096)
    """Width of the residual stream."""
    dropout: float = bounded(0.0, 0.0, 0.9)
    """Share of channels dropped in training, after the embedding and in each residual branch, one choice a sequence."""

    def __post_init__(self) -> None:
        check(self)
        if self.embedding_dim % self.num_heads:
            raise ValueError(
                f"GPTConfig.embedding_dim is {self.embedding_dim}; "
                f"it must be a multiple of num_heads ({self.num_heads})"
            )


class Attention(nn.Module):
    """Causal multi-head self-attention."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.embedding_dim, 3 * config.embedding_dim)
        self.proj = nn.Linear(config.embedding_dim, config.embedding_dim)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (n, t, d) after `past` keys and values (n, heads, p, d / heads) -> (n, t, d) and both, grown by t."""
        n, t, d = x.shape
        query, key, value = self.qkv(x).view(n, t, 3, self.num_heads, d // self.num_heads).permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        p = key.shape[2] - t
        if t == 1:  # the newest sees all
            out = F.scaled_dot_product_attention(query, key, value)
        elif p == 0:
            out = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            mask = torch.ones(t, p + t, dtype=torch.bool, device=x.device).tril(p)
            out = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.proj(out.transpose(1, 2).reshape(n, t, d)), (key, value)


class Block(nn.Module):
    """norm, attention, norm, two-layer perceptron, each added to the stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        d = config.embedding_dim
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = Attention(config)
        self.fc, self.proj = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (n, t, d) -> (n, t, d), and the attention's keys and values."""
        attended, present = self.attention(self.norm1(x), past)
        x = x + self.dropout(attended)
        return x + self.dropout(self.proj(F.gelu(self.fc(self.norm2(x)), approximate="tanh"))), present


class GPT(nn.Module):
    """Token ids -> logits of the next token."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context_length = config.vocab_size, config.context_length
        self.tokens = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.positions = nn.Embedding(config.context_length, config.embedding_dim)
        self.dropout = SequenceDropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.embedding_dim)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith("proj.weight")
                nn.init.normal_(parameter, 0.0, 0.02 / (math.sqrt(2 * config.num_layers) if residual else 1.0))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor) -> Tensor:
        """ids int64 (n, t), t up to context_length -> logits (n, t, vocab_size)."""
        return self.step(ids, [])[0]

    def start(self, batch_size: int) -> list[Tensor]:
        """An empty cache: keys and values of each block in turn, (n, heads, 0, d / heads)."""
        config = self.config
        shape = (batch_size, config.num_heads, 0, config.embedding_dim // config.num_heads)
        return [torch.zeros(shape, device=self.tokens.weight.device) for _ in range(2 * config.num_layers)]

    def step(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """ids int64 (n, t) after the cached `state` -> logits (n, t, vocab_size) and the grown cache.

        Raises ValueError when the cache and the new tokens together exceed context_length.
        """
        past = state[0].shape[2] if state else 0
        t = ids.shape[1]
        if past + t > self.context_length:
            raise ValueError(f"{past + t} tokens do not fit; this model sees at most {self.context_length}")
        position = torch.arange(past, past + t, device=ids.device)
        x = self.dropout(self.tokens(ids) + self.positions(position))
        present: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            x, grown = block(x, (state[2 * i], state[2 * i + 1]) if past else None)
            present += grown
        return F.linear(self.norm(x), self.tokens.weight), present

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean cross-entropy in nats a token: ids (n, t) against targets (n, t), IGNORED ones left out."""
        logits = self(batch["ids"])
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch["targets"].flatten(), ignore_index=IGNORED)
        return {"loss": loss, "items": (batch["targets"] != IGNORED).sum()}

    def decode(self, ids: Tensor, position: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        """As `step`, with a cache of fixed size: what follows the last of ids int64 (n, t).

        `position` int64 () tokens are cached already; `caches` are keys and values of each block in turn, (n, heads,
        context_length, d / heads), of which only those count. Returns logits (n, vocab_size) and the filled caches.
        """
        config = self.config
        n, t, d = ids.shape[0], ids.shape[1], config.embedding_dim
        at = position + torch.arange(t, device=ids.device)
        seen = torch.arange(self.context_length, device=ids.device) <= at[:, None]  # (t, context_length)
        x = self.tokens(ids) + self.positions(at)
        grown: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            qkv = block.attention.qkv(block.norm1(x)).view(n, t, 3, config.num_heads, d // config.num_heads)
            query, key, value = qkv.permute(2, 0, 3, 1, 4)
            keys, values = caches[2 * i].index_copy(2, at, key), caches[2 * i + 1].index_copy(2, at, value)
            mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=seen)
            x = x + block.attention.proj(mixed.transpose(1, 2).reshape(n, t, d))
            x = x + block.proj(F.gelu(block.fc(block.norm2(x)), approximate="tanh"))
            grown += [keys, values]
        return F.linear(self.norm(x[:, -1]), self.tokens.weight), *grown

    def parts(self) -> tuple[Part, ...]:
        """One graph: tokens after a cache to the logits of the next one."""
        config = self.config
        shape = (2, config.num_heads, config.context_length, config.embedding_dim // config.num_heads)
        caches = [f"{kind}_{i}" for i in range(config.num_layers) for kind in ("key", "value")]
        before = {f"past_{name}": torch.zeros(shape) for name in caches}
        inputs = {"ids": torch.zeros(2, 4, dtype=torch.int64), "position": torch.zeros((), dtype=torch.int64), **before}
        axes = {key: {0: "batch"} for key in ("logits", *before, *caches)} | {"ids": {0: "batch", 1: "time"}}
        return (
            Part(
                "decoder", Method(self, "decode"), inputs, ("logits", *caches), axes,
                dict(zip(before, caches, strict=True)),
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="GPT",
    paper="https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
    tasks=(TEXT_GENERATION,),
    config=GPTConfig,
    model=GPT,
    tiny=GPTConfig(vocab_size=32, context_length=32, num_layers=2, num_heads=2, embedding_dim=16),
    summary="Writes on from a prompt, one token at a time: plays in English, Tang poems in Chinese.",
    summary_zh="逐字续写：英文戏剧，或依格律写唐诗。",
)
