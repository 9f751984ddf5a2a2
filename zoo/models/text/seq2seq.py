"""Transformer with an encoder and a decoder: it reads one sequence whole and writes another, token by token.

Vaswani et al., "Attention is all you need", NeurIPS 2017, in the layout of mBART (Liu et al., TACL 2020): one embedding
for both sides and the output, scaled by sqrt(d); each branch normalised before it, and once more at the end of each
stack, which trains steadily on little data (Nguyen and Salazar, "Transformers without tears", IWSLT 2019, also for the
first weights). Positions begin as the paper's sinusoids and are learnt on from there. Departures: the keys and values
that the decoder's layers look for in the source are one projection of it, made once a sentence; dropout shares one
mask over a sequence and leaves attention alone, and a share of the words is left out whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IGNORED, TRANSLATION, Entry, Part
from zoo.nn.attention import DecoderLayer, Perceptron, SelfAttention, hiding, sinusoids
from zoo.nn.method import Method
from zoo.nn.sequence_dropout import SequenceDropout
from zoo.noise import Noise


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and regularisation."""

    vocab_size: int = bounded(4500, 4, 200_000)
    """Distinct tokens of both sides together."""
    context_length: int = bounded(64, 2, 1024)
    """Tokens of a source, and of a target, at most."""
    encoder_layers: int = bounded(3, 1, 24)
    """Layers that read the source."""
    decoder_layers: int = bounded(3, 1, 24)
    """Layers that write the target."""
    num_heads: int = bounded(4, 1, 64)
    """Attention heads a layer; a divisor of embedding_dim."""
    embedding_dim: int = bounded(256, 4, 4096)
    """Width of both stacks; even."""
    hidden_dim: int = bounded(1024, 4, 16_384)
    """Width within a layer's two-layer perceptron."""
    dropout: float = bounded(0.1, 0.0, 0.9)
    """Share of channels dropped in training, after the embedding and in each residual branch, one choice a sequence."""
    word_dropout: float = bounded(0.0, 0.0, 0.9)
    """Share of tokens, on both sides, whose embedding is left out in training."""
    label_smoothing: float = bounded(0.1, 0.0, 0.9)
    """Share of each target that is spread evenly over all tokens in training."""

    def __post_init__(self) -> None:
        check(self)
        if self.embedding_dim % self.num_heads or self.embedding_dim % 2:
            raise ValueError(
                f"TransformerConfig.embedding_dim is {self.embedding_dim}; "
                f"it must be even and a multiple of num_heads ({self.num_heads})"
            )


class EncoderLayer(nn.Module):
    """norm, self-attention, norm, perceptron, each added to the stream."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d = config.embedding_dim
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention, self.perceptron = SelfAttention(config), Perceptron(config)
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """x (n, s, d) -> (n, s, d); `hidden` (n, 1, 1, s) as for `attend`."""
        x = x + self.dropout(self.attention(self.norm1(x), hidden))
        return x + self.dropout(self.perceptron(self.norm2(x)))


class Stack(nn.Module):
    """What the encoder and the decoder have alike: positions, and the norms before and after their layers."""

    def __init__(self, config: TransformerConfig, layers: list[nn.Module]) -> None:
        super().__init__()
        d = config.embedding_dim
        self.positions = nn.Embedding(config.context_length, d)
        self.norm_in, self.norm_out = nn.LayerNorm(d), nn.LayerNorm(d)
        self.layers = nn.ModuleList(layers)


class Transformer(nn.Module):
    """Source ids and the target's ids so far -> logits of the target's next token."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context_length = config.vocab_size, config.context_length
        d = config.embedding_dim
        self.tokens = nn.Embedding(config.vocab_size, d)
        self.encoder = Stack(config, [EncoderLayer(config) for _ in range(config.encoder_layers)])
        self.memory = nn.Linear(d, 2 * d * config.decoder_layers)
        self.decoder = Stack(config, [DecoderLayer(config) for _ in range(config.decoder_layers)])
        self.dropout = SequenceDropout(config.dropout)
        for name, parameter in self.named_parameters():
            if name.endswith("positions.weight"):
                parameter.data.copy_(sinusoids(*parameter.shape))
            elif name == "tokens.weight":
                nn.init.normal_(parameter, 0.0, d**-0.5)
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, 0.0, math.sqrt(2 / (5 * d)))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def _embedded(self, ids: Tensor, stack: Stack, at: Tensor) -> Tensor:
        """ids int64 (n, t) at places `at` (t,) -> (n, t, d), as the first layer of `stack` takes them."""
        tokens = self.tokens(ids) * math.sqrt(self.config.embedding_dim)
        if self.training and self.config.word_dropout:
            keep = torch.rand(*ids.shape, 1, device=ids.device) >= self.config.word_dropout
            tokens = tokens * keep
        return self.dropout(stack.norm_in(tokens + stack.positions(at)))

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 (n, s), s up to context_length, mask int64 or bool (n, s), 1 where there is a token -> memory.

        The memory (n, s, 2 * d * decoder_layers) is what the decoder's layers look for: for each in turn its keys and
        its values.
        """
        x = self._embedded(ids, self.encoder, torch.arange(ids.shape[1], device=ids.device))
        hidden = hiding(mask.bool()[:, None, None])
        for layer in self.encoder.layers:
            x = layer(x, hidden)
        return self.memory(self.encoder.norm_out(x))

    def forward(self, source: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """source and mask as for `encode`, ids int64 (n, t) of the target so far -> logits (n, t, vocab_size)."""
        memory = self.encode(source, mask).chunk(2 * len(self.decoder.layers), dim=2)
        at, hidden = torch.arange(ids.shape[1], device=ids.device), hiding(mask.bool()[:, None, None])
        later = hiding(at <= at[:, None])
        x = self._embedded(ids, self.decoder, at)
        for i, layer in enumerate(self.decoder.layers):
            x = layer(x, later, memory[2 * i], memory[2 * i + 1], hidden)
        return F.linear(self.decoder.norm_out(x), self.tokens.weight)

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean cross-entropy in nats a token against smoothed targets: of "source" (n, s) with its "mask", "ids" (n, t)
        and "targets" (n, t), the ids one further on, IGNORED ones left out."""
        logits = self(batch["source"], batch["mask"], batch["ids"])
        loss = F.cross_entropy(
            logits.float().flatten(0, 1), batch["targets"].flatten(), ignore_index=IGNORED,
            label_smoothing=self.config.label_smoothing if self.training else 0.0,
        )  # fmt: skip
        return {"loss": loss, "items": (batch["targets"] != IGNORED).sum()}

    def decode(
        self, ids: Tensor, position: Tensor, memory: Tensor, mask: Tensor, *caches: Tensor
    ) -> tuple[Tensor, ...]:
        """As `forward`, over a cache of fixed size: ids int64 (n, t) after `position` int64 () tokens.

        `memory` and `mask` are those of `encode`; `caches` the keys and values of each layer in turn, (n, heads, room,
        d / heads), with room for up to context_length tokens. Returns logits (n, t, vocab_size) and the filled caches.
        """
        at = position + torch.arange(ids.shape[1], device=ids.device)
        parts, hidden = memory.chunk(2 * len(self.decoder.layers), dim=2), hiding(mask.bool()[:, None, None])
        later = hiding(torch.arange(caches[0].shape[2], device=ids.device) <= at[:, None])  # (t, room)
        x = self._embedded(ids, self.decoder, at)
        grown: list[Tensor] = []
        for i, layer in enumerate(self.decoder.layers):
            assert isinstance(layer, DecoderLayer)
            own = caches[2 * i], caches[2 * i + 1]
            x, *filled = layer.step(x, later, parts[2 * i], parts[2 * i + 1], hidden, at, *own)
            grown += filled
        return F.linear(self.decoder.norm_out(x), self.tokens.weight), *grown

    def parts(self) -> tuple[Part, ...]:
        """Two graphs: a source to its memory, once; and the target so far to the logits of what follows."""
        config = self.config
        cache = (2, config.num_heads, 16, config.embedding_dim // config.num_heads)
        names = [f"{kind}_{i}" for i in range(config.decoder_layers) for kind in ("key", "value")]
        before = {f"past_{name}": torch.zeros(cache) for name in names}
        source = {0: "batch", 1: "source"}
        axes = {key: {0: "batch", 2: "room"} for key in (*before, *names)}
        return (
            Part(
                "text_encoder", Method(self, "encode"),
                {"ids": torch.zeros(2, 3, dtype=torch.int64), "mask": torch.ones(2, 3, dtype=torch.int64)},
                ("memory",), {"ids": source, "mask": source, "memory": source},
            ),
            Part(
                "text_decoder", Method(self, "decode"),
                {
                    "ids": torch.zeros(2, 4, dtype=torch.int64),
                    "position": torch.zeros((), dtype=torch.int64),
                    "memory": torch.zeros(2, 3, 2 * config.embedding_dim * config.decoder_layers),
                    "mask": torch.ones(2, 3, dtype=torch.int64),
                    **before,
                },
                ("logits", *names),
                axes | {key: {0: "batch", 1: "time"} for key in ("ids", "logits")} | {"memory": source, "mask": source},
                dict(zip(before, names, strict=True)),
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="Transformer (encoder and decoder)",
    paper="https://arxiv.org/abs/1706.03762",
    tasks=(TRANSLATION,),
    config=TransformerConfig,
    model=Transformer,
    tiny=TransformerConfig(
        vocab_size=101, context_length=32, encoder_layers=2, decoder_layers=2, num_heads=2, embedding_dim=16,
        hidden_dim=32,
    ),
    summary="Reads a sequence whole and writes another: English into Chinese and back, or the sounds of a word.",
    summary_zh="先通读一个序列，再写出另一个：英汉互译，或给英文单词注音。",
)  # fmt: skip
