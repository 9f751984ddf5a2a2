"""Recipes of the WaveNets that say digits and that play notes."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.audio.wavenet import ENTRY, WaveNet, WaveNetConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A WaveNet; one of words knows how long each voice takes over each word."""
    model = WaveNet(recipe.config)
    if recipe.config.num_pitches:
        return model
    measured = torch.from_numpy(data.duration_statistics())
    model.durations.copy_(measured[: recipe.config.num_digits, : recipe.config.num_speakers])
    return model


_DIGITS = Recipe(
    config=WaveNetConfig(channels=48, skip_channels=128),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.01),
    dataset="spoken_digits",
    metric="bits a sample",
    steps=8400,
    batch_size=4,
    precision="auto",
    ema_decay=0.999,
    warmup=300,
    evaluate_every=800,
    save_every=300,
)
_NOTES = replace(
    _DIGITS,
    config=WaveNetConfig(sample_rate=16000, channels=48, skip_channels=128, num_digits=0, num_pitches=49),
    dataset="gm_notes",
    steps=5000,
    batch_size=2,
)
PRESETS = {
    "spoken-digits": _DIGITS,
    "notes": _NOTES,
    "tiny": tiny(_DIGITS, ENTRY.tiny),
}
