"""Recipes of the class-conditional DCGAN."""

from train.algorithms.adversarial import Adversarial
from train.recipe import Recipe
from zoo.models.image.dcgan import ENTRY, DCGANConfig

PRESETS = {
    "mnist": Recipe(
        config=DCGANConfig(),
        algorithm=Adversarial(),
        dataset="mnist",
        metric="Fréchet distance",
        steps=10_000,
        batch_size=64,
        schedule="linear",
        warmup=1,
        clip_norm=0.0,
        ema_decay=0.999,
        precision="auto",
        evaluate_every=1000,
        sample_every=1000,
        save_every=1000,
    ),
    "fashion-mnist": Recipe(
        config=DCGANConfig(),
        algorithm=Adversarial(),
        dataset="fashion_mnist",
        metric="Fréchet distance",
        steps=10_000,
        batch_size=64,
        schedule="linear",
        warmup=1,
        clip_norm=0.0,
        ema_decay=0.999,
        precision="auto",
        evaluate_every=1000,
        sample_every=1000,
        save_every=1000,
    ),
    "tiny": Recipe(
        config=ENTRY.tiny,
        algorithm=Adversarial(),
        dataset="mnist",
        metric="Fréchet distance",
        steps=20,
        batch_size=16,
        warmup=1,
        clip_norm=0.0,
        log_every=5,
        evaluate_every=10,
        sample_every=10,
        save_every=5,
        sample=True,
    ),
}
