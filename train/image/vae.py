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
    weights="int8",
)
_FLOWERS = replace(
    _MNIST,
    config=VAEConfig(
        channels=3, image_size=64, latent_dim=64, hidden_dim=256, likelihood="logistic", num_classes=5, halvings=3,
        flip=True,
    ),
    dataset="flowers",
    steps=5000,
    batch_size=64,
    clip_norm=10_000.0,
    evaluate_every=250,
)  # fmt: skip
PRESETS = {
    "mnist": _MNIST,
    "fashion-mnist": replace(_MNIST, dataset="fashion_mnist", steps=2800),
    "beta": replace(_MNIST, config=VAEConfig(beta=4.0)),
    "conditional": replace(_MNIST, config=VAEConfig(latent_dim=16, num_classes=10), steps=6000),
    "flowers": _FLOWERS,
    "faces": replace(
        _FLOWERS,
        config=replace(_FLOWERS.config, num_classes=4, latent_dim=32, beta=30.0),
        dataset="emoji_faces",
        metric="Fréchet distance",
        steps=2500,
    ),  # with a beta of 1 the few codes lie so far apart that blots are drawn between them; the likeliest weights blur
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
