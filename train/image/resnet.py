"""Recipes of the judges of pictures."""

from dataclasses import replace

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.image.resnet import ENTRY, ResNetConfig

_MNIST = Recipe(
    config=ResNetConfig(width=16),
    algorithm=SingleLoss(learning_rate=4e-3, weight_decay=0.02),
    dataset="mnist",
    metric="accuracy",
    better="higher",
    steps=4300,
    batch_size=128,
    precision="auto",
    ema_decay=0.998,
    evaluate_every=430,
    clip_norm=5.0,
)
PRESETS = {
    "mnist": _MNIST,
    "fashion-mnist": replace(
        _MNIST, config=ResNetConfig(width=20, flip=True), dataset="fashion_mnist", steps=3600, evaluate_every=400
    ),
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
