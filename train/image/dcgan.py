"""Recipes of the class-conditional DCGAN."""

from dataclasses import replace

from train.algorithms.adversarial import Adversarial
from train.recipe import Recipe, tiny
from zoo.models.image.dcgan import ENTRY, DCGANConfig

_MNIST = Recipe(
    config=DCGANConfig(width=48),
    algorithm=Adversarial(),
    dataset="mnist",
    metric="Fréchet distance",
    steps=7000,
    batch_size=64,
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
    precision="auto",
    evaluate_every=1000,
    save_every=1000,
)
PRESETS = {
    "mnist": _MNIST,
    "fashion-mnist": replace(_MNIST, dataset="fashion_mnist", steps=5500),
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
