"""Recipes of the diffusion model."""

from dataclasses import replace

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.image.diffusion import ENTRY, DiffusionConfig

_MNIST = Recipe(
    config=DiffusionConfig(widths=(24, 48, 96), guidance=1.0),  # more broke strokes: agreement 94 %, as learnt 97 %
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.0),
    dataset="mnist",
    metric="denoising loss",
    steps=6000,
    batch_size=64,
    precision="auto",
    weights="int8",
    evaluate_every=1500,  # an evaluation draws 200 pictures, each in many steps
    snapshots=8,
    save_every=500,
)
PRESETS = {
    "mnist": _MNIST,
    "emoji": replace(
        _MNIST,
        config=DiffusionConfig(
            channels=3, image_size=32, num_classes=9, widths=(24, 48, 96, 96), attention=2, guidance=2.0
        ),
        dataset="emoji",
        steps=4800,
        evaluate_every=1200,
    ),
    "tiny": tiny(_MNIST, ENTRY.tiny),
}
