"""Recipes of the variational autoencoder."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe
from zoo.models.image.vae import ENTRY, VAEConfig

PRESETS = {
    "mnist": Recipe(
        config=VAEConfig(),
        algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.0),
        dataset="mnist",
        metric="negative log-likelihood",
        steps=8000,
        batch_size=128,
        ema_decay=0.999,
        clip_norm=200.0,
        precision="auto",
        evaluate_every=500,
        sample_every=2000,
        save_every=1000,
    ),
    "fashion-mnist": Recipe(
        config=VAEConfig(),
        algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.0),
        dataset="fashion_mnist",
        metric="negative log-likelihood",
        steps=6000,
        batch_size=128,
        ema_decay=0.999,
        clip_norm=200.0,
        precision="auto",
        evaluate_every=500,
        sample_every=2000,
        save_every=1000,
    ),
    "tiny": Recipe(
        config=ENTRY.tiny,
        algorithm=SingleLoss(),
        dataset="mnist",
        metric="negative log-likelihood",
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
