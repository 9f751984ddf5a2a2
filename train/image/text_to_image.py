"""Recipes of latent diffusion: the autoencoder first, then, on its codes, what draws from sentences."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.checkpoint import write_json
from zoo.data.captions import CONCEPTS, LANGUAGES
from zoo.data.dialogue import FIRST, LAST
from zoo.models.image.text_to_image import ENTRY, LatentDiffusion, LatentDiffusionConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """The three networks over the tokens of the training prompts."""
    tokenizer = data.tokenizer
    known = {
        "vocab_size": tokenizer.get_vocab_size(),
        "begin_token": tokenizer.token_to_id(FIRST),
        "end_token": tokenizer.token_to_id(LAST),
    }
    return LatentDiffusion(replace(recipe.config, **known))


def finish(model: Any, data: Any, folder: Path) -> None:
    """List beside the weights what was learnt from."""
    if model.config.stage == "denoiser":
        named = {one.emoji: [one.names[language] for language in LANGUAGES] for one in data.concepts}
        write_json(folder / CONCEPTS, named)


_EMOJI = Recipe(
    config=LatentDiffusionConfig(),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.01),
    dataset="emoji_nature",  # of all emoji an hour of a core makes blots
    metric="loss",
    keep="last",  # what it draws gets better long after what unseen emoji cost it gets worse
    base="text_to_image.autoencoder, contrastive.emoji",
    steps=9000,
    batch_size=64,
    precision="auto",
    warmup=200,
    ema_decay=0.999,
    evaluate_every=1000,
    save_every=200,
    snapshots=8,
    weights="int8",
)
_AUTOENCODER = replace(
    _EMOJI,
    config=LatentDiffusionConfig(stage="autoencoder"),
    dataset="emoji_names",
    metric="PSNR",
    better="higher",
    algorithm=SingleLoss(learning_rate=1e-3, weight_decay=0.01),
    keep="best",
    base="",
    steps=1500,
    batch_size=48,
    ema_decay=0.99,
    evaluate_every=300,
    save_every=100,
    weights="float16",  # what is learnt after it learns on its codes
)
PRESETS = {"emoji": _EMOJI, "autoencoder": _AUTOENCODER, "tiny": replace(tiny(_EMOJI, ENTRY.tiny), base="")}
