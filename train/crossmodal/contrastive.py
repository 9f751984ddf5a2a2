"""Recipes of the model that finds pictures by words and words by pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.data.dialogue import LAST
from zoo.engine.modules import Modules
from zoo.generate import catalogue
from zoo.models.crossmodal.contrastive import ENTRY, Contrastive, ContrastiveConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """The two encoders over the tokens of the training captions."""
    tokenizer = data.tokenizer
    known = {"vocab_size": tokenizer.get_vocab_size(), "end_token": tokenizer.token_to_id(LAST)}
    return Contrastive(replace(recipe.config, **known))


def finish(model: Any, data: Any, folder: Path) -> None:
    """Put the concepts among which is searched beside the weights."""
    catalogue.save(catalogue.gather(Modules(model), data.tokenizer, sample=data.sample), folder)


_EMOJI = Recipe(
    config=ContrastiveConfig(),
    algorithm=SingleLoss(learning_rate=1e-3, beta2=0.98, weight_decay=0.2),
    dataset="emoji_names",
    metric="recall@1",
    better="higher",
    steps=2000,
    batch_size=192,
    precision="auto",
    warmup=150,
    ema_decay=0.998,
    evaluate_every=150,
    save_every=100,
    weights="int8",
)
PRESETS = {"emoji": _EMOJI, "tiny": tiny(_EMOJI, ENTRY.tiny)}
