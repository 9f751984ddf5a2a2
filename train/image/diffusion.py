"""Recipes of the diffusion model."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.image.diffusion import ENTRY, DiffusionConfig

_MNIST = Recipe(
    config=DiffusionConfig(widths=(24, 48, 96)),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.0),
    dataset="mnist",
    metric="denoising loss",
    steps=8000,
    batch_size=64,
    precision="auto",
    evaluate_every=2000,  # it draws 200 pictures for the log
    snapshots=8,
    save_every=500,
)
PRESETS = {
    "mnist": _MNIST,
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
