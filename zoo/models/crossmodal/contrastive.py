"""CLIP: pictures and captions as vectors of one space, where a picture lies near to what is said of it.

Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021: a vision Transformer
(Dosovitskiy et al., ICLR 2021) and a causal Transformer of text, whose state at the last token stands for the whole,
learn to tell which caption of a batch belongs to which picture, both ways, with a temperature that is learnt as well.
The network is layer for layer the `CLIPModel` of transformers, to which its weights are exported.

Departures: two captions a picture, one English and one Chinese, each a loss of its own; pictures of the same thing,
such as one emoji in two styles, do not count against each other; GELU as it is, not its sigmoid approximation; dropout
with one mask for a whole sequence, for there are few pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check, check_attention
from zoo.entry import IMAGE_TEXT_MATCHING, Entry, Part
from zoo.nn.caption_encoder import Block, CaptionEncoder
from zoo.nn.method import Method
from zoo.noise import Noise

LANGUAGES = ("en", "zh")
"""A batch holds a caption of each: en_ids and zh_ids."""
BEGIN_SCALE, MAX_SCALE = 1 / 0.07, 100.0
"""What cosines are multiplied by before the softmax at the beginning, and at most (section 2.5 of the paper)."""


@dataclass(frozen=True)
class ContrastiveConfig:
    """Sizes of the two encoders, and regularisation."""

    vocab_size: int = bounded(5000, 8, 200_000)
    """Distinct tokens."""
    context_length: int = bounded(32, 4, 512)
    """Tokens of a caption at most, the two marks at its ends among them."""
    end_token: int = bounded(3, 0, 1000)
    """Number of the token that ends a caption, whose state stands for the whole; nothing after it is seen."""
    image_size: int = bounded(64, 8, 512)
    """Height and width of a picture in pixels; a multiple of patch_size."""
    patch_size: int = bounded(8, 2, 64)
    """Height and width of the squares that a picture is cut into."""
    image_dim: int = bounded(192, 4, 2048)
    """Width of the encoder of pictures."""
    image_layers: int = bounded(4, 1, 48)
    """Transformer blocks of the encoder of pictures."""
    text_dim: int = bounded(128, 4, 2048)
    """Width of the encoder of captions."""
    text_layers: int = bounded(3, 1, 48)
    """Transformer blocks of the encoder of captions."""
    num_heads: int = bounded(4, 1, 64)
    """Attention heads a block; a divisor of both widths."""
    embedding_dim: int = bounded(128, 4, 2048)
    """Numbers of the vector of a picture or a caption."""
    dropout: float = bounded(0.1, 0.0, 0.9)
    """Share of channels dropped in training in each residual branch."""

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % self.patch_size:
            raise ValueError(
                f"ContrastiveConfig.image_size is {self.image_size}; it must be a multiple of patch_size "
                f"({self.patch_size})"
            )
        for name in ("image_dim", "text_dim"):
            if getattr(self, name) % self.num_heads:
                raise ValueError(
                    f"ContrastiveConfig.{name} is {getattr(self, name)}; it must be a multiple of num_heads "
                    f"({self.num_heads})"
                )
        check_attention(self, (self.image_size // self.patch_size) ** 2 + 1, self.num_heads)


class PictureEncoder(nn.Module):
    """A picture cut into squares, and a token before them whose last state stands for the whole."""

    def __init__(self, config: ContrastiveConfig) -> None:
        super().__init__()
        width, squares = config.image_dim, (config.image_size // config.patch_size) ** 2
        self.patches = nn.Conv2d(3, width, config.patch_size, stride=config.patch_size, bias=False)
        self.whole = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positions = nn.Embedding(squares + 1, width)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            Block(width, config.image_layers, config.num_heads, config.dropout) for _ in range(config.image_layers)
        )
        self.projection = nn.Linear(width, config.embedding_dim, bias=False)
        nn.init.normal_(self.positions.weight, 0.0, 0.02)
        nn.init.normal_(self.projection.weight, 0.0, width**-0.5)

    def forward(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> (n, embedding_dim)."""
        squares = self.patches(images).flatten(2).transpose(1, 2)
        whole = self.whole.to(squares.dtype).expand(len(images), 1, -1)
        x = self.norm_in(torch.cat([whole, squares], 1) + self.positions.weight)
        for block in self.blocks:
            x = block(x)
        return self.projection(self.norm_out(x[:, 0]))


class Contrastive(nn.Module):
    """The two encoders, and how far apart cosines are drawn."""

    def __init__(self, config: ContrastiveConfig) -> None:
        super().__init__()
        self.config = config
        self.image_size, self.vocab_size = config.image_size, config.vocab_size
        self.context_length = config.context_length
        self.pictures = PictureEncoder(config)
        self.captions = CaptionEncoder(
            config.vocab_size, config.context_length, config.text_dim, config.text_layers, config.num_heads,
            config.dropout,
        )  # fmt: skip
        self.projection = nn.Linear(config.text_dim, config.embedding_dim, bias=False)
        nn.init.normal_(self.projection.weight, 0.0, config.text_dim**-0.5)
        self.log_scale = nn.Parameter(torch.tensor(math.log(BEGIN_SCALE)))

    def embed_images(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> unit vectors float32 (n, embedding_dim)."""
        return F.normalize(self.pictures(images).float(), dim=1)

    def embed_captions(self, ids: Tensor) -> Tensor:
        """ids int64 (n, t), each row with an end_token, after which nothing counts -> unit vectors float32 (n, d)."""
        states, last = self.captions(ids), (ids == self.config.end_token).int().argmax(1)
        return F.normalize(self.projection(states[torch.arange(len(ids), device=ids.device), last]).float(), dim=1)

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The mean of `contrast` over the languages, in nats. "concept" int64 (n,) says what each picture shows."""
        pictures, concept = self.embed_images(batch["image"]), batch["concept"]
        found = {
            language: self.contrast(pictures, self.embed_captions(batch[f"{language}_ids"]), concept)
            for language in LANGUAGES
        }
        return {"loss": torch.stack(list(found.values())).mean(), **found}

    def contrast(self, pictures: Tensor, captions: Tensor, concept: Tensor) -> Tensor:
        """Cross-entropy of each picture's own caption among the batch's, and of each caption's picture, averaged.

        pictures and captions (n, d), concept (n,): what shows the same does not count against each other.
        """
        own = torch.arange(len(concept), device=concept.device)
        same = (concept[:, None] == concept[None]) & (own[:, None] != own)
        scale = self.log_scale.clamp(max=math.log(MAX_SCALE)).exp()
        scores = (scale * pictures @ captions.T).masked_fill(same, -math.inf)
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2

    def parts(self) -> tuple[Part, ...]:
        """A graph for each encoder."""
        images = {"images": torch.zeros(2, 3, self.image_size, self.image_size)}
        ids = {"ids": (torch.arange(8).reshape(2, 4) + self.config.end_token) % self.vocab_size}
        of_images = {"images": {0: "batch"}, "vectors": {0: "batch"}}
        of_ids = {"ids": {0: "batch", 1: "time"}, "vectors": {0: "batch"}}
        return (
            Part("image_embedder", Method(self, "embed_images"), images, ("vectors",), of_images),
            Part("caption_embedder", Method(self, "embed_captions"), ids, ("vectors",), of_ids),
        )


ENTRY = Entry(
    title="CLIP",
    paper="https://arxiv.org/abs/2103.00020",
    tasks=(IMAGE_TEXT_MATCHING,),
    config=ContrastiveConfig,
    model=Contrastive,
    tiny=ContrastiveConfig(
        vocab_size=64, context_length=16, image_size=32, image_dim=16, image_layers=2, text_dim=16, text_layers=2,
        num_heads=2, embedding_dim=12, dropout=0.0,
    ),
    summary="Says which words fit a picture and which picture fits words, in English and Chinese.",
    summary_zh="判断哪些词语适合一张图、哪张图适合一句话，中英文皆可。",
)  # fmt: skip
