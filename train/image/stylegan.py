"""Recipes of StyleGAN2."""

from dataclasses import replace

from train.algorithms.style_adversarial import StyleAdversarial
from train.recipe import Recipe, tiny
from zoo.models.image.stylegan import ENTRY, StyleGANConfig

_FASHION = Recipe(
    config=StyleGANConfig(),
    algorithm=StyleAdversarial(),
    dataset="fashion_mnist",
    metric="Fréchet distance",
    steps=9000,
    batch_size=32,
    schedule="linear",
    warmup=1,
    clip_norm=0.0,
    precision="auto",
    weights="int8",
    log_every=64,  # a whole number of penalties
    evaluate_every=1500,
    save_every=1000,
)
_EMOJI = replace(
    _FASHION,
    config=StyleGANConfig(channels=3, num_classes=9),
    algorithm=StyleAdversarial(augment=("brightness", "contrast", "translation", "cutout")),  # 5,900 pictures are few
    dataset="emoji",
)
PRESETS = {
    "fashion-mnist": _FASHION,
    "emoji": _EMOJI,
    "tiny": tiny(_FASHION, ENTRY.tiny),
}
