"""Recipes of SRGAN: emoji enlarged from 16 to 64 pixels, sharp by an adversary, or near by the pixels alone."""

from dataclasses import replace

from train.algorithms.paired_adversarial import PairedAdversarial
from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.image.srgan import ENTRY, SRGANConfig

_PIXELS = Recipe(
    config=SRGANConfig(),
    algorithm=SingleLoss(learning_rate=1e-3, weight_decay=0.0),
    dataset="emoji",
    metric="PSNR",
    better="higher",
    steps=15_000,
    batch_size=16,
    precision="auto",
    weights="int8",
    evaluate_every=2500,
    save_every=1000,
)
_EMOJI = replace(
    _PIXELS,
    algorithm=PairedAdversarial(generator_learning_rate=3e-4, discriminator_learning_rate=3e-4),
    steps=10_000,
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
)
PRESETS = {
    "emoji": _EMOJI,
    "emoji-pixels": _PIXELS,
    "tiny": tiny(_EMOJI, ENTRY.tiny),
}
