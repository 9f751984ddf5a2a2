"""Recurrent language models: layers of LSTM or GRU cells, whose state is all that they know of the text before.

Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers et al., 2000, and its bias of 1
at the start (Jozefowicz et al., ICML 2015); Cho et al., "Learning phrase representations using RNN encoder-decoder",
EMNLP 2014, with the reset gate behind the product of the state, as in cuDNN. Dropout holds one mask for a sequence, on
what goes up and, within a layer, on the state (Gal and Ghahramani, NeurIPS 2016).
Departure: gates stand in the order of ONNX (input, output, forget, cell; update, reset, candidate), whose operators run
the exports. The loop over time is `zoo.nn.recurrence`.
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
from zoo.entry import IGNORED, TEXT_GENERATION, Entry, Part
from zoo.nn.method import Method
from zoo.nn.recurrence import GRUSteps, LSTMSteps
from zoo.nn.sequence_dropout import SequenceDropout
from zoo.noise import Noise


@dataclass(frozen=True)
class RNNConfig:
    """Sizes and regularisation."""

    cell: Literal["lstm", "gru"] = "lstm"
    """What a layer is made of."""
    vocab_size: int = bounded(65, 2, 200_000)
    """Distinct tokens."""
    context_length: int = bounded(1 << 20, 2, 1 << 24)
    """Tokens that a text may have; the state forgets by itself, and takes no more room for a longer one."""
    window: int = bounded(256, 2, 4096)
    """Tokens of a training sample, through which gradients flow; its state begins as zeros."""
    num_layers: int = bounded(2, 1, 16)
    """Recurrent layers, one on the other."""
    hidden_dim: int = bounded(512, 4, 4096)
    """Width of each layer's state."""
    embedding_dim: int = bounded(512, 4, 4096)
    """Width of the token embedding."""
    tied: bool = False
    """Whether the output weights are the embedding's; its width is then hidden_dim."""
    dropout: float = bounded(0.0, 0.0, 0.9)
    """Share of channels dropped in training, of the embedding and of what each layer gives, one choice a sequence."""
    state_dropout: float = bounded(0.0, 0.0, 0.9)
    """Share of the state's channels that a layer does not see in training, one choice a sequence."""

    def __post_init__(self) -> None:
        check(self)
        if self.tied and self.embedding_dim != self.hidden_dim:
            raise ValueError(
                f"RNNConfig.embedding_dim is {self.embedding_dim}; tied weights want it to be "
                f"hidden_dim ({self.hidden_dim})"
            )


class Layer(nn.Module):
    """One recurrent layer. `state_size` tensors (n, hidden_dim) are its state: hidden and cell, or hidden alone."""

    def __init__(self, config: RNNConfig, width: int) -> None:
        super().__init__()
        h = config.hidden_dim
        self.lstm, self.state_dropout = config.cell == "lstm", config.state_dropout
        self.state_size, count = (2, 4) if self.lstm else (1, 3)
        self.weight, self.recurrent = (
            nn.Parameter(torch.empty(count * h, width)),
            nn.Parameter(torch.empty(count * h, h)),
        )
        self.bias = nn.Parameter(torch.zeros(count * h))
        if not self.lstm:
            self.candidate_bias = nn.Parameter(torch.zeros(h))
        for parameter in (self.weight, self.recurrent):
            nn.init.uniform_(parameter, -1 / math.sqrt(h), 1 / math.sqrt(h))
        if self.lstm:
            nn.init.ones_(self.bias.data[2 * h : 3 * h])

    def forward(self, x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """x (t, n, width) after `state` -> (t, n, hidden_dim) and the new state."""
        mask = None
        if self.training and self.state_dropout:
            keep = torch.rand_like(state[0]) >= self.state_dropout
            mask = keep / (1.0 - self.state_dropout)
        biases = (self.bias,) if self.lstm else (self.bias, self.candidate_bias)
        steps = LSTMSteps if self.lstm else GRUSteps
        outputs, *after = steps.apply(x, self.weight, self.recurrent, *biases, *state, mask)
        return outputs, after


class RNN(nn.Module):
    """Token ids -> logits of the next token."""

    def __init__(self, config: RNNConfig) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context_length = config.vocab_size, config.context_length
        self.tokens = nn.Embedding(config.vocab_size, config.embedding_dim)
        nn.init.normal_(self.tokens.weight, 0.0, 1.0 / math.sqrt(config.embedding_dim))
        widths = [config.embedding_dim] + [config.hidden_dim] * (config.num_layers - 1)
        self.layers = nn.ModuleList(Layer(config, width) for width in widths)
        self.dropout = SequenceDropout(config.dropout)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        if not config.tied:
            self.head = nn.Parameter(torch.empty(config.vocab_size, config.hidden_dim))
            nn.init.normal_(self.head, 0.0, 1.0 / math.sqrt(config.hidden_dim))

    def forward(self, ids: Tensor) -> Tensor:
        """ids int64 (n, t) -> logits (n, t, vocab_size), from a state of zeros."""
        return self.step(ids, self.start(len(ids)))[0]

    def start(self, batch_size: int) -> list[Tensor]:
        """The state before any token, zeros (n, hidden_dim): hidden and, of an LSTM, cell of each layer in turn."""
        count = self.config.num_layers * (2 if self.config.cell == "lstm" else 1)
        return [self.tokens.weight.new_zeros(batch_size, self.config.hidden_dim) for _ in range(count)]

    def step(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """ids int64 (n, t) after `state` -> logits (n, t, vocab_size) and the new state."""
        outputs, after = self._run(ids, state)
        head = self.tokens.weight if self.config.tied else self.head
        return F.linear(outputs.transpose(0, 1), head, self.bias), after

    def _dropped(self, x: Tensor) -> Tensor:
        """x (t, n, d) with channels left out, the same at each step."""
        dropped: Tensor = self.dropout(x.transpose(0, 1)).transpose(0, 1)
        return dropped

    def _run(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x = self._dropped(self.tokens(ids.t()))
        kind = ids.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        after: list[Tensor] = []
        with torch.autocast(kind, enabled=False):  # the layers choose for themselves what is float32
            for layer in self.layers:
                assert isinstance(layer, Layer)
                x, grown = layer(x, state[len(after) : len(after) + layer.state_size])
                x = self._dropped(x)
                after += grown
        return x, after

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean cross-entropy in nats a token: ids (n, t) against targets (n, t), IGNORED ones left out."""
        logits = self(batch["ids"])
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch["targets"].flatten(), ignore_index=IGNORED)
        return {"loss": loss, "items": (batch["targets"] != IGNORED).sum()}

    def decode(self, ids: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """As `step`: what follows the last of ids int64 (n, t), as logits (n, vocab_size), and the new state."""
        outputs, after = self._run(ids, list(state))
        return F.linear(outputs[-1], self.tokens.weight if self.config.tied else self.head, self.bias), *after

    def parts(self) -> tuple[Part, ...]:
        """One graph: tokens after a state to the logits of the next one."""
        kinds = ("hidden", "cell") if self.config.cell == "lstm" else ("hidden",)
        names = [f"{kind}_{i}" for i in range(self.config.num_layers) for kind in kinds]
        before = {f"past_{name}": tensor for name, tensor in zip(names, self.start(2), strict=True)}
        axes = {key: {0: "batch"} for key in ("logits", *before, *names)} | {"ids": {0: "batch", 1: "time"}}
        return (
            Part(
                "decoder", Method(self, "decode"), {"ids": torch.zeros(2, 4, dtype=torch.int64), **before},
                ("logits", *names), axes, dict(zip(before, names, strict=True)),
            ),
        )  # fmt: skip


ENTRY = Entry(
    title="LSTM and GRU",
    paper="https://www.bioinf.jku.at/publications/older/2604.pdf",
    tasks=(TEXT_GENERATION,),
    config=RNNConfig,
    model=RNN,
    tiny=RNNConfig(vocab_size=32, window=32, num_layers=2, hidden_dim=24, embedding_dim=16),
    summary="Writes on from a prompt, one letter at a time, with a memory of fixed size: what came before the GPTs.",
    summary_zh="逐字续写，记忆大小固定：GPT 之前的做法。",
)
