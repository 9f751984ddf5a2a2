"""Recipes of pix2pix: emoji from outlines, in another vendor's style, whole again, and without noise."""

from dataclasses import replace
from typing import Any

from torch import nn

from train.algorithms.paired_adversarial import PairedAdversarial
from train.recipe import Recipe, tiny
from zoo.models.image.pix2pix import ENTRY, Pix2Pix, Pix2PixConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A network for the data's pictures: one's own are of no vendor."""
    return Pix2Pix(recipe.config if any(data.vendors) else replace(recipe.config, target="all"))


_OUTLINE = Recipe(
    config=Pix2PixConfig(source="outline", target="google"),
    algorithm=PairedAdversarial(generator_learning_rate=5e-4, discriminator_learning_rate=1e-4),
    dataset="emoji",
    metric="SSIM",
    better="higher",
    steps=7000,
    batch_size=16,
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
    precision="auto",
    evaluate_every=1000,
    save_every=500,
    weights="int8",
)
# Vendors draw a thing at other places, so what is blurred measures well early on: weights are chosen among late ones,
# and the distance counts for less beside the discriminator.
_STYLE = replace(
    _OUTLINE,
    config=Pix2PixConfig(source="google", target="twitter"),
    algorithm=replace(_OUTLINE.algorithm, distance_weight=30.0),
    steps=6000,
    evaluate_every=3000,
)
PRESETS = {
    "outline": _OUTLINE,
    "google-twitter": _STYLE,
    "openmoji-twitter": replace(_STYLE, config=Pix2PixConfig(source="openmoji", target="twitter")),
    "inpaint": replace(_OUTLINE, config=Pix2PixConfig(source="damaged", target="all")),
    "denoise": replace(_OUTLINE, config=Pix2PixConfig(source="noisy", target="all")),
    "tiny": tiny(_OUTLINE, ENTRY.tiny),
}
