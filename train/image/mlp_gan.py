"""Recipes of the original GAN: the loss that its paper trains with, and the one that it derives."""

from dataclasses import replace

from train.algorithms.adversarial import Adversarial
from train.recipe import Recipe, tiny
from zoo.models.image.mlp_gan import ENTRY, MLPGANConfig

_MNIST = Recipe(
    config=MLPGANConfig(width=1200),  # as in the paper
    algorithm=Adversarial(),
    dataset="mnist",
    metric="Fréchet distance",
    steps=30_000,
    batch_size=128,
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
    precision="auto",
    evaluate_every=2000,
    save_every=2000,
    weights="int8",
)
PRESETS = {
    "mnist": _MNIST,
    "mnist-minimax": replace(_MNIST, algorithm=Adversarial(generator_loss="minimax")),
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
