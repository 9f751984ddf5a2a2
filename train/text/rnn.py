"""Recipes of the recurrent language models, each of about the size of the GPT of the same text."""

from dataclasses import replace
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.text.rnn import ENTRY, RNN, RNNConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A network over the tokens of the training text."""
    return RNN(replace(recipe.config, vocab_size=data.tokenizer.get_vocab_size()))


_LSTM = Recipe(
    config=RNNConfig(cell="lstm", window=256, hidden_dim=512, embedding_dim=512, dropout=0.25, state_dropout=0.1),
    algorithm=SingleLoss(learning_rate=4e-3, weight_decay=0.01),
    dataset="tiny_shakespeare",
    metric="loss",
    steps=1350,
    batch_size=32,
    precision="auto",
    weights="int8",
    ema_decay=0.99,
    warmup=100,
    evaluate_every=150,
    save_every=150,
)
PRESETS = {
    "shakespeare-lstm": _LSTM,
    "shakespeare-gru": replace(_LSTM, config=replace(_LSTM.config, cell="gru", hidden_dim=608, embedding_dim=512)),
    "tiny": tiny(_LSTM, ENTRY.tiny),
}
