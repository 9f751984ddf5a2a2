"""Recipes of the WaveNets that say digits and that play notes."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.audio.wavenet import ENTRY, WaveNet, WaveNetConfig, loudness

_MEASURED = 64
"""Clips whose loudness is measured at once."""


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A WaveNet; one of words knows how long each voice takes over each word, and how loud it is along it."""
    config = recipe.config
    model = WaveNet(config)
    if config.num_pitches:
        return model
    own = slice(config.num_digits), slice(config.num_speakers)
    model.durations.copy_(torch.from_numpy(data.duration_statistics())[own])
    if config.contour_points:
        clips = (data.batch(rows) for rows in np.array_split(np.arange(len(data)), -(-len(data) // _MEASURED)))
        found = [loudness(clip["waveform"], clip["length"], config.contour_points) for clip in clips]
        model.contours.copy_(torch.from_numpy(data.mean_by_word(torch.cat(found).numpy()))[own])
    return model


_DIGITS = Recipe(
    config=WaveNetConfig(channels=48, skip_channels=128, contour_points=24),
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
