"""Recipes of WGAN-GP, and of the weight clipping that it replaced."""

from dataclasses import replace

from train.algorithms.wasserstein import Wasserstein
from train.recipe import Recipe, tiny
from zoo.models.image.wgan_gp import ENTRY, WGANGPConfig

_PENALTY = Wasserstein(
    critic_steps=2, generator_learning_rate=1e-3, critic_learning_rate=1e-3, beta1=0.5
)  # the paper has 5 steps at 1e-4: with so few steps of the generator it would be left far behind
_MNIST = Recipe(
    config=WGANGPConfig(),
    algorithm=_PENALTY,
    dataset="mnist",
    metric="Fréchet distance",
    steps=12_000,
    batch_size=128,  # 64 for each step of the critic
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
    precision="auto",
    evaluate_every=1000,
    save_every=1000,
)
PRESETS = {
    "mnist": _MNIST,
    "mnist-clipping": replace(_MNIST, algorithm=replace(_PENALTY, penalty=0.0, clip_weights=0.01)),
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
