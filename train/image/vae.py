"""Recipes of the variational autoencoder."""

from dataclasses import replace

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.image.vae import ENTRY, VAEConfig

_MNIST = Recipe(
    config=VAEConfig(),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.0),
    dataset="mnist",
    metric="negative log-likelihood",
    steps=8000,
    batch_size=128,
    clip_norm=200.0,  # the loss is a sum over pixels: typical norms are near 100
    precision="auto",
    evaluate_every=500,
    save_every=1000,
)
PRESETS = {
    "mnist": _MNIST,
    "fashion-mnist": replace(_MNIST, dataset="fashion_mnist", steps=2800),
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
