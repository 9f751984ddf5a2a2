"""Recipes of WaveGlow."""

from dataclasses import replace

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.audio.waveglow import ENTRY, WaveGlowConfig

_TELEPHONE = Recipe(
    config=WaveGlowConfig(),
    algorithm=SingleLoss(learning_rate=1e-3, weight_decay=0.0),
    dataset="telephone_prompts",
    metric="bits a sample",
    steps=3000,
    batch_size=16,
    precision="auto",
    ema_decay=0.995,
    warmup=200,
    evaluate_every=500,
    save_every=200,
    weights="int8",
)
PRESETS = {
    "telephone": _TELEPHONE,
    "spoken-digits": replace(_TELEPHONE, dataset="spoken_digits"),
    "tiny": tiny(_TELEPHONE, ENTRY.tiny),
}
