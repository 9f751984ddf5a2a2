"""Recipes of CycleGAN: two vendors' emoji, without pairs."""

from train.algorithms.cycle import Cycle
from train.recipe import Recipe, tiny
from zoo.models.image.cyclegan import ENTRY, CycleGANConfig

_OPENMOJI_TWITTER = Recipe(
    config=CycleGANConfig(source="openmoji", target="twitter"),
    algorithm=Cycle(
        cycle_weight=5.0, identity_weight=1.0, generator_learning_rate=5e-4, discriminator_learning_rate=5e-4
    ),  # half the paper's weights, for twice its rate: a tenth of its pictures, and outlines must come off
    dataset="emoji",
    metric="SSIM",
    better="higher",
    steps=11_000,
    batch_size=4,
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
    precision="auto",
    evaluate_every=2200,
    save_every=500,
    weights="int8",
)
PRESETS = {"openmoji-twitter": _OPENMOJI_TWITTER, "tiny": tiny(_OPENMOJI_TWITTER, ENTRY.tiny)}
