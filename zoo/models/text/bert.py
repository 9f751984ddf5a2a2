"""BERT: a Transformer that reads both ways; fills blanks, tells topics, and finds replies.

Devlin, Chang, Lee and Toutanova, "BERT: pre-training of deep bidirectional Transformers for language understanding",
NAACL 2019, layer for layer: learnt positions, normalisation after each residual sum, GELU, a decoder tied to the token
embedding. Trained as RoBERTa is (Liu et al., 2019): no next-sentence task, and masks drawn anew each time.

A masked language model does not decode: it says what stands in a blank, and cannot write. So the replier that is made
of it retrieves: it maps a message and every known reply to vectors (Reimers and Gurevych, "Sentence-BERT", 2019) and
answers with the nearest reply that a person wrote. Which heads a checkpoint has is said by its config.

Departures: dropout shares one mask over a sequence and leaves attention alone, which on a CPU costs next to nothing;
the token types tell messages from replies, for there are no pairs of sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import FILL_MASK, RETRIEVAL, TEXT_CLASSIFICATION, Entry, Part
from zoo.nn.method import Method
from zoo.nn.sequence_dropout import SequenceDropout
from zoo.noise import Noise

MASKED, KEPT, REPLACED = 0.15, 0.1, 0.1
"""Share of the tokens that are to be told; of these, the shares that stay as they are, and that another replaces."""
SHARPNESS = 20.0
"""What cosines are multiplied by before the softmax over the replies of a batch."""


@dataclass(frozen=True)
class BertConfig:
    """Sizes, heads and regularisation."""

    vocab_size: int = bounded(7000, 8, 200_000)
    """Distinct tokens."""
    context_length: int = bounded(64, 4, 4096)
    """Tokens that the model sees at most, the two marks at the ends among them."""
    num_layers: int = bounded(4, 1, 48)
    """Transformer blocks."""
    num_heads: int = bounded(4, 1, 64)
    """Attention heads a block; a divisor of embedding_dim."""
    embedding_dim: int = bounded(256, 4, 4096)
    """Width of the residual stream."""
    dropout: float = bounded(0.0, 0.0, 0.9)
    """Share of channels dropped in training, after the embedding, in each residual branch and before the classes."""
    mask_token: int = bounded(4, 0, 1000)
    """Number of the token [MASK]; it and those before it are marks, which are neither masked nor drawn."""
    masked: bool = True
    """Whether it has the head that fills blanks."""
    num_classes: int = bounded(0, 0, 1000)
    """Classes that it tells texts apart by; 0 for no such head."""
    replies: bool = False
    """Whether it learns which reply answers which message."""

    def __post_init__(self) -> None:
        check(self)
        if self.embedding_dim % self.num_heads:
            raise ValueError(
                f"BertConfig.embedding_dim is {self.embedding_dim}; "
                f"it must be a multiple of num_heads ({self.num_heads})"
            )
        if not (self.masked or self.num_classes or self.replies):
            raise ValueError("BertConfig has no head: masked, num_classes or replies must say what it is for")


def _norm(config: BertConfig) -> nn.LayerNorm:
    return nn.LayerNorm(config.embedding_dim, eps=1e-12)  # as in BERT: layers are compared with the library's


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to the stream, which is then normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        d = config.embedding_dim
        self.num_heads = config.num_heads
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm1, self.norm2 = _norm(config), _norm(config)
        self.fc, self.fc_proj = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x (n, t, d), seen bool (n, 1, 1, t) -> (n, t, d)."""
        n, t, d = x.shape
        query, key, value = self.qkv(x).view(n, t, 3, self.num_heads, d // self.num_heads).permute(2, 0, 3, 1, 4)
        # By hand: over the dozen tokens of a turn the fused attention's backward pass costs a CPU five times as much.
        scores = (query @ key.transpose(2, 3) / math.sqrt(d // self.num_heads)).masked_fill(~seen, -math.inf)
        mixed = scores.softmax(-1) @ value
        x = self.norm1(x + self.dropout(self.proj(mixed.transpose(1, 2).reshape(n, t, d))))
        return self.norm2(x + self.dropout(self.fc_proj(F.gelu(self.fc(x)))))


class MaskedHead(nn.Module):
    """What precedes the tied decoder, and the decoder's bias."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.fc = nn.Linear(config.embedding_dim, config.embedding_dim)
        self.norm = _norm(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """hidden (..., d), tokens (vocab_size, d) -> logits (..., vocab_size)."""
        return F.linear(self.norm(F.gelu(self.fc(hidden))), tokens, self.bias)


class TextClassifier(nn.Module):
    """The first token's state through a dense layer with tanh, BERT's pooler, to the classes."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.pooler = nn.Linear(config.embedding_dim, config.embedding_dim)
        self.classes = nn.Linear(config.embedding_dim, config.num_classes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (n, t, d) -> logits (n, num_classes)."""
        return self.classes(self.dropout(torch.tanh(self.pooler(hidden[:, 0]))))


class Bert(nn.Module):
    """Token ids -> a state for each, and what the heads make of them."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context_length = config.vocab_size, config.context_length
        self.tokens = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.positions = nn.Embedding(config.context_length, config.embedding_dim)
        self.types = nn.Embedding(2, config.embedding_dim)
        self.norm, self.dropout = _norm(config), SequenceDropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.masked_head = MaskedHead(config) if config.masked else None
        self.classifier = TextClassifier(config) if config.num_classes else None
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, 0.0, 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def encode(self, ids: Tensor, mask: Tensor, kind: Tensor | None = None) -> Tensor:
        """ids int64 (n, t), mask (n, t) true or 1 where there is a token, kind int64 (n,) -> states (n, t, d).

        `kind` is the token type of a whole text: 0 (without it, too) for a message, 1 for a reply.
        """
        types = self.types.weight[:1] if kind is None else self.types(kind)
        position = torch.arange(ids.shape[1], device=ids.device)
        x = self.tokens(ids) + self.positions(position) + types[:, None]
        x = self.dropout(self.norm(x))
        seen = (mask != 0)[:, None, None]
        for block in self.blocks:
            x = block(x, seen)
        return x

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 (n, t), mask (n, t) -> logits (n, t, vocab_size). Raises ValueError without the masked head."""
        if self.masked_head is None:
            raise ValueError("this BERT fills no blanks; its config says masked=False")
        return self.masked_head(self.encode(ids, mask), self.tokens.weight)

    def classify(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 (n, t), mask (n, t) -> logits (n, num_classes). Raises ValueError without classes."""
        if self.classifier is None:
            raise ValueError("this BERT tells no classes apart; its config says num_classes=0")
        return self.classifier(self.encode(ids, mask))

    def embed(self, ids: Tensor, mask: Tensor, kind: Tensor) -> Tensor:
        """ids int64 (n, t), mask (n, t), kind int64 (n,), 0 message and 1 reply -> unit vectors (n, d).

        The mean of the states of all tokens. The product of a message's and a reply's says how well they fit.
        """
        counted = (mask != 0)[:, :, None]
        total = (self.encode(ids, mask, kind) * counted).sum(1)
        return F.normalize(total / counted.sum(1), dim=1)

    def corrupt(self, ids: Tensor, mask: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """ids int64 (n, t), mask (n, t) -> the ids as the model sees them, and which are to be told, bool (n, t).

        15 % of the tokens that are no marks; 80 % of them become [MASK], 10 % any other token, 10 % stay (section 3.1).
        """
        n, t = ids.shape
        first = self.config.mask_token + 1
        shape = (n, self.context_length)  # whatever the padding, so that processes together draw what one would
        drawn, fate = noise.uniform(*shape)[:, :t], noise.uniform(*shape)[:, :t]
        others = first + noise.integers(self.vocab_size - first, *shape)[:, :t]
        told = (drawn < MASKED) & (mask != 0) & (ids >= first)
        seen = ids.masked_fill(told & (fate >= KEPT + REPLACED), self.config.mask_token)
        return torch.where(told & (fate < REPLACED), others, seen), told

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The sum over the heads: cross-entropies, in nats, of masked tokens, of classes, of a batch's own replies."""
        config, found = self.config, {}
        ids, mask = batch["ids"], batch["mask"]
        if self.masked_head is not None:
            seen, told = self.corrupt(ids, mask, noise)
            logits = self.masked_head(self.encode(seen, mask)[told], self.tokens.weight)  # the other rows are not asked
            total = F.cross_entropy(logits.float(), ids[told], reduction="sum")
            found["masked"] = total / told.sum().clamp(min=1)
            if not (config.num_classes or config.replies):
                return {"loss": found["masked"], "items": told.sum()}
        if config.num_classes:
            found["classes"] = F.cross_entropy(self.classify(ids, mask).float(), batch["label"])
        if config.replies:
            found["replies"] = self.contrast(batch)
        return {"loss": torch.stack(list(found.values())).sum(), **(found if len(found) > 1 else {})}

    def contrast(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Cross-entropy of each message's own reply among those of the batch, and of each reply's message, averaged.

        Van den Oord, Li and Vinyals, "Representation learning with contrastive predictive coding", 2018, equation 4.
        Replies that are word for word the same do not count against each other.
        """
        ids, replies = batch["ids"], batch["reply_ids"]
        kind = torch.zeros(len(ids), dtype=torch.int64, device=ids.device)
        given = self.embed(ids, batch["mask"], kind)
        answers = self.embed(replies, batch["reply_mask"], kind + 1)
        own = torch.arange(len(ids), device=ids.device)
        same = (replies[:, None] == replies[None]).all(-1) & (own[:, None] != own)
        scores = (SHARPNESS * given.float() @ answers.float().T).masked_fill(same, -math.inf)
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2

    def parts(self) -> tuple[Part, ...]:
        """A graph for each head."""
        ids = torch.arange(8).reshape(2, 4) % self.vocab_size
        inputs = {"ids": ids, "mask": torch.ones_like(ids)}
        axes = {key: {0: "batch", 1: "time"} for key in inputs}
        found = []
        if self.config.masked:
            logits = {"logits": {0: "batch", 1: "time"}}
            found.append(Part("masked", self, inputs, ("logits",), axes | logits))
        if self.config.num_classes:
            logits = {"logits": {0: "batch"}}
            found.append(Part("text_classifier", Method(self, "classify"), inputs, ("logits",), axes | logits))
        if self.config.replies:
            kind = {"kind": torch.tensor([0, 1])}
            ends = {"kind": {0: "batch"}, "vectors": {0: "batch"}}
            found.append(Part("text_embedder", Method(self, "embed"), inputs | kind, ("vectors",), axes | ends))
        return tuple(found)


ENTRY = Entry(
    title="BERT",
    paper="https://arxiv.org/abs/1810.04805",
    tasks=(FILL_MASK, TEXT_CLASSIFICATION, RETRIEVAL),
    config=BertConfig,
    model=Bert,
    tiny=BertConfig(
        vocab_size=64, context_length=16, num_layers=2, num_heads=2, embedding_dim=16, num_classes=3, replies=True
    ),
    summary="Reads both ways: fills blanks, tells topics, and finds the reply that fits, in English and Chinese.",
    summary_zh="双向阅读：填空、判断话题、检索合适的回复，中英文皆可。",
)
