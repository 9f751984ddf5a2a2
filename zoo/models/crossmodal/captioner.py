"""Captioner: it looks at a picture and says in words, English or Chinese, what it shows.

Xu et al., "Show, attend and tell: neural image caption generation with visual attention", ICML 2015: a convolutional
network makes a grid of features of the picture, and a decoder that writes a caption word by word attends to all places
of that grid anew for each word. The encoder here is a residual network (He et al., "Identity mappings in deep residual
networks", ECCV 2016), the decoder a Transformer (Vaswani et al., "Attention is all you need", NeurIPS 2017) in place
of their LSTM, with the layers of this zoo's translator. A caption begins with a token that says its language.

Departures: what the decoder's layers look for in the picture is one projection of its grid, made once a picture; a
picture is learnt with its captions in both languages at once; dropout shares one mask over a sequence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import CAPTIONING, IGNORED, Entry, Part
from zoo.nn.attention import DecoderLayer, hiding, sinusoids
from zoo.nn.method import Method
from zoo.nn.residual import PreActivationBlock
from zoo.nn.sequence_dropout import SequenceDropout
from zoo.noise import Noise

HALVINGS = 3
"""How often the encoder halves the sides of a picture: by its first convolution and before each of two stages."""


@dataclass(frozen=True)
class CaptionerConfig:
    """Sizes of encoder and decoder, and regularisation."""

    vocab_size: int = bounded(3000, 4, 200_000)
    """Distinct tokens of the captions of both languages together."""
    context_length: int = bounded(32, 2, 512)
    """Tokens of a caption at most, the one that ends it among them."""
    image_size: int = bounded(64, 8, 512)
    """Height and width of a picture in pixels, of three colours; a multiple of 8."""
    width: int = bounded(32, 2, 512)
    """Feature maps after the encoder's first convolution; doubled by each of its two stages."""
    blocks: int = bounded(3, 1, 12)
    """Residual blocks a stage."""
    decoder_layers: int = bounded(3, 1, 24)
    """Layers that write the caption."""
    num_heads: int = bounded(4, 1, 64)
    """Attention heads a layer; a divisor of embedding_dim."""
    embedding_dim: int = bounded(192, 4, 4096)
    """Width of the decoder; even."""
    hidden_dim: int = bounded(512, 4, 16_384)
    """Width within a layer's two-layer perceptron."""
    dropout: float = bounded(0.1, 0.0, 0.9)
    """Share of channels dropped in training, of the grid, the embedding and each residual branch of the decoder."""
    label_smoothing: float = bounded(0.1, 0.0, 0.9)
    """Share of each target that is spread evenly over all tokens in training."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 2**HALVINGS:
            raise ValueError(f"CaptionerConfig.image_size is {self.image_size}; it must be a multiple of {2**HALVINGS}")
        if self.embedding_dim % self.num_heads or self.embedding_dim % 2:
            raise ValueError(
                f"CaptionerConfig.embedding_dim is {self.embedding_dim}; "
                f"it must be even and a multiple of num_heads ({self.num_heads})"
            )

    @property
    def places(self) -> int:
        """Places of the grid that the decoder looks at."""
        return (self.image_size // 2**HALVINGS) ** 2


class Grid(nn.Module):
    """A picture -> features of each place of a grid."""

    def __init__(self, config: CaptionerConfig) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, config.width, 3, 2, 1, bias=False)
        blocks, inputs = [], config.width
        for outputs in (2 * config.width, 4 * config.width):
            for block in range(config.blocks):
                blocks.append(PreActivationBlock(inputs, outputs, 2 if block == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.channels = nn.LayerNorm(inputs), inputs
        self.positions = nn.Parameter(0.02 * torch.randn(config.places, inputs))

    def forward(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> (n, places, channels), row by row."""
        places = self.blocks(self.stem(images)).flatten(2).transpose(1, 2)
        return self.norm(places + self.positions)


class Captioner(nn.Module):
    """A picture and its caption so far -> logits of the caption's next token."""

    def __init__(self, config: CaptionerConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context_length = config.vocab_size, config.context_length
        self.image_size = config.image_size
        d = config.embedding_dim
        self.grid = Grid(config)
        self.memory = nn.Linear(self.grid.channels, 2 * d * config.decoder_layers)
        self.tokens, self.positions = nn.Embedding(config.vocab_size, d), nn.Embedding(config.context_length, d)
        self.norm_in, self.norm_out = nn.LayerNorm(d), nn.LayerNorm(d)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.dropout = SequenceDropout(config.dropout)
        self.positions.weight.data.copy_(sinusoids(*self.positions.weight.shape))
        nn.init.normal_(self.tokens.weight, 0.0, d**-0.5)
        for part in (self.memory, *self.layers.modules()):
            if isinstance(part, nn.Linear):  # as Nguyen and Salazar begin
                nn.init.normal_(part.weight, 0.0, math.sqrt(2 / (5 * d)))
                nn.init.zeros_(part.bias)

    def look(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> memory (n, places, 2 * d * decoder_layers).

        It is what the decoder's layers look for: for each in turn its keys and its values.
        """
        return self.memory(self.dropout(self.grid(images)))

    def _embedded(self, ids: Tensor, at: Tensor) -> Tensor:
        """ids int64 (n, t) at places `at` (t,) -> (n, t, d), as the first layer takes them."""
        tokens = self.tokens(ids) * math.sqrt(self.config.embedding_dim)
        return self.dropout(self.norm_in(tokens + self.positions(at)))

    def _told(self, memory: Tensor, ids: Tensor) -> Tensor:
        """memory (n, places, ...), ids int64 (n, t) -> logits (n, t, vocab_size)."""
        parts, at = memory.chunk(2 * len(self.layers), dim=2), torch.arange(ids.shape[1], device=ids.device)
        later, nothing = hiding(at <= at[:, None]), torch.zeros((), device=ids.device)  # the whole grid is seen
        x = self._embedded(ids, at)
        for i, layer in enumerate(self.layers):
            x = layer(x, later, parts[2 * i], parts[2 * i + 1], nothing)
        return F.linear(self.norm_out(x), self.tokens.weight)

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1], ids int64 (n, t), the caption so far, its language first -> logits
        (n, t, vocab_size)."""
        return self._told(self.look(images), ids)

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean cross-entropy in nats a token against smoothed targets.

        Of "image" (n, 3, h, w), and of its captions, one a language, "ids" and "targets" int64 (n, languages, t), the
        targets being the ids one further on, IGNORED ones left out.
        """
        ids, targets = batch["ids"], batch["targets"]
        memory = self.look(batch["image"]).repeat_interleave(ids.shape[1], 0)
        logits = self._told(memory, ids.flatten(0, 1))
        loss = F.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED,
            label_smoothing=self.config.label_smoothing if self.training else 0.0,
        )  # fmt: skip
        return {"loss": loss, "items": (targets != IGNORED).sum()}

    def decode(self, ids: Tensor, position: Tensor, memory: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        """As `forward`, over a cache of fixed size: ids int64 (n, t) after `position` int64 () tokens.

        `memory` is that of `look`; `caches` the keys and values of each layer in turn, (n, heads, room, d / heads),
        with room for up to context_length tokens. Returns logits (n, t, vocab_size) and the filled caches.
        """
        at = position + torch.arange(ids.shape[1], device=ids.device)
        parts, nothing = memory.chunk(2 * len(self.layers), dim=2), torch.zeros((), device=ids.device)
        later = hiding(torch.arange(caches[0].shape[2], device=ids.device) <= at[:, None])  # (t, room)
        x = self._embedded(ids, at)
        grown: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, DecoderLayer)
            own = caches[2 * i], caches[2 * i + 1]
            x, *filled = layer.step(x, later, parts[2 * i], parts[2 * i + 1], nothing, at, *own)
            grown += filled
        return F.linear(self.norm_out(x), self.tokens.weight), *grown

    def parts(self) -> tuple[Part, ...]:
        """Two graphs: a picture to its memory, once; and the caption so far to the logits of what follows."""
        config = self.config
        images = torch.zeros(2, 3, config.image_size, config.image_size)
        cache = (2, config.num_heads, 16, config.embedding_dim // config.num_heads)
        names = [f"{kind}_{i}" for i in range(config.decoder_layers) for kind in ("key", "value")]
        before = {f"past_{name}": torch.zeros(cache) for name in names}
        axes = {key: {0: "batch", 2: "room"} for key in (*before, *names)}
        axes |= {key: {0: "batch", 1: "time"} for key in ("ids", "logits")} | {"memory": {0: "batch"}}
        told = {
            "ids": torch.zeros(2, 4, dtype=torch.int64),
            "position": torch.zeros((), dtype=torch.int64),
            "memory": torch.zeros(2, config.places, 2 * config.embedding_dim * config.decoder_layers),
        }
        return (
            Part(
                "image_encoder", Method(self, "look"), {"images": images}, ("memory",),
                {"images": {0: "batch"}, "memory": {0: "batch"}},
            ),
            Part(
                "caption_decoder", Method(self, "decode"), told | before, ("logits", *names), axes,
                dict(zip(before, names, strict=True)),
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="Captioner (attention over a picture)",
    paper="https://arxiv.org/abs/1502.03044",
    tasks=(CAPTIONING,),
    config=CaptionerConfig,
    model=Captioner,
    tiny=CaptionerConfig(
        vocab_size=64, context_length=32, image_size=32, width=8, blocks=1, decoder_layers=2, num_heads=2,
        embedding_dim=32, hidden_dim=48, dropout=0.0,
    ),
    summary="Says in English or Chinese what a picture shows: the name of an emoji, or a handwritten digit.",
    summary_zh="用中文或英文说出一张图画的是什么：表情的名称，或手写的数字。",
)  # fmt: skip
