"""Recipes of WaveGAN."""

from train.algorithms.adversarial import Adversarial
from train.recipe import Recipe, tiny
from zoo.models.audio.wavegan import ENTRY, WaveGANConfig

_DRUMS = Recipe(
    config=WaveGANConfig(),
    algorithm=Adversarial(
        generator_learning_rate=6e-4,
        discriminator_learning_rate=4e-4,
        beta1=0.0,
        beta2=0.99,
        slope_penalty=0.3,
        slope_every=4,  # often: of so few sounds a discriminator soon knows each
    ),
    dataset="drums",
    metric="Fréchet distance",
    steps=7000,
    batch_size=16,
    schedule="linear",
    warmup=1,
    clip_norm=10.0,  # the first penalties on the slope are steep
    precision="auto",
    log_every=64,  # a whole number of penalties
    evaluate_every=500,
    snapshots=8,
    save_every=500,
    weights="int8",
)
PRESETS = {
    "drums": _DRUMS,
    "tiny": tiny(_DRUMS, ENTRY.tiny),
}
