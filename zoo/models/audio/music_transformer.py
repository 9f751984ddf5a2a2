"""Music Transformer: four-part chorales, frame by frame, freely or under a melody that is given.

Huang et al., "Music Transformer: generating music with long-term structure", ICLR 2019: attention that learns a vector
for each distance in time (Shaw et al., NAACL 2018), brought to its place by "skewing", which keeps memory small. All
voices of a frame stand at one place of the sequence, and are written one after the other, soprano, bass, alto, tenor,
each in sight of those before: so a frame's probability is exact, and its four notes are not independent.
A melody that is given is read by a second, bidirectional stack before anything is written: harmony prepares what comes.
Departures: one place a frame instead of one a note: a piece is a quarter as long, which a CPU can train; a distance
beyond `max_distance` counts as that; relations of pitch, which the paper brings into attention, stand where they are
used: the semitones above the bass in what is read, the motion of voices in what is written, and a voice's logits are
the sum of those of a key and those of a step from its note before, so that a rule is learnt once for all keys; a learnt
vector tells the place in a bar of four quarters and, where it is known, how many frames are left; dropout holds one
mask for a sequence and leaves attention alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import MUSIC_GENERATION, Entry, Part
from zoo.nn.method import Method
from zoo.nn.sequence_dropout import SequenceDropout
from zoo.noise import Noise

VOICES = 4
LEFT = 64
"""Frames before the end from which on they are counted."""
BAR = 16
"""Sixteenths of a bar."""
OCTAVE = 12
"""Semitones."""
LEAP = OCTAVE + 1
"""Semitones from which on all leaps are alike."""


@dataclass(frozen=True)
class MusicTransformerConfig:
    """Sizes, the grid of time, and what is told beforehand in training."""

    grid: Literal[1, 4] = 1
    """Sixteenths that a frame lasts: 1, or 4 for a frame a quarter."""
    context_length: int = bounded(640, 2, 4096)
    """Frames of a piece at most."""
    tokens: int = bounded(89, 2, 129)
    """What a voice can do in a frame: be silent, 0, or sing one of a piano's keys, 1 to 88. The number after them
    stands for a voice before the first frame, and for a melody that is not given."""
    order: tuple[int, ...] = bounded((0, 3, 1, 2), 0, 3)
    """In which the voices of a frame are written; soprano is 0, bass 3."""
    max_distance: int = bounded(256, 1, 4096)
    """Frames apart that attention tells from nearer ones."""
    num_layers: int = bounded(4, 1, 48)
    """Transformer blocks that write."""
    melody_layers: int = bounded(2, 1, 48)
    """Transformer blocks that read a given melody."""
    num_heads: int = bounded(4, 1, 64)
    """Attention heads a block; a divisor of embedding_dim."""
    embedding_dim: int = bounded(128, 4, 4096)
    """Width of the residual stream."""
    dropout: float = bounded(0.0, 0.0, 0.9)
    """Share of channels dropped in training, after the embedding and in each residual branch, one choice a sequence."""
    given: float = bounded(0.5, 0.0, 1.0)
    """Share of training pieces whose melody is told beforehand; half of the others are told their length alone."""

    def __post_init__(self) -> None:
        check(self)
        if sorted(self.order) != [*range(VOICES)]:
            raise ValueError(f"MusicTransformerConfig.order is {self.order}; it must name 0, 1, 2 and 3, each once")
        if self.embedding_dim % self.num_heads:
            raise ValueError(
                f"MusicTransformerConfig.embedding_dim is {self.embedding_dim}; "
                f"it must be a multiple of num_heads ({self.num_heads})"
            )


def skew(by_distance: Tensor, t: int) -> Tensor:
    """Logits by distance -> logits by place: out[..., i, j] = by_distance[..., i, j - i + t].

    by_distance (n, heads, t, m + 1), as the paper's figure 1 has it: the first column means nothing, m is t, and so
    what comes to lie above the diagonal means nothing either; or m is 2 t - 1, for distances both ways. Returns a view
    (n, heads, t, t).
    """
    m = by_distance.shape[3] - 1
    return by_distance.flatten(2)[:, :, t:].unflatten(2, (t, m))[..., :t]


def _numbers(voices: Tensor) -> Tensor:
    """0, 1, 2, 3."""
    return torch.arange(VOICES, device=voices.device)


def _leap(semitones: Tensor) -> Tensor:
    """Semitones up or down -> a number from 0 to 2 LEAP."""
    return semitones.clamp(-LEAP, LEAP) + LEAP


class RelativeAttention(nn.Module):
    """Multi-head self-attention whose logits are (q k + q r) / sqrt(d / heads), r the vector of the distance."""

    def __init__(self, config: MusicTransformerConfig, *, causal: bool) -> None:
        super().__init__()
        self.num_heads, self.farthest, self.causal = config.num_heads, config.max_distance - 1, causal
        d, rows = config.embedding_dim, config.max_distance if causal else 2 * config.max_distance - 1
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.relative = nn.Parameter(torch.empty(config.num_heads, rows, d // config.num_heads))

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (n, t, d) -> queries, divided by the root of their width, keys and values (n, heads, t, d / heads)."""
        n, t, d = x.shape
        query, key, value = self.qkv(x).view(n, t, 3, self.num_heads, d // self.num_heads).permute(2, 0, 3, 1, 4)
        return query / math.sqrt(d // self.num_heads), key, value

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x (n, t, d), seen (n or 1, 1, t or 1, t) true where a place looks -> (n, t, d)."""
        n, t, d = x.shape
        query, key, value = self.split(x)
        if self.causal:
            rows = torch.arange(t, -1, -1, device=x.device).clamp(max=self.farthest)
        else:
            rows = torch.arange(-t, t, device=x.device).clamp(-self.farthest, self.farthest) + self.farthest
        logits = skew(query @ self.relative[:, rows].mT, t) + query @ key.mT
        logits = logits.masked_fill_(~seen, -math.inf)
        shares = logits.softmax(-1, dtype=logits.dtype)  # in low precision, where the products are
        return self.proj((shares @ value).transpose(1, 2).reshape(n, t, d))

    def step(self, x: Tensor, position: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward` of a causal one for the frame x (n, 1, d) at `position`.

        Over caches (n, heads, room, d / heads); returns what it gives, and the caches with its own key and value in.
        """
        n, _, d = x.shape
        query, key, value = self.split(x)
        keys, values = (cache.index_copy(2, position.reshape(1), new) for cache, new in ((keys, key), (values, value)))
        apart = position - torch.arange(keys.shape[2], device=x.device)
        by_distance = query @ self.relative.mT
        logits = query @ keys.mT + by_distance.index_select(3, apart.clamp(0, self.farthest))
        shares = logits.masked_fill(apart < 0, -math.inf).softmax(-1)
        return self.proj((shares @ values).transpose(1, 2).reshape(n, 1, d)), keys, values


class Block(nn.Module):
    """norm, attention, norm, two-layer perceptron, each added to the stream."""

    def __init__(self, config: MusicTransformerConfig, *, causal: bool) -> None:
        super().__init__()
        d = config.embedding_dim
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = RelativeAttention(config, causal=causal)
        self.fc, self.proj = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.dropout = SequenceDropout(config.dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x (n, t, d) -> (n, t, d); `seen` as for the attention."""
        return self.think(x + self.dropout(self.attention(self.norm1(x), seen)))

    def step(self, x: Tensor, position: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, for one frame over caches."""
        attended, keys, values = self.attention.step(self.norm1(x), position, keys, values)
        return self.think(x + attended), keys, values

    def think(self, x: Tensor) -> Tensor:
        """The perceptron's branch: x (n, t, d) -> (n, t, d)."""
        return x + self.dropout(self.proj(F.gelu(self.fc(self.norm2(x)), approximate="tanh")))


class MusicTransformer(nn.Module):
    """Frames so far, and a melody if there is one -> logits of the next frame's voices."""

    def __init__(self, config: MusicTransformerConfig) -> None:
        super().__init__()
        self.config, self.context_length, self.nothing = config, config.context_length, config.tokens
        d, bar = config.embedding_dim, BAR // config.grid
        self.notes = nn.Embedding(VOICES * (config.tokens + 1), d)  # each voice has its own
        self.melody = nn.Embedding(config.tokens + 1, d)
        self.free = nn.Parameter(torch.zeros(d))  # in place of a melody
        self.from_start, self.from_end = nn.Embedding(bar, d), nn.Embedding(bar + 1, d)
        self.left = nn.Embedding(LEFT + 1, d)
        self.dropout = SequenceDropout(config.dropout)
        self.readers = nn.ModuleList(Block(config, causal=False) for _ in range(config.melody_layers))
        self.writers = nn.ModuleList(Block(config, causal=True) for _ in range(config.num_layers))
        self.norm_read, self.norm_written = nn.LayerNorm(d), nn.LayerNorm(d)
        self.turn = nn.Embedding(VOICES, d)
        self.figures = nn.Embedding((VOICES - 1) * (OCTAVE + 1), d)  # semitones above the bass, or silence
        self.intervals = nn.Embedding(VOICES * VOICES * (OCTAVE + 1), d)  # between two voices in the frame before
        self.moves = nn.Embedding(VOICES * (2 * LEAP + 2), d)  # from the frame before, or none
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.fc, self.proj = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        self.head, self.step_head = nn.Linear(d, config.tokens), nn.Linear(d, 2 * LEAP + 1)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                residual = name.endswith("proj.weight")
                nn.init.normal_(parameter, 0.0, 0.02 / (math.sqrt(2 * config.num_layers) if residual else 1.0))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def listen(self, melody: Tensor, length: Tensor) -> Tensor:
        """melody int64 (n, t), tokens, or `nothing` throughout a row that has none; length int64 (n,), the frames of
        each piece, 0 where that is not told -> condition (n, t, d), what is known beforehand of each frame."""
        at, length = torch.arange(melody.shape[1], device=melody.device), length[:, None]
        left, bar = (length - at).clamp_min(0), BAR // self.config.grid
        seen = (left > 0) | (length == 0)
        given = melody[:, 0] != self.nothing
        if self.training:  # what is not there need not be read
            read = self.free.repeat(*melody.shape, 1)
            read[given] = self.read(melody[given], seen[given]).to(read.dtype)
        else:
            read = torch.where(given[:, None, None], self.read(melody, seen), self.free)
        ending = torch.where(left > 0, (left - 1) % bar + 1, 0)
        return read + self.from_start(at % bar) + self.from_end(ending) + self.left(left.clamp_max(LEFT))

    def read(self, melody: Tensor, seen: Tensor) -> Tensor:
        """Melodies int64 (n, t), seen (n, t) true within each piece -> what each frame's note means there (n, t, d)."""
        x = self.dropout(self.melody(melody))
        for block in self.readers:
            x = block(x, seen[:, None, None])
        return self.norm_read(x)

    def forward(self, voices: Tensor, condition: Tensor) -> Tensor:
        """voices int64 (n, t, 4) and condition (n, t, d) -> logits (n, t, 4, tokens).

        Those of a voice come from all frames before, and from the voices that stand before it in `config.order`.
        """
        t = voices.shape[1]
        if t > self.context_length:
            raise ValueError(f"{t} frames do not fit; this model sees at most {self.context_length}")
        before = F.pad(voices, (0, 0, 1, 0), value=self.nothing)[:, :-1]
        x = self.dropout(self.read_frame(before) + condition)
        seen = torch.ones(t, t, dtype=torch.bool, device=x.device).tril()[None, None]
        for block in self.writers:
            x = block(x, seen)
        return self.sing(self.dropout(self.norm_written(x)), before, voices)

    def embed(self, voices: Tensor) -> Tensor:
        """Tokens or `nothing` int64 (..., 4) -> (..., 4, d)."""
        return self.notes(voices + (self.nothing + 1) * _numbers(voices))

    def read_frame(self, voices: Tensor) -> Tensor:
        """A frame that is written, int64 (..., 4) -> (..., d): its notes, and each voice's place above the bass."""
        upper = VOICES - 1
        figures = self.apart(voices[..., :upper], voices[..., upper:]) + (OCTAVE + 1) * _numbers(voices)[:upper]
        return self.embed(voices).sum(-2) + self.figures(figures).sum(-2)

    def sings(self, voices: Tensor) -> Tensor:
        """Where a token is a key, and neither silence nor `nothing`."""
        return (voices > 0) & (voices < self.nothing)

    def apart(self, one: Tensor, other: Tensor) -> Tensor:
        """Semitones from one token up to another, octaves apart the same, from 0 on; OCTAVE where either is no key."""
        semitones = (one - other + 16 * OCTAVE) % OCTAVE
        return torch.where(self.sings(one) & self.sings(other), semitones, OCTAVE)

    def sing(self, hidden: Tensor, before: Tensor, voices: Tensor) -> Tensor:
        """hidden (..., d) of a frame, the voices of the frame `before` it and its own, int64 (..., 4) -> logits
        (..., 4, tokens), each from those before it in `config.order`; what stands at the others does not matter."""
        moves = torch.where(self.sings(before) & self.sings(voices), _leap(voices - before), 2 * LEAP + 1)
        written = self.embed(voices) + self.moves(moves + (2 * LEAP + 2) * _numbers(voices))
        states, so_far, earlier = [hidden] * VOICES, hidden, list[int]()
        for voice in self.config.order:
            states[voice] = so_far
            for other in earlier:
                pair = (OCTAVE + 1) * (VOICES * other + voice)
                states[voice] = states[voice] + self.intervals(
                    self.apart(before[..., other], before[..., voice]) + pair
                )
            so_far = so_far + written[..., voice, :]
            earlier.append(voice)
        x = torch.stack(states, dim=-2) + self.turn.weight
        x = self.norm2(x + self.proj(F.gelu(self.fc(self.norm1(x)), approximate="tanh")))
        keys = torch.arange(self.nothing, device=voices.device)
        steps = self.step_head(x).gather(-1, _leap(keys - before[..., None]))
        return self.head(x) + steps * (self.sings(before)[..., None] & (keys > 0))

    def negative_log_likelihood(self, voices: Tensor, melody: Tensor, length: Tensor) -> Tensor:
        """Nats of each voice, given all before it and what `listen` is told: voices int64 (n, t, 4) -> (n, t, 4)."""
        logits = self(voices, self.listen(melody, length))
        return F.cross_entropy(logits.float().flatten(0, 2), voices.flatten(), reduction="none").view(voices.shape)

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean cross-entropy in nats a voice and frame, of those that are not told; see `config.given`."""
        voices, length = batch["voices"], batch["length"]
        told = noise.uniform(len(voices))[:, None]
        melody = torch.where(told < self.config.given, voices[..., 0], self.nothing)
        known = torch.where(told[:, 0] < (1 + self.config.given) / 2, length, 0)
        nats = self.negative_log_likelihood(voices, melody, known)
        inside = torch.arange(voices.shape[1], device=voices.device) < length[:, None]
        counted = inside[..., None].repeat(1, 1, VOICES)
        counted[..., 0] &= melody == self.nothing
        return {"loss": (nats * counted).sum() / counted.sum(), "items": counted.sum()}

    def step(self, voices: Tensor, condition: Tensor, position: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        """One frame: the voices of the one before int64 (n, 4), `nothing` before the first; its condition (n, d); its
        `position` int64 (); and keys and values of each block in turn, (n, heads, room, d / heads), of which those
        before `position` count -> hidden (n, d), which `sing` takes, and the caches with this frame in."""
        x = (self.read_frame(voices) + condition)[:, None]
        kept: list[Tensor] = []
        for i, block in enumerate(self.writers):
            assert isinstance(block, Block)
            x, keys, values = block.step(x, position, caches[2 * i], caches[2 * i + 1])
            kept += [keys, values]
        return self.norm_written(x)[:, 0], *kept

    def parts(self) -> tuple[Part, ...]:
        """What is known of a piece beforehand, one frame of the stack with its memory, and one frame's voices."""
        config = self.config
        d = config.embedding_dim
        names = [f"{kind}_{i}" for i in range(config.num_layers) for kind in ("key", "value")]
        before = {f"past_{name}": torch.zeros(2, config.num_heads, 16, d // config.num_heads) for name in names}
        melody = torch.ones(2, 12, dtype=torch.int64)
        earlier, voices = (torch.full((2, VOICES), token) for token in (1, 2))  # apart: the exporter takes one for two
        batch, room = {0: "batch"}, {0: "batch", 2: "room"}
        piece = {0: "batch", 1: "frames"}
        return (
            Part(
                "melody", Method(self, "listen"), {"melody": melody, "length": torch.tensor([12, 9])}, ("condition",),
                {"melody": piece, "length": batch, "condition": piece},
            ),
            Part(
                "frame", Method(self, "step"),
                {"voices": voices, "condition": torch.zeros(2, d), "position": torch.tensor(3), **before},
                ("hidden", *names),
                dict.fromkeys(("voices", "condition", "hidden"), batch) | dict.fromkeys((*before, *names), room),
                dict(zip(before, names, strict=True)),
            ),
            Part(
                "voice", Method(self, "sing"), {"hidden": torch.zeros(2, d), "before": earlier, "voices": voices},
                ("logits",), dict.fromkeys(("hidden", "before", "voices", "logits"), batch),
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="Music Transformer",
    paper="https://arxiv.org/abs/1809.04281",
    tasks=(MUSIC_GENERATION,),
    config=MusicTransformerConfig,
    model=MusicTransformer,
    tiny=MusicTransformerConfig(
        grid=4, context_length=160, max_distance=8, num_layers=2, melody_layers=1, num_heads=2, embedding_dim=16
    ),
    summary="Sets a melody for four voices, or composes a chorale, in the manner of Bach.",
    summary_zh="为旋律配上四声部和声，或自由创作众赞歌，学自巴赫。",
)
