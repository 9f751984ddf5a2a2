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
_EMOJI = replace(
    _MNIST,
    config=ResNetConfig(
        channels=3, num_classes=9, image_size=32, width=32, dropout=0.2, flip=True, background="white",
        max_shift=3, zoom=0.2, turn=15.0, recolour=0.3,
    ),
    dataset="emoji",
    steps=5500,
    evaluate_every=400,
)  # fmt: skip
_FLOWERS = replace(
    _EMOJI,
    config=ResNetConfig(
        channels=3, num_classes=5, image_size=64, halved=True, width=32, dropout=0.2, flip=True, background="nearest",
        max_shift=6, zoom=0.3, turn=20.0, recolour=0.3,
    ),
    dataset="flowers",
    steps=4000,
    evaluate_every=200,
)  # fmt: skip
_STYLES = replace(
    _EMOJI,  # a style shows in colours and strokes: those are left as they are
    config=ResNetConfig(channels=3, num_classes=4, image_size=32, width=16, flip=True, background="white", max_shift=3),
    dataset="emoji_vendors",
    steps=1500,
    evaluate_every=250,
)
PRESETS = {
    "mnist": _MNIST,
    "fashion-mnist": replace(
        _MNIST, config=ResNetConfig(width=20, flip=True), dataset="fashion_mnist", steps=3600, evaluate_every=400
    ),
    "emoji": _EMOJI,
    "emoji-vendors": _STYLES,
    "flowers": _FLOWERS,
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
