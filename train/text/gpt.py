"""Recipes of GPT, over characters and over pieces of words."""

from dataclasses import replace
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.text.gpt import ENTRY, GPT, GPTConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A GPT over the tokens of the training text."""
    return GPT(replace(recipe.config, vocab_size=data.tokenizer.get_vocab_size()))


_SHAKESPEARE = Recipe(
    config=GPTConfig(context_length=256, num_layers=6, num_heads=4, embedding_dim=256, dropout=0.15),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.1),
    dataset="tiny_shakespeare",
    metric="loss",
    steps=6500,
    batch_size=16,
    precision="auto",
    weights="int8",
    ema_decay=0.99,
    warmup=200,
    evaluate_every=250,
    save_every=250,
)
PRESETS = {
    "shakespeare": _SHAKESPEARE,
    "tang": Recipe(
        config=GPTConfig(context_length=96, num_layers=4, num_heads=4, embedding_dim=256, dropout=0.1),
        algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.1),
        dataset="tang_poems",
        metric="perplexity",
        steps=4200,
        batch_size=64,
        precision="auto",
        weights="int8",
        ema_decay=0.995,
        warmup=200,
        evaluate_every=200,
        save_every=200,
    ),
    "stories": Recipe(
        config=GPTConfig(
            vocab_size=2048, context_length=256, num_layers=4, num_heads=4, embedding_dim=256, dropout=0.3
        ),
        algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.1),
        dataset="fairy_tales",
        metric="loss",
        steps=2000,
        batch_size=16,
        precision="auto",
        weights="int8",
        ema_decay=0.99,
        warmup=200,
        evaluate_every=150,
        save_every=150,
    ),
    "code": Recipe(
        config=GPTConfig(
            vocab_size=4096, context_length=512, num_layers=5, num_heads=4, embedding_dim=256, dropout=0.05
        ),
        algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.1),
        dataset="python_stdlib",
        metric="loss",
        steps=4500,
        batch_size=8,
        precision="auto",
        weights="int8",
        ema_decay=0.995,
        warmup=200,
        evaluate_every=250,
        save_every=250,
    ),
    "dialogue": Recipe(
        config=GPTConfig(
            vocab_size=6000, context_length=256, num_layers=4, num_heads=4, embedding_dim=256, dropout=0.1
        ),
        algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.1),
        dataset="dialogue",
        metric="loss",
        steps=3000,
        batch_size=16,
        precision="auto",
        weights="int8",
        ema_decay=0.995,
        warmup=200,
        evaluate_every=300,
        save_every=300,
    ),
    "tiny": tiny(_SHAKESPEARE, ENTRY.tiny),
}
