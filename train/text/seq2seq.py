"""Recipes of the Transformer that reads one sequence and writes another."""

from dataclasses import replace
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.text.seq2seq import ENTRY, Transformer, TransformerConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A Transformer over the tokens of the training pairs."""
    return Transformer(replace(recipe.config, vocab_size=data.tokenizer.get_vocab_size()))


_PRONUNCIATION = Recipe(
    config=TransformerConfig(
        vocab_size=101, context_length=32, encoder_layers=3, decoder_layers=3, num_heads=4, embedding_dim=160,
        hidden_dim=480, dropout=0.1, label_smoothing=0.1,
    ),
    algorithm=SingleLoss(learning_rate=2e-3, beta2=0.98, weight_decay=0.05),
    dataset="cmudict",
    metric="word error rate without stress",
    steps=24_000,
    batch_size=96,
    precision="auto",
    weights="int8",
    ema_decay=0.999,
    warmup=400,
    evaluate_every=1000,
    save_every=1000,
)  # fmt: skip
PRESETS = {
    "en-zh": Recipe(
        config=TransformerConfig(
            vocab_size=4500, context_length=64, encoder_layers=3, decoder_layers=3, num_heads=4, embedding_dim=256,
            hidden_dim=1024, dropout=0.2, word_dropout=0.1, label_smoothing=0.1,
        ),
        algorithm=SingleLoss(learning_rate=1.5e-3, beta2=0.98, weight_decay=0.1),
        dataset="tatoeba_en_zh",
        metric="token accuracy",
        better="higher",
        steps=12_000,
        batch_size=64,
        precision="auto",
        weights="int8",
        ema_decay=0.998,
        warmup=400,
        evaluate_every=1000,
        save_every=1000,
    ),
    "g2p": _PRONUNCIATION,
    "tiny": tiny(_PRONUNCIATION, ENTRY.tiny),
}  # fmt: skip
