"""Recipes of the judge of spoken digits."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.audio.mel_resnet import ENTRY, MelResNetConfig

_DIGITS = Recipe(
    config=MelResNetConfig(width=16),
    algorithm=SingleLoss(learning_rate=3e-3, weight_decay=0.02),
    dataset="spoken_digits",
    metric="accuracy",
    better="higher",
    steps=1200,
    batch_size=64,
    precision="auto",
    ema_decay=0.995,
    clip_norm=5.0,
    evaluate_every=200,
    save_every=400,
)
PRESETS = {
    "spoken-digits": _DIGITS,
    "tiny": tiny(_DIGITS, ENTRY.tiny),
}
