"""Recipes of the judges of spoken digits and of drums."""

from dataclasses import replace

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
_DRUMS = replace(
    _DIGITS,
    config=MelResNetConfig(
        sample_rate=16000, window_length=512, hop_length=256, num_mels=48, frames=64, num_classes=7, width=12,
        max_mask=12, pitched=True,
        loudest_noise=-40.0,  # a tail that hisses is to be heard
    ),
    dataset="drums",
    metric="cross-entropy",  # finer than the accuracy on twenty sounds
    better="lower",
    steps=900,
    batch_size=32,
    evaluate_every=100,
)  # fmt: skip
PRESETS = {
    "spoken-digits": _DIGITS,
    "drums": _DRUMS,
    "tiny": tiny(_DIGITS, ENTRY.tiny),
}
