"""Recipes of the judges of pictures."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe
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
    "fashion-mnist": Recipe(
        config=ResNetConfig(width=24, flip=True),
        algorithm=SingleLoss(learning_rate=4e-3, weight_decay=0.02),
        dataset="fashion_mnist",
        metric="accuracy",
        better="higher",
        steps=6500,
        batch_size=128,
        precision="auto",
        ema_decay=0.998,
        evaluate_every=430,
        clip_norm=5.0,
    ),
    "tiny": Recipe(
        config=ENTRY.tiny,
        algorithm=SingleLoss(),
        dataset="mnist",
        metric="accuracy",
        better="higher",
        steps=20,
        batch_size=16,
        warmup=2,
        log_every=5,
        evaluate_every=10,
        sample_every=10,
        save_every=5,
        sample=True,
    ),
}
