"""Recipes of the model that says what pictures show."""

from dataclasses import replace
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.crossmodal.captioner import ENTRY, Captioner, CaptionerConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A captioner over the tokens of the training names."""
    return Captioner(replace(recipe.config, vocab_size=data.tokenizer.get_vocab_size()))


_EMOJI_DIGITS = Recipe(
    config=CaptionerConfig(),
    algorithm=SingleLoss(learning_rate=2e-3, beta2=0.98, weight_decay=0.1),
    dataset="emoji_digits",
    metric="exact names",
    better="higher",
    steps=7200,
    batch_size=64,
    precision="auto",
    weights="int8",
    warmup=300,
    ema_decay=0.999,
    evaluate_every=600,
    save_every=100,
)
PRESETS = {"emoji-digits": _EMOJI_DIGITS, "tiny": tiny(_EMOJI_DIGITS, ENTRY.tiny)}
