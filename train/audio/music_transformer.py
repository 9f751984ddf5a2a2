"""Recipes of the Music Transformer: chorales by sixteenths, which it sings, and by quarters, which are published."""

from dataclasses import replace

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.audio.music_transformer import ENTRY, MusicTransformerConfig

_CHORALES = Recipe(
    config=MusicTransformerConfig(dropout=0.2),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.1),
    dataset="jsb_chorales",
    metric="nats a quarter",
    steps=2000,
    batch_size=16,
    precision="auto",
    ema_decay=0.99,
    warmup=100,
    evaluate_every=125,
    save_every=125,
    weights="int8",
)
PRESETS = {
    "chorales": _CHORALES,
    "quarters": replace(
        _CHORALES,
        config=MusicTransformerConfig(grid=4, context_length=160, max_distance=64, dropout=0.3),
        steps=3000,
        ema_decay=0.995,
    ),
    "tiny": tiny(_CHORALES, ENTRY.tiny),
}
